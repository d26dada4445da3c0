//! A decision costs a fixed number of statements, however many roles there are, are held, and however many policies stand there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::{Connection as _, InstrumentationEvent};
use provost::domain::access::{Asked, Node, Who};
use provost::domain::actor::Actor;
use provost::domain::dialect::Dialect;
use provost::domain::document::idm;
use provost::domain::profile::Profile;
use provost::domain::relation::Precondition;
use provost::domain::schema::Registry;
use provost::domain::scope::Scopes;
use provost::domain::time::Timestamp;
use provost::runtime::Clock;
use provost::service::access::Until;
use provost::service::identities::RolesChange;
use provost::service::load::Needs;
use provost::service::objects::Draft;
use provost::service::{Service, tenants};
use provost::store::{Conn, Options, Store, StoreError};
use serde_json::{Value, json};

use crate::harness::gateway::START;

async fn create(service: &Service, actor: &Actor, kind: &str, id: &str, body: Value) {
    let kind = actor.types.by_name(kind).unwrap().clone();
    let draft = Draft { doc: idm::create(&kind, body).unwrap().doc, external_id: None, relationships: Vec::new() };
    service.create(actor, kind, Some(id.to_owned()), draft, Needs::nothing()).await.unwrap();
}

async fn allowed(service: &Service, actor: &Actor) -> bool {
    let asked = Asked {
        who: Who { kind: Some("service_account".to_owned()), id: "m".to_owned() },
        permission: "a.b".to_owned(),
        resource: vec![Node { kind: "w".to_owned(), id: "1".to_owned() }],
    };
    service.decide(actor, vec![Ok(asked)], Until::End).await.unwrap().pop().unwrap().unwrap().allowed
}

#[tokio::test]
async fn a_decision_takes_as_many_whatever_there_is() {
    let folder = tempfile::tempdir().unwrap();
    // One connection, so that it is the one that is watched.
    let store = Store::open_sqlite(folder.path(), &Options { short_readers: 1, ..Options::default() }).unwrap();
    let clock = Clock::manual(Timestamp::parse(START).unwrap());
    let service = Service::new(store.clone(), Arc::new(Registry::shipped().unwrap()), clock);
    service.prepare(None).await.unwrap();
    let tenant = service.tenant(tenants::DEFAULT).await.unwrap().id;
    let actor = Actor {
        tenant,
        types: service.registry(tenant).await.unwrap(),
        name: "test".into(),
        token: None,
        source: "test".into(),
        profile: Profile::GENERIC,
        scopes: Scopes::parse("admin").unwrap(),
        dialect: Dialect::Passport,
        request_id: "test".into(),
        rehearsal: None,
    };
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let watch = move |conn: &mut Conn| {
        let Conn::Sqlite(c) = conn else { panic!("not SQLite") };
        c.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if matches!(event, InstrumentationEvent::StartQuery { .. }) {
                seen.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok::<_, StoreError>(())
    };
    store.read_short(watch).await.unwrap();
    let policy = json!({ "resourceType": "w", "resourceId": "1", "effect": "Deny", "condition": "principal.name == \"x\"" });
    create(&service, &actor, "service_account", "m", json!({ "name": "m" })).await;
    create(&service, &actor, "role", "r0", json!({ "name": "r0", "permissions": ["a.b"] })).await;
    create(&service, &actor, "role", "r1", json!({ "name": "r1", "permissions": ["a.c"] })).await;
    service
        .change_roles(&actor, "m".into(), RolesChange::Replace(vec!["r0".into(), "r1".into()]), Precondition::None, false)
        .await
        .unwrap();
    service.create_policy(&actor, &policy).await.unwrap();
    let one = async || {
        // What is compiled is kept from here on.
        assert!(allowed(&service, &actor).await);
        count.store(0, Ordering::Relaxed);
        assert!(allowed(&service, &actor).await);
        count.load(Ordering::Relaxed)
    };
    let few = one().await;
    for n in 2..200 {
        create(&service, &actor, "role", &format!("r{n}"), json!({ "name": format!("r{n}"), "permissions": ["a.c"] })).await;
    }
    for _ in 0..100 {
        service.create_policy(&actor, &policy).await.unwrap();
    }
    let names = (0..150).map(|n| format!("r{n}")).collect();
    service.change_roles(&actor, "m".into(), RolesChange::Replace(names), Precondition::None, false).await.unwrap();
    let many = one().await;
    assert_eq!((few, many <= 16), (many, true), "{few} and {many} statements");
}
