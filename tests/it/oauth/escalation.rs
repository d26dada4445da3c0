//! Nobody gives away what he does not hold (decision 23): every way on which a permission that opens Provost's own APIs comes nearer
//! to somebody.

use reqwest::Method;
use serde_json::{Value, json};

use super::world::ClientKey;
use crate::harness::gateway::{Answer, Client, Gateway};

/// What the weak token may do: everything that these ways need, but for what the roles give.
const WEAK: [&str; 8] =
    ["scim.read", "scim.write", "scim.roles", "idm.read", "idm.write", "idm.roles", "passport.read", "passport.roles"];

/// What the roles give.
const POWER: &str = "access.evaluate";

/// An issuer that the tenant trusts.
const CI: &str = "https://ci.example";

/// Each way: method, address and body, over a world of its own. `$n` makes its ids its own, `$gives` is what its role `r$n` gives,
/// `$edge` the grant of that role to the account `h$n`.
fn ways() -> Vec<(&'static str, Method, &'static str, Value)> {
    let role = || json!({ "_ref": "managed/role/r$n" });
    let scim = |op: Value| json!({ "Operations": [op] });
    let add_role = || scim(json!({ "op": "add", "path": "roles", "value": [{ "value": "r$n" }] }));
    let add = |path: &str, value: Value| json!([{ "operation": "add", "field": path, "value": value }]);
    let window = || json!([{ "duration": "2026-01-01T00:00:00Z/2027-01-01T00:00:00Z" }]);
    let bulk = |path: &str| json!({ "Operations": [{ "method": "PATCH", "path": path, "data": add_role() }] });
    vec![
        ("all roles", Method::PUT, "/passport/admin/managed-identities/m$n/roles", json!({ "roles": ["r$n"] })),
        ("one role", Method::POST, "/passport/admin/managed-identities/m$n/roles/r$n", Value::Null),
        ("SCIM to an account", Method::PATCH, "/scim/v2/ServiceAccounts/m$n", add_role()),
        ("SCIM to a person", Method::PATCH, "/scim/v2/Users/u$n", add_role()),
        (
            "SCIM, made with it",
            Method::POST,
            "/scim/v2/ServiceAccounts",
            json!({ "name": "new$n", "roles": [{ "value": "r$n" }] }),
        ),
        ("IDM, made with it", Method::PUT, "/openidm/managed/user/new$n", json!({ "userName": "new$n", "roles": [role()] })),
        ("IDM to an account", Method::PATCH, "/openidm/managed/service_account/m$n", add("/roles/-", role())),
        ("IDM to a group", Method::PATCH, "/openidm/managed/group/e$n", add("/roles/-", role())),
        (
            "from the role",
            Method::POST,
            "/openidm/managed/role/r$n/members?_action=create",
            json!({ "_ref": "managed/service_account/m$n" }),
        ),
        ("from the holder", Method::POST, "/openidm/managed/service_account/m$n/roles?_action=create", role()),
        (
            "many",
            Method::POST,
            "/openidm/managed/role/r$n/members?_action=bulk",
            json!({ "add": [{ "_ref": "managed/user/u$n" }] }),
        ),
        (
            "another time",
            Method::PUT,
            "/openidm/managed/service_account/h$n/roles/$edge",
            json!({ "_ref": "managed/role/r$n", "_refProperties": { "temporalConstraints": window() } }),
        ),
        ("a bundle of it", Method::POST, "/passport/admin/managed-identities/m$n/roles/pack$n", Value::Null),
        ("into a bundle", Method::POST, "/openidm/managed/role/empty$n/roles?_action=create", role()),
        (
            "a bundle into a bundle",
            Method::PUT,
            "/openidm/managed/role/new$n",
            json!({ "name": "new$n", "roles": [{ "_ref": "managed/role/pack$n" }] }),
        ),
        (
            "a member",
            Method::POST,
            "/openidm/managed/group/g$n/members?_action=create",
            json!({ "_ref": "managed/service_account/m$n" }),
        ),
        (
            "a member below",
            Method::PATCH,
            "/scim/v2/Groups/inner$n",
            scim(json!({ "op": "add", "path": "members", "value": [{ "value": "m$n", "type": "ServiceAccount" }] })),
        ),
        ("a group below", Method::PATCH, "/openidm/managed/group/g$n", add("/members/-", json!({ "_ref": "managed/group/e$n" }))),
        (
            "a member of who has a bundle",
            Method::PATCH,
            "/openidm/managed/group/gp$n",
            add("/members/-", json!({ "_ref": "managed/service_account/m$n" })),
        ),
        (
            "a new role, Passport",
            Method::POST,
            "/passport/admin/roles",
            json!({ "name": "new$n", "permissions": ["x.y", "$gives"] }),
        ),
        (
            "a new role, IDM",
            Method::POST,
            "/openidm/managed/role?_action=create",
            json!({ "name": "new$n", "permissions": ["$gives"] }),
        ),
        ("more of a role, Passport", Method::PATCH, "/passport/admin/roles/empty$n", json!({ "permissions": ["x.y", "$gives"] })),
        ("more of a role, IDM", Method::PATCH, "/openidm/managed/role/empty$n", add("/permissions", json!(["$gives"]))),
        ("a condition", Method::PATCH, "/openidm/managed/role/r$n", add("/condition", json!("/title eq \"x\""))),
        ("a condition on a bundle", Method::PATCH, "/openidm/managed/role/pack$n", add("/condition", json!("/title eq \"x\""))),
        ("its times", Method::PATCH, "/openidm/managed/role/r$n", add("/temporalConstraints", window())),
        ("a secret", Method::POST, "/passport/admin/managed-identities/h$n/secrets", Value::Null),
        ("a key", Method::POST, "/passport/admin/managed-identities/h$n/keys", json!({ "jwk": ClientKey::new("k").public() })),
        (
            "a federation",
            Method::POST,
            "/passport/admin/managed-identities/h$n/federations",
            json!({ "issuer": CI, "subject": "s" }),
        ),
        (
            "a federation of a member",
            Method::POST,
            "/passport/admin/managed-identities/gm$n/federations",
            json!({ "issuer": CI, "subject": "s" }),
        ),
        ("a secret of a member", Method::POST, "/passport/admin/managed-identities/gm$n/secrets", Value::Null),
        ("a secret of who will have it", Method::POST, "/passport/admin/managed-identities/later$n/secrets", Value::Null),
        ("a bulk", Method::POST, "/scim/v2/Bulk", bulk("/ServiceAccounts/m$n")),
    ]
}

/// The world of one attempt; the id of the grant to `h$n`.
async fn world(admin: &Client, n: usize, gives: &str) -> String {
    let put = async |path: String, body: Value| {
        let made = admin.put(&format!("/openidm/managed/{path}"), &body).await;
        assert_eq!(made.status, 201, "{path}: {}", made.text);
    };
    let reference = |what: &str| json!([{ "_ref": format!("managed/{what}{n}") }]);
    put(format!("role/r{n}"), json!({ "name": format!("r{n}"), "permissions": [gives] })).await;
    put(format!("role/empty{n}"), json!({ "name": format!("empty{n}"), "permissions": ["x.y"] })).await;
    put(format!("role/pack{n}"), json!({ "name": format!("pack{n}"), "roles": reference("role/r") })).await;
    put(format!("user/u{n}"), json!({ "userName": format!("u{n}") })).await;
    for (name, roles) in [("m", json!([])), ("h", reference("role/r")), ("gm", json!([]))] {
        put(format!("service_account/{name}{n}"), json!({ "name": format!("{name}{n}"), "roles": roles })).await;
    }
    let mut later = reference("role/r");
    later[0]["_refProperties"] = json!({ "temporalConstraints": [{ "duration": "2030-01-01T00:00:00Z/2031-01-01T00:00:00Z" }] });
    put(format!("service_account/later{n}"), json!({ "name": format!("later{n}"), "roles": later })).await;
    put(format!("group/e{n}"), json!({ "name": "e" })).await;
    put(format!("group/inner{n}"), json!({ "name": "inner", "members": reference("service_account/gm") })).await;
    put(format!("group/g{n}"), json!({ "name": "g", "members": reference("group/inner"), "roles": reference("role/r") })).await;
    put(format!("group/gp{n}"), json!({ "name": "gp", "roles": reference("role/pack") })).await;
    let held = admin.get(&format!("/openidm/managed/service_account/h{n}/roles?_queryFilter=true")).await;
    held.body["result"][0]["_id"].as_str().unwrap().to_owned()
}

async fn attempt(admin: &Client, by: &Client, (method, path, body): (Method, &str, &Value), n: usize, gives: &str) -> Answer {
    let edge = world(admin, n, gives).await;
    let fill = |text: &str| text.replace("$n", &n.to_string()).replace("$gives", gives).replace("$edge", &edge);
    let body = (!body.is_null()).then(|| fill(&body.to_string()));
    by.send(method, &fill(path), &[], body).await
}

#[tokio::test]
async fn no_way_leads_to_what_the_giver_does_not_hold() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        assert_eq!(admin.post("/admin/v1/issuers", &json!({ "issuer": CI })).await.status, 201);
        let weak = gateway.token(&WEAK, "generic", "x").await;
        let strong = gateway.token(&[&WEAK[..], &[POWER]].concat(), "generic", "x").await;
        let mut failures = Vec::new();
        let mut n = 0;
        for (name, method, path, body) in ways() {
            for (by, gives, may) in [(&weak, POWER, false), (&weak, "payroll.run", true), (&strong, POWER, true)] {
                n += 1;
                let answer = attempt(&admin, by, (method.clone(), path, &body), n, gives).await;
                // A bulk succeeds as a whole; its operation says what became of it.
                let inner = answer.body["Operations"][0]["status"].as_str().and_then(|status| status.parse().ok());
                let status: u16 = inner.unwrap_or(answer.status);
                let named = answer.text.contains(&format!("'{POWER}'"));
                let right = if may { (200..300).contains(&status) } else { status == 403 && named };
                if !right {
                    failures.push(format!("{name} ({gives}, {}): {status} {}", if may { "may" } else { "may not" }, answer.text));
                }
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
}

#[tokio::test]
async fn taking_away_is_nobodys_escalation() {
    let gateway = Gateway::start();
    let (admin, weak) = (gateway.admin(), gateway.token(&WEAK, "generic", "x").await);
    let edge = world(&admin, 1, POWER).await;
    let gone = weak.delete(&format!("/openidm/managed/service_account/h1/roles/{edge}")).await;
    assert_eq!(gone.status, 200, "{}", gone.text);
    let none = json!([{ "operation": "replace", "field": "/members", "value": [] }]);
    assert_eq!(weak.patch("/openidm/managed/group/inner1", &none).await.status, 200);
    // What a role gives may stay while something else of it is written, and may go.
    let described = weak.patch("/passport/admin/roles/r1", &json!({ "description": "x", "permissions": [POWER, "a.b"] })).await;
    assert_eq!(described.status, 200, "{}", described.text);
    assert_eq!(weak.patch("/passport/admin/roles/r1", &json!({ "permissions": [] })).await.status, 200);
    assert_eq!(weak.patch("/passport/admin/roles/r1", &json!({ "permissions": [POWER] })).await.status, 403);
    // Who writes members of groups without the roles scope is asked as before.
    let writer = gateway.token(&["scim.write", "scim.read"], "generic", "x").await;
    let add = json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": "u1" }] }] });
    assert_eq!(writer.patch("/scim/v2/Groups/e1", &add).await.status, 200);
    assert_eq!(writer.patch("/scim/v2/Groups/g1", &add).await.status, 403);
}

/// The whole way that the rule closes: a role, a grant, a secret, a token.
#[tokio::test]
async fn a_service_account_reaches_no_scope_that_it_was_not_given() {
    let gateway = Gateway::start();
    let (admin, weak) = (gateway.admin(), gateway.token(&WEAK, "generic", "x").await);
    world(&admin, 1, POWER).await;
    let refused = weak.post("/passport/admin/managed-identities/m1/roles/r1", &Value::Null).await;
    assert_eq!((refused.status, &refused.body["error"]), (403, &json!("forbidden")), "{}", refused.text);
    assert!(refused.body["message"].as_str().unwrap().contains(POWER));
    let tried = weak
        .send(
            Method::PUT,
            "/passport/admin/managed-identities/m1/roles",
            &[("Provost-Dry-Run", "1")],
            Some(json!({ "roles": ["r1"] }).to_string()),
        )
        .await;
    assert_eq!(tried.status, 403, "also when it is only tried");
    assert_eq!(admin.get("/passport/admin/managed-identities/m1").await.body["roles"], json!([]));
}
