//! Writing down what came of work: link, attempts, members and waiters together, in one transaction under the lease.

use super::lease::Fence;
use super::members::moved;
use super::session::Session;
use super::{Engine, Result};
use crate::domain::key::Key;
use crate::domain::schema::Side;
use crate::domain::schema::relationship::MEMBERSHIP;
use crate::domain::time::Timestamp;
use crate::service::ServiceError;
use crate::store::attempts::AttemptRow;
use crate::store::links::{LinkRow, Want};
use crate::store::{Conn, StoreError, attempts, edges, link_members, link_waits, links};

/// What came of the work on one link.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The link as it should be. `wanted` is the wish that was worked on.
    pub link: LinkRow,
    /// Whether the link is to go.
    pub forget: bool,
    /// Whether its account is no more, so that it is a member of nothing.
    pub departed: bool,
    /// Objects whose ids it waits for.
    pub waits: Vec<Key>,
    /// Calls that were made.
    pub attempts: Vec<AttemptRow>,
    /// Members that the target was told of.
    pub told: Vec<(Key, Option<String>)>,
}

impl Settled {
    /// The link and nothing else.
    pub const fn of(link: LinkRow) -> Self {
        Self { link, forget: false, departed: false, waits: Vec::new(), attempts: Vec::new(), told: Vec::new() }
    }
}

/// Whether the writes were done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// They were.
    Done,
    /// Another holds the lease, and nothing was written.
    Fenced,
    /// A link is no more: its attempts were written, and nothing else of it.
    Gone,
}

impl Engine {
    /// Writes down what came of work on links.
    pub(super) async fn settle(&self, session: &Session, fence: &Fence, all: Vec<Settled>) -> Result<Settlement> {
        let (tenant, target, fence, now) = (session.tenant, session.target, fence.clone(), self.now());
        self.store()
            .write(tenant, move |tx| {
                if !fence.holds(tx)? {
                    return Ok(Settlement::Fenced);
                }
                let mut settlement = Settlement::Done;
                for settled in &all {
                    if !(Writer { tx, tenant, target, epoch: fence.epoch, now }).write(settled)? {
                        settlement = Settlement::Gone;
                    }
                }
                Ok(settlement)
            })
            .await
    }

    /// The same for one link. An account that another link holds is refused as a collision.
    pub(super) async fn settle_one(&self, session: &Session, fence: &Fence, settled: Settled) -> Result<Settlement> {
        match self.settle(session, fence, vec![settled.clone()]).await {
            Err(ServiceError::Store(StoreError::Unique { table, .. })) if table == "links" => {
                let mut link = settled.link;
                let id = link.remote_id.take().unwrap_or_default();
                link.status = "parked".to_owned();
                link.intent = None;
                link.due = None;
                link.error_class = Some("collision".to_owned());
                link.error = Some(format!("the account {id} belongs to another object"));
                self.settle(session, fence, vec![Settled { link, waits: Vec::new(), told: Vec::new(), ..settled }]).await
            }
            other => other,
        }
    }
}

struct Writer<'a> {
    tx: &'a mut Conn,
    tenant: crate::domain::key::TenantId,
    target: Key,
    epoch: i64,
    now: Timestamp,
}

impl Writer<'_> {
    // Whether there is such a link.
    fn write(&mut self, settled: &Settled) -> Result<bool> {
        let (tenant, target, key) = (self.tenant, self.target, settled.link.key);
        attempts::insert(self.tx, tenant, &settled.attempts)?;
        // Someone has let go of it meanwhile.
        let Some(fresh) = links::get(self.tx, tenant, target, key)? else { return Ok(false) };
        let arrived = settled.link.remote_id.is_some() && fresh.remote_id != settled.link.remote_id;
        if settled.departed {
            self.depart(key)?;
        } else if arrived && fresh.remote_id.is_some() {
            moved(self.tx, tenant, target, key, self.now)?;
        }
        // A wish that came meanwhile is not lost.
        let again = fresh.wanted > settled.link.wanted;
        if settled.forget && !again {
            links::delete(self.tx, tenant, target, key)?;
        } else {
            let mut link = settled.link.clone();
            if settled.forget {
                link = LinkRow {
                    status: "pending".to_owned(),
                    remote_id: None,
                    intent: None,
                    applied: None,
                    assigned: None,
                    applied_hash: None,
                    ..link
                };
            }
            if again {
                link.due = Some(self.now);
                link.priority = fresh.priority;
            }
            // Whom it waits for may have come since it looked, and found nobody waiting.
            if links::many(self.tx, tenant, target, &settled.waits)?.iter().any(|far| far.remote_id.is_some()) {
                link.due = Some(self.now);
            }
            links::update(self.tx, tenant, &link, self.epoch)?;
            link_members::applied(self.tx, tenant, target, key, &settled.told)?;
            link_waits::add(self.tx, tenant, target, key, &settled.waits)?;
        }
        if arrived || settled.forget {
            self.wake(key)?;
        }
        Ok(true)
    }

    fn wake(&mut self, key: Key) -> Result<()> {
        let waiters = link_waits::take(self.tx, self.tenant, self.target, key)?;
        let waiters = links::many(self.tx, self.tenant, self.target, &waiters)?;
        let wants: Vec<Want> = waiters
            .into_iter()
            .map(|link| Want {
                key: link.key,
                priority: if link.kind == "group" { 3 } else { 1 },
                kind: link.kind,
                due: self.now,
            })
            .collect();
        links::want(self.tx, self.tenant, self.target, &wants)?;
        Ok(())
    }

    // The groups it stays in here will have it again when it comes back.
    fn depart(&mut self, member: Key) -> Result<()> {
        // If it is a group: what that account was told holds no more.
        link_members::delete_all(self.tx, self.tenant, self.target, Some(member))?;
        let rows = edges::of(self.tx, self.tenant, MEMBERSHIP, Side::To, member, None, i64::MAX)?;
        for edge in rows {
            link_members::depart(self.tx, self.tenant, self.target, edge.from_key, member)?;
            link_waits::add(self.tx, self.tenant, self.target, edge.from_key, &[member])?;
        }
        Ok(())
    }
}
