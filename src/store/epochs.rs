//! What a process knows of clients by heart: the generation of their tokens, and which of these are revoked.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::error::Result;
use super::{Store, clients};
use crate::domain::key::{Key, TenantId};

/// For how long a process trusts what it knows: another one may change it, and of its own changes it does not hear where the
/// request was given up between the commit and the answer. A second is what is promised.
const TRUST: Duration = Duration::from_millis(500);

/// How many clients are kept; beyond it all are forgotten, which costs a look-up each.
const KEPT: usize = 10_000;

/// What is asked of a client at every request.
#[derive(Debug)]
pub struct Epoch {
    /// The tenant of its account.
    pub tenant: TenantId,
    /// Name of that tenant.
    pub tenant_name: String,
    /// Its account.
    pub account: Key,
    /// The generation of its tokens.
    pub ver: i64,
    /// Tokens of it that are revoked one by one.
    pub revoked: Vec<String>,
    asked: Instant,
}

/// The clients that were asked for; cheap to clone.
#[derive(Clone, Default)]
pub struct Epochs(Arc<RwLock<Known>>);

// The round keeps a look-up that began before a change from bringing back what was.
#[derive(Default)]
struct Known {
    round: u64,
    clients: HashMap<String, Arc<Epoch>>,
}

impl Epochs {
    /// What is to be known of a client; none when there is no such client.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn ask(&self, store: &Store, client_id: &str) -> Result<Option<Arc<Epoch>>> {
        let round = {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            match known.clients.get(client_id) {
                Some(epoch) if epoch.asked.elapsed() < TRUST => return Ok(Some(epoch.clone())),
                _ => known.round,
            }
        };
        let asked = Instant::now();
        let wanted = client_id.to_owned();
        let found = store.read_short(move |conn| {
            let Some(row) = clients::get(conn, &wanted)? else { return Ok(None) };
            let revoked = clients::revoked(conn, row.tenant, row.account)?;
            Ok::<_, super::StoreError>(Some((row, revoked)))
        });
        let Some((row, revoked)) = found.await? else { return Ok(None) };
        let clients::ClientRow { tenant, tenant_name, account, ver } = row;
        let epoch = Arc::new(Epoch { tenant, tenant_name, account, ver, revoked, asked });
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.round == round {
            if known.clients.len() >= KEPT {
                known.clients.clear();
            }
            known.clients.insert(client_id.to_owned(), epoch.clone());
        }
        Ok(Some(epoch))
    }

    /// Forgets a client whose rows have changed: to be called after the commit and before the answer.
    pub fn forget(&self, client_id: &str) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.round += 1;
        known.clients.remove(client_id);
    }
}
