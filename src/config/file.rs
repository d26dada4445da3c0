//! What loading needs of the process: the file and the environment.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;

use crate::config::ConfigError;

const NAME: &str = "provost.toml";

/// Reads the configuration file: the one named, which must be there, or `provost.toml` in the current folder if it is.
///
/// # Errors
/// [`ConfigError::File`].
pub fn read(named: Option<&Path>) -> Result<Option<(String, String)>, ConfigError> {
    let path = named.unwrap_or(Path::new(NAME));
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some((path.display().to_string(), text))),
        Err(cause) if named.is_none() && cause.kind() == ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(ConfigError::File { file: path.display().to_string(), cause }),
    }
}

/// The variables that begin with `PROVOST_`, out of all.
///
/// # Errors
/// [`ConfigError::Together`] for one of them that is not UTF-8.
pub fn environment(all: impl Iterator<Item = (OsString, OsString)>) -> Result<Vec<(String, String)>, ConfigError> {
    all.filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with("PROVOST_"))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(ConfigError::Together(format!("environment {name}: it is not UTF-8"))),
        })
        .collect()
}
