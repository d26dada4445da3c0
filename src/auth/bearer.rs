//! From an `Authorization` header to a [`Principal`].

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use super::access::{Access, Claims};
use super::issuer::Issuer;
use super::trusted::Others;
use crate::domain::account::Person;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::{Key, TenantId};
use crate::domain::profile::{Overrides, Profile};
use crate::domain::scope::{Scope, Scopes};
use crate::domain::secret::MasterKey;
use crate::domain::time::Timestamp;
use crate::domain::token::{self, Pepper};
use crate::runtime::Clock;
use crate::store::tokens::TokenRow;
use crate::store::{Store, StoreError, Tx, clients, credentials, tokens};

/// How many tokens are kept in memory; beyond it the table is emptied, which costs a look-up each.
const KEPT: usize = 10_000;

/// The tenant under which work for all tenants is queued with the writer.
const NOBODY: TenantId = TenantId(0);

/// How a signed token begins: `{"` in base64.
const SIGNED: &str = "eyJ";

/// Whom a token stands for.
#[derive(Debug)]
pub struct Principal {
    /// The tenant that the token belongs to.
    pub tenant: TenantId,
    /// Id of the token.
    pub id: Key,
    /// Name of the token, for change rows and logs.
    pub name: Arc<str>,
    /// The upstream that it stands for.
    pub source: Arc<str>,
    /// How its client is met; [`Authenticator::meet`] says it for one request.
    profile: Profile,
    overrides: Overrides,
    recognised: Option<&'static Profile>,
    /// What it may do.
    pub scopes: Scopes,
    expires: Option<Timestamp>,
    /// What its signed token says; none for an opaque one.
    pub claims: Option<Claims>,
}

impl Principal {
    // A service account: what its token gives are those of its permissions that are scopes here. Those over a whole tenant or
    // installation are no permissions, and are given to nobody so.
    fn of_account(access: Access) -> Self {
        let Access { tenant, account, claims } = access;
        let (source, expires) = (claims.text("sub").into(), claims.expires());
        Self::signed(tenant, account, source, claims, expires)
    }

    /// A user, by a token of an issuer that the tenant trusts. What his roles in effect give opens what a service account's
    /// would.
    pub fn of_user(tenant: TenantId, user: Key, person: &Person, expires: Timestamp) -> Self {
        // No token made by hand stands for such a source, unless it is meant to.
        let source = format!("user:{}", person.id);
        Self::signed(tenant, user, source.as_str().into(), Claims::of_user(person), Some(expires))
    }

    fn signed(tenant: TenantId, id: Key, source: Arc<str>, claims: Claims, expires: Option<Timestamp>) -> Self {
        let given = claims.text("scope").split(' ').filter_map(|name| Scope::parse(name).ok());
        Self {
            tenant,
            id,
            name: claims.text("name").into(),
            source,
            profile: Profile::GENERIC,
            overrides: Overrides::default(),
            recognised: None,
            scopes: given.filter(|scope| ![Scope::ADMIN, Scope::OPERATOR].contains(scope)).collect(),
            expires,
            claims: Some(claims),
        }
    }

    /// Whether its client is told by the requests.
    pub const fn detects(&self) -> bool {
        self.profile.detects()
    }
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
    used_credentials: Mutex<HashSet<UsedCredential>>,
    issuer: OnceLock<Issuer>,
    others: OnceLock<Others>,
    seen: RwLock<HashMap<Key, Seen>>,
}

/// Tenant, account, kind and name of a credential.
pub(super) type UsedCredential = (TenantId, Key, String, String);

// The client that a token's requests showed here, and whether that is written down.
#[derive(Clone, Copy)]
struct Seen {
    tenant: TenantId,
    client: &'static Profile,
    written: bool,
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
        let (used, used_credentials, issuer, others, seen) = Default::default();
        Self { inner: Arc::new(Inner { store, clock, pepper, kept, used, used_credentials, issuer, others, seen }) }
    }

    /// Takes the tokens of an issuer as well; the first one stays.
    pub fn trust(&self, issuer: Issuer) {
        if self.inner.issuer.set(issuer).is_err() {
            log::warn!("a second issuer of tokens is not trusted");
        }
    }

    /// Takes tokens of the issuers that tenants trust as well; the first one stays.
    pub fn trust_others(&self, others: Others) {
        if self.inner.others.set(others).is_err() {
            log::warn!("the keys of other issuers are fetched in one way only");
        }
    }

    pub(super) fn others(&self) -> Option<&Others> {
        self.inner.others.get()
    }

    pub(super) fn issuer(&self) -> Option<&Issuer> {
        self.inner.issuer.get()
    }

    pub(super) fn used_credential(&self, used: UsedCredential) {
        self.inner.used_credentials.lock().unwrap_or_else(PoisonError::into_inner).insert(used);
    }

    pub(super) fn store(&self) -> &Store {
        &self.inner.store
    }

    /// A key for another purpose, the same in every process on this database.
    pub fn derive(&self, purpose: &str) -> MasterKey {
        self.inner.pepper.derive(purpose)
    }

    pub(super) fn pepper(&self) -> &Pepper {
        &self.inner.pepper
    }

    pub(super) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The principal behind an `Authorization` header.
    ///
    /// # Errors
    /// One and the same refusal for a token that is missing, malformed, unknown, expired or revoked.
    pub async fn authenticate(&self, header: Option<&str>) -> Result<Arc<Principal>, Refusal> {
        let text = bearer(header).ok_or_else(refused)?;
        if text.starts_with(SIGNED)
            && let Some(issuer) = self.issuer()
            && let Some(access) = self.access(text, &issuer.own()).await?
        {
            return Ok(Arc::new(Principal::of_account(access)));
        }
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

    /// How the client of this request is met. A token whose profile tells clients by their requests keeps what `shown` says,
    /// for requests that show nothing, unless it is only tried.
    pub fn meet(&self, principal: &Principal, shown: Option<&'static Profile>, tried: bool) -> Profile {
        if !principal.profile.detects() {
            return principal.profile;
        }
        let known = self.recognised(principal.id).or(principal.recognised);
        if let Some(client) = shown
            && shown != known
            && !tried
        {
            let seen = Seen { tenant: principal.tenant, client, written: false };
            self.inner.seen.write().unwrap_or_else(PoisonError::into_inner).insert(principal.id, seen);
        }
        shown.or(known).map_or(principal.profile, |client| client.with(&principal.overrides))
    }

    /// The client that a token's requests showed to this process.
    pub(super) fn recognised(&self, token: Key) -> Option<&'static Profile> {
        self.inner.seen.read().unwrap_or_else(PoisonError::into_inner).get(&token).map(|seen| seen.client)
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

    /// Writes down which tokens were used since the last call, and by which clients; a background task does so now and then.
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
        let mut outcome = self.note_clients().await.and(self.note_credentials().await);
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

impl Authenticator {
    async fn note_credentials(&self) -> Result<(), StoreError> {
        let used = std::mem::take(&mut *self.inner.used_credentials.lock().unwrap_or_else(PoisonError::into_inner));
        let at = self.now();
        let mut by_tenant: HashMap<TenantId, Vec<UsedCredential>> = HashMap::new();
        for credential in used {
            by_tenant.entry(credential.0).or_default().push(credential);
        }
        for (tenant, used) in by_tenant {
            let kept = used.clone();
            let touch = move |tx: &mut Tx<'_>| {
                let mut each = used.iter();
                each.try_for_each(|(_, account, kind, name)| credentials::touch(tx, tenant, *account, kind, name, at))
            };
            if let Err(error) = self.inner.store.write(tenant, touch).await {
                kept.into_iter().for_each(|credential| self.used_credential(credential));
                return Err(error);
            }
        }
        if self.inner.store.read_short(move |conn| clients::has_old(conn, at)).await? {
            self.inner.store.write(NOBODY, move |tx| clients::prune(tx, at)).await?;
        }
        Ok(())
    }

    async fn note_clients(&self) -> Result<(), StoreError> {
        let fresh: Vec<(Key, Seen)> = {
            let seen = self.inner.seen.read().unwrap_or_else(PoisonError::into_inner);
            seen.iter().filter(|(_, seen)| !seen.written).map(|(id, seen)| (*id, *seen)).collect()
        };
        for (id, Seen { tenant, client, .. }) in fresh {
            self.inner.store.write(tenant, move |tx| tokens::recognise(tx, tenant, id, client.name)).await?;
            let mut seen = self.inner.seen.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = seen.get_mut(&id).filter(|known| known.client == client) {
                known.written = true;
            }
        }
        Ok(())
    }
}

/// The token of an `Authorization` header. The scheme's name compares without case (RFC 9110 §11.1).
pub(super) fn bearer(header: Option<&str>) -> Option<&str> {
    let (scheme, token) = header?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn refused() -> Fault {
    Fault::of(Kind::Unauthenticated)
}

fn principal(tenant: TenantId, row: TokenRow) -> Result<Principal, Refusal> {
    let damaged = |what: &str| StoreError::Corrupt(format!("token {}: unknown {what}", row.id));
    let overrides = super::tokens::overrides(&row).map_err(|_| damaged("profile override"))?;
    let profile = Profile::by_name(&row.profile).ok_or_else(|| damaged("profile"))?;
    Ok(Principal {
        tenant,
        id: row.id,
        name: row.name.as_str().into(),
        source: row.source.as_str().into(),
        profile: profile.with(&overrides),
        overrides,
        recognised: row.recognised.as_deref().and_then(Profile::by_name),
        scopes: Scopes::parse(&row.scopes).map_err(|_| damaged("scope"))?,
        expires: row.expires,
        claims: None,
    })
}
