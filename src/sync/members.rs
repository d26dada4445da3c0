//! Members of groups, told by reference and in chunks, after the group is there.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::lease::Fence;
use super::session::Session;
use super::worker::{Flow, Stop, Trial};
use super::{Engine, Result};
use crate::connector::{FailureClass, Remote, Update};
use crate::domain::key::{Key, TenantId};
use crate::domain::schema::Side;
use crate::domain::schema::relationship::MEMBERSHIP;
use crate::domain::time::Timestamp;
use crate::runtime::random;
use crate::store::link_members::LinkMemberRow;
use crate::store::links::Want;
use crate::store::{Conn, StoreError, edges, link_members, links};

const PAGE: i64 = 500;

impl Engine {
    /// Brings the wished members of a group in line with the edges, page by page.
    pub(super) async fn seed_members(&self, session: &Session, fence: &Fence, group: Key) -> Result<()> {
        let (tenant, target) = (session.tenant, session.target);
        let mut after: Option<edges::EdgeRow> = None;
        loop {
            let (fence, from) = (fence.clone(), after.clone());
            let page = self.store().write(tenant, move |tx| {
                if !fence.holds(tx)? {
                    return Ok::<_, StoreError>(Vec::new());
                }
                let page = edges::of(tx, tenant, MEMBERSHIP, Side::From, group, from.as_ref(), PAGE)?;
                let mut wants: Vec<(Key, bool)> = page.iter().map(|edge| (edge.to_key, true)).collect();
                let last = page.last().filter(|_| i64::try_from(page.len()) == Ok(PAGE)).map(|edge| edge.to_key);
                let present: BTreeSet<Key> = wants.iter().map(|(key, _)| *key).collect();
                // Those of the same range that are no members any more.
                let mut cursor = from.as_ref().map(|edge| edge.to_key);
                loop {
                    let rows = link_members::of(tx, tenant, target, group, cursor, PAGE)?;
                    let inside = |row: &&LinkMemberRow| last.is_none_or(|last| row.member_key <= last);
                    wants.extend(
                        rows.iter()
                            .filter(inside)
                            .filter(|row| row.wanted && !present.contains(&row.member_key))
                            .map(|row| (row.member_key, false)),
                    );
                    cursor = rows.last().map(|row| row.member_key);
                    if i64::try_from(rows.len()) != Ok(PAGE) || !rows.last().is_some_and(|row| inside(&row)) {
                        break;
                    }
                }
                link_members::want(tx, tenant, target, group, &wants)?;
                Ok(page)
            });
            let page = page.await?;
            if i64::try_from(page.len()) != Ok(PAGE) {
                return Ok(());
            }
            after = page.into_iter().last();
        }
    }
}

impl Trial<'_> {
    /// Tells the target who is to be a member and who is not. Whether some members are on their way.
    pub(super) async fn membership(&mut self) -> Flow<bool> {
        let (tenant, target, group) = (self.session.tenant, self.session.target, self.out.link.key);
        let (mut after, mut blocked) = (None, false);
        loop {
            let most = self.session.capabilities().max_members.max(1);
            let limit = i64::try_from(most).unwrap_or(PAGE).min(PAGE);
            let (open, known) = self.engine.store().read(move |conn| open(conn, tenant, target, group, after, limit)).await?;
            let Some(last) = open.last() else { return Ok(blocked) };
            after = Some((last.wanted, last.member_key));
            let (mut add, mut remove, mut told) = (Vec::new(), Vec::new(), Vec::new());
            for row in &open {
                match (&row.applied, known.get(&row.member_key)) {
                    (Some(id), _) => {
                        remove.push(id.clone());
                        told.push((row.member_key, None));
                    }
                    (None, Some(Some(id))) => {
                        add.push(id.clone());
                        told.push((row.member_key, Some(id.clone())));
                    }
                    (None, far) => {
                        blocked |= far.is_some();
                        self.out.waits.push(row.member_key);
                    }
                }
            }
            if !told.is_empty() {
                self.tell(&add, &remove).await?;
                self.out.told.extend(told);
                // What the target was told is kept, whatever comes next.
                self.note().await?;
            }
            if i64::try_from(open.len()) != Ok(limit) {
                return Ok(blocked);
            }
        }
    }

    async fn tell(&mut self, add: &[String], remove: &[String]) -> Flow {
        let (_, id) = self.address();
        let connector = self.session.connector.clone();
        let paths = ["members".to_owned()];
        if self.session.capabilities().patch {
            match self.call("members", &paths, connector.change_members(&id, add, remove)).await {
                Ok(_) => return Ok(()),
                Err(failure) if failure.class == FailureClass::Capability => {
                    if failure.status != Some(400) {
                        self.session.lower(|known| known.patch = false);
                    }
                }
                Err(failure) if failure.class == FailureClass::Missing => {
                    // The next look reads the group first, and finds out.
                    self.out.link.applied_hash = None;
                    self.out.link.due = Some(self.engine.retry_at(0));
                    return Err(Stop::Settled);
                }
                Err(failure) => return self.fail(failure).await,
            }
        }
        // Without parts the whole group is sent.
        let Some(remote) = self.read().await? else {
            self.out.link.applied_hash = None;
            self.out.link.due = Some(self.engine.retry_at(0));
            return Err(Stop::Settled);
        };
        let mut members = members_of(&remote);
        members.retain(|known| !remove.contains(known));
        members.extend(add.iter().filter(|id| !members.contains(id)).cloned().collect::<Vec<_>>());
        let mut whole = remote.document.clone();
        whole.shift_remove("meta");
        whole.insert("members".to_owned(), members.iter().map(|id| json!({"value": id})).collect());
        let etag = remote.etag.as_deref().filter(|_| self.session.capabilities().etag);
        match self.call("members", &paths, connector.update("group", &id, Update::Document(&whole), etag)).await {
            Ok(_) => Ok(()),
            Err(failure) => self.fail(failure).await,
        }
    }

    /// Forgets what the target was told and does not hold: it is told again.
    pub(super) async fn compare_members(&mut self, remote: &Remote) -> Flow {
        let (tenant, target, group) = (self.session.tenant, self.session.target, self.out.link.key);
        let (fence, held) = (self.round.fence(), members_of(remote).into_iter().collect::<BTreeSet<String>>());
        let compared = self.engine.store().write(tenant, move |tx| {
            if !fence.holds(tx)? {
                return Ok::<_, StoreError>(());
            }
            let mut cursor = None;
            loop {
                let rows = link_members::of(tx, tenant, target, group, cursor, PAGE)?;
                for row in rows.iter().filter(|row| row.applied.as_ref().is_some_and(|id| !held.contains(id))) {
                    link_members::applied(tx, tenant, target, group, &[(row.member_key, None)])?;
                }
                cursor = rows.last().map(|row| row.member_key);
                if i64::try_from(rows.len()) != Ok(PAGE) {
                    return Ok(());
                }
            }
        });
        Ok(compared.await?)
    }
}

/// Lets the groups of a member know that its account is another now, or none.
///
/// # Errors
/// Those of the store.
pub fn moved(tx: &mut Conn, tenant: TenantId, target: Key, member: Key, now: Timestamp) -> Result<(), StoreError> {
    let mut wants = Vec::new();
    for edge in edges::of(tx, tenant, MEMBERSHIP, Side::To, member, None, i64::MAX)? {
        if link_members::part(tx, tenant, target, edge.from_key, member, Key::new(random::key()))? {
            wants.push(Want { key: edge.from_key, kind: edge.from_type, priority: 3, due: now });
        }
    }
    links::want(tx, tenant, target, &wants)?;
    Ok(())
}

type Open = (Vec<LinkMemberRow>, HashMap<Key, Option<String>>);

fn open(conn: &mut Conn, tenant: TenantId, target: Key, group: Key, after: Option<(bool, Key)>, limit: i64) -> Result<Open> {
    let open = link_members::open(conn, tenant, target, group, after, limit)?;
    let keys: Vec<Key> = open.iter().filter(|row| row.wanted).map(|row| row.member_key).collect();
    let known = links::many(conn, tenant, target, &keys)?.into_iter().map(|link| (link.key, link.remote_id)).collect();
    Ok((open, known))
}

fn members_of(remote: &Remote) -> Vec<String> {
    let members = remote.document.iter().find(|(name, _)| name.eq_ignore_ascii_case("members")).map(|(_, value)| value);
    let values = members.and_then(Value::as_array).into_iter().flatten();
    values.filter_map(|member| member.get("value")?.as_str().map(str::to_owned)).collect()
}
