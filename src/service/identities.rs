//! Roles of service accounts by name, as Passport writes them, and roles found by their names.

use std::collections::HashSet;

use super::grants::ROLE;
use super::{Context, Result, Service};
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::key::Key;
use crate::domain::near::near;
use crate::domain::normal;
use crate::domain::relation::{CONDITIONAL, Precondition, Reference, RelationshipChange, RelationshipWrite, STATIC};
use crate::domain::schema::Side;
use crate::domain::schema::relationship::GRANT;
use crate::domain::time::Timestamp;
use crate::store::edges::EdgeRow;
use crate::store::{Conn, edges, index, objects};

/// The type of those who are programs.
pub(crate) const SERVICE_ACCOUNT: &str = "service_account";

/// The relationship that leads to roles.
const ROLES: &str = "roles";

/// Most roles that one request names.
const MOST: usize = 1_000;

/// How many roles are looked at for names near to a mistyped one.
const SUGGESTED_FROM: i64 = 1_000;

/// What becomes of the roles that an account holds by hand; names compare exactly.
#[derive(Debug, Clone)]
pub enum RolesChange {
    /// These and no others.
    Replace(Vec<String>),
    /// This one too.
    Add(String),
    /// Not this one.
    Remove(String),
}

/// The roles that an account holds by hand.
#[derive(Debug, Clone)]
pub struct HeldRoles {
    /// Their names; of a replacement in the order sent.
    pub names: Vec<String>,
    /// When they last changed.
    pub updated: Timestamp,
}

// A grant by hand, and the name of its role.
struct Grant {
    edge: EdgeRow,
    name: String,
    wire_id: String,
}

impl Service {
    /// The id of the role with this exact name.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn role_named(&self, actor: &Actor, name: String) -> Result<String> {
        let ctx = self.context(actor);
        self.store()
            .read_short(move |conn| {
                let missing = || Fault::new(Kind::NotFound, "no such role");
                let key = ctx.role_by_name(conn, &name)?.ok_or_else(missing)?;
                let row = objects::get(conn, ctx.actor.tenant, ROLE, key)?.ok_or_else(missing)?;
                Ok(row.wire_id)
            })
            .await
    }

    /// Changes the roles of a service account. Tokens that are out keep the roles they were given (row P68), unless `revoke`
    /// ends them in the same transaction.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for the account, or a role to remove that it does not hold; [`Kind::InvalidValue`] for an unknown role,
    /// with names near to it; [`Kind::Forbidden`], [`Kind::PreconditionFailed`].
    pub async fn change_roles(
        &self,
        actor: &Actor,
        wire_id: String,
        change: RolesChange,
        precondition: Precondition,
        revoke: bool,
    ) -> Result<HeldRoles> {
        self.write(actor, move |ctx, tx| {
            let kind = ctx.kind(SERVICE_ACCOUNT)?;
            let row = ctx.find(tx, &kind, &wire_id)?;
            if !precondition.admits(row.rev) {
                return Err(Fault::of(Kind::PreconditionFailed).into());
            }
            ctx.demand_roles()?;
            let held = ctx.grants_by_hand(tx, row.key)?;
            let last = held.iter().map(|grant| grant.edge.created).max().unwrap_or(row.modified).max(row.modified);
            let (names, wanted): (Vec<String>, Vec<String>) = match &change {
                RolesChange::Replace(names) => {
                    let mut seen = HashSet::new();
                    let names: Vec<String> = names.iter().filter(|name| seen.insert(name.as_str())).cloned().collect();
                    (names.clone(), names)
                }
                RolesChange::Add(name) => (names_of(&held).chain([name.clone()]).collect(), vec![name.clone()]),
                RolesChange::Remove(name) => {
                    if names_of(&held).all(|held| held != *name) {
                        return Err(Fault::new(Kind::NotFound, "the account does not hold this role").into());
                    }
                    (names_of(&held).filter(|held| held != name).collect(), Vec::new())
                }
            };
            let mut distinct = HashSet::new();
            let names: Vec<String> = names.into_iter().filter(|name| distinct.insert(name.clone())).collect();
            let fresh =
                ctx.role_ids(tx, wanted.into_iter().filter(|name| names_of(&held).all(|held| held != *name)).collect())?;
            let gone = held
                .iter()
                .filter(|grant| !names.contains(&grant.name))
                .map(|grant| reference(&grant.wire_id, Some(&grant.edge)));
            let write = |change| RelationshipWrite { property: ROLES.to_owned(), change };
            let gone: Vec<Reference> = gone.collect();
            let changed = !gone.is_empty() || !fresh.is_empty();
            let fresh = fresh.iter().map(|id| reference(id, None)).collect();
            let writes = [write(RelationshipChange::Remove(gone)), write(RelationshipChange::Add(fresh))];
            ctx.write_relationships(tx, &kind, row.key, &writes)?;
            if revoke {
                ctx.revoke_tokens(tx, &row)?;
            }
            Ok(HeldRoles { names, updated: if changed { ctx.now.max(last) } else { last } })
        })
        .await
    }
}

fn names_of(held: &[Grant]) -> impl Iterator<Item = String> {
    held.iter().map(|grant| grant.name.clone())
}

fn reference(wire_id: &str, edge: Option<&EdgeRow>) -> Reference {
    Reference::Exact {
        kind: ROLE.to_owned(),
        id: wire_id.to_owned(),
        edge: edge.map(|edge| edge.id),
        grant_type: edge.map_or(STATIC, |edge| &edge.variant).to_owned(),
        properties: None,
    }
}

impl Context {
    /// The role with this exact name.
    fn role_by_name(&self, conn: &mut Conn, name: &str) -> Result<Option<Key>> {
        let kind = self.kind(ROLE)?;
        let paths = self.service.paths(conn, self.actor.tenant, &kind)?;
        let Some(number) = paths.get(&kind.label).copied() else { return Ok(None) };
        Ok(index::unique_holder(conn, self.actor.tenant, number, &normal::hash(&normal::text(name, true)))?)
    }

    /// The ids of roles, in the order of their names.
    fn role_ids(&self, conn: &mut Conn, names: Vec<String>) -> Result<Vec<String>> {
        if names.len() > MOST {
            return Err(Fault::new(Kind::InvalidValue, format!("'roles' holds at most {MOST}")).into());
        }
        let mut keys = Vec::with_capacity(names.len());
        for name in &names {
            match self.role_by_name(conn, name)? {
                Some(key) => keys.push(key),
                None => return Err(self.unknown_role(conn, name)?.into()),
            }
        }
        let labels = self.labels(conn, keys.iter().map(|key| (ROLE.to_owned(), *key)))?;
        Ok(keys.iter().filter_map(|key| labels.get(key)).map(|label| label.wire_id.clone()).collect())
    }

    fn unknown_role(&self, conn: &mut Conn, name: &str) -> Result<Fault> {
        let rows = objects::scan(conn, self.actor.tenant, ROLE, None, SUGGESTED_FROM)?;
        let near = near(name, rows.iter().filter_map(|row| row.label.as_deref()));
        let hint = if near.is_empty() { String::new() } else { format!("; near to it: {}", near.join(", ")) };
        Ok(Fault::new(Kind::InvalidValue, format!("'roles': no role is called '{}'{hint}", excerpt(name))))
    }

    // In the order in which they were granted.
    fn grants_by_hand(&self, conn: &mut Conn, account: Key) -> Result<Vec<Grant>> {
        let mut rows = edges::of(conn, self.actor.tenant, GRANT, Side::From, account, None, i64::MAX)?;
        rows.retain(|edge| edge.variant != CONDITIONAL);
        let labels = self.labels(conn, rows.iter().map(|edge| (edge.to_type.clone(), edge.to_key)))?;
        let grant = |edge: EdgeRow| {
            let label = labels.get(&edge.to_key)?;
            Some(Grant { name: label.name.clone().unwrap_or_default(), wire_id: label.wire_id.clone(), edge })
        };
        let mut out: Vec<Grant> = rows.into_iter().filter_map(grant).collect();
        out.sort_by(|a, b| (a.edge.created, &a.name).cmp(&(b.edge.created, &b.name)));
        Ok(out)
    }
}
