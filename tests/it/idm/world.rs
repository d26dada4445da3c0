//! The use-cases on a store of either engine, and what is stored against what the conditions say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use provost::domain::actor::Actor;
use provost::domain::condition::Condition;
use provost::domain::dialect::Dialect;
use provost::domain::document::idm;
use provost::domain::edge::{self, EdgeProperties};
use provost::domain::key::Key;
use provost::domain::patch::idm as patch;
use provost::domain::profile::Profile;
use provost::domain::relation::{CONDITIONAL, Precondition, Reference, STATIC};
use provost::domain::resource::Resource;
use provost::domain::schema::relationship::{GRANT, MEMBERSHIP};
use provost::domain::schema::{ObjectType, Registry, Side};
use provost::domain::scope::Scopes;
use provost::domain::time::Timestamp;
use provost::runtime::Clock;
use provost::service::edge_bulk::{Bulk, Counts, Named};
use provost::service::edge_query::EdgeQuery;
use provost::service::jobs::Job;
use provost::service::list::{Query, Start};
use provost::service::load::Needs;
use provost::service::objects::{Address, Change, Draft};
use provost::service::relationships::{EdgeChange, Linked, Property};
use provost::service::{Result, Service, tenants};
use provost::store::{Options, Store, StoreError, edges};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::gateway::{Gateway, START};
use crate::harness::{poll_until, postgres};

/// Pairs of wire ids: who holds what, who is in what.
pub type Pairs = BTreeSet<(String, String)>;

/// Where the data of a world of its own is.
#[derive(Clone)]
enum Place {
    Folder(Arc<TempDir>),
    Database(String),
}

impl Place {
    fn open(&self) -> std::result::Result<Store, StoreError> {
        match self {
            Self::Folder(folder) => Store::open_sqlite(folder.path(), &Options::default()),
            Self::Database(url) => Store::open_postgres(url, &Options { retries: 100, ..Options::default() }),
        }
    }
}

#[derive(Clone)]
pub struct World {
    pub service: Service,
    pub actor: Actor,
    place: Option<Place>,
}

impl World {
    pub async fn on_sqlite() -> Self {
        Self::at(Place::Folder(Arc::new(TempDir::new().unwrap()))).await
    }

    pub async fn on_postgres() -> Self {
        Self::at(Place::Database(postgres::fresh_database())).await
    }

    async fn at(place: Place) -> Self {
        let store = place.open().unwrap();
        Self { place: Some(place), ..Self::on(store).await }
    }

    /// The same data after a restart, on either engine: in memory nothing is left of what was, but the time it is.
    pub async fn restarted(self) -> Self {
        let (place, now) = (self.place.clone().unwrap(), self.service.clock().now());
        drop(self);
        // What was just read may still hold the former store.
        let store = poll_until("the data is free", Duration::from_secs(5), || place.open().ok());
        let world = Self { place: Some(place), ..Self::on(store).await };
        world.service.clock().set(now);
        world
    }

    /// The data of a running gateway.
    pub async fn beside(gateway: &Gateway) -> Self {
        Self::with(gateway.service.clone()).await
    }

    pub async fn on(store: Store) -> Self {
        let clock = Clock::manual(Timestamp::parse(START).unwrap());
        let service = Service::new(store, Arc::new(Registry::shipped().unwrap()), clock);
        service.prepare(None).await.unwrap();
        Self::with(service).await
    }

    async fn with(service: Service) -> Self {
        let tenant = service.tenant(tenants::DEFAULT).await.unwrap().id;
        let actor = Actor {
            tenant,
            types: service.registry(tenant).await.unwrap(),
            name: "test".into(),
            token: None,
            source: "test".into(),
            profile: Profile::GENERIC,
            scopes: Scopes::parse("admin").unwrap(),
            dialect: Dialect::Idm,
            request_id: "test".into(),
            rehearsal: None,
        };
        Self { service, actor, place: None }
    }

    pub fn kind(&self, name: &str) -> Arc<ObjectType> {
        self.actor.types.by_name(name).unwrap().clone()
    }

    pub async fn create(&self, kind: &str, id: &str, body: Value) -> Result<Resource> {
        let kind = self.kind(kind);
        let doc = idm::create(&kind, body).unwrap().doc;
        let draft = Draft { doc, external_id: None, relationships: Vec::new() };
        self.service.create(&self.actor, kind, Some(id.to_owned()), draft, Needs::nothing()).await
    }

    /// Many objects, as fast as the store takes them.
    pub async fn create_all(&self, kind: &'static str, bodies: impl Iterator<Item = (String, Value)>) {
        let mut running = tokio::task::JoinSet::new();
        for (id, body) in bodies {
            if running.len() >= 200 {
                running.join_next().await.unwrap().unwrap();
            }
            let world = self.clone();
            running.spawn(async move { drop(world.create(kind, &id, body).await.unwrap()) });
        }
        running.join_all().await;
    }

    /// Sets a property; null unassigns it.
    pub async fn set(&self, kind: &str, id: &str, property: &str, value: Value) -> Result<Resource> {
        let of = self.kind(kind);
        let address = Address { kind: of.clone(), wire_id: id.to_owned(), precondition: Precondition::None };
        let operation = if value.is_null() { "remove" } else { "replace" };
        let body = json!([{ "operation": operation, "field": format!("/{property}"), "value": value }]);
        let change: Change = Arc::new(move |now: &Resource| {
            let mut doc = now.doc.clone();
            patch::apply(&of, &mut doc, patch::parse(provost::domain::patch::Limits::DEFAULT, body.clone())?)?;
            Ok(Draft { doc, external_id: now.external_id.clone(), relationships: Vec::new() })
        });
        self.service.update(&self.actor, address, change, Needs::nothing(), Needs::nothing()).await
    }

    pub async fn delete(&self, kind: &str, id: &str) -> Result<Resource> {
        let address = Address { kind: self.kind(kind), wire_id: id.to_owned(), precondition: Precondition::None };
        self.service.delete(&self.actor, address).await
    }

    fn property(&self, kind: &str, id: &str, name: &str) -> Property {
        Property { kind: self.kind(kind), wire_id: id.to_owned(), name: name.to_owned() }
    }

    /// Adds a static edge.
    pub async fn link(&self, near: (&str, &str), property: &str, far: (&str, &str)) -> Result<Linked> {
        self.link_as(near, property, far, Value::Null).await
    }

    /// Adds a static edge with properties.
    pub async fn link_as(
        &self,
        (kind, id): (&str, &str),
        property: &str,
        far: (&str, &str),
        properties: Value,
    ) -> Result<Linked> {
        let reference = reference(far, properties);
        self.service.create_edge(&self.actor, self.property(kind, id, property), reference, Precondition::None).await
    }

    /// Adds a static edge with properties.
    pub async fn link_with(&self, (kind, id): (&str, &str), property: &str, to: &str, properties: Value) -> Result<Linked> {
        let reference = Reference::Exact {
            kind: "role".to_owned(),
            id: to.to_owned(),
            edge: None,
            grant_type: String::new(),
            properties: properties.as_object().cloned(),
        };
        self.service.create_edge(&self.actor, self.property(kind, id, property), reference, Precondition::None).await
    }

    /// Makes the first edge that is there lead elsewhere, with other properties.
    pub async fn turn(&self, (kind, id): (&str, &str), property: &str, far: (&str, &str), properties: Value) -> Result<()> {
        let property = self.property(kind, id, property);
        let all = self.service.edges(&self.actor, EdgeQuery::all(property.clone())).await?;
        let Some(before) = all.linked.first().and_then(|l| l.related.edge.clone()) else { return Ok(()) };
        let reference = reference(far, properties);
        let change: EdgeChange = Arc::new(move |_| Ok(reference.clone()));
        let after = self.service.change_edge(&self.actor, property, Some(before.id), change, Precondition::None).await?;
        let after = after.related.edge.unwrap();
        assert_eq!(after.id, before.id);
        assert!(after.rev == before.rev || after.rev == before.rev + 1);
        Ok(())
    }

    /// Adds and takes away static edges of a role, all at once; what is there and what is not counts as done.
    pub async fn bulk(&self, role: &str, add: &[(&str, &str)], remove: &[(&str, &str)], properties: &Value) -> Result<Counts> {
        let bulk = Bulk {
            add: add.iter().map(|far| reference(*far, properties.clone())).collect(),
            remove: remove.iter().map(|far| Named::Reference(reference(*far, Value::Null))).collect(),
        };
        let counts = self.service.bulk_edges(&self.actor, self.property("role", role, "members"), bulk).await?;
        assert_eq!(counts.added + counts.already, add.len());
        Ok(counts)
    }

    /// Takes the static edge away, if it is there.
    pub async fn unlink(&self, (kind, id): (&str, &str), property: &str, (to_kind, to): (&str, &str)) -> Result<()> {
        let property = self.property(kind, id, property);
        let all = self.service.edges(&self.actor, EdgeQuery::all(property.clone())).await?;
        let found = all.linked.into_iter().filter(|l| l.target.kind.name == to_kind && l.target.wire_id == to);
        let mut found = found.filter_map(|l| l.related.edge).filter(|e| !e.is_conditional());
        if let Some(edge) = found.next() {
            self.service.delete_edge(&self.actor, property, Some(edge.id), Precondition::None).await?;
        }
        Ok(())
    }

    /// The jobs that have batches to do.
    pub async fn open_jobs(&self) -> Vec<Job> {
        let jobs = self.service.jobs(&self.actor, None, 1_000).await.unwrap();
        jobs.into_iter().filter(|job| job.status == "open").collect()
    }

    /// One batch of each open job; whether there was one.
    pub async fn step_jobs(&self) -> bool {
        let open = self.open_jobs().await;
        for job in &open {
            self.service.step_job(self.actor.tenant, job.id, |_| Ok(true)).await.unwrap();
        }
        !open.is_empty()
    }

    pub async fn all(&self, kind: &str, needs: Needs) -> Vec<Resource> {
        let query = Query {
            kind: self.kind(kind),
            filter: None,
            needs,
            filter_needs: Needs::nothing(),
            base: String::new(),
            start: Start::Offset(0),
            count: usize::MAX - 1,
            total: false,
        };
        self.service.list(&self.actor, query).await.unwrap().resources
    }

    /// Edge ids of a relation by near end, far end and variant.
    pub async fn edges(&self, relation: &'static str) -> BTreeMap<(String, String, String), Key> {
        let mut ids = BTreeMap::new();
        for kind in ["user", "group", "role", "organization"].into_iter().filter(|kind| self.actor.types.by_name(kind).is_some())
        {
            ids.extend(self.all(kind, Needs::nothing()).await.into_iter().map(|r| (r.key, r.wire_id)));
        }
        let (tenant, keys) = (self.actor.tenant, ids.keys().copied().collect::<Vec<_>>());
        let rows = self.service.store().read(move |conn| edges::of_many(conn, tenant, relation, Side::From, &keys));
        let rows = rows.await.unwrap_or_else(|e: StoreError| panic!("{e}"));
        rows.into_iter().map(|e| ((ids[&e.from_key].clone(), ids[&e.to_key].clone(), e.variant), e.id)).collect()
    }

    /// Who has what in effect, whatever the edges say so far.
    pub async fn in_effect(&self) -> Pairs {
        let mut out = Pairs::new();
        for user in self.all("user", Needs::nothing().and_effective_roles()).await {
            let roles = user.effective_roles.unwrap().into_iter();
            out.extend(roles.map(|role| (user.wire_id.clone(), role.wire_id)));
        }
        out
    }

    /// Who holds what by condition, as stored.
    pub async fn conditional(&self) -> Pairs {
        let edges = self.edges(GRANT).await.into_keys();
        edges.filter(|(.., variant)| variant == "conditional").map(|(from, to, _)| (from, to)).collect()
    }

    /// Who holds what by condition, worked out from nothing but objects and the edges between them.
    pub async fn recomputed(&self) -> Pairs {
        let users = super::views::of_users(self).await;
        let mut out = Pairs::new();
        for role in self.all("role", Needs::nothing()).await {
            let Some(text) = role.doc.get("condition").and_then(Value::as_str) else { continue };
            let condition = Condition::parse(text, &self.kind("user"), &self.actor.types).unwrap();
            let matching = users.iter().filter(|(_, view)| condition.matches(view));
            out.extend(matching.map(|(user, _)| (user.clone(), role.wire_id.clone())));
        }
        out
    }

    // The variant of an edge is that of its properties, and a conditional one has none.
    async fn check_edges(&self) {
        let mut keys = Vec::new();
        for kind in ["user", "group"] {
            keys.extend(self.all(kind, Needs::nothing()).await.into_iter().map(|r| r.key));
        }
        let tenant = self.actor.tenant;
        let rows = self.service.store().read(move |conn| edges::of_many(conn, tenant, GRANT, Side::From, &keys));
        for row in rows.await.unwrap_or_else(|e: StoreError| panic!("{e}")) {
            let properties = EdgeProperties::parse(row.properties.as_deref()).unwrap();
            let grant_type = if row.is_conditional() { CONDITIONAL } else { STATIC };
            assert_eq!(row.variant, edge::variant(grant_type, &properties.shown));
            assert!(!row.is_conditional() || row.properties.is_none());
        }
    }

    /// Holds what must always hold: conditional edges are those of a recomputation, groups have no cycle, effective roles
    /// are what the edges say.
    pub async fn check(&self) {
        assert_eq!(self.conditional().await, self.recomputed().await);
        let members: Vec<(String, String)> = self.edges(MEMBERSHIP).await.into_keys().map(|(g, m, _)| (g, m)).collect();
        // Who is above whom, closed step by step; nobody may come to be above himself.
        let mut above: Pairs = members.iter().map(|(group, member)| (member.clone(), group.clone())).collect();
        loop {
            let further = above.iter().flat_map(|(low, mid)| {
                let up = members.iter().filter(move |(_, member)| member == mid);
                up.map(move |(group, _)| (low.clone(), group.clone()))
            });
            let further: Pairs = further.filter(|pair| !above.contains(pair)).collect();
            if further.is_empty() {
                break;
            }
            above.extend(further);
        }
        assert!(above.iter().all(|(low, high)| low != high), "a cycle: {members:?}");
        self.check_edges().await;
        let granted: Pairs = self.edges(GRANT).await.into_keys().map(|(holder, role, _)| (holder, role)).collect();
        let mut effective = Pairs::new();
        for user in self.all("user", Needs::nothing().and_effective_roles()).await {
            let roles = user.effective_roles.unwrap();
            assert_eq!(roles.iter().map(|r| &r.wire_id).collect::<BTreeSet<_>>().len(), roles.len(), "each once");
            effective.extend(roles.into_iter().map(|r| (user.wire_id.clone(), r.wire_id)));
        }
        let users: BTreeSet<String> = self.all("user", Needs::nothing()).await.into_iter().map(|u| u.wire_id).collect();
        let through = above.iter().flat_map(|(low, group)| {
            granted.iter().filter(move |(holder, _)| holder == group).map(move |(_, role)| (low.clone(), role.clone()))
        });
        let expected: Pairs = granted.iter().cloned().chain(through).filter(|(holder, _)| users.contains(holder)).collect();
        assert_eq!(effective, expected);
    }
}

fn reference((kind, id): (&str, &str), properties: Value) -> Reference {
    Reference::Exact {
        kind: kind.to_owned(),
        id: id.to_owned(),
        edge: None,
        grant_type: String::new(),
        properties: serde_json::from_value(properties).ok(),
    }
}

/// Numbers that look random and are the same on every run with the same seed (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(end).unwrap()).unwrap()
    }

    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
