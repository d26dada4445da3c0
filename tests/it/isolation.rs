//! Who may not, and whose it is not: every address of the URL map against bad credentials, scopes that do not reach, and the
//! ids of another tenant.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::gateway::{ADMIN, Answer, Client, Gateway};

/// The URL map; the cases below must name all of it.
const MAP: &str = include_str!("../../src/http/router.rs");

/// Addresses that answer anybody, and name nobody (spec/admin.md, "Without a token").
const PUBLIC: [&str; 8] = [
    "/health",
    "/ready",
    "/metrics",
    "/openapi.json",
    "/.well-known/authzen-configuration",
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource",
];

/// Addresses that no scope opens: clients prove who they are there, or the token is asked about. `tests/it/oauth` has their
/// cases.
const OWN_RULES: [(&str, &str); 6] = [
    ("POST", "/oauth2/token"),
    ("POST", "/api/m2m/oauth/token"),
    ("POST", "/passport/oauth/token"),
    ("POST", "/oauth2/introspect"),
    ("POST", "/oauth2/revoke"),
    ("GET", "/passport/idinfo"),
];

pub struct Case {
    pub method: &'static str,
    pub template: &'static str,
    /// A request that would succeed; `$user` and the like stand for ids of a tenant.
    pub path: &'static str,
    pub body: Value,
    /// The scope it needs.
    scope: &'static str,
}

pub fn cases() -> Vec<Case> {
    let case = |method, template, path, body: Value, scope| Case { method, template, path, body, scope };
    let none = || Value::Null;
    let scim_patch = || json!({ "Operations": [{ "op": "add", "path": "externalId", "value": "x" }] });
    let idm_patch = || json!([{ "operation": "replace", "field": "/description", "value": "x" }]);
    let (item, edge) = ("/openidm/managed/{type}/{id}", "/openidm/managed/{type}/{id}/{property}/{edge}");
    let (property, one) = ("/openidm/managed/{type}/{id}/{property}", "/scim/v2/{endpoint}/{id}");
    let internal = "/openidm/internal/{type}/{id}";
    let (authz, authz_edge) = ("/openidm/internal/{type}/{id}/{property}", "/openidm/internal/{type}/{id}/{property}/{edge}");
    let (target, link) = ("/admin/v1/targets/{id}", "/admin/v1/targets/{id}/links/{type}/{object}");
    let (retry, unlink, adopt) = (
        "/admin/v1/targets/{id}/links/{type}/{object}/retry",
        "/admin/v1/targets/{id}/links/{type}/{object}/unlink",
        "/admin/v1/targets/{id}/links/{type}/{object}/adopt",
    );
    let edge_patch = || json!([{ "operation": "add", "field": "/_refProperties/note", "value": "y" }]);
    let noted = || json!({ "_ref": "managed/user/$user", "_refProperties": { "note": "x" } });
    let granted = || json!({ "_ref": "managed/role/$role", "_refProperties": { "note": "x" } });
    let (policies, policy) = ("/passport/admin/resource-policies", "/passport/admin/resource-policies/{id}");
    let (accounts, account) = ("/passport/admin/managed-identities", "/passport/admin/managed-identities/{id}");
    let named = "/passport/admin/roles/{name}";
    let of = |what: &str| match what {
        "disable" => "/passport/admin/managed-identities/{id}/disable",
        "enable" => "/passport/admin/managed-identities/{id}/enable",
        "tags" => "/passport/admin/managed-identities/{id}/tags",
        "roles" => "/passport/admin/managed-identities/{id}/roles",
        _ => "/passport/admin/managed-identities/{id}/roles/{roleName}",
    };
    let asked = || json!({ "subject": { "type": "user", "id": "$user" }, "action": { "name": "a.b" }, "resource": { "type": "w", "id": "1" } });
    let (secrets, secret) =
        ("/passport/admin/managed-identities/{id}/secrets", "/passport/admin/managed-identities/{id}/secrets/{sid}");
    let (keys, key) = ("/passport/admin/managed-identities/{id}/keys", "/passport/admin/managed-identities/{id}/keys/{kid}");
    let ending = "/passport/admin/managed-identities/{id}/revoke-tokens";
    let (federations, federation) =
        ("/passport/admin/managed-identities/{id}/federations", "/passport/admin/managed-identities/{id}/federations/{fid}");
    let workload = || json!({ "issuer": "$idp", "subject": "new" });
    let (member, holder) = (|| json!({ "_ref": "managed/user/$user" }), || json!({ "_ref": "managed/group/$group" }));
    vec![
        case("GET", "/scim/v2/ServiceProviderConfig", "/scim/v2/ServiceProviderConfig", none(), "scim.read"),
        case("GET", "/scim/v2/ResourceTypes", "/scim/v2/ResourceTypes", none(), "scim.read"),
        case("GET", "/scim/v2/ResourceTypes/{name}", "/scim/v2/ResourceTypes/User", none(), "scim.read"),
        case("GET", "/scim/v2/Schemas", "/scim/v2/Schemas", none(), "scim.read"),
        case(
            "GET",
            "/scim/v2/Schemas/{name}",
            "/scim/v2/Schemas/urn:ietf:params:scim:schemas:core:2.0:User",
            none(),
            "scim.read",
        ),
        case("GET", "/scim/v2", "/scim/v2", none(), "scim.read"),
        case("POST", "/scim/v2/.search", "/scim/v2/.search", json!({}), "scim.read"),
        case("POST", "/scim/v2/Bulk", "/scim/v2/Bulk", bulk(), "scim.write"),
        case("GET", "/scim/v2/Me", "/scim/v2/Me", none(), "scim.read"),
        case("POST", "/scim/v2/Me", "/scim/v2/Me", json!({ "userName": "x" }), "scim.write"),
        case("PUT", "/scim/v2/Me", "/scim/v2/Me", json!({ "userName": "x" }), "scim.write"),
        case("PATCH", "/scim/v2/Me", "/scim/v2/Me", scim_patch(), "scim.write"),
        case("DELETE", "/scim/v2/Me", "/scim/v2/Me", none(), "scim.write"),
        case("POST", "/scim/v2/{endpoint}/.search", "/scim/v2/Users/.search", json!({}), "scim.read"),
        case("GET", "/scim/v2/{endpoint}", "/scim/v2/Users", none(), "scim.read"),
        case("GET", "/scim/v2/{endpoint}", "/scim/v2/Roles", none(), "scim.read"),
        case("POST", "/scim/v2/{endpoint}", "/scim/v2/Users", json!({ "userName": "new" }), "scim.write"),
        case("POST", "/scim/v2/{endpoint}", "/scim/v2/Groups", json!({ "displayName": "new" }), "scim.write"),
        case("POST", "/scim/v2/{endpoint}", "/scim/v2/Roles", json!({ "name": "new" }), "scim.roles"),
        case("POST", "/scim/v2/{endpoint}", "/scim/v2/ServiceAccounts", json!({ "name": "new" }), "scim.roles"),
        case("GET", one, "/scim/v2/Users/$user", none(), "scim.read"),
        case("GET", one, "/scim/v2/Groups/$group", none(), "scim.read"),
        case("GET", one, "/scim/v2/Roles/$role", none(), "scim.read"),
        case("PUT", one, "/scim/v2/Users/$user", json!({ "userName": "x" }), "scim.write"),
        case("PUT", one, "/scim/v2/Groups/$group", json!({ "displayName": "x" }), "scim.write"),
        case("PUT", one, "/scim/v2/Roles/$role", json!({ "name": "x" }), "scim.roles"),
        case("PATCH", one, "/scim/v2/Users/$user", scim_patch(), "scim.write"),
        case("PATCH", one, "/scim/v2/Groups/$group", scim_patch(), "scim.write"),
        case("PATCH", one, "/scim/v2/Roles/$role", scim_patch(), "scim.roles"),
        case("DELETE", one, "/scim/v2/Users/$user", none(), "scim.write"),
        case("DELETE", one, "/scim/v2/Groups/$group", none(), "scim.write"),
        case("DELETE", one, "/scim/v2/Roles/$role", none(), "scim.roles"),
        case("GET", "/openidm/managed/{type}", "/openidm/managed/user?_queryFilter=true", none(), "idm.read"),
        case(
            "POST",
            "/openidm/managed/{type}",
            "/openidm/managed/user?_action=create",
            json!({ "userName": "new" }),
            "idm.write",
        ),
        case("POST", "/openidm/managed/{type}", "/openidm/managed/role?_action=create", json!({ "name": "new" }), "idm.roles"),
        case(
            "POST",
            "/openidm/managed/{type}",
            "/openidm/managed/user?_action=patch&_queryFilter=_id+eq+%22$user%22",
            idm_patch(),
            "idm.write",
        ),
        case("POST", "/openidm/managed/{type}", "/openidm/managed/user?_action=triggerSyncCheck", none(), "idm.write"),
        case("POST", "/openidm/managed/{type}", "/openidm/managed/role?_action=triggerSyncCheck", none(), "idm.roles"),
        case("POST", item, "/openidm/managed/user/$user?_action=triggerSyncCheck", none(), "idm.write"),
        case("POST", item, "/openidm/managed/role/$role?_action=triggerSyncCheck", none(), "idm.roles"),
        case(
            "POST",
            "/openidm/policy/managed/{type}",
            "/openidm/policy/managed/user?_action=validateObject",
            json!({ "userName": "new" }),
            "idm.read",
        ),
        case(
            "POST",
            "/openidm/policy/managed/{type}/{id}",
            "/openidm/policy/managed/user/*?_action=validateProperty",
            json!({ "userName": "new" }),
            "idm.read",
        ),
        case("GET", item, "/openidm/managed/user/$user", none(), "idm.read"),
        case("GET", item, "/openidm/managed/role/$role", none(), "idm.read"),
        case("PUT", item, "/openidm/managed/user/$user", json!({ "userName": "x" }), "idm.write"),
        case("PATCH", item, "/openidm/managed/user/$user", idm_patch(), "idm.write"),
        case("PATCH", item, "/openidm/managed/role/$role", idm_patch(), "idm.roles"),
        case("POST", item, "/openidm/managed/user/$user?_action=patch", idm_patch(), "idm.write"),
        case("POST", item, "/openidm/managed/user/$user?_action=explainRoles", none(), "idm.read"),
        case("GET", item, "/openidm/managed/user/$user?_action=explainRoles", none(), "idm.read"),
        case("POST", item, "/openidm/managed/role/$role?_action=evaluateCondition", json!({ "condition": "true" }), "idm.roles"),
        case("DELETE", item, "/openidm/managed/user/$user", none(), "idm.write"),
        case("DELETE", item, "/openidm/managed/role/$role", none(), "idm.roles"),
        case("GET", property, "/openidm/managed/user/$user/roles?_queryFilter=true", none(), "idm.read"),
        case("GET", property, "/openidm/managed/group/$group/members?_queryFilter=true", none(), "idm.read"),
        case("POST", property, "/openidm/managed/group/$group/members?_action=create", member(), "idm.write"),
        case("POST", property, "/openidm/managed/role/$role/members?_action=create", holder(), "idm.roles"),
        case("PUT", property, "/openidm/managed/user/$user/manager", member(), "idm.write"),
        case("POST", property, "/openidm/managed/role/$role/members?_action=bulk", json!({ "add": [holder()] }), "idm.roles"),
        case("PATCH", property, "/openidm/managed/user/$user/manager", edge_patch(), "idm.write"),
        case("DELETE", property, "/openidm/managed/user/$user/manager", none(), "idm.write"),
        case("GET", edge, "/openidm/managed/user/$user/roles/$edge", none(), "idm.read"),
        case("PUT", edge, "/openidm/managed/user/$user/roles/$edge", granted(), "idm.roles"),
        case("PATCH", edge, "/openidm/managed/user/$user/roles/$edge", edge_patch(), "idm.roles"),
        case("DELETE", edge, "/openidm/managed/user/$user/roles/$edge", none(), "idm.roles"),
        case("GET", "/openidm/internal/{type}", "/openidm/internal/role?_queryFilter=true", none(), "idm.read"),
        case("POST", "/openidm/internal/{type}", "/openidm/internal/role?_action=create", json!({ "name": "new" }), "idm.roles"),
        case("GET", internal, "/openidm/internal/role/$internal", none(), "idm.read"),
        case("PUT", internal, "/openidm/internal/role/$internal", json!({ "name": "x" }), "idm.roles"),
        case("PATCH", internal, "/openidm/internal/role/$internal", idm_patch(), "idm.roles"),
        case("POST", internal, "/openidm/internal/role/$internal?_action=patch", idm_patch(), "idm.roles"),
        case("DELETE", internal, "/openidm/internal/role/$internal", none(), "idm.roles"),
        case("GET", authz, "/openidm/internal/role/$internal/authzMembers?_queryFilter=true", none(), "idm.read"),
        case("POST", authz, "/openidm/internal/role/$internal/authzMembers?_action=create", member(), "idm.roles"),
        case("GET", authz_edge, "/openidm/internal/role/$internal/authzMembers/$authz", none(), "idm.read"),
        case("PUT", authz_edge, "/openidm/internal/role/$internal/authzMembers/$authz", noted(), "idm.roles"),
        case("PATCH", authz_edge, "/openidm/internal/role/$internal/authzMembers/$authz", edge_patch(), "idm.roles"),
        case("DELETE", authz_edge, "/openidm/internal/role/$internal/authzMembers/$authz", none(), "idm.roles"),
        case("POST", "/openidm/privilege", "/openidm/privilege?_action=listPrivileges", none(), "idm.read"),
        case("GET", "/openidm/privilege/{space}/{type}", "/openidm/privilege/managed/user", none(), "idm.read"),
        case("GET", "/openidm/privilege/{space}/{type}/{id}", "/openidm/privilege/managed/user/$user", none(), "idm.read"),
        case("GET", policies, policies, none(), "passport.read"),
        case("POST", policies, policies, rule(), "passport.roles"),
        case("GET", policy, "/passport/admin/resource-policies/$policy", none(), "passport.read"),
        case("PUT", policy, "/passport/admin/resource-policies/$policy", rule(), "passport.roles"),
        case("DELETE", policy, "/passport/admin/resource-policies/$policy", none(), "passport.roles"),
        case("GET", "/passport/admin/roles", "/passport/admin/roles", none(), "passport.read"),
        case("POST", "/passport/admin/roles", "/passport/admin/roles", json!({ "name": "new" }), "passport.roles"),
        case("GET", named, "/passport/admin/roles/$free", none(), "passport.read"),
        case("PUT", named, "/passport/admin/roles/$free", json!({ "permissions": ["a.b"] }), "passport.roles"),
        case("PATCH", named, "/passport/admin/roles/$free", json!({ "permissions": ["a.b"] }), "passport.roles"),
        case("DELETE", named, "/passport/admin/roles/$free", none(), "passport.roles"),
        case("GET", accounts, accounts, none(), "passport.read"),
        case("POST", accounts, accounts, json!({ "name": "new", "owner": { "type": "user", "id": "$user" } }), "passport.roles"),
        case("GET", account, "/passport/admin/managed-identities/$account", none(), "passport.read"),
        case("PATCH", account, "/passport/admin/managed-identities/$account", json!({ "name": "x" }), "passport.roles"),
        case("DELETE", account, "/passport/admin/managed-identities/$account", none(), "passport.roles"),
        case("POST", of("disable"), "/passport/admin/managed-identities/$account/disable", none(), "passport.roles"),
        case("POST", of("enable"), "/passport/admin/managed-identities/$account/enable", none(), "passport.roles"),
        case("PUT", of("tags"), "/passport/admin/managed-identities/$account/tags", json!({ "tags": ["t"] }), "passport.roles"),
        case(
            "PUT",
            of("roles"),
            "/passport/admin/managed-identities/$account/roles",
            json!({ "roles": ["$free"] }),
            "passport.roles",
        ),
        case("POST", of("role"), "/passport/admin/managed-identities/$account/roles/$free", none(), "passport.roles"),
        case("DELETE", of("role"), "/passport/admin/managed-identities/$account/roles/$held", none(), "passport.roles"),
        case(
            "POST",
            "/passport/check-permission",
            "/passport/check-permission",
            json!({ "caller": "$account", "permission": "a.b" }),
            "access.evaluate",
        ),
        case("POST", "/access/v1/evaluation", "/access/v1/evaluation", asked(), "access.evaluate"),
        case("POST", "/access/v1/evaluations", "/access/v1/evaluations", asked(), "access.evaluate"),
        case("GET", "/admin/v1/tokens", "/admin/v1/tokens", none(), "admin"),
        case("POST", "/admin/v1/tokens", "/admin/v1/tokens", json!({ "name": "new", "scopes": ["scim.read"] }), "admin"),
        case("GET", "/admin/v1/tokens/{id}", "/admin/v1/tokens/$token", none(), "admin"),
        case("DELETE", "/admin/v1/tokens/{id}", "/admin/v1/tokens/$token", none(), "admin"),
        case("GET", "/admin/v1/profiles", "/admin/v1/profiles", none(), "admin"),
        case("GET", "/admin/v1/tenants", "/admin/v1/tenants", none(), "operator"),
        case("POST", "/admin/v1/tenants", "/admin/v1/tenants", json!({ "name": "new" }), "operator"),
        case("GET", "/admin/v1/signing-keys", "/admin/v1/signing-keys", none(), "operator"),
        case("POST", "/admin/v1/signing-keys", "/admin/v1/signing-keys", none(), "operator"),
        case("DELETE", "/admin/v1/signing-keys/{id}", "/admin/v1/signing-keys/$signing", none(), "operator"),
        case("GET", secrets, "/passport/admin/managed-identities/$account/secrets", none(), "passport.read"),
        case("POST", secrets, "/passport/admin/managed-identities/$account/secrets", none(), "passport.roles"),
        case("DELETE", secret, "/passport/admin/managed-identities/$account/secrets/$secret", none(), "passport.roles"),
        case("GET", keys, "/passport/admin/managed-identities/$keyed/keys", none(), "passport.read"),
        case("POST", keys, "/passport/admin/managed-identities/$keyed/keys", public_key("new"), "passport.roles"),
        case("DELETE", key, "/passport/admin/managed-identities/$keyed/keys/known", none(), "passport.roles"),
        case("GET", federations, "/passport/admin/managed-identities/$account/federations", none(), "passport.read"),
        case("POST", federations, "/passport/admin/managed-identities/$account/federations", workload(), "passport.roles"),
        case("DELETE", federation, "/passport/admin/managed-identities/$account/federations/$workload", none(), "passport.roles"),
        case("GET", "/admin/v1/issuers", "/admin/v1/issuers", none(), "admin"),
        case("POST", "/admin/v1/issuers", "/admin/v1/issuers", trusted("new"), "admin"),
        case("GET", "/admin/v1/issuers/{id}", "/admin/v1/issuers/$issuer", none(), "admin"),
        case("PUT", "/admin/v1/issuers/{id}", "/admin/v1/issuers/$issuer", trusted("put"), "admin"),
        case("DELETE", "/admin/v1/issuers/{id}", "/admin/v1/issuers/$issuer", none(), "admin"),
        case("POST", ending, "/passport/admin/managed-identities/$account/revoke-tokens", none(), "passport.roles"),
        case("GET", "/admin/v1/changes", "/admin/v1/changes", none(), "admin"),
        case("GET", "/admin/v1/findings", "/admin/v1/findings", none(), "admin"),
        case("GET", "/admin/v1/types", "/admin/v1/types", none(), "admin"),
        case("GET", "/admin/v1/types/{type}", "/admin/v1/types/user", none(), "admin"),
        case("PUT", "/admin/v1/types/{type}", "/admin/v1/types/user", json!({}), "admin"),
        case("DELETE", "/admin/v1/types/{type}", "/admin/v1/types/user", none(), "admin"),
        case("GET", "/admin/v1/jobs", "/admin/v1/jobs", none(), "admin"),
        case("GET", "/admin/v1/jobs/{id}", "/admin/v1/jobs/x", none(), "admin"),
        case("GET", "/admin/v1/inbound/held", "/admin/v1/inbound/held", none(), "admin"),
        case("POST", "/admin/v1/inbound/held/{source}/approve", "/admin/v1/inbound/held/x/approve", none(), "admin"),
        case("POST", "/admin/v1/inbound/held/{source}/reject", "/admin/v1/inbound/held/x/reject", none(), "admin"),
        case("GET", "/admin/v1/targets", "/admin/v1/targets", none(), "admin"),
        case("POST", "/admin/v1/targets", "/admin/v1/targets", nowhere("new"), "admin"),
        case("GET", target, "/admin/v1/targets/$target", none(), "admin"),
        case("PUT", target, "/admin/v1/targets/$target", nowhere("put"), "admin"),
        case("PATCH", target, "/admin/v1/targets/$target", json!({ "name": "patched" }), "admin"),
        case("DELETE", target, "/admin/v1/targets/$target", none(), "admin"),
        case("POST", "/admin/v1/targets/{id}/probe", "/admin/v1/targets/$target/probe", none(), "admin"),
        case("POST", "/admin/v1/targets/{id}/pause", "/admin/v1/targets/$target/pause", none(), "admin"),
        case("POST", "/admin/v1/targets/{id}/resume", "/admin/v1/targets/$target/resume", none(), "admin"),
        case("POST", "/admin/v1/targets/{id}/resync", "/admin/v1/targets/$target/resync", none(), "admin"),
        case("POST", "/admin/v1/targets/{id}/retry", "/admin/v1/targets/$target/retry", json!({}), "admin"),
        case("GET", "/admin/v1/targets/{id}/attempts", "/admin/v1/targets/$target/attempts", none(), "admin"),
        case("GET", "/admin/v1/targets/{id}/held", "/admin/v1/targets/$target/held", none(), "admin"),
        case("POST", "/admin/v1/targets/{id}/held/{batch}/approve", "/admin/v1/targets/$target/held/x/approve", none(), "admin"),
        case("POST", "/admin/v1/targets/{id}/held/{batch}/reject", "/admin/v1/targets/$target/held/x/reject", none(), "admin"),
        case("GET", "/admin/v1/targets/{id}/links", "/admin/v1/targets/$target/links", none(), "admin"),
        case("GET", link, "/admin/v1/targets/$target/links/user/$user", none(), "admin"),
        case("POST", retry, "/admin/v1/targets/$target/links/user/$user/retry", none(), "admin"),
        case("POST", unlink, "/admin/v1/targets/$target/links/user/$user/unlink", none(), "admin"),
        case("POST", adopt, "/admin/v1/targets/$target/links/user/$user/adopt", json!({ "remoteId": "1" }), "admin"),
    ]
}

/// A rule that never denies, on every resource.
fn rule() -> Value {
    json!({ "effect": "Deny", "condition": "principal.name == \"nobody\"" })
}

/// A bulk that makes a user.
fn bulk() -> Value {
    json!({ "Operations": [{ "method": "POST", "path": "/Users", "bulkId": "a", "data": { "userName": "new" } }] })
}

/// A key as clients register it: the example of RFC 8037.
fn public_key(kid: &str) -> Value {
    json!({ "jwk": { "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": kid } })
}

/// An issuer that is never asked for anything.
fn trusted(name: &str) -> Value {
    let pairs = json!([{ "claim": "sub", "attribute": "externalId" }]);
    json!({ "issuer": format!("https://{name}.example"), "audiences": [name], "match": pairs })
}

/// A target at which nobody answers.
fn nowhere(name: &str) -> Value {
    let config = json!({ "baseUrl": "http://127.0.0.1:9/", "allowPrivateNetwork": true, "auth": { "type": "none" } });
    json!({ "name": name, "kind": "scim", "config": config })
}

/// Method and template of every route of the URL map, and the addresses outside of any scope.
pub fn mapped() -> (BTreeSet<(String, String)>, BTreeSet<String>) {
    const VERBS: [&str; 5] = [".get(", ".post(", ".put(", ".patch(", ".delete("];
    let mut marks: Vec<(usize, &str)> =
        ["scope(\"", "at(\"", ".route(\"", ".or::<"].into_iter().chain(VERBS).flat_map(|mark| MAP.match_indices(mark)).collect();
    marks.sort_unstable();
    let (mut base, mut path, mut routes, mut public) = (String::new(), None, BTreeSet::new(), BTreeSet::new());
    for (at, mark) in marks {
        let text = || MAP[at + mark.len()..].split('"').next().unwrap();
        match mark {
            "scope(\"" => base = text().to_owned(),
            ".route(\"" => _ = public.insert(text().to_owned()),
            "at(\"" => path = Some(format!("{base}{}", text())),
            ".or::<" => path = None,
            verb => {
                let path = path.clone().expect("a method stands after its address");
                routes.insert((verb.trim_matches(['.', '(']).to_uppercase(), path));
            }
        }
    }
    (routes, public)
}

#[test]
fn every_route_has_its_case() {
    let (routes, public) = mapped();
    assert!(routes.len() >= 30, "the URL map is not read right: {routes:?}");
    let covered: BTreeSet<_> = cases().iter().map(|c| (c.method.to_owned(), c.template.to_owned())).collect();
    let own: BTreeSet<_> = OWN_RULES.map(|(method, path)| (method.to_owned(), path.to_owned())).into();
    assert!(own.is_subset(&routes), "{own:?}");
    let routes: BTreeSet<_> = routes.difference(&own).cloned().collect();
    assert_eq!(routes.difference(&covered).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "routes without a case");
    assert_eq!(covered.difference(&routes).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "cases without a route");
    assert_eq!(public, PUBLIC.map(str::to_owned).into());
}

/// What a tenant holds: a user in a group and with a manager and a role, the edge to it, a token, a target, a policy, a service
/// account that holds a role, and a role that nobody holds, by their names.
pub struct Tenant {
    pub admin: Client,
    pub ids: [(&'static str, String); 18],
}

impl Tenant {
    pub async fn fill(admin: Client, mark: &str) -> Self {
        let role = admin.post("/scim/v2/Roles", &json!({ "name": format!("role-{mark}") })).await;
        let boss = admin.post("/scim/v2/Users", &json!({ "userName": format!("boss-{mark}") })).await;
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let user = json!({
            "userName": format!("user-{mark}"), "roles": [{ "value": role.id() }], enterprise: { "manager": { "value": boss.id() } },
        });
        let user = admin.post("/scim/v2/Users", &user).await;
        assert_eq!(user.status, 201, "{}", user.text);
        let group = json!({ "displayName": format!("group-{mark}"), "members": [{ "value": boss.id() }] });
        let group = admin.post("/scim/v2/Groups", &group).await;
        let granted = admin.get(&format!("/openidm/managed/user/{}/roles?_queryFilter=true", user.id())).await;
        let edge = granted.body["result"][0]["_refProperties"]["_id"].as_str().or(granted.body["result"][0]["_id"].as_str());
        let edge = edge.unwrap_or_else(|| panic!("no edge in {}", granted.text)).to_owned();
        let internal =
            json!({ "name": format!("internal-{mark}"), "authzMembers": [{ "_ref": format!("managed/user/{}", boss.id()) }] });
        let internal = admin.post("/openidm/internal/role?_fields=authzMembers", &internal).await;
        let authz =
            internal.body["authzMembers"][0]["_refProperties"]["_id"].as_str().unwrap_or_else(|| panic!("{}", internal.text));
        let token = admin.post("/admin/v1/tokens", &json!({ "name": "spare", "scopes": ["scim.read"] })).await;
        let target = admin.post("/admin/v1/targets", &nowhere("spare")).await;
        let known = format!("/admin/v1/targets/{}/links/user/{}/retry", target.id(), user.id());
        assert_eq!(admin.post(&known, &json!({})).await.status, 202);
        let policy = admin.post("/passport/admin/resource-policies", &rule()).await;
        let owned = json!({ "name": format!("account-{mark}"), "owner": { "type": "user", "id": boss.id() } });
        let account = admin.post("/passport/admin/managed-identities", &owned).await;
        let account = account.body["managedIdentityId"].as_str().unwrap_or_else(|| panic!("{}", account.text)).to_owned();
        let [free, held] = ["free", "held"].map(|name| format!("{name}-{mark}"));
        for name in [&free, &held] {
            assert_eq!(admin.post("/passport/admin/roles", &json!({ "name": name })).await.status, 201);
        }
        let give = format!("/passport/admin/managed-identities/{account}/roles/{held}");
        assert_eq!(admin.send(Method::POST, &give, &[], None).await.status, 200);
        let keyed = admin.post("/scim/v2/ServiceAccounts", &json!({ "name": format!("with-key-{mark}") })).await;
        let own = |id: &str, what: &str| format!("/passport/admin/managed-identities/{id}/{what}");
        let secret = admin.post(&own(&account, "secrets"), &json!({})).await;
        assert_eq!(secret.status, 201, "{}", secret.text);
        assert_eq!(admin.post(&own(keyed.id(), "keys"), &public_key("known")).await.status, 201);
        let set = admin.get("/.well-known/jwks.json").await;
        let signing = set.body["keys"][0]["kid"].as_str().unwrap().to_owned();
        let issuer = admin.post("/admin/v1/issuers", &trusted(mark)).await;
        assert_eq!(issuer.status, 201, "{}", issuer.text);
        let idp = issuer.body["issuer"].as_str().unwrap().to_owned();
        let workload = admin.post(&own(&account, "federations"), &json!({ "issuer": idp, "subject": "known" })).await;
        assert_eq!(workload.status, 201, "{}", workload.text);
        let ids = [
            ("$issuer", issuer.id().to_owned()),
            ("$idp", idp),
            ("$workload", workload.id().to_owned()),
            ("$policy", policy.id().to_owned()),
            ("$account", account),
            ("$free", free),
            ("$held", held),
            ("$keyed", keyed.id().to_owned()),
            ("$secret", secret.id().to_owned()),
            ("$signing", signing),
            ("$target", target.id().to_owned()),
            ("$user", user.id().to_owned()),
            ("$group", group.id().to_owned()),
            ("$role", role.id().to_owned()),
            ("$edge", edge),
            ("$internal", internal.body["_id"].as_str().unwrap().to_owned()),
            ("$authz", authz.to_owned()),
            ("$token", token.id().to_owned()),
        ];
        Self { admin, ids }
    }

    pub fn fill_in(&self, text: &str) -> String {
        self.ids.iter().fold(text.to_owned(), |out, (name, id)| out.replace(name, id))
    }

    fn id(&self, name: &str) -> &str {
        &self.ids.iter().find(|(known, _)| *known == name).unwrap().1
    }

    /// All that can be seen of the tenant.
    async fn everything(&self) -> Vec<Value> {
        let mut out = Vec::new();
        for path in [
            "/scim/v2/Users",
            "/scim/v2/Groups",
            "/scim/v2/Roles?attributes=name,members",
            "/openidm/managed/user?_queryFilter=true&_fields=*,roles/*,manager,groups",
            "/openidm/internal/role?_queryFilter=true&_fields=*,authzMembers",
            "/passport/admin/managed-identities",
            "/passport/admin/resource-policies",
            "/admin/v1/changes?limit=1000",
        ] {
            let read = self.admin.get(path).await;
            assert_eq!(read.status, 200, "{path}: {}", read.text);
            out.push(read.body);
        }
        out
    }
}

async fn ask(client: &Client, case: &Case, tenant: &Tenant, authorization: Option<&str>) -> Answer {
    let path = format!("{}{}", client.url, tenant.fill_in(case.path));
    let mut request = client.http.request(case.method.parse().unwrap(), path);
    if !case.body.is_null() {
        request = request.header("Content-Type", "application/json").body(tenant.fill_in(&case.body.to_string()));
    }
    if let Some(authorization) = authorization {
        request = request.header("Authorization", authorization);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text }
}

/// Refused with this status, in the form of the address's dialect.
fn refused(what: &str, case: &Case, answer: &Answer, status: u16) {
    let at = format!("{what}: {} {}: {} {}", case.method, case.path, answer.status, answer.text);
    assert_eq!(answer.status, status, "{at}");
    let (media_type, member, told) = match case.template.split('/').nth(1) {
        Some("scim") => ("application/scim+json", "status", json!(status.to_string())),
        Some("openidm") => ("application/json", "code", json!(status)),
        Some("passport") => ("application/json", "status", json!(status)),
        _ => ("application/problem+json", "status", json!(status)),
    };
    assert_eq!(answer.header("content-type"), Some(media_type), "{at}");
    assert_eq!(answer.body[member], told, "{at}");
    let challenge = answer.header("www-authenticate").is_some_and(|text| text.starts_with("Bearer resource_metadata="));
    assert_eq!(challenge, status == 401, "{at}");
}

#[tokio::test]
async fn bad_credentials_are_refused_everywhere_alike() {
    let gateway = Gateway::start();
    let tenant = Tenant::fill(gateway.admin(), "a").await;
    let all = ["admin", "operator"];
    let revoked = gateway.token(&all, "generic", "hr").await.token;
    let short = json!({ "name": "short", "scopes": all, "expires": "1h" });
    let expired = gateway.admin().post("/admin/v1/tokens", &short).await.body["token"].as_str().unwrap().to_owned();
    let listed = gateway.admin().get("/admin/v1/tokens").await;
    let one = listed.body["tokens"].as_array().unwrap().iter().find(|t| t["name"] == "test").unwrap()["id"].as_str().unwrap();
    // Known and in use until it is revoked.
    assert_eq!(gateway.client(&revoked).get("/scim/v2/Users").await.status, 200);
    assert_eq!(gateway.admin().delete(&format!("/admin/v1/tokens/{one}")).await.status, 204);
    gateway.clock.set(gateway.clock.now().plus_seconds(3_600));
    let mut mistyped = expired.clone();
    mistyped.replace_range(4..5, if mistyped.as_bytes()[4] == b'x' { "y" } else { "x" });
    let before = tenant.everything().await;
    let headers = [
        ("no header", None),
        ("another scheme", Some("Basic YTpi".to_owned())),
        ("no token", Some("Bearer ".to_owned())),
        ("only a token", Some(ADMIN.to_owned())),
        ("an unknown token", Some(format!("Bearer {ADMIN}x"))),
        ("a mistyped token", Some(format!("Bearer {mistyped}"))),
        ("a revoked token", Some(format!("Bearer {revoked}"))),
        ("an expired token", Some(format!("Bearer {expired}"))),
    ];
    for case in cases() {
        let mut told = BTreeSet::new();
        for (what, header) in &headers {
            let answer = ask(&tenant.admin, &case, &tenant, header.as_deref()).await;
            refused(what, &case, &answer, 401);
            told.insert(answer.text);
        }
        assert_eq!(told.len(), 1, "the answer tells what is wrong with the token: {told:?}");
    }
    assert_eq!(tenant.everything().await, before, "something happened without credentials");
    let scheme = ask(&tenant.admin, &cases()[0], &tenant, Some(&format!("bEaReR {ADMIN}"))).await;
    assert_eq!(scheme.status, 200, "the scheme's name compares without case");
    for path in PUBLIC {
        let answer = tenant.admin.http.get(format!("{}{path}", gateway.url)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        let text = answer.text().await.unwrap();
        // The keys that sign are there to be told.
        for (name, id) in tenant.ids.iter().filter(|(name, _)| *name != "$signing") {
            assert!(!text.contains(id.as_str()), "{path} tells {name}");
        }
        assert!(!text.contains("user-a"), "{path}: {text}");
    }
}

#[tokio::test]
async fn a_scope_too_small_is_forbidden() {
    let gateway = Gateway::start();
    let tenant = Tenant::fill(gateway.admin(), "a").await;
    let before = tenant.everything().await;
    for case in cases() {
        // All that does not reach.
        let short: &[&str] = match case.scope {
            "scim.read" => &["idm.read", "idm.write", "idm.roles"],
            "scim.write" => &["scim.read", "idm.read", "idm.write", "idm.roles"],
            "scim.roles" => &["scim.read", "scim.write", "idm.read", "idm.write", "idm.roles"],
            "idm.read" => &["scim.read", "scim.write", "scim.roles"],
            "idm.write" => &["idm.read", "scim.read", "scim.write", "scim.roles"],
            "idm.roles" => &["idm.read", "idm.write", "scim.read", "scim.write", "scim.roles"],
            "passport.read" => &["passport.write", "passport.roles", "access.evaluate", "scim.read"],
            "passport.roles" => &["passport.read", "passport.write", "access.evaluate", "scim.roles", "idm.roles"],
            "access.evaluate" => &["passport.read", "passport.write", "passport.roles", "scim.read"],
            "operator" => &["admin"],
            _ => &["scim.read", "scim.write", "scim.roles", "idm.read", "idm.write", "idm.roles", "operator"],
        };
        let token = gateway.token(short, "generic", "hr").await.token;
        let answer = ask(&tenant.admin, &case, &tenant, Some(&format!("Bearer {token}"))).await;
        refused(&format!("with {short:?}"), &case, &answer, 403);
        // What is not there is no more told than what is.
        assert!(!answer.text.contains("user-a"), "{}", answer.text);
    }
    assert_eq!(tenant.everything().await, before, "something happened without the scope");
    // With it the same requests succeed, each in a world of its own, where nothing is held and no job is at work.
    for case in cases().into_iter().filter(|case| !case.path.contains("/held/") && !case.path.ends_with("/jobs/x")) {
        let gateway = Gateway::start();
        let tenant = Tenant::fill(gateway.admin(), "a").await;
        let scopes: &[&str] = match case.scope {
            "scim.roles" => &["scim.write", "scim.roles"],
            "idm.roles" => &["idm.write", "idm.roles"],
            scope => &[scope],
        };
        if case.method == "DELETE" && case.path.contains("$role") {
            let clear = json!({ "Operations": [{ "op": "remove", "path": "roles" }] });
            assert_eq!(tenant.admin.patch(&tenant.fill_in("/scim/v2/Users/$user"), &clear).await.status, 200);
        }
        let token = gateway.token(scopes, "generic", "hr").await.token;
        let answer = ask(&tenant.admin, &case, &tenant, Some(&format!("Bearer {token}"))).await;
        if case.path == "/scim/v2/Me" {
            // No token stands for a resource, so that with the scope too there is nobody.
            refused("with the scope", &case, &answer, 501);
            continue;
        }
        assert!((200..300).contains(&answer.status), "{} {} with {scopes:?}: {}", case.method, case.path, answer.text);
    }
}

#[tokio::test]
async fn another_tenants_ids_are_unknown_ids() {
    let gateway = Gateway::start();
    let ours = Tenant::fill(gateway.admin(), "a").await;
    let theirs = Tenant::fill(gateway.tenant("other").await, "b").await;
    let nobody = Tenant {
        admin: ours.admin.clone(),
        ids: [
            "$issuer",
            "$idp",
            "$workload",
            "$policy",
            "$account",
            "$free",
            "$held",
            "$keyed",
            "$secret",
            "$signing",
            "$target",
            "$user",
            "$group",
            "$role",
            "$edge",
            "$internal",
            "$authz",
            "$token",
        ]
        .map(|name| (name, provost::runtime::random::key().to_string())),
    };
    let (before_ours, before_theirs) = (ours.everything().await, theirs.everything().await);
    let bearer = format!("Bearer {}", ours.admin.token);
    for case in cases().into_iter().filter(|c| c.path.contains('$') && !c.path.contains("$signing")) {
        if case.method == "PUT" && case.template.ends_with("/{type}/{id}") {
            // It would make the object; below.
            continue;
        }
        let blank =
            |answer: &Answer, of: &Tenant| of.ids.iter().fold(answer.text.clone(), |out, (name, id)| out.replace(id, name));
        let foreign = ask(&ours.admin, &case, &theirs, Some(&bearer)).await;
        let unknown = ask(&ours.admin, &case, &nobody, Some(&bearer)).await;
        refused("another tenant's", &case, &foreign, 404);
        assert_eq!(blank(&foreign, &theirs), blank(&unknown, &nobody), "{} {}", case.method, case.path);
        if case.path.contains("$edge") {
            let path = case.path.replace("$user", ours.id("$user")).replace("$edge", theirs.id("$edge"));
            let body = (!case.body.is_null()).then(|| ours.fill_in(&case.body.to_string()));
            let mixed = ours.admin.send(case.method.parse().unwrap(), &path, &[], body).await;
            refused("another tenant's edge", &case, &mixed, 404);
        }
    }
    // Lists and queries find nothing of theirs.
    let seen = serde_json::to_string(&before_ours).unwrap();
    for (name, id) in &theirs.ids {
        assert!(!seen.contains(id.as_str()), "{name} of the other tenant is seen");
    }
    assert!(!seen.contains("-b\""), "{seen}");
    for name in ["$user", "$group", "$role"] {
        let filter = json!({ "filter": format!("id eq \"{}\"", theirs.id(name)) });
        assert_eq!(ours.admin.post("/scim/v2/.search", &filter).await.body["totalResults"], 0, "{name}");
    }
    let targets = ours.admin.get("/admin/v1/targets").await;
    assert!(!targets.text.contains(theirs.id("$target")), "{}", targets.text);
    let tokens = ours.admin.get("/admin/v1/tokens").await;
    assert!(!tokens.text.contains(theirs.id("$token")), "{}", tokens.text);
    // Names and ids that they have are free here.
    let same = ours.admin.post("/scim/v2/Users", &json!({ "userName": "user-b" })).await;
    assert_eq!(same.status, 201, "{}", same.text);
    let path = format!("/openidm/managed/user/{}", theirs.id("$user"));
    let put = ours.admin.send(Method::PUT, &path, &[("If-None-Match", "*")], Some(json!({ "userName": "y" }).to_string())).await;
    assert_eq!(put.status, 201, "{}", put.text);
    assert_eq!(theirs.everything().await, before_theirs, "the other tenant was changed");
}

#[tokio::test]
async fn references_to_another_tenant_are_references_to_nobody() {
    let gateway = Gateway::start();
    let ours = Tenant::fill(gateway.admin(), "a").await;
    let theirs = Tenant::fill(gateway.tenant("other").await, "b").await;
    let before = theirs.everything().await;
    let all = ["scim.read", "scim.write", "scim.roles", "idm.read", "idm.write", "idm.roles"];
    let generic = gateway.token(&all, "generic", "hr").await;
    let strict = gateway.token(&all, "strict", "hr").await;
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let (user, group) = (ours.id("$user"), ours.id("$group"));
    let op = |path: &str, value: Value| json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{ "op": "add", "path": path, "value": value }] });
    let writes = |id: &str, role: &str, name: &str| {
        vec![
            ("/scim/v2/Groups/$group", op("members", json!([{ "value": id }]))),
            ("/scim/v2/Groups/$group", op("members", json!([{ "value": id, "type": "User", "$ref": format!("../Users/{id}") }]))),
            ("/scim/v2/Users/$user", op(&format!("{enterprise}:manager"), json!({ "value": id }))),
            ("/scim/v2/Users/$user", op("roles", json!([{ "value": role }]))),
            ("/scim/v2/Users/$user", op("roles", json!([{ "value": name }]))),
        ]
    };
    let shown = |answer: &Answer, ids: [&str; 3]| {
        let mut body = answer.body.clone();
        if let Some(meta) = body.get_mut("meta").and_then(Value::as_object_mut) {
            meta.remove("version");
        }
        ids.iter().fold(body.to_string(), |out, id| out.replace(id, "ID"))
    };
    let foreign = [theirs.id("$user"), theirs.id("$role"), "role-b"];
    let unknown = ["01a00000-0000-7000-8000-000000000001", "01a00000-0000-7000-8000-000000000002", "role-z"];
    for client in [&generic, &strict] {
        let pairs = writes(foreign[0], foreign[1], foreign[2]).into_iter().zip(writes(unknown[0], unknown[1], unknown[2]));
        for ((path, theirs_body), (_, unknown_body)) in pairs {
            let path = ours.fill_in(path);
            let reset = ours.admin.get(&path).await.body;
            let first = client.patch(&path, &theirs_body).await;
            assert_eq!(ours.admin.put(&path, &reset).await.status, 200);
            let second = client.patch(&path, &unknown_body).await;
            assert_eq!(ours.admin.put(&path, &reset).await.status, 200);
            assert_eq!(first.status, if client.token == strict.token { 400 } else { 200 }, "{theirs_body}: {}", first.text);
            assert_eq!(first.status, second.status);
            assert_eq!(shown(&first, foreign), shown(&second, unknown), "{theirs_body}");
            for name in ["user-b", "group-b", "boss-b"] {
                assert!(!first.text.contains(name), "{}", first.text);
            }
        }
    }
    // IDM refuses both alike, at the object and at the relationship.
    let mut told = BTreeSet::new();
    for id in [foreign[0], unknown[0]] {
        let reference = json!({ "_ref": format!("managed/user/{id}") });
        let patch = json!([{ "operation": "add", "field": "/members/-", "value": reference }]);
        let answers = [
            generic.patch(&format!("/openidm/managed/group/{group}"), &patch).await,
            generic.post(&format!("/openidm/managed/group/{group}/members?_action=create"), &reference).await,
            generic.put(&format!("/openidm/managed/user/{user}/manager"), &reference).await,
            generic.post("/openidm/managed/user?_action=create", &json!({ "userName": "n", "manager": reference })).await,
        ];
        for answer in &answers {
            assert_eq!(answer.status, 400, "{}", answer.text);
        }
        told.insert(answers.map(|a| a.text.replace(id, "ID")));
    }
    assert_eq!(told.len(), 1, "{told:?}");
    // Filters over references find nothing.
    for filter in [format!("groups.value eq \"{}\"", theirs.id("$group")), format!("roles.value eq \"{}\"", foreign[1])] {
        assert_eq!(
            generic.post("/scim/v2/Users/.search", &json!({ "filter": filter })).await.body["totalResults"],
            0,
            "{filter}"
        );
    }
    assert_eq!(theirs.everything().await, before, "the other tenant was changed");
}

#[tokio::test]
async fn members_of_a_group_with_roles_need_the_roles_scope() {
    let gateway = Gateway::start();
    let tenant = Tenant::fill(gateway.admin(), "a").await;
    let plain = gateway.token(&["scim.read", "scim.write", "idm.read", "idm.write"], "generic", "hr").await;
    let roles = gateway.token(&["scim.write", "scim.roles"], "generic", "hr").await;
    let (user, role) = (tenant.id("$user"), tenant.id("$role"));
    let inner = tenant.admin.post("/scim/v2/Groups", &json!({ "displayName": "inner" })).await;
    let group = format!("/scim/v2/Groups/{}", tenant.id("$group"));
    let nest = json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": inner.id() }] }] });
    assert_eq!(tenant.admin.patch(&group, &nest).await.status, 200);
    let add = json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": user }] }] });
    let take = json!({ "Operations": [{ "op": "remove", "path": format!("members[value eq \"{user}\"]") }] });
    // As long as it holds none, membership is nothing special.
    for path in [&group, &format!("/scim/v2/Groups/{}", inner.id())] {
        assert_eq!(plain.patch(path, &add).await.status, 200);
        assert_eq!(plain.patch(path, &take).await.status, 200);
    }
    let grant = json!({ "_ref": format!("managed/role/{role}") });
    let granted =
        tenant.admin.post(&format!("/openidm/managed/group/{}/roles?_action=create", tenant.id("$group")), &grant).await;
    assert_eq!(granted.status, 201, "{}", granted.text);
    let before = tenant.everything().await;
    // A group inside gives them as well.
    for path in [&group, &format!("/scim/v2/Groups/{}", inner.id())] {
        let replaced = json!({ "displayName": "x", "members": [{ "value": user }] });
        for refused in [plain.patch(path, &add).await, plain.put(path, &replaced).await] {
            assert_eq!((refused.status, &refused.body["status"]), (403, &json!("403")), "{path}: {}", refused.text);
        }
    }
    let member = json!({ "_ref": format!("managed/user/{user}") });
    for path in [format!("/openidm/managed/group/{}/members", inner.id()), format!("/openidm/managed/user/{user}/groups")] {
        let body =
            if path.ends_with("groups") { json!({ "_ref": format!("managed/group/{}", inner.id()) }) } else { member.clone() };
        let refused = plain.post(&format!("{path}?_action=create"), &body).await;
        assert_eq!((refused.status, &refused.body["code"]), (403, &json!(403)), "{path}: {}", refused.text);
    }
    // Nor a group into it, nor it away from its members.
    let whole = json!({ "displayName": "new", "members": [{ "value": inner.id() }] });
    assert_eq!(plain.post("/scim/v2/Groups", &whole).await.status, 201, "a new group holds no role");
    assert_eq!(plain.delete(&group).await.status, 403);
    let made = tenant.everything().await;
    assert_eq!(made[0]["Resources"].as_array().map(Vec::len), before[0]["Resources"].as_array().map(Vec::len));
    let done = roles.patch(&group, &add).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let held = tenant.admin.get(&format!("/scim/v2/Users/{user}")).await;
    assert_eq!(held.body["roles"][0]["value"], role, "{}", held.text);
}
