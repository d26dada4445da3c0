//! Tokens of issuers that tenants trust (docs/decisions/0022): whose they are, and the keys that they are checked with.
//!
//! Keys are fetched when they are first needed, kept for a while, and fetched once more when a token names one that is not
//! among them: at most once in [`PAUSE`], whoever sends what. While the issuer is away those that are known stay good for a
//! bounded time.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde_json::{Map, Value};
use tokio::sync::Mutex as Turn;

use super::bearer::{Authenticator, bearer};
use crate::domain::jwks::KeySet;
use crate::domain::jwt::{PublicKey, Unverified};
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;
use crate::domain::trusted::{BYTES, Trusted, address};
use crate::runtime::Clock;
use crate::store::issuers::IssuerRow;
use crate::store::{StoreError, issuers};

/// Seconds between two fetches of one issuer's keys, but for the first two.
pub const PAUSE: i64 = 30;

/// How many issuers are kept in memory; beyond it the table is emptied, which costs a fetch each.
const KEPT: usize = 10_000;

/// A document of an issuer, later; none where there is none, and otherwise what went wrong.
pub type Fetched = Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>, String>> + Send>>;

/// How documents are fetched: the address, and whether it may be a private one.
type Fetch = dyn Fn(String, bool) -> Fetched + Send + Sync;

/// How long keys of others are good, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// After so long they are fetched anew.
    pub life: i64,
    /// While that does not succeed, they are used for so long.
    pub stale: i64,
}

/// The other issuers that this process knows; cheap to clone.
#[derive(Clone)]
pub struct Others(Arc<Inner>);

struct Inner {
    fetch: Box<Fetch>,
    rules: Rules,
    clock: Clock,
    known: RwLock<HashMap<(TenantId, Key), Arc<Known>>>,
}

// One issuer, as one revision of its record says.
struct Known {
    rev: i64,
    trusted: Arc<Trusted>,
    ring: Mutex<Ring>,
    turn: Arc<Turn<()>>,
}

#[derive(Default)]
struct Ring {
    keys: Option<Arc<KeySet>>,
    fetched: Timestamp,
    tried: Option<Timestamp>,
}

// What to do for a token that names a key.
enum Step {
    Use(PublicKey),
    // With the key to go on with, where there is one.
    Fetch(Option<PublicKey>),
    Refuse,
}

/// For what a token is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// By a user, to be let in.
    Bearer,
    /// By a workload, for a token of a service account.
    Grant,
}

/// A token of another issuer whose signature and claims are right.
#[derive(Debug)]
pub struct Vouched {
    /// The tenant that trusts the issuer.
    pub tenant: TenantId,
    /// Name of that tenant.
    pub tenant_name: String,
    /// The issuer.
    pub trusted: Arc<Trusted>,
    /// What the token says.
    pub claims: Map<String, Value>,
    /// Until when.
    pub expires: Timestamp,
}

impl Others {
    /// Fetches documents by `fetch`.
    pub fn new(fetch: impl Fn(String, bool) -> Fetched + Send + Sync + 'static, rules: Rules, clock: Clock) -> Self {
        Self(Arc::new(Inner { fetch: Box::new(fetch), rules, clock, known: RwLock::default() }))
    }

    // A record that has changed is another issuer, and its keys are fetched anew.
    fn known(&self, tenant: TenantId, row: &IssuerRow) -> Result<Arc<Known>, StoreError> {
        let place = (tenant, row.id);
        let found = self.0.known.read().unwrap_or_else(PoisonError::into_inner).get(&place).cloned();
        if let Some(known) = found.filter(|known| known.rev == row.rev) {
            return Ok(known);
        }
        let damaged = |text: String| StoreError::Corrupt(format!("issuer {}: {text}", row.id));
        let body: Value = serde_json::from_str(&row.body).map_err(|e| damaged(e.to_string()))?;
        let trusted = Arc::new(Trusted::parse(&body, "").map_err(|fault| damaged(fault.to_string()))?);
        let fresh = Arc::new(Known { rev: row.rev, trusted, ring: Mutex::default(), turn: Arc::default() });
        let mut all = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT {
            all.clear();
        }
        // Another request may have come first, with the same or with a later revision.
        let kept = all.entry(place).or_insert_with(|| fresh.clone());
        if kept.rev < fresh.rev {
            *kept = fresh;
        }
        Ok(kept.clone())
    }

    // The key that a token names. One request fetches; others that cannot go on without wait for it.
    async fn key(&self, known: &Arc<Known>, kid: Option<&str>, algorithm: &str) -> Option<PublicKey> {
        let step = || known.step(kid, algorithm, self.0.clock.now(), self.0.rules);
        let held = match step() {
            Step::Use(key) => return Some(key),
            Step::Refuse => return None,
            Step::Fetch(held) => held,
        };
        let turn = match (known.turn.clone().try_lock_owned(), held) {
            (Ok(turn), _) => turn,
            (Err(_), Some(key)) => return Some(key),
            (Err(_), None) => known.turn.clone().lock_owned().await,
        };
        if matches!(step(), Step::Fetch(_)) {
            let (others, known) = (self.clone(), known.clone());
            // It goes on when the request is given up: nobody shall keep the others from the keys so.
            let fetching = tokio::spawn(async move {
                let _turn = turn;
                others.renew(&known).await;
            });
            if let Err(error) = fetching.await {
                log::error!("fetching the keys of an issuer ended badly: {error}");
            }
        }
        match step() {
            Step::Use(key) => Some(key),
            Step::Fetch(held) => held,
            Step::Refuse => None,
        }
    }

    async fn renew(&self, known: &Known) {
        let now = self.0.clock.now();
        let fetched = self.fetch_keys(&known.trusted).await;
        let mut ring = known.ring();
        // Not before: who comes meanwhile waits for his turn.
        ring.tried = Some(now);
        match fetched {
            Ok(keys) => {
                ring.keys = Some(Arc::new(keys));
                ring.fetched = now;
            }
            Err(why) => log::warn!("no keys of the issuer {}: {why}", known.trusted.issuer),
        }
    }

    async fn fetch_keys(&self, trusted: &Trusted) -> Result<KeySet, String> {
        let uri = match &trusted.jwks_uri {
            Some(uri) => uri.clone(),
            None => self.discover(trusted).await?,
        };
        let set = (self.0.fetch)(uri, trusted.private).await?.ok_or("there is no key set at its address")?;
        Ok(KeySet::parse(&set)?)
    }

    async fn discover(&self, trusted: &Trusted) -> Result<String, String> {
        for place in trusted.metadata() {
            let Some(document) = (self.0.fetch)(place, trusted.private).await? else { continue };
            let metadata: Value = serde_json::from_slice(&document).map_err(|_| "its metadata is not JSON")?;
            let text = |name: &str| metadata.get(name).and_then(Value::as_str);
            // Exactly the same: OpenID Connect Discovery §4.3, RFC 8414 §3.3.
            if text("issuer") != Some(&trusted.issuer) {
                return Err("its metadata is of another issuer".to_owned());
            }
            let uri = text("jwks_uri").ok_or("its metadata names no 'jwks_uri'")?;
            address(uri, trusted.private).map_err(|rule| format!("'jwks_uri' of its metadata {rule}"))?;
            return Ok(uri.to_owned());
        }
        Err("it publishes no metadata".to_owned())
    }
}

impl Known {
    fn ring(&self) -> std::sync::MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, kid: Option<&str>, algorithm: &str, now: Timestamp, rules: Rules) -> Step {
        let ring = self.ring();
        let age = |limit: i64| now < ring.fetched.plus_seconds(limit);
        let held = ring.keys.as_ref().filter(|_| age(rules.life.max(rules.stale)));
        let held = held.and_then(|keys| keys.find(kid, algorithm).cloned());
        // A clock that was set back does not stop it for long.
        let may = ring.tried.is_none_or(|at| now < at || now >= at.plus_seconds(PAUSE));
        match held {
            Some(key) if age(rules.life) || !may => Step::Use(key),
            held if may => Step::Fetch(held),
            _ => Step::Refuse,
        }
    }
}

impl Authenticator {
    /// What the token of an `Authorization` header says, if an issuer made it that a tenant trusts, and for its users. None for
    /// every other, for whatever reason.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn vouched(&self, header: Option<&str>) -> Result<Option<Vouched>, StoreError> {
        let Some(text) = bearer(header).filter(|text| text.len() <= BYTES) else { return Ok(None) };
        let Some(token) = Unverified::parse(text) else { return Ok(None) };
        let own = self.issuer().map(|issuer| issuer.terms().name.as_str());
        let Some(named) = token.issuer().filter(|named| Some(*named) != own).map(str::to_owned) else { return Ok(None) };
        let meant: Vec<String> = token.audiences().into_iter().map(str::to_owned).collect();
        let found = self.store().read_short(move |conn| {
            let meant: Vec<&str> = meant.iter().map(String::as_str).collect();
            // A token that is meant for two tenants says nothing of which.
            let mut found = issuers::meant(conn, &named, &meant)?;
            let Some((tenant, name, id)) = found.pop().filter(|_| found.is_empty()) else { return Ok(None) };
            Ok::<_, StoreError>(issuers::get(conn, tenant, id)?.map(|row| (tenant, name, row)))
        });
        let Some((tenant, tenant_name, row)) = found.await? else { return Ok(None) };
        self.checked(tenant, tenant_name, &row, token, Shown::Bearer).await
    }

    /// What a token says that is of the issuer of a record.
    pub(super) async fn checked(
        &self,
        tenant: TenantId,
        tenant_name: String,
        row: &IssuerRow,
        token: Unverified<'_>,
        shown: Shown,
    ) -> Result<Option<Vouched>, StoreError> {
        let Some(others) = self.others() else { return Ok(None) };
        let known = others.known(tenant, row)?;
        let trusted = known.trusted.clone();
        // The kind comes first: what says that it is something else is no token of this sort, whoever signed it.
        let typed = match token.kind.as_deref() {
            None | Some("jwt") => true,
            Some("at+jwt") => shown == Shown::Bearer,
            Some("authorization-grant+jwt" | "jose") => shown == Shown::Grant,
            Some(_) => false,
        };
        if !typed || !trusted.enabled || !trusted.algorithms.contains(&token.algorithm) {
            return Ok(None);
        }
        let Some(key) = others.key(&known, token.kid.as_deref(), &token.algorithm).await else { return Ok(None) };
        let Some(claims) = token.verify(&key) else { return Ok(None) };
        let expires = trusted.admits(&claims, self.now());
        Ok(expires.map(|expires| Vouched { tenant, tenant_name, trusted, claims, expires }))
    }
}
