//! When roles and grants hold: what is in force is what they say.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::super::grants::ROLE;
use super::super::{Result, temporal as times};
use super::{BATCH, Examiner};
use crate::domain::key::Key;
use crate::domain::schema::ObjectType;
use crate::domain::temporal::{Interval, PROPERTY};
use crate::store::edges::EdgeRow;
use crate::store::objects::ObjectRow;
use crate::store::{audit, edges, temporal};

impl Examiner<'_> {
    pub(super) fn role_times(&mut self, kind: &ObjectType, batch: &[(ObjectRow, Map<String, Value>)]) -> Result<()> {
        let said = |doc: &Map<String, Value>| Interval::of_property(doc.get(PROPERTY), ROLE).map_err(|fault| fault.to_string());
        let all = batch.iter().map(|(row, doc)| (row.key, format!("{} {}", kind.name, row.key), said(doc))).collect();
        self.times(all)
    }

    pub(super) fn edge_times(&mut self, page: &[EdgeRow]) -> Result<()> {
        let said = |edge: &EdgeRow| times::interval(edge).map_err(|error| error.to_string());
        let all = page.iter().filter(|edge| edge.properties.is_some());
        self.times(all.map(|edge| (edge.id, format!("edge {}", edge.id), said(edge))).collect())
    }

    fn times(&mut self, all: Vec<(Key, String, std::result::Result<Option<Interval>, String>)>) -> Result<()> {
        let keys: Vec<Key> = all.iter().map(|(key, ..)| *key).collect();
        let rows = temporal::of_many(self.conn, self.tenant.id, &keys)?;
        let stored: HashMap<Key, Interval> = rows.iter().map(|row| (row.key, row.interval())).collect();
        for (key, about, said) in all {
            match said {
                Err(what) => self.note(about, what),
                Ok(said) if said.as_ref() != stored.get(&key) => self.note(about, "its time in force is not the one that it has"),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// Times of what does not exist.
    pub(super) fn lost_times(&mut self) -> Result<()> {
        let mut after = None;
        loop {
            let rows = temporal::page(self.conn, self.tenant.id, after, BATCH)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.key);
            let roles = rows.iter().filter(|row| !row.edge).map(|row| row.key).collect();
            let there = audit::existing(self.conn, self.tenant.id, ROLE, &roles)?;
            for row in &rows {
                let known =
                    if row.edge { edges::get(self.conn, self.tenant.id, row.key)?.is_some() } else { there.contains(&row.key) };
                if !known {
                    let what = if row.edge { "edge" } else { ROLE };
                    self.note(format_args!("{what} {}", row.key), "its time is in force, and it does not exist");
                }
            }
        }
    }
}
