//! The use-cases. Each takes an [`Actor`] and a command, works in one transaction, and answers domain values.
//! No dialect is known here but by the caller's word, and nothing here calls out.

pub mod access;
pub mod accounts;
mod admit;
mod assignments;
pub mod bulk;
mod candidates;
pub mod changes;
pub mod check;
pub mod command;
pub mod conditions;
pub mod credentials;
mod dependants;
pub mod doctor;
pub mod edge_bulk;
mod edge_guard;
pub mod edge_query;
mod edge_replace;
mod edge_walk;
pub mod edges;
pub mod effective;
pub mod effects;
pub mod ends;
pub mod error;
mod escalation;
pub mod evaluate;
mod explain;
mod federations;
pub mod findings;
pub mod grants;
pub mod identities;
pub mod inbound;
pub mod issuers;
pub mod jobs;
pub mod list;
pub mod load;
pub mod objects;
pub mod only;
pub mod people;
mod permissions;
pub mod policies;
pub mod policy;
pub mod provenance;
mod recompute;
mod references;
mod reindex;
pub mod relationships;
pub mod revive;
pub mod save;
pub mod search;
pub mod temporal;
pub mod tenants;
pub mod totals;
mod type_data;
pub mod types;
mod uses;
mod views;
mod walk;
mod warnings;
pub mod write;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::domain::actor::Actor;
use crate::domain::key::TenantId;
use crate::domain::schema::{AttrPath, ObjectType, Registry};
use crate::domain::time::Timestamp;
use crate::runtime::Clock;
use crate::store::epochs::Epochs;
use crate::store::{Conn, Store, index};

pub use error::{Result, ServiceError};

/// The integers that stand for indexed attribute paths of one object type of one tenant.
pub type PathIds = HashMap<AttrPath, i32>;

/// Most grants that a write changes in its own transaction, unless it is said otherwise.
const MOST_GRANTS: usize = 10_000;

// By tenant and type, each with the version of the type that it is of.
type Numbers = HashMap<(TenantId, String), (i64, Arc<PathIds>)>;

/// Everything the use-cases need; cheap to clone.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    shipped: Arc<Registry>,
    clock: Clock,
    types: types::Known,
    // Who else rests on the types of a tenant.
    witness: OnceLock<types::Witness>,
    paths: RwLock<Numbers>,
    conditions: conditions::Compiled,
    candidates: candidates::Kept,
    policies: policies::Compiled,
    guard: inbound::Guard,
    // Whether clients may not choose the ids of what they make.
    own_ids: AtomicBool,
    // What foresees the calls to targets; there once the engine is.
    forecast: OnceLock<Box<dyn effects::Forecast>>,
    totals: totals::Totals,
    // Most grants that one write changes by itself.
    most_grants: AtomicUsize,
    epochs: Epochs,
    // Permissions that were used, until it is written down.
    used: uses::Used,
}

/// What every step of a use-case is given: who asks, when, and the shared tables.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) service: Service,
    pub(crate) actor: Actor,
    pub(crate) now: Timestamp,
    /// In a dry run, what was appended to the change log.
    pub(crate) journal: Option<write::Journal>,
    /// The jobs that this write put up.
    pub(crate) started: write::Started,
    /// Clients whose tokens the write ended.
    pub(crate) stale: credentials::Stale,
    /// What the write touched that there may be something to say of.
    pub(crate) touched: warnings::Touched,
}

impl Service {
    /// Use-cases over `store`, with the `shipped` object types and the time of `clock`.
    pub fn new(store: Store, shipped: Arc<Registry>, clock: Clock) -> Self {
        Self::guarded(store, shipped, clock, inbound::Guard::off())
    }

    /// The same, with a guard over what sources take away.
    pub fn guarded(store: Store, shipped: Arc<Registry>, clock: Clock, guard: inbound::Guard) -> Self {
        let inner = Inner {
            store,
            shipped,
            clock,
            types: types::Known::default(),
            witness: OnceLock::new(),
            paths: RwLock::default(),
            conditions: conditions::Compiled::default(),
            candidates: candidates::Kept::default(),
            policies: policies::Compiled::default(),
            guard,
            own_ids: AtomicBool::new(false),
            forecast: OnceLock::new(),
            totals: totals::Totals::default(),
            most_grants: AtomicUsize::new(MOST_GRANTS),
            epochs: Epochs::default(),
            used: uses::Used::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Says that ids are made here and never chosen by clients.
    pub fn keep_ids_to_itself(&self) {
        self.inner.own_ids.store(true, Ordering::Relaxed);
    }

    /// Says who foresees the calls to targets; the first one stays.
    pub(crate) fn foresee(&self, forecast: impl effects::Forecast + 'static) {
        if self.inner.forecast.set(Box::new(forecast)).is_err() {
            log::warn!("a second engine over the same use-cases foresees nothing");
        }
    }

    /// Sets how many grants a write changes in its own transaction; a job goes on with what is beyond.
    pub fn limit_grants(&self, most: usize) {
        self.inner.most_grants.store(most, Ordering::Relaxed);
    }

    pub(crate) fn most_grants(&self) -> usize {
        self.inner.most_grants.load(Ordering::Relaxed)
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The object types that every tenant has; a tenant's own are in [`Service::registry`].
    pub fn shipped(&self) -> &Arc<Registry> {
        &self.inner.shipped
    }

    /// What this process knows of clients by heart.
    pub fn epochs(&self) -> &Epochs {
        &self.inner.epochs
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    pub(crate) fn context(&self, actor: &Actor) -> Context {
        Context {
            service: self.clone(),
            actor: actor.clone(),
            now: self.inner.clock.now(),
            journal: None,
            started: write::Started::default(),
            stale: Default::default(),
            touched: Default::default(),
        }
    }

    /// The path integers of a type; they are made with the type and never change.
    pub(crate) fn paths(&self, conn: &mut Conn, tenant: TenantId, kind: &ObjectType) -> Result<Arc<PathIds>> {
        let slot = (tenant, kind.name.clone());
        if let Some((version, found)) = self.inner.paths.read().unwrap_or_else(PoisonError::into_inner).get(&slot)
            && *version == kind.version
        {
            return Ok(found.clone());
        }
        let stored = index::paths(conn, tenant, &kind.name)?;
        let ids = indexable(kind)
            .map(|path| {
                let text = kind.path_text(path);
                let id = stored.get(&text).copied();
                id.map(|id| (path, id))
                    .ok_or_else(|| ServiceError::Damaged(format!("attribute path '{text}' of '{}' has no number", kind.name)))
            })
            .collect::<Result<PathIds>>()?;
        let ids = Arc::new(ids);
        self.inner.paths.write().unwrap_or_else(PoisonError::into_inner).insert(slot, (kind.version, ids.clone()));
        Ok(ids)
    }
}

/// The paths of a type that the store keeps rows for: indexed or unique.
pub(crate) fn indexable(kind: &ObjectType) -> impl Iterator<Item = AttrPath> + '_ {
    use crate::domain::schema::Uniqueness;
    kind.paths().filter(|(_, a)| a.indexed || a.uniqueness != Uniqueness::None).map(|(path, _)| path)
}
