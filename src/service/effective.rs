//! Roles in effect, always worked out at the instant of the question: direct, through groups, through bundles, by condition,
//! each as long as the constraints of the role and of the grant hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::grants::ROLE;
use super::{Context, Result, temporal};
use crate::domain::key::Key;
use crate::domain::resource::{EffectiveRole, RoleWay, Via};
use crate::domain::schema::relationship::{BUNDLE, GRANT, MAX_DEPTH, MEMBERSHIP};
use crate::domain::schema::{ObjectType, Side};
use crate::domain::temporal::{Interval, holds};
use crate::domain::time::Timestamp;
use crate::store::edges::EdgeRow;
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
    pub(crate) direct: Vec<EdgeRow>,
    /// For each group of these, the groups that it is in.
    pub(crate) above: HashMap<Key, BTreeSet<Key>>,
}

impl Memberships {
    /// The groups of each object, at any depth.
    pub(crate) fn groups(&self) -> HashMap<Key, BTreeSet<Key>> {
        let mut out: HashMap<Key, BTreeSet<Key>> = HashMap::new();
        for edge in &self.direct {
            let groups = out.entry(edge.to_key).or_default();
            groups.insert(edge.from_key);
            groups.extend(self.above.get(&edge.from_key).into_iter().flatten());
        }
        out
    }

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
    let groups_of = memberships.groups();
    let holders: BTreeSet<Key> = keys.iter().copied().chain(groups_of.values().flatten().copied()).collect();
    let grants = Grants::load(ctx, conn, &holders.into_iter().collect::<Vec<_>>())?;
    if grants.of.is_empty() {
        return Ok(HashMap::new());
    }
    let none = BTreeSet::new();
    let held: Vec<_> = keys.iter().map(|key| (*key, grants.held(*key, groups_of.get(key).unwrap_or(&none), ctx.now))).collect();
    let distinct: BTreeSet<Key> = held.iter().flat_map(|(_, roles)| roles.keys().copied()).collect();
    let names = ctx.labels(conn, distinct.into_iter().map(|role| (ROLE.to_owned(), role)))?;
    let mut out = HashMap::with_capacity(keys.len());
    for (key, roles) in held {
        let mut list = Vec::with_capacity(roles.len());
        for (role, how) in &roles {
            let Some(label) = names.get(role) else { continue };
            let direct = Some(&how.step.edge).filter(|_| how.via != Via::Bundle);
            let properties = direct.map(super::load::edge).transpose()?.map(|edge| edge.kept).unwrap_or_default();
            let name = label.name.clone().unwrap_or_default();
            let way = grants.way(&roles, how);
            list.push(EffectiveRole { key: *role, wire_id: label.wire_id.clone(), name, via: how.via, properties, way });
        }
        if !list.is_empty() {
            out.insert(key, list);
        }
    }
    Ok(out)
}

/// An edge that gives a role, and when it does.
#[derive(Debug)]
pub(crate) struct Timed {
    pub(crate) edge: EdgeRow,
    pub(crate) interval: Option<Interval>,
}

/// How a role is held first: by which grant, or by its place in which bundle.
struct How<'g> {
    via: Via,
    step: &'g Timed,
}

/// What decides which roles some holders have in effect, in and out of its time: what they are granted, what is bundled in
/// that, and when the roles hold. As many look-ups as bundles are deep, and three.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    /// Grants by holder.
    pub(crate) of: HashMap<Key, Vec<Timed>>,
    /// The edges from a bundle to its roles.
    pub(crate) parts: HashMap<Key, Vec<Timed>>,
    /// The constraints of those roles that have one.
    pub(crate) roles: HashMap<Key, Interval>,
}

impl Grants {
    /// What users, groups and service accounts are granted themselves.
    pub(crate) fn load(ctx: &Context, conn: &mut Conn, holders: &[Key]) -> Result<Self> {
        let mut granted: HashMap<Key, Vec<EdgeRow>> = HashMap::new();
        for edge in edges::of_many(conn, ctx.actor.tenant, GRANT, Side::From, holders)? {
            granted.entry(edge.from_key).or_default().push(edge);
        }
        ctx.decide(conn, holders, &mut granted)?;
        let mut out = Self::default();
        let mut seen: BTreeSet<Key> = BTreeSet::new();
        for edge in granted.into_values().flatten() {
            seen.insert(edge.to_key);
            let interval = temporal::interval(&edge)?;
            out.of.entry(edge.from_key).or_default().push(Timed { edge, interval });
        }
        let mut level: Vec<Key> = seen.iter().copied().collect();
        for _ in 0..MAX_DEPTH {
            if level.is_empty() {
                break;
            }
            for edge in edges::of_many(conn, ctx.actor.tenant, BUNDLE, Side::From, &std::mem::take(&mut level))? {
                if seen.insert(edge.to_key) {
                    level.push(edge.to_key);
                }
                let interval = temporal::interval(&edge)?;
                out.parts.entry(edge.from_key).or_default().push(Timed { edge, interval });
            }
        }
        if !seen.is_empty() {
            out.roles = ctx.role_intervals(conn, &seen.into_iter().collect::<Vec<_>>())?;
        }
        Ok(out)
    }

    /// Whether an edge gives its role at an instant: both constraints pass.
    pub(crate) fn gives(&self, timed: &Timed, at: Timestamp) -> bool {
        holds([timed.interval, self.roles.get(&timed.edge.to_key).copied()], at)
    }

    /// From a role back to the grant that it comes from.
    fn way(&self, roles: &BTreeMap<Key, How<'_>>, how: &How<'_>) -> RoleWay {
        let mut step = how.step;
        let (grant, holder, since) = (step.edge.id, step.edge.from_key, step.edge.created);
        let mut out = RoleWay { grant, holder, bundles: Vec::new(), since, until: None };
        for _ in 0..=MAX_DEPTH {
            let constraints = [step.interval, self.roles.get(&step.edge.to_key).copied()];
            out.until = constraints.into_iter().flatten().map(|interval| interval.end).chain(out.until).min();
            out.since = out.since.max(step.edge.created);
            (out.grant, out.holder) = (step.edge.id, step.edge.from_key);
            if step.edge.relation != BUNDLE {
                break;
            }
            out.bundles.insert(0, step.edge.from_key);
            match roles.get(&step.edge.from_key) {
                Some(above) => step = above.step,
                None => break,
            }
        }
        out
    }

    /// The roles that one has at an instant, by itself and through `groups`, each with the first way.
    fn held<'g>(&'g self, own: Key, groups: &BTreeSet<Key>, at: Timestamp) -> BTreeMap<Key, How<'g>> {
        let of = |key: &Key| self.of.get(key).into_iter().flatten().filter(|timed| self.gives(timed, at));
        let own = of(&own).map(|t| (t, if t.edge.is_conditional() { Via::Conditional } else { Via::Direct }));
        let through = groups.iter().flat_map(of).map(|t| (t, Via::Group));
        let mut best: BTreeMap<Key, How<'_>> = BTreeMap::new();
        for (step, via) in own.chain(through) {
            let slot = best.entry(step.edge.to_key).or_insert(How { via, step });
            if via < slot.via {
                *slot = How { via, step };
            }
        }
        let mut open: Vec<Key> = if self.parts.is_empty() { Vec::new() } else { best.keys().copied().collect() };
        while let Some(bundle) = open.pop() {
            for timed in self.parts.get(&bundle).into_iter().flatten().filter(|timed| self.gives(timed, at)) {
                let how = || How { via: Via::Bundle, step: timed };
                let slot = best.entry(timed.edge.to_key).or_insert_with(|| {
                    open.push(timed.edge.to_key);
                    how()
                });
                if Via::Bundle < slot.via {
                    *slot = how();
                }
            }
        }
        best
    }
}
