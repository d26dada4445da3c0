//! What the rules about least privilege find, page by page: first over service accounts, then over roles.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde_json::{Map, Value};

use super::grants::ROLE;
use super::identities::SERVICE_ACCOUNT;
use super::load::{self, Needs, document};
use super::tenants::USES_SINCE;
use super::{Context, Result, Service};
use crate::domain::access::lint::{self, Account, Credential, Finding, Look, Owner, Role};
use crate::domain::actor::Actor;
use crate::domain::key::Key;
use crate::domain::relation::CONDITIONAL;
use crate::domain::resource::{EffectiveRole, Resource};
use crate::domain::schema::Side;
use crate::domain::schema::relationship::{GRANT, MEMBERSHIP};
use crate::domain::time::Timestamp;
use crate::store::objects::ObjectRow;
use crate::store::{Conn, credentials, edges, findings, objects, settings};

const OWNER: &str = "owner";
const USER: &str = "user";
const GROUP: &str = "group";

/// Most grants of one role that are counted.
const COUNTED: i64 = 1_000;

/// Where a page starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Nothing yet, or this service account.
    Account(Option<Key>),
    /// All service accounts, and this role, or none yet.
    Role(Option<Key>),
}

impl Service {
    /// What is found in the next `limit` objects, and where the page after it starts. What was not used for `unused` is found,
    /// 90 days if it is not said.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn findings(
        &self,
        actor: &Actor,
        after: After,
        limit: usize,
        unused: Option<Duration>,
    ) -> Result<(Vec<Finding>, Option<After>)> {
        let ctx = self.context(actor);
        let mut look = Look::at(ctx.now);
        if let Some(unused) = unused {
            look.unused = i64::try_from(unused.as_secs()).unwrap_or(i64::MAX / 2_000_000);
        }
        self.store()
            .read(move |conn| {
                let (kind, last) = match after {
                    After::Account(last) => (SERVICE_ACCOUNT, last),
                    After::Role(last) => (ROLE, last),
                };
                let rows = objects::scan(conn, ctx.actor.tenant, kind, last, load::limit(limit))?;
                let last = rows.last().filter(|_| rows.len() == limit).map(|row| row.key);
                Ok(match after {
                    After::Account(_) => {
                        let next = last.map_or(After::Role(None), |key| After::Account(Some(key)));
                        (ctx.accounts(conn, rows, look)?, Some(next))
                    }
                    After::Role(_) => (ctx.roles(conn, &rows)?, last.map(|key| After::Role(Some(key)))),
                })
            })
            .await
    }
}

impl Context {
    /// What is found of service accounts.
    pub(super) fn accounts(&self, conn: &mut Conn, rows: Vec<ObjectRow>, look: Look) -> Result<Vec<Finding>> {
        let kind = self.kind(SERVICE_ACCOUNT)?;
        let accounts = self.resources(conn, &kind, rows, &Needs::nothing().and(OWNER).and_effective_roles())?;
        let owners: BTreeSet<Key> =
            accounts.iter().filter_map(owner).filter(|(kind, _)| *kind == USER).map(|(_, key)| key).collect();
        let active = self.active(conn, &owners.into_iter().collect::<Vec<_>>())?;
        let keys: BTreeSet<Key> =
            accounts.iter().filter_map(|a| a.effective_roles.as_ref()).flatten().map(|role| role.key).collect();
        let roles = self.facts(conn, &keys.into_iter().collect::<Vec<_>>())?;
        let everyone: Vec<Key> = accounts.iter().map(|account| account.key).collect();
        let mut used = self.uses(conn, &everyone)?;
        let mut credentials: HashMap<Key, Vec<Credential>> = HashMap::new();
        for (account, row) in credentials::of_many(conn, self.actor.tenant, &everyone)? {
            if row.expires.is_none_or(|at| at > self.now) {
                let credential = Credential { kind: row.kind, name: row.name, created: row.created };
                credentials.entry(account).or_default().push(credential);
            }
        }
        let known_since = settings::get(conn, USES_SINCE)?.and_then(|text| Timestamp::parse(&text)).unwrap_or(self.now);
        let found = |account: Resource| {
            let held = account.effective_roles.iter().flatten();
            let role = |role: &EffectiveRole| Some((roles.get(&role.key).cloned()?, role.way.since.max(known_since)));
            let facts = Account {
                name: account.label().unwrap_or_default().to_owned(),
                owner: match owner(&account) {
                    None => Owner::Missing,
                    Some((USER, key)) if !active.contains(&key) => Owner::Inactive,
                    Some(_) => Owner::Active,
                },
                roles: held.filter_map(role).collect(),
                used: used.remove(&account.key).unwrap_or_default(),
                credentials: credentials.remove(&account.key).unwrap_or_default(),
                id: account.wire_id.clone(),
            };
            lint::account(&facts, look)
        };
        Ok(accounts.into_iter().flat_map(found).collect())
    }

    fn active(&self, conn: &mut Conn, users: &[Key]) -> Result<BTreeSet<Key>> {
        let mut out = BTreeSet::new();
        for row in objects::many(conn, self.actor.tenant, USER, users)? {
            if document(&row)?.get("active") == Some(&Value::Bool(true)) {
                out.insert(row.key);
            }
        }
        Ok(out)
    }

    pub(super) fn facts(&self, conn: &mut Conn, keys: &[Key]) -> Result<HashMap<Key, Role>> {
        let tenant = self.actor.tenant;
        let mut people = findings::reached_from(conn, tenant, GRANT, keys, USER)?;
        let mut through: BTreeMap<Key, Vec<Key>> = BTreeMap::new();
        for (group, role) in findings::pairs_from(conn, tenant, GRANT, keys, GROUP)? {
            through.entry(group).or_default().push(role);
        }
        let groups: Vec<Key> = through.keys().copied().collect();
        for group in findings::leading_to(conn, tenant, MEMBERSHIP, &groups, USER)? {
            people.extend(through.remove(&group).unwrap_or_default());
        }
        let mut out = HashMap::with_capacity(keys.len());
        for row in objects::many(conn, tenant, ROLE, keys)? {
            let doc = document(&row)?;
            let role = Role {
                name: row.label.clone().unwrap_or_default(),
                for_programs: doc.get("serviceAccountRole") == Some(&Value::Bool(true)),
                permissions: permissions(&doc),
                held_by_people: people.contains(&row.key),
                id: row.wire_id,
            };
            out.insert(row.key, role);
        }
        Ok(out)
    }

    /// What is found of roles.
    pub(super) fn roles(&self, conn: &mut Conn, rows: &[ObjectRow]) -> Result<Vec<Finding>> {
        let facts = self.facts(conn, &rows.iter().map(|row| row.key).collect::<Vec<_>>())?;
        let mut out = Vec::new();
        for row in rows {
            let Some(role) = facts.get(&row.key) else { continue };
            let grants = if lint::is_risky(&role.permissions) && !has_end(&document(row)?) {
                edges::of(conn, self.actor.tenant, GRANT, Side::To, row.key, None, COUNTED)?
            } else {
                Vec::new()
            };
            let mut standing = 0;
            for grant in grants.iter().filter(|grant| grant.variant != CONDITIONAL) {
                standing += usize::from(!has_end(&load::edge(grant)?.properties));
            }
            out.extend(lint::role(role, standing, load::limit(grants.len()) == COUNTED));
        }
        Ok(out)
    }
}

fn owner(account: &Resource) -> Option<(&str, Key)> {
    account.related.get(OWNER)?.first().map(|owner| (owner.kind.name.as_str(), owner.key))
}

pub(super) fn permissions(doc: &Map<String, Value>) -> Vec<String> {
    let list = doc.get("permissions").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

// Of a role or of a grant: constraints in time.
pub(super) fn has_end(of: &Map<String, Value>) -> bool {
    of.get("temporalConstraints").and_then(Value::as_array).is_some_and(|list| !list.is_empty())
}
