//! What the operator sees of a running process: log lines, request ids and metrics.

pub mod logging;
pub mod metrics;
pub mod request;
pub mod workers;
