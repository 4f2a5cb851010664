//! Tells those who wait for a message that something became of it, within this process. A hint and no more: who waits reads
//! the ledger, and looks there by itself now and then, since another node may be the one that knows.

use nidan_core::id::AccountId;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Places that accounts share: so many that few are woken for another's message.
const PLACES: usize = 1024;

/// Who waits, by account.
pub struct Moved(Box<[Notify]>);

impl Default for Moved {
    fn default() -> Self {
        Self((0..PLACES).map(|_| Notify::new()).collect())
    }
}

impl Moved {
    /// Something became of a message of `account`, and is committed.
    pub fn notify(&self, account: AccountId) {
        self.place(account).notify_waiters();
    }

    /// Ready when that happens after this call, whenever it is first awaited.
    pub fn waited_for(&self, account: AccountId) -> Notified<'_> {
        self.place(account).notified()
    }

    fn place(&self, account: AccountId) -> &Notify {
        let [.., high, low] = *account.as_bytes();
        &self.0[usize::from(u16::from_be_bytes([high, low])) % PLACES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn who_waited_before_is_woken_and_who_waits_for_another_is_not() {
        let (moved, mine, other) = (Moved::default(), AccountId::from_bytes([1; 16]), AccountId::from_bytes([2; 16]));
        let (first, second, elsewhere) = (moved.waited_for(mine), moved.waited_for(mine), moved.waited_for(other));
        moved.notify(mine);
        assert!(first.now_or_never().is_some() && second.now_or_never().is_some());
        assert!(elsewhere.now_or_never().is_none());
        assert!(moved.waited_for(mine).now_or_never().is_none(), "only what comes after");
    }
}
