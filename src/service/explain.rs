//! What an explanation of a denial says beyond the decision: which roles nearly allow it, and what would help.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::access::gives;
use super::grants::ROLE;
use super::provenance::NearMiss;
use super::{Context, Result, load};
use crate::domain::access::{Beyond, Decision, Held, Miss, Policy, Principal, Question, Reason, Within, remedies};
use crate::domain::key::Key;
use crate::store::objects::ObjectRow;
use crate::store::{Conn, objects};

/// Most roles that are looked through for those that give a permission.
const LOOKED: usize = 1_000;

/// Most roles that are offered, and most near misses that are told.
const OFFERED: usize = 20;

/// Somebody who is asked about, as stored.
pub(super) struct Subject {
    pub(super) principal: Principal,
    pub(super) row: ObjectRow,
}

/// The roles of the tenant, read when they are first asked for.
#[derive(Default)]
pub(super) struct Roles(Option<Vec<ObjectRow>>);

impl Context {
    /// What is to be said of a decision about somebody.
    pub(super) fn beyond(
        &self,
        conn: &mut Conn,
        subject: &Subject,
        (decision, question): (&Decision<'_>, &Question<'_>),
        policies: &[Arc<Policy>],
        roles: &mut Roles,
    ) -> Result<Beyond> {
        let mut out = Beyond::default();
        let mut within = Within::default();
        if decision.reason == Reason::ImplicitDeny {
            let giving = self.giving(conn, question.permission, roles, &mut out)?;
            let keys: Vec<Key> = giving.iter().map(|(key, _)| *key).collect();
            let intervals = self.role_intervals(conn, &keys)?;
            let in_force = |key: &Key| intervals.get(key).is_none_or(|interval| interval.contains(self.now));
            out.near = self.near_allowed(conn, subject, &giving, &in_force, &mut within)?;
            within.roles.extend(giving.into_iter().filter(|(key, _)| in_force(key)).map(|(key, held)| {
                let until = intervals.get(&key).map(|interval| interval.end);
                Held { until, ..held }
            }));
            within.roles.sort_by(|a, b| a.name.cmp(&b.name));
            out.cut |= within.roles.len() > OFFERED || out.near.len() > OFFERED;
            within.roles.truncate(OFFERED);
            out.near.truncate(OFFERED);
        }
        out.remedies = remedies(decision, &subject.principal, question, policies, &within);
        Ok(out)
    }

    /// The roles that give a permission, as they would be held.
    fn giving(&self, conn: &mut Conn, permission: &str, roles: &mut Roles, out: &mut Beyond) -> Result<Vec<(Key, Held)>> {
        let rows = match &mut roles.0 {
            Some(rows) => rows,
            unread => unread.insert(objects::scan(conn, self.actor.tenant, ROLE, None, load::limit(LOOKED))?),
        };
        out.cut |= rows.len() >= LOOKED;
        let mut found = Vec::new();
        // Most documents need not be parsed.
        for row in rows.iter().filter(|row| row.doc.contains(permission)) {
            let permissions = gives(row)?;
            if permissions.iter().any(|name| name == permission) {
                found.push((row.key, Held::direct(&row.wire_id, row.label.as_deref().unwrap_or_default(), permissions)));
            }
        }
        Ok(found)
    }

    fn near_allowed(
        &self,
        conn: &mut Conn,
        subject: &Subject,
        giving: &[(Key, Held)],
        in_force: &impl Fn(&Key) -> bool,
        within: &mut Within,
    ) -> Result<Vec<Miss>> {
        if giving.is_empty() {
            return Ok(Vec::new());
        }
        let kind = self.kind(&subject.row.kind)?;
        let only: BTreeSet<Key> = giving.iter().map(|(key, _)| *key).collect();
        let mut out = Vec::new();
        for miss in self.explain_roles(conn, &kind, subject.row.clone(), Some(&only))?.near {
            let (NearMiss::OutOfTime { role, .. } | NearMiss::Condition { role, .. }) = &miss;
            let Some((key, held)) = giving.iter().find(|(_, held)| held.id == role.wire_id) else { continue };
            let (grant, why) = match &miss {
                NearMiss::OutOfTime { way, .. } => {
                    let Some(interval) = way.interval else { continue };
                    let why = if interval.end <= interval.start {
                        "its constraints never hold together".to_owned()
                    } else if self.now < interval.start {
                        within.later.push((interval.start, Held { until: Some(interval.end), ..held.clone() }));
                        format!("begins {}", interval.start)
                    } else {
                        format!("expired {}", interval.end)
                    };
                    (Some(way.edge.to_string()), why)
                }
                // Of a role that is out of its time there is more to say than one thing.
                NearMiss::Condition { .. } if !in_force(key) => continue,
                NearMiss::Condition { failing, .. } => (None, format!("its condition does not hold: {}", failing.text)),
            };
            out.push(Miss { grant, role: (held.id.clone(), held.name.clone()), why });
        }
        Ok(out)
    }
}
