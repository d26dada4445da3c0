//! Objects, and the tables that are worked out from one object: index, unique values, external ids, conditions, grants.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::grants::{CONDITION, ROLE, SUBJECT};
use super::super::save::unique_hashes;
use super::super::views::{self, seen};
use super::super::{PathIds, Result, ServiceError, load};
use super::{BATCH, Examiner};
use crate::domain::condition::Condition;
use crate::domain::document::check;
use crate::domain::key::Key;
use crate::domain::relation::CONDITIONAL;
use crate::domain::resource::label;
use crate::domain::schema::relationship::GRANT;
use crate::domain::schema::{ObjectType, Side};
use crate::store::index::IndexRow;
use crate::store::objects::ObjectRow;
use crate::store::{audit, conditions, edges, objects, plan, recomputations};

type Doc = Map<String, Value>;

/// An object type with the numbers of its paths.
type Kind = (Arc<ObjectType>, Arc<PathIds>);

/// Rows that follow from objects and were found; what a table has beyond them is left over.
#[derive(Default)]
struct Tally {
    index: i64,
    unique: i64,
    external: i64,
    conditions: i64,
}

impl Examiner<'_> {
    pub(super) fn objects(&mut self) -> Result<()> {
        let tenant = self.tenant.id;
        let conditions = self.conditions()?;
        let mut tally = Tally::default();
        let mut kinds: Vec<Kind> = Vec::new();
        let types = self.types.clone();
        for kind in types.types() {
            match self.service.paths(self.conn, tenant, kind) {
                Ok(paths) => kinds.push((kind.clone(), paths)),
                Err(ServiceError::Damaged(text)) => self.note(format_args!("type {}", kind.name), text),
                Err(other) => return Err(other),
            }
        }
        for kind in audit::kinds(self.conn, tenant)? {
            if types.by_name(&kind).is_none() {
                self.note(format_args!("type {kind}"), "there are objects of it, and no such type");
            }
        }
        for (kind, paths) in &kinds {
            let mut after = None;
            loop {
                let rows = objects::scan(self.conn, tenant, &kind.name, after, BATCH)?;
                let Some(last) = rows.last() else { break };
                after = Some(last.key);
                self.examined.objects += rows.len();
                let batch = self.sound(kind, rows);
                self.index(kind, paths, &batch, &mut tally)?;
                self.unique(kind, paths, &batch, &mut tally)?;
                self.external(kind, &batch, &mut tally)?;
                match kind.name.as_str() {
                    ROLE => {
                        self.role_conditions(kind, &batch, &mut tally)?;
                        self.role_times(kind, &batch)?;
                    }
                    SUBJECT => self.grants(kind, &batch, &conditions)?,
                    _ => {}
                }
            }
        }
        self.left_over(&kinds, &tally)
    }

    /// The documents that can be read at all; what is wrong with any is noted.
    fn sound(&mut self, kind: &ObjectType, rows: Vec<ObjectRow>) -> Vec<(ObjectRow, Doc)> {
        let mut out = Vec::with_capacity(rows.len());
        for row in rows {
            match serde_json::from_str::<Doc>(&row.doc) {
                Ok(doc) => {
                    if let Err(fault) = check::canonical(kind, &doc) {
                        self.note(of(kind, &row), fault);
                    }
                    if row.label.as_deref() != label(kind, &doc) {
                        self.note(of(kind, &row), "it goes by another name than its document gives it");
                    }
                    out.push((row, doc));
                }
                Err(error) => self.note(of(kind, &row), format_args!("its document cannot be read: {error}")),
            }
        }
        out
    }

    fn index(&mut self, kind: &ObjectType, paths: &PathIds, batch: &[(ObjectRow, Doc)], tally: &mut Tally) -> Result<()> {
        let mut wanted: BTreeMap<i32, BTreeSet<(String, Key)>> = BTreeMap::new();
        for (row, doc) in batch {
            for (path, value) in plan::index_rows(kind, doc, paths) {
                wanted.entry(path).or_default().insert((value, row.key));
            }
        }
        for (path, rows) in wanted {
            let missing = audit::missing_index_rows(self.conn, self.tenant.id, path, &rows)?;
            tally.index += count(rows.len() - missing.len());
            for (_, key) in missing {
                let what = format!("the index lacks a value of {}", named(kind, paths, path));
                self.note(by_key(kind, batch, key), what);
            }
        }
        Ok(())
    }

    fn unique(&mut self, kind: &ObjectType, paths: &PathIds, batch: &[(ObjectRow, Doc)], tally: &mut Tally) -> Result<()> {
        for (path, attribute) in kind.unique() {
            let Some(number) = paths.get(&path) else { continue };
            let claims = batch
                .iter()
                .flat_map(|(row, doc)| unique_hashes(kind, path, attribute, doc).into_iter().map(|hash| (hash, row.key)));
            let wanted: BTreeSet<_> = claims.collect();
            let missing = audit::missing_unique_values(self.conn, self.tenant.id, *number, &wanted)?;
            tally.unique += count(wanted.len() - missing.len());
            for (_, key) in missing {
                let what = format!("it does not hold its unique value of {}", kind.path_text(path));
                self.note(by_key(kind, batch, key), what);
            }
        }
        Ok(())
    }

    fn external(&mut self, kind: &ObjectType, batch: &[(ObjectRow, Doc)], tally: &mut Tally) -> Result<()> {
        let mut wanted: BTreeMap<String, BTreeSet<(String, Key)>> = BTreeMap::new();
        for (row, _) in batch {
            match external_ids(row) {
                Ok(ids) => {
                    for (source, value) in ids {
                        wanted.entry(source).or_default().insert((value, row.key));
                    }
                }
                Err(error) => self.note(of(kind, row), format_args!("its external ids cannot be read: {error}")),
            }
        }
        for (source, rows) in wanted {
            let missing = audit::missing_external_ids(self.conn, self.tenant.id, &kind.name, &source, &rows)?;
            tally.external += count(rows.len() - missing.len());
            for (_, key) in missing {
                let what = format!("it is not found by the external id of source '{source}'");
                self.note(by_key(kind, batch, key), what);
            }
        }
        Ok(())
    }

    fn role_conditions(&mut self, kind: &ObjectType, batch: &[(ObjectRow, Doc)], tally: &mut Tally) -> Result<()> {
        let Some(subject) = self.types.by_name(SUBJECT).cloned() else { return Ok(()) };
        let keys: Vec<Key> = batch.iter().map(|(row, _)| row.key).collect();
        let mut stored = audit::conditions_of(self.conn, self.tenant.id, &keys)?;
        for (row, doc) in batch {
            let told = doc.get(CONDITION).and_then(Value::as_str);
            let kept = stored.remove(&row.key);
            tally.conditions += i64::from(kept.is_some());
            let (told, (kept, anchors)) = match (told, kept) {
                (None, None) => continue,
                (Some(told), Some(kept)) => (told, kept),
                (Some(_), None) => {
                    self.note(of(kind, row), "its condition is not in force");
                    continue;
                }
                (None, Some(_)) => {
                    self.note(of(kind, row), "a condition is in force that it does not have");
                    continue;
                }
            };
            match Condition::parse(told, &subject, &self.types) {
                Err(fault) => self.note(of(kind, row), fault),
                Ok(_) if kept.source != told => self.note(of(kind, row), "another condition is in force than it has"),
                Ok(condition) => {
                    let kept: BTreeSet<&str> = kept.reads.split('\n').filter(|read| !read.is_empty()).collect();
                    let same = kept == condition.reads().collect();
                    if !same || !condition.anchors().iter().eq(anchors.iter()) {
                        self.note(of(kind, row), "its condition is not found by all that it reads and needs");
                    }
                }
            }
        }
        Ok(())
    }

    // Every condition against every user: what the anchors save a write from is what has to be checked here.
    fn grants(&mut self, kind: &Arc<ObjectType>, batch: &[(ObjectRow, Doc)], conditions: &[(Key, Arc<Condition>)]) -> Result<()> {
        let keys: Vec<Key> = batch.iter().map(|(row, _)| row.key).collect();
        // What a job is at is in line when it has ended.
        let open: BTreeSet<Key> = recomputations::roles(self.conn, self.tenant.id)?.into_iter().collect();
        let mut held: HashMap<Key, BTreeSet<Key>> = HashMap::new();
        for edge in edges::of_many(self.conn, self.tenant.id, GRANT, Side::From, &keys)? {
            if edge.variant == CONDITIONAL && !open.contains(&edge.to_key) {
                held.entry(edge.from_key).or_default().insert(edge.to_key);
            }
        }
        let routes: BTreeSet<String> = conditions.iter().flat_map(|(_, condition)| condition.routes()).collect();
        let docs = batch.iter().map(|(row, doc)| (row.key, seen(&row.wire_id, doc))).collect();
        let types = self.types.clone();
        let views = views::of_documents(self.conn, self.tenant.id, &types, kind, docs, &routes)?;
        for ((row, _), (_, view)) in batch.iter().zip(views) {
            let matching = conditions.iter().filter(|(role, c)| !open.contains(role) && c.matches(&view));
            let matching: BTreeSet<Key> = matching.map(|(role, _)| *role).collect();
            let holds = held.remove(&row.key).unwrap_or_default();
            for role in matching.difference(&holds) {
                self.note(of(kind, row), format_args!("it meets the condition of role {role} and does not hold it"));
            }
            for role in holds.difference(&matching) {
                self.note(of(kind, row), format_args!("it holds role {role} by a condition that it does not meet"));
            }
        }
        Ok(())
    }

    fn conditions(&mut self) -> Result<Vec<(Key, Arc<Condition>)>> {
        let Some(subject) = self.types.by_name(SUBJECT).cloned() else { return Ok(Vec::new()) };
        let mut out = Vec::new();
        let mut after = None;
        loop {
            let rows = audit::condition_page(self.conn, self.tenant.id, after, BATCH)?;
            let Some(last) = rows.last() else { return Ok(out) };
            after = Some(last.role_key);
            for row in rows {
                // One that does not parse is noted at its role.
                out.extend(Condition::parse(&row.source, &subject, &self.types).ok().map(|c| (row.role_key, Arc::new(c))));
            }
        }
    }

    /// Rows that follow from no object; the tables are read through only where they have more rows than were found.
    fn left_over(&mut self, kinds: &[Kind], tally: &Tally) -> Result<()> {
        let tenant = self.tenant.id;
        if audit::index_rows(self.conn, tenant)? != tally.index {
            self.stale_index(kinds)?;
        }
        if audit::unique_values(self.conn, tenant)? != tally.unique {
            self.stale_unique(kinds)?;
        }
        if audit::external_ids(self.conn, tenant)? != tally.external {
            self.stale_external(kinds)?;
        }
        if conditions::count(self.conn, tenant)? != tally.conditions {
            let mut after = None;
            loop {
                let rows = audit::condition_page(self.conn, tenant, after, BATCH)?;
                let Some(last) = rows.last() else { break };
                after = Some(last.role_key);
                let keys: BTreeSet<Key> = rows.iter().map(|row| row.role_key).collect();
                let there = audit::existing(self.conn, tenant, ROLE, &keys)?;
                for key in keys.difference(&there.into_iter().collect()) {
                    self.note(format_args!("{ROLE} {key}"), "its condition is in force, and the role does not exist");
                }
            }
        }
        Ok(())
    }

    fn stale_index(&mut self, kinds: &[Kind]) -> Result<()> {
        let mut after: Option<IndexRow> = None;
        loop {
            let rows = audit::index_page(self.conn, self.tenant.id, after.as_ref(), BATCH)?;
            if rows.is_empty() {
                return Ok(());
            }
            let places = rows.iter().map(|row| (kind_of(kinds, row.path), row.key)).collect::<Vec<_>>();
            let known = self.load(kinds, &places)?;
            for (row, (place, _)) in rows.iter().zip(&places) {
                let Some((kind, paths)) = place.map(|index| &kinds[index]) else {
                    self.note("index", format_args!("a row of an unknown attribute, number {}", row.path));
                    continue;
                };
                let wanted = known.get(&row.key).map(|(_, doc)| plan::index_rows(kind, doc, paths));
                self.judge(kind, row.key, wanted.map(|w| w.contains(&(row.path, row.value.clone()))), "the index");
            }
            after = rows.into_iter().next_back();
        }
    }

    fn stale_unique(&mut self, kinds: &[Kind]) -> Result<()> {
        let mut after: Option<audit::UniqueRow> = None;
        loop {
            let rows = audit::unique_page(self.conn, self.tenant.id, after.as_ref(), BATCH)?;
            if rows.is_empty() {
                return Ok(());
            }
            let places = rows.iter().map(|row| (kind_of(kinds, row.0), row.2)).collect::<Vec<_>>();
            let known = self.load(kinds, &places)?;
            for (row, (place, _)) in rows.iter().zip(&places) {
                let Some((kind, paths)) = place.map(|index| &kinds[index]) else {
                    self.note("unique values", format_args!("a value of an unknown attribute, number {}", row.0));
                    continue;
                };
                let wanted = known.get(&row.2).map(|(_, doc)| {
                    let mut paths = kind.unique().filter(|(path, _)| paths.get(path) == Some(&row.0));
                    paths.any(|(path, a)| unique_hashes(kind, path, a, doc).iter().any(|hash| hash.as_slice() == row.1))
                });
                self.judge(kind, row.2, wanted, "the table of unique values");
            }
            after = rows.into_iter().next_back();
        }
    }

    fn stale_external(&mut self, kinds: &[Kind]) -> Result<()> {
        let mut after: Option<audit::ExternalRow> = None;
        loop {
            let rows = audit::external_page(self.conn, self.tenant.id, after.as_ref(), BATCH)?;
            if rows.is_empty() {
                return Ok(());
            }
            let place = |name: &str| kinds.iter().position(|(kind, _)| kind.name == name);
            let places = rows.iter().map(|row| (place(&row.0), row.3)).collect::<Vec<_>>();
            let known = self.load(kinds, &places)?;
            for (row, (place, _)) in rows.iter().zip(&places) {
                let Some((kind, _)) = place.map(|index| &kinds[index]) else {
                    self.note("external ids", format_args!("one of an unknown type '{}'", row.0));
                    continue;
                };
                let wanted = known.get(&row.3).map(|(object, _)| {
                    let ids = external_ids(object).unwrap_or_default();
                    ids.get(&row.1).is_some_and(|value| audit::is_external_form(&row.2, value))
                });
                self.judge(kind, row.3, wanted, "the table of external ids");
            }
            after = rows.into_iter().next_back();
        }
    }

    fn judge(&mut self, kind: &ObjectType, key: Key, wanted: Option<bool>, table: &str) {
        match wanted {
            Some(true) => {}
            Some(false) => {
                self.note(format_args!("{} {key}", kind.name), format_args!("{table} has a value that it does not have"))
            }
            None => self.note(format_args!("{} {key}", kind.name), format_args!("{table} has it, and it cannot be read")),
        }
    }

    /// The objects that rows speak of, those whose documents can be read.
    fn load(&mut self, kinds: &[Kind], places: &[(Option<usize>, Key)]) -> Result<HashMap<Key, (ObjectRow, Doc)>> {
        let mut out = HashMap::new();
        for (index, (kind, _)) in kinds.iter().enumerate() {
            let keys: HashSet<Key> = places.iter().filter(|(place, _)| *place == Some(index)).map(|(_, key)| *key).collect();
            let keys: Vec<Key> = keys.into_iter().collect();
            for row in objects::many(self.conn, self.tenant.id, &kind.name, &keys)? {
                if let Ok(doc) = load::document(&row) {
                    out.insert(row.key, (row, doc));
                }
            }
        }
        Ok(out)
    }
}

fn external_ids(row: &ObjectRow) -> serde_json::Result<BTreeMap<String, String>> {
    row.external_ids.as_deref().map_or_else(|| Ok(BTreeMap::new()), serde_json::from_str)
}

fn kind_of(kinds: &[Kind], path: i32) -> Option<usize> {
    kinds.iter().position(|(_, paths)| paths.values().any(|number| *number == path))
}

fn named(kind: &ObjectType, paths: &PathIds, number: i32) -> String {
    let path = paths.iter().find(|(_, known)| **known == number);
    path.map_or_else(|| format!("attribute {number}"), |(path, _)| kind.path_text(*path))
}

fn of(kind: &ObjectType, row: &ObjectRow) -> String {
    format!("{} {}", kind.name, row.wire_id)
}

fn by_key(kind: &ObjectType, batch: &[(ObjectRow, Doc)], key: Key) -> String {
    let row = batch.iter().find(|(row, _)| row.key == key);
    row.map_or_else(|| format!("{} {key}", kind.name), |(row, _)| of(kind, row))
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
