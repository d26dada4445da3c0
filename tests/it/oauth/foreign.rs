//! Clients by other people: authlib and oauth4webapi ask for tokens in all three ways, and PyJWT and oauth4webapi verify them.

use std::time::Duration;

use serde_json::json;

use super::world::Account;
use crate::harness::gateway::Gateway;
use crate::harness::{node, python};

#[tokio::test]
async fn authlib_and_pyjwt_agree_with_us() {
    let folder = tempfile::tempdir().unwrap();
    // They look at their own clocks.
    let gateway = Gateway::with(&folder.path().join("data"), &[("PROVOST_OAUTH__SECRET_IN_BODY", "true")]);
    gateway.clock.set(provost::runtime::Clock::system().now());
    let admin = gateway.admin();
    let mut accounts = Vec::new();
    for method in ["client_secret_basic", "client_secret_post", "private_key_jwt", "private_key_jwt"] {
        let account = Account::new(&admin, &format!("account {}", accounts.len()), &[]).await;
        let set = json!([{ "operation": "replace", "field": "/authenticationMethod", "value": method }]);
        assert_eq!(admin.patch(&format!("/openidm/managed/service_account/{}", account.id), &set).await.status, 200);
        let secret = if method == "private_key_jwt" { String::new() } else { account.secret().await.0 };
        accounts.push(json!({ "id": account.id, "client_id": account.client_id, "method": method, "secret": secret }));
    }
    let input = json!({ "url": gateway.url, "admin": admin.token, "accounts": accounts });
    let file = folder.path().join("input.json");
    std::fs::write(&file, input.to_string()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/oauth_clients.py");
    let mut command = python::command(script);
    command.arg(&file);
    let run = move || python::run_command(&mut command, Duration::from_secs(120));
    let (well, report) = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(well, "{report}");
    assert!(report.contains("4 clients, 10 refusals"), "{report}");
}

/// oauth4webapi finds everything by our metadata, asks in all three ways, with keys of every kind that it can make, and
/// validates, introspects and revokes what it is given.
#[tokio::test]
async fn oauth4webapi_agrees_with_us() {
    let folder = tempfile::tempdir().unwrap();
    for gateway in Gateway::both_with(&[("PROVOST_OAUTH__SECRET_IN_BODY", "true")]) {
        gateway.clock.set(provost::runtime::Clock::system().now());
        let admin = gateway.admin();
        let mut accounts = Vec::new();
        let keyed = ["Ed25519", "EdDSA", "ES256", "ES384", "RS256", "PS256"].map(|alg| ("private_key_jwt", alg));
        for (method, alg) in [&[("client_secret_basic", ""), ("client_secret_post", "")][..], &keyed].concat() {
            let account = Account::new(&admin, &format!("account {}", accounts.len()), &[]).await;
            let set = json!([{ "operation": "replace", "field": "/authenticationMethod", "value": method }]);
            assert_eq!(admin.patch(&format!("/openidm/managed/service_account/{}", account.id), &set).await.status, 200);
            let secret = if alg.is_empty() { account.secret().await.0 } else { String::new() };
            let (id, client_id) = (account.id, account.client_id);
            accounts.push(json!({ "id": id, "client_id": client_id, "method": method, "secret": secret, "alg": alg }));
        }
        let input = json!({ "url": gateway.url, "audience": "bizfirstgo-api", "admin": admin.token, "accounts": accounts });
        let file = folder.path().join("input.json");
        std::fs::write(&file, input.to_string()).unwrap();
        let run = move || node::run("oauth4webapi", "client.mjs", &[file.to_str().unwrap()], Duration::from_secs(120));
        let (well, report) = tokio::task::spawn_blocking(run).await.unwrap();
        assert!(well, "{report}");
        // Four of each and three more by secret, eight more by key.
        assert_eq!(report, format!("8 clients, {} refusals\n", 2 * (4 + 3) + 6 * (4 + 8)));
    }
}
