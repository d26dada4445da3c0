//! A POST for somebody who was deactivated brings him back, where the client's profile says so (spec/scim.md §11.2).

use std::sync::Arc;

use super::load::{Needs, document};
use super::objects::{Address, Change, Draft};
use super::save::unique_hashes;
use super::{Context, Result};
use crate::domain::relation::Precondition;
use crate::domain::schema::ObjectType;
use crate::domain::written::Written;
use crate::store::objects::ObjectRow;
use crate::store::{Conn, index, objects};

/// The attribute that says whether somebody was deactivated.
const ACTIVE: &str = "active";

impl Context {
    /// Changes the deactivated object that has the draft's `externalId` or a unique value of it; it keeps its id. `None` when
    /// there is none.
    pub(crate) fn revive(
        &self,
        conn: &mut Conn,
        kind: &Arc<ObjectType>,
        draft: &Draft,
        change: &Change,
        needs: &Needs,
    ) -> Result<Option<Written>> {
        let Some(row) = self.dormant(conn, kind, draft)? else { return Ok(None) };
        let address = Address { kind: kind.clone(), wire_id: row.wire_id.clone(), precondition: Precondition::None };
        // A replace that is silent keeps what is there; who is made anew is as active as the fresh draft says.
        let (change, active) = (change.clone(), draft.doc.get(ACTIVE).cloned());
        let change: Change = Arc::new(move |now| {
            let mut revived = change(now)?;
            match &active {
                Some(active) => _ = revived.doc.insert(ACTIVE.to_owned(), active.clone()),
                None => _ = revived.doc.shift_remove(ACTIVE),
            }
            Ok(revived)
        });
        self.update(conn, &address, row, &change, &Needs::nothing(), needs).map(Some)
    }

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
