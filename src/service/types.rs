//! The object types of each tenant: kept at hand, and changed by the tenant.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Value, json};

use super::{Context, Result, Service, ServiceError, indexable, reindex, type_data};
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::{Key, TenantId};
use crate::domain::relation::Precondition;
use crate::domain::schema::change::Change;
use crate::domain::schema::registry::Own;
use crate::domain::schema::{ObjectType, Registry, Uniqueness};
use crate::domain::time::Timestamp;
use crate::store::object_types::TypeRow;
use crate::store::{Conn, Tx, changes, index, object_types, unfinished};

/// For how long a process trusts what it knows of types that another process may change, in seconds.
const TRUST: i64 = 1;

/// Refuses types that something beyond the objects cannot go on with.
pub type Witness = Box<dyn Fn(&mut Conn, TenantId, &Registry) -> Result<()> + Send + Sync>;

/// The types of the tenants that were asked for.
#[derive(Default)]
pub(crate) struct Known(RwLock<HashMap<TenantId, Entry>>);

struct Entry {
    registry: Arc<Registry>,
    asked: Timestamp,
    // Something in the store contradicts it.
    doubtful: bool,
}

impl Known {
    fn get(&self, tenant: TenantId) -> Option<(Arc<Registry>, Timestamp, bool)> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&tenant).map(|entry| (entry.registry.clone(), entry.asked, entry.doubtful))
    }

    fn amend(&self, tenant: TenantId, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.0.write().unwrap_or_else(PoisonError::into_inner).get_mut(&tenant) {
            change(entry);
        }
    }

    // What was read earlier does not replace what was read later.
    fn put(&self, tenant: TenantId, registry: Arc<Registry>, asked: Timestamp) -> Arc<Registry> {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let fresh = Entry { registry, asked, doubtful: false };
        match all.get_mut(&tenant) {
            Some(entry) if entry.registry.version() > fresh.registry.version() => entry.registry.clone(),
            Some(entry) => {
                *entry = fresh;
                entry.registry.clone()
            }
            None => all.entry(tenant).or_insert(fresh).registry.clone(),
        }
    }

    pub(crate) fn doubt(&self, tenant: TenantId) {
        self.amend(tenant, |entry| entry.doubtful = true);
    }
}

/// An object type as the admin API shows it.
#[derive(Debug, Clone)]
pub struct TypeView {
    /// The type.
    pub kind: Arc<ObjectType>,
    /// Revision of what the tenant wrote of it; 0 when it wrote nothing.
    pub rev: i64,
    /// Whether Provost ships it.
    pub shipped: bool,
}

/// What a change of a type came to.
#[derive(Debug, Clone)]
pub struct TypeWritten {
    /// The type as it is now.
    pub view: TypeView,
    /// Whether it was made just now.
    pub created: bool,
    /// The job that makes index rows of values that are there already.
    pub job: Option<Key>,
}

impl Service {
    /// The object types of a tenant. Of a change by another process it takes notice within about a second.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn registry(&self, tenant: TenantId) -> Result<Arc<Registry>> {
        let now = self.clock().now();
        let known = &self.inner.types;
        if let Some((registry, asked, doubtful)) = known.get(tenant) {
            // The data folder has one process, and what that one changes it knows.
            let recent = self.store().is_sqlite() || (asked <= now && now < asked.plus_seconds(TRUST));
            if !doubtful && recent {
                return Ok(registry);
            }
            if !doubtful {
                // One request asks; the others go on with what is known.
                known.amend(tenant, |entry| entry.asked = now);
                if self.store().read_short(move |conn| object_types::version(conn, tenant)).await? == registry.version() {
                    return Ok(registry);
                }
            }
        }
        self.reload(tenant).await
    }

    /// Has every change of types pass before a witness too; the first one stays.
    pub fn set_witness(&self, witness: Witness) {
        // A second engine over the same use-cases would say the same.
        let _ = self.inner.witness.set(witness);
    }

    /// Reads the types of a tenant anew.
    pub(super) async fn reload(&self, tenant: TenantId) -> Result<Arc<Registry>> {
        let (service, now) = (self.clone(), self.clock().now());
        let registry = self.store().read_short(move |conn| service.registry_in(conn, tenant)).await?;
        Ok(self.inner.types.put(tenant, registry, now))
    }

    /// The types of a tenant as the transaction sees them.
    pub(crate) fn registry_in(&self, conn: &mut Conn, tenant: TenantId) -> Result<Arc<Registry>> {
        let version = object_types::version(conn, tenant)?;
        if version == 0 {
            return Ok(self.shipped().clone());
        }
        let own = own(object_types::list(conn, tenant)?)?;
        let pending = unfinished::list(conn, tenant)?;
        let pending: Vec<(&str, &str)> = pending.iter().map(|row| (row.kind.as_str(), row.path.as_str())).collect();
        let built = self.shipped().with(&own, version, &pending);
        built.map(Arc::new).map_err(|problem| ServiceError::Damaged(format!("object types of a tenant: {problem}")))
    }

    /// The types of the caller's tenant, in the order of discovery.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn types(&self, actor: &Actor) -> Result<Vec<TypeView>> {
        let (service, tenant) = (self.clone(), actor.tenant);
        self.store()
            .read_short(move |conn| {
                let registry = service.registry_in(conn, tenant)?;
                let revs: HashMap<String, i64> = object_types::list(conn, tenant)?.into_iter().map(|r| (r.name, r.rev)).collect();
                let rev = |kind: &ObjectType| revs.get(&kind.name).copied().unwrap_or(0);
                Ok(registry.types().map(|kind| view(&registry, kind, rev(kind))).collect())
            })
            .await
    }

    /// One type.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn object_type(&self, actor: &Actor, name: &str) -> Result<TypeView> {
        let found = self.types(actor).await?.into_iter().find(|view| view.kind.name == name);
        found.ok_or_else(|| missing(name).into())
    }

    /// Puts what the tenant says of a type in the place of what it said before. A type that is not shipped is made, if there is
    /// none.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] naming the member and the rule; [`Kind::Conflict`] with the count when stored data would be
    /// orphaned or invalid; [`Kind::PreconditionFailed`].
    pub async fn put_type(
        &self,
        actor: &Actor,
        name: &str,
        definition: Value,
        precondition: Precondition,
    ) -> Result<TypeWritten> {
        let (name, job) = (name.to_owned(), Key::new(crate::runtime::random::key()));
        let change = move |ctx: &Context, tx: &mut Tx<'_>| ctx.change_type(tx, &name, Some(&definition), &precondition, job);
        let written = self.write_types(actor, change).await?;
        written.ok_or_else(|| ServiceError::Damaged("a type that was written is not there".to_owned()))
    }

    /// Removes a type of the tenant's own, or what it added to a shipped one.
    ///
    /// # Errors
    /// [`Kind::NotFound`]; [`Kind::Conflict`] with the count when there are objects of it; [`Kind::PreconditionFailed`].
    pub async fn delete_type(&self, actor: &Actor, name: &str, precondition: Precondition) -> Result<()> {
        let (name, job) = (name.to_owned(), Key::new(crate::runtime::random::key()));
        let change = move |ctx: &Context, tx: &mut Tx<'_>| ctx.change_type(tx, &name, None, &precondition, job).map(drop);
        self.write_types(actor, change).await
    }

    // Rests on the types in the transaction, whatever they were when the request came.
    async fn write_types<T: Send + 'static>(
        &self,
        actor: &Actor,
        change: impl Fn(&Context, &mut Tx<'_>) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        if actor.rehearsal.is_some() {
            return self.write(actor, change).await;
        }
        let ctx = self.context(actor);
        let written = self.store().write(actor.tenant, move |tx| change(&ctx, tx)).await?;
        self.reload(actor.tenant).await?;
        Ok(written)
    }
}

fn own(rows: Vec<TypeRow>) -> Result<Own> {
    let read = |row: TypeRow| {
        let value = serde_json::from_str(&row.definition);
        value
            .map(|value| (row.name.clone(), value))
            .map_err(|e| ServiceError::Damaged(format!("definition of type '{}': {e}", row.name)))
    };
    rows.into_iter().map(read).collect()
}

fn view(registry: &Registry, kind: &Arc<ObjectType>, rev: i64) -> TypeView {
    TypeView { kind: kind.clone(), rev, shipped: registry.is_shipped(&kind.name) }
}

fn missing(name: &str) -> Fault {
    Fault::new(Kind::NotFound, format!("there is no type '{}'", crate::domain::error::excerpt(name)))
}

impl Context {
    /// Refuses a write that was read and checked by types which have changed since.
    pub(crate) fn hold_types(&self, conn: &mut Conn) -> Result<()> {
        if object_types::version(conn, self.actor.tenant)? == self.actor.types.version() {
            return Ok(());
        }
        self.service.inner.types.doubt(self.actor.tenant);
        Err(ServiceError::TypesMoved)
    }

    fn change_type(
        &self,
        conn: &mut Conn,
        name: &str,
        definition: Option<&Value>,
        precondition: &Precondition,
        job: Key,
    ) -> Result<Option<TypeWritten>> {
        let tenant = self.actor.tenant;
        let before = self.service.registry_in(conn, tenant)?;
        let known = object_types::list(conn, tenant)?.into_iter().find(|row| row.name == name);
        let rev = known.as_ref().map_or(0, |row| row.rev);
        let there = before.by_name(name).is_some();
        let met =
            if there { precondition.admits(rev) } else { matches!(precondition, Precondition::None | Precondition::Absent) };
        if !met {
            return Err(Fault::of(Kind::PreconditionFailed).into());
        }
        if known.is_none() && definition.is_none() {
            return if there { Ok(None) } else { Err(missing(name).into()) };
        }
        let rows = unfinished::list(conn, tenant)?;
        if let Some(busy) = rows.iter().find(|row| row.kind == name) {
            let text = format!("job {} is still making the index of '{}'; wait for its end", busy.job, busy.path);
            return Err(Fault::new(Kind::Conflict, text).into());
        }
        let mut own = own(object_types::list(conn, tenant)?)?;
        if let (Some(kind), Some(definition)) = (before.by_name(name), definition)
            && own.get(name) == Some(definition)
        {
            return Ok(Some(TypeWritten { view: view(&before, kind, rev), created: false, job: None }));
        }
        match definition {
            Some(definition) => _ = own.insert(name.to_owned(), definition.clone()),
            None => _ = own.remove(name),
        }
        let pending: Vec<(&str, &str)> = rows.iter().map(|row| (row.kind.as_str(), row.path.as_str())).collect();
        let version = object_types::raise(conn, tenant)?;
        let after = self.service.shipped().with(&own, version, &pending);
        let after = after.map_err(|problem| Fault::new(Kind::InvalidValue, problem.to_string()))?;
        let mut made = None;
        // What is said of the type itself comes before what follows for others.
        let (named, others): (Vec<_>, Vec<_>) = before.types().partition(|kind| kind.name == name);
        for kind in named.into_iter().chain(others) {
            let new = after.by_name(&kind.name);
            let change = Change::between(kind, new.map(AsRef::as_ref));
            type_data::check(self, conn, kind, &before, &after, &change)?;
            made = self.follow(conn, kind, new, &change, job)?.or(made);
        }
        for kind in after.types().filter(|kind| before.by_name(&kind.name).is_none()) {
            let paths: Vec<String> = indexable(kind).map(|path| kind.path_text(path)).collect();
            index::ensure_paths(conn, tenant, &kind.name, &paths)?;
        }
        if let Some(witness) = self.service.inner.witness.get() {
            witness(conn, tenant, &after)?;
        }
        let row = definition.map(|definition| TypeRow {
            name: name.to_owned(),
            rev: rev + 1,
            created: known.as_ref().map_or(self.now, |row| row.created),
            modified: self.now,
            definition: definition.to_string(),
        });
        match &row {
            Some(row) => object_types::put(conn, tenant, row)?,
            None => _ = object_types::remove(conn, tenant, name)?,
        }
        let was = known.and_then(|row| serde_json::from_str::<Value>(&row.definition).ok());
        self.note_type(conn, name, rev + 1, was.as_ref(), definition)?;
        let kind = after.by_name(name).filter(|_| row.is_some());
        Ok(kind.map(|kind| TypeWritten { view: view(&after, kind, rev + 1), created: !there, job: made }))
    }

    /// Writes the row of the change log for a type.
    pub(crate) fn note_type(
        &self,
        conn: &mut Conn,
        name: &str,
        rev: i64,
        before: Option<&Value>,
        after: Option<&Value>,
    ) -> Result<()> {
        let mut detail = json!({ "name": name });
        for (member, value) in [("before", before), ("after", after)] {
            if let Some(value) = value {
                detail[member] = value.clone();
            }
        }
        let row = self.type_change(rev, before.is_some(), after.is_some(), &detail);
        changes::append(conn, self.actor.tenant, &[row])?;
        Ok(())
    }

    // Rows that go, numbers of paths, and a job for rows that have to be made.
    fn follow(
        &self,
        conn: &mut Conn,
        old: &ObjectType,
        new: Option<&Arc<ObjectType>>,
        change: &Change,
        job: Key,
    ) -> Result<Option<Key>> {
        let tenant = self.actor.tenant;
        let numbers = index::paths(conn, tenant, &old.name)?;
        for number in change.unindexed.iter().filter_map(|path| numbers.get(path)) {
            index::clear_index(conn, tenant, *number)?;
        }
        for number in change.free.iter().filter_map(|path| numbers.get(path)) {
            index::clear_unique(conn, tenant, *number)?;
        }
        let Some(new) = new else { return Ok(None) };
        let paths: Vec<String> = indexable(new).map(|path| new.path_text(path)).collect();
        index::ensure_paths(conn, tenant, &new.name, &paths)?;
        let state = reindex::State::of(&new.name, change.index.clone(), change.unique.clone());
        Ok(reindex::begin(self, conn, state, job)?.then_some(job))
    }
}

/// Within what the value of an attribute is unique, as a definition says it.
pub(crate) const fn uniqueness_name(uniqueness: Uniqueness) -> &'static str {
    match uniqueness {
        Uniqueness::None => "none",
        Uniqueness::Server => "server",
        Uniqueness::Global => "global",
    }
}
