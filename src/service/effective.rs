//! Roles in effect, always worked out at the instant of the question: direct, through groups, by condition.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Context, Result};
use crate::domain::key::Key;
use crate::domain::relation::CONDITIONAL;
use crate::domain::resource::{EffectiveRole, Via};
use crate::domain::schema::relationship::{GRANT, MAX_DEPTH, MEMBERSHIP};
use crate::domain::schema::{ObjectType, Side};
use crate::store::{Conn, edges};

/// For each group, the groups that it is in, at any depth: one look-up a level, for all groups at once.
pub(crate) fn ancestors(ctx: &Context, conn: &mut Conn, groups: &BTreeSet<Key>) -> Result<HashMap<Key, BTreeSet<Key>>> {
    let mut parents: HashMap<Key, Vec<Key>> = HashMap::new();
    let (mut seen, mut level) = (groups.clone(), groups.clone());
    for _ in 0..MAX_DEPTH {
        if level.is_empty() {
            break;
        }
        let keys: Vec<Key> = std::mem::take(&mut level).into_iter().collect();
        for edge in edges::of_many(conn, ctx.actor.tenant, MEMBERSHIP, Side::To, &keys)? {
            parents.entry(edge.to_key).or_default().push(edge.from_key);
            if seen.insert(edge.from_key) {
                level.insert(edge.from_key);
            }
        }
    }
    let above = |group: Key| {
        let (mut out, mut open) = (BTreeSet::new(), vec![group]);
        while let Some(next) = open.pop() {
            open.extend(parents.get(&next).into_iter().flatten().filter(|parent| out.insert(**parent)));
        }
        out
    };
    Ok(groups.iter().map(|group| (*group, above(*group))).collect())
}

/// The groups that objects are in, directly and through other groups.
#[derive(Debug, Default)]
pub(crate) struct Memberships {
    /// The edges to the objects.
    pub(crate) direct: Vec<edges::EdgeRow>,
    /// For each group of these, the groups that it is in.
    pub(crate) above: HashMap<Key, BTreeSet<Key>>,
}

impl Memberships {
    /// Those of `keys`, objects of `kind`.
    pub(crate) fn load(ctx: &Context, conn: &mut Conn, kind: &ObjectType, keys: &[Key]) -> Result<Self> {
        if !kind.relationships.iter().any(|r| r.relation == MEMBERSHIP && r.side == Side::To) {
            return Ok(Self::default());
        }
        let direct = edges::of_many(conn, ctx.actor.tenant, MEMBERSHIP, Side::To, keys)?;
        let distinct = direct.iter().map(|e| e.from_key).collect();
        Ok(Self { direct, above: ancestors(ctx, conn, &distinct)? })
    }
}

/// The roles in effect of each of `keys`, objects of `kind`, each role once with the first way it is held.
pub(crate) fn roles(ctx: &Context, conn: &mut Conn, kind: &ObjectType, keys: &[Key]) -> Result<HashMap<Key, Vec<EffectiveRole>>> {
    let memberships = Memberships::load(ctx, conn, kind, keys)?;
    roles_through(ctx, conn, keys, &memberships)
}

/// As [`roles`], with memberships that are loaded already.
pub(crate) fn roles_through(
    ctx: &Context,
    conn: &mut Conn,
    keys: &[Key],
    memberships: &Memberships,
) -> Result<HashMap<Key, Vec<EffectiveRole>>> {
    let tenant = ctx.actor.tenant;
    let mut groups_of: HashMap<Key, BTreeSet<Key>> = HashMap::new();
    for edge in &memberships.direct {
        let groups = groups_of.entry(edge.to_key).or_default();
        groups.insert(edge.from_key);
        groups.extend(memberships.above.get(&edge.from_key).into_iter().flatten());
    }
    let holders: BTreeSet<Key> = keys.iter().copied().chain(groups_of.values().flatten().copied()).collect();
    let holders: Vec<Key> = holders.into_iter().collect();
    let mut granted: HashMap<Key, Vec<edges::EdgeRow>> = HashMap::new();
    for edge in edges::of_many(conn, tenant, GRANT, Side::From, &holders)? {
        granted.entry(edge.from_key).or_default().push(edge);
    }
    if granted.is_empty() {
        return Ok(HashMap::new());
    }
    let names = ctx.labels(conn, granted.values().flatten().map(|e| (e.to_type.clone(), e.to_key)))?;
    let mut out = HashMap::with_capacity(keys.len());
    for key in keys {
        let own = granted
            .get(key)
            .into_iter()
            .flatten()
            .map(|e| (e, if e.variant == CONDITIONAL { Via::Conditional } else { Via::Direct }));
        let through = groups_of.get(key).into_iter().flatten().filter_map(|g| granted.get(g)).flatten().map(|e| (e, Via::Group));
        let mut best: BTreeMap<Key, (&edges::EdgeRow, Via)> = BTreeMap::new();
        for (edge, via) in own.chain(through) {
            let slot = best.entry(edge.to_key).or_insert((edge, via));
            if via < slot.1 {
                *slot = (edge, via);
            }
        }
        let mut list = Vec::with_capacity(best.len());
        for (role, (edge, via)) in best {
            let Some(label) = names.get(&role) else { continue };
            let properties = super::load::edge(edge)?.properties;
            let name = label.name.clone().unwrap_or_default();
            list.push(EffectiveRole { key: role, wire_id: label.wire_id.clone(), name, via, properties });
        }
        if !list.is_empty() {
            out.insert(*key, list);
        }
    }
    Ok(out)
}
