//! The keys that sign tokens: held in memory, kept sealed in the store, and replaced in time (`domain::signing`).

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};

use super::key_pair::{BadKey, KeyPair};
use crate::domain::jwt::PublicKey;
use crate::domain::key::{Key, TenantId};
use crate::domain::secret::MasterKey;
use crate::domain::signing::{self, Algorithm, LEAD, State};
use crate::domain::time::Timestamp;
use crate::runtime::{Clock, random};
use crate::store::signing_keys::{self, SigningKeyRow};
use crate::store::{Store, StoreError, Tx};

/// For how long a process trusts what it knows of keys that another one may remove.
const TRUST: Duration = Duration::from_secs(1);

/// The tenant under which the work on keys is queued with the writer; they belong to none.
const NOBODY: TenantId = TenantId(0);

/// One key as it is shown.
#[derive(Debug, Clone)]
pub struct KeyView {
    /// Its id, the `kid` of tokens.
    pub id: Key,
    /// Name of its algorithm.
    pub algorithm: String,
    /// What it does now.
    pub state: State,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it signs.
    pub signs_from: Timestamp,
}

/// How keys are made and replaced.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// What new keys are for.
    pub algorithm: Algorithm,
    /// How long a token lasts, in seconds.
    pub life: i64,
    /// How long a key signs, in seconds.
    pub rotation: i64,
}

/// The keys of an installation.
pub struct Keys {
    store: Store,
    clock: Clock,
    master: MasterKey,
    rules: Rules,
    ring: RwLock<Round>,
}

// The round keeps a look-up that began before a change from bringing back what was.
#[derive(Default)]
struct Round {
    number: u64,
    ring: Option<Arc<Ring>>,
}

struct Ring {
    keys: Vec<Held>,
    due: Timestamp,
    read: Instant,
}

struct Held {
    kid: String,
    algorithm: Algorithm,
    signs_from: Timestamp,
    pair: KeyPair,
    public: PublicKey,
}

impl Keys {
    /// The keys in `store`, sealed by `master`.
    pub fn new(store: Store, clock: Clock, master: MasterKey, rules: Rules) -> Self {
        Self { store, clock, master, rules, ring: RwLock::default() }
    }

    /// The public keys, as a JWK set (RFC 7517 §5): those to come, the one that signs, and those whose tokens are still good.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn published(&self) -> Result<Value, StoreError> {
        let ring = self.ring().await?;
        Ok(json!({ "keys": ring.keys.iter().map(|held| &held.public.jwk).collect::<Vec<_>>() }))
    }

    /// A signed token of these claims.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn sign(&self, kind: &str, claims: &Value) -> Result<String, StoreError> {
        let (ring, now) = (self.ring().await?, self.clock.now());
        let held = ring.keys.iter().rfind(|held| held.signs_from <= now).ok_or_else(|| damaged("there is none that signs"))?;
        let header = json!({ "typ": kind, "alg": held.algorithm.name(), "kid": held.kid });
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let signature = held.pair.sign(message.as_bytes()).map_err(|BadKey| damaged(&held.kid))?;
        Ok(format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The public key that tokens name so.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn public(&self, kid: &str) -> Result<Option<PublicKey>, StoreError> {
        let ring = self.ring().await?;
        Ok(ring.keys.iter().find(|held| held.kid == kid).map(|held| held.public.clone()))
    }

    /// All keys with what they do.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self) -> Result<Vec<KeyView>, StoreError> {
        self.ring().await?;
        let rows = self.store.read(signing_keys::list).await?;
        Ok(self.views(&rows))
    }

    /// Publishes a new key, which signs after [`LEAD`] seconds; one that is published already will do.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn rotate(&self, dry: bool) -> Result<KeyView, StoreError> {
        self.ring().await?;
        let (now, fresh) = (self.clock.now(), self.fresh()?);
        let add = move |tx: &mut Tx<'_>| {
            if let Some(waiting) = signing_keys::list(tx)?.pop().filter(|last| last.signs_from > now) {
                return Ok(waiting);
            }
            let row = SigningKeyRow { created: now, signs_from: now.plus_seconds(LEAD), ..fresh.clone() };
            signing_keys::insert(tx, &row)?;
            Ok::<_, StoreError>(row)
        };
        let row = self.write(add, dry).await?;
        Ok(KeyView { state: State::Published, ..view(&row) })
    }

    /// Takes a key away at once, and with it every token that it signed; when it was the one that signs, a new one does. False
    /// when there is none.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove(&self, id: Key, dry: bool) -> Result<bool, StoreError> {
        let (now, fresh, life) = (self.clock.now(), self.fresh()?, self.rules.life);
        let remove = move |tx: &mut Tx<'_>| {
            let rows = signing_keys::list(tx)?;
            let from: Vec<Timestamp> = rows.iter().map(|row| row.signs_from).collect();
            let states = signing::states(&from, now, life);
            let Some((_, state)) = rows.iter().zip(states).find(|(row, _)| row.id == id) else { return Ok(false) };
            signing_keys::remove(tx, id)?;
            if state == State::Signing {
                signing_keys::insert(tx, &SigningKeyRow { created: now, signs_from: now, ..fresh.clone() })?;
            }
            Ok::<_, StoreError>(true)
        };
        self.write(remove, dry).await
    }

    async fn write<T: Send + 'static>(
        &self,
        job: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + Sync + 'static,
        dry: bool,
    ) -> Result<T, StoreError> {
        if dry {
            return self.store.rehearse(NOBODY, job).await;
        }
        let done = self.store.write(NOBODY, job).await;
        let mut round = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        round.number += 1;
        round.ring = None;
        done
    }

    async fn ring(&self) -> Result<Arc<Ring>, StoreError> {
        let now = self.clock.now();
        let number = {
            let round = self.ring.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(ring) = &round.ring
                && now < ring.due
                && ring.read.elapsed() < TRUST
            {
                return Ok(ring.clone());
            }
            round.number
        };
        let read = Instant::now();
        let mut rows = self.store.read_short(signing_keys::list).await?;
        if !self.plan(&rows, now).is_empty() {
            rows = self.tend(now).await?;
        }
        let keys = rows.iter().map(|row| self.open(row)).collect::<Result<Vec<_>, _>>()?;
        let from: Vec<Timestamp> = rows.iter().map(|row| row.signs_from).collect();
        let due = signing::due(&from, now, self.rules.life, self.rules.rotation);
        let ring = Arc::new(Ring { keys, due, read });
        let mut round = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        if round.number == number {
            round.ring = Some(ring.clone());
        }
        Ok(ring)
    }

    // Every process may come upon it; the transaction lets one of them do it.
    async fn tend(&self, now: Timestamp) -> Result<Vec<SigningKeyRow>, StoreError> {
        let (fresh, rules) = (self.fresh()?, self.rules);
        let work = move |tx: &mut Tx<'_>| {
            let plan = Plan::of(&signing_keys::list(tx)?, now, rules);
            for id in &plan.gone {
                signing_keys::remove(tx, *id)?;
            }
            if let Some(signs_from) = plan.add {
                signing_keys::insert(tx, &SigningKeyRow { created: now, signs_from, ..fresh.clone() })?;
            }
            signing_keys::list(tx)
        };
        self.store.write(NOBODY, work).await
    }

    fn plan(&self, rows: &[SigningKeyRow], now: Timestamp) -> Plan {
        Plan::of(rows, now, self.rules)
    }

    // A key that is not stored yet, without its times.
    fn fresh(&self) -> Result<SigningKeyRow, StoreError> {
        let id = Key::new(random::key());
        let algorithm = self.rules.algorithm;
        let lacking = |what: String| StoreError::Unavailable(what);
        let pkcs8 = KeyPair::make(algorithm).map_err(|e| lacking(e.to_string()))?;
        let mut public = KeyPair::read(algorithm, &pkcs8).map_err(|e| lacking(e.to_string()))?.public();
        public["kid"] = id.to_string().into();
        let nonce = random::bytes().map_err(|e| lacking(e.to_string()))?;
        let private = self.master.seal(nonce, &place(id), &pkcs8).map_err(|e| lacking(e.to_string()))?;
        let (created, signs_from) = Default::default();
        Ok(SigningKeyRow { id, algorithm: algorithm.name().to_owned(), public: public.to_string(), private, created, signs_from })
    }

    fn open(&self, row: &SigningKeyRow) -> Result<Held, StoreError> {
        let wrong = || damaged(&row.id.to_string());
        let algorithm = Algorithm::parse(&row.algorithm).ok_or_else(wrong)?;
        let sealed = self.master.open(&place(row.id), &row.private);
        let pkcs8 = sealed.map_err(|e| StoreError::Corrupt(format!("signing key {}: {e}", row.id)))?;
        let pair = KeyPair::read(algorithm, &pkcs8).map_err(|BadKey| wrong())?;
        let jwk: Value = serde_json::from_str(&row.public).map_err(|_| wrong())?;
        let public = PublicKey::parse(&jwk).map_err(|_| wrong())?;
        Ok(Held { kid: row.id.to_string(), algorithm, signs_from: row.signs_from, pair, public })
    }

    fn views(&self, rows: &[SigningKeyRow]) -> Vec<KeyView> {
        let from: Vec<Timestamp> = rows.iter().map(|row| row.signs_from).collect();
        let states = signing::states(&from, self.clock.now(), self.rules.life);
        rows.iter().zip(states).map(|(row, state)| KeyView { state, ..view(row) }).collect()
    }
}

/// What is to be done about the keys.
#[derive(Default)]
struct Plan {
    gone: Vec<Key>,
    add: Option<Timestamp>,
}

impl Plan {
    fn of(rows: &[SigningKeyRow], now: Timestamp, rules: Rules) -> Self {
        let from: Vec<Timestamp> = rows.iter().map(|row| row.signs_from).collect();
        let states = signing::states(&from, now, rules.life);
        let gone = rows.iter().zip(&states).filter(|(_, state)| **state == State::Gone).map(|(row, _)| row.id).collect();
        let add = match (rows.last(), states.contains(&State::Signing)) {
            (None, _) | (_, false) => Some(now),
            (Some(last), true) => {
                let old = last.algorithm != rules.algorithm.name() || now >= signing::renewal(last.signs_from, rules.rotation);
                (old && last.signs_from <= now).then(|| now.plus_seconds(LEAD))
            }
        };
        Self { gone, add }
    }

    fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.add.is_none()
    }
}

fn place(id: Key) -> String {
    format!("signing_key:{id}")
}

fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt(format!("signing key {what}"))
}

fn view(row: &SigningKeyRow) -> KeyView {
    let (algorithm, state) = (row.algorithm.clone(), State::Published);
    KeyView { id: row.id, algorithm, state, created: row.created, signs_from: row.signs_from }
}
