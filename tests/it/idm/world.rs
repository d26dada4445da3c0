//! The use-cases on a store of either engine, and what is stored against what the conditions say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use provost::domain::actor::Actor;
use provost::domain::condition::Condition;
use provost::domain::dialect::Dialect;
use provost::domain::document::idm;
use provost::domain::filter;
use provost::domain::key::Key;
use provost::domain::patch::idm as patch;
use provost::domain::profile::Profile;
use provost::domain::relation::{Precondition, Reference};
use provost::domain::resource::Resource;
use provost::domain::schema::relationship::{GRANT, MEMBERSHIP};
use provost::domain::schema::{ObjectType, Registry, Side};
use provost::domain::scope::Scopes;
use provost::domain::time::Timestamp;
use provost::runtime::Clock;
use provost::service::list::{Query, Start};
use provost::service::load::Needs;
use provost::service::objects::{Address, Change, Draft};
use provost::service::relationships::{Linked, Property};
use provost::service::{Result, Service, tenants};
use provost::store::{Options, Store, StoreError, edges};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::gateway::{Gateway, START};
use crate::harness::postgres;

/// Pairs of wire ids: who holds what, who is in what.
pub type Pairs = BTreeSet<(String, String)>;

#[derive(Clone)]
pub struct World {
    pub service: Service,
    pub actor: Actor,
    _folder: Option<Arc<TempDir>>,
}

impl World {
    pub async fn on_sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let store = Store::open_sqlite(folder.path(), &Options::default()).unwrap();
        Self { _folder: Some(Arc::new(folder)), ..Self::on(store).await }
    }

    pub async fn on_postgres() -> Self {
        let options = Options { retries: 100, ..Options::default() };
        Self::on(Store::open_postgres(&postgres::fresh_database(), &options).unwrap()).await
    }

    /// The data of a running gateway.
    pub async fn beside(gateway: &Gateway) -> Self {
        Self::with(gateway.service.clone()).await
    }

    async fn on(store: Store) -> Self {
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
        Self { service, actor, _folder: None }
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
    pub async fn link(&self, (kind, id): (&str, &str), property: &str, (to_kind, to): (&str, &str)) -> Result<Linked> {
        let reference = Reference::Exact { kind: to_kind.to_owned(), id: to.to_owned(), edge: None, grant_type: String::new() };
        self.service.create_edge(&self.actor, self.property(kind, id, property), reference, Precondition::None).await
    }

    /// Takes the static edge away, if it is there.
    pub async fn unlink(&self, (kind, id): (&str, &str), property: &str, (to_kind, to): (&str, &str)) -> Result<()> {
        let property = self.property(kind, id, property);
        let (all, _) = self.service.edges(&self.actor, property.clone(), None, usize::MAX - 1).await?;
        let found = all.into_iter().filter(|l| l.target.kind.name == to_kind && l.target.wire_id == to);
        let mut found = found.filter_map(|l| l.related.edge).filter(|e| !e.is_conditional());
        if let Some(edge) = found.next() {
            self.service.delete_edge(&self.actor, property, Some(edge.id), Precondition::None).await?;
        }
        Ok(())
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
        for kind in ["user", "group", "role"] {
            ids.extend(self.all(kind, Needs::nothing()).await.into_iter().map(|r| (r.key, r.wire_id)));
        }
        let (tenant, keys) = (self.actor.tenant, ids.keys().copied().collect::<Vec<_>>());
        let rows = self.service.store().read(move |conn| edges::of_many(conn, tenant, relation, Side::From, &keys));
        let rows = rows.await.unwrap_or_else(|e: StoreError| panic!("{e}"));
        rows.into_iter().map(|e| ((ids[&e.from_key].clone(), ids[&e.to_key].clone(), e.variant), e.id)).collect()
    }

    /// Who holds what by condition, as stored.
    pub async fn conditional(&self) -> Pairs {
        let edges = self.edges(GRANT).await.into_keys();
        edges.filter(|(.., variant)| variant == "conditional").map(|(from, to, _)| (from, to)).collect()
    }

    /// Who holds what by condition, worked out from nothing but users and roles.
    pub async fn recomputed(&self) -> Pairs {
        let user = self.kind("user");
        let users = self.all("user", Needs::nothing()).await;
        let mut out = Pairs::new();
        for role in self.all("role", Needs::nothing()).await {
            let Some(text) = role.doc.get("condition").and_then(Value::as_str) else { continue };
            let condition = Condition::parse(text, &user).unwrap();
            let matching = users.iter().filter(|u| filter::matches(&condition.filter, &user, &(*u).clone().into_scim("")));
            out.extend(matching.map(|u| (u.wire_id.clone(), role.wire_id.clone())));
        }
        out
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
