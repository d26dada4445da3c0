//! How an object comes to be at the target. A create is never repeated blindly (spec/sync.md §2.4, 4): the intent is written
//! first, and after an unknown outcome the object is looked up.

use serde_json::Value;

use super::assigned;
use super::decide::Wanted;
use super::session::Guarded;
use super::worker::{Flow, Stop, Trial};
use crate::connector::{Failure, FailureClass, Lookup, Remote};
use crate::domain::key::{Key, TenantId};
use crate::domain::mapping::{Desired, DocumentPath};
use crate::domain::plan::{same, without};
use crate::store::{Conn, StoreError, link_members, links, objects};

/// The intent to create.
pub const CREATE: &str = "create";

/// The intent to make again what is gone at the target; nothing was sent yet.
pub const RECREATE: &str = "recreate";

/// An administrator let it pass.
pub const APPROVED: &str = "approved";

impl Trial<'_> {
    /// Makes the object, or adopts the one account that is it already; that account as it is, when it was adopted.
    pub(super) async fn arrive(&mut self, wanted: &Wanted) -> Flow<Option<Remote>> {
        let op = if self.out.link.intent.as_deref() == Some(RECREATE) { RECREATE } else { CREATE };
        let unsure = self.out.link.intent.as_deref() == Some(CREATE) || self.out.link.status == "uncertain";
        // Where no rule says who is who, the key does: a link may have been lost, not the account.
        let keyed = unsure || wanted.desired.matches.is_empty();
        let mut lookups = if keyed { vec![by_key(self.out.link.key.to_string().into())] } else { Vec::new() };
        lookups.extend(by_rules(wanted));
        if let Some(hit) = self.search(&lookups).await? {
            return self.adopt(hit).await.map(Some);
        }
        self.patient()?;
        self.post(wanted, op).await
    }

    /// Waits until an unanswered create must show.
    pub(super) fn patient(&mut self) -> Flow {
        match self.engine.known_at(&self.out.link) {
            Some(at) if at > self.engine.now() => {
                self.out.link.due = Some(at);
                Err(Stop::Settled)
            }
            _ => Ok(()),
        }
    }

    async fn post(&mut self, wanted: &Wanted, op: &str) -> Flow<Option<Remote>> {
        let now = self.engine.now();
        self.out.link.intent = Some(CREATE.to_owned());
        self.out.link.intent_at = Some(now);
        self.note().await?;
        let desired = wanted.fresh();
        let document = &desired.document;
        let paths: Vec<String> = document.keys().cloned().collect();
        let kind = self.out.link.kind.clone();
        let failure = match self.call(op, &paths, self.session.connector.create(&kind, document)).await {
            Ok(written) => {
                self.arrived(written.remote_id, wanted, &desired);
                return Ok(None);
            }
            Err(failure) => failure,
        };
        if failure.class == FailureClass::Conflict {
            return self.taken(wanted, failure).await;
        }
        if failure.may_have_happened() {
            self.out.link.status = "uncertain".to_owned();
        } else {
            self.out.link.intent = None;
            self.out.link.intent_at = None;
        }
        self.fail(failure).await
    }

    fn arrived(&mut self, remote_id: String, wanted: &Wanted, desired: &Desired) {
        let link = &mut self.out.link;
        link.remote_id = Some(remote_id);
        link.intent = None;
        link.intent_at = None;
        link.status = "linked".to_owned();
        link.applied = Some(Value::Object(without(&desired.document, &desired.sensitive)).to_string());
        link.assigned = assigned::text(&wanted.assigned);
        link.applied_hash = Some(wanted.hash.to_vec());
        link.applied_at = Some(self.engine.now());
    }

    // The target says that something unique is taken: by the account that this object is, or by a stranger.
    async fn taken(&mut self, wanted: &Wanted, failure: Failure) -> Flow<Option<Remote>> {
        self.out.link.intent = None;
        self.out.link.intent_at = None;
        let mut lookups = vec![by_key(self.out.link.key.to_string().into())];
        lookups.extend(by_rules(wanted));
        match self.search(&lookups).await? {
            Some(hit) => self.adopt(hit).await.map(Some),
            None => self.park("conflict", format!("{failure}; no account there is found by {}", names(&lookups))),
        }
    }

    /// Finds the one account, by the first of the look-ups that finds any. Never takes the first of several.
    pub(super) async fn search(&mut self, lookups: &[Lookup]) -> Flow<Option<Remote>> {
        for lookup in lookups {
            let mut hits = self.find(lookup).await?;
            match (hits.pop(), hits.pop()) {
                (None, _) => {}
                (Some(hit), None) => return Ok(Some(hit)),
                (Some(_), Some(_)) => {
                    let text = format!("more than one account there has this {}; adopt the right one", lookup.path);
                    return self.park("ambiguous", text);
                }
            }
        }
        Ok(None)
    }

    async fn find(&mut self, lookup: &Lookup) -> Flow<Vec<Remote>> {
        let kind = self.out.link.kind.clone();
        if self.session.capabilities().filter {
            let failure = match self.session.connector.find(&kind, lookup).await {
                Ok(hits) => {
                    self.round.well();
                    return Ok(hits);
                }
                Err(failure) => failure,
            };
            match failure.class {
                FailureClass::Capability => self.session.lower(|known| known.filter = false),
                // A target that knows not even its own list is another one.
                FailureClass::Missing => {
                    self.round.quarantine(super::failure::reason(&failure), self.engine.now());
                    return Err(Stop::Settled);
                }
                _ => return self.fail(failure).await,
            }
        }
        self.leaf_through(&kind, lookup).await
    }

    // The slow way, for targets without filters.
    async fn leaf_through(&mut self, kind: &str, lookup: &Lookup) -> Flow<Vec<Remote>> {
        let path = match DocumentPath::parse(&lookup.path) {
            Ok(path) => path,
            Err(why) => return self.park("internal", why),
        };
        let (mut hits, mut cursor): (Vec<Remote>, Option<String>) = (Vec::new(), None);
        loop {
            let page = match self.session.connector.list(kind, cursor.as_deref()).await {
                Ok(page) => page,
                Err(failure) => return self.fail(failure).await,
            };
            hits.extend(page.items.into_iter().filter(|item| path.read(&item.document).is_some_and(|v| alike(v, &lookup.value))));
            cursor = page.next;
            if cursor.is_none() || hits.len() > 1 || !self.round.held.may_call() {
                return if cursor.is_none() || hits.len() > 1 { Ok(hits) } else { Err(Stop::Fenced) };
            }
        }
    }

    /// Takes an account for the object's, unless it is another object's.
    async fn adopt(&mut self, hit: Remote) -> Flow<Remote> {
        let (tenant, target, key) = (self.session.tenant, self.session.target, self.out.link.key);
        let (kind, id) = (self.out.link.kind.clone(), hit.id.clone());
        let fence = self.round.fence();
        let claimed = self.engine.store().write(tenant, move |tx| {
            let held = fence.holds(tx)?;
            held.then(|| claim(tx, tenant, target, key, &kind, &id)).transpose()
        });
        let left = match claimed.await? {
            None => return Err(Stop::Fenced),
            Some(Claim::Taken(holder)) => {
                return self.park("collision", format!("the account {} belongs to {} {holder}", hit.id, self.out.link.kind));
            }
            Some(Claim::Leaving) => {
                let text = format!("the account {} belongs to an object that was deleted and is being taken away", hit.id);
                return self.fail(Failure::new(FailureClass::ObjectTransient, text)).await;
            }
            Some(Claim::Left) => true,
            Some(Claim::Free) => false,
        };
        self.log("adopt", "done", None, &[], self.engine.now(), std::time::Instant::now());
        let link = &mut self.out.link;
        link.remote_id = Some(hit.id.clone());
        link.intent = None;
        link.intent_at = None;
        // What was made inactive for the one who left becomes active for the one who comes.
        link.status = if left { "deprovisioned" } else { "linked" }.to_owned();
        link.applied = None;
        link.assigned = None;
        link.applied_hash = None;
        // The id is kept whatever comes next.
        self.note().await?;
        Ok(hit)
    }

    /// What to do about an account that is not there: the account that is it after all, or none when it is really missing.
    /// A target where nothing is found at all is quarantined instead.
    pub(super) async fn vanished(&mut self) -> Flow<Option<Remote>> {
        let key = self.out.link.key.to_string();
        self.search(&[by_key(key.into())]).await
    }

    /// Asks the guard; without its leave the link is held.
    pub(super) async fn guarded(&mut self, what: Guarded, text: &str) -> Flow {
        if self.out.link.intent.as_deref() == Some(APPROVED) {
            return Ok(());
        }
        let epoch = self.round.held.epoch;
        if self.engine.admits(self.session, epoch, what, self.engine.now()).await? {
            return Ok(());
        }
        // One at a time, so that all that is held now is one batch.
        let session = self.session;
        let _turn = session.holding.lock().await;
        let batch = self.engine.batch_of(session).await?;
        self.log("hold", "held", None, &[], self.engine.now(), std::time::Instant::now());
        let link = &mut self.out.link;
        link.status = "held".to_owned();
        link.due = None;
        link.intent = Some(batch);
        link.intent_at = Some(self.engine.now());
        link.error_class = Some("held".to_owned());
        link.error = Some(format!("{text}; the mass-change guard waits for someone to approve it"));
        self.note().await?;
        Err(Stop::Settled)
    }
}

/// Whether an object can have an account.
pub enum Claim {
    /// Nobody has it, or the object itself.
    Free,
    /// An object had it that is deleted; its link is gone now.
    Left,
    /// An object has it that is deleted; the target is yet to be told.
    Leaving,
    /// Another object has it.
    Taken(Key),
}

/// Asks whether an object can have an account. One that was deleted, and taken away as far as the policy goes, lets go of its
/// account: who was hired again has another key.
///
/// # Errors
/// Those of the store.
pub fn claim(tx: &mut Conn, tenant: TenantId, target: Key, key: Key, kind: &str, remote_id: &str) -> Result<Claim, StoreError> {
    let Some(holder) = links::by_remote(tx, tenant, target, kind, remote_id)?.filter(|holder| holder.key != key) else {
        return Ok(Claim::Free);
    };
    if objects::get(tx, tenant, kind, holder.key)?.is_some() {
        return Ok(Claim::Taken(holder.key));
    }
    if holder.tombstone.is_none() || holder.due.is_some() {
        return Ok(Claim::Leaving);
    }
    links::delete(tx, tenant, target, holder.key)?;
    link_members::delete_all(tx, tenant, target, Some(holder.key))?;
    Ok(Claim::Left)
}

pub fn by_key(key: Value) -> Lookup {
    Lookup { path: "externalId".to_owned(), value: key }
}

fn by_rules(wanted: &Wanted) -> impl Iterator<Item = Lookup> {
    wanted.desired.matches.iter().map(|(path, value)| Lookup { path: path.to_string(), value: value.clone() })
}

fn names(lookups: &[Lookup]) -> String {
    lookups.iter().map(|lookup| lookup.path.as_str()).collect::<Vec<_>>().join(", ")
}

fn alike(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::String(found), Value::String(wanted)) => found.to_lowercase() == wanted.to_lowercase(),
        (found, wanted) => same(found, wanted),
    }
}
