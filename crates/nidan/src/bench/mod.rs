//! Measures this machine: what a sign-in and a code check cost beside the one hash that nobody can do without, and what a
//! route costs beside the bare wire.

pub mod client;
mod limits;
mod load;
pub mod seed;
pub mod smpp;
pub mod start;

pub use limits::wide;
pub use load::{Figures, Load, Measured};

use std::path::PathBuf;
use std::{env, fs, io, process};

/// A directory of the bench, removed with all that is in it.
pub struct Place(PathBuf);

impl Place {
    /// A fresh one, where the system keeps temporary files (`TMPDIR`).
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> io::Result<Self> {
        let directory = env::temp_dir().join(format!("nidan-bench-{}", process::id()));
        fs::create_dir(&directory)?;
        Ok(Self(directory))
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
