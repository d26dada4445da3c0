//! `provost serve`.

use std::io::Write as _;

use super::args::ServeArgs;
use super::gateway::Gateway;
use super::{CliError, configure};
use crate::config::{Config, LogFormat};
use crate::runtime::Clock;
use crate::telemetry::logging;

/// Runs the gateway until it is told to stop.
///
/// # Errors
/// Configuration, store, network.
pub fn run(args: &ServeArgs) -> Result<(), CliError> {
    let config = configure(args.store.config.as_deref(), args.flags())?;
    let mut out = std::io::stdout();
    if args.print_config {
        write!(out, "{}", config.print())?;
        return Ok(());
    }
    start_logging(&config)?;
    actix_web::rt::System::new().block_on(async {
        let gateway = Gateway::start(&config, Clock::system()).await?;
        if let Some(token) = &gateway.core.first_token {
            writeln!(out, "admin token, shown this once: {}", token.expose())?;
        }
        gateway.stop_on_signals()?;
        log::info!(address = gateway.address.to_string().as_str(), url = gateway.public_url.as_str(); "listening");
        gateway.run().await
    })
}

/// Sets up log lines as the configuration says.
///
/// # Errors
/// A filter that does not parse.
pub fn start_logging(config: &Config) -> Result<(), CliError> {
    logging::init(&config.log.filter, config.log.format == LogFormat::Json).map_err(CliError::new)
}
