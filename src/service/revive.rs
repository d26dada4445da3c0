//! A POST for somebody who was deactivated brings him back, where the client's profile says so (spec/scim.md §11.2).

use std::sync::Arc;

use super::load::{Needs, document};
use super::objects::{Address, Change, Draft};
use super::save::unique_hashes;
use super::{Context, Result, Service};
use crate::domain::actor::Actor;
use crate::domain::key::Key;
use crate::domain::relation::Precondition;
use crate::domain::resource::Resource;
use crate::domain::schema::ObjectType;
use crate::runtime::random;
use crate::store::objects::ObjectRow;
use crate::store::{Conn, index, objects};

/// The attribute that says whether somebody was deactivated.
const ACTIVE: &str = "active";

impl Service {
    /// Makes an object as [`Service::create`] does, unless a deactivated one has its `externalId` or a unique value of its: that
    /// one is changed by `change` and keeps its id.
    ///
    /// # Errors
    /// As [`Service::create`] and [`Service::update`].
    pub async fn create_or_revive(
        &self,
        actor: &Actor,
        kind: Arc<ObjectType>,
        draft: Draft,
        change: Change,
        needs: Needs,
    ) -> Result<Resource> {
        let ctx = self.context(actor);
        let key = Key::new(random::key());
        self.store()
            .write(actor.tenant, move |tx| {
                let Some(row) = ctx.dormant(tx, &kind, &draft)? else {
                    return ctx.create(tx, &kind, key, None, &draft, &needs);
                };
                let address = Address { kind: kind.clone(), wire_id: row.wire_id.clone(), precondition: Precondition::None };
                ctx.update(tx, &address, row, &change, &Needs::nothing(), &needs)
            })
            .await
    }
}

impl Context {
    // The deactivated object that a draft means: by externalId, else by a unique value.
    fn dormant(&self, conn: &mut Conn, kind: &ObjectType, draft: &Draft) -> Result<Option<ObjectRow>> {
        let tenant = self.actor.tenant;
        let mut keys = match &draft.external_id {
            Some(id) => index::find_external_id(conn, tenant, &kind.name, &self.actor.source, id)?,
            None => Vec::new(),
        };
        let paths = self.service.paths(conn, tenant, kind)?;
        for (path, attribute) in kind.unique() {
            let Some(id) = paths.get(&path) else { continue };
            for hash in unique_hashes(kind, path, attribute, &draft.doc) {
                keys.extend(index::unique_holder(conn, tenant, *id, &hash)?);
            }
        }
        for key in keys {
            let Some(row) = objects::get(conn, tenant, &kind.name, key)? else { continue };
            if document(&row)?.get(ACTIVE) == Some(&false.into()) {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }
}
