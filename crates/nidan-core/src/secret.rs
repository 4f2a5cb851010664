//! Values that must not be shown, stored as they are, or compared in variable time.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use zeroize::{Zeroize, Zeroizing};

/// A code, seed, password, token or full number.
///
/// It has no `Debug`, `Display`, `Serialize` or `PartialEq`, so that a log line, an error text or a hurried comparison
/// does not compile. [`Secret::expose`] is the one way in, easy to search for. Wiped when dropped.
///
/// ```compile_fail
/// let code = nidan_core::secret::Secret::new(String::from("482916"));
/// println!("{code:?}");
/// ```
///
/// ```compile_fail
/// use nidan_core::secret::Secret;
/// let _ = Secret::new(String::from("a")) == Secret::new(String::from("a"));
/// ```
#[derive(Clone)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes the value in.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Whether both are the same bytes, in a time that depends on their length only.
    pub fn same(&self, other: &Self) -> bool {
        same_bytes(self.expose().as_ref(), other.expose().as_ref())
    }
}

/// Constant-time comparison of two byte strings; different lengths differ at once.
pub fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    verify_slices_are_equal(a, b).is_ok()
}
