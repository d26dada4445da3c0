//! Who works on a target (design: no clock is compared between machines).
//!
//! A lease that was given back is taken at once. One that is held is taken only after its counter stood still for the whole
//! term on this process's monotonic clock; taking raises the epoch, and every completing write asks whether its epoch still
//! holds.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::locked;
use crate::domain::key::TenantId;
use crate::runtime::wait;
use crate::store::{Conn, Store, StoreError, leases};

/// The leases as this process sees them.
pub struct Leases {
    owner: String,
    term: Duration,
    call: Duration,
    // The counter of leases that others hold, and since when it stands still.
    seen: Mutex<HashMap<(TenantId, String), (i64, Instant)>>,
}

/// A lease that this process holds.
pub struct Held {
    tenant: TenantId,
    name: String,
    /// Fences what is written under it.
    pub epoch: i64,
    term: Duration,
    call: Duration,
    renewed: Mutex<Instant>,
}

impl Leases {
    /// For an owner whose name no other process has. A call takes no longer than `call`.
    pub fn new(owner: String, term: Duration, call: Duration) -> Self {
        Self { owner, term, call, seen: Mutex::default() }
    }

    /// Takes a lease, if nobody else lives who holds it.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn take(&self, store: &Store, tenant: TenantId, name: String) -> Result<Option<Held>, StoreError> {
        let asked = name.clone();
        let found = store.read_short(move |conn| leases::observe(conn, tenant, &asked)).await?;
        if let Some(lease) = &found
            && !lease.owner.is_empty()
            && lease.owner != self.owner
            && !self.stood_still(tenant, &name, lease.counter)
        {
            return Ok(None);
        }
        let started = Instant::now();
        let (asked, owner, counter) = (name.clone(), self.owner.clone(), found.map(|lease| lease.counter));
        let epoch = store.write(tenant, move |tx| leases::take(tx, tenant, &asked, &owner, counter)).await?;
        locked(&self.seen).remove(&(tenant, name.clone()));
        Ok(epoch.map(|epoch| Held { tenant, name, epoch, term: self.term, call: self.call, renewed: Mutex::new(started) }))
    }

    fn stood_still(&self, tenant: TenantId, name: &str, counter: i64) -> bool {
        let mut seen = locked(&self.seen);
        let entry = seen.entry((tenant, name.to_owned())).or_insert_with(|| (counter, Instant::now()));
        if entry.0 != counter {
            *entry = (counter, Instant::now());
        }
        entry.1.elapsed() >= self.term
    }
}

impl Held {
    /// Whether a call may still be started: it ends before another may take the lease, once a term has passed without renewal.
    pub fn may_call(&self) -> bool {
        locked(&self.renewed).elapsed() + self.call < self.term
    }

    /// Renews until the lease is lost. Ends with an error of the store, or when another holds the lease.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn keep(&self, store: &Store) -> Result<(), StoreError> {
        loop {
            wait::pause(self.term / 4).await;
            let started = Instant::now();
            let (tenant, name, epoch) = (self.tenant, self.name.clone(), self.epoch);
            if !store.write(tenant, move |tx| leases::renew(tx, tenant, &name, epoch)).await? {
                return Ok(());
            }
            *locked(&self.renewed) = started;
        }
    }

    /// Gives it back.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn release(self, store: &Store) -> Result<(), StoreError> {
        let (tenant, epoch) = (self.tenant, self.epoch);
        let name = self.name;
        store.write(tenant, move |tx| leases::release(tx, tenant, &name, epoch)).await?;
        Ok(())
    }

    /// What a write asks inside its transaction.
    pub fn fence(&self) -> Fence {
        Fence { tenant: self.tenant, name: self.name.clone(), epoch: self.epoch }
    }
}

/// Asks whether a lease still holds.
#[derive(Debug, Clone)]
pub struct Fence {
    tenant: TenantId,
    name: String,
    /// The epoch it was taken with.
    pub epoch: i64,
}

impl Fence {
    /// Whether it does.
    ///
    /// # Errors
    /// Those of the store.
    pub fn holds(&self, conn: &mut Conn) -> Result<bool, StoreError> {
        leases::holds(conn, self.tenant, &self.name, self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::TenantId;

    #[test]
    fn no_call_outlasts_the_lease() {
        let seconds = Duration::from_secs;
        for (ago, may) in [(0, true), (9, true), (10, false), (19, false)] {
            let renewed = Mutex::new(Instant::now().checked_sub(seconds(ago)).unwrap());
            let held =
                Held { tenant: TenantId(1), name: "t".to_owned(), epoch: 1, term: seconds(20), call: seconds(10), renewed };
            assert_eq!(held.may_call(), may, "{ago}");
        }
    }
}
