//! Why a command failed.

use std::io::Write as _;
use std::process::ExitCode;

use crate::config::ConfigError;
use crate::domain::error::Fault;

/// Why a command failed: one line that says what, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CliError(String);

impl CliError {
    /// With this line; line breaks in it become spaces.
    pub fn new(line: impl AsRef<str>) -> Self {
        Self(line.as_ref().split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<Fault> for CliError {
    fn from(fault: Fault) -> Self {
        Self::new(fault.to_string())
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// The exit status of a command. A failure is told on standard error.
pub fn exit(result: Result<(), CliError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error gone there is nobody left to tell.
            let _ = writeln!(std::io::stderr().lock(), "provost: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CliError;

    #[test]
    fn an_error_is_one_line() {
        assert_eq!(CliError::new("no such\n  file").to_string(), "no such file");
    }
}
