//! `provost migrate`.

use std::sync::Arc;

use super::args::StoreArgs;
use super::gateway::{open_store, service};
use super::{CliError, block_on, configure};
use crate::runtime::Clock;

/// Brings the database to the form that this version needs; one that is not there is made, without its first token, which
/// `serve` makes.
///
/// # Errors
/// Configuration, store; a database that a newer version wrote.
pub fn run(args: &StoreArgs) -> Result<(), CliError> {
    let config = configure(args.config.as_deref(), args.flags())?;
    let store = open_store(&config, Arc::default())?;
    block_on(async {
        let service = service(&store, Clock::system())?;
        if !service.tenants().await?.is_empty() {
            service.prepare(None).await?;
        }
        store.close().await;
        Ok(())
    })
}
