//! Connectors against real peers.

mod faults;
mod scim;

use std::net::SocketAddr;

use provost::connector::scim::ScimConnector;
use provost::connector::scim_config::ScimConfig;
use provost::domain::time::Timestamp;
use provost::runtime::Clock;
use serde_json::{Map, Value, json};

use crate::harness::python::ScimServer;

/// A connector for a peer, with what `changes` says laid over the usual configuration.
fn connector(peer: SocketAddr, changes: Value) -> ScimConnector {
    let mut config = json!({
        "baseUrl": format!("http://{peer}/v2"), "auth": {"type": "bearer", "token": ScimServer::TOKEN},
        "allowPrivateNetwork": true, "timeoutMs": 20_000,
    });
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    let clock = Clock::manual(Timestamp::parse("2026-11-21T10:00:00Z").unwrap());
    ScimConnector::new(ScimConfig::parse(&config).unwrap(), clock).unwrap()
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}
