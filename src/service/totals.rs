//! How many objects of a type there are, without counting them each time.
//!
//! A count is remembered with the number of the last change that it knows; later ones tell what was made and deleted since. The
//! numbers have no gaps, so it shows when changes are missing, and then all are counted again.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::{Context, Result};
use crate::domain::key::TenantId;
use crate::store::query::{self, Predicate};
use crate::store::{Conn, changes};

/// Most changes that are read instead of counting.
const MOST: i64 = 1_000;

/// The counts that are known.
#[derive(Debug, Default)]
pub(crate) struct Totals(RwLock<HashMap<(TenantId, String), Known>>);

#[derive(Debug, Clone, Copy)]
struct Known {
    seq: i64,
    // Without what changes did that had no number.
    objects: i64,
}

impl Totals {
    fn get(&self, slot: &(TenantId, String)) -> Option<Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(slot).copied()
    }

    // A reader of an older snapshot changes nothing.
    fn put(&self, slot: (TenantId, String), known: Known) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let slot = all.entry(slot).or_insert(known);
        if known.seq > slot.seq {
            *slot = known;
        }
    }
}

impl Context {
    /// How many objects of a type there are.
    pub(crate) fn total(&self, conn: &mut Conn, kind: &str) -> Result<i64> {
        let tenant = self.actor.tenant;
        let totals = &self.service.inner.totals;
        let slot = (tenant, kind.to_owned());
        // On SQLite every change has its number at once.
        let open = if conn.is_sqlite() {
            0
        } else {
            let open = changes::growth_of_open(conn, tenant, kind, MOST)?;
            if open.changes == MOST {
                return Ok(query::count(conn, tenant, kind, &Predicate::All)?);
            }
            open.objects
        };
        let seq = changes::last_seq(conn, tenant)?;
        let mut objects = None;
        if let Some(known) = totals.get(&slot).filter(|known| (0..=MOST).contains(&(seq - known.seq))) {
            if known.seq == seq {
                return Ok(known.objects + open);
            }
            let growth = changes::growth(conn, tenant, kind, known.seq)?;
            objects = (growth.changes == seq - known.seq).then_some(known.objects + growth.objects);
        }
        let objects = match objects {
            Some(objects) => objects,
            None => query::count(conn, tenant, kind, &Predicate::All)? - open,
        };
        totals.put(slot, Known { seq, objects });
        Ok(objects + open)
    }
}
