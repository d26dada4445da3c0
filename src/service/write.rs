//! The one way in which use-cases write: for good, or in a dry run to see what would happen.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Context, Result, Service, ServiceError, effects};
use crate::domain::actor::Actor;
use crate::store::changes::{self, ChangeRow};
use crate::store::{Conn, Tx};

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
            return match self.store().write(tenant, move |tx| ctx.hold_types(tx).and_then(|()| job(&ctx, tx))).await {
                Err(ServiceError::Held(held)) => Err(guarded.hold(*held).await),
                outcome => outcome,
            };
        };
        let played = self.store().rehearse(tenant, move |tx| {
            // A run that is repeated starts with an empty journal.
            let journal = Journal::default();
            let ctx = Context { journal: Some(journal.clone()), ..ctx.clone() };
            let (value, rows, after) = tx.undo(|tx| {
                ctx.hold_types(tx)?;
                let value = job(&ctx, tx)?;
                let rows = journal.take();
                let after = effects::After::look(&ctx, tx, &rows)?;
                Ok::<_, ServiceError>((value, rows, after))
            })?;
            Ok::<_, ServiceError>((value, after.compare(&ctx, tx, &rows)?))
        });
        let (value, effects) = played.await?;
        rehearsal.note(effects);
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
        let outcome = tx.attempt(step)?;
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
