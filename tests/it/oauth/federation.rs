//! Workloads of elsewhere that get a service account's token for one of their own (RFC 7523 §2.1).

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::issuers::{claims, idinfo, record, trust, with};
use super::world::{Account, ClientKey, TOKEN, basic, part, post, role};
use crate::harness::gateway::{Answer, Client, Gateway};
use crate::harness::issuer::{ForeignIssuer, KEYS};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

const SUBJECT: &str = "repo:octo-org/octo-repo:environment:prod";

/// What GitHub says of a job.
fn job(gateway: &Gateway, issuer: &ForeignIssuer) -> Map<String, Value> {
    let said = json!({
        "aud": gateway.url, "repository": "octo-org/octo-repo", "repository_owner": "octo-org", "ref": "refs/heads/main",
        "environment": "prod", "job_workflow_ref": "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
        "runner_environment": "github-hosted", "run_attempt": "2",
    });
    with(&claims(gateway, &issuer.url, SUBJECT), said)
}

/// What Kubernetes says of a pod, in a file that it replaces within the hour.
fn pod(gateway: &Gateway, issuer: &ForeignIssuer) -> Map<String, Value> {
    let now = gateway.clock.now().micros() / 1_000_000;
    let said = json!({
        "aud": [gateway.url], "nbf": now, "exp": now + 3_607,
        "kubernetes.io": {
            "namespace": "jobs", "pod": { "name": "payroll-7", "uid": "1b2c" },
            "serviceaccount": { "name": "payroll", "uid": "3d4e" }, "warnafter": now + 3_000,
        },
    });
    with(&claims(gateway, &issuer.url, "system:serviceaccount:jobs:payroll"), said)
}

/// A record of an issuer that has no users here.
fn bare(issuer: &ForeignIssuer) -> Value {
    json!({ "issuer": issuer.url, "allowPrivateNetwork": true })
}

async fn federate(account: &Account, body: &Value) -> String {
    let made = account.admin.post(&account.path("/federations"), body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.id().to_owned()
}

async fn ask(client: &Client, account: &str, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let form = [&[("grant_type", GRANT), ("client_id", account), ("assertion", assertion)], more].concat();
    post(client, TOKEN, None, &form).await
}

#[tokio::test]
async fn a_workload_gets_a_token_without_a_secret() {
    for gateway in Gateway::both() {
        let admin = gateway.tenant("tenant-abc").await;
        let key = ClientKey::new("k");
        let issuer = ForeignIssuer::with(&[key.public()]);
        trust(&admin, &bare(&issuer)).await;
        let runs = role(&admin, "payroll-executor", &["payroll.run", "scim.read"]).await;
        let account = Account::new(&admin, "payroll-scheduler", &[&runs]).await;
        let job_body = json!({
            "issuer": issuer.url, "subject": SUBJECT, "claims": { "repository_owner": "octo-org", "runner_environment": "github-hosted" },
        });
        federate(&account, &job_body).await;
        let pod_body = json!({
            "issuer": issuer.url, "subject": "system:serviceaccount:jobs:payroll", "reusable": true,
            "claims": { "/kubernetes.io/namespace": "jobs", "/kubernetes.io/serviceaccount/uid": "3d4e" },
        });
        federate(&account, &pod_body).await;
        let listed = admin.get(&account.path("/federations")).await;
        let shown = listed.body["federations"].as_array().unwrap();
        assert_eq!((shown.len(), &shown[0]["audience"], &shown[1]["reusable"]), (2, &json!(gateway.url), &json!(true)));
        // GitHub: each token once.
        let token = key.sign_as(&json!({ "alg": "ES256", "kid": "k", "typ": "JWT" }), &job(&gateway, &issuer));
        let given = ask(&admin, &account.client_id, &token, &[]).await;
        assert_eq!(given.status, 200, "{}", given.text);
        assert_eq!((given.header("cache-control"), &given.body["scope"]), (Some("no-store"), &json!("payroll.run scim.read")));
        let access = given.body["access_token"].as_str().unwrap();
        let said = part(access, 1);
        assert_eq!((&said["sub"], &said["iss"]), (&json!(account.client_id), &json!(gateway.url)));
        assert_eq!((&said["is_service_account"], &said["roles"]), (&json!(true), &json!(["payroll-executor"])));
        assert_eq!(gateway.client(access).get("/scim/v2/Users").await.status, 200);
        assert_eq!(idinfo(&gateway, access).await.body["managedIdentityId"], account.id);
        let again = ask(&admin, &account.client_id, &token, &[]).await;
        assert_eq!((again.status, &again.body["error"]), (400, &json!("invalid_grant")), "{}", again.text);
        let next = key.sign(&job(&gateway, &issuer));
        let narrow = ask(&admin, &account.client_id, &next, &[("scope", "payroll.run")]).await;
        assert_eq!(narrow.body["scope"], "payroll.run", "{}", narrow.text);
        // Kubernetes: the file is read again and again.
        let file = key.sign(&pod(&gateway, &issuer));
        for _ in 0..3 {
            let given = ask(&admin, &account.client_id, &file, &[]).await;
            assert_eq!(given.status, 200, "{}", given.text);
        }
        // It is no token for our own APIs.
        assert_eq!(idinfo(&gateway, &file).await.status, 401);
        // What ends tokens ends these.
        account.set_active(false).await;
        assert_eq!(idinfo(&gateway, access).await.status, 401);
        assert_eq!(ask(&admin, &account.client_id, &file, &[]).await.body["error"], "invalid_grant");
        account.set_active(true).await;
        assert_eq!(ask(&admin, &account.client_id, &file, &[]).await.status, 200);
        assert_eq!(issuer.seen(KEYS), 1);
        let metadata = admin.get("/.well-known/oauth-authorization-server").await;
        assert_eq!(metadata.body["grant_types_supported"], json!(["client_credentials", GRANT]));
    }
}

#[tokio::test]
async fn each_fault_alone_is_enough() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let (key, other) = (ClientKey::new("k"), ClientKey::new("k"));
        let issuer = ForeignIssuer::with(&[key.public()]);
        let path = trust(&admin, &bare(&issuer)).await;
        let account = Account::new(&admin, "a", &[]).await;
        let body = json!({ "issuer": issuer.url, "subject": SUBJECT, "claims": { "environment": "prod" } });
        let id = federate(&account, &body).await;
        let now = gateway.clock.now().micros() / 1_000_000;
        let good = job(&gateway, &issuer);
        let mut told = BTreeSet::new();
        let mut refused = |what: &str, answer: &Answer| {
            assert_eq!((answer.status, &answer.body["error"]), (400, &json!("invalid_grant")), "{what}: {}", answer.text);
            told.insert(answer.text.clone());
        };
        for changes in [
            json!({ "sub": "repo:octo-org/octo-repo:environment:prod2" }),
            json!({ "sub": "repo:octo-org/octo-repo:environment:Prod" }),
            json!({ "sub": null }),
            json!({ "aud": "https://github.com/octo-org" }),
            json!({ "aud": [gateway.url, "https://other.example"] }),
            json!({ "aud": format!("{}/oauth2/token", gateway.url) }),
            json!({ "aud": null }),
            json!({ "environment": "test" }),
            json!({ "environment": null }),
            json!({ "iss": "https://elsewhere.example" }),
            json!({ "iss": null }),
            json!({ "exp": now }),
            json!({ "exp": now + 25 * 3_600 }),
            json!({ "exp": null }),
            json!({ "nbf": now + 31 }),
            json!({ "iat": now + 31 }),
            json!({ "jti": 7 }),
        ] {
            refused(&changes.to_string(), &ask(&admin, &account.client_id, &key.sign(&with(&good, changes.clone())), &[]).await);
        }
        for header in [
            json!({ "alg": "ES256", "kid": "k", "typ": "at+jwt" }),
            json!({ "alg": "ES256", "kid": "k", "typ": "dpop+jwt" }),
            json!({ "alg": "ES256", "kid": "x" }),
            json!({ "alg": "none" }),
            json!({ "alg": "HS256", "kid": "k" }),
        ] {
            refused(&header.to_string(), &ask(&admin, &account.client_id, &key.sign_as(&header, &good), &[]).await);
        }
        let signed = key.sign(&good);
        refused("another key", &ask(&admin, &account.client_id, &other.sign(&good), &[]).await);
        refused("nonsense", &ask(&admin, &account.client_id, "x", &[]).await);
        let neighbour = Account::new(&admin, "b", &[]).await;
        let foreign_admin = gateway.tenant("foreign").await;
        let foreign = Account::new(&foreign_admin, "f", &[]).await;
        for stranger in [&neighbour.client_id, &foreign.client_id, &account.id, "nobody", ""] {
            if stranger.is_empty() {
                continue;
            }
            refused("another account", &ask(&admin, stranger, &signed, &[]).await);
        }
        // Its own issuer, in another tenant, trusts other keys.
        let own = ForeignIssuer::with(&[other.public()]);
        trust(
            &foreign_admin,
            &json!({ "issuer": issuer.url, "jwksUri": format!("{}{KEYS}", own.url), "allowPrivateNetwork": true }),
        )
        .await;
        federate(&foreign, &body).await;
        refused("signed for another tenant", &ask(&admin, &account.client_id, &other.sign(&good), &[]).await);
        refused("signed for this tenant", &ask(&admin, &foreign.client_id, &signed, &[]).await);
        assert_eq!(ask(&admin, &foreign.client_id, &other.sign(&good), &[]).await.status, 200);
        // Out of use, in each way.
        account.set_active(false).await;
        refused("disabled", &ask(&admin, &account.client_id, &signed, &[]).await);
        account.set_active(true).await;
        let mut off = bare(&issuer);
        off["enabled"] = json!(false);
        assert_eq!(admin.put(&path, &off).await.status, 200);
        refused("issuer out of use", &ask(&admin, &account.client_id, &signed, &[]).await);
        assert_eq!(admin.put(&path, &bare(&issuer)).await.status, 200);
        // What goes wrong for another reason says so, and a good one is good still, once.
        for (form, error) in [
            (vec![("grant_type", GRANT), ("assertion", signed.as_str())], "invalid_request"),
            (vec![("grant_type", GRANT), ("client_id", account.client_id.as_str())], "invalid_request"),
        ] {
            assert_eq!(post(&admin, TOKEN, None, &form).await.body["error"], error, "{form:?}");
        }
        for more in [("client_secret", "x"), ("client_assertion", "x")] {
            assert_eq!(ask(&admin, &account.client_id, &signed, &[more]).await.body["error"], "invalid_request", "{more:?}");
        }
        let form = [("grant_type", GRANT), ("client_id", account.client_id.as_str()), ("assertion", signed.as_str())];
        let beside = post(&admin, TOKEN, Some(&basic(&account.client_id, "x")), &form).await;
        assert_eq!((beside.status, &beside.body["error"]), (400, &json!("invalid_request")));
        let target = ask(&admin, &account.client_id, &signed, &[("resource", "https://evil.example")]).await;
        assert_eq!(target.body["error"], "invalid_target", "{}", target.text);
        assert_eq!(ask(&admin, &account.client_id, &signed, &[]).await.status, 200);
        let fresh = || key.sign(&job(&gateway, &issuer));
        let scope = ask(&admin, &account.client_id, &fresh(), &[("scope", "payroll.run")]).await;
        assert_eq!(scope.body["error"], "invalid_scope", "{}", scope.text);
        // Removed, with every token where it fell into wrong hands.
        let token = ask(&admin, &account.client_id, &fresh(), &[]).await.body["access_token"].as_str().unwrap().to_owned();
        let gone = account.path(&format!("/federations/{id}?compromised=true"));
        assert_eq!((admin.delete(&gone).await.status, admin.delete(&gone).await.status), (204, 404));
        assert_eq!(idinfo(&gateway, &token).await.status, 401);
        refused("federation removed", &ask(&admin, &account.client_id, &fresh(), &[]).await);
        federate(&account, &body).await;
        assert_eq!(ask(&admin, &account.client_id, &fresh(), &[]).await.status, 200);
        assert_eq!(admin.delete(&path).await.status, 204);
        refused("issuer removed", &ask(&admin, &account.client_id, &fresh(), &[]).await);
        assert_eq!(told.len(), 1, "the answer tells what is wrong: {told:?}");
    }
}

#[tokio::test]
async fn records_are_checked() {
    let gateway = Gateway::start();
    let admin = gateway.admin();
    let account = Account::new(&admin, "a", &[]).await;
    let path = account.path("/federations");
    let body = json!({ "issuer": "https://ci.example", "subject": "s" });
    let unknown = admin.post(&path, &body).await;
    assert_eq!(unknown.status, 400, "{}", unknown.text);
    assert!(unknown.text.contains("'issuer'"), "{}", unknown.text);
    trust(&gateway.tenant("other").await, &json!({ "issuer": "https://ci.example" })).await;
    assert_eq!(admin.post(&path, &body).await.status, 400, "another tenant's");
    trust(&admin, &json!({ "issuer": "https://ci.example" })).await;
    for (body, member) in [
        (json!({ "issuer": "https://ci.example" }), "'subject'"),
        (json!({ "issuer": "https://ci.example", "subject": "s", "claims": { "a": [] } }), "'claims'"),
        (json!({ "issuer": "https://ci.example", "subject": "s", "x": 1 }), "'x'"),
    ] {
        let refused = admin.post(&path, &body).await;
        assert!(refused.status == 400 && refused.text.contains(member), "{body}: {}", refused.text);
    }
    for n in 0..20 {
        assert_eq!(admin.post(&path, &json!({ "issuer": "https://ci.example", "subject": n.to_string() })).await.status, 201);
    }
    assert_eq!(admin.post(&path, &body).await.status, 409);
    // It is no secret and no key, and the log has it.
    for kind in ["secrets", "keys"] {
        assert_eq!(admin.get(&account.path(&format!("/{kind}"))).await.body[kind], json!([]));
    }
    let secret = admin.send(Method::POST, &account.path("/secrets"), &[], None).await;
    assert_eq!(secret.status, 201, "{}", secret.text);
    gateway.sync.drain().await.unwrap();
    let log = admin.get(&format!("/admin/v1/changes?objectId={}", account.id)).await;
    assert!(log.text.contains("\"federation\""), "{}", log.text);
}

#[tokio::test]
async fn nobody_is_asked_for_who_trusts_nobody() {
    let gateway = Gateway::start();
    let admin = gateway.admin();
    let key = ClientKey::new("k");
    let issuer = ForeignIssuer::with(&[key.public()]);
    trust(&admin, &record(&issuer)).await;
    let account = Account::new(&admin, "a", &[]).await;
    account.secret().await;
    let signed = key.sign(&job(&gateway, &issuer));
    for client in [account.client_id.as_str(), "nobody"] {
        assert_eq!(ask(&admin, client, &signed, &[]).await.body["error"], "invalid_grant");
    }
    assert_eq!(issuer.asked(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_is_served() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let key = ClientKey::new("k");
        let issuer = ForeignIssuer::with(&[key.public()]);
        trust(&admin, &bare(&issuer)).await;
        let account = Account::new(&admin, "a", &[]).await;
        federate(&account, &json!({ "issuer": issuer.url, "subject": SUBJECT })).await;
        let signed = key.sign(&job(&gateway, &issuer));
        let mut running = JoinSet::new();
        for _ in 0..8 {
            let (client, name, signed) = (admin.clone(), account.client_id.clone(), signed.clone());
            running.spawn(async move {
                loop {
                    let answer = ask(&client, &name, &signed, &[]).await;
                    if answer.status != 503 {
                        return answer.status;
                    }
                }
            });
        }
        let mut statuses = running.join_all().await;
        statuses.sort_unstable();
        assert_eq!((statuses[0], &statuses[1..]), (200, &[400; 7][..]));
    }
}

#[tokio::test]
async fn it_may_be_asked_as_often_as_for_other_grants() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("PROVOST_OAUTH__CLIENT_RATE", "3"), ("PROVOST_OAUTH__ADDRESS_RATE", "6")];
    let gateway = Gateway::with(&folder.path().join("data"), &settings);
    let account = Account::new(&gateway.admin(), "a", &[]).await;
    trust(&gateway.admin(), &json!({ "issuer": "https://ci.example" })).await;
    federate(&account, &json!({ "issuer": "https://ci.example", "subject": "s" })).await;
    let status = async |client: &str| ask(&gateway.admin(), client, "eyJhbGciOiJFUzI1NiJ9.e30.AA", &[]).await.status;
    for expected in [400, 400, 400, 429] {
        assert_eq!(status(&account.client_id).await, expected);
    }
    for expected in [400, 400, 429] {
        assert_eq!(status("nobody").await, expected);
    }
}
