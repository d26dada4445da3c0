//! Two engines over one store.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use provost::config::{Config, Sources};
use provost::domain::secret::MasterKey;
use provost::sync::Engine;
use provost::telemetry::metrics::Metrics;
use provost::telemetry::workers::Workers;
use serde_json::json;

use super::{Bench, KEY};
use crate::harness::fault_proxy::Fault;

fn second(bench: &Bench) -> Engine {
    let environment = vec![
        ("PROVOST_SYNC__LEASE_TERM".to_owned(), "400ms".to_owned()),
        ("PROVOST_SYNC__CALL_TIMEOUT".to_owned(), "200ms".to_owned()),
    ];
    let config = Config::load(Sources { file: None, environment, flags: Vec::new() }).unwrap();
    let found = std::fs::read_to_string(bench.data().join("master.key"));
    let key = MasterKey::parse(found.as_deref().unwrap_or(KEY)).unwrap();
    Engine::new(bench.gateway.service.clone(), config.sync, key, Arc::new(Metrics::default()), Workers::default())
}

#[tokio::test]
async fn who_stalls_under_his_lease_is_fenced() {
    stalls(&Bench::start()).await;
}

#[tokio::test]
async fn who_stalls_under_his_lease_is_fenced_on_postgres() {
    stalls(&Bench::on_postgres()).await;
}

async fn stalls(bench: &Bench) {
    let target = bench.target(json!({})).await;
    bench.add_user("warm").await;
    bench.drain().await;
    let (a, b) = (second(bench), second(bench));
    let user = bench.add_user("once").await;
    // Probed, looked up, and created, but the answer hangs.
    bench.proxy.clear();
    bench.proxy.script([Fault::Pass, Fault::Pass, Fault::Pass, Fault::HangAfter]);
    let mut stalled = Box::pin(a.drain());
    // The first works until its create has reached the server, and then is not run any more.
    while bench.proxy.passed("POST") == 0 {
        let polled = std::future::poll_fn(|context| Poll::Ready(stalled.as_mut().poll(context).is_ready())).await;
        assert!(!polled, "it cannot have ended");
        tokio::task::yield_now().await;
    }
    b.drain().await.unwrap();
    assert_eq!(bench.link(&target, "user", &user).await["status"], "pending", "the lease is held");
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while bench.link(&target, "user", &user).await["status"] != "linked" {
        assert!(std::time::Instant::now() < deadline);
        b.drain().await.unwrap();
    }
    assert!(bench.user("once").await.is_some());
    let before = bench.link(&target, "user", &user).await;
    // The first runs again: what it has to say is not written.
    stalled.await.unwrap();
    assert_eq!(bench.link(&target, "user", &user).await, before);
    assert!(bench.user("once").await.is_some());
    assert_eq!(bench.proxy.passed("POST"), 1);
    // And afterwards it may work again.
    let later = bench.add_user("later").await;
    a.drain().await.unwrap();
    assert_eq!(bench.link(&target, "user", &later).await["status"], "linked");
}
