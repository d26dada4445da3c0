//! The SCIM dialect, over HTTP against a real gateway.

mod bad_input;
mod fuzz;
mod lists;
mod resources;
mod suites;
mod transcripts;
mod versions;
