//! Why an object holds the roles it holds, and which it nearly holds (`explainRoles`). Nothing is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::effective::{Grants, Timed};
use super::grants::{ROLE, SUBJECT};
use super::load::Label;
use super::{Context, Result, Service};
use crate::domain::actor::Actor;
use crate::domain::condition::{Part, Term, View};
use crate::domain::key::Key;
use crate::domain::resource::Via;
use crate::domain::schema::relationship::{MAX_DEPTH, MEMBERSHIP};
use crate::domain::schema::{ObjectType, Side};
use crate::domain::temporal::Interval;
use crate::domain::time::Timestamp;
use crate::store::changes::{self, ChangeRow};
use crate::store::objects::ObjectRow;
use crate::store::{Conn, audit, condition_watches, conditions, edges};

/// Most ways that are followed in all, and that are told of one role.
const WAYS: usize = 10_000;
const TOLD: usize = 10;

/// Most conditions that are asked for near misses, and most near misses of one sort that are told.
const ASKED: i64 = 500;
const MISSES: usize = 50;

/// An object as an answer refers to it.
#[derive(Debug, Clone)]
pub struct Named {
    /// Its type.
    pub kind: Arc<ObjectType>,
    /// The id that clients see.
    pub wire_id: String,
    /// Its name.
    pub name: Option<String>,
}

/// Why a principal holds its roles.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Whom it is about.
    pub wire_id: String,
    /// The instant of the question.
    pub at: Timestamp,
    /// Each role in effect.
    pub roles: Vec<Explained>,
    /// Roles that are nearly held.
    pub near: Vec<NearMiss>,
    /// Whether something was left out because there is too much of it.
    pub cut: bool,
}

/// A role in effect.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The role.
    pub role: Named,
    /// How it is held; the first that applies.
    pub via: Via,
    /// Until when, if nothing changes; none without end.
    pub until: Option<Timestamp>,
    /// All the ways, the first ten of them.
    pub ways: Vec<Way>,
}

/// One way that leads to a role.
#[derive(Debug, Clone)]
pub struct Way {
    /// How it is held this way.
    pub via: Via,
    /// The groups from the principal up to the one that holds the grant.
    pub groups: Vec<Named>,
    /// The bundles from the granted role down to the one that has the role in it.
    pub bundles: Vec<Named>,
    /// Id of the grant's edge.
    pub edge: Key,
    /// When the grant was made.
    pub since: Timestamp,
    /// By whom, if the change log still knows.
    pub by: Option<String>,
    /// When the way is open; none when it always is.
    pub interval: Option<Interval>,
    /// The condition that gives it.
    pub condition: Option<Matched>,
}

/// A condition, and what met it.
#[derive(Debug, Clone)]
pub struct Matched {
    /// As it was written.
    pub source: String,
    /// Its parts, with the values that met them.
    pub terms: Vec<Term>,
}

/// A role that is nearly held.
#[derive(Debug, Clone)]
pub enum NearMiss {
    /// It is granted, and out of its time.
    OutOfTime {
        /// The role.
        role: Named,
        /// How it would be held.
        way: Way,
    },
    /// All parts of its condition hold but one.
    Condition {
        /// The role.
        role: Named,
        /// The condition as it was written.
        source: String,
        /// The part that fails, with what there is instead.
        failing: Term,
    },
}

impl Service {
    /// Why an object holds its roles at this instant, and which it nearly holds.
    ///
    /// # Errors
    /// [`Kind::NotFound`](crate::domain::error::Kind::NotFound).
    pub async fn explain_roles(&self, actor: &Actor, kind: Arc<ObjectType>, wire_id: String) -> Result<Explanation> {
        let ctx = self.context(actor);
        self.store()
            .read(move |conn| {
                let row = ctx.find(conn, &kind, &wire_id)?;
                ctx.explain_roles(conn, &kind, row, None)
            })
            .await
    }
}

// A role, its condition, and the part of it that fails.
type Missed = (Key, String, Part);

// One way before it is named: who holds the grant, the grant, and the places in bundles that follow.
struct Raw<'g> {
    holder: Key,
    grant: &'g Timed,
    places: Vec<&'g Timed>,
    open: bool,
}

impl<'g> Raw<'g> {
    fn steps(&self) -> impl Iterator<Item = &'g Timed> {
        std::iter::once(self.grant).chain(self.places.iter().copied())
    }

    fn role(&self) -> Key {
        self.places.last().map_or(self.grant.edge.to_key, |place| place.edge.to_key)
    }
}

impl Context {
    /// Why an object holds its roles, and which it nearly holds; of `only` those, if they are given.
    pub(super) fn explain_roles(
        &self,
        conn: &mut Conn,
        kind: &Arc<ObjectType>,
        row: ObjectRow,
        only: Option<&BTreeSet<Key>>,
    ) -> Result<Explanation> {
        let below = self.lineage(conn, row.key)?;
        let holders: Vec<Key> = std::iter::once(row.key).chain(below.keys().copied()).collect();
        let grants = Grants::load(self, conn, &holders)?;
        let (mut ways, mut cut) = self.ways(&grants, &holders);
        if let Some(only) = only {
            ways.retain(|role, _| only.contains(role));
        }
        let view = if kind.name == SUBJECT { self.view(conn, kind, &row)? } else { None };
        let (missed, more) = view.as_ref().map_or(Ok((Vec::new(), false)), |view| self.missed(conn, view, &ways, only))?;
        cut |= more;
        let passed = ways.values().flatten().flat_map(|way| way.steps().map(|step| step.edge.to_key));
        let roles: BTreeSet<Key> = passed.chain(missed.iter().map(|(role, ..)| *role)).collect();
        let of = |name: &str, key: &Key| (name.to_owned(), *key);
        let ends = roles.iter().map(|key| of(ROLE, key)).chain(below.keys().map(|key| of("group", key)));
        let labels = self.labels(conn, ends)?;
        let told = Told { principal: row.key, below, labels, made: self.made(conn, &ways)?, view };
        let mut out = Explanation { wire_id: row.wire_id, at: self.now, roles: Vec::new(), near: Vec::new(), cut };
        for (role, mut all) in ways {
            let Some(named) = told.named(role) else { continue };
            all.sort_by_key(|way| (!way.open, told.via(way), way.places.len()));
            out.cut |= all.len() > TOLD;
            if !all.first().is_some_and(|way| way.open) {
                // The one that opens next, else the last that was open.
                let future = |way: &&Raw<'_>| span(&grants, way).is_some_and(|span| self.now < span.start);
                let next = all.iter().filter(future).min_by_key(|way| span(&grants, way).map(|span| span.start));
                let Some(way) = next.or_else(|| all.iter().max_by_key(|way| span(&grants, way).map(|span| span.end))) else {
                    continue;
                };
                let way = told.way(self, conn, &grants, way)?;
                out.near.push(NearMiss::OutOfTime { role: named, way });
                continue;
            }
            let open = || all.iter().filter(|way| way.open);
            let ends: Option<Vec<Timestamp>> = open().map(|way| span(&grants, way).map(|span| span.end)).collect();
            let until = ends.and_then(|ends| ends.into_iter().max());
            let mut ways = Vec::new();
            for way in open().take(TOLD) {
                ways.push(told.way(self, conn, &grants, way)?);
            }
            let via = ways.first().map_or(Via::Direct, |way| way.via);
            out.roles.push(Explained { role: named, via, until, ways });
        }
        out.cut |= out.near.len() > MISSES;
        out.near.truncate(MISSES);
        for (role, source, failing) in missed {
            let (Some(named), Some(view)) = (told.named(role), &told.view) else { continue };
            out.near.push(NearMiss::Condition { role: named, source, failing: failing.told(view) });
        }
        Ok(out)
    }

    /// The groups that an object is in, each with the group or object below it on a shortest way.
    fn lineage(&self, conn: &mut Conn, key: Key) -> Result<BTreeMap<Key, Key>> {
        let mut out = BTreeMap::new();
        let mut level = vec![key];
        for _ in 0..=MAX_DEPTH {
            if level.is_empty() {
                break;
            }
            for edge in edges::of_many(conn, self.actor.tenant, MEMBERSHIP, Side::To, &std::mem::take(&mut level))? {
                if let std::collections::btree_map::Entry::Vacant(slot) = out.entry(edge.from_key) {
                    slot.insert(edge.to_key);
                    level.push(edge.from_key);
                }
            }
        }
        Ok(out)
    }

    fn ways<'g>(&self, grants: &'g Grants, holders: &[Key]) -> (BTreeMap<Key, Vec<Raw<'g>>>, bool) {
        let mut out: BTreeMap<Key, Vec<Raw<'_>>> = BTreeMap::new();
        let mut count = 0;
        for holder in holders {
            let mut stack: Vec<Raw<'_>> = Vec::new();
            for grant in grants.of.get(holder).into_iter().flatten() {
                stack.push(Raw { holder: *holder, grant, places: Vec::new(), open: grants.gives(grant, self.now) });
            }
            while let Some(way) = stack.pop() {
                count += 1;
                if count > WAYS {
                    return (out, true);
                }
                let role = way.role();
                for part in grants.parts.get(&role).into_iter().flatten() {
                    let places = way.places.iter().copied().chain(std::iter::once(part)).collect();
                    stack.push(Raw { places, open: way.open && grants.gives(part, self.now), ..way });
                }
                out.entry(role).or_default().push(way);
            }
        }
        (out, false)
    }

    /// Who made the grants, by the ids of their edges, as far as the change log knows.
    fn made(&self, conn: &mut Conn, ways: &BTreeMap<Key, Vec<Raw<'_>>>) -> Result<HashMap<Key, ChangeRow>> {
        let grants = ways.values().flatten().map(|way| &way.grant.edge);
        let (from, to): (BTreeSet<Key>, BTreeSet<Key>) = grants.map(|edge| (edge.from_key, edge.to_key)).unzip();
        let rows = changes::of_edges(
            conn,
            self.actor.tenant,
            super::changes::op::EDGE_ADD,
            &from.into_iter().collect::<Vec<_>>(),
            &to.into_iter().collect::<Vec<_>>(),
        )?;
        let edge = |row: &ChangeRow| {
            let detail: Value = serde_json::from_str(&row.detail).ok()?;
            Key::parse(detail.get("edge")?.as_str()?)
        };
        Ok(rows.into_iter().filter_map(|row| Some((edge(&row)?, row))).collect())
    }

    /// A user as conditions see it.
    fn view(&self, conn: &mut Conn, kind: &Arc<ObjectType>, row: &ObjectRow) -> Result<Option<View>> {
        let routes = condition_watches::routes(conn, self.actor.tenant)?;
        Ok(self.views_of(conn, kind, std::slice::from_ref(row), &routes)?.pop().map(|(_, view)| view))
    }

    /// The parts of a condition that was accepted when it was saved.
    fn parts(&self, source: &str, user: &View) -> Result<Vec<Part>> {
        let kept = self.service.inner.conditions.get(self.actor.tenant, source, &user.kind, &self.actor.types)?;
        Ok(kept.condition.parts(&user.kind, &self.actor.types))
    }

    /// Conditions of which one part fails, those first of which the most holds; and whether there are more.
    fn missed(
        &self,
        conn: &mut Conn,
        user: &View,
        ways: &BTreeMap<Key, Vec<Raw<'_>>>,
        only: Option<&BTreeSet<Key>>,
    ) -> Result<(Vec<Missed>, bool)> {
        let page = match only {
            Some(only) => conditions::many(conn, self.actor.tenant, &only.iter().copied().collect::<Vec<_>>())?,
            None => audit::condition_page(conn, self.actor.tenant, None, ASKED)?,
        };
        let mut cut = i64::try_from(page.len()) == Ok(ASKED);
        let mut found = Vec::new();
        for row in page.into_iter().filter(|row| !ways.contains_key(&row.role_key)) {
            let (hold, mut fail): (Vec<_>, Vec<_>) =
                self.parts(&row.source, user)?.into_iter().partition(|part| part.holds(user));
            if let (1, Some(failing)) = (fail.len(), fail.pop()) {
                found.push((hold.len(), row.role_key, row.source, failing));
            }
        }
        found.sort_by_key(|(hold, role, ..)| (std::cmp::Reverse(*hold), *role));
        cut |= found.len() > MISSES;
        found.truncate(MISSES);
        Ok((found.into_iter().map(|(_, role, source, failing)| (role, source, failing)).collect(), cut))
    }
}

// When a way is open: while all of its constraints hold.
fn span(grants: &Grants, way: &Raw<'_>) -> Option<Interval> {
    let of = |step: &Timed| [step.interval, grants.roles.get(&step.edge.to_key).copied()];
    let all = way.steps().flat_map(of).flatten();
    all.reduce(|a, b| Interval { start: a.start.max(b.start), end: a.end.min(b.end) })
}

// What it takes to put ways into words.
struct Told {
    principal: Key,
    below: BTreeMap<Key, Key>,
    labels: HashMap<Key, Label>,
    made: HashMap<Key, ChangeRow>,
    // A user as conditions see it; they give nothing to others.
    view: Option<View>,
}

impl Told {
    fn named(&self, key: Key) -> Option<Named> {
        let label = self.labels.get(&key)?;
        Some(Named { kind: label.kind.clone(), wire_id: label.wire_id.clone(), name: label.name.clone() })
    }

    fn via(&self, way: &Raw<'_>) -> Via {
        if !way.places.is_empty() {
            Via::Bundle
        } else if way.holder != self.principal {
            Via::Group
        } else if way.grant.edge.is_conditional() {
            Via::Conditional
        } else {
            Via::Direct
        }
    }

    fn way(&self, ctx: &Context, conn: &mut Conn, grants: &Grants, way: &Raw<'_>) -> Result<Way> {
        let mut groups = Vec::new();
        let mut at = way.holder;
        while let Some(below) = self.below.get(&at).filter(|_| at != self.principal) {
            groups.extend(self.named(at));
            at = *below;
        }
        groups.reverse();
        let bundles = way.steps().take(way.places.len()).filter_map(|step| self.named(step.edge.to_key)).collect();
        let edge = &way.grant.edge;
        let condition = if edge.is_conditional() { self.condition(ctx, conn, edge.to_key)? } else { None };
        let made = self.made.get(&edge.id);
        Ok(Way {
            via: self.via(way),
            groups,
            bundles,
            edge: edge.id,
            since: edge.created,
            by: made.filter(|_| condition.is_none()).map(|row| row.actor.clone()),
            interval: span(grants, way),
            condition,
        })
    }

    fn condition(&self, ctx: &Context, conn: &mut Conn, role: Key) -> Result<Option<Matched>> {
        let (Some(row), Some(view)) = (conditions::get(conn, ctx.actor.tenant, role)?, &self.view) else { return Ok(None) };
        let terms = ctx.parts(&row.source, view)?.into_iter().map(|part| part.told(view)).collect();
        Ok(Some(Matched { terms, source: row.source }))
    }
}
