//! From an `Authorization` header to a [`Principal`].

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::domain::error::{Fault, Kind};
use crate::domain::key::{Key, TenantId};
use crate::domain::profile::Profile;
use crate::domain::scope::Scopes;
use crate::domain::time::Timestamp;
use crate::domain::token::{self, Pepper};
use crate::runtime::Clock;
use crate::store::tokens::TokenRow;
use crate::store::{Store, StoreError, tokens};

/// How many tokens are kept in memory; beyond it the table is emptied, which costs a look-up each.
const KEPT: usize = 10_000;

/// Whom a token stands for.
#[derive(Debug)]
pub struct Principal {
    /// The tenant that the token belongs to.
    pub tenant: TenantId,
    /// Id of the token.
    pub id: Key,
    /// Name and id of the token, for change rows and logs.
    pub name: Arc<str>,
    /// The upstream that it stands for.
    pub source: Arc<str>,
    /// How its client is met.
    pub profile: &'static Profile,
    /// What it may do.
    pub scopes: Scopes,
    expires: Option<Timestamp>,
}

/// Why nobody is let in.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The credentials are missing, wrong, expired or revoked.
    #[error(transparent)]
    Credentials(#[from] Fault),
    /// The store could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks bearer tokens; cheap to clone.
#[derive(Clone)]
pub struct Authenticator {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Clock,
    pepper: Pepper,
    // Only where this process alone can change tokens: revoking empties it at once.
    kept: Option<RwLock<Kept>>,
    used: Mutex<HashSet<(TenantId, Key)>>,
}

// The round keeps a look-up that began before a revocation from bringing the token back.
#[derive(Default)]
struct Kept {
    round: u64,
    by_digest: HashMap<[u8; 32], Arc<Principal>>,
}

impl Authenticator {
    /// Checks tokens of `store`, whose digests were made with `pepper`.
    pub fn new(store: Store, clock: Clock, pepper: Pepper) -> Self {
        let kept = store.is_sqlite().then(RwLock::default);
        Self { inner: Arc::new(Inner { store, clock, pepper, kept, used: Mutex::default() }) }
    }

    pub(super) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(super) fn pepper(&self) -> &Pepper {
        &self.inner.pepper
    }

    pub(super) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The principal behind an `Authorization` header. The scheme's name compares without case (RFC 9110 §11.1).
    ///
    /// # Errors
    /// One and the same refusal for a token that is missing, malformed, unknown, expired or revoked.
    pub async fn authenticate(&self, header: Option<&str>) -> Result<Arc<Principal>, Refusal> {
        let text = header
            .and_then(|h| h.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, t)| t.trim());
        let text = text.ok_or_else(refused)?;
        if token::form(text) == token::Form::Mistyped {
            return Err(refused().into());
        }
        let digest = self.inner.pepper.digest(text);
        let principal = match self.kept(&digest) {
            Some(found) => found,
            None => self.look_up(digest).await?,
        };
        if principal.expires.is_some_and(|at| at <= self.now()) {
            return Err(refused().into());
        }
        self.inner.used.lock().unwrap_or_else(PoisonError::into_inner).insert((principal.tenant, principal.id));
        Ok(principal)
    }

    fn kept(&self, digest: &[u8; 32]) -> Option<Arc<Principal>> {
        self.inner.kept.as_ref()?.read().unwrap_or_else(PoisonError::into_inner).by_digest.get(digest).cloned()
    }

    async fn look_up(&self, digest: [u8; 32]) -> Result<Arc<Principal>, Refusal> {
        let round = self.inner.kept.as_ref().map(|kept| kept.read().unwrap_or_else(PoisonError::into_inner).round);
        let found = self.inner.store.read_short(move |conn| tokens::by_hash(conn, &digest)).await?;
        let row = found.filter(|(_, row)| row.revoked.is_none()).ok_or_else(refused)?;
        let principal = Arc::new(principal(row.0, row.1)?);
        if let Some(kept) = &self.inner.kept {
            let mut kept = kept.write().unwrap_or_else(PoisonError::into_inner);
            if kept.by_digest.len() >= KEPT {
                kept.by_digest.clear();
            }
            if Some(kept.round) == round {
                kept.by_digest.insert(digest, principal.clone());
            }
        }
        Ok(principal)
    }

    /// Forgets what is kept, so that a revocation holds at once.
    pub(super) fn forget(&self) {
        if let Some(kept) = &self.inner.kept {
            let mut kept = kept.write().unwrap_or_else(PoisonError::into_inner);
            kept.round += 1;
            kept.by_digest.clear();
        }
    }

    /// Writes down which tokens were used since the last call; a background task does so now and then.
    ///
    /// # Errors
    /// Those of the store; what was not written is kept for the next call.
    pub async fn note_uses(&self) -> Result<(), StoreError> {
        let used: Vec<_> =
            std::mem::take(&mut *self.inner.used.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect();
        let mut by_tenant: HashMap<TenantId, Vec<Key>> = HashMap::new();
        for (tenant, id) in used {
            by_tenant.entry(tenant).or_default().push(id);
        }
        let at = self.now();
        let mut outcome = Ok(());
        for (tenant, ids) in by_tenant {
            let keys: Vec<_> = ids.iter().map(|id| (*id, at)).collect();
            let written = self.inner.store.write(tenant, move |tx| tokens::touch(tx, tenant, &keys)).await;
            if let Err(error) = written {
                let mut used = self.inner.used.lock().unwrap_or_else(PoisonError::into_inner);
                used.extend(ids.into_iter().map(|id| (tenant, id)));
                outcome = Err(error);
            }
        }
        outcome
    }
}

fn refused() -> Fault {
    Fault::of(Kind::Unauthenticated)
}

fn principal(tenant: TenantId, row: TokenRow) -> Result<Principal, Refusal> {
    let damaged = |what: &str| StoreError::Corrupt(format!("token {}: unknown {what}", row.id));
    Ok(Principal {
        tenant,
        id: row.id,
        name: format!("{} ({})", row.name, row.id).into(),
        source: row.source.as_str().into(),
        profile: Profile::by_name(&row.profile).ok_or_else(|| damaged("profile"))?,
        scopes: Scopes::parse(&row.scopes).map_err(|_| damaged("scope"))?,
        expires: row.expires,
    })
}
