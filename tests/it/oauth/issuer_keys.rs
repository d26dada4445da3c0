//! The keys of other issuers: when they are fetched, how often, from where, and what holds while they cannot be had.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::issuers::{claims, idinfo, record, trust, user};
use super::world::ClientKey;
use crate::harness::gateway::Gateway;
use crate::harness::issuer::{DISCOVERY, ForeignIssuer, KEYS};

fn wait(gateway: &Gateway, seconds: i64) {
    gateway.clock.set(gateway.clock.now().plus_seconds(seconds));
}

async fn status(gateway: &Gateway, issuer: &ForeignIssuer, key: &ClientKey) -> u16 {
    idinfo(gateway, &key.sign(&claims(gateway, &issuer.url, "ext-ann"))).await.status
}

/// A gateway whose only tenant trusts the issuer, and has the user.
async fn world(issuer: &ForeignIssuer) -> Gateway {
    let gateway = Gateway::start();
    user(&gateway.admin(), "ann", "ext-ann", &[]).await;
    trust(&gateway.admin(), &record(issuer)).await;
    gateway
}

#[tokio::test]
async fn a_key_that_is_new_is_fetched_when_a_token_names_it() {
    let (old, new) = (ClientKey::new("old"), ClientKey::new("new"));
    let issuer = ForeignIssuer::with(&[old.public()]);
    let gateway = world(&issuer).await;
    assert_eq!(issuer.asked(), 0, "nothing is fetched before it is needed");
    for _ in 0..3 {
        assert_eq!(status(&gateway, &issuer, &old).await, 200);
    }
    assert_eq!((issuer.seen(DISCOVERY), issuer.seen(KEYS)), (1, 1));
    issuer.keys(&[old.public(), new.public()]);
    assert_eq!(status(&gateway, &issuer, &new).await, 401, "within half a minute of the last fetch");
    wait(&gateway, 30);
    assert_eq!(status(&gateway, &issuer, &new).await, 200);
    assert_eq!((status(&gateway, &issuer, &old).await, issuer.seen(KEYS)), (200, 2));
    // A key that is withdrawn is good until the set is fetched again, ten minutes later.
    issuer.keys(&[new.public()]);
    wait(&gateway, 599);
    assert_eq!((status(&gateway, &issuer, &old).await, issuer.seen(KEYS)), (200, 2));
    wait(&gateway, 1);
    assert_eq!((status(&gateway, &issuer, &old).await, issuer.seen(KEYS)), (401, 3));
    assert_eq!((status(&gateway, &issuer, &new).await, issuer.seen(KEYS)), (200, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unknown_names_makes_one_fetch_in_half_a_minute() {
    let key = ClientKey::new("k");
    let issuer = ForeignIssuer::with(&[key.public()]);
    let gateway = world(&issuer).await;
    for round in 1..=3 {
        let mut callers = JoinSet::new();
        for n in 0..32 {
            let stranger = ClientKey::new(&format!("unknown-{round}-{n}"));
            let token = stranger.sign(&claims(&gateway, &issuer.url, "ext-ann"));
            let client = gateway.client(&token);
            callers.spawn(async move { client.get("/passport/idinfo").await.status });
        }
        assert!(callers.join_all().await.iter().all(|status| *status == 401));
        assert_eq!((issuer.seen(DISCOVERY), issuer.seen(KEYS)), (round, round));
        assert_eq!(status(&gateway, &issuer, &key).await, 200);
        wait(&gateway, 30);
    }
    // What nobody trusts asks nobody.
    let stranger = ForeignIssuer::with(&[key.public()]);
    assert_eq!((status(&gateway, &stranger, &key).await, stranger.asked()), (401, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_share_the_first_fetch() {
    let key = ClientKey::new("k");
    let issuer = ForeignIssuer::with(&[key.public()]);
    let gateway = world(&issuer).await;
    let mut callers = JoinSet::new();
    for _ in 0..32 {
        let client = gateway.client(&key.sign(&claims(&gateway, &issuer.url, "ext-ann")));
        callers.spawn(async move { client.get("/passport/idinfo").await.status });
    }
    assert_eq!(callers.join_all().await, [200; 32]);
    assert_eq!(issuer.seen(KEYS), 1);
}

#[tokio::test]
async fn while_an_issuer_is_away_its_keys_stay_good_for_a_day() {
    let (key, new) = (ClientKey::new("k"), ClientKey::new("new"));
    let issuer = ForeignIssuer::with(&[key.public()]);
    let gateway = world(&issuer).await;
    assert_eq!(status(&gateway, &issuer, &key).await, 200);
    issuer.down(true);
    wait(&gateway, 600);
    assert_eq!((status(&gateway, &issuer, &key).await, status(&gateway, &issuer, &new).await), (200, 401));
    assert_eq!(issuer.asked(), 3, "one more, for all");
    wait(&gateway, 24 * 3_600 - 601);
    assert_eq!(status(&gateway, &issuer, &key).await, 200);
    wait(&gateway, 1);
    assert_eq!(status(&gateway, &issuer, &key).await, 401, "a day after the last fetch");
    issuer.down(false);
    assert_eq!(status(&gateway, &issuer, &key).await, 401, "it was asked just now");
    wait(&gateway, 30);
    assert_eq!(status(&gateway, &issuer, &key).await, 200);
    // One that is away from the beginning is asked again when it is back.
    let late = ForeignIssuer::with(&[key.public()]);
    late.down(true);
    let gateway = world(&late).await;
    assert_eq!((status(&gateway, &late, &key).await, status(&gateway, &late, &key).await), (401, 401));
    assert_eq!(late.asked(), 1);
    late.down(false);
    wait(&gateway, 30);
    assert_eq!(status(&gateway, &late, &key).await, 200);
}

#[tokio::test]
async fn what_it_publishes_is_looked_at() {
    let key = ClientKey::new("k");
    let keys = json!({ "keys": [key.public()] });
    let [small, large] = [60, 65].map(|kib| json!({ "keys": [key.public()], "padding": "x".repeat(kib * 1024) }));
    let many: Vec<Value> = std::iter::once(key.public()).chain((0..100).map(|n| json!({ "kid": n.to_string() }))).collect();
    let named = |issuer: &ForeignIssuer, path: &str| json!({ "issuer": issuer.url, "jwks_uri": format!("{}{path}", issuer.url) });
    type Change = Box<dyn Fn(&ForeignIssuer)>;
    let cases: Vec<(&str, u16, Change)> = vec![
        ("as it is", 200, Box::new(|_| ())),
        ("60 KiB", 200, Box::new(move |i| i.json(KEYS, &small))),
        ("too large", 401, Box::new(move |i| i.json(KEYS, &large))),
        ("too many keys", 401, Box::new(move |i| i.json(KEYS, &json!({ "keys": many })))),
        ("no keys", 401, Box::new(|i| i.json(KEYS, &json!({ "keys": [] })))),
        ("no key set", 401, Box::new(|i| i.json(KEYS, &json!([])))),
        ("no JSON", 401, Box::new(|i| i.page(KEYS, 200, "", "<html>"))),
        ("an error", 401, Box::new(|i| i.page(KEYS, 500, "", "{}"))),
        ("no keys there", 401, Box::new(|i| i.without(KEYS))),
        (
            "metadata of another",
            401,
            Box::new(|i| i.json(DISCOVERY, &json!({ "issuer": "https://x", "jwks_uri": i.url.clone() + KEYS }))),
        ),
        (
            "metadata with a slash",
            401,
            Box::new(|i| i.json(DISCOVERY, &json!({ "issuer": format!("{}/", i.url), "jwks_uri": i.url.clone() + KEYS }))),
        ),
        ("metadata without keys", 401, Box::new(|i| i.json(DISCOVERY, &json!({ "issuer": i.url })))),
        ("keys in a file", 401, Box::new(|i| i.json(DISCOVERY, &json!({ "issuer": i.url, "jwks_uri": "file:///etc/passwd" })))),
        (
            "a name for a public address over http",
            401,
            Box::new(|i| i.json(DISCOVERY, &json!({ "issuer": i.url, "jwks_uri": "http://1.1.1.1/keys" }))),
        ),
        (
            "a metadata service",
            401,
            Box::new(|i| i.json(DISCOVERY, &json!({ "issuer": i.url, "jwks_uri": "http://169.254.169.254/keys" }))),
        ),
        (
            "RFC 8414",
            200,
            Box::new(move |i| {
                i.without(DISCOVERY);
                i.json("/.well-known/oauth-authorization-server", &named(i, KEYS));
            }),
        ),
        ("no metadata", 401, Box::new(|i| i.without(DISCOVERY))),
    ];
    for (what, expected, change) in cases {
        let issuer = ForeignIssuer::with(&[key.public()]);
        change(&issuer);
        let gateway = world(&issuer).await;
        assert_eq!(status(&gateway, &issuer, &key).await, expected, "{what}");
    }
    // A fixed address is asked alone.
    let issuer = ForeignIssuer::start();
    issuer.json("/fixed?set=1", &keys);
    let gateway = Gateway::start();
    user(&gateway.admin(), "ann", "ext-ann", &[]).await;
    let mut body = record(&issuer);
    body["jwksUri"] = json!(format!("{}/fixed?set=1", issuer.url));
    trust(&gateway.admin(), &body).await;
    assert_eq!((status(&gateway, &issuer, &key).await, issuer.asked()), (200, 1));
}

#[tokio::test]
async fn no_redirect_and_no_private_address_that_is_not_allowed() {
    let key = ClientKey::new("k");
    let (issuer, inner) = (ForeignIssuer::with(&[key.public()]), ForeignIssuer::with(&[key.public()]));
    for place in [DISCOVERY, KEYS] {
        let elsewhere = ForeignIssuer::with(&[key.public()]);
        for code in [301, 302, 303, 307, 308] {
            elsewhere.page(place, code, &format!("Location: {}{place}", inner.url), "");
            let gateway = world(&elsewhere).await;
            assert_eq!(status(&gateway, &elsewhere, &key).await, 401, "{code}");
        }
        assert_eq!(inner.asked(), 0, "a redirect was followed");
    }
    // https is not enough to reach what is private: by address, by name, and by what metadata say.
    let port = issuer.url.rsplit(':').next().unwrap().to_owned();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let gateway = Gateway::start();
        user(&gateway.admin(), "ann", "ext-ann", &[]).await;
        let mut body = record(&issuer);
        body["jwksUri"] = json!(format!("https://{host}:{port}/keys"));
        body["allowPrivateNetwork"] = json!(false);
        trust(&gateway.admin(), &body).await;
        assert_eq!(status(&gateway, &issuer, &key).await, 401, "{host}");
    }
    assert_eq!(issuer.asked(), 0, "a private address was reached");
}
