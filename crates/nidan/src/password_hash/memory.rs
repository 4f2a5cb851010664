//! The memory that Argon2 works in.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::{Argon2, Block};

use super::MEMORY_KIB;

/// Memory of hashes that are done, kept for the next: never more pieces than there were hashes at once. Freed and asked for anew,
/// aligned as Argon2 wants it, it would come back in pieces that do not fit again (glibc), ten times as much in the end.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Vec<Vec<Block>>>>);

impl Memory {
    /// Writes the hash of `password` to `tag`.
    ///
    /// # Errors
    /// Salt or tag have a length that Argon2 does not take.
    pub(super) fn hash(
        &self,
        argon2: &Argon2<'_>,
        (password, salt): (&[u8], &[u8]),
        tag: &mut [u8],
    ) -> Result<(), argon2::Error> {
        let mut blocks = self.kept().pop().unwrap_or_default();
        let needed = argon2.params().block_count();
        if blocks.len() < needed {
            blocks.resize(needed, Block::new());
        }
        let hashed = argon2.hash_password_into_with_memory(password, salt, tag, &mut blocks);
        // What an imported hash of a greater cost needed is not kept.
        if blocks.len() <= MEMORY_KIB as usize {
            self.kept().push(blocks);
        }
        hashed
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use argon2::{Algorithm, Params, Version};

    use super::*;

    #[test]
    fn memory_is_used_again_and_no_hash_shows_the_one_before() {
        let memory = Memory::default();
        for kib in [64, 256, 32, MEMORY_KIB + 1_024, 64] {
            let argon2 = Argon2::new(
                Algorithm::Argon2id,
                Version::V0x13,
                Params::new(kib, 1, 1, Some(32)).expect("parameters that Argon2 takes"),
            );
            let (mut kept, mut fresh) = ([0; 32], [0; 32]);
            memory.hash(&argon2, (b"password", b"some salt"), &mut kept).expect("hashed");
            argon2.hash_password_into(b"password", b"some salt", &mut fresh).expect("hashed");
            assert_eq!(kept, fresh, "{kib} KiB");
            assert!(memory.kept().len() <= 1);
        }
        assert_eq!(memory.kept().first().map(Vec::len), Some(64), "the greatest went, and a small one came");
    }
}
