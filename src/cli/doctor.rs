//! `provost doctor`.

use std::io::Write as _;

use super::args::StoreArgs;
use super::gateway::{open_existing, service};
use super::{CliError, block_on, configure};
use crate::runtime::Clock;

/// Examines the database: a line for each finding, and one that sums up.
///
/// # Errors
/// Configuration, store; when anything was found.
pub fn run(args: &StoreArgs) -> Result<(), CliError> {
    let config = configure(args.config.as_deref(), args.flags())?;
    let store = open_existing(&config)?;
    block_on(async {
        let examined = service(&store, Clock::system())?.examine(print).await?;
        store.close().await;
        let mut out = std::io::stdout();
        writeln!(
            out,
            "examined {} tenants, {} objects, {} edges, {} changes: {} findings",
            examined.tenants, examined.objects, examined.edges, examined.changes, examined.findings
        )?;
        match examined.findings {
            0 => Ok(()),
            _ => Err(CliError::new("the database does not hold together; keep a copy of it, and restore the last backup")),
        }
    })
}

fn print(finding: &impl std::fmt::Display) {
    // With standard output gone, the exit status still tells.
    let _ = writeln!(std::io::stdout(), "{finding}");
}
