//! What a token opens, and when it ends (rows P68 to P70). What it says is in `tests/it/passport/rows`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::world::{Account, ClientKey, TOKEN, assert_with, basic, part, post, role};
use crate::harness::gateway::Gateway;
use crate::harness::postgres;

#[tokio::test]
async fn a_token_opens_what_its_permissions_name_and_no_more() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let reader = role(&admin, "scim-reader", &["scim.read", "payroll.run"]).await;
        let greedy = role(&admin, "greedy", &["admin.all", "scim.write"]).await;
        let account = Account::new(&admin, "reader", &[&reader, &greedy]).await;
        let (secret, _) = account.secret().await;
        let whole = gateway.client(&account.token(&secret, &[]).await);
        assert_eq!(whole.get("/scim/v2/Users").await.status, 200);
        let made = whole.post("/scim/v2/Users", &json!({ "userName": "by-robot", "externalId": "r1" })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        for path in ["/openidm/managed/user?_queryFilter=true", "/admin/v1/tokens", "/admin/v1/tenants"] {
            assert_eq!(whole.get(path).await.status, 403, "{path}");
        }
        // The log names the account (row P50).
        gateway.sync.drain().await.unwrap();
        let log = admin.get(&format!("/admin/v1/changes?objectId={}", made.id())).await;
        assert!(log.text.contains(&account.id) && log.text.contains("\"reader\""), "{}", log.text);
        // Narrowed, by permission and by role.
        let narrow = gateway.client(&account.token(&secret, &[("scope", "scim.read")]).await);
        assert_eq!(part(&narrow.token, 1)["roles"], json!([]));
        assert_eq!(narrow.get("/scim/v2/Users").await.status, 200);
        assert_eq!(narrow.post("/scim/v2/Users", &json!({ "userName": "no" })).await.status, 403);
        let given = account.ask(&secret, &[("scope", "scim-reader")]).await;
        assert_eq!(given.body["scope"], "payroll.run scim.read", "{}", given.text);
        assert_eq!(part(given.body["access_token"].as_str().unwrap(), 1)["roles"], json!(["scim-reader"]));
        let beyond = account.ask(&secret, &[("scope", "scim.read idm.read")]).await;
        assert_eq!((beyond.status, &beyond.body["error"]), (400, &json!("invalid_scope")), "{}", beyond.text);
    }
}

#[tokio::test]
async fn no_role_gives_the_highest_scopes() {
    let gateway = Gateway::start();
    let admin = gateway.admin();
    for name in ["admin", "operator"] {
        let body = json!({ "name": name, "permissions": [name] });
        for (path, status) in [("/openidm/managed/role?_action=create", 400), ("/passport/admin/roles", 400)] {
            let made = admin.post(path, &body).await;
            assert!(made.status == status && made.text.contains("two or three segments"), "{path}: {}", made.text);
        }
    }
}

#[tokio::test]
async fn p68_a_token_keeps_the_roles_it_was_given() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let role = role(&admin, "reader", &["scim.read"]).await;
        let account = Account::new(&admin, "a", &[&role]).await;
        let (secret, _) = account.secret().await;
        let old = gateway.client(&account.token(&secret, &[]).await);
        let clear = json!({ "Operations": [{ "op": "remove", "path": "roles" }] });
        assert_eq!(admin.patch(&format!("/scim/v2/ServiceAccounts/{}", account.id), &clear).await.status, 200);
        assert_eq!(old.get("/scim/v2/Users").await.status, 200, "as it was given");
        assert_eq!(old.get("/passport/idinfo").await.body["roles"], json!(["reader"]));
        let new = gateway.client(&account.token(&secret, &[]).await);
        assert_eq!(new.get("/scim/v2/Users").await.status, 403);
        // Introspection says what is now.
        let told = post(&admin, "/oauth2/introspect", Some(&basic(&account.client_id, &secret)), &[("token", &old.token)]).await;
        assert_eq!((&told.body["active"], &told.body["roles"]), (&json!(true), &json!([])), "{}", told.text);
        // An hour later it has expired.
        gateway.clock.set(gateway.clock.now().plus_seconds(3_599));
        assert_eq!(old.get("/passport/idinfo").await.status, 200);
        gateway.clock.set(gateway.clock.now().plus_seconds(1));
        assert_eq!(old.get("/passport/idinfo").await.status, 401);
    }
}

#[tokio::test]
async fn p69_disabling_ends_tokens_at_once() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let account = Account::new(&admin, "a", &[]).await;
        let (secret, _) = account.secret().await;
        let token = gateway.client(&account.token(&secret, &[]).await);
        assert_eq!(token.get("/passport/idinfo").await.status, 200);
        // Tried only, it ends nothing.
        let off = json!({ "Operations": [{ "op": "replace", "path": "active", "value": false }] });
        let path = format!("/scim/v2/ServiceAccounts/{}", account.id);
        let tried = admin.send(Method::PATCH, &path, &[("Provost-Dry-Run", "1")], Some(off.to_string())).await;
        assert_eq!((tried.status, token.get("/passport/idinfo").await.status), (200, 200));
        account.set_active(false).await;
        assert_eq!(token.get("/passport/idinfo").await.status, 401);
        account.set_active(true).await;
        assert_eq!(token.get("/passport/idinfo").await.status, 401, "in the same second, too");
        let fresh = gateway.client(&account.token(&secret, &[]).await);
        assert_eq!(fresh.get("/passport/idinfo").await.status, 200);
        // The owner's word, and a secret that leaked, end them as well; a secret that is only replaced does not.
        let (next, next_id) = account.secret().await;
        assert_eq!(admin.delete(&account.path(&format!("/secrets/{next_id}"))).await.status, 204);
        assert_eq!(account.ask(&next, &[]).await.status, 401);
        assert_eq!(fresh.get("/passport/idinfo").await.status, 200);
        let done = admin.send(Method::POST, &account.path("/revoke-tokens"), &[], None).await;
        assert_eq!((done.status, &done.body["tokensInvalidated"]), (200, &json!(true)), "{}", done.text);
        assert_eq!(fresh.get("/passport/idinfo").await.status, 401);
        let last = gateway.client(&account.token(&secret, &[]).await);
        let (_, leaked) = account.secret().await;
        assert_eq!(admin.delete(&account.path(&format!("/secrets/{leaked}?compromised=true"))).await.status, 204);
        assert_eq!(last.get("/passport/idinfo").await.status, 401);
    }
}

/// By secret and by assertion, at each address; the answer is that to anybody unknown.
#[tokio::test]
async fn p70_disabling_stops_new_tokens() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let [account, keyed] = [Account::new(&admin, "a", &[]).await, Account::new(&admin, "b", &[]).await];
        let (secret, _) = account.secret().await;
        let key = ClientKey::new("k");
        keyed.key(&key).await;
        let own = basic(&account.client_id, &secret);
        let form = [("grant_type", "client_credentials")];
        let stranger = post(&admin, TOKEN, Some(&basic("nobody", "x")), &form).await;
        for (active, status) in [(true, 200), (false, 401), (true, 200)] {
            account.set_active(active).await;
            keyed.set_active(active).await;
            let mut answers = vec![assert_with(&admin, &key.sign(&keyed.claims(&gateway)), &[]).await];
            for path in [TOKEN, "/passport/oauth/token", "/api/m2m/oauth/token"] {
                answers.push(post(&admin, path, Some(&own), &form).await);
            }
            for answer in answers {
                assert_eq!(answer.status, status, "{}", answer.text);
                assert_eq!(status == 401, answer.body == stranger.body, "{}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn p69_whichever_dialect_disables() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let account = Account::new(&admin, "a", &[]).await;
        let (secret, _) = account.secret().await;
        let (scim, idm) =
            (format!("/ServiceAccounts/{}", account.id), format!("/openidm/managed/service_account/{}", account.id));
        let inactive = json!([{ "operation": "replace", "field": "/accountStatus", "value": "inactive" }]);
        let patch = json!({ "Operations": [{ "op": "replace", "value": { "active": false } }] });
        let bulk = json!({ "Operations": [{ "method": "PATCH", "path": scim, "data": patch }] });
        for (method, path, body) in [
            (Method::PATCH, idm, inactive),
            (Method::PUT, format!("/scim/v2{scim}"), json!({ "name": "a", "active": false })),
            (Method::POST, "/scim/v2/Bulk".to_owned(), bulk),
        ] {
            let token = gateway.client(&account.token(&secret, &[]).await);
            assert_eq!(token.get("/passport/idinfo").await.status, 200);
            let done = admin.send(method, &path, &[], Some(body.to_string())).await;
            assert_eq!(done.status, 200, "{}", done.text);
            assert_eq!(token.get("/passport/idinfo").await.status, 401, "{path}: {}", done.text);
            account.set_active(true).await;
            assert_eq!(token.get("/passport/idinfo").await.status, 401, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p69_not_one_of_32_callers_is_served_after_the_answer() {
    for gateway in Gateway::both() {
        let account = Account::new(&gateway.admin(), "a", &[]).await;
        let (secret, _) = account.secret().await;
        let token = account.token(&secret, &[]).await;
        let disabled = Arc::new(AtomicBool::new(false));
        let mut callers = JoinSet::new();
        for _ in 0..32 {
            let (client, disabled) = (gateway.client(&token), disabled.clone());
            callers.spawn(async move {
                let mut served = 0;
                loop {
                    let after = disabled.load(Ordering::SeqCst);
                    match client.get("/passport/idinfo").await.status {
                        200 => {
                            assert!(!after, "served after the answer to the disabling");
                            served += 1;
                        }
                        401 if after => return served,
                        401 => {}
                        // Busy.
                        503 => {}
                        other => panic!("{other}"),
                    }
                }
            });
        }
        // While they are at it.
        let busy = gateway.client(&token);
        for _ in 0..20 {
            busy.get("/passport/idinfo").await;
        }
        account.set_active(false).await;
        disabled.store(true, Ordering::SeqCst);
        let served: i32 = callers.join_all().await.into_iter().sum();
        assert!(served > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p69_another_replica_hears_of_it_within_a_second() {
    let url = postgres::fresh_database();
    let key = provost::domain::secret::MasterKey::from_bytes([7; 32]).to_text();
    let settings = [
        ("PROVOST_DATABASE_URL", url.as_str()),
        ("PROVOST_MASTER_KEY", key.expose()),
        ("PROVOST_PUBLIC_URL", "https://id.example"),
    ];
    let [one, two] = [(); 2].map(|()| Gateway::with(std::path::Path::new(""), &settings));
    let account = Account::new(&one.admin(), "a", &[]).await;
    let (secret, _) = account.secret().await;
    let token = account.token(&secret, &[]).await;
    let there = two.client(&token);
    assert_eq!(there.get("/passport/idinfo").await.status, 200);
    let also = Account { admin: two.admin(), ..account.clone() };
    let second = also.token(&secret, &[]).await;
    account.set_active(false).await;
    let answered = Instant::now();
    for old in [&token, &second] {
        assert_eq!(one.client(old).get("/passport/idinfo").await.status, 401, "at once where it was asked for");
    }
    assert_eq!(also.ask(&secret, &[]).await.status, 401, "no new token anywhere");
    let mut last = Duration::ZERO;
    loop {
        let sent = answered.elapsed();
        match there.get("/passport/idinfo").await.status {
            200 => last = sent,
            status => {
                assert_eq!(status, 401);
                break;
            }
        }
        assert!(sent < Duration::from_secs(10), "still served");
    }
    assert!(last < Duration::from_secs(1), "served {last:?} later");
}

#[tokio::test]
async fn a_revoked_token_ends_alone() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let [account, other] = [Account::new(&admin, "a", &[]).await, Account::new(&admin, "b", &[]).await];
        let ((secret, _), (others, _)) = (account.secret().await, other.secret().await);
        let own = basic(&account.client_id, &secret);
        let [one, two] = [account.token(&secret, &[]).await, account.token(&secret, &[]).await];
        let status = async |token: &str| gateway.client(token).get("/passport/idinfo").await.status;
        assert_eq!((status(&one).await, status(&two).await), (200, 200));
        let stranger = post(&admin, "/oauth2/revoke", Some(&basic(&other.client_id, &others)), &[("token", &one)]).await;
        assert_eq!((stranger.status, &stranger.body["error"]), (400, &json!("unauthorized_client")), "{}", stranger.text);
        assert_eq!(status(&one).await, 200);
        for (token, hint) in [(one.as_str(), "access_token"), (&one, "refresh_token"), ("unknown", "x"), ("a.b.c", "")] {
            let done = post(&admin, "/oauth2/revoke", Some(&own), &[("token", token), ("token_type_hint", hint)]).await;
            assert_eq!((done.status, done.text.as_str()), (200, ""), "{token}");
        }
        assert_eq!((status(&one).await, status(&two).await), (401, 200));
        let bad = post(&admin, "/oauth2/revoke", Some(&basic(&account.client_id, "wrong")), &[("token", &two)]).await;
        assert_eq!((bad.status, &bad.body["error"]), (401, &json!("invalid_client")));
        let lacking = post(&admin, "/oauth2/revoke", Some(&own), &[]).await;
        assert_eq!((lacking.status, &lacking.body["error"]), (400, &json!("invalid_request")));
        assert_eq!(status(&two).await, 200);
    }
}

#[tokio::test]
async fn introspection_of_a_narrowed_token_tells_what_it_gives() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let mut roles = Vec::new();
        for (name, gives) in
            [("payroll", vec!["payroll.run", "payroll.read"]), ("reader", vec!["payroll.read"]), ("bare", vec![])]
        {
            roles.push(role(&admin, name, &gives).await);
        }
        let account = Account::new(&admin, "a", &roles.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let (secret, _) = account.secret().await;
        let own = basic(&account.client_id, &secret);
        let told = async |token: &str| {
            let told = post(&admin, "/oauth2/introspect", Some(&own), &[("token", token)]).await;
            let mut roles: Vec<String> = serde_json::from_value(told.body["roles"].clone()).unwrap();
            roles.sort();
            roles
        };
        let narrow = async |scope: &str| account.token(&secret, &[("scope", scope)]).await;
        let (all, bare, read, run) =
            (narrow("").await, narrow("bare").await, narrow("payroll.read").await, narrow("payroll.run").await);
        assert_eq!(told(&all).await, ["bare", "payroll", "reader"]);
        assert_eq!(told(&bare).await, ["bare"]);
        assert_eq!(told(&read).await, ["reader"]);
        assert!(told(&run).await.is_empty());
        // One that comes later counts where the token gives all of it; one that is taken away does not.
        let more = json!({ "roles": ["payroll", "later"] });
        role(&admin, "later", &["payroll.read"]).await;
        assert_eq!(admin.put(&account.path("/roles"), &more).await.status, 200);
        assert_eq!(told(&all).await, ["later", "payroll"]);
        assert_eq!(told(&read).await, ["later"]);
        assert!(told(&bare).await.is_empty());
    }
}

#[tokio::test]
async fn introspection_tells_the_living_from_all_others() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let held = role(&admin, "reader", &["scim.read"]).await;
        let account = Account::new(&admin, "a", &[&held]).await;
        let (secret, _) = account.secret().await;
        let token = account.token(&secret, &[]).await;
        let foreign_admin = gateway.tenant("foreign").await;
        let foreign = Account::new(&foreign_admin, "f", &[]).await;
        let (foreign_secret, _) = foreign.secret().await;
        let asks = gateway.token(&["access.evaluate"], "generic", "gw").await;
        let bearer = format!("Bearer {}", asks.token);
        let own = basic(&account.client_id, &secret);
        for authorization in [own.as_str(), &bearer] {
            let told = post(&admin, "/oauth2/introspect", Some(authorization), &[("token", &token)]).await;
            assert_eq!((told.status, told.header("cache-control")), (200, Some("no-store")), "{}", told.text);
            let claims = part(&token, 1);
            for name in ["iss", "aud", "sub", "client_id", "iat", "exp", "jti", "scope", "tenant_id", "managed_identity_id"] {
                assert_eq!(told.body[name], claims[name], "{name}");
            }
            assert_eq!((&told.body["active"], &told.body["roles"]), (&json!(true), &json!(["reader"])));
        }
        let mut forged = token.clone();
        forged.replace_range(forged.len() - 4.., "AAAA");
        let others = basic(&foreign.client_id, &foreign_secret);
        for (asker, asked) in
            [(&others, token.as_str()), (&own, "unknown"), (&own, forged.as_str()), (&own, admin.token.as_str())]
        {
            let told = post(&admin, "/oauth2/introspect", Some(asker), &[("token", asked)]).await;
            assert_eq!((told.status, told.text.as_str()), (200, "{\"active\":false}"), "{asked}");
        }
        let small = gateway.token(&["scim.read"], "generic", "gw").await;
        for (authorization, status) in [
            (None, 401),
            (Some("Bearer nobody".to_owned()), 401),
            (Some(format!("Bearer {}", small.token)), 403),
            (Some(basic(&account.client_id, "wrong")), 401),
        ] {
            let told = post(&admin, "/oauth2/introspect", authorization.as_deref(), &[("token", &token)]).await;
            assert_eq!(told.status, status, "{}", told.text);
            assert_eq!(told.body["active"], Value::Null);
        }
        account.set_active(false).await;
        let told = post(&admin, "/oauth2/introspect", Some(&bearer), &[("token", &token)]).await;
        assert_eq!(told.text, "{\"active\":false}");
        let ended = post(&admin, TOKEN, Some(&own), &[("grant_type", "client_credentials")]).await;
        assert_eq!(ended.status, 401);
    }
}
