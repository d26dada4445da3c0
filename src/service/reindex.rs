//! The job that makes index rows and unique values of what is stored already.
//!
//! From the moment that the type says so, writes keep the rows up; the job makes those of what was there before, and until it
//! ends no plan rests on them. A job over everything, after a change of the Unicode tables, then sweeps out what the former
//! tables had made.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::jobs::{Next, REINDEX};
use super::save::unique_hashes;
use super::types::uniqueness_name;
use super::{Context, PathIds, Result, ServiceError, load};
use crate::domain::key::Key;
use crate::domain::schema::{AttrPath, ObjectType, Uniqueness};
use crate::store::index::IndexRow;
use crate::store::jobs::{JobRow, status};
use crate::store::object_types::TypeRow;
use crate::store::objects::ObjectRow;
use crate::store::query::{self, Predicate};
use crate::store::unfinished::UnfinishedPath;
use crate::store::{Conn, audit, index, jobs, object_types, objects, plan, unfinished};

/// Objects, or rows, of one batch.
const BATCH: i64 = 500;

/// How many objects an error names.
const NAMED: usize = 10;

/// Where the job is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    kind: String,
    index: Vec<String>,
    // With what the values were unique within before.
    unique: Vec<(String, Uniqueness)>,
    // Whether rows of these paths may be there that no value has.
    sweep: bool,
    stage: Stage,
    duplicates: i64,
    first: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Stage {
    Make { after: Option<Key> },
    Index { path: usize, after: Option<(String, Key)> },
    Unique { path: usize, after: Option<Vec<u8>> },
}

impl State {
    /// For rows of these paths, where there are none.
    pub(super) fn of(kind: &str, index: Vec<String>, unique: Vec<(String, Uniqueness)>) -> Self {
        let stage = Stage::Make { after: None };
        Self { kind: kind.to_owned(), index, unique, sweep: false, stage, duplicates: 0, first: Vec::new() }
    }

    /// For all rows of a type.
    pub(super) fn all(kind: &ObjectType) -> Self {
        let index = kind.indexed().map(|(path, _)| kind.path_text(path)).collect();
        let unique = kind.unique().map(|(path, a)| (kind.path_text(path), a.uniqueness)).collect();
        Self { sweep: true, ..Self::of(&kind.name, index, unique) }
    }

    fn paths(&self) -> BTreeSet<&String> {
        self.index.iter().chain(self.unique.iter().map(|(path, _)| path)).collect()
    }
}

/// Puts a job up, unless there is nothing to do; whether it did.
pub(super) fn begin(ctx: &Context, conn: &mut Conn, state: State, id: Key) -> Result<bool> {
    let tenant = ctx.actor.tenant;
    let paths = state.paths();
    let total = query::count(conn, tenant, &state.kind, &Predicate::All)?;
    if paths.is_empty() || total == 0 {
        return Ok(false);
    }
    let rows: Vec<UnfinishedPath> =
        paths.iter().map(|path| UnfinishedPath { kind: state.kind.clone(), path: (*path).clone(), job: id }).collect();
    unfinished::add(conn, tenant, &rows)?;
    let names: Vec<&str> = paths.into_iter().map(String::as_str).collect();
    let row = JobRow {
        id,
        kind: REINDEX.to_owned(),
        subject: format!("{}: {}", state.kind, names.join(", ")),
        state: written(&state)?,
        status: status::OPEN.to_owned(),
        done: 0,
        total,
        error: None,
        created: ctx.now,
        modified: ctx.now,
    };
    jobs::insert(conn, tenant, &row)?;
    Ok(true)
}

fn written(state: &State) -> Result<String> {
    serde_json::to_string(state).map_err(|e| ServiceError::Damaged(format!("a job's state: {e}")))
}

/// One batch.
pub(super) fn step(ctx: &Context, conn: &mut Conn, row: &JobRow) -> Result<Next> {
    let mut state: State =
        serde_json::from_str(&row.state).map_err(|e| ServiceError::Damaged(format!("state of job {}: {e}", row.id)))?;
    let tenant = ctx.actor.tenant;
    let registry = ctx.service.registry_in(conn, tenant)?;
    let Some(kind) = registry.by_name(&state.kind).cloned() else { return finish(ctx, conn, row, &state) };
    let numbers = index::paths(conn, tenant, &kind.name)?;
    let numbered = |text: &String| Some((kind.resolve_attribute(text)?, *numbers.get(text)?));
    let batch = Batch {
        ctx,
        kind: &kind,
        index: state.index.iter().filter_map(numbered).collect(),
        unique: state.unique.iter().filter_map(|(text, _)| numbered(text)).collect(),
    };
    let (stage, worked) = batch.run(conn, &mut state)?;
    match stage {
        Some(stage) => {
            state.stage = stage;
            Ok(Next::Again { state: written(&state)?, done: worked })
        }
        None => finish(ctx, conn, row, &state),
    }
}

struct Batch<'a> {
    ctx: &'a Context,
    kind: &'a ObjectType,
    index: PathIds,
    unique: BTreeMap<AttrPath, i32>,
}

impl Batch<'_> {
    // The stage to go on with, and how many objects were worked off.
    fn run(&self, conn: &mut Conn, state: &mut State) -> Result<(Option<Stage>, i64)> {
        match state.stage.clone() {
            Stage::Make { after } => {
                let rows = objects::scan(conn, self.ctx.actor.tenant, &self.kind.name, after, BATCH)?;
                let done = load::limit(rows.len());
                for row in &rows {
                    self.make(conn, row, state)?;
                }
                let next = match rows.last() {
                    Some(last) if done == BATCH => Some(Stage::Make { after: Some(last.key) }),
                    _ => state.sweep.then_some(Stage::Index { path: 0, after: None }),
                };
                Ok((next, done))
            }
            Stage::Index { path, after } => Ok((Some(self.sweep_index(conn, state, path, after)?), 0)),
            Stage::Unique { path, after } => Ok((self.sweep_unique(conn, state, path, after)?, 0)),
        }
    }

    fn make(&self, conn: &mut Conn, row: &ObjectRow, state: &mut State) -> Result<()> {
        let tenant = self.ctx.actor.tenant;
        let doc = load::document(row)?;
        let rows = plan::index_rows(self.kind, &doc, &self.index);
        let rows: Vec<IndexRow> = rows.into_iter().map(|(path, value)| IndexRow { path, value, key: row.key }).collect();
        index::apply(conn, tenant, &[], &rows)?;
        let mut taken = false;
        for (path, number) in &self.unique {
            for hash in self.hashes(*path, &doc) {
                taken |= !index::claim_unique(conn, tenant, *number, &hash, row.key)?
                    || self.ctx.held_elsewhere(conn, self.kind, *path, &hash, row.key)?;
            }
        }
        if taken {
            state.duplicates += 1;
            if state.first.len() < NAMED {
                state.first.push(row.wire_id.clone());
            }
        }
        Ok(())
    }

    fn hashes(&self, path: AttrPath, doc: &Map<String, Value>) -> BTreeSet<[u8; 32]> {
        unique_hashes(self.kind, path, self.kind.leaf(path), doc)
    }

    fn document(&self, conn: &mut Conn, key: Key) -> Result<Map<String, Value>> {
        let row = objects::get(conn, self.ctx.actor.tenant, &self.kind.name, key)?;
        row.as_ref().map_or_else(|| Ok(Map::new()), load::document)
    }

    fn sweep_index(&self, conn: &mut Conn, state: &State, path: usize, after: Option<(String, Key)>) -> Result<Stage> {
        let tenant = self.ctx.actor.tenant;
        let place = state.index.get(path).and_then(|text| self.kind.resolve_attribute(text));
        let Some(number) = place.and_then(|place| self.index.get(&place).copied()) else {
            let more = path < state.index.len();
            return Ok(if more { Stage::Index { path: path + 1, after: None } } else { Stage::Unique { path: 0, after: None } });
        };
        let nil = Key::new(uuid::Uuid::nil());
        let (value, key) = after.unwrap_or((String::new(), nil));
        let mut page = audit::index_page(conn, tenant, Some(&IndexRow { path: number, value, key }), BATCH)?;
        page.retain(|row| row.path == number);
        let only = PathIds::from_iter(place.map(|place| (place, number)));
        let mut stale = Vec::new();
        for row in &page {
            let wanted = plan::index_rows(self.kind, &self.document(conn, row.key)?, &only);
            if !wanted.contains(&(row.path, row.value.clone())) {
                stale.push(row.clone());
            }
        }
        index::apply(conn, tenant, &stale, &[])?;
        Ok(match page.pop() {
            Some(last) => Stage::Index { path, after: Some((last.value, last.key)) },
            None => Stage::Index { path: path + 1, after: None },
        })
    }

    fn sweep_unique(&self, conn: &mut Conn, state: &State, path: usize, after: Option<Vec<u8>>) -> Result<Option<Stage>> {
        let tenant = self.ctx.actor.tenant;
        let Some((text, _)) = state.unique.get(path) else { return Ok(None) };
        let place = self.kind.resolve_attribute(text);
        let Some((place, number)) = place.and_then(|place| Some((place, *self.unique.get(&place)?))) else {
            return Ok(Some(Stage::Unique { path: path + 1, after: None }));
        };
        let nil = Key::new(uuid::Uuid::nil());
        let mut page = audit::unique_page(conn, tenant, Some(&(number, after.unwrap_or_default(), nil)), BATCH)?;
        page.retain(|row| row.0 == number);
        for (_, hash, key) in &page {
            let wanted = self.hashes(place, &self.document(conn, *key)?);
            if let Ok(hash) = <[u8; 32]>::try_from(hash.as_slice())
                && !wanted.contains(&hash)
            {
                index::release_unique(conn, tenant, number, &hash, *key)?;
            }
        }
        Ok(Some(match page.pop() {
            Some((_, hash, _)) => Stage::Unique { path, after: Some(hash) },
            None => Stage::Unique { path: path + 1, after: None },
        }))
    }
}

fn finish(ctx: &Context, conn: &mut Conn, row: &JobRow, state: &State) -> Result<Next> {
    let tenant = ctx.actor.tenant;
    unfinished::remove_of(conn, tenant, row.id)?;
    let failed = state.duplicates > 0;
    if failed && !state.sweep {
        restore(ctx, conn, state)?;
    }
    object_types::raise(conn, tenant)?;
    if !failed {
        return Ok(Next::Done);
    }
    let names: Vec<&str> = state.unique.iter().map(|(path, _)| path.as_str()).collect();
    let (count, first) = (state.duplicates, state.first.join(", "));
    Ok(Next::Failed(format!("{count} objects have a value of {} that another one has; the first: {first}", names.join(", "))))
}

// The type is again as it was before it asked that the values be unique.
fn restore(ctx: &Context, conn: &mut Conn, state: &State) -> Result<()> {
    let tenant = ctx.actor.tenant;
    let Some(row) = object_types::list(conn, tenant)?.into_iter().find(|row| row.name == state.kind) else { return Ok(()) };
    let registry = ctx.service.registry_in(conn, tenant)?;
    let Some(kind) = registry.by_name(&state.kind) else { return Ok(()) };
    let damaged = |e: serde_json::Error| ServiceError::Damaged(format!("definition of type '{}': {e}", row.name));
    let before: Value = serde_json::from_str(&row.definition).map_err(damaged)?;
    let mut after = before.clone();
    let numbers = index::paths(conn, tenant, &state.kind)?;
    for (text, was) in &state.unique {
        if let Some(path) = kind.resolve_attribute(text)
            && let Some(attribute) = find(&mut after, kind, path)
        {
            attribute["uniqueness"] = uniqueness_name(*was).into();
        }
        if let Some(number) = numbers.get(text).filter(|_| *was == Uniqueness::None) {
            index::clear_unique(conn, tenant, *number)?;
        }
    }
    let row = TypeRow { rev: row.rev + 1, modified: ctx.now, definition: after.to_string(), ..row };
    object_types::put(conn, tenant, &row)?;
    ctx.note_type(conn, &row.name, row.rev, Some(&before), Some(&after))
}

// Where a definition speaks of an attribute.
fn find<'v>(definition: &'v mut Value, kind: &ObjectType, path: AttrPath) -> Option<&'v mut Value> {
    let same = |value: &Value, member: &str, name: &str| value[member].as_str().is_some_and(|s| s.eq_ignore_ascii_case(name));
    let crate::domain::schema::Home::Schema(index) = path.home else { return None };
    let urn = &kind.schemas[index].id;
    let schema = definition["schemas"].as_array_mut()?.iter_mut().find(|s| same(s, "id", urn))?;
    let name = &kind.attribute(path).name;
    let attribute = schema["attributes"].as_array_mut()?.iter_mut().find(|a| same(a, "name", name))?;
    match path.sub {
        None => Some(attribute),
        Some(_) => {
            let part = &kind.leaf(path).name;
            attribute["subAttributes"].as_array_mut()?.iter_mut().find(|a| same(a, "name", part))
        }
    }
}
