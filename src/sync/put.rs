//! Bringing an object at the target to what it should be.

use serde_json::{Map, Value};

use super::assigned::{self, memory};
use super::create::RECREATE;
use super::decide::Wanted;
use super::session::Guarded;
use super::worker::{Flow, Stop, Trial, finish};
use crate::connector::{Failure, FailureClass, Remote, Update};
use crate::domain::mapping::Desired;
use crate::domain::plan::{Change, Op, Plan, overlay, plan, without};
use crate::store::links::LinkRow;

impl Trial<'_> {
    /// Makes the target hold what is wanted of the object.
    pub(super) async fn put(&mut self, wanted: &Wanted) -> Flow {
        let group = self.out.link.kind == "group";
        let fresh = self.out.link.remote_id.is_none();
        let distrusted = fresh || self.out.link.applied_hash.is_none();
        if group && distrusted {
            self.engine.seed_members(self.session, &self.round.fence(), self.out.link.key).await?;
        }
        let held = if fresh { self.arrive(wanted).await? } else { None };
        if !fresh || held.is_some() {
            self.align(wanted, held).await?;
        }
        self.out.waits = wanted.waits.clone();
        let mut blocked = wanted.blocked;
        if group && (distrusted || wanted.members) {
            blocked |= self.membership().await?;
        }
        self.out.link.status = if blocked { "blocked" } else { "linked" }.to_owned();
        finish(&mut self.out.link);
        Ok(())
    }

    async fn align(&mut self, wanted: &Wanted, held: Option<Remote>) -> Flow {
        let mut stale = false;
        let mut held = held;
        // What others wrote beside an assigned value is seen before that is given or taken back.
        let news = memory(&self.out.link) != wanted.assigned;
        loop {
            if held.is_none() && (news || self.out.link.applied_hash.is_none()) {
                match self.read().await? {
                    Some(remote) => held = Some(remote),
                    None => return self.missing(wanted).await,
                }
            }
            let (base, etag) = match &held {
                Some(remote) => (remote.document.clone(), remote.etag.clone()),
                None => (applied(&self.out.link), None),
            };
            if let Some(remote) = &held
                && self.out.link.kind == "group"
            {
                self.compare_members(remote).await?;
            }
            let desired = wanted.over(&self.out.link, &base);
            let changes = changes(&self.out.link, &desired, &base);
            if changes.is_empty() {
                return self.aligned(wanted, &desired, &base);
            }
            let op = kind_of(&changes, &base);
            if op == "disable" {
                self.guarded(Guarded::Removal, "the account would be made inactive").await?;
            }
            match self.send(op, &changes, held.as_ref(), etag.as_deref()).await {
                Ok(()) => return self.aligned(wanted, &desired, &base),
                // Read again, and once more.
                Err(failure) if failure.class == FailureClass::Stale && !stale => {
                    stale = true;
                    held = None;
                    self.out.link.applied_hash = None;
                }
                Err(failure) if failure.class == FailureClass::Missing => return self.missing(wanted).await,
                Err(failure) => return self.fail(failure).await,
            }
        }
    }

    // What is withheld still stands there as it was.
    fn aligned(&mut self, wanted: &Wanted, desired: &Desired, base: &Map<String, Value>) -> Flow {
        let mut document = desired.document.clone();
        for path in &wanted.withheld {
            if let Some(value) = path.get(base) {
                path.put(&mut document, value.clone());
            }
        }
        let kept = Value::Object(without(&document, &desired.sensitive));
        let (now, link) = (self.engine.now(), &mut self.out.link);
        link.applied = Some(kept.to_string());
        link.assigned = assigned::text(&wanted.assigned);
        link.applied_hash = Some(wanted.hash.to_vec());
        link.applied_at = Some(now);
        Ok(())
    }

    /// The object as the target holds it; none when it does not.
    pub(super) async fn read(&mut self) -> Flow<Option<Remote>> {
        let (kind, id) = self.address();
        match self.session.connector.get(&kind, &id).await {
            Ok(remote) => Ok(Some(remote)),
            Err(failure) if failure.class == FailureClass::Missing => Ok(None),
            Err(failure) => self.fail(failure).await,
        }
    }

    pub(super) fn address(&self) -> (String, String) {
        (self.out.link.kind.clone(), self.out.link.remote_id.clone().unwrap_or_default())
    }

    /// Sends changes, as parts or, where the target takes no parts, as the whole.
    pub(super) async fn send(
        &mut self,
        op: &str,
        changes: &[Change],
        held: Option<&Remote>,
        etag: Option<&str>,
    ) -> Result<(), Failure> {
        let (kind, id) = self.address();
        let paths: Vec<String> = changes.iter().map(|change| change.path.clone()).collect();
        let known = self.session.capabilities();
        let connector = self.session.connector.clone();
        let etag = etag.filter(|_| known.etag);
        if known.patch {
            let sent = self.call(op, &paths, connector.update(&kind, &id, Update::Changes(changes), etag)).await;
            match sent {
                Err(failure) if failure.class == FailureClass::Capability => {
                    // Another answer than "bad request" is about the method, not about this object.
                    if failure.status != Some(400) {
                        self.session.lower(|known| known.patch = false);
                    }
                }
                other => return other.map(drop),
            }
        }
        let read;
        let held = match held {
            Some(held) => held,
            None => {
                read = connector.get(&kind, &id).await?;
                &read
            }
        };
        let whole = overlay(&held.document, changes);
        let etag = held.etag.as_deref().filter(|_| known.etag);
        self.call(op, &paths, connector.update(&kind, &id, Update::Document(&whole), etag)).await.map(drop)
    }

    // The account is gone: it is made again, unless the whole target seems to be another.
    async fn missing(&mut self, wanted: &Wanted) -> Flow {
        if let Some(hit) = self.vanished().await? {
            if Some(&hit.id) == self.out.link.remote_id.as_ref() {
                return self.park("missing", "the target lists the account but does not find it by its id".to_owned());
            }
            self.out.link.remote_id = Some(hit.id.clone());
            return Box::pin(self.align(wanted, Some(hit))).await;
        }
        self.guarded(Guarded::Recreation, "the account is gone at the target and would be made again").await?;
        // Worked out afresh, since some values are written at creation alone.
        let (now, link) = (self.engine.now(), &mut self.out.link);
        link.remote_id = None;
        link.applied = None;
        link.assigned = None;
        link.applied_hash = None;
        link.status = "pending".to_owned();
        link.intent = Some(RECREATE.to_owned());
        link.due = Some(now);
        self.out.departed = true;
        Err(Stop::Settled)
    }
}

/// What an object's account was last told to be.
pub fn applied(link: &LinkRow) -> Map<String, Value> {
    link.applied.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// What has to change for the account, which is as `base` says, to be as desired.
pub fn changes(link: &LinkRow, desired: &Desired, base: &Map<String, Value>) -> Vec<Change> {
    let mut changes = match plan(&desired.document, &desired.owned, Some(base)) {
        Plan::Update(changes) => changes,
        Plan::Nothing | Plan::Create(_) => Vec::new(),
    };
    // What we made inactive becomes active again, whether the mapping speaks of it or not.
    let silent = !desired.owned.iter().any(|path| path.attribute.eq_ignore_ascii_case("active"));
    if link.status == "deprovisioned" && silent && base.get("active") == Some(&Value::Bool(false)) {
        changes.push(Change { op: Op::Replace, path: "active".to_owned(), value: Some(true.into()) });
    }
    changes
}

/// What changes do, in a word.
pub fn kind_of(changes: &[Change], base: &Map<String, Value>) -> &'static str {
    let active =
        changes.iter().find(|change| change.path.eq_ignore_ascii_case("active")).and_then(|change| change.value.as_ref());
    match (active, base.get("active")) {
        (Some(Value::Bool(false)), Some(Value::Bool(false))) => "update",
        (Some(Value::Bool(false)), _) => "disable",
        (Some(Value::Bool(true)), Some(Value::Bool(false))) => "enable",
        _ => "update",
    }
}

impl From<crate::store::StoreError> for Stop {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Broken(error.into())
    }
}
