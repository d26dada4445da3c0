//! The SCIM connector against scim2-server.

use provost::connector::{Connector, FailureClass, Lookup, Update};
use provost::domain::mapping::{CompiledMapping, Mapping};
use provost::domain::plan::{Plan, overlay, plan};
use serde_json::{Value, json};

use super::{connector, map};
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::python::ScimServer;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn lookup(path: &str, value: &str) -> Lookup {
    Lookup { path: path.to_owned(), value: value.into() }
}

#[tokio::test]
async fn tells_what_it_can() {
    let target = connector(ScimServer::shared().address(), json!({}));
    let capabilities = target.probe().await.unwrap();
    assert!(capabilities.patch && capabilities.filter && capabilities.etag);
    assert_eq!((capabilities.max_results, capabilities.bulk_operations), (Some(1000), Some(1000)));
}

#[tokio::test]
async fn a_user_lives_there() {
    let target = connector(ScimServer::shared().address(), json!({}));
    let mapping = CompiledMapping::compile(&Mapping::default(), "user").unwrap();
    let mut source = map(json!({
        "userName": "lives\"\\there", "active": true, "name": {"givenName": "Ann", "familyName": "Öst"}, "title": "Dr",
        "emails": [{"value": "a@x.example", "type": "work", "primary": true}], ENTERPRISE: {"department": "Sales", "costCenter": "7"},
    }));
    let mut desired = mapping.apply(&source, true).unwrap();
    desired.document.insert("externalId".to_owned(), "key-lives".into());
    let Plan::Create(document) = plan(&desired.document, &desired.owned, None) else { panic!("not there yet") };
    let created = target.create("user", &document).await.unwrap();
    assert!(created.etag.is_some());

    // Quotes and backslashes in a filter arrive as they are.
    for by in [lookup("userName", "lives\"\\there"), lookup("externalId", "key-lives"), lookup("emails.value", "a@x.example")] {
        let hits = target.find("user", &by).await.unwrap();
        assert_eq!(hits.iter().map(|hit| &hit.id).collect::<Vec<_>>(), [&created.remote_id], "{by:?}");
    }
    assert_eq!(target.find("user", &lookup("userName", "nobody")).await.unwrap(), []);

    // Changed, cleared, added: each as its own operation, and what the mapping does not own stays.
    source.insert("title".to_owned(), Value::Null);
    source.insert("active".to_owned(), false.into());
    source.insert("nickName".to_owned(), "Ä".into());
    source.insert(ENTERPRISE.to_owned(), json!({"department": "Ops"}));
    source.insert("emails".to_owned(), json!([]));
    let wanted = mapping.apply(&source, false).unwrap();
    let Plan::Update(changes) = plan(&wanted.document, &wanted.owned, Some(&desired.document)) else { panic!("it differs") };
    assert_eq!(changes.len(), 6, "{changes:?}");
    let updated = target.update("user", &created.remote_id, Update::Changes(&changes), created.etag.as_deref()).await.unwrap();
    let held = target.get("user", &created.remote_id).await.unwrap();
    assert_eq!(plan(&wanted.document, &wanted.owned, Some(&held.document)), Plan::Nothing, "{:?}", held.document);
    assert_eq!(held.document["externalId"], "key-lives");
    assert_ne!(held.etag, created.etag);
    assert!(updated.etag.is_none_or(|etag| Some(etag) == held.etag));

    // The old version is refused, the whole document is taken.
    let stale = target.update("user", &created.remote_id, Update::Changes(&changes), created.etag.as_deref()).await.unwrap_err();
    assert_eq!((stale.class, stale.status), (FailureClass::Stale, Some(412)));
    let whole = overlay(&held.document, &[]);
    target.update("user", &created.remote_id, Update::Document(&whole), held.etag.as_deref()).await.unwrap();

    let twice = target.create("user", &document).await.unwrap_err();
    assert_eq!((twice.class, twice.status, twice.may_have_happened()), (FailureClass::Conflict, Some(409), false));
    target.delete("user", &created.remote_id).await.unwrap();
    for failure in [
        target.delete("user", &created.remote_id).await.unwrap_err(),
        target.get("user", &created.remote_id).await.unwrap_err(),
        target.update("user", &created.remote_id, Update::Changes(&changes), None).await.unwrap_err(),
    ] {
        assert_eq!(failure.class, FailureClass::Missing, "{failure}");
    }
}

#[tokio::test]
async fn two_hits_are_two() {
    let target = connector(ScimServer::shared().address(), json!({}));
    for name in ["twin-a", "twin-b", "twin-c"] {
        target.create("user", &map(json!({"userName": name, "externalId": "key-twin"}))).await.unwrap();
    }
    assert_eq!(target.find("user", &lookup("externalId", "key-twin")).await.unwrap().len(), 2);
}

#[tokio::test]
async fn members_come_and_go() {
    let peer = ScimServer::shared().address();
    for flavour in ["generic", "aws"] {
        let proxy = FaultProxy::start(peer);
        let target = connector(proxy.address(), json!({"flavour": flavour, "maxMembers": 3}));
        let group = target.create("group", &map(json!({"displayName": format!("members {flavour}")}))).await.unwrap();
        let mut ids = Vec::new();
        for n in 0..5 {
            ids.push(target.create("user", &map(json!({"userName": format!("{flavour}-m{n}")}))).await.unwrap().remote_id);
        }
        let most = target.probe().await.unwrap().max_members;
        assert_eq!(most, 3);
        proxy.clear();
        for batch in ids.chunks(most) {
            target.change_members(&group.remote_id, batch, &[]).await.unwrap();
        }
        assert_eq!(proxy.passed("PATCH"), 2);
        for batch in ids[1..4].chunks(most) {
            target.change_members(&group.remote_id, &[], batch).await.unwrap();
        }
        let held = target.get("group", &group.remote_id).await.unwrap();
        let left: Vec<_> = held.document["members"].as_array().unwrap().iter().map(|member| member["value"].clone()).collect();
        assert_eq!(left, [json!(ids[0]), json!(ids[4])]);
    }
}

#[tokio::test]
async fn removal_by_value_is_a_flavour() {
    let proxy = FaultProxy::start(ScimServer::shared().address());
    proxy.always(Some(crate::harness::fault_proxy::Fault::status(204)));
    let sent = |flavour: &str| {
        let target = connector(proxy.address(), json!({"flavour": flavour}));
        let proxy = &proxy;
        async move {
            target.change_members("g/../1", &["a".to_owned()], &["b\"".to_owned(), "c".to_owned()]).await.unwrap();
            let seen = proxy.seen().pop().unwrap();
            assert_eq!(seen.path, "/v2/Groups/g%2F..%2F1");
            serde_json::from_slice::<Value>(&seen.body).unwrap()["Operations"].clone()
        }
    };
    let add = json!({"op": "add", "path": "members", "value": [{"value": "a"}]});
    assert_eq!(
        sent("generic").await,
        json!([{"op": "remove", "path": "members[value eq \"b\\\"\"]"}, {"op": "remove", "path": "members[value eq \"c\"]"}, add])
    );
    assert_eq!(
        sent("remove-by-value").await,
        json!([{"op": "remove", "path": "members", "value": [{"value": "b\""}, {"value": "c"}]}, add])
    );
}

#[tokio::test]
async fn a_listing_ends() {
    let server = ScimServer::start();
    let target = connector(server.address(), json!({}));
    assert_eq!(target.list("user", None).await.unwrap().total, Some(0));
    for n in 0..205 {
        target.create("user", &map(json!({"userName": format!("page-{n}")}))).await.unwrap();
    }
    let (mut names, mut cursor) = (std::collections::BTreeSet::new(), None);
    loop {
        let page = target.list("user", cursor.as_deref()).await.unwrap();
        names.extend(page.items.iter().map(|item| item.document["userName"].to_string()));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names.len(), 205);
    assert!(target.list("user", Some("x")).await.is_err());
}
