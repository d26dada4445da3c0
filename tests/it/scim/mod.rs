//! The SCIM dialect, over HTTP against a real gateway.

pub mod attributes;
mod bad_input;
mod bulk;
mod bulk_property;
mod cursors;
mod errors;
mod fuzz;
mod http;
mod interoperability;
mod large_groups;
mod limits;
mod lists;
mod patches;
mod profiles;
mod public_url;
mod resources;
mod sorting;
mod suites;
mod transcripts;
mod versions;
