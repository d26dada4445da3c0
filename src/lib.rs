//! Provost, an identity provisioning gateway.
//!
//! Upstream systems push users, groups and roles into it over SCIM 2.0 or the IDM REST form; it stores them, decides who
//! holds which role, and keeps downstream applications converged on the result.
//!
//! The modules are the walls of the house, and the arrows between them point only downward
//! (`tests/it/architecture.rs` fails on any other):
//!
//! ```text
//! main → cli → http → service → store → domain
//!         │     └──→ auth ──────┘         ↑
//!         ├──→ sync → service, store      │
//!         │      └──→ connector ──────────┘
//!         └──→ config, telemetry, runtime (open to all but domain)
//! ```
//!
//! * [`domain`] is pure: object types, filters, patches, relations, roles, mappings. No database, no network, no clock.
//! * [`store`] is the only place that knows SQL. Both engines run the same queries.
//! * [`service`] holds the use-cases; each write is one transaction.
//! * [`sync`] keeps targets converged, through [`connector`].
//! * [`auth`] answers who is calling; [`http`] speaks the dialects; [`cli`] is the command line.

pub mod auth;
pub mod cli;
pub mod config;
pub mod connector;
pub mod domain;
pub mod http;
pub mod runtime;
pub mod service;
pub mod store;
pub mod sync;
pub mod telemetry;
