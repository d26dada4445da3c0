//! `provost backup`.

use super::args::BackupArgs;
use super::gateway::open_existing;
use super::{CliError, configure};

/// Writes a consistent copy of the data folder's database.
///
/// # Errors
/// Configuration, store; a file that is there.
pub fn run(args: &BackupArgs) -> Result<(), CliError> {
    let config = configure(args.store.config.as_deref(), args.store.flags())?;
    let store = open_existing(&config)?;
    store.backup(&args.file)?;
    store.close_blocking();
    Ok(())
}
