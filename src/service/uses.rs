//! When service accounts last used their permissions: noted in memory, and written down now and then, as the last uses of secrets are.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use super::credentials::ACCOUNT;
use super::{Context, Result, Service};
use crate::domain::actor::Actor;
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;
use crate::store::permission_uses::{self, Uses};
use crate::store::{Conn, StoreError, Tx, credentials, objects};

/// Most uses that wait to be written down; those beyond are forgotten until the next are.
const WAITING: usize = 20_000;

/// How many are written in one transaction.
const BATCH: usize = 500;

/// Of whom, and what; and when.
type Waiting = HashMap<(TenantId, Key, String), Timestamp>;

/// What was used, and when last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUses {
    /// The account: a permission of it, or a credential that it has.
    pub account: Option<Timestamp>,
    /// Its permissions, by name.
    pub permissions: Vec<(String, Timestamp)>,
}

/// Uses that are not written down yet.
#[derive(Default)]
pub(crate) struct Used(Mutex<Waiting>);

impl Used {
    fn note(&self, tenant: TenantId, account: Key, permission: &str, at: Timestamp) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = (tenant, account, permission.to_owned());
        if waiting.len() < WAITING || waiting.contains_key(&slot) {
            let known = waiting.entry(slot).or_insert(at);
            *known = at.max(*known);
        }
    }

    fn take(&self) -> Waiting {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Service {
    /// Notes that a service account used a permission just now. Whoever is none is forgotten when it comes to be written down.
    pub fn used(&self, tenant: TenantId, account: Key, permission: &str) {
        self.inner.used.note(tenant, account, permission, self.clock().now());
    }

    /// Writes down what was used since the last call; a background task does so now and then.
    ///
    /// # Errors
    /// Those of the store; what was not written is kept for the next call.
    pub async fn note_permission_uses(&self) -> std::result::Result<(), StoreError> {
        let mut by_tenant: HashMap<TenantId, Vec<(Key, String, Timestamp)>> = HashMap::new();
        for ((tenant, account, permission), at) in self.inner.used.take() {
            by_tenant.entry(tenant).or_default().push((account, permission, at));
        }
        let mut outcome = Ok(());
        for (tenant, used) in by_tenant {
            for batch in used.chunks(BATCH) {
                let rows = batch.to_vec();
                let write = move |tx: &mut Tx<'_>| {
                    let accounts: BTreeSet<Key> = rows.iter().map(|(account, ..)| *account).collect();
                    let accounts = objects::many(tx, tenant, ACCOUNT, &accounts.into_iter().collect::<Vec<_>>())?;
                    let known: BTreeSet<Key> = accounts.into_iter().map(|row| row.key).collect();
                    let mut there = rows.iter().filter(|(account, ..)| known.contains(account));
                    there.try_for_each(|(account, permission, at)| permission_uses::touch(tx, tenant, *account, permission, *at))
                };
                if let Err(error) = self.store().write(tenant, write).await {
                    batch.iter().for_each(|(account, permission, at)| self.inner.used.note(tenant, *account, permission, *at));
                    outcome = Err(error);
                }
            }
        }
        outcome
    }

    /// When a service account was last used, and its permissions.
    ///
    /// # Errors
    /// [`Kind::NotFound`](crate::domain::error::Kind::NotFound).
    pub async fn last_uses(&self, actor: &Actor, wire_id: String) -> Result<LastUses> {
        let ctx = self.context(actor);
        self.store()
            .read_short(move |conn| {
                let account = ctx.find(conn, &*ctx.kind(ACCOUNT)?, &wire_id)?;
                let mut permissions: Vec<_> =
                    ctx.uses(conn, &[account.key])?.remove(&account.key).unwrap_or_default().into_iter().collect();
                permissions.sort_unstable();
                let proofs = credentials::list(conn, ctx.actor.tenant, account.key)?;
                let all = permissions.iter().map(|(_, at)| *at).chain(proofs.iter().filter_map(|row| row.last_used));
                Ok(LastUses { account: all.max(), permissions })
            })
            .await
    }
}

impl Context {
    /// What accounts used: what is written down, and what this process has yet to write.
    pub(super) fn uses(&self, conn: &mut Conn, accounts: &[Key]) -> Result<HashMap<Key, Uses>> {
        let mut out = permission_uses::of_many(conn, self.actor.tenant, accounts)?;
        let waiting = self.service.inner.used.0.lock().unwrap_or_else(PoisonError::into_inner);
        for ((tenant, account, permission), at) in &*waiting {
            if *tenant == self.actor.tenant && accounts.contains(account) {
                out.entry(*account).or_default().insert(permission.clone(), *at);
            }
        }
        Ok(out)
    }
}
