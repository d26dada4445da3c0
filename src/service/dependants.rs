//! Users whose conditions read something of others: found again when that changes, by walking back along the routes that
//! conditions read. A write pays one look-up, unless some condition of the tenant reads there.

use std::collections::BTreeSet;

use super::grants::{BATCH, ROLE, SUBJECT};
use super::views::leads_on;
use super::{Context, Result, load};
use crate::domain::condition::reads;
use crate::domain::key::Key;
use crate::domain::schema::relationship::MAX_DEPTH;
use crate::domain::schema::{ObjectType, Relationship, Side};
use crate::store::edges::EdgeRow;
use crate::store::{Conn, condition_watches, edges, objects};

/// Who was found, until there were more than one write looks at.
#[derive(Debug, Default)]
struct Found {
    users: BTreeSet<Key>,
    too_many: bool,
}

impl Context {
    /// After attributes of an object changed.
    pub(super) fn object_moved(&self, conn: &mut Conn, kind: &ObjectType, key: Key, changed: &BTreeSet<String>) -> Result<()> {
        if changed.is_empty() || condition_watches::routes(conn, self.actor.tenant)?.is_empty() {
            return Ok(());
        }
        let asked: Vec<String> =
            changed.iter().map(String::as_str).chain([reads::ALL]).map(|path| reads::of_attribute(&kind.name, path)).collect();
        // What is read of the user itself is the business of its own write.
        let watched: Vec<_> =
            condition_watches::of(conn, self.actor.tenant, &asked)?.into_iter().filter(|(_, route)| !route.is_empty()).collect();
        let (mut found, mut touched) = (Found::default(), BTreeSet::new());
        for route in watched.iter().map(|(_, route)| route).collect::<BTreeSet<_>>() {
            touched.extend(changed.iter().map(|path| format!("{route}{path}")));
            let steps = self.steps(route)?;
            self.back(conn, &steps, BTreeSet::from([(kind.name.clone(), key)]), &mut found)?;
        }
        self.reconsider(conn, found, &touched, &asked)
    }

    /// After edges were made or taken away.
    pub(super) fn edges_moved(&self, conn: &mut Conn, added: &[EdgeRow], removed: &[EdgeRow]) -> Result<()> {
        if condition_watches::routes(conn, self.actor.tenant)?.is_empty() {
            return Ok(());
        }
        let moved = || added.iter().chain(removed);
        let asked: BTreeSet<String> = moved().map(|edge| reads::of_relation(&edge.relation)).collect();
        let asked: Vec<String> = asked.into_iter().collect();
        let watched = condition_watches::of(conn, self.actor.tenant, &asked)?;
        let (mut found, mut touched) = (Found::default(), BTreeSet::new());
        for (_, route) in watched {
            let mut steps = self.steps(&route)?;
            let Some(last) = steps.pop() else { continue };
            for Step { relationship, from } in last {
                let near = moved().filter(|edge| edge.relation == relationship.relation).map(|edge| match relationship.side {
                    Side::From => (edge.from_type.clone(), edge.from_key),
                    Side::To => (edge.to_type.clone(), edge.to_key),
                });
                let mut near: BTreeSet<(String, Key)> = near.collect();
                if leads_on(&relationship) {
                    self.below(conn, &relationship, &mut near, &mut found)?;
                }
                near.retain(|(kind, _)| *kind == from);
                self.back(conn, &steps, near, &mut found)?;
            }
            touched.insert(route);
        }
        self.reconsider(conn, found, &touched, &asked)
    }

    // What can stand at each step of a route, from the user on.
    fn steps(&self, route: &str) -> Result<Vec<Vec<Step>>> {
        let mut kinds = BTreeSet::from([SUBJECT.to_owned()]);
        let mut out = Vec::new();
        for name in reads::steps(route) {
            let (mut step, mut next) = (Vec::new(), BTreeSet::new());
            for from in kinds {
                if let Some(relationship) = self.kind(&from)?.relationship(name) {
                    next.extend(relationship.types.iter().cloned());
                    step.push(Step { relationship: relationship.clone(), from });
                }
            }
            out.push(step);
            kinds = next;
        }
        Ok(out)
    }

    // From the end of a route back to the users at its beginning.
    fn back(&self, conn: &mut Conn, steps: &[Vec<Step>], mut far: BTreeSet<(String, Key)>, found: &mut Found) -> Result<()> {
        for step in steps.iter().rev() {
            let mut near = BTreeSet::new();
            for Step { relationship, from } in step {
                let mut here = BTreeSet::new();
                for (_, key) in far.iter().filter(|(kind, _)| relationship.types.contains(kind)) {
                    self.near(conn, relationship, *key, &mut here, found)?;
                }
                if leads_on(relationship) {
                    self.below(conn, relationship, &mut here, found)?;
                }
                near.extend(here.into_iter().filter(|(kind, _)| kind == from));
            }
            far = near;
        }
        found.users.extend(far.into_iter().map(|(_, key)| key));
        found.too_many |= found.users.len() > self.service.most_grants();
        Ok(())
    }

    // Who a relationship leads from to an object; no more than one write looks at.
    fn near(
        &self,
        conn: &mut Conn,
        relationship: &Relationship,
        far: Key,
        out: &mut BTreeSet<(String, Key)>,
        found: &mut Found,
    ) -> Result<()> {
        let (tenant, side) = (self.actor.tenant, relationship.side.other());
        let mut after: Option<EdgeRow> = None;
        while !found.too_many {
            let page = edges::of(conn, tenant, &relationship.relation, side, far, after.as_ref(), load::limit(BATCH))?;
            out.extend(page.iter().map(|edge| load::far_end(edge, side)));
            found.too_many |= out.len() > self.service.most_grants();
            let full = page.len() == BATCH;
            after = page.into_iter().next_back().filter(|_| full);
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    // Who is in groups that are in these.
    fn below(
        &self,
        conn: &mut Conn,
        relationship: &Relationship,
        near: &mut BTreeSet<(String, Key)>,
        found: &mut Found,
    ) -> Result<()> {
        let mut level = near.clone();
        for _ in 0..MAX_DEPTH {
            let mut next = BTreeSet::new();
            for (_, group) in level.iter().filter(|(kind, _)| relationship.types.contains(kind)) {
                self.near(conn, relationship, *group, &mut next, found)?;
            }
            level = next.into_iter().filter(|one| !near.contains(one)).collect();
            if level.is_empty() {
                break;
            }
            near.extend(level.iter().cloned());
        }
        Ok(())
    }

    fn reconsider(&self, conn: &mut Conn, found: Found, touched: &BTreeSet<String>, asked: &[String]) -> Result<()> {
        let (tenant, kind) = (self.actor.tenant, self.kind(SUBJECT)?);
        if found.too_many {
            return self.recompute_readers(conn, asked);
        }
        if found.users.is_empty() {
            return Ok(());
        }
        let routes = condition_watches::routes(conn, tenant)?;
        let users: Vec<Key> = found.users.into_iter().collect();
        for chunk in users.chunks(BATCH) {
            let rows = objects::many(conn, tenant, SUBJECT, chunk)?;
            let views = self.views_of(conn, &kind, &rows, &routes)?;
            self.reevaluate(conn, &views, Some(touched), false)?;
        }
        Ok(())
    }

    // A job for each role that reads there.
    fn recompute_readers(&self, conn: &mut Conn, asked: &[String]) -> Result<()> {
        let tenant = self.actor.tenant;
        let mut after = None;
        loop {
            let roles = condition_watches::roles(conn, tenant, asked, after, load::limit(BATCH))?;
            let Some(last) = roles.last() else { return Ok(()) };
            after = Some(*last);
            for row in objects::many(conn, tenant, ROLE, &roles)? {
                self.begin_recomputation(conn, &row, None)?;
            }
        }
    }
}

// One way on from objects of a type.
struct Step {
    relationship: Relationship,
    from: String,
}
