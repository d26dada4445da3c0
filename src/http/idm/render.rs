//! Objects on the wire: `_id`, `_rev`, the properties and references that `_fields` asks for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::fields::{EFFECTIVE_ASSIGNMENTS, EFFECTIVE_ROLES, Expansion, Fields};
use super::{Result, reference, revision_text};
use crate::domain::actor::Actor;
use crate::domain::assignment::SUBJECT;
use crate::domain::document::idm;
use crate::domain::key::Key;
use crate::domain::resource::{EffectiveRole, Related, Resource};
use crate::domain::schema::relationship::GRANT;
use crate::domain::schema::{ObjectType, Relationship, Side};
use crate::http::state::State;
use crate::service::load::Needs;
use crate::service::relationships::Linked;

/// What an answer with these fields needs of relationships.
pub fn needs(kind: &ObjectType, fields: &Fields) -> Needs {
    let needs = fields.relationships.keys().fold(Needs::nothing(), |needs, name| needs.and(name));
    let needs = if is_principal(kind) && fields.wants(EFFECTIVE_ROLES) { needs.and_effective_roles() } else { needs };
    if shows_assignments(kind, fields) { needs.and_effective_assignments() } else { needs }
}

fn is_principal(kind: &ObjectType) -> bool {
    kind.relationships.iter().any(|r| r.relation == GRANT && r.side == Side::From) && kind.property("accountStatus").is_some()
}

// Accounts of users receive them, and no others.
fn shows_assignments(kind: &ObjectType, fields: &Fields) -> bool {
    kind.name == SUBJECT && fields.wants(EFFECTIVE_ASSIGNMENTS)
}

/// One object.
///
/// # Errors
/// Those of the store, when targets have to be loaded.
pub async fn object(state: &State, actor: &Actor, fields: &Fields, resource: &Resource) -> Result<Map<String, Value>> {
    let targets = targets(state, actor, fields, std::slice::from_ref(resource)).await?;
    Ok(shown(actor, fields, resource, &targets))
}

/// Many objects; what their references lead to is loaded for all together.
///
/// # Errors
/// As [`object`].
pub async fn objects(state: &State, actor: &Actor, fields: &Fields, all: &[Resource]) -> Result<Vec<Map<String, Value>>> {
    let targets = targets(state, actor, fields, all).await?;
    Ok(all.iter().map(|resource| shown(actor, fields, resource, &targets)).collect())
}

/// Edges: each is the reference, its own id and revision on top, and the fields of its target that were asked for.
///
/// # Errors
/// As [`object`].
pub async fn edges(
    state: &State,
    actor: &Actor,
    relationship: &Relationship,
    fields: Option<&str>,
    linked: Vec<Linked>,
) -> Result<Vec<Map<String, Value>>> {
    let (related, targets): (Vec<Related>, Vec<Resource>) = linked.into_iter().map(|l| (l.related, l.target)).unzip();
    let shown = match fields {
        Some(text) => of_targets(state, actor, text, targets).await?,
        None => HashMap::new(),
    };
    let whole = related.iter().map(|related| {
        let mut out = Map::new();
        if let Some(edge) = &related.edge {
            out.insert("_id".into(), edge.id.to_string().into());
            out.insert("_rev".into(), revision_text(edge.rev).into());
        }
        // The same target may stand at several edges.
        let parts = shown.get(&related.key).cloned().unwrap_or_default();
        out.extend(parts.into_iter().filter(|(name, _)| name != "_id" && name != "_rev"));
        out.append(&mut reference::write(relationship, related));
        out
    });
    Ok(whole.collect())
}

// Targets as lists of their own would show them with these fields.
async fn of_targets(
    state: &State,
    actor: &Actor,
    fields: &str,
    targets: Vec<Resource>,
) -> Result<HashMap<Key, Map<String, Value>>> {
    let mut by_kind: BTreeMap<String, Vec<Resource>> = BTreeMap::new();
    for target in targets {
        by_kind.entry(target.kind.name.clone()).or_default().push(target);
    }
    let mut out = HashMap::new();
    for mut list in by_kind.into_values() {
        let Some(kind) = list.first().map(|target| target.kind.clone()) else { continue };
        let fields = Fields::parse(&kind, Some(fields));
        let needs = needs(&kind, &fields);
        if needs != Needs::nothing() {
            let keys: BTreeSet<Key> = list.iter().map(|target| target.key).collect();
            list = state.service.by_keys(actor, kind, keys.into_iter().collect(), needs).await?;
        }
        let shown = objects(state, actor, &fields, &list).await?;
        out.extend(list.iter().map(|target| target.key).zip(shown));
    }
    Ok(out)
}

fn shown(actor: &Actor, fields: &Fields, resource: &Resource, targets: &HashMap<Key, Resource>) -> Map<String, Value> {
    let mut out = head(resource);
    properties(&mut out, fields, resource);
    if let Some(roles) =
        resource.effective_roles.as_ref().filter(|_| is_principal(&resource.kind) && fields.wants(EFFECTIVE_ROLES))
        && let Some(role_kind) = actor.types.by_name("role")
    {
        let expansion = &fields.effective_roles;
        let one = |r: &EffectiveRole| merged(reference::effective(role_kind, r), targets.get(&r.key), expansion);
        out.insert(EFFECTIVE_ROLES.into(), roles.iter().map(one).collect());
    }
    if shows_assignments(&resource.kind, fields) {
        let whole = Expansion { all: true, ..Expansion::default() };
        let one = |a: &Resource| merged(reference::head(&a.kind, &a.wire_id), Some(a), &whole);
        out.insert(EFFECTIVE_ASSIGNMENTS.into(), resource.effective_assignments.iter().map(one).collect());
    }
    for (name, expansion) in &fields.relationships {
        let Some(relationship) = resource.kind.relationship(name) else { continue };
        let related = resource.related.get(name).map_or(&[][..], Vec::as_slice);
        let edges = || related.iter().filter(|r| r.edge.is_some());
        let one = |r: &Related| merged(reference::write(relationship, r), targets.get(&r.key), expansion);
        let mut list: Vec<Value> = edges().map(one).collect();
        if relationship.many {
            out.insert(name.clone(), Value::Array(list));
        } else if let Some(one) = list.pop() {
            out.insert(name.clone(), one);
        }
    }
    out
}

// The objects that references lead to, as far as parts of them are wanted.
async fn targets(state: &State, actor: &Actor, fields: &Fields, all: &[Resource]) -> Result<HashMap<Key, Resource>> {
    let role = actor.types.by_name("role").filter(|_| fields.effective_roles.is_wanted());
    let effective = all.iter().flat_map(|resource| resource.effective_roles.iter().flatten());
    let roles = role.into_iter().flat_map(|kind| effective.clone().map(move |role| (kind, role.key)));
    let wanted = fields.relationships.iter().filter(|(_, expansion)| expansion.is_wanted());
    let related = wanted.flat_map(|(name, _)| all.iter().filter_map(move |resource| resource.related.get(name))).flatten();
    let edges = related.filter(|r| r.edge.is_some()).map(|r| (&r.kind, r.key));
    let mut kinds: BTreeMap<&str, (&Arc<ObjectType>, BTreeSet<Key>)> = BTreeMap::new();
    for (kind, key) in roles.chain(edges) {
        kinds.entry(&kind.name).or_insert_with(|| (kind, BTreeSet::new())).1.insert(key);
    }
    let mut out = HashMap::new();
    for (kind, keys) in kinds.into_values() {
        let found = state.service.by_keys(actor, kind.clone(), keys.into_iter().collect(), Needs::nothing()).await?;
        out.extend(found.into_iter().map(|resource| (resource.key, resource)));
    }
    Ok(out)
}

// A reference with the wanted parts of its target; bare when none are, or when that went in the meantime.
fn merged(mut reference: Map<String, Value>, target: Option<&Resource>, expansion: &Expansion) -> Value {
    let Some(target) = target.filter(|_| expansion.is_wanted()) else { return Value::Object(reference) };
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
    let shown = all.into_iter().filter(|(name, _)| fields.shows(&resource.kind, name));
    out.extend(shown.filter_map(|(name, value)| fields.cut(&name, value).map(|value| (name, value))));
}
