//! What conditions see of objects, loaded for many at once along the routes that conditions read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Context, Result, ServiceError, load};
use crate::domain::condition::View;
use crate::domain::key::{Key, TenantId};
use crate::domain::schema::relationship::{MAX_DEPTH, MEMBERSHIP};
use crate::domain::schema::{ObjectType, Registry, Relationship, Side};
use crate::store::objects::ObjectRow;
use crate::store::{Conn, edges, objects};

type Doc = Map<String, Value>;

/// What a condition sees of an object by itself: its document and its id.
pub(super) fn seen(wire_id: &str, doc: &Doc) -> Doc {
    let mut out = doc.clone();
    out.insert("id".to_owned(), wire_id.into());
    out
}

/// Whether a relationship leads on by itself: who is in a group is in the groups that it is in.
pub(super) fn leads_on(relationship: &Relationship) -> bool {
    relationship.relation == MEMBERSHIP && relationship.side == Side::To
}

impl Context {
    /// The views of objects of one type by their rows, in their order.
    pub(super) fn views_of(
        &self,
        conn: &mut Conn,
        kind: &Arc<ObjectType>,
        rows: &[ObjectRow],
        routes: &BTreeSet<String>,
    ) -> Result<Vec<(Key, View)>> {
        of_rows(conn, self.actor.tenant, &self.actor.types, kind, rows, routes)
    }
}

/// As [`Context::views_of`], for whoever has no context.
pub(super) fn of_rows(
    conn: &mut Conn,
    tenant: TenantId,
    types: &Registry,
    kind: &Arc<ObjectType>,
    rows: &[ObjectRow],
    routes: &BTreeSet<String>,
) -> Result<Vec<(Key, View)>> {
    let docs = rows.iter().map(|row| Ok((row.key, seen(&row.wire_id, &load::document(row)?))));
    let docs = docs.collect::<Result<Vec<_>>>()?;
    of_documents(conn, tenant, types, kind, docs, routes)
}

/// The views of objects whose documents, with their ids, are at hand.
pub(super) fn of_documents(
    conn: &mut Conn,
    tenant: TenantId,
    types: &Registry,
    kind: &Arc<ObjectType>,
    docs: Vec<(Key, Doc)>,
    routes: &BTreeSet<String>,
) -> Result<Vec<(Key, View)>> {
    let mut out: Vec<(Key, View)> = docs.into_iter().map(|(key, doc)| (key, View::alone(kind.clone(), doc))).collect();
    let mut ahead: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (first, rest) in routes.iter().filter_map(|route| route.split_once('>')) {
        let rests = ahead.entry(first).or_default();
        if !rest.is_empty() {
            rests.insert(rest.to_owned());
        }
    }
    let keys: Vec<Key> = out.iter().map(|(key, _)| *key).collect();
    for (name, rests) in ahead {
        let Some(relationship) = kind.relationship(name) else { continue };
        let led = ends(conn, tenant, relationship, &keys)?;
        let mut wanted: BTreeMap<&str, BTreeSet<Key>> = BTreeMap::new();
        for (kind, key) in led.values().flatten() {
            wanted.entry(kind).or_default().insert(*key);
        }
        let mut far: HashMap<Key, Arc<View>> = HashMap::new();
        for (name, keys) in wanted {
            let of = types.by_name(name).ok_or_else(|| ServiceError::Damaged(format!("an edge to an unknown type '{name}'")))?;
            let rows = objects::many(conn, tenant, name, &keys.into_iter().collect::<Vec<_>>())?;
            let views = of_rows(conn, tenant, types, of, &rows, &rests)?;
            far.extend(views.into_iter().map(|(key, view)| (key, Arc::new(view))));
        }
        for (key, view) in &mut out {
            let there = led.get(key).into_iter().flatten().filter_map(|(_, key)| far.get(key).cloned());
            view.led.insert(name.to_owned(), there.collect());
        }
    }
    Ok(out)
}

// Type and key of what a relationship leads to, in the order of keys.
fn ends(
    conn: &mut Conn,
    tenant: TenantId,
    relationship: &Relationship,
    keys: &[Key],
) -> Result<HashMap<Key, BTreeSet<(String, Key)>>> {
    let mut out: HashMap<Key, BTreeSet<(String, Key)>> = HashMap::new();
    let mut next: HashMap<Key, BTreeSet<(String, Key)>> = HashMap::new();
    let mut level: BTreeSet<Key> = BTreeSet::new();
    for edge in edges::of_many(conn, tenant, &relationship.relation, relationship.side, keys)? {
        let (kind, far) = load::far_end(&edge, relationship.side);
        level.insert(far);
        out.entry(edge.other(relationship.side.other())).or_default().insert((kind, far));
    }
    if !leads_on(relationship) {
        return Ok(out);
    }
    for _ in 0..MAX_DEPTH {
        level.retain(|key| !next.contains_key(key));
        if level.is_empty() {
            break;
        }
        let keys: Vec<Key> = std::mem::take(&mut level).into_iter().collect();
        next.extend(keys.iter().map(|key| (*key, BTreeSet::new())));
        for edge in edges::of_many(conn, tenant, &relationship.relation, relationship.side, &keys)? {
            let (kind, far) = load::far_end(&edge, relationship.side);
            level.insert(far);
            next.entry(edge.other(relationship.side.other())).or_default().insert((kind, far));
        }
    }
    for reached in out.values_mut() {
        let mut open: Vec<Key> = reached.iter().map(|(_, key)| *key).collect();
        while let Some(key) = open.pop() {
            for further in next.get(&key).into_iter().flatten() {
                if reached.insert(further.clone()) {
                    open.push(further.1);
                }
            }
        }
    }
    Ok(out)
}
