//! Create, read, update and delete objects of any type, in any dialect.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Map, Value};

use super::credentials::{ACCOUNT, check_method};
use super::grants::ROLE;
use super::load::{Needs, document, parsed};
use super::save::Content;
use super::warnings::Touch;
use super::{Context, Result, Service, inbound, permissions};
use crate::domain::actor::Actor;
use crate::domain::document::values;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::Key;
use crate::domain::relation::{Precondition, RelationshipWrite};
use crate::domain::resource::Resource;
use crate::domain::schema::relationship::{GRANT, MEMBERSHIP};
use crate::domain::schema::{ObjectType, Side};
use crate::domain::scope::{Action, Permission, Scope};
use crate::domain::written;
use crate::runtime::random;
use crate::store::objects::ObjectRow;
use crate::store::{Conn, edges, objects, recomputations, temporal, unresolved};

/// Longest wire id a client may choose, in bytes.
const MAX_WIRE_ID: usize = 255;

/// What an object shall be after a write.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The canonical document.
    pub doc: Map<String, Value>,
    /// `externalId` for the caller's source.
    pub external_id: Option<String>,
    /// What becomes of its relationships, in order.
    pub relationships: Vec<RelationshipWrite>,
}

/// Works out what an object shall be from what it is; it may run more than once.
pub type Change = Arc<dyn Fn(&Resource) -> std::result::Result<Draft, Fault> + Send + Sync>;

/// Which object is written, and what its state must be.
#[derive(Debug, Clone)]
pub struct Address {
    /// Its type.
    pub kind: Arc<ObjectType>,
    /// Its wire id.
    pub wire_id: String,
    /// What the client demands of its revision.
    pub precondition: Precondition,
}

/// An object after a write.
#[derive(Debug, Clone)]
pub struct Written {
    /// The object.
    pub resource: Resource,
    /// Whether it was made by this write.
    pub created: bool,
}

impl Service {
    /// Makes an object. Without `wire_id` the key is the id.
    ///
    /// # Errors
    /// Uniqueness, references (by profile), permissions; [`Kind::PreconditionFailed`] when `wire_id` is in use.
    pub async fn create(
        &self,
        actor: &Actor,
        kind: Arc<ObjectType>,
        wire_id: Option<String>,
        draft: Draft,
        needs: Needs,
    ) -> Result<Resource> {
        let key = Key::new(random::key());
        self.write(actor, move |ctx, tx| ctx.create(tx, &kind, key, wire_id.as_deref(), &draft, &needs)).await.and_then(parsed)
    }

    /// Reads an object.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn get(&self, actor: &Actor, kind: Arc<ObjectType>, wire_id: String, needs: Needs) -> Result<Resource> {
        self.read(actor, kind, wire_id, needs).await.and_then(parsed)
    }

    /// Reads an object, its document as text.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn read(&self, actor: &Actor, kind: Arc<ObjectType>, wire_id: String, needs: Needs) -> Result<written::Written> {
        let ctx = self.context(actor);
        self.store()
            .read_short(move |conn| {
                let row = ctx.find(conn, &kind, &wire_id)?;
                ctx.one_written(conn, &kind, row, &needs)
            })
            .await
    }

    /// Changes an object: PUT and PATCH of every dialect. A change that changes nothing moves no revision. `seen` is what
    /// `change` is shown, `needs` what the answer holds.
    ///
    /// # Errors
    /// [`Kind::NotFound`], [`Kind::PreconditionFailed`], and whatever `change` or the rules of the type refuse.
    pub async fn update(&self, actor: &Actor, address: Address, change: Change, seen: Needs, needs: Needs) -> Result<Resource> {
        self.write(actor, move |ctx, tx| {
            let row = ctx.find(tx, &address.kind, &address.wire_id)?;
            ctx.update(tx, &address, row, &change, &seen, &needs)
        })
        .await
        .and_then(parsed)
    }

    /// Changes the object if there is one, else makes it with that wire id (IDM `PUT`, spec/idm.md §1.1).
    ///
    /// # Errors
    /// As [`Service::create`] and [`Service::update`]; [`Kind::NotFound`] when the precondition demands an object.
    pub async fn upsert(
        &self,
        actor: &Actor,
        address: Address,
        fresh: Draft,
        change: Change,
        seen: Needs,
        needs: Needs,
    ) -> Result<Written> {
        let key = Key::new(random::key());
        self.write(actor, move |ctx, tx| {
            let found = objects::get_by_wire_id(tx, ctx.actor.tenant, &address.kind.name, &address.wire_id)?;
            match (found, &address.precondition) {
                (Some(_), Precondition::Absent) => {
                    Err(Fault::new(Kind::PreconditionFailed, "an object with this id exists").into())
                }
                (Some(row), _) => Ok((ctx.update(tx, &address, row, &change, &seen, &needs)?, false)),
                (None, Precondition::Exists | Precondition::Revision(_)) => Err(not_found(&address.kind).into()),
                (None, _) => Ok((ctx.create(tx, &address.kind, key, Some(&address.wire_id), &fresh, &needs)?, true)),
            }
        })
        .await
        .and_then(|(written, created)| Ok(Written { resource: parsed(written)?, created }))
    }

    /// Deletes an object for good, with its edges; the answer is what it was.
    ///
    /// # Errors
    /// [`Kind::NotFound`], [`Kind::PreconditionFailed`], [`Kind::Conflict`] for a role that is held.
    pub async fn delete(&self, actor: &Actor, address: Address) -> Result<Resource> {
        self.write(actor, move |ctx, tx| ctx.delete(tx, &address)).await.and_then(parsed)
    }
}

/// No such object of this type; another tenant's looks the same.
pub(crate) fn not_found(kind: &ObjectType) -> Fault {
    Fault::new(Kind::NotFound, format!("no such {}", kind.name))
}

/// Whether a document says that its object may be used.
fn is_active(doc: &Map<String, Value>) -> bool {
    doc.get("active") == Some(&true.into())
}

impl Context {
    /// The row of an object by its wire id.
    pub(crate) fn find(&self, conn: &mut Conn, kind: &ObjectType, wire_id: &str) -> Result<ObjectRow> {
        objects::get_by_wire_id(conn, self.actor.tenant, &kind.name, wire_id)?.ok_or_else(|| not_found(kind).into())
    }

    /// Refuses writes of roles, grants and conditions to callers without that scope.
    pub(crate) fn demand_roles(&self) -> Result<()> {
        if self.actor.may(Action::Roles) {
            if let Some(token) = self.actor.token.filter(|_| !self.actor.scopes.contains(Scope::ADMIN)) {
                let permission = Permission::new(self.actor.dialect, Action::Roles);
                self.service.used(self.actor.tenant, token, permission.scope().name());
            }
            return Ok(());
        }
        let scope = format!("{}.roles", self.actor.dialect.name());
        Err(Fault::new(
            Kind::Forbidden,
            format!("writing roles, grants, conditions or service accounts needs the scope '{scope}'"),
        )
        .into())
    }

    /// Refuses writes of a type that gives rights to callers without that scope.
    pub(crate) fn guard_type(&self, kind: &ObjectType) -> Result<()> {
        if kind.privileged { self.demand_roles() } else { Ok(()) }
    }

    pub(crate) fn create(
        &self,
        conn: &mut Conn,
        kind: &Arc<ObjectType>,
        key: Key,
        wire_id: Option<&str>,
        draft: &Draft,
        needs: &Needs,
    ) -> Result<written::Written> {
        self.guard_type(kind)?;
        let made;
        let wire_id = match wire_id {
            Some(chosen) => self.free_wire_id(conn, kind, chosen)?,
            None => {
                made = key.to_string();
                &made
            }
        };
        let mut content = Content { doc: draft.doc.clone(), external_id: draft.external_id.clone() };
        for (path, _) in kind.paths().filter(|(_, a)| a.generated) {
            values::set(kind, &mut content.doc, path, Some(random::key().to_string().into()));
        }
        self.admit(conn, kind, wire_id, None, &content.doc)?;
        permissions::check(kind, None, &content.doc)?;
        check_method(kind, None, &content.doc)?;
        self.guard_definition(conn, kind, key, None, &content.doc)?;
        let row = self.insert(conn, kind, key, wire_id, &content)?;
        let change = self.object_change(kind, key, row.rev, None, Some((&content.doc, content.external_id.as_deref())));
        self.record(conn, &[change])?;
        self.write_relationships(conn, kind, key, &draft.relationships)?;
        self.time_role(conn, &kind.name, key, None, &content.doc)?;
        self.regrant(conn, kind, &row, None, &content.doc)?;
        if kind.name == ACCOUNT {
            self.touched.note(Touch::Account(key));
        }
        self.one_written(conn, kind, row, needs)
    }

    fn free_wire_id<'a>(&self, conn: &mut Conn, kind: &ObjectType, chosen: &'a str) -> Result<&'a str> {
        if self.service.inner.own_ids.load(Ordering::Relaxed) {
            let text = "ids are made by this server (idm.client_ids is off): POST to the collection, without '_id'";
            return Err(Fault::new(Kind::Forbidden, text).into());
        }
        if chosen.is_empty() || chosen.len() > MAX_WIRE_ID || chosen.chars().any(char::is_control) {
            let text = format!("an id has 1 to {MAX_WIRE_ID} bytes and no control characters");
            return Err(Fault::new(Kind::InvalidValue, text).into());
        }
        if objects::get_by_wire_id(conn, self.actor.tenant, &kind.name, chosen)?.is_some() {
            return Err(Fault::new(Kind::PreconditionFailed, "an object with this id exists").into());
        }
        Ok(chosen)
    }

    pub(crate) fn update(
        &self,
        conn: &mut Conn,
        address: &Address,
        row: ObjectRow,
        change: &Change,
        seen: &Needs,
        needs: &Needs,
    ) -> Result<written::Written> {
        let kind = &address.kind;
        if !address.precondition.admits(row.rev) {
            return Err(Fault::of(Kind::PreconditionFailed).into());
        }
        self.guard_type(kind)?;
        let before = self.resource(conn, kind, row.clone(), seen)?;
        let draft = change(&before)?;
        self.admit(conn, kind, &row.wire_id, Some(&before.doc), &draft.doc)?;
        let key = row.key;
        if is_active(&before.doc) && !is_active(&draft.doc) {
            self.admit_removal(conn, kind, &row, inbound::DEACTIVATE)?;
            self.end_tokens(conn, &kind.name, key)?;
        }
        let moved = self.write_relationships(conn, kind, key, &draft.relationships)?;
        let related = !draft.relationships.is_empty();
        let content = Content { doc: draft.doc, external_id: draft.external_id };
        permissions::check(kind, Some(&before.doc), &content.doc)?;
        check_method(kind, Some(&before.doc), &content.doc)?;
        self.guard_definition(conn, kind, key, Some(&before.doc), &content.doc)?;
        self.guard_identity(conn, &before, &content)?;
        let same = content.doc == before.doc && content.external_id == before.external_id;
        match kind.name.as_str() {
            ACCOUNT if related => self.touched.note(Touch::Account(key)),
            ROLE if !same => self.touched.note(Touch::Role(key)),
            _ => {}
        }
        let row = if same && !moved {
            row
        } else {
            let written = self.overwrite(conn, kind, &row, &before.doc, &content)?;
            if !same {
                let sides = [(&before.doc, &before.external_id), (&content.doc, &content.external_id)];
                let [was, is] = sides.map(|(doc, id)| Some((doc, id.as_deref())));
                self.record(conn, &[self.object_change(kind, key, written.rev, was, is)])?;
                self.time_role(conn, &kind.name, key, Some(&before.doc), &content.doc)?;
                self.regrant(conn, kind, &written, Some(&before.doc), &content.doc)?;
            }
            written
        };
        self.one_written(conn, kind, row, needs)
    }

    pub(crate) fn delete(&self, conn: &mut Conn, address: &Address) -> Result<written::Written> {
        let kind = &address.kind;
        let tenant = self.actor.tenant;
        let row = self.find(conn, kind, &address.wire_id)?;
        if !address.precondition.admits(row.rev) {
            return Err(Fault::of(Kind::PreconditionFailed).into());
        }
        self.guard_type(kind)?;
        self.admit_deletion(kind, &row.wire_id)?;
        for relationship in kind.relationships.iter().filter(|r| r.blocks_deletion) {
            if edges::has_any(conn, tenant, &relationship.relation, relationship.side, row.key)? {
                let text = match relationship.relation.as_str() {
                    GRANT => "Cannot delete a role that is currently granted".to_owned(),
                    _ => format!("it cannot be deleted while '{}' holds any", relationship.name),
                };
                return Err(Fault::new(Kind::Conflict, text).into());
            }
        }
        if let Some(job) = recomputations::get(conn, tenant, row.key)? {
            let text = format!("its condition is still being carried out by job {job}");
            return Err(Fault::new(Kind::Conflict, text).into());
        }
        if kind.relationships.iter().any(|r| r.relation == MEMBERSHIP && r.side == Side::From) {
            // With it goes what its members hold through it.
            self.guard_groups(conn, BTreeSet::from([row.key]))?;
        }
        self.admit_removal(conn, kind, &row, inbound::DELETE)?;
        let doc = document(&row)?;
        let resource = self.one_written(conn, kind, row.clone(), &Needs::nothing())?;
        let gone = edges::delete_all_of(conn, tenant, row.key)?;
        self.note_edges(conn, &[], &gone, Some(row.key))?;
        unresolved::remove_all(conn, tenant, row.key, None)?;
        temporal::remove(conn, tenant, &[row.key])?;
        self.forget_condition(conn, row.key)?;
        self.remove_credentials(conn, kind, row.key)?;
        self.remove(conn, kind, &row, &doc)?;
        self.edges_moved(conn, &[], &gone)?;
        let was = Some((&doc, resource.head.external_id.as_deref()));
        self.record(conn, &[self.object_change(kind, row.key, row.rev, was, None)])?;
        Ok(resource)
    }
}
