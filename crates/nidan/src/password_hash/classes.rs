//! What an address without an account costs: a hash of a kind that accounts have, so that imported hashes of another cost
//! betray nobody.

use std::sync::{Mutex, PoisonError};

use nidan_core::hash_class::of_unknown;

use super::{NotImportable, StoredHash};
use crate::keys::{KeyRing, Lookup};

/// The kinds of password hashes that accounts have, as of the latest count.
#[derive(Default)]
pub struct HashClasses(Mutex<Vec<Class>>);

struct Class {
    text: String,
    of_nobody: StoredHash,
    accounts: u64,
}

impl HashClasses {
    /// Takes in how many accounts have a hash of which class; none: of ours.
    ///
    /// # Errors
    /// A class is none of this version; what was known before stays.
    pub fn counted(&self, counts: Vec<(Option<String>, u64)>) -> Result<(), NotImportable> {
        let class = |(text, accounts): (Option<String>, u64)| {
            let of_nobody = text.as_deref().map_or_else(|| Ok(StoredHash::of_nobody()), StoredHash::parse)?;
            Ok(Class { text: text.unwrap_or_default(), of_nobody, accounts })
        };
        let classes = counts.into_iter().map(class).collect::<Result<_, _>>()?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = classes;
        Ok(())
    }

    /// What a password is checked against that is typed for `name`, which no account with a password has.
    pub fn of_unknown(&self, keys: &KeyRing, name: &[u8]) -> StoredHash {
        let classes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let draw = |class: &Class| {
            let drawn = keys.lookup(Lookup::HashClass, &[class.text.as_bytes(), b"\n", name].concat());
            drawn.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
        };
        let drawn = of_unknown(classes.iter().map(|class| (class, class.accounts)), draw);
        drawn.map_or_else(StoredHash::of_nobody, |class| class.of_nobody.clone())
    }
}
