//! Objects on the wire: `_id`, `_rev`, the properties and references that `_fields` asks for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::fields::{EFFECTIVE_ROLES, Expansion, Fields};
use super::{Result, reference, revision_text};
use crate::domain::actor::Actor;
use crate::domain::document::idm;
use crate::domain::key::Key;
use crate::domain::resource::{EffectiveRole, Related, Resource};
use crate::domain::schema::relationship::GRANT;
use crate::domain::schema::{ObjectType, Side};
use crate::http::state::State;
use crate::service::load::Needs;

/// What an answer with these fields needs of relationships.
pub fn needs(kind: &ObjectType, fields: &Fields) -> Needs {
    let needs = fields.relationships.keys().fold(Needs::nothing(), |needs, name| needs.and(name));
    if shows_effective_roles(kind, fields) { needs.and_effective_roles() } else { needs }
}

fn shows_effective_roles(kind: &ObjectType, fields: &Fields) -> bool {
    let member = kind.relationships.iter().any(|r| r.relation == GRANT && r.side == Side::From)
        && kind.property("accountStatus").is_some();
    member && fields.wants(EFFECTIVE_ROLES)
}

/// One object.
///
/// # Errors
/// Those of the store, when targets have to be loaded.
pub async fn object(state: &State, actor: &Actor, fields: &Fields, resource: &Resource) -> Result<Map<String, Value>> {
    let mut out = head(resource);
    properties(&mut out, fields, resource);
    if let Some(roles) = resource.effective_roles.as_ref().filter(|_| shows_effective_roles(&resource.kind, fields))
        && let Some(role_kind) = actor.types.by_name("role")
    {
        let expansion = &fields.effective_roles;
        let targets = targets(state, actor, expansion, roles.iter().map(|r| (role_kind, r.key))).await?;
        let one = |r: &EffectiveRole| merged(reference::effective(role_kind, r), targets.get(&r.key), expansion);
        out.insert(EFFECTIVE_ROLES.into(), roles.iter().map(one).collect());
    }
    for (name, expansion) in &fields.relationships {
        let Some(relationship) = resource.kind.relationship(name) else { continue };
        let related = resource.related.get(name).map_or(&[][..], Vec::as_slice);
        let edges = || related.iter().filter(|r| r.edge.is_some());
        let targets = targets(state, actor, expansion, edges().map(|r| (&r.kind, r.key))).await?;
        let one = |r: &Related| merged(reference::write(relationship, r), targets.get(&r.key), expansion);
        let mut list: Vec<Value> = edges().map(one).collect();
        if relationship.many {
            out.insert(name.clone(), Value::Array(list));
        } else if let Some(one) = list.pop() {
            out.insert(name.clone(), one);
        }
    }
    Ok(out)
}

// The objects that references lead to, as far as parts of them are wanted.
async fn targets<'k>(
    state: &State,
    actor: &Actor,
    expansion: &Expansion,
    ends: impl Iterator<Item = (&'k Arc<ObjectType>, Key)>,
) -> Result<HashMap<Key, Resource>> {
    let mut out = HashMap::new();
    if !expansion.is_wanted() {
        return Ok(out);
    }
    let mut kinds: BTreeMap<&str, (&Arc<ObjectType>, Vec<Key>)> = BTreeMap::new();
    for (kind, key) in ends {
        kinds.entry(&kind.name).or_insert_with(|| (kind, Vec::new())).1.push(key);
    }
    for (kind, keys) in kinds.into_values() {
        let found = state.service.by_keys(actor, kind.clone(), keys).await?;
        out.extend(found.into_iter().map(|resource| (resource.key, resource)));
    }
    Ok(out)
}

// A reference with the wanted parts of its target; bare when that went in the meantime.
fn merged(mut reference: Map<String, Value>, target: Option<&Resource>, expansion: &Expansion) -> Value {
    let Some(target) = target else { return Value::Object(reference) };
    let mut out = head(target);
    properties(&mut out, &expansion.fields(), target);
    out.append(&mut reference);
    Value::Object(out)
}

fn head(resource: &Resource) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("_id".into(), resource.wire_id.clone().into());
    out.insert("_rev".into(), revision_text(resource.rev).into());
    out
}

fn properties(out: &mut Map<String, Value>, fields: &Fields, resource: &Resource) {
    let all = idm::to_idm(&resource.kind, &resource.doc);
    out.extend(all.into_iter().filter(|(name, _)| fields.shows(&resource.kind, name)));
}
