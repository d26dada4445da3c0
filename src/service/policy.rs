//! Which policies an object would not meet, without writing it (spec/idm.md §1.2).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::load::document;
use super::save::unique_hashes;
use super::{Context, Result, Service};
use crate::domain::actor::Actor;
use crate::domain::document::check::property_of;
use crate::domain::document::idm;
use crate::domain::error::{Fault, Kind, Requirement};
use crate::domain::key::Key;
use crate::domain::schema::ObjectType;
use crate::store::{Conn, index, objects};

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The whole object, as a PUT would leave it.
    Object,
    /// The properties that are given.
    Given,
}

impl Service {
    /// The requirements that the object would not meet with this body. Without `wire_id`, or where there is no such object, it
    /// is one to be made.
    ///
    /// # Errors
    /// What is wrong with the body beside policies, as the write would say it.
    pub async fn validate(
        &self,
        actor: &Actor,
        kind: Arc<ObjectType>,
        wire_id: Option<String>,
        body: Value,
        extent: Extent,
    ) -> Result<Vec<Requirement>> {
        let ctx = self.context(actor);
        self.store().read_short(move |conn| ctx.validate(conn, &kind, wire_id.as_deref(), body, extent)).await
    }
}

impl Context {
    fn validate(
        &self,
        conn: &mut Conn,
        kind: &ObjectType,
        wire_id: Option<&str>,
        body: Value,
        extent: Extent,
    ) -> Result<Vec<Requirement>> {
        self.hold_types(conn)?;
        let row = match wire_id {
            Some(id) => objects::get_by_wire_id(conn, self.actor.tenant, &kind.name, id)?,
            None => None,
        };
        let current = row.as_ref().map_or_else(|| Ok(Map::new()), document)?;
        let Value::Object(body) = body else {
            return Err(Fault::new(Kind::InvalidSyntax, "the body must be a JSON object").into());
        };
        let given: BTreeSet<String> = body.keys().cloned().collect();
        let asked = |property: &str| extent == Extent::Object || given.contains(property);
        let weighed = match extent {
            Extent::Object => idm::weigh(kind, &current, body)?,
            Extent::Given => idm::weigh_given(kind, &current, body)?,
        };
        let mut failed = weighed.failed.map(|fault| fault.requirements).unwrap_or_default();
        failed.retain(|requirement| asked(&requirement.property));
        let key = row.map(|row| row.key);
        for property in self.taken(conn, kind, key, &weighed.parsed.doc)? {
            if asked(&property) {
                failed.push(Requirement { property, policy: "UNIQUE", params: Map::new() });
            }
        }
        Ok(failed)
    }

    /// The properties of a document whose values another object has, where they must be unique.
    fn taken(&self, conn: &mut Conn, kind: &ObjectType, own: Option<Key>, doc: &Map<String, Value>) -> Result<BTreeSet<String>> {
        let tenant = self.actor.tenant;
        let paths = self.service.paths(conn, tenant, kind)?;
        // No object has this key.
        let own = own.unwrap_or_else(|| Key::new(uuid::Uuid::nil()));
        let mut out = BTreeSet::new();
        for (path, attribute) in kind.unique() {
            let Some(number) = paths.get(&path) else { continue };
            for hash in unique_hashes(kind, path, attribute, doc) {
                let holder = index::unique_holder(conn, tenant, *number, &hash)?;
                if holder.is_some_and(|holder| holder != own) || self.held_elsewhere(conn, kind, path, &hash, own)? {
                    out.insert(property_of(kind, path));
                }
            }
        }
        Ok(out)
    }
}
