//! A write as a value: what one request asks for, carried out alone or as a step of a bulk.

use std::sync::Arc;

use super::load::Needs;
use super::objects::{Address, Change, Draft};
use super::{Context, Result, Service};
use crate::domain::actor::Actor;
use crate::domain::key::Key;
use crate::domain::schema::ObjectType;
use crate::domain::written::Written;
use crate::runtime::random;
use crate::store::Conn;

/// A write.
#[derive(Clone)]
pub enum Command {
    /// Makes an object, with its key as its id.
    Create {
        /// Its type.
        kind: Arc<ObjectType>,
        /// What it shall be.
        draft: Draft,
        /// What becomes of a deactivated object that the draft means, where the client's profile brings it back.
        revive: Option<Change>,
    },
    /// Changes an object.
    Update {
        /// Which.
        address: Address,
        /// How.
        change: Change,
    },
    /// Deletes an object.
    Delete {
        /// Which.
        address: Address,
    },
}

impl Service {
    /// Carries out one command. `needs` is what the answer holds; of a deleted object it is what that was.
    ///
    /// # Errors
    /// Those of [`Service::create`], [`Service::update`] and [`Service::delete`].
    pub async fn execute(&self, actor: &Actor, command: Command, needs: Needs) -> Result<Written> {
        self.write(actor, move |ctx, tx| ctx.execute(tx, &command, &needs)).await
    }
}

impl Context {
    /// Carries out one command in the transaction of its caller.
    pub(crate) fn execute(&self, conn: &mut Conn, command: &Command, needs: &Needs) -> Result<Written> {
        match command {
            Command::Create { kind, draft, revive } => {
                if let Some(change) = revive
                    && let Some(revived) = self.revive(conn, kind, draft, change, needs)?
                {
                    return Ok(revived);
                }
                self.create(conn, kind, Key::new(random::key()), None, draft, needs)
            }
            Command::Update { address, change } => {
                let row = self.find(conn, &address.kind, &address.wire_id)?;
                self.update(conn, address, row, change, &Needs::nothing(), needs)
            }
            Command::Delete { address } => self.delete(conn, address),
        }
    }
}
