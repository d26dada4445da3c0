//! What every handler can reach.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::{Authenticator, Issuer};
use crate::domain::cursor::Cursors;
use crate::domain::document::json;
use crate::domain::{filter, patch};
use crate::service::Service;
use crate::service::search::Most;
use crate::sync::Engine;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::workers::Workers;

/// Limits on what a request may ask.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest body, in bytes.
    pub body: usize,
    /// Longest body of a bulk, in bytes.
    pub bulk_body: usize,
    /// Most operations of a bulk.
    pub bulk_operations: usize,
    /// Most references of a bulk on a relationship.
    pub bulk_references: usize,
    /// Nesting and elements of a JSON body.
    pub json: json::Limits,
    /// Size of a filter.
    pub filter: filter::Limits,
    /// Operations of a PATCH, and size of their paths.
    pub patch: patch::Limits,
    /// Most resources on a page.
    pub max_page: usize,
    /// Resources on a page that asks for no number.
    pub default_page: usize,
    /// How long a cursor is of use.
    pub cursor_timeout: Duration,
    /// What a list may cost.
    pub lists: Most,
}

/// Shared by all workers.
#[derive(Clone)]
pub struct State {
    /// The use-cases.
    pub service: Service,
    /// Who is calling.
    pub auth: Authenticator,
    /// Who makes signed tokens.
    pub issuer: Issuer,
    /// Base of every address that is told to clients, without a slash at its end.
    pub public_url: Arc<str>,
    /// Limits on requests.
    pub limits: Limits,
    /// Cursors of lists.
    pub cursors: Cursors,
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
