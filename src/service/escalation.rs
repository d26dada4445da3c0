//! Nobody gives away what he does not hold: permissions that are called like scopes of Provost open its own APIs, so whoever puts one
//! within somebody's reach has to hold the scope himself (decision 23).
//!
//! Every way to it comes through here: what a role gives, when it gives it, what is bundled in what, who is granted what, who is in
//! which group, and whose credentials somebody gets.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::access::gives;
use super::credentials::ACCOUNT;
use super::effective::Memberships;
use super::findings::permissions;
use super::grants::{CONDITION, ROLE};
use super::issuers::USER;
use super::save::Content;
use super::{Context, Result, effective};
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::filter::eval;
use crate::domain::key::Key;
use crate::domain::resource::Resource;
use crate::domain::schema::relationship::{BUNDLE, GRANT, MAX_DEPTH, MEMBERSHIP};
use crate::domain::schema::{Home, ObjectType, Side};
use crate::domain::scope::{Action, Scope};
use crate::domain::temporal::PROPERTY;
use crate::store::edges::EdgeRow;
use crate::store::{Conn, edges, objects};

impl Context {
    /// Refuses a role as it is about to be written (`before` absent: made) if that gives anybody a scope that the caller lacks.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] that names the permission.
    pub(super) fn guard_definition(
        &self,
        conn: &mut Conn,
        kind: &ObjectType,
        key: Key,
        before: Option<&Map<String, Value>>,
        after: &Map<String, Value>,
    ) -> Result<()> {
        if kind.name != ROLE || self.gives_anything() {
            return Ok(());
        }
        let is = permissions(after);
        let was = before.map(permissions).unwrap_or_default();
        self.demand_scopes(is.iter().filter(|name| !was.contains(name)))?;
        // Another condition is another set of holders, and other times are more of it.
        let text = |name: &str| after.get(name).filter(|value| !value.is_null());
        let moved = |name: &str| before.is_some_and(|before| before.get(name).filter(|value| !value.is_null()) != text(name));
        if moved(CONDITION) && text(CONDITION).is_some() || moved(PROPERTY) {
            self.demand_scopes(is.iter())?;
            self.demand_held(conn, BTreeSet::from([key]))?;
        }
        Ok(())
    }

    /// Refuses edges that give anybody a scope that the caller lacks: grants, places in bundles, memberships of groups that hold
    /// roles.
    ///
    /// # Errors
    /// As [`Context::guard_definition`].
    pub(super) fn guard_edges(&self, conn: &mut Conn, relation: &str, rows: &[EdgeRow]) -> Result<()> {
        if self.gives_anything() {
            return Ok(());
        }
        match relation {
            GRANT | BUNDLE => self.demand_held(conn, rows.iter().map(|edge| edge.to_key).collect()),
            // Whoever has not even the roles scope was refused wherever a group holds any.
            MEMBERSHIP if self.actor.may(Action::Roles) => {
                let mut groups: BTreeSet<Key> = rows.iter().map(|edge| edge.from_key).collect();
                groups.extend(effective::ancestors(self, conn, &groups)?.into_values().flatten());
                let roles = self.granted_to(conn, groups)?;
                self.demand_held(conn, roles)
            }
            _ => Ok(()),
        }
    }

    /// Refuses credentials of an account to callers who lack a scope that it may have, now or at another time.
    ///
    /// # Errors
    /// As [`Context::guard_definition`].
    pub(super) fn guard_account(&self, conn: &mut Conn, account: Key) -> Result<()> {
        if self.gives_anything() {
            return Ok(());
        }
        self.demand_granted(conn, &*self.kind(ACCOUNT)?, account)
    }

    /// Refuses a write that makes a user be meant by other tokens of the issuers that the tenant trusts to callers who lack a
    /// scope that he may have: whoever holds such a token acts as he does.
    ///
    /// # Errors
    /// As [`Context::guard_definition`].
    pub(super) fn guard_identity(&self, conn: &mut Conn, before: &Resource, after: &Content) -> Result<()> {
        let kind = &before.kind;
        if kind.name != USER || self.gives_anything() {
            return Ok(());
        }
        let gains = |attribute: &str, source: &str| {
            let Some(path) = kind.resolve_attribute(attribute) else { return false };
            if path.home == Home::Common {
                let id = &after.external_id;
                return kind.leaf(path).name == "externalId"
                    && *source == *self.actor.source
                    && id.is_some()
                    && *id != before.external_id;
            }
            let (mut was, mut gained) = (Vec::new(), false);
            eval::each_value(kind, path, &before.doc, |value| was.push(value));
            eval::each_value(kind, path, &after.doc, |value| gained |= !was.contains(&value));
            gained
        };
        let issuers = self.trusted(conn)?;
        if issuers.iter().any(|one| one.matching.iter().any(|(_, attribute)| gains(attribute, &one.source))) {
            self.demand_granted(conn, kind, before.key)?;
        }
        Ok(())
    }

    fn gives_anything(&self) -> bool {
        self.actor.scopes.contains(Scope::ADMIN)
    }

    /// The caller holds what somebody is granted, directly or through groups.
    fn demand_granted(&self, conn: &mut Conn, kind: &ObjectType, holder: Key) -> Result<()> {
        let groups = Memberships::load(self, conn, kind, &[holder])?.groups().remove(&holder).unwrap_or_default();
        let roles = self.granted_to(conn, groups.into_iter().chain([holder]).collect())?;
        self.demand_held(conn, roles)
    }

    fn granted_to(&self, conn: &mut Conn, holders: BTreeSet<Key>) -> Result<BTreeSet<Key>> {
        let holders: Vec<Key> = holders.into_iter().collect();
        let grants = edges::of_many(conn, self.actor.tenant, GRANT, Side::From, &holders)?;
        Ok(grants.into_iter().map(|grant| grant.to_key).collect())
    }

    /// The caller holds what the roles give, with all that is bundled in them, in and out of its time.
    fn demand_held(&self, conn: &mut Conn, mut roles: BTreeSet<Key>) -> Result<()> {
        let mut level: Vec<Key> = roles.iter().copied().collect();
        for _ in 0..=MAX_DEPTH {
            if level.is_empty() {
                break;
            }
            let parts = edges::of_many(conn, self.actor.tenant, BUNDLE, Side::From, &std::mem::take(&mut level))?;
            level.extend(parts.into_iter().map(|part| part.to_key).filter(|part| roles.insert(*part)));
        }
        for role in objects::many(conn, self.actor.tenant, ROLE, &roles.into_iter().collect::<Vec<_>>())? {
            self.demand_scopes(gives(&role)?.iter())?;
        }
        Ok(())
    }

    fn demand_scopes<'n>(&self, mut names: impl Iterator<Item = &'n String>) -> Result<()> {
        let lacks = |name: &&String| Scope::parse(name).is_ok_and(|scope| !self.actor.scopes.contains(scope));
        match names.find(lacks) {
            None => Ok(()),
            Some(name) => {
                let text = format!("this gives the permission '{}', which opens what this token itself does not", excerpt(name));
                Err(Fault::new(Kind::Forbidden, text).into())
            }
        }
    }
}
