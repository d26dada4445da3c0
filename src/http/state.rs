//! What every handler can reach.

use std::sync::Arc;

use crate::auth::Authenticator;
use crate::service::Service;
use crate::sync::Engine;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::workers::Workers;

/// Limits on what a request may ask.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest body, in bytes.
    pub body: usize,
    /// Deepest nesting of a JSON body.
    pub depth: usize,
    /// Most resources on a page.
    pub max_page: usize,
    /// Resources on a page that asks for no number.
    pub default_page: usize,
}

/// Shared by all workers.
#[derive(Clone)]
pub struct State {
    /// The use-cases.
    pub service: Service,
    /// Who is calling.
    pub auth: Authenticator,
    /// Base of every address that is told to clients, without a slash at its end.
    pub public_url: Arc<str>,
    /// Limits on requests.
    pub limits: Limits,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// The engine that keeps targets converged.
    pub sync: Engine,
    /// Background workers.
    pub workers: Workers,
}

impl State {
    /// The address of the SCIM root.
    pub fn scim_base(&self) -> String {
        format!("{}/scim/v2", self.public_url)
    }
}
