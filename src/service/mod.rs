//! The use-cases. Each takes an [`Actor`] and a command, works in one transaction, and answers domain values.
//! No dialect is known here but by the caller's word, and nothing here calls out.

pub mod changes;
pub mod conditions;
pub mod doctor;
pub mod edges;
pub mod effective;
pub mod error;
pub mod grants;
pub mod list;
pub mod load;
pub mod objects;
pub mod relationships;
pub mod revive;
pub mod save;
pub mod tenants;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::actor::Actor;
use crate::domain::key::TenantId;
use crate::domain::schema::{AttrPath, ObjectType, Registry};
use crate::domain::time::Timestamp;
use crate::runtime::Clock;
use crate::store::{Conn, Store, index};

pub use error::{Result, ServiceError};

/// The integers that stand for indexed attribute paths of one object type of one tenant.
pub type PathIds = HashMap<AttrPath, i32>;

/// Everything the use-cases need; cheap to clone.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    registry: Arc<Registry>,
    clock: Clock,
    paths: RwLock<HashMap<(TenantId, String), Arc<PathIds>>>,
    conditions: conditions::Compiled,
}

/// What every step of a use-case is given: who asks, when, and the shared tables.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) service: Service,
    pub(crate) actor: Actor,
    pub(crate) now: Timestamp,
}

impl Service {
    /// Use-cases over `store`, with the object types of `registry` and the time of `clock`.
    pub fn new(store: Store, registry: Arc<Registry>, clock: Clock) -> Self {
        let inner = Inner { store, registry, clock, paths: RwLock::default(), conditions: conditions::Compiled::default() };
        Self { inner: Arc::new(inner) }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The object types.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.inner.registry
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    pub(crate) fn context(&self, actor: &Actor) -> Context {
        Context { service: self.clone(), actor: actor.clone(), now: self.inner.clock.now() }
    }

    /// The path integers of a type; they are made with the tenant and never change.
    pub(crate) fn paths(&self, conn: &mut Conn, tenant: TenantId, kind: &ObjectType) -> Result<Arc<PathIds>> {
        let slot = (tenant, kind.name.clone());
        if let Some(found) = self.inner.paths.read().unwrap_or_else(PoisonError::into_inner).get(&slot) {
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
        self.inner.paths.write().unwrap_or_else(PoisonError::into_inner).insert(slot, ids.clone());
        Ok(ids)
    }
}

/// The paths of a type that the store keeps rows for: indexed or unique.
pub(crate) fn indexable(kind: &ObjectType) -> impl Iterator<Item = AttrPath> + '_ {
    use crate::domain::schema::Uniqueness;
    kind.paths().filter(|(_, a)| a.indexed || a.uniqueness != Uniqueness::None).map(|(path, _)| path)
}
