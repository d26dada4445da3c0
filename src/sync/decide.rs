//! What is to be done with an object: pure over what was read in one snapshot.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::Result;
use super::assigned::{self, memory};
use super::session::Session;
use super::spec::TypePlan;
use crate::domain::assignment::{Assigned, Overlap, disjoint, lay};
use crate::domain::key::Key;
use crate::domain::mapping::{Desired, DocumentPath, MappingError};
use crate::domain::plan::digest;
use crate::domain::resource::Resource;
use crate::domain::time::Timestamp;
use crate::service::{Context, Service};
use crate::store::links::LinkRow;
use crate::store::{Conn, link_members, links, objects};

/// One link with what is to be done about it.
#[derive(Debug)]
pub struct Job {
    /// The link as it was read.
    pub link: LinkRow,
    /// What is to be done.
    pub decision: Decision,
}

/// What is to be done.
#[derive(Debug)]
pub enum Decision {
    /// It is not there and should not be.
    Forget,
    /// It cannot be worked out until something changes.
    Park {
        /// Class of the error.
        class: &'static str,
        /// What is wrong.
        text: String,
    },
    /// It is as it should be.
    Keep(Box<Wanted>),
    /// It should be there like this.
    Put(Box<Wanted>),
    /// It is there, or may be, and should not be.
    Remove(Reason),
}

/// Why an object should not be at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It was deleted.
    Gone,
    /// Its type has no mapping.
    Unmapped,
    /// It is out of scope.
    OutOfScope,
}

impl Reason {
    /// For people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Gone => "the object was deleted",
            Self::Unmapped => "its type has no mapping at this target",
            Self::OutOfScope => "it is out of scope",
        }
    }
}

/// What a target should hold of an object.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The mapping's outcome, references resolved, with `externalId`.
    pub desired: Desired,
    /// What assignments bring on top of it.
    pub assigned: Vec<Assigned>,
    /// Paths that are left as they are, since what they refer to is not at the target yet.
    pub withheld: Vec<DocumentPath>,
    /// Digest of its document, of what is withheld (that it is no more wanted is another wish), and of what is assigned.
    pub hash: [u8; 32],
    /// Objects whose ids at the target it waits for.
    pub waits: Vec<Key>,
    /// Whether some of them are on their way.
    pub blocked: bool,
    /// Whether members are to be added or removed.
    pub members: bool,
}

impl Wanted {
    /// What an account that is made now holds.
    pub fn fresh(&self) -> Desired {
        lay(&self.desired, &Map::new(), &[], &self.assigned)
    }

    /// What the account of a link shall hold, which is as `base` says.
    pub fn over(&self, link: &LinkRow, base: &Map<String, Value>) -> Desired {
        lay(&self.desired, base, &memory(link), &self.assigned)
    }
}

/// Reads the links that are due, with what they are about, and decides.
pub fn jobs(service: &Service, conn: &mut Conn, session: &Session, now: Timestamp, limit: usize) -> Result<Vec<Job>> {
    let due = links::due(conn, session.tenant, session.target, now, limit)?;
    for_links(service, conn, session, due)
}

/// The same for links that were read already.
pub fn for_links(service: &Service, conn: &mut Conn, session: &Session, due: Vec<LinkRow>) -> Result<Vec<Job>> {
    let ctx = service.context(&session.actor());
    let kinds: BTreeSet<&str> = due.iter().map(|link| link.kind.as_str()).collect();
    let mut sources: HashMap<Key, Source> = HashMap::new();
    for plan in kinds.into_iter().filter_map(|kind| session.plans.get(kind)) {
        let keys: Vec<Key> = due.iter().filter(|link| link.kind == plan.kind.name).map(|link| link.key).collect();
        sources.extend(load(&ctx, conn, session, plan, &keys)?);
    }
    let mut referred: Vec<Key> = sources.values().flat_map(|source| source.references.values().copied()).collect();
    referred.sort_unstable();
    referred.dedup();
    let known: HashMap<Key, LinkRow> =
        links::many(conn, session.tenant, session.target, &referred)?.into_iter().map(|link| (link.key, link)).collect();
    let mut out = Vec::with_capacity(due.len());
    for link in due {
        let decision = match (session.plans.get(&link.kind), sources.remove(&link.key)) {
            (None, _) => leave(&link, Reason::Unmapped),
            (Some(plan), None) => match objects::get(conn, session.tenant, &plan.kind.name, link.key)? {
                // It came between two reads of one snapshot: impossible, but then its change will say so.
                Some(_) => Decision::Park { class: "internal", text: "the object could not be read".to_owned() },
                None => leave(&link, Reason::Gone),
            },
            (Some(plan), Some(source)) if !plan.admits(&source.resource) => leave(&link, Reason::OutOfScope),
            (Some(plan), Some(source)) => {
                let members = link.kind == "group"
                    && !link_members::open(conn, session.tenant, session.target, link.key, None, 1)?.is_empty();
                decide(&link, plan, &source, &known, members)
            }
        };
        out.push(Job { link, decision });
    }
    Ok(out)
}

/// An object as mappings see it.
pub struct Source {
    /// The whole SCIM-shaped resource.
    pub resource: Map<String, Value>,
    /// What its single relationships lead to, by property.
    pub references: BTreeMap<String, Key>,
    /// What assignments bring to its account.
    pub assigned: Vec<Assigned>,
}

/// Reads objects of one type as mappings see them.
pub fn load(ctx: &Context, conn: &mut Conn, session: &Session, plan: &TypePlan, keys: &[Key]) -> Result<HashMap<Key, Source>> {
    let rows = objects::many(conn, ctx.actor.tenant, &plan.kind.name, keys)?;
    let resources = ctx.resources(conn, &plan.kind, rows, &plan.needs)?;
    let mut assigned = assigned::load(ctx, conn, session, &plan.kind, keys)?;
    let source = |resource: Resource| {
        let references = resource.related.iter().filter_map(|(name, all)| Some((name.clone(), all.first()?.key))).collect();
        let assigned = assigned.remove(&resource.key).unwrap_or_default();
        (resource.key, Source { references, assigned, resource: resource.into_scim("") })
    };
    Ok(resources.into_iter().map(source).collect())
}

fn leave(link: &LinkRow, reason: Reason) -> Decision {
    // An unanswered create may have made an account.
    if link.remote_id.is_none() && link.intent.is_none() { Decision::Forget } else { Decision::Remove(reason) }
}

fn decide(link: &LinkRow, plan: &TypePlan, source: &Source, known: &HashMap<Key, LinkRow>, members: bool) -> Decision {
    let wanted = match wanted(link, plan, source, known, members) {
        Ok(wanted) => Box::new(wanted),
        Err(error) => return Decision::Park { class: "mapping", text: error.to_string() },
    };
    let there = link.remote_id.is_some() && link.intent.is_none() && matches!(link.status.as_str(), "linked" | "blocked");
    let same = link.applied_hash.as_deref() == Some(wanted.hash.as_slice());
    if there && same && !wanted.members { Decision::Keep(wanted) } else { Decision::Put(wanted) }
}

/// Why it cannot be worked out what the target should hold.
#[derive(Debug, thiserror::Error)]
pub enum Unworkable {
    /// A rule fails.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// An assignment and the mapping are in each other's way.
    #[error(transparent)]
    Assignment(#[from] Overlap),
}

/// What the target should hold of an object.
///
/// # Errors
/// When a rule fails, or an assignment is in the mapping's way.
pub fn wanted(
    link: &LinkRow,
    plan: &TypePlan,
    source: &Source,
    known: &HashMap<Key, LinkRow>,
    members: bool,
) -> Result<Wanted, Unworkable> {
    let mut desired = plan.mapping.apply(&source.resource, link.remote_id.is_none())?;
    let (mut waits, mut withheld, mut blocked) = (Vec::new(), Vec::new(), false);
    for reference in std::mem::take(&mut desired.references) {
        let Some(key) = source.references.get(&reference.relationship) else {
            desired.resolve(&reference, None);
            continue;
        };
        let far = known.get(key);
        match far.and_then(|far| far.remote_id.as_deref()) {
            Some(id) => desired.resolve(&reference, Some(id)),
            None => {
                let owned = desired.owned.clone();
                desired.withhold(&reference);
                withheld.extend(owned.into_iter().filter(|path| !desired.owned.contains(path)));
                blocked |= far.is_some();
                waits.push(*key);
            }
        }
    }
    // The internal key, so that a look-up finds what a lost answer made.
    desired.document.insert("externalId".to_owned(), link.key.to_string().into());
    desired.owned.push(DocumentPath { urn: None, attribute: "externalId".to_owned(), filter: None, sub: None });
    disjoint(&desired, &source.assigned)?;
    let mut wish = vec![("wanted".to_owned(), Value::Object(desired.document.clone()))];
    if !withheld.is_empty() {
        let paths: Vec<String> = withheld.iter().map(ToString::to_string).collect();
        wish.push(("withheld".to_owned(), paths.into()));
    }
    if !source.assigned.is_empty() {
        wish.push(("assigned".to_owned(), json!(source.assigned)));
    }
    let hash = if wish.len() == 1 { digest(&desired.document) } else { digest(&Map::from_iter(wish)) };
    Ok(Wanted { desired, assigned: source.assigned.clone(), withheld, hash, waits, blocked, members })
}
