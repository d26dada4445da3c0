//! The bounded queue before the SQLite writer. Tenants are served in turn, so that one tenant's import does not hold up another.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::error::{Result, StoreError};
use super::job::Job;
use crate::domain::key::TenantId;
use crate::telemetry::metrics::Metrics;

/// Jobs that wait for the writer.
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    capacity: usize,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct State {
    // Tenants with waiting jobs, the next one first.
    turns: VecDeque<TenantId>,
    jobs: HashMap<TenantId, VecDeque<Box<dyn Job>>>,
    waiting: usize,
    closed: bool,
}

impl Queue {
    pub(super) fn new(capacity: usize, metrics: Arc<Metrics>) -> Self {
        Self { state: Mutex::default(), arrived: Condvar::new(), capacity, metrics }
    }

    /// Lets a job wait for its turn.
    pub(super) fn push(&self, tenant: TenantId, job: Box<dyn Job>) -> Result<()> {
        let mut state = self.lock();
        if state.closed {
            return Err(StoreError::Unavailable("the store is closed".to_owned()));
        }
        if state.waiting >= self.capacity {
            return Err(StoreError::Busy);
        }
        state.waiting += 1;
        let jobs = state.jobs.entry(tenant).or_default();
        jobs.push_back(job);
        if jobs.len() == 1 {
            state.turns.push_back(tenant);
        }
        self.metrics.writer_queue.add(1);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// The next job, when one waits.
    pub(super) fn try_next(&self) -> Option<Box<dyn Job>> {
        self.counted(self.lock().next())
    }

    /// The next job; `None` once the queue is closed and empty.
    pub(super) fn next(&self) -> Option<Box<dyn Job>> {
        let waits = |state: &mut State| state.waiting == 0 && !state.closed;
        self.counted(self.arrived.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner).next())
    }

    fn counted(&self, taken: Option<Box<dyn Job>>) -> Option<Box<dyn Job>> {
        taken.inspect(|_| self.metrics.writer_queue.add(-1))
    }

    /// Takes no more jobs.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    // Nothing panics while the lock is held.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self) -> Option<Box<dyn Job>> {
        let tenant = self.turns.pop_front()?;
        let jobs = self.jobs.get_mut(&tenant)?;
        let job = jobs.pop_front();
        if jobs.is_empty() {
            self.jobs.remove(&tenant);
        } else {
            self.turns.push_back(tenant);
        }
        self.waiting -= 1;
        job
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::super::job::Typed;
    use super::*;

    #[test]
    fn tenants_take_turns_and_the_queue_has_an_end() {
        let queue = Queue::new(5, Arc::default());
        let (reply, answers) = channel();
        for (tenant, name) in [(1, "a1"), (1, "a2"), (1, "a3"), (2, "b1"), (2, "b2")] {
            let reply = reply.clone();
            let job =
                Typed::new(|_: &mut super::super::Tx<'_>| Ok::<_, StoreError>(()), move |_| reply.send(name).unwrap(), false);
            queue.push(TenantId(tenant), Box::new(job)).unwrap();
        }
        let extra = Typed::new(|_: &mut super::super::Tx<'_>| Ok::<_, StoreError>(()), |_| (), false);
        assert_eq!(queue.push(TenantId(3), Box::new(extra)), Err(StoreError::Busy));
        queue.close();
        while let Some(job) = queue.next() {
            job.answer(Ok(()));
        }
        drop(reply);
        assert_eq!(answers.iter().collect::<Vec<_>>(), ["a1", "b1", "a2", "b2", "a3"]);
    }
}
