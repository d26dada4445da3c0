//! Connectors: how to speak to a target. They report what happened and never retry, look up or decide: the engine does.

pub mod document;
pub mod guard;
pub mod http;
pub mod scim;
pub mod scim_config;
pub mod settings;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use crate::domain::plan::{Capabilities, Change};

/// What a connector answers, later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// A target that holds state: objects with ids of its own. `kind` is the name of our object type.
pub trait Connector: Send + Sync {
    /// Asks the target what it can do; cheap, and the probe of a target that was away.
    fn probe(&self) -> Answer<'_, Capabilities>;

    /// Creates an object. After a failure for which [`Failure::may_have_happened`] holds, it may be there.
    fn create<'a>(&'a self, kind: &'a str, document: &'a Map<String, Value>) -> Answer<'a, Written>;

    /// Changes an object, if it still has the version `etag` where one is given.
    fn update<'a>(&'a self, kind: &'a str, remote_id: &'a str, update: Update<'a>, etag: Option<&'a str>) -> Answer<'a, Written>;

    /// Deletes an object. [`FailureClass::Missing`] when it is not there.
    fn delete<'a>(&'a self, kind: &'a str, remote_id: &'a str) -> Answer<'a, ()>;

    /// Finds objects by an attribute: at most two, which is enough to know that one is not the only one.
    fn find<'a>(&'a self, kind: &'a str, lookup: &'a Lookup) -> Answer<'a, Vec<Remote>>;

    /// Reads an object.
    fn get<'a>(&'a self, kind: &'a str, remote_id: &'a str) -> Answer<'a, Remote>;

    /// Reads a page of all objects, from `cursor` on, which an earlier page gave.
    fn list<'a>(&'a self, kind: &'a str, cursor: Option<&'a str>) -> Answer<'a, Page>;

    /// Adds and removes members of a group, all by their ids at the target, with one request. The engine cuts
    /// batches.
    fn change_members<'a>(&'a self, group: &'a str, add: &'a [String], remove: &'a [String]) -> Answer<'a, Written>;
}

/// How an object is changed.
#[derive(Debug, Clone, Copy)]
pub enum Update<'a> {
    /// These parts of it.
    Changes(&'a [Change]),
    /// The whole of it (`domain::plan::overlay`), for targets without partial change.
    Document(&'a Map<String, Value>),
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The object's id at the target.
    pub remote_id: String,
    /// Its version there, as the target wrote it.
    pub etag: Option<String>,
}

/// An object as the target holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Remote {
    /// Its id at the target.
    pub id: String,
    /// Its version there.
    pub etag: Option<String>,
    /// Its attributes.
    pub document: Map<String, Value>,
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The objects.
    pub items: Vec<Remote>,
    /// Where the next page starts; `None` after the last.
    pub next: Option<String>,
    /// How many there are in all, as the target says.
    pub total: Option<u64>,
}

/// By what to find an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Lookup {
    /// Path of the attribute at the target.
    pub path: String,
    /// The value it equals.
    pub value: Value,
}

/// What a failure means for what is tried next (spec/sync.md §2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The target could not be reached; the object is not to blame.
    Transient,
    /// The request may have been carried out: the answer was lost.
    Uncertain,
    /// The target asks for patience.
    Throttle,
    /// It does not accept our credentials.
    Credentials,
    /// It failed on this object.
    ObjectTransient,
    /// It refuses this object as it is; trying again does not help.
    Permanent,
    /// A value that must be unique is taken there.
    Conflict,
    /// It does not know the object.
    Missing,
    /// The object has changed there since it was read.
    Stale,
    /// It does not offer what was asked.
    Capability,
}

impl FailureClass {
    /// Stable name, as in `?class=` and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            FailureClass::Transient => "transient",
            FailureClass::Uncertain => "uncertain",
            FailureClass::Throttle => "throttle",
            FailureClass::Credentials => "credentials",
            FailureClass::ObjectTransient => "object_transient",
            FailureClass::Permanent => "permanent",
            FailureClass::Conflict => "conflict",
            FailureClass::Missing => "missing",
            FailureClass::Stale => "stale",
            FailureClass::Capability => "capability",
        }
    }
}

/// Why a call gave no result. The text is short and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Failure {
    /// What it means.
    pub class: FailureClass,
    /// HTTP status, where there was one.
    pub status: Option<u16>,
    /// What the target or the network said, in short.
    pub text: String,
    /// How long the target asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure without a status.
    pub fn new(class: FailureClass, text: impl Into<String>) -> Self {
        Self { class, status: None, text: text.into(), retry_after: None }
    }

    /// Whether a request that writes may have been carried out all the same: a create must be looked up before it is sent
    /// again (spec/sync.md §2.4, 4).
    pub fn may_have_happened(&self) -> bool {
        self.class == FailureClass::Uncertain || self.status.is_some_and(|status| status >= 500 && status != 501)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{status}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}
