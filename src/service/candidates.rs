//! Who may meet a condition, read far ahead: most indexes give all that they have at every question, so a question for each
//! batch would cost what the whole does, each time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Result;
use crate::domain::key::{Key, TenantId};
use crate::store::Conn;
use crate::store::query::{self, Predicate};

/// Keys read at a time; 16 bytes each.
const AHEAD: usize = 50_000;

/// Keys of objects that met a predicate when they were read, in order, from a place on.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    after: Option<Key>,
    keys: Vec<Key>,
    // Whether nobody comes after them.
    whole: bool,
}

impl Candidates {
    /// Those after a key.
    pub(super) fn read(conn: &mut Conn, tenant: TenantId, kind: &str, predicate: &Predicate, after: Option<Key>) -> Result<Self> {
        let keys = query::select(conn, tenant, kind, predicate, after, super::load::limit(AHEAD))?;
        Ok(Self { after, whole: keys.len() < AHEAD, keys })
    }

    /// The next after a key, up to `most`; none where that was not read.
    pub(super) fn next(&self, after: Option<Key>, most: usize) -> Option<&[Key]> {
        let rest = &self.keys[self.keys.partition_point(|key| Some(*key) <= after)..];
        let known = after >= self.after && (self.whole || rest.len() >= most);
        known.then(|| &rest[..rest.len().min(most)])
    }
}

/// The candidates of the job that was last worked on. Whom it finds there it verifies, so they may be as old as they like;
/// but they count from the commit of the batch that read them, which tells that no write went by unseen.
#[derive(Default)]
pub(super) struct Kept(Mutex<Slots>);

#[derive(Default)]
struct Slots {
    read: Option<(Key, Arc<Candidates>)>,
    kept: Option<(Key, Arc<Candidates>)>,
}

impl Kept {
    /// Those of a job.
    pub(super) fn get(&self, job: Key) -> Option<Arc<Candidates>> {
        self.lock().kept.as_ref().filter(|(of, _)| *of == job).map(|(_, candidates)| candidates.clone())
    }

    /// Notes what a batch has read, until it is committed.
    pub(super) fn note(&self, job: Key, candidates: Arc<Candidates>) {
        self.lock().read = Some((job, candidates));
    }

    /// Keeps what a batch has read, if it was committed, and forgets it otherwise.
    pub(super) fn settle(&self, job: Key, committed: bool) {
        let mut slots = self.lock();
        if let Some(read) = slots.read.take_if(|(of, _)| *of == job)
            && committed
        {
            slots.kept = Some(read);
        }
    }

    /// Forgets those of a job that has come to its end.
    pub(super) fn forget(&self, job: Key) {
        self.lock().kept.take_if(|(of, _)| *of == job);
    }

    // Nothing panics while the lock is held.
    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> Key {
        Key::new(uuid::Uuid::from_bytes([n; 16]))
    }

    #[test]
    fn it_tells_no_more_than_was_read() {
        let part = Candidates { after: Some(key(1)), keys: vec![key(2), key(4), key(6)], whole: false };
        assert_eq!(part.next(Some(key(1)), 2), Some(&[key(2), key(4)][..]));
        assert_eq!(part.next(Some(key(3)), 2), Some(&[key(4), key(6)][..]));
        assert_eq!(part.next(Some(key(4)), 2), None, "somebody may follow");
        assert_eq!(part.next(None, 1), None, "somebody may come before");
        let whole = Candidates { whole: true, ..part };
        assert_eq!(whole.next(Some(key(4)), 2), Some(&[key(6)][..]));
        assert_eq!(whole.next(Some(key(6)), 2), Some(&[][..]));
    }

    #[test]
    fn what_was_read_counts_from_the_commit() {
        let (kept, job, other) = (Kept::default(), key(1), key(2));
        kept.note(job, Arc::default());
        assert!(kept.get(job).is_none());
        kept.settle(job, false);
        kept.settle(job, true);
        assert!(kept.get(job).is_none(), "it was rolled back");
        kept.note(job, Arc::default());
        kept.settle(other, true);
        kept.settle(job, true);
        assert!(kept.get(job).is_some() && kept.get(other).is_none());
        kept.forget(job);
        assert!(kept.get(job).is_none());
    }
}
