//! Temporal constraints of roles and grants: read, kept beside what they constrain, and turned into changes when an instant
//! comes (decision 17).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use serde_json::{Map, Value, json};

use super::changes::op;
use super::grants::ROLE;
use super::{Context, Result, Service, ServiceError, load};
use crate::domain::actor::Actor;
use crate::domain::error::Fault;
use crate::domain::key::{Key, TenantId};
use crate::domain::schema::relationship::{BUNDLE, GRANT};
use crate::domain::temporal::{Interval, PROPERTY};
use crate::store::edges::EdgeRow;
use crate::store::temporal::TemporalRow;
use crate::store::{Conn, StoreError, Tx, edges, objects, temporal};

/// Instants that one transaction works off.
const BATCH: usize = 500;

type Doc = Map<String, Value>;

// Most edges have no properties at all, so that nothing is parsed.
fn constrained(edge: &EdgeRow) -> bool {
    [GRANT, BUNDLE].contains(&edge.relation.as_str()) && edge.properties.as_deref().is_some_and(|text| text.contains(PROPERTY))
}

fn read(edge: &EdgeRow) -> Result<std::result::Result<Option<Interval>, Fault>> {
    if !constrained(edge) {
        return Ok(Ok(None));
    }
    Ok(Interval::of_property(load::edge_properties(edge)?.shown.get(PROPERTY), "grant"))
}

/// When a stored grant, or a role's place in a bundle, holds; none when it always does.
pub(crate) fn interval(edge: &EdgeRow) -> Result<Option<Interval>> {
    read(edge)?.map_err(|fault| ServiceError::Damaged(format!("edge {}: {fault}", edge.id)))
}

impl Context {
    /// Keeps the constraints of edges that were made or taken away.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`](crate::domain::error::Kind::InvalidValue) for what is no constraint.
    pub(crate) fn time_edges(&self, conn: &mut Conn, added: &[EdgeRow], removed: &[EdgeRow]) -> Result<()> {
        let gone: Vec<Key> = removed.iter().filter(|edge| constrained(edge)).map(|edge| edge.id).collect();
        if !gone.is_empty() {
            temporal::remove(conn, self.actor.tenant, &gone)?;
        }
        let mut rows = Vec::new();
        for edge in added {
            rows.extend(read(edge)??.map(|interval| TemporalRow::new(edge.id, true, interval, self.now)));
        }
        if !rows.is_empty() {
            temporal::put(conn, self.actor.tenant, &rows)?;
        }
        Ok(())
    }

    /// Keeps the constraint of a role that was made or changed.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`](crate::domain::error::Kind::InvalidValue) for what is no constraint.
    pub(crate) fn time_role(&self, conn: &mut Conn, kind: &str, role: Key, before: Option<&Doc>, after: &Doc) -> Result<()> {
        let value = |doc: &Doc| doc.get(PROPERTY).cloned();
        if kind != ROLE || before.and_then(value) == value(after) {
            return Ok(());
        }
        match Interval::of_property(after.get(PROPERTY), ROLE)? {
            Some(interval) => temporal::put(conn, self.actor.tenant, &[TemporalRow::new(role, false, interval, self.now)])?,
            None => _ = temporal::remove(conn, self.actor.tenant, &[role])?,
        }
        Ok(())
    }

    /// The constraints of those roles that have one.
    pub(crate) fn role_intervals(&self, conn: &mut Conn, roles: &[Key]) -> Result<HashMap<Key, Interval>> {
        let rows = temporal::of_many(conn, self.actor.tenant, roles)?;
        Ok(rows.into_iter().map(|row| (row.key, row.interval())).collect())
    }

    /// Takes the instants that came, in order, and appends a change for each, from which the engine follows to whom it
    /// matters. How many it was.
    fn pass_time(&self, conn: &mut Conn) -> Result<usize> {
        let tenant = self.actor.tenant;
        let page = temporal::due(conn, tenant, self.now, load::limit(BATCH))?;
        // What follows within a constraint has its place before what is not on this page.
        let horizon = if page.len() == BATCH { page.last().and_then(|row| row.due).unwrap_or(self.now) } else { self.now };
        let mut open: BinaryHeap<Reverse<_>> = page.iter().filter_map(|row| Some(Reverse((row.due?, row.key)))).collect();
        let rows: HashMap<Key, TemporalRow> = page.into_iter().map(|row| (row.key, row)).collect();
        let mut done = 0;
        while let Some(Reverse((at, key))) = open.pop() {
            let Some(row) = rows.get(&key) else { continue };
            let (op, next) = if at == row.starts { (op::START, Some(row.ends)) } else { (op::END, None) };
            if !temporal::advance(conn, tenant, key, at, next)? {
                continue;
            }
            done += 1;
            self.record_instant(conn, row, op)?;
            open.extend(next.filter(|next| *next <= horizon).map(|next| Reverse((next, key))));
        }
        Ok(done)
    }

    fn record_instant(&self, conn: &mut Conn, row: &TemporalRow, op: &'static str) -> Result<()> {
        let tenant = self.actor.tenant;
        // What does not exist, as the doctor reports, keeps nobody from going on.
        if row.edge {
            let edge = edges::get(conn, tenant, row.key)?;
            return edge.map_or(Ok(()), |edge| self.record_edge_instant(conn, op, &edge));
        }
        let Some(role) = objects::many(conn, tenant, ROLE, &[row.key])?.pop() else { return Ok(()) };
        let detail = json!({ "interval": { "start": row.starts.to_string(), "end": row.ends.to_string() } });
        self.record_object_instant(conn, op, ROLE, role.key, role.rev, &detail)
    }
}

impl Service {
    /// Works off a batch of the instants that came, if `fence` still holds in the transaction; how many there were.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn pass_time(
        &self,
        tenant: TenantId,
        fence: impl Fn(&mut Conn) -> std::result::Result<bool, StoreError> + Send + Sync + 'static,
    ) -> Result<usize> {
        let types = self.registry(tenant).await?;
        let ctx = self.context(&Actor::internal(tenant, types, "time"));
        let step = move |tx: &mut Tx<'_>| if fence(tx)? { ctx.pass_time(tx) } else { Ok(0) };
        self.store().write(tenant, step).await
    }
}
