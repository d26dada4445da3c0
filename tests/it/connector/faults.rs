//! What each failure is taken for.

use std::time::Duration;

use provost::connector::{Connector, Failure, FailureClass, Lookup, Update};
use provost::domain::plan::{Change, Op};
use serde_json::json;

use super::{connector, map};
use crate::harness::fault_proxy::{Fault, FaultProxy};
use crate::harness::free_port;
use crate::harness::python::ScimServer;

fn shape(failure: &Failure) -> (FailureClass, Option<u16>, Option<u64>, bool) {
    (failure.class, failure.status, failure.retry_after.map(|after| after.as_secs()), failure.may_have_happened())
}

#[tokio::test]
async fn every_answer_has_its_class() {
    use FailureClass::*;
    let proxy = FaultProxy::start(ScimServer::shared().address());
    let target = connector(proxy.address(), json!({}));
    let document = map(json!({"userName": "never"}));
    let error = |kind: &str| json!({"schemas": [], "status": "400", "scimType": kind, "detail": "no: peer-token"});
    for (fault, class, after, happened) in [
        (Fault::status(400), Permanent, None, false),
        (Fault::json(400, &error("invalidValue")), Permanent, None, false),
        (Fault::json(400, &error("noTarget")), Capability, None, false),
        (Fault::json(400, &error("uniqueness")), Conflict, None, false),
        (Fault::status(401), Credentials, None, false),
        (Fault::status(403), Credentials, None, false),
        (Fault::status(404), Missing, None, false),
        (Fault::status(405), Capability, None, false),
        (Fault::status(409), Conflict, None, false),
        (Fault::status(412), Stale, None, false),
        (Fault::status(413), Permanent, None, false),
        (Fault::status(422), Permanent, None, false),
        (Fault::status(429), Throttle, None, false),
        (Fault::with_header(429, "Retry-After", "7"), Throttle, Some(7), false),
        (Fault::with_header(503, "Retry-After", "Sat, 21 Nov 2026 10:01:30 GMT"), Throttle, Some(90), true),
        (Fault::with_header(429, "Retry-After", "Sat, 21 Nov 2026 09:00:00 GMT"), Throttle, Some(0), false),
        (Fault::with_header(429, "Retry-After", "soon"), Throttle, None, false),
        (Fault::status(500), ObjectTransient, None, true),
        (Fault::status(501), Capability, None, false),
        (Fault::status(502), Uncertain, None, true),
        (Fault::status(503), Transient, None, true),
        (Fault::status(504), Uncertain, None, true),
        (Fault::with_header(307, "Location", "http://127.0.0.1/"), Transient, None, false),
    ] {
        let Fault::Answer { status, .. } = &fault else { panic!("an answer") };
        let status = *status;
        proxy.script([fault]);
        let failure = target.create("user", &document).await.unwrap_err();
        assert_eq!(shape(&failure), (class, Some(status), after, happened), "{failure}");
        assert!(!failure.text.contains(ScimServer::TOKEN), "{failure}");
    }
    assert_eq!(proxy.passed("POST"), 0);
}

#[tokio::test]
async fn a_lost_answer_is_uncertain_and_the_object_is_there() {
    let proxy = FaultProxy::start(ScimServer::shared().address());
    let target = connector(proxy.address(), json!({"timeoutMs": 1_500}));
    for (n, fault) in [Fault::DropAnswer, Fault::HangAfter, Fault::EmptyBody].into_iter().enumerate() {
        let key = format!("key-lost-{n}");
        proxy.clear();
        proxy.script([fault.clone()]);
        let document = map(json!({"userName": key, "externalId": key}));
        let failure = target.create("user", &document).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Uncertain, "{fault:?}: {failure}");
        // The connector sent it once, and a look-up finds what it made.
        assert_eq!(proxy.passed("POST"), 1, "{fault:?}");
        let lookup = Lookup { path: "externalId".to_owned(), value: key.into() };
        assert_eq!(target.find("user", &lookup).await.unwrap().len(), 1);
    }
    proxy.script([Fault::DropRequest]);
    let failure = target.create("user", &map(json!({"userName": "x"}))).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Uncertain, "whether it arrived cannot be known: {failure}");
}

#[tokio::test]
async fn a_lost_read_is_transient() {
    let proxy = FaultProxy::start(ScimServer::shared().address());
    let target = connector(proxy.address(), json!({"timeoutMs": 300}));
    for fault in [Fault::DropAnswer, Fault::Hang, Fault::HangBody] {
        proxy.script([fault.clone()]);
        let failure = target.probe().await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Transient, "{fault:?}: {failure}");
    }
}

#[tokio::test]
async fn what_was_never_sent_is_transient() {
    let nobody = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
    let document = map(json!({"userName": "x"}));
    let refused = connector(nobody, json!({})).create("user", &document).await.unwrap_err();
    assert_eq!(shape(&refused), (FailureClass::Transient, None, None, false), "{refused}");
    let unknown = json!({"baseUrl": "https://nowhere.invalid/"});
    let failure = connector(nobody, unknown).create("user", &document).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Transient, "{failure}");
    // A server that speaks no TLS.
    let plain = json!({"baseUrl": format!("https://{}/", ScimServer::shared().address())});
    let failure = connector(nobody, plain).create("user", &document).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Transient, "{failure}");
}

#[tokio::test]
async fn names_that_lead_inside_are_refused() {
    let proxy = FaultProxy::start(ScimServer::shared().address());
    let port = proxy.address().port();
    let inside = json!({"baseUrl": format!("https://localhost:{port}/"), "allowPrivateNetwork": false});
    let failure = connector(proxy.address(), inside).probe().await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Transient);
    assert!(failure.text.contains("allowPrivateNetwork"), "{failure}");
    let opened = json!({"baseUrl": format!("http://localhost:{port}/v2")});
    assert!(connector(proxy.address(), opened).probe().await.is_ok());
    assert!(proxy.seen().iter().all(|seen| seen.path.starts_with("/v2/")));
}

#[tokio::test]
async fn strangers_are_not_taken_for_hits() {
    let proxy = FaultProxy::start(ScimServer::shared().address());
    let target = connector(proxy.address(), json!({}));
    let list = |resources: serde_json::Value| Fault::json(200, &json!({"totalResults": 1, "Resources": resources}));
    let lookup = Lookup { path: "userName".to_owned(), value: "ann".into() };
    for (answer, class) in [
        (list(json!([{"id": "1", "userName": "bob"}])), FailureClass::Capability),
        (list(json!([{"id": "1"}])), FailureClass::Capability),
        (list(json!([{"userName": "ann"}])), FailureClass::Transient),
        (list(json!("x")), FailureClass::Transient),
        (Fault::json(200, &json!([])), FailureClass::Transient),
        (Fault::json(400, &json!({"scimType": "invalidFilter"})), FailureClass::Capability),
    ] {
        proxy.script([answer.clone()]);
        assert_eq!(target.find("user", &lookup).await.unwrap_err().class, class, "{answer:?}");
    }
    proxy.script([list(json!([{"id": "1", "userName": "ANN"}]))]);
    assert_eq!(target.find("user", &lookup).await.unwrap().len(), 1);
    proxy.script([Fault::json(200, &json!({"totalResults": 0}))]);
    assert_eq!(target.find("user", &lookup).await.unwrap(), []);
    assert_eq!(proxy.seen()[0].path, "/v2/Users?filter=userName+eq+%22ann%22&count=2");
}

#[tokio::test]
async fn a_patch_is_done_with_or_without_a_body() {
    let proxy = FaultProxy::start(ScimServer::shared().address());
    let target = connector(proxy.address(), json!({}));
    let changes = [Change { op: Op::Replace, path: "active".to_owned(), value: Some(false.into()) }];
    proxy.script([
        Fault::with_header(204, "ETag", "W/\"5\""),
        Fault::json(200, &json!({"id": "1", "meta": {"version": "W/\"6\""}})),
        Fault::status(200),
    ]);
    let mut versions = Vec::new();
    for _ in 0..3 {
        versions.push(target.update("user", "1", Update::Changes(&changes), Some("W/\"4\"")).await.unwrap().etag);
    }
    assert_eq!(versions, [Some("W/\"5\"".to_owned()), Some("W/\"6\"".to_owned()), None]);
    let seen = proxy.seen();
    assert!(seen[0].headers.iter().any(|line| line.eq_ignore_ascii_case("if-match: W/\"4\"")), "{:?}", seen[0].headers);
    let agent = |line: &String| line.to_ascii_lowercase().starts_with("user-agent: provost/");
    assert!(seen[0].headers.iter().any(agent));
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&seen[0].body).unwrap(),
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "active", "value": false}],
        })
    );
}

#[tokio::test]
async fn a_page_for_people_is_no_success() {
    let proxy = FaultProxy::start(ScimServer::shared().address());
    let target = connector(proxy.address(), json!({}));
    let page = Fault::Answer { status: 200, headers: Vec::new(), body: "<html>sign in</html>".to_owned() };
    proxy.always(Some(page));
    for failure in [
        target.create("user", &map(json!({"userName": "x"}))).await.unwrap_err(),
        target.update("user", "1", Update::Changes(&[]), None).await.unwrap_err(),
        target.delete("user", "1").await.unwrap_err(),
    ] {
        assert_eq!(failure.class, FailureClass::Uncertain, "{failure}");
    }
    assert_eq!(target.get("user", "1").await.unwrap_err().class, FailureClass::Transient);
    assert_eq!(target.probe().await.unwrap_err().class, FailureClass::Transient);
}

#[tokio::test]
async fn wrong_credentials_are_said_to_be() {
    let wrong = json!({"auth": {"type": "bearer", "token": "wrong-token"}});
    let failure = connector(ScimServer::shared().address(), wrong).probe().await.unwrap_err();
    assert_eq!((failure.class, failure.retry_after), (FailureClass::Credentials, None::<Duration>));
}
