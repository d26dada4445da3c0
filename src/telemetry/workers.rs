//! How the background workers fare, for `/health`: a task that fails shows there, not only in a log line.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The background workers of this process by name, each with its last failure, if it is failing.
#[derive(Debug, Clone, Default)]
pub struct Workers(Arc<RwLock<BTreeMap<&'static str, bool>>>);

impl Workers {
    /// A round of `worker` went well.
    pub fn well(&self, worker: &'static str) {
        self.set(worker, false);
    }

    /// A round of `worker` failed.
    pub fn failed(&self, worker: &'static str) {
        self.set(worker, true);
    }

    fn set(&self, worker: &'static str, failing: bool) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(worker).copied();
        if known != Some(failing) {
            self.0.write().unwrap_or_else(PoisonError::into_inner).insert(worker, failing);
        }
    }

    /// Names of the workers whose last round failed.
    pub fn failing(&self) -> Vec<&'static str> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|(_, failing)| **failing).map(|(name, _)| *name).collect()
    }
}
