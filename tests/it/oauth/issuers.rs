//! Tokens of issuers that a tenant trusts: whose they are, what they open, and each way in which they open nothing.

use std::collections::BTreeSet;

use aws_lc_rs::hmac;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use provost::runtime::random;
use serde_json::{Map, Value, json};

use super::world::{Account, ClientKey, encode, role};
use crate::harness::gateway::{Answer, Client, Gateway};
use crate::harness::issuer;
use crate::harness::issuer::ForeignIssuer;

pub const AUDIENCE: &str = "provost";

/// The claims of a good token about somebody.
pub fn claims(gateway: &Gateway, issuer: &str, subject: &str) -> Map<String, Value> {
    let now = gateway.clock.now().micros() / 1_000_000;
    let claims = json!({
        "iss": issuer, "sub": subject, "aud": AUDIENCE, "iat": now, "exp": now + 300, "jti": random::key().to_string(),
    });
    claims.as_object().unwrap().clone()
}

/// The same with some that differ; those that are null are left out.
pub fn with(claims: &Map<String, Value>, changes: Value) -> Map<String, Value> {
    let mut out = claims.clone();
    for (name, value) in changes.as_object().unwrap() {
        out.insert(name.clone(), value.clone());
    }
    out.retain(|_, value| !value.is_null());
    out
}

/// A record of an issuer whose users are told by `externalId`.
pub fn record(issuer: &ForeignIssuer) -> Value {
    json!({
        "issuer": issuer.url, "audiences": [AUDIENCE], "match": [{ "claim": "sub", "attribute": "externalId" }],
        "allowPrivateNetwork": true,
    })
}

/// Trusts an issuer; the record's address.
pub async fn trust(admin: &Client, record: &Value) -> String {
    let made = admin.post("/admin/v1/issuers", record).await;
    assert_eq!(made.status, 201, "{}", made.text);
    format!("/admin/v1/issuers/{}", made.id())
}

/// A user who is known elsewhere by `subject`; his id.
pub async fn user(admin: &Client, name: &str, subject: &str, roles: &[&str]) -> String {
    let roles: Vec<Value> = roles.iter().map(|role| json!({ "value": role })).collect();
    let body = json!({
        "userName": name, "displayName": name.to_uppercase(), "externalId": subject, "roles": roles,
        "emails": [{ "value": format!("{name}@home.example") }, { "value": format!("{name}@work.example"), "primary": true }],
    });
    let made = admin.post("/scim/v2/Users", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.id().to_owned()
}

pub async fn idinfo(gateway: &Gateway, token: &str) -> Answer {
    gateway.client(token).get("/passport/idinfo").await
}

#[tokio::test]
async fn records_are_kept_and_what_is_wrong_is_named() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let record = json!({
            "issuer": "https://idp.example", "audiences": ["a"], "match": [{ "claim": "email", "attribute": "userName" }],
        });
        let made = admin.post("/admin/v1/issuers", &record).await;
        assert_eq!((made.status, made.header("etag")), (201, Some("W/\"1\"")), "{}", made.text);
        let path = format!("/admin/v1/issuers/{}", made.id());
        assert_eq!(made.header("location"), Some(format!("{}{path}", gateway.url).as_str()));
        let read = admin.get(&path).await;
        assert_eq!((read.status, &read.body), (200, &made.body));
        assert_eq!(admin.get("/admin/v1/issuers").await.body["issuers"], json!([made.body]));
        // What was read may be sent back, and changes nothing.
        assert_eq!(admin.put(&path, &read.body).await.header("etag"), Some("W/\"1\""));
        let mut changed = read.body.clone();
        changed["audiences"] = json!(["b", "c"]);
        let stale = admin.send(reqwest::Method::PUT, &path, &[("If-Match", "W/\"7\"")], Some(changed.to_string())).await;
        assert_eq!(stale.status, 412, "{}", stale.text);
        assert_eq!(admin.put(&path, &changed).await.header("etag"), Some("W/\"2\""));
        for (body, member) in [
            (json!({ "issuer": "http://idp.example" }), "'issuer'"),
            (json!({ "issuer": gateway.url, "allowPrivateNetwork": true }), "'issuer'"),
            (json!({ "issuer": "https://x.example", "algorithms": ["none"] }), "'algorithms'"),
            (json!({ "issuer": "https://x.example", "algorithms": ["HS256"] }), "'algorithms'"),
            (json!({ "issuer": "https://x.example", "audiences": ["z"] }), "'match'"),
            (
                json!({ "issuer": "https://x.example", "audiences": ["z"], "match": [{ "claim": "sub", "attribute": "password" }] }),
                "'match'",
            ),
            (json!({ "issuer": "https://x.example", "condition": { "type": "rhai", "source": "(" } }), "'condition'"),
            (json!({ "issuer": "https://x.example", "keys": [] }), "'keys'"),
            (json!([]), "object"),
        ] {
            let refused = admin.post("/admin/v1/issuers", &body).await;
            assert_eq!(refused.status, 400, "{body}: {}", refused.text);
            assert!(refused.body["detail"].as_str().unwrap().contains(member), "{body}: {}", refused.text);
        }
        let again = admin.post("/admin/v1/issuers", &record).await;
        assert_eq!(again.status, 409, "{}", again.text);
        // Another tenant may have the issuer, but not the tokens that are meant for this one.
        let other = gateway.tenant("other").await;
        let theirs =
            |audience: &str| json!({ "issuer": "https://idp.example", "audiences": [audience], "match": record["match"] });
        let taken = other.post("/admin/v1/issuers", &theirs("c")).await;
        assert_eq!(taken.status, 409, "{}", taken.text);
        assert!(!taken.text.contains("default") && taken.text.contains("'audiences'"), "{}", taken.text);
        assert_eq!(other.post("/admin/v1/issuers", &theirs("a")).await.status, 201, "it was given up");
        assert_eq!(admin.delete(&path).await.status, 204);
        assert_eq!((admin.get(&path).await.status, admin.delete(&path).await.status), (404, 404));
        gateway.sync.drain().await.unwrap();
        let log = admin.get("/admin/v1/changes?type=trusted-issuer").await;
        let ops: Vec<&str> = log.body["changes"].as_array().unwrap().iter().map(|c| c["op"].as_str().unwrap()).collect();
        assert_eq!(ops, ["create", "update", "delete"], "{}", log.text);
    }
}

#[tokio::test]
async fn a_users_token_opens_what_his_roles_give() {
    for gateway in Gateway::both() {
        let admin = gateway.tenant("tenant-abc").await;
        let key = ClientKey::new("k");
        let issuer = ForeignIssuer::with(&[key.public()]);
        trust(&admin, &record(&issuer)).await;
        let reads = role(&admin, "reader", &["scim.read", "payroll.run"]).await;
        let greedy = role(&admin, "greedy", &["admin.all", "scim.write"]).await;
        let ann = user(&admin, "ann", "ext-ann", &[&reads]).await;
        let group = json!({ "displayName": "g", "members": [{ "value": ann }] });
        let group = admin.post("/scim/v2/Groups", &group).await;
        let token = key.sign(&claims(&gateway, &issuer.url, "ext-ann"));
        let client = gateway.client(&token);
        assert_eq!(client.get("/scim/v2/Users").await.status, 200);
        assert_eq!(client.post("/scim/v2/Users", &json!({ "userName": "x" })).await.status, 403);
        assert_eq!(client.get("/admin/v1/tokens").await.status, 403);
        // Roles are those of the moment, through groups as well.
        let grant = json!({ "_ref": format!("managed/role/{greedy}") });
        let path = format!("/openidm/managed/group/{}/roles?_action=create", group.id());
        assert_eq!(admin.post(&path, &grant).await.status, 201);
        let made = client.post("/scim/v2/Users", &json!({ "userName": "by-ann", "externalId": "e" })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let info = idinfo(&gateway, &token).await;
        let mut roles: Vec<String> = serde_json::from_value(info.body["roles"].clone()).unwrap();
        roles.sort();
        assert_eq!(roles, ["greedy", "reader"]);
        // The log names him; what he writes has a source of its own.
        gateway.sync.drain().await.unwrap();
        let log = admin.get(&format!("/admin/v1/changes?objectId={}", made.id())).await;
        assert!(log.text.contains("\"ANN\"") && log.text.contains(&format!("user:{ann}")), "{}", log.text);
        assert_eq!(admin.get(&format!("/scim/v2/Users/{}", made.id())).await.body["externalId"], Value::Null);
        let clear = json!({ "Operations": [{ "op": "remove", "path": "roles" }] });
        assert_eq!(admin.patch(&format!("/scim/v2/Users/{ann}"), &clear).await.status, 200);
        assert_eq!(admin.delete(&format!("/scim/v2/Groups/{}", group.id())).await.status, 204);
        assert_eq!(client.get("/scim/v2/Users").await.status, 403);
        assert_eq!(issuer.seen(issuer::KEYS), 1);
    }
}

/// Rows P15 and P25 to P31, for both kinds.
#[tokio::test]
async fn idinfo_answers_alike_for_both_kinds() {
    for gateway in Gateway::both() {
        let admin = gateway.tenant("tenant-abc").await;
        let key = ClientKey::new("k");
        let issuer = ForeignIssuer::with(&[key.public()]);
        trust(&admin, &record(&issuer)).await;
        let held = role(&admin, "payroll-executor", &["payroll.run"]).await;
        let ann = user(&admin, "ann", "ext-ann", &[&held]).await;
        let person = idinfo(&gateway, &key.sign(&claims(&gateway, &issuer.url, "ext-ann"))).await;
        let expected = json!({
            "userId": ann, "tenantId": "tenant-abc", "email": "ann@work.example", "displayName": "ANN",
            "roles": ["payroll-executor"], "isServiceAccount": false, "managedIdentityId": null,
        });
        assert_eq!((person.status, &person.body), (200, &expected), "{}", person.text);
        let account = Account::new(&admin, "payroll-scheduler", &[&held]).await;
        let (secret, _) = account.secret().await;
        let program = idinfo(&gateway, &account.token(&secret, &[]).await).await;
        let members = |answer: &Answer| answer.body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(members(&person), members(&program));
        // What it says of him can be asked about.
        let asked = json!({ "caller": ann, "permission": "payroll.run" });
        let checked = admin.post("/passport/check-permission", &asked).await;
        assert_eq!(
            (&checked.body["allowed"], &checked.body["isServiceAccount"]),
            (&json!(true), &json!(false)),
            "{}",
            checked.text
        );
    }
}

#[tokio::test]
async fn each_fault_alone_is_enough() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let (key, other) = (ClientKey::new("k"), ClientKey::new("k"));
        let issuer = ForeignIssuer::with(&[key.public()]);
        let mut body = record(&issuer);
        body["algorithms"] = json!(["ES256"]);
        body["condition"] = json!({ "type": "rhai", "source": "get(claims, \"hd\", \"home\") == \"home\"" });
        let path = trust(&admin, &body).await;
        user(&admin, "ann", "ext-ann", &[]).await;
        let now = gateway.clock.now().micros() / 1_000_000;
        let good = claims(&gateway, &issuer.url, "ext-ann");
        let signed = key.sign(&good);
        assert_eq!(idinfo(&gateway, &signed).await.status, 200);
        let mut tokens: Vec<(String, String)> = Vec::new();
        for changes in [
            json!({ "iss": "https://elsewhere.example" }),
            json!({ "iss": format!("{}/", issuer.url) }),
            json!({ "iss": null }),
            json!({ "iss": gateway.url }),
            json!({ "iss": "https://elsewhere.example/\0" }),
            json!({ "aud": "another" }),
            json!({ "aud": "provost\0" }),
            json!({ "aud": ["another", "\0"] }),
            json!({ "aud": "Provost" }),
            json!({ "aud": ["another"] }),
            json!({ "aud": null }),
            json!({ "exp": now }),
            json!({ "exp": now + 25 * 3_600 }),
            json!({ "exp": null }),
            json!({ "exp": (now + 60).to_string() }),
            json!({ "iat": now + 31 }),
            json!({ "nbf": now + 31 }),
            json!({ "sub": null }),
            json!({ "sub": "ext-bob" }),
            json!({ "sub": "EXT-ANN" }),
            json!({ "sub": ["ext-ann"] }),
            json!({ "hd": "elsewhere" }),
            json!({ "hd": 7 }),
            json!({ "padding": "x".repeat(20_000) }),
        ] {
            let name = changes.to_string();
            tokens.push((name[..name.len().min(60)].to_owned(), key.sign(&with(&good, changes))));
        }
        for header in [
            json!({ "alg": "ES256", "kid": "k", "typ": "dpop+jwt" }),
            json!({ "alg": "ES256", "kid": "k", "typ": "logout+jwt" }),
            json!({ "alg": "ES256", "kid": "k", "typ": "client-authentication+jwt" }),
            json!({ "alg": "ES256", "kid": "k", "typ": 1 }),
            json!({ "alg": "ES256", "kid": "k", "crit": ["x"], "x": 1 }),
            json!({ "alg": "ES256", "kid": "x" }),
            json!({ "alg": "ES384", "kid": "k" }),
            json!({ "alg": "RS256", "kid": "k" }),
            json!({ "alg": "none", "kid": "k" }),
            json!({ "alg": "es256", "kid": "k" }),
        ] {
            tokens.push((header.to_string(), key.sign_as(&header, &good)));
        }
        let (message, signature) = signed.rsplit_once('.').unwrap();
        let payload = message.split_once('.').unwrap().1;
        let forged = format!("{}.{payload}", encode(&json!({ "alg": "HS256", "kid": "k" })));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.public().to_string().as_bytes()), forged.as_bytes());
        tokens.extend([
            ("HS256 with the public key".to_owned(), format!("{forged}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag))),
            ("none without signature".to_owned(), format!("{}.{payload}.", encode(&json!({ "alg": "none" })))),
            ("another key of that name".to_owned(), other.sign(&good)),
            ("a key of its own".to_owned(), other.sign_as(&json!({ "alg": "ES256", "jwk": other.public() }), &good)),
            ("a turned signature".to_owned(), format!("{message}.A{}", &signature[1..])),
            ("no signature".to_owned(), format!("{message}.")),
        ]);
        let mut told = BTreeSet::new();
        for (what, token) in &tokens {
            let answer = idinfo(&gateway, token).await;
            assert_eq!(answer.status, 401, "{what}: {}", answer.text);
            told.insert(answer.text);
        }
        assert_eq!(told.len(), 1, "the answer tells what is wrong: {told:?}");
        for header in [
            json!({ "alg": "ES256" }),
            json!({ "alg": "ES256", "kid": "k", "typ": "JWT" }),
            json!({ "alg": "ES256", "kid": "k", "typ": "at+jwt" }),
        ] {
            let several = with(&good, json!({ "aud": ["another", AUDIENCE] }));
            assert_eq!(idinfo(&gateway, &key.sign_as(&header, &several)).await.status, 200, "{header}");
        }
        // Out of use, changed and gone: each from the answer on.
        body["enabled"] = json!(false);
        assert_eq!(admin.put(&path, &body).await.status, 200);
        assert_eq!(idinfo(&gateway, &signed).await.status, 401);
        body["enabled"] = json!(true);
        assert_eq!(admin.put(&path, &body).await.status, 200);
        assert_eq!(idinfo(&gateway, &signed).await.status, 200);
        body["algorithms"] = json!(["RS256"]);
        assert_eq!(admin.put(&path, &body).await.status, 200);
        assert_eq!(idinfo(&gateway, &signed).await.status, 401);
        body["algorithms"] = Value::Null;
        assert_eq!(admin.put(&path, &body).await.status, 200);
        assert_eq!(idinfo(&gateway, &signed).await.status, 200);
        assert_eq!(admin.delete(&path).await.status, 204);
        assert_eq!(idinfo(&gateway, &signed).await.status, 401);
        let users = admin.get("/scim/v2/Users?count=0").await;
        assert_eq!(users.body["totalResults"], 1, "nobody is made: {}", users.text);
    }
}

/// Row P47, for users.
#[tokio::test]
async fn a_user_asks_about_himself_without_a_scope() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let key = ClientKey::new("k");
        let issuer = ForeignIssuer::with(&[key.public()]);
        trust(&admin, &record(&issuer)).await;
        let runs = role(&admin, "payroll-executor", &["payroll.run"]).await;
        let [ann, bob] = [user(&admin, "ann", "ext-ann", &[&runs]).await, user(&admin, "bob", "ext-bob", &[&runs]).await];
        let own = gateway.client(&key.sign(&claims(&gateway, &issuer.url, "ext-ann")));
        for caller in [Value::Null, json!(ann), json!({ "type": "user", "id": ann })] {
            for (permission, allowed) in [("payroll.run", true), ("payroll.read", false)] {
                let told = own.post("/passport/check-permission", &json!({ "caller": caller, "permission": permission })).await;
                let mut expected = json!({ "allowed": allowed, "isServiceAccount": false });
                if !allowed {
                    expected["message"] = "no role of the caller allows it".into();
                }
                assert_eq!((told.status, told.body), (200, expected), "{caller}");
            }
        }
        let question = |kind: &str, id: &str| {
            json!({ "subject": { "type": kind, "id": id }, "action": { "name": "payroll.run" },
                    "resource": { "type": "workflow", "id": "w" } })
        };
        let told = own.post("/access/v1/evaluation", &question("user", &ann)).await;
        assert_eq!((told.status, told.body), (200, json!({ "decision": true, "context": {} })));
        for (kind, id) in [("user", bob.as_str()), ("service_account", &ann), ("user", ""), ("service_account", "")] {
            let told = own.post("/access/v1/evaluation", &question(kind, id)).await;
            assert!([400, 403].contains(&told.status), "{kind} {id}: {}", told.text);
        }
        for caller in [json!(bob), json!({ "type": "service_account", "id": ann })] {
            let told = own.post("/passport/check-permission", &json!({ "caller": caller, "permission": "payroll.run" })).await;
            assert_eq!((told.status, &told.body["error"]), (403, &json!("forbidden")), "{}", told.text);
        }
    }
}

#[tokio::test]
async fn exactly_one_user_who_is_active() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let key = ClientKey::new("k");
        let issuer = ForeignIssuer::with(&[key.public()]);
        let mut body = record(&issuer);
        body["match"] = json!([{ "claim": "email", "attribute": "emails.value" }]);
        let path = trust(&admin, &body).await;
        let ann = user(&admin, "ann", "ext-ann", &[]).await;
        let mut verified = claims(&gateway, &issuer.url, "s");
        verified.insert("email_verified".to_owned(), json!(true));
        let token = |changes: Value| key.sign(&with(&verified, changes));
        let work = token(json!({ "email": "ann@work.example" }));
        assert_eq!(idinfo(&gateway, &work).await.body["userId"], ann);
        assert_eq!(idinfo(&gateway, &token(json!({ "email": "ANN@home.example" }))).await.status, 200);
        // What the issuer does not say it has verified counts where the record says so.
        let unverified =
            [json!(false), Value::Null].map(|said| token(json!({ "email": "ann@work.example", "email_verified": said })));
        for (lax, status) in [(true, 200), (false, 401)] {
            body["unverifiedEmail"] = json!(lax);
            assert_eq!(admin.put(&path, &body).await.status, 200);
            for token in &unverified {
                assert_eq!(idinfo(&gateway, token).await.status, status);
            }
        }
        let ann_path = format!("/scim/v2/Users/{ann}");
        let set = async |active: bool| {
            let patch = json!({ "Operations": [{ "op": "replace", "path": "active", "value": active }] });
            assert_eq!(admin.patch(&ann_path, &patch).await.status, 200);
        };
        set(false).await;
        assert_eq!(idinfo(&gateway, &work).await.status, 401, "at once");
        set(true).await;
        assert_eq!(idinfo(&gateway, &work).await.status, 200);
        // Whoever else has the address makes it say nothing.
        let double = json!({ "userName": "ann2", "emails": [{ "value": "ann@work.example" }], "active": false });
        let double = admin.post("/scim/v2/Users", &double).await;
        assert_eq!(idinfo(&gateway, &work).await.status, 401, "two have it");
        // A second claim tells them apart.
        body["match"] = json!([
            { "claim": "email", "attribute": "emails.value" }, { "claim": "preferred_username", "attribute": "userName" },
        ]);
        assert_eq!(admin.put(&path, &body).await.status, 200);
        let both = token(json!({ "email": "ann@work.example", "preferred_username": "Ann" }));
        assert_eq!(idinfo(&gateway, &both).await.body["userId"], ann);
        assert_eq!(idinfo(&gateway, &work).await.status, 401, "one of both is not enough");
        let crossed = token(json!({ "email": "ann@work.example", "preferred_username": "ann2" }));
        assert_eq!(idinfo(&gateway, &crossed).await.status, 401, "he is not active");
        assert_eq!(admin.delete(&format!("/scim/v2/Users/{}", double.id())).await.status, 204);
        assert_eq!(admin.delete(&ann_path).await.status, 204);
        assert_eq!(idinfo(&gateway, &both).await.status, 401);
    }
}

/// Whoever says whom a token means, gives whoever brings it what that user may do.
#[tokio::test]
async fn who_a_user_is_elsewhere_is_said_by_whoever_holds_what_he_holds() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let mut body = record(&ForeignIssuer::with(&[]));
        body["match"] = json!([{ "claim": "a", "attribute": "userName" }, { "claim": "sub", "attribute": "externalId" }]);
        body["source"] = json!("hr");
        trust(&admin, &body).await;
        let power = role(&admin, "power", &["payroll.run", "idm.write"]).await;
        let harmless = role(&admin, "harmless", &["payroll.run"]).await;
        let [ann, bob, eve] = [
            user(&admin, "ann", "1", &[&power]).await,
            user(&admin, "bob", "2", &[&harmless]).await,
            user(&admin, "eve", "3", &[]).await,
        ];
        let group = admin.post("/scim/v2/Groups", &json!({ "displayName": "g", "members": [{ "value": eve }] })).await;
        let grant = json!({ "_ref": format!("managed/role/{power}") });
        let path = format!("/openidm/managed/group/{}/roles?_action=create", group.id());
        assert_eq!(admin.post(&path, &grant).await.status, 201);
        let scopes = ["scim.write", "scim.read"];
        let weak = gateway.token(&scopes, "generic", "hr").await;
        let elsewhere = gateway.token(&scopes, "generic", "x").await;
        let strong = gateway.token(&["scim.write", "scim.read", "idm.write"], "generic", "hr").await;
        for (by, who, attribute, value, status) in [
            (&weak, &ann, "userName", json!("ann2"), 403),
            (&weak, &ann, "externalId", json!("new"), 403),
            (&weak, &eve, "userName", json!("eve2"), 403),
            (&weak, &ann, "displayName", json!("Ann"), 200),
            (&weak, &ann, "userName", json!("ann"), 200),
            (&weak, &bob, "userName", json!("bob2"), 200),
            (&weak, &bob, "externalId", json!("new"), 200),
            (&elsewhere, &ann, "externalId", json!("new"), 200),
            (&elsewhere, &ann, "userName", json!("ann2"), 403),
            (&strong, &ann, "userName", json!("ann2"), 200),
            (&strong, &eve, "externalId", json!("other"), 200),
            (&admin, &ann, "userName", json!("ann3"), 200),
        ] {
            let change = json!({ "Operations": [{ "op": "replace", "path": attribute, "value": value }] });
            let done = by.patch(&format!("/scim/v2/Users/{who}"), &change).await;
            assert_eq!(done.status, status, "{attribute} {value}: {}", done.text);
            assert!(status == 200 || done.text.contains("'idm.write'"), "{}", done.text);
        }
    }
}

#[tokio::test]
async fn what_looks_alike_is_not_the_same() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let key = ClientKey::new("k");
        let issuer = ForeignIssuer::with(&[key.public()]);
        let mut body = record(&issuer);
        body["match"] = json!([{ "claim": "name", "attribute": "userName" }]);
        trust(&admin, &body).await;
        user(&admin, "kelvin", "1", &[]).await;
        for (name, status) in [("kelvin", 200), ("KELVIN", 200), ("\u{212A}elvin", 401), ("kelvin ", 401)] {
            let token = key.sign(&with(&claims(&gateway, &issuer.url, "s"), json!({ "name": name })));
            assert_eq!(idinfo(&gateway, &token).await.status, status, "{name:?}");
        }
    }
}

#[tokio::test]
async fn external_ids_are_those_of_the_records_source() {
    let gateway = Gateway::start();
    let admin = gateway.admin();
    let key = ClientKey::new("k");
    let issuer = ForeignIssuer::with(&[key.public()]);
    let mut body = record(&issuer);
    body["source"] = json!("hr");
    let path = trust(&admin, &body).await;
    let hr = gateway.token(&["scim.write"], "generic", "hr").await;
    let [by_hr, by_admin] = [user(&hr, "ann", "1", &[]).await, user(&admin, "bob", "1", &[]).await];
    let token = key.sign(&claims(&gateway, &issuer.url, "1"));
    assert_eq!(idinfo(&gateway, &token).await.body["userId"], by_hr);
    body["source"] = Value::Null;
    assert_eq!(admin.put(&path, &body).await.status, 200);
    assert_eq!(idinfo(&gateway, &token).await.body["userId"], by_admin);
}

#[tokio::test]
async fn a_token_is_of_the_tenant_that_it_is_meant_for() {
    for gateway in Gateway::both() {
        let (one, two) = (gateway.tenant("one").await, gateway.tenant("two").await);
        let key = ClientKey::new("k");
        let issuer = ForeignIssuer::with(&[key.public()]);
        let mut body = record(&issuer);
        trust(&one, &body).await;
        body["audiences"] = json!(["provost-two"]);
        trust(&two, &body).await;
        let [ann, bob] = [user(&one, "ann", "x", &[]).await, user(&two, "bob", "x", &[]).await];
        user(&two, "only-two", "y", &[]).await;
        let token =
            |subject: &str, audience: Value| key.sign(&with(&claims(&gateway, &issuer.url, subject), json!({ "aud": audience })));
        let who = async |token: &str| {
            let info = idinfo(&gateway, token).await;
            (info.body["tenantId"].as_str().map(str::to_owned), info.body["userId"].as_str().map(str::to_owned))
        };
        assert_eq!(who(&token("x", json!(AUDIENCE))).await, (Some("one".to_owned()), Some(ann)));
        assert_eq!(who(&token("x", json!("provost-two"))).await, (Some("two".to_owned()), Some(bob)));
        assert_eq!(who(&token("y", json!(AUDIENCE))).await, (None, None), "the other tenant's user");
        assert_eq!(who(&token("x", json!([AUDIENCE, "provost-two"]))).await, (None, None), "meant for both");
        // One whom only the other tenant trusts.
        let foreign_key = ClientKey::new("k");
        let foreign = ForeignIssuer::with(&[foreign_key.public()]);
        let mut theirs = record(&foreign);
        theirs["audiences"] = json!(["provost-two", "three"]);
        trust(&two, &theirs).await;
        for audience in [AUDIENCE, "provost-two", "three"] {
            let claims = with(&claims(&gateway, &foreign.url, "x"), json!({ "aud": audience }));
            let found = who(&foreign_key.sign(&claims)).await.0;
            assert_eq!(found.as_deref(), (audience != AUDIENCE).then_some("two"), "{audience}");
            // In the name of the issuer that both trust.
            let claims = with(&claims, json!({ "iss": issuer.url }));
            assert_eq!(who(&foreign_key.sign(&claims)).await.0, None, "{audience}");
        }
    }
}

/// PyJWT signs, with RSA in both ways; the key set says the algorithm of neither key.
#[tokio::test]
async fn tokens_by_other_hands() {
    let gateway = Gateway::start();
    gateway.clock.set(provost::runtime::Clock::system().now());
    let admin = gateway.admin();
    user(&admin, "ann", "ext-ann", &[]).await;
    let issuer = ForeignIssuer::with(&[]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/foreign_issuer.py");
    let mut command = crate::harness::python::command(script);
    command.args([&issuer.url, AUDIENCE, "ext-ann"]);
    let run = move || crate::harness::python::run_command(&mut command, std::time::Duration::from_secs(60));
    let (well, made) = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(well, "{made}");
    let made: Value = serde_json::from_str(&made).unwrap();
    issuer.json(issuer::KEYS, &made["jwks"]);
    trust(&admin, &record(&issuer)).await;
    for (name, token) in made["tokens"].as_object().unwrap() {
        let info = idinfo(&gateway, token.as_str().unwrap()).await;
        let good = ["RS256", "PS256", "ES256", "ES384", "EdDSA"].contains(&name.as_str());
        assert_eq!(info.status, if good { 200 } else { 401 }, "{name}: {}", info.text);
    }
    assert_eq!(made["tokens"].as_object().unwrap().len(), 7);
}
