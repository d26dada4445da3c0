//! `provost restore`.

use std::io::Write as _;

use super::args::RestoreArgs;
use super::{CliError, configure};
use crate::config::{Database, master_key};
use crate::store::backup;

/// Makes a data folder from a backup.
///
/// # Errors
/// Configuration; a folder that is not empty; a file that is no sound backup.
pub fn run(args: &RestoreArgs) -> Result<(), CliError> {
    let config = configure(args.store.config.as_deref(), args.store.flags())?;
    let Database::Folder(folder) = config.database() else {
        return Err(CliError::new("PostgreSQL is restored by its own tools: pg_restore, or a base backup"));
    };
    backup::restore(&args.file, folder)?;
    if master_key::find(&config)?.is_none() {
        let mut out = std::io::stdout();
        writeln!(out, "restored; now copy master.key of the folder that was backed up to '{}'", folder.display())?;
    }
    Ok(())
}
