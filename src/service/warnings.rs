//! What the rules about least privilege say to whoever writes: of the service accounts, roles and grants that a write touched, as
//! it leaves them. A warning forbids nothing (spec/access.md §4.5).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::credentials::ACCOUNT;
use super::findings::{has_end, permissions};
use super::grants::ROLE;
use super::load::{self, document};
use super::{Context, Result};
use crate::domain::access::lint::{self, Finding, Look, Role};
use crate::domain::key::Key;
use crate::domain::schema::relationship::GRANT;
use crate::store::edges::EdgeRow;
use crate::store::{Conn, findings, objects};
use crate::telemetry::request;

/// The type of those who are people.
const USER: &str = "user";

/// Most things that one write is warned of.
const MOST: usize = 50;

/// Rules that say something of a write; what lies unused is none of its doing.
const RULES: [&str; 6] = ["L1", "L2", "L3", "L8", "L9", "L10"];

/// Something that a write touched.
#[derive(Debug, Clone)]
pub(crate) enum Touch {
    /// A service account: who answers for it, and its roles.
    Account(Key),
    /// What an account proves itself with.
    Credentials(Key),
    /// What a role is or gives.
    Role(Key),
    /// A grant by hand.
    Grant(Box<EdgeRow>),
}

/// What one run of a write touched, and what there is to say of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Touched(Arc<Mutex<(Vec<Touch>, Vec<Finding>)>>);

impl Touched {
    pub(crate) fn note(&self, touch: Touch) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0.len() < MOST {
            known.0.push(touch);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.len()
    }

    /// What a failed step touched it did not.
    pub(crate) fn cut(&self, len: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.truncate(len);
    }

    /// A run that is repeated has touched nothing yet.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Default::default();
    }

    pub(crate) fn tell(&self) {
        for finding in &self.0.lock().unwrap_or_else(PoisonError::into_inner).1 {
            request::warn(finding.to_json());
        }
    }
}

impl Context {
    /// Looks at what the write has touched; at its end, in its transaction.
    pub(super) fn warn(&self, conn: &mut Conn) -> Result<()> {
        // The program itself reads no warnings.
        if self.actor.token.is_none() {
            return Ok(());
        }
        let touched = self.touched.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
        let (mut accounts, mut proved, mut roles, mut grants) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), Vec::new());
        for touch in touched {
            match touch {
                Touch::Account(key) => _ = accounts.insert(key),
                Touch::Credentials(key) => _ = proved.insert(key),
                Touch::Role(key) => _ = roles.insert(key),
                Touch::Grant(edge) => {
                    if edge.from_type == ACCOUNT {
                        accounts.insert(edge.from_key);
                    }
                    grants.push(edge);
                }
            }
        }
        let tenant = self.actor.tenant;
        let mut found = Vec::new();
        if !accounts.is_empty() {
            let rows = objects::many(conn, tenant, ACCOUNT, &accounts.into_iter().collect::<Vec<_>>())?;
            found.extend(self.accounts(conn, rows, Look::at(self.now))?);
        }
        if !proved.is_empty() {
            let rows = objects::many(conn, tenant, ACCOUNT, &proved.into_iter().collect::<Vec<_>>())?;
            found.extend(self.accounts(conn, rows, Look::at(self.now))?.into_iter().filter(|finding| finding.rule == "L10"));
        }
        if !roles.is_empty() {
            let keys: Vec<Key> = roles.into_iter().collect();
            let rows = objects::many(conn, tenant, ROLE, &keys)?;
            found.extend(self.roles(conn, &rows)?);
            let held = findings::reached_from(conn, tenant, GRANT, &keys, ACCOUNT)?;
            let facts = self.facts(conn, &keys)?;
            found.extend(held.iter().filter_map(|key| facts.get(key)).filter_map(lint::shared));
        }
        if !grants.is_empty() {
            found.extend(self.granted(conn, &grants)?);
        }
        let mut kept: Vec<Finding> = Vec::new();
        for finding in found {
            if RULES.contains(&finding.rule) && !kept.contains(&finding) && kept.len() < MOST {
                kept.push(finding);
            }
        }
        self.touched.0.lock().unwrap_or_else(PoisonError::into_inner).1 = kept;
        Ok(())
    }

    // Each by itself, whatever other grants there are: a role meant for programs that a person is given, and power without end.
    fn granted(&self, conn: &mut Conn, grants: &[Box<EdgeRow>]) -> Result<Vec<Finding>> {
        let keys: BTreeSet<Key> = grants.iter().map(|grant| grant.to_key).collect();
        let mut out = Vec::new();
        for row in objects::many(conn, self.actor.tenant, ROLE, &keys.into_iter().collect::<Vec<_>>())? {
            let doc = document(&row)?;
            let mut standing = 0;
            let mut role = Role {
                name: row.label.clone().unwrap_or_default(),
                for_programs: doc.get("serviceAccountRole") == Some(&true.into()),
                permissions: permissions(&doc),
                held_by_people: false,
                id: row.wire_id.clone(),
            };
            for grant in grants.iter().filter(|grant| grant.to_key == row.key) {
                role.held_by_people |= grant.from_type == USER;
                standing += usize::from(!has_end(&doc) && !has_end(&load::edge(grant)?.properties));
            }
            out.extend(lint::role(&role, standing, false));
        }
        Ok(out)
    }
}
