//! Access decisions: the principal and the policies loaded, in a fixed number of statements, and the question decided.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::explain::{Roles, Subject};
use super::grants::ROLE;
use super::identities::SERVICE_ACCOUNT;
use super::load::Needs;
use super::{Context, Result, Service, ServiceError};
use crate::domain::access::request::{USER, type_named};
use crate::domain::access::{Asked, Beyond, Decision, Held, Principal, Question, Who, decide};
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::key::Key;
use crate::domain::normal;
use crate::domain::resource::EffectiveRole;
use crate::domain::scope::Action;
use crate::store::objects::ObjectRow;
use crate::store::{Conn, index, objects};

/// The attribute that programs are known by at the token endpoint.
const CLIENT_ID: &str = "clientId";

/// The relationship that leads to groups.
const GROUPS: &str = "groups";

/// Where a series of decisions ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// With the last question.
    End,
    /// With the first that is denied.
    Deny,
    /// With the first that is allowed.
    Permit,
}

/// A decision, told.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Whether it may be done.
    pub allowed: bool,
    /// What to tell whoever asked, when it may not.
    pub message: Option<String>,
    /// Why, in full (spec/access.md §4.3); for those alone who may ask about others, as it names policies and roles.
    pub explanation: Option<Value>,
    /// The id of the service account that it is about.
    pub managed_identity: Option<String>,
}

// What was read for the questions before.
#[derive(Default)]
struct Known {
    subjects: HashMap<Who, Option<Subject>>,
    roles: Roles,
}

/// What was asked, or why it could not be read.
pub type Wish = std::result::Result<Asked, Fault>;

impl Service {
    /// Decides each question, all of them at one instant and of one state of the store. What cannot be answered is a fault in its
    /// place, and counts as denied.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn decide(
        &self,
        actor: &Actor,
        wishes: Vec<Wish>,
        until: Until,
    ) -> Result<Vec<std::result::Result<Answer, Fault>>> {
        let (ctx, one) = (self.context(actor), wishes.len() == 1);
        let job = move |conn: &mut Conn| {
            let mut known = Known::default();
            let mut out = Vec::with_capacity(wishes.len());
            for wish in wishes {
                let answer = match wish.map(|asked| ctx.answer(conn, &asked, &mut known)) {
                    Err(fault) | Ok(Err(ServiceError::Fault(fault))) => Err(fault),
                    Ok(answer) => Ok(answer?),
                };
                let allowed = answer.as_ref().is_ok_and(|answer| answer.allowed);
                out.push(answer);
                if until == if allowed { Until::Permit } else { Until::Deny } {
                    break;
                }
            }
            Ok(out)
        };
        // One is a few look-ups; many would hold up whoever shares the thread.
        if one { self.store().read_short(job).await } else { self.store().read(job).await }
    }
}

impl Context {
    fn answer(&self, conn: &mut Conn, asked: &Asked, known: &mut Known) -> Result<Answer> {
        let question = Question { permission: &asked.permission, resource: &asked.resource, now: self.now };
        if !known.subjects.contains_key(&asked.who) {
            known.subjects.insert(asked.who.clone(), self.subject(conn, &asked.who)?);
        }
        let explains = self.actor.may(Action::Evaluate);
        let Some(subject) = known.subjects.get(&asked.who).and_then(Option::as_ref) else {
            let nobody = Principal {
                kind: asked.who.kind.clone().unwrap_or_default(),
                id: asked.who.id.clone(),
                name: String::new(),
                active: false,
                tags: Vec::new(),
                groups: Vec::new(),
                roles: Vec::new(),
            };
            let decision = Decision::unknown();
            let explanation = explains.then(|| decision.explain(&nobody, &question, &Beyond::default()));
            return Ok(told(&decision, explanation, None));
        };
        let principal = &subject.principal;
        let policies = self.policies_of(conn, &asked.resource)?;
        let decision = decide(principal, &question, &policies);
        let managed = (principal.kind == SERVICE_ACCOUNT).then(|| principal.id.clone());
        if let Some(id) = &managed {
            let permission = excerpt(&asked.permission);
            if decision.allowed() {
                self.service.used(self.actor.tenant, subject.row.key, question.permission);
            }
            log::info!(managed_identity_id = id.as_str(), permission = permission.as_str(), allowed = decision.allowed(); "permission of a service account asked");
        }
        let explanation = if explains {
            let beyond = self.beyond(conn, subject, (&decision, &question), &policies, &mut known.roles)?;
            Some(decision.explain(principal, &question, &beyond))
        } else {
            None
        };
        Ok(told(&decision, explanation, managed))
    }

    /// Whoever may be meant: a user or a service account by its id, a service account by its client id too.
    fn subject(&self, conn: &mut Conn, who: &Who) -> Result<Option<Subject>> {
        let tenant = self.actor.tenant;
        let meant = |kind: &str| who.kind.as_deref().is_none_or(|name| type_named(name) == Some(kind));
        let mut found = Vec::new();
        for name in [USER, SERVICE_ACCOUNT].into_iter().filter(|name| meant(name)) {
            found.extend(objects::get_by_wire_id(conn, tenant, name, &who.id)?);
        }
        if meant(SERVICE_ACCOUNT)
            && let Some(key) = self.by_client_id(conn, &who.id)?
            && found.iter().all(|row| row.key != key)
        {
            found.extend(objects::get(conn, tenant, SERVICE_ACCOUNT, key)?);
        }
        if found.len() > 1 {
            let text = format!("'{}' names more than one principal; give its type and its id", excerpt(&who.id));
            return Err(Fault::new(Kind::InvalidValue, text).into());
        }
        let Some(row) = found.pop() else { return Ok(None) };
        let kind = self.kind(&row.kind)?;
        let resource = self.resource(conn, &kind, row.clone(), &Needs::nothing().and(GROUPS).and_effective_roles())?;
        let effective = resource.effective_roles.as_deref().unwrap_or_default();
        let keys: Vec<Key> = effective.iter().map(|role| role.key).collect();
        let permissions = self.permissions(conn, &keys)?;
        let groups = || resource.related.get(GROUPS).into_iter().flatten();
        let named = |kind: &str, name: Option<&str>| format!("{kind}:{}", name.unwrap_or_default());
        let held = |role: &EffectiveRole| {
            let holder = groups().find(|group| group.key == role.way.holder);
            let group = holder.map(|group| named("group", group.label.as_deref()));
            let bundle = |key: &Key| effective.iter().find(|role| role.key == *key).map(|role| named("bundle", Some(&role.name)));
            let path = group.into_iter().chain(role.way.bundles.iter().filter_map(bundle));
            Held {
                id: role.wire_id.clone(),
                name: role.name.clone(),
                via: role.via.as_str(),
                permissions: permissions.get(&role.key).cloned().unwrap_or_default(),
                grant: Some(role.way.grant.to_string()),
                path: path.chain([named("role", Some(&role.name))]).collect(),
                until: role.way.until,
            }
        };
        let texts = |value: Option<&Value>| -> Vec<String> {
            value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let principal = Principal {
            kind: kind.name.clone(),
            id: resource.wire_id.clone(),
            name: resource.label().unwrap_or_default().to_owned(),
            active: resource.doc.get("active") == Some(&true.into()),
            tags: texts(resource.doc.get("tags")),
            groups: groups().map(|group| group.wire_id.clone()).collect(),
            roles: effective.iter().map(held).collect(),
        };
        Ok(Some(Subject { principal, row }))
    }

    fn by_client_id(&self, conn: &mut Conn, client_id: &str) -> Result<Option<Key>> {
        let kind = self.kind(SERVICE_ACCOUNT)?;
        let paths = self.service.paths(conn, self.actor.tenant, &kind)?;
        let Some(number) = kind.resolve_attribute(CLIENT_ID).and_then(|path| paths.get(&path).copied()) else { return Ok(None) };
        Ok(index::unique_holder(conn, self.actor.tenant, number, &normal::hash(&normal::text(client_id, true)))?)
    }

    /// What roles give, by key.
    pub(crate) fn permissions(&self, conn: &mut Conn, roles: &[Key]) -> Result<HashMap<Key, Vec<String>>> {
        let mut out = HashMap::with_capacity(roles.len());
        for row in objects::many(conn, self.actor.tenant, ROLE, roles)? {
            out.insert(row.key, gives(&row)?);
        }
        Ok(out)
    }
}

/// What a role gives.
pub(super) fn gives(role: &ObjectRow) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Gives {
        #[serde(default)]
        permissions: Vec<String>,
    }
    let gives: Gives =
        serde_json::from_str(&role.doc).map_err(|e| ServiceError::Damaged(format!("document of {ROLE} {}: {e}", role.key)))?;
    Ok(gives.permissions)
}

fn told(decision: &Decision<'_>, explanation: Option<Value>, managed_identity: Option<String>) -> Answer {
    Answer { allowed: decision.allowed(), message: decision.message().map(str::to_owned), explanation, managed_identity }
}
