//! Writes that are undone: a whole one, whose answer outlives it, and a part of one.

use std::convert::Infallible;

use super::Store;
use super::conn::Tx;
use super::error::{Result, StoreError};
use crate::domain::key::TenantId;

/// How a rehearsed job ended; an error to the store, so that nothing of it stays.
enum Curtain<T, E> {
    Played(T),
    Failed(E),
}

impl<T, E: From<StoreError>> From<StoreError> for Curtain<T, E> {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl Store {
    /// Runs a write as [`Store::write`] does, in its turn and in a savepoint or transaction of its own, and undoes it whatever
    /// it answers. It costs others what a write costs them, and they see nothing of it.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn rehearse<T, E>(
        &self,
        tenant: TenantId,
        job: impl Fn(&mut Tx<'_>) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let curtain = move |tx: &mut Tx<'_>| {
            Err::<Infallible, _>(match job(tx) {
                Ok(value) => Curtain::Played(value),
                Err(error) => Curtain::Failed(error),
            })
        };
        match self.run(tenant, curtain, true).await {
            Ok(never) => match never {},
            Err(Curtain::Played(value)) => Ok(value),
            Err(Curtain::Failed(error)) => Err(error),
        }
    }
}

impl Tx<'_> {
    /// Runs a part of a write in a savepoint and undoes it whatever it answers; what follows sees what was before.
    ///
    /// # Errors
    /// The part's own; those of the store.
    pub fn undo<T, E: From<StoreError>>(&mut self, part: impl FnOnce(&mut Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        self.savepoint().map_err(StoreError::from)?;
        let depth = self.depth().map_err(StoreError::from)?;
        let outcome = part(self);
        self.rollback_to(depth - 1).map_err(StoreError::from)?;
        outcome
    }
}
