//! What some types demand of an object beyond their schema, before it is saved or deleted.

use serde_json::{Map, Value};

use super::{Context, Result};
use crate::domain::assignment;
use crate::domain::condition::Condition;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::{Key, TenantId};
use crate::domain::privilege::{self, BUILT_IN, INTERNAL_ROLE};
use crate::domain::schema::ObjectType;
use crate::runtime::random;
use crate::service::grants::{CONDITION, SUBJECT};
use crate::service::save::Content;
use crate::store::{Conn, objects};

type Doc = Map<String, Value>;

impl Context {
    /// Checks an object that is about to be made (`before` absent) or changed.
    pub(super) fn admit(&self, conn: &mut Conn, kind: &ObjectType, id: &str, before: Option<&Doc>, after: &Doc) -> Result<()> {
        if before == Some(after) {
            return Ok(());
        }
        match kind.name.as_str() {
            assignment::ASSIGNMENT => self.admit_assignment(conn, before, after),
            INTERNAL_ROLE if before.is_some() && privilege::is_built_in(kind, id) => Err(fixed()),
            INTERNAL_ROLE => {
                privilege::check(after, &self.actor.types)?;
                if let Some(condition) = after.get(CONDITION).and_then(Value::as_str) {
                    let subject = self.kind(SUBJECT)?;
                    Condition::parse(condition, &subject, &self.actor.types)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Checks whether an object may go.
    pub(super) fn admit_deletion(&self, kind: &ObjectType, id: &str) -> Result<()> {
        if privilege::is_built_in(kind, id) { Err(fixed()) } else { Ok(()) }
    }

    /// Makes the internal roles that every tenant has, unless they are there.
    pub(super) fn seed_internal_roles(&self, conn: &mut Conn, tenant: TenantId) -> Result<()> {
        let kind = self.kind(INTERNAL_ROLE)?;
        for (id, description) in BUILT_IN {
            if objects::key_of(conn, tenant, &kind.name, id)?.is_some() {
                continue;
            }
            let doc = [("name", id), ("description", description)];
            let doc = doc.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text))).collect();
            self.insert(conn, &kind, Key::new(random::key()), id, &Content { doc, external_id: None })?;
        }
        Ok(())
    }
}

fn fixed() -> crate::service::ServiceError {
    Fault::new(Kind::Forbidden, "the role is built in; it takes members and no other change").into()
}
