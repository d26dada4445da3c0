//! Work over many objects, taken page by page: all objects of a new target, the members of a group that was given a role.
//! Where it stands is kept with the target, so that a restart goes on there.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Result;
use super::dispatcher::{Wants, priority};
use super::notify;
use super::session::Session;
use crate::domain::key::Key;
use crate::domain::schema::Side;
use crate::domain::schema::relationship::{ASSIGNMENT, BUNDLE, GRANT, MEMBERSHIP};
use crate::domain::time::Timestamp;
use crate::service::grants::ROLE;
use crate::service::{Context, ServiceError};
use crate::store::edges::EdgeRow;
use crate::store::links::LinkFilter;
use crate::store::query::Predicate;
use crate::store::{Conn, edges, links, plan as store_plan, query};

/// Objects on a page.
pub const PAGE: i64 = 500;

/// One piece of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "lowercase")]
pub enum Task {
    /// Every link, then every object that may belong at the target, type by type.
    Sweep {
        /// Whether what was last applied is not to be trusted.
        distrust: bool,
        /// Of one type alone.
        #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// 0 for links, then one for each type.
        stage: usize,
        /// Where the page starts.
        after: Option<Key>,
    },
    /// What is at the other end of an object's edges.
    Around {
        /// Relation of the edges.
        relation: String,
        /// The object.
        key: Key,
        /// Whether they start there.
        from: bool,
        /// Other end and variant of the last edge of the page before.
        after: Option<(Key, String)>,
    },
}

impl Task {
    /// A look at everything.
    pub const fn sweep() -> Self {
        Self::Sweep { distrust: false, kind: None, stage: 0, after: None }
    }

    /// A look at everything of one type.
    pub fn sweep_of(kind: &str) -> Self {
        Self::Sweep { distrust: false, kind: Some(kind.to_owned()), stage: 0, after: None }
    }

    /// A look at everything, at the target too.
    pub const fn distrustful() -> Self {
        Self::Sweep { distrust: true, kind: None, stage: 0, after: None }
    }

    /// What is at the other end of an object's edges.
    pub fn around(relation: &str, key: Key, side: Side) -> Self {
        Self::Around { relation: relation.to_owned(), key, from: side == Side::From, after: None }
    }

    /// Who holds a role, by itself and through roles that are made of it.
    pub fn role(key: Key) -> [Self; 2] {
        [Self::around(GRANT, key, Side::To), Self::around(BUNDLE, key, Side::To)]
    }

    /// The text of several.
    pub fn list(tasks: &[Self]) -> String {
        json!(tasks).to_string()
    }

    /// Reads what [`Task::list`] wrote.
    ///
    /// # Errors
    /// [`ServiceError::Damaged`].
    pub fn read(text: Option<&str>) -> Result<Vec<Self>> {
        let Some(text) = text else { return Ok(Vec::new()) };
        serde_json::from_str(text).map_err(|e| ServiceError::Damaged(format!("the backlog of a target: {e}")))
    }

    /// The text of what is there and one more.
    ///
    /// # Errors
    /// [`ServiceError::Damaged`].
    pub fn with(text: Option<&str>, task: Self) -> Result<String> {
        let mut tasks = Self::read(text)?;
        task.join(&mut tasks);
        Ok(Self::list(&tasks))
    }

    /// Joins others. One that looks at the same starts over.
    pub fn join(self, tasks: &mut Vec<Self>) {
        let mut joined = self;
        tasks.retain(|known| match (&mut joined, known) {
            (Self::Sweep { distrust, kind, .. }, Self::Sweep { distrust: known, kind: other, .. }) => {
                *distrust |= *known;
                if kind != other {
                    *kind = None;
                }
                false
            }
            (Self::Around { relation, key, from, .. }, Self::Around { relation: r, key: k, from: f, .. }) => {
                (&*relation, &*key, &*from) != (r, k, f)
            }
            _ => true,
        });
        tasks.push(joined);
    }
}

/// Does pages of tasks.
pub struct Pager<'a> {
    /// For reading objects.
    pub ctx: &'a Context,
    /// The transaction.
    pub conn: &'a mut Conn,
    /// The target.
    pub session: &'a Session,
    /// The present instant.
    pub now: Timestamp,
    /// What comes of it.
    pub wants: &'a mut Wants,
}

impl Pager<'_> {
    /// Does one page of a task. Gives what is left of it and what else turned up.
    pub fn page(&mut self, task: Task) -> Result<Vec<Task>> {
        match task {
            Task::Sweep { distrust, kind, stage, after } => self.sweep(distrust, kind, stage, after),
            Task::Around { relation, key, from, after } => {
                self.around(relation, key, if from { Side::From } else { Side::To }, after)
            }
        }
    }

    fn sweep(&mut self, distrust: bool, kind: Option<String>, stage: usize, after: Option<Key>) -> Result<Vec<Task>> {
        let only = kind.as_deref();
        let keys = if stage == 0 { self.links(distrust, only, after)? } else { self.objects(stage - 1, only, after)? };
        let full = i64::try_from(keys.len()) == Ok(PAGE);
        Ok(match keys.last() {
            Some(last) if full => vec![Task::Sweep { distrust, kind, stage, after: Some(*last) }],
            _ if stage < self.session.plans.kinds().count() => {
                vec![Task::Sweep { distrust, kind, stage: stage + 1, after: None }]
            }
            _ => Vec::new(),
        })
    }

    fn links(&mut self, distrust: bool, only: Option<&str>, after: Option<Key>) -> Result<Vec<Key>> {
        let (tenant, target) = (self.session.tenant, self.session.target);
        let wish = LinkFilter { kind: only, ..LinkFilter::default() };
        let page = links::list(self.conn, tenant, target, wish, after, PAGE)?;
        let keys: Vec<Key> = page.iter().map(|link| link.key).collect();
        if distrust {
            links::distrust(self.conn, tenant, target, &keys)?;
        }
        page.iter().for_each(|link| self.wants.add(link.key, &link.kind, background(&link.kind), self.now));
        Ok(keys)
    }

    // Those that the scope may admit; what else is at the target has a link.
    fn objects(&mut self, at: usize, only: Option<&str>, after: Option<Key>) -> Result<Vec<Key>> {
        let plans = &self.session.plans;
        let name = plans.kinds().nth(at).filter(|name| only.is_none_or(|only| only == *name));
        let Some(plan) = name.and_then(|name| plans.get(name)) else { return Ok(Vec::new()) };
        let tenant = self.session.tenant;
        let predicate = match &plan.scope {
            None => Predicate::All,
            Some(scope) => {
                let paths = self.ctx.service.paths(self.conn, tenant, &plan.kind)?;
                store_plan::plan(&scope.filter, &plan.kind, &paths, &self.ctx.actor.source).predicate
            }
        };
        let name = &plan.kind.name;
        let keys = query::select(self.conn, tenant, name, &predicate, after, PAGE)?;
        keys.iter().for_each(|key| self.wants.add(*key, name, background(name), self.now));
        Ok(keys)
    }

    fn around(&mut self, relation: String, key: Key, side: Side, after: Option<(Key, String)>) -> Result<Vec<Task>> {
        let last = after.map(|(other, variant)| cursor(&relation, key, side, other, variant));
        let page = edges::of(self.conn, self.session.tenant, &relation, side, key, last.as_ref(), PAGE)?;
        let mut out = Vec::new();
        for edge in &page {
            let other = edge.other(side);
            let kind = if side == Side::From { &edge.to_type } else { &edge.from_type };
            if self.session.plans.get(kind).is_some() {
                self.wants.add(other, kind, priority(kind, false), self.now);
            }
            out.extend(notify::onward(&self.session.types, kind, &relation, side.other(), other));
            // What a group has, its members have; what a role brings or has in it, its holders get, and those of its bundles.
            match kind.as_str() {
                "group" => out.push(Task::around(MEMBERSHIP, other, Side::From)),
                ROLE if relation == ASSIGNMENT || relation == BUNDLE => out.extend(Task::role(other)),
                _ => {}
            }
        }
        if let Some(edge) = page.last().filter(|_| i64::try_from(page.len()) == Ok(PAGE)) {
            let after = Some((edge.other(side), edge.variant.clone()));
            out.push(Task::Around { relation, key, from: side == Side::From, after });
        }
        Ok(out)
    }
}

// Background work comes last: accounts before what refers to them.
fn background(kind: &str) -> i32 {
    if kind == "user" { 3 } else { 4 }
}

// An edge that says where a page ended; it may be gone by now.
fn cursor(relation: &str, key: Key, side: Side, other: Key, variant: String) -> EdgeRow {
    let (from_key, to_key) = if side == Side::From { (key, other) } else { (other, key) };
    EdgeRow {
        relation: relation.to_owned(),
        from_key,
        to_key,
        variant,
        id: key,
        from_type: String::new(),
        to_type: String::new(),
        rev: 0,
        created: Timestamp::default(),
        properties: None,
    }
}
