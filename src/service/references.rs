//! The references of a client, looked up: by id, by name for roles, settled by type and address where an id fits several.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::edges::Writer;
use super::{Result, effective};
use crate::domain::edge::EdgeProperties;
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::key::Key;
use crate::domain::normal;
use crate::domain::profile::Unresolved;
use crate::domain::relation::{CONDITIONAL, Reference};
use crate::domain::resource::{Via, encode_segment};
use crate::domain::schema::Side;
use crate::domain::schema::relationship::GRANT;
use crate::store::{Conn, edges, index, objects};

/// A reference after the look-up.
pub(super) enum Found {
    Object {
        kind: String,
        key: Key,
        properties: EdgeProperties,
        /// The edge that the client names.
        edge: Option<Key>,
    },
    /// It restates a role that is held otherwise than by a static grant: nothing to write.
    Derived,
    Nothing {
        value: String,
        element: String,
    },
}

impl Writer<'_> {
    /// Looks references up. With `restating` they are the whole of what the client saw, in which derived roles are repeated as
    /// they were read; else they are wishes, and a client cannot wish for those.
    pub(super) fn resolve(&self, conn: &mut Conn, references: &[Reference], restating: bool) -> Result<Vec<Found>> {
        let mut known = self.known_ids(conn, references)?;
        let held = if restating { HashMap::new() } else { self.held_by_derivation(conn, references)? };
        let mut out = Vec::with_capacity(references.len());
        for reference in references {
            let found = match known.remove(id_of(reference)) {
                Some(hits) => {
                    let one = self.settle(reference, &hits)?;
                    known.insert(id_of(reference).to_owned(), hits);
                    one
                }
                None => self.by_name(conn, reference)?,
            };
            out.push(match (found, reference) {
                (found, Reference::Exact { edge, grant_type, properties, .. }) if grant_type == CONDITIONAL => {
                    if properties.as_ref().is_some_and(|p| !p.is_empty()) {
                        let text = "a grant by condition takes no other '_refProperties'";
                        return Err(Fault::new(Kind::InvalidValue, text).into());
                    }
                    // What was read with its edge id may have gone since: the condition alone decides.
                    let read = match found {
                        Some((_, key)) if edge.is_none() => self.is_conditional(conn, key)?,
                        _ => edge.is_some(),
                    };
                    if !(restating && read) {
                        let text = "_grantType 'conditional' is set by a role's condition alone";
                        return Err(Fault::new(Kind::InvalidValue, text).into());
                    }
                    Found::Derived
                }
                (Some((kind, key)), Reference::Exact { edge, properties, .. }) => {
                    let shown = properties.clone().unwrap_or_default();
                    Found::Object { kind, key, edge: *edge, properties: EdgeProperties { shown, ..EdgeProperties::default() } }
                }
                (Some((kind, key)), Reference::Loose { element, .. }) => match self.derivation(element) {
                    Some(via) if restating || held.get(&key) == Some(&via) => Found::Derived,
                    Some(via) => {
                        let text =
                            format!("{}.type '{via}' tells how a role is held; it cannot be written", self.relationship.name);
                        return Err(Fault::new(Kind::InvalidValue, text).into());
                    }
                    None => Found::Object { kind, key, edge: None, properties: self.kept_properties(element) },
                },
                (None, Reference::Exact { kind, id, .. }) => {
                    let collection = self.ctx.actor.types.by_name(kind).map_or(kind.as_str(), |k| k.collection.as_str());
                    let name = format!("{collection}/{}", encode_segment(id));
                    let text = format!("The referenced relationship '{}', does not exist", excerpt(&name));
                    return Err(Fault::new(Kind::InvalidValue, text).into());
                }
                (None, Reference::Loose { value, element, .. }) => {
                    if self.ctx.actor.profile.unresolved_members == Unresolved::Refuse {
                        let text = format!("'{}' names nothing with the id '{}'", self.relationship.name, excerpt(value));
                        return Err(Fault::new(Kind::InvalidValue, text).into());
                    }
                    Found::Nothing { value: value.clone(), element: Value::Object(element.clone()).to_string() }
                }
            });
        }
        Ok(out)
    }

    /// Objects by wire id, over all types the relationship can lead to, in one look-up a type.
    fn known_ids(&self, conn: &mut Conn, references: &[Reference]) -> Result<HashMap<String, Vec<(String, Key)>>> {
        let ids: Vec<&str> = references.iter().map(id_of).collect();
        let mut out: HashMap<String, Vec<(String, Key)>> = HashMap::with_capacity(ids.len());
        for kind in &self.relationship.types {
            for (id, key) in objects::keys_of(conn, self.ctx.actor.tenant, kind, &ids)? {
                out.entry(id).or_default().push((kind.clone(), key));
            }
        }
        Ok(out)
    }

    /// One of several objects with the same id: by type, then by address, else an error.
    fn settle(&self, reference: &Reference, hits: &[(String, Key)]) -> Result<Option<(String, Key)>> {
        let registry = &self.ctx.actor.types;
        match reference {
            Reference::Exact { kind, .. } => Ok(hits.iter().find(|(k, _)| k == kind).cloned()),
            Reference::Loose { .. } if hits.len() == 1 => Ok(hits.first().cloned()),
            Reference::Loose { value, kind, address, .. } => {
                let by_type = kind.as_deref().and_then(|name| registry.by_resource(name));
                let by_address = || {
                    let address = address.as_deref()?;
                    registry.types().find(|t| !t.endpoint.is_empty() && address.contains(&format!("{}/", t.endpoint)))
                };
                let chosen = by_type.or_else(by_address).and_then(|t| hits.iter().find(|(k, _)| *k == t.name));
                chosen.cloned().map(Some).ok_or_else(|| {
                    let text = format!("'{}' is the id of several resources; give 'type' to tell which", excerpt(value));
                    Fault::new(Kind::InvalidValue, text).into()
                })
            }
        }
    }

    // A role may be named by its exact name (spec/types.md, `User.roles`).
    fn by_name(&self, conn: &mut Conn, reference: &Reference) -> Result<Option<(String, Key)>> {
        let Reference::Loose { value, .. } = reference else { return Ok(None) };
        if self.relationship.relation != GRANT || self.relationship.side != Side::From {
            return Ok(None);
        }
        for name in &self.relationship.types {
            let kind = self.ctx.kind(name)?;
            let paths = self.ctx.service.paths(conn, self.ctx.actor.tenant, &kind)?;
            if let Some(id) = paths.get(&kind.label)
                && let Some(key) =
                    index::unique_holder(conn, self.ctx.actor.tenant, *id, &normal::hash(&normal::text(value, true)))?
            {
                return Ok(Some((name.clone(), key)));
            }
        }
        Ok(None)
    }

    /// What each reference leads to, in one look-up a type.
    pub(super) fn ends(&self, conn: &mut Conn, references: &[Reference]) -> Result<Vec<Option<Key>>> {
        let known = self.known_ids(conn, references)?;
        let one = |reference: &Reference| match known.get(id_of(reference)) {
            Some(hits) => Ok(self.settle(reference, hits)?.map(|(_, key)| key)),
            None => Ok(None),
        };
        references.iter().map(one).collect()
    }

    pub(super) fn find(&self, conn: &mut Conn, reference: &Reference) -> Result<Option<(String, Key)>> {
        match self.known_ids(conn, std::slice::from_ref(reference))?.remove(id_of(reference)) {
            Some(hits) => self.settle(reference, &hits),
            None => self.by_name(conn, reference),
        }
    }

    /// For roles written back as they were read: who is held otherwise than by a static grant, and the `type` that shows it.
    fn held_by_derivation(&self, conn: &mut Conn, references: &[Reference]) -> Result<HashMap<Key, &'static str>> {
        if !references.iter().any(|r| matches!(r, Reference::Loose { element, .. } if self.derivation(element).is_some())) {
            return Ok(HashMap::new());
        }
        let roles = effective::roles(self.ctx, conn, self.kind, &[self.key])?.remove(&self.key).unwrap_or_default();
        Ok(roles.into_iter().filter(|r| r.via != Via::Direct).map(|r| (r.key, r.via.as_str())).collect())
    }

    // The `type` of an element of `User.roles` that says it is held otherwise than by a static grant.
    fn derivation(&self, element: &Map<String, Value>) -> Option<&'static str> {
        if self.relationship.relation != GRANT || self.relationship.side != Side::From {
            return None;
        }
        let shown = element.get("type").and_then(Value::as_str);
        [Via::Group, Via::Bundle, Via::Conditional].map(Via::as_str).into_iter().find(|via| Some(*via) == shown)
    }

    pub(super) fn is_conditional(&self, conn: &mut Conn, far: Key) -> Result<bool> {
        let (from, to) = if self.relationship.side == Side::From { (self.key, far) } else { (far, self.key) };
        let here = edges::find(conn, self.ctx.actor.tenant, &self.relationship.relation, from, to)?;
        Ok(here.iter().any(|e| e.variant == CONDITIONAL))
    }

    // Of a grant's element only `type` and `primary` are kept; the rest is derived.
    fn kept_properties(&self, element: &Map<String, Value>) -> EdgeProperties {
        if self.relationship.relation != GRANT {
            return EdgeProperties::default();
        }
        let kept: Map<String, Value> = ["type", "primary"]
            .iter()
            .filter_map(|name| element.get(*name).map(|v| ((*name).to_owned(), v.clone())))
            .filter(|(name, value)| name != "type" || value != "direct")
            .collect();
        EdgeProperties { kept, ..EdgeProperties::default() }
    }
}

fn id_of(reference: &Reference) -> &str {
    match reference {
        Reference::Loose { value, .. } => value,
        Reference::Exact { id, .. } => id,
    }
}
