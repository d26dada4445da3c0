//! The command line: reads arguments, puts the configuration together, runs one command, and says how it ended.
//!
//! Exit status: 0 done; 1 it failed, with one line on standard error that says what and what to do; 2 wrong usage.

pub mod args;
pub mod backup;
pub mod client;
pub mod demo;
pub mod doctor;
mod error;
pub mod gateway;
pub mod migrate;
pub mod restore;
pub mod serve;
pub mod token;

pub use error::{CliError, exit};

use std::path::Path;

use args::{Cli, Command};

use crate::config::{Config, Flag, Sources, file};

/// Runs one command.
///
/// # Errors
/// One line that says what failed and what to do.
pub fn run(cli: &Cli) -> Result<(), CliError> {
    match &cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Token(command) => token::run(command),
        Command::Migrate(args) => migrate::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Backup(args) => backup::run(args),
        Command::Restore(args) => restore::run(args),
    }
}

/// Runs what a command does, on this thread.
///
/// # Errors
/// Its own, and the system's when there is no event loop to be had.
pub fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// Puts the configuration together: defaults, the file, the environment of the process, and the flags.
///
/// # Errors
/// What [`Config::load`] says.
pub fn configure(named: Option<&Path>, flags: Vec<Flag>) -> Result<Config, CliError> {
    let environment = file::environment(std::env::vars_os())?;
    let from_environment = environment.iter().find(|(name, value)| name == "PROVOST_CONFIG" && !value.is_empty());
    let named = named.or_else(|| from_environment.map(|(_, value)| Path::new(value)));
    let file = file::read(named)?;
    Ok(Config::load(Sources { file, environment, flags })?)
}
