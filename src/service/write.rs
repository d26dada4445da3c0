//! The one way in which use-cases write: for good, or in a dry run to see what would happen.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Context, Result, Service, ServiceError, effects};
use crate::domain::actor::Actor;
use crate::domain::key::Key;
use crate::store::changes::{self, ChangeRow};
use crate::store::{Conn, Tx};
use crate::telemetry::request;

/// The change rows that one run of a write appended, for who has to look at them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal(Arc<Mutex<Vec<ChangeRow>>>);

impl Journal {
    fn note(&self, rows: &[ChangeRow]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(rows);
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn cut(&self, len: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).truncate(len);
    }

    fn take(&self) -> Vec<ChangeRow> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The jobs that one run of a write put up, for the caller to be told of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Started(Arc<Mutex<Vec<Key>>>);

impl Started {
    pub(crate) fn note(&self, job: Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(job);
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn cut(&self, len: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).truncate(len);
    }

    fn tell(&self) {
        for job in &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            request::put_up(job.to_string());
        }
    }
}

impl Service {
    /// Runs `job` as one write in the name of `actor`; in a dry run everything is checked and answered, its effects are noted
    /// with the actor, and nothing is written. The job may run more than once.
    ///
    /// # Errors
    /// The job's own, and those of the store.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        actor: &Actor,
        job: impl Fn(&Context, &mut Tx<'_>) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        let ctx = self.context(actor);
        let tenant = actor.tenant;
        let Some(rehearsal) = &actor.rehearsal else {
            let guarded = ctx.clone();
            let run = move |tx: &mut Tx<'_>| {
                // A run that is repeated has put up nothing yet.
                ctx.started.cut(0);
                ctx.touched.clear();
                ctx.hold_types(tx)?;
                let value = job(&ctx, tx)?;
                ctx.warn(tx)?;
                Ok(value)
            };
            let outcome = self.store().write(tenant, run).await;
            // Whatever came of it, and before anybody hears.
            for client_id in guarded.stale.take() {
                self.epochs().forget(&client_id);
            }
            return match outcome {
                Err(ServiceError::Held(held)) => Err(guarded.hold(*held).await),
                Ok(value) => {
                    guarded.started.tell();
                    guarded.touched.tell();
                    Ok(value)
                }
                Err(error) => Err(error),
            };
        };
        let touched = ctx.touched.clone();
        let played = self.store().rehearse(tenant, move |tx| {
            // A run that is repeated starts with an empty journal.
            let journal = Journal::default();
            let ctx = Context { journal: Some(journal.clone()), ..ctx.clone() };
            let (value, rows, after) = tx.undo(|tx| {
                ctx.touched.clear();
                ctx.hold_types(tx)?;
                let value = job(&ctx, tx)?;
                ctx.warn(tx)?;
                let rows = journal.take();
                let after = effects::After::look(&ctx, tx, &rows)?;
                Ok::<_, ServiceError>((value, rows, after))
            })?;
            Ok::<_, ServiceError>((value, after.compare(&ctx, tx, &rows)?))
        });
        let (value, effects) = played.await?;
        rehearsal.note(effects);
        touched.tell();
        Ok(value)
    }
}

impl Context {
    /// As [`Tx::attempt`]; a failed step leaves no change rows to look at either.
    pub(crate) fn attempt<T, E>(
        &self,
        tx: &mut Tx<'_>,
        step: impl FnOnce(&mut Tx<'_>) -> std::result::Result<T, E>,
    ) -> Result<std::result::Result<T, E>> {
        let mark = self.journal.as_ref().map(|journal| (journal, journal.len()));
        let (jobs, touched) = (self.started.len(), self.touched.len());
        let outcome = tx.attempt(step)?;
        if outcome.is_err() {
            self.started.cut(jobs);
            self.touched.cut(touched);
        }
        if let (Err(_), Some((journal, len))) = (&outcome, mark) {
            journal.cut(len);
        }
        Ok(outcome)
    }

    /// Appends change rows.
    pub(crate) fn record(&self, conn: &mut Conn, rows: &[ChangeRow]) -> Result<()> {
        changes::append(conn, self.actor.tenant, rows)?;
        if let Some(journal) = &self.journal {
            journal.note(rows);
        }
        Ok(())
    }
}
