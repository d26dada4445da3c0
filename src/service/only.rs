//! Changes the one object that a query means (spec/idm.md §1.6).

use super::load::Needs;
use super::objects::{Address, Change};
use super::search::{Most, Order, Part, Search, Start};
use super::{Result, Service, ServiceError};
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind};
use crate::domain::relation::Precondition;
use crate::domain::resource::Resource;

/// How often an object that others change meanwhile is looked for anew.
const TRIES: usize = 5;

impl Service {
    /// Changes the object that `part` means. It is found outside of the write, which takes place if it is still as it was
    /// found; otherwise it is looked for again.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when there is none, [`Kind::Conflict`] when there are several, [`Kind::Unavailable`] when it does not
    /// keep still, and those of [`Service::update`].
    pub async fn update_only(&self, actor: &Actor, part: Part, change: Change, needs: Needs) -> Result<Resource> {
        let kind = part.kind.clone();
        let search = Search {
            parts: vec![part],
            order: Order::Creation,
            start: Start::Offset(0),
            count: 2,
            total: false,
            most: Most::ANY,
            base: String::new(),
        };
        let mut refused: Option<(_, Fault)> = None;
        for _ in 0..TRIES {
            let found = self.search(actor, search.clone()).await?.resources;
            let one = match found.as_slice() {
                [] => return Err(Fault::new(Kind::NotFound, "Query returned no results").into()),
                [one] => &one.head,
                _ => return Err(Fault::new(Kind::Conflict, "Query result must yield one matching object").into()),
            };
            // It stands as it did when the change was refused, so that was not for its revision.
            if let Some((_, fault)) = refused.take_if(|(known, _)| *known == (one.key, one.rev)) {
                return Err(fault.into());
            }
            let precondition = Precondition::Revision(vec![one.rev]);
            let address = Address { kind: kind.clone(), wire_id: one.wire_id.clone(), precondition };
            match self.update(actor, address, change.clone(), Needs::nothing(), needs.clone()).await {
                Err(ServiceError::Fault(fault)) if matches!(fault.kind, Kind::PreconditionFailed | Kind::NotFound) => {
                    refused = Some(((one.key, one.rev), fault));
                }
                outcome => return outcome,
            }
        }
        Err(Fault::of(Kind::Unavailable).retry_after(1).into())
    }
}
