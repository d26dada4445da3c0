//! What a write would do, read off the change rows that it appended in a dry run, before it is undone.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value};

use super::changes::op;
use super::grants::ROLE;
use super::load::{self, Label};
use super::{Context, Result, effective};
use crate::domain::effects::{AttributeEffect, EdgeEffect, Effects, GrantEffect, MOST, Named, TargetEffect, Why};
use crate::domain::key::Key;
use crate::domain::relation::CONDITIONAL;
use crate::domain::resource::{EffectiveRole, Via};
use crate::domain::schema::Side;
use crate::domain::schema::relationship::{BUNDLE, GRANT, MAX_DEPTH, MEMBERSHIP};
use crate::domain::temporal::PROPERTY;
use crate::store::changes::ChangeRow;
use crate::store::{Conn, conditions, edges};

/// Most principals that are asked for what they hold through groups.
const REACH: usize = 200;

/// Foresees the calls to targets, in the transaction that the changes were made in, which is undone afterwards.
pub(crate) trait Forecast: Send + Sync {
    /// What each target of the tenant would be told of `rows`; the objects of its calls go by their keys.
    fn targets(&self, ctx: &Context, conn: &mut Conn, rows: &[ChangeRow]) -> Result<Vec<TargetEffect>>;
}

/// Roles in effect, by principal and role.
type Held = BTreeMap<(Key, Key), EffectiveRole>;

/// What is seen after the write, while it lasts.
pub(crate) struct After {
    labels: HashMap<Key, Label>,
    conditions: HashMap<Key, String>,
    involved: BTreeSet<Key>,
    reached: BTreeMap<String, BTreeSet<Key>>,
    incomplete: bool,
    held: Held,
    targets: Vec<TargetEffect>,
}

impl After {
    /// Looks at what `rows` made.
    pub(crate) fn look(ctx: &Context, conn: &mut Conn, rows: &[ChangeRow]) -> Result<Self> {
        let involved = involved(ctx, conn, rows)?;
        let (reached, incomplete) = reached(ctx, conn, rows, &involved)?;
        let targets = match ctx.service.inner.forecast.get() {
            Some(forecast) => forecast.targets(ctx, conn, rows)?,
            None => Vec::new(),
        };
        let held = held(ctx, conn, &reached)?;
        let labels = ctx.labels(conn, objects(rows, &targets, &reached))?;
        let conditions = condition_texts(ctx, conn, rows, op::EDGE_ADD)?;
        Ok(Self { labels, conditions, involved, reached, incomplete, held, targets })
    }

    /// Compares it with what is there without the write.
    pub(crate) fn compare(mut self, ctx: &Context, conn: &mut Conn, rows: &[ChangeRow]) -> Result<Effects> {
        let before = held(ctx, conn, &self.reached)?;
        let lost_conditions = condition_texts(ctx, conn, rows, op::EDGE_REMOVE)?;
        for (key, label) in ctx.labels(conn, objects(rows, &self.targets, &self.reached))? {
            self.labels.entry(key).or_insert(label);
        }
        let mut out = Effects { incomplete: self.incomplete, ..Effects::default() };
        let mut listed: HashSet<(Key, Key)> = HashSet::new();
        for row in rows {
            let detail: Map<String, Value> = serde_json::from_str(&row.detail).unwrap_or_default();
            match row.other_key {
                None => self.attributes(ctx, row, &detail, &mut out)?,
                Some(role) => {
                    let added = row.op == op::EDGE_ADD;
                    let texts = if added { &self.conditions } else { &lost_conditions };
                    // Where time or bundles have a say, what is in effect before and after tells more than the edge.
                    let plain = !self.involved.contains(&role) && !row.detail.contains(PROPERTY);
                    if edge(row, &detail, texts.get(&role), plain, &mut out) {
                        listed.insert((row.key, role));
                    }
                }
            }
        }
        for (list, ours, theirs) in [(&mut out.grants.gained, &self.held, &before), (&mut out.grants.lost, &before, &self.held)] {
            // What an edge gave or took stands there already.
            for ((key, _), held) in ours.iter().filter(|(at, _)| !theirs.contains_key(at) && !listed.contains(at)) {
                let kind = self.reached.iter().find(|(_, keys)| keys.contains(key)).map_or("", |(kind, _)| kind.as_str());
                list.push(GrantEffect {
                    principal: self.named(kind, *key),
                    role: Named { kind: ROLE.to_owned(), id: held.wire_id.clone(), name: Some(held.name.clone()) },
                    why: match held.via {
                        Via::Direct => Why::Static,
                        Via::Group => Why::Group,
                        Via::Bundle => Why::Bundle,
                        Via::Conditional => Why::Conditional,
                    },
                    condition: None,
                });
            }
        }
        let mut targets = std::mem::take(&mut self.targets);
        for call in targets.iter_mut().flat_map(|target| &mut target.calls.list) {
            call.object = self.named(&call.object.kind, call.key);
        }
        out.targets = targets;
        Ok(out)
    }

    fn named(&self, kind: &str, key: Key) -> Named {
        let label = self.labels.get(&key);
        Named {
            kind: kind.to_owned(),
            id: label.map_or_else(|| key.to_string(), |label| label.wire_id.clone()),
            name: label.and_then(|label| label.name.clone()),
        }
    }

    fn attributes(&self, ctx: &Context, row: &ChangeRow, detail: &Map<String, Value>, out: &mut Effects) -> Result<()> {
        let kind = ctx.kind(&row.kind)?;
        let extensions: BTreeSet<&str> = kind.schemas.iter().skip(1).map(|schema| schema.id.as_str()).collect();
        let mut found: BTreeMap<String, [Option<Value>; 2]> = BTreeMap::new();
        for (at, side) in ["before", "after"].into_iter().enumerate() {
            for (name, value) in detail.get(side).and_then(Value::as_object).into_iter().flatten() {
                match value {
                    Value::Object(members) if extensions.contains(name.as_str()) => {
                        for (sub, value) in members {
                            found.entry(format!("{name}:{sub}")).or_default()[at] = Some(value.clone());
                        }
                    }
                    value => found.entry(name.clone()).or_default()[at] = Some(value.clone()),
                }
            }
        }
        let effect = |path: String, [before, after]: [Option<Value>; 2], hidden| AttributeEffect {
            object: self.named(&row.kind, row.key),
            op: row.op.clone(),
            path,
            before,
            after,
            hidden,
        };
        found.into_iter().for_each(|(path, sides)| out.attributes.push(effect(path, sides, false)));
        for path in detail.get("hidden").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            out.attributes.push(effect(path.to_owned(), [None, None], true));
        }
        Ok(())
    }
}

// Lists an edge; with `tells` also the role it gives or takes, and then it says so.
fn edge(row: &ChangeRow, detail: &Map<String, Value>, condition: Option<&String>, tells: bool, out: &mut Effects) -> bool {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let end = |name: &str| {
        let end = detail.get(name).unwrap_or(&Value::Null);
        Named { kind: text(end, "type").unwrap_or_default(), id: text(end, "id").unwrap_or_default(), name: text(end, "name") }
    };
    let added = row.op == op::EDGE_ADD;
    let updated = row.op == op::EDGE_UPDATE;
    let relation = detail.get("relation").and_then(Value::as_str).unwrap_or_default().to_owned();
    let tells = tells && relation == GRANT && !updated;
    if tells {
        let conditional = detail.get("variant").and_then(Value::as_str) == Some(CONDITIONAL);
        let list = if added { &mut out.grants.gained } else { &mut out.grants.lost };
        list.push(GrantEffect {
            principal: end("from"),
            role: end("to"),
            why: if conditional { Why::Conditional } else { Why::Static },
            condition: condition.filter(|_| conditional).cloned(),
        });
    }
    let op = if added {
        "add"
    } else if updated {
        "update"
    } else {
        "remove"
    };
    out.edges.push(EdgeEffect { op, relation, from: end("from"), to: end("to") });
    tells
}

fn relation(row: &ChangeRow) -> Option<(String, String, Key)> {
    let detail: Map<String, Value> = serde_json::from_str(&row.detail).unwrap_or_default();
    let text = |name: &str| detail.get(name).and_then(Value::as_str).map(str::to_owned);
    Some((text("relation")?, text("toType")?, row.other_key?))
}

/// Roles that have roles in them, or a time: of them an edge alone does not tell whether they are in effect.
fn involved(ctx: &Context, conn: &mut Conn, rows: &[ChangeRow]) -> Result<BTreeSet<Key>> {
    let granted = rows.iter().filter_map(relation).filter(|(relation, ..)| relation == GRANT);
    let roles: Vec<Key> = granted.map(|(.., role)| role).collect::<BTreeSet<_>>().into_iter().collect();
    if roles.is_empty() {
        return Ok(BTreeSet::new());
    }
    let bundles = edges::of_many(conn, ctx.actor.tenant, BUNDLE, Side::From, &roles)?.into_iter().map(|edge| edge.from_key);
    Ok(bundles.chain(ctx.role_intervals(conn, &roles)?.into_keys()).collect())
}

/// Who may hold other roles than before, by type.
#[derive(Default)]
struct Reach {
    out: BTreeMap<String, BTreeSet<Key>>,
    count: usize,
    seen: BTreeSet<Key>,
}

impl Reach {
    fn add(&mut self, kind: &str, key: Key) {
        self.count += usize::from(self.out.entry(kind.to_owned()).or_default().insert(key));
    }

    /// The members of a group.
    fn group(&mut self, ctx: &Context, conn: &mut Conn, group: Key) -> Result<()> {
        if self.seen.insert(group) {
            for below in edges::descendants(conn, ctx.actor.tenant, MEMBERSHIP, group, MAX_DEPTH)? {
                self.add(&below.kind, below.key);
            }
        }
        Ok(())
    }

    /// The holders of a role and of the bundles that it is in.
    fn role(&mut self, ctx: &Context, conn: &mut Conn, role: Key) -> Result<()> {
        let above = edges::ancestors(conn, ctx.actor.tenant, BUNDLE, role, MAX_DEPTH)?;
        for role in std::iter::once(role).chain(above.into_iter().map(|reached| reached.key)) {
            if !self.seen.insert(role) {
                continue;
            }
            for grant in edges::of(conn, ctx.actor.tenant, GRANT, Side::To, role, None, load::limit(REACH + 1))? {
                self.add(&grant.from_type, grant.from_key);
                if grant.from_type == "group" {
                    self.group(ctx, conn, grant.from_key)?;
                }
            }
        }
        Ok(())
    }

    fn row(&mut self, ctx: &Context, conn: &mut Conn, row: &ChangeRow, involved: &BTreeSet<Key>) -> Result<()> {
        match relation(row) {
            None if row.kind == ROLE && row.op == op::UPDATE && row.detail.contains(PROPERTY) => self.role(ctx, conn, row.key),
            Some((relation, ..)) if relation == BUNDLE => self.role(ctx, conn, row.key),
            Some((relation, to_type, to)) if relation == MEMBERSHIP => {
                self.add(&to_type, to);
                if to_type == "group" { self.group(ctx, conn, to) } else { Ok(()) }
            }
            Some((relation, ..)) if relation == GRANT && row.kind == "group" => self.group(ctx, conn, row.key),
            Some((relation, _, role)) if relation == GRANT && (involved.contains(&role) || row.detail.contains(PROPERTY)) => {
                self.add(&row.kind, row.key);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Who may hold other roles after `rows`, by type; and whether there are more than are looked at.
fn reached(
    ctx: &Context,
    conn: &mut Conn,
    rows: &[ChangeRow],
    involved: &BTreeSet<Key>,
) -> Result<(BTreeMap<String, BTreeSet<Key>>, bool)> {
    let mut reach = Reach::default();
    for row in rows {
        reach.row(ctx, conn, row, involved)?;
        if reach.count > REACH {
            break;
        }
    }
    let mut left = REACH;
    for keys in reach.out.values_mut() {
        while keys.len() > left {
            keys.pop_last();
        }
        left -= keys.len();
    }
    Ok((reach.out, reach.count > REACH))
}

fn held(ctx: &Context, conn: &mut Conn, reached: &BTreeMap<String, BTreeSet<Key>>) -> Result<Held> {
    let mut out = Held::new();
    for (kind, keys) in reached {
        let (kind, keys) = (ctx.kind(kind)?, keys.iter().copied().collect::<Vec<_>>());
        for (key, roles) in effective::roles(ctx, conn, &kind, &keys)? {
            out.extend(roles.into_iter().map(|role| ((key, role.key), role)));
        }
    }
    Ok(out)
}

/// The conditions of roles whose conditional grants `rows` made or took away, as they are now; of those that are listed.
fn condition_texts(ctx: &Context, conn: &mut Conn, rows: &[ChangeRow], what: &str) -> Result<HashMap<Key, String>> {
    let conditional = |row: &&ChangeRow| row.op == what && row.detail.contains(CONDITIONAL);
    let roles: BTreeSet<Key> = rows.iter().filter(conditional).filter_map(|row| row.other_key).take(MOST).collect();
    let mut out = HashMap::new();
    for role in roles {
        out.extend(conditions::get(conn, ctx.actor.tenant, role)?.map(|row| (role, row.source)));
    }
    Ok(out)
}

/// Every object that is listed by its key.
fn objects(
    rows: &[ChangeRow],
    targets: &[TargetEffect],
    reached: &BTreeMap<String, BTreeSet<Key>>,
) -> impl Iterator<Item = (String, Key)> {
    let changed = rows.iter().filter(|row| row.other_key.is_none()).take(MOST).map(|row| (row.kind.clone(), row.key));
    let calls = targets.iter().flat_map(|target| &target.calls.list).map(|call| (call.object.kind.clone(), call.key));
    let principals = reached.iter().flat_map(|(kind, keys)| keys.iter().map(|key| (kind.clone(), *key)));
    changed.chain(calls).chain(principals).collect::<Vec<_>>().into_iter()
}
