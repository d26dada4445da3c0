//! One conformance suite for both engines: each case is a function of a store, run once on each.

use std::sync::atomic::{AtomicU64, Ordering};

use provost::domain::key::{Key, TenantId};
use provost::domain::time::Timestamp;
use provost::runtime::random;
use provost::store::objects::{self, ObjectRow};
use provost::store::{Conn, Options, Result, Store, StoreError};
use tempfile::TempDir;

use crate::harness::postgres;

mod backup;
mod changes;
mod conditions;
mod credentials;
mod edge_pages;
mod edges;
mod findings;
mod idempotency;
mod inbound;
mod index;
mod issuers;
mod jobs;
mod leases;
mod links;
mod objects_of_a_type;
mod opening;
mod ordered;
mod plans;
mod policies;
mod pushdown;
mod query;
mod rehearse;
mod schema;
mod temporal;
mod tenants;
mod transactions;
mod watches;

const TENANT: TenantId = TenantId(1);
const OTHER: TenantId = TenantId(2);

/// Runs each named function on both engines.
macro_rules! conformance {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test] fn $case() { crate::store::on_sqlite(super::$case); })+
        }
        mod postgres {
            $(#[test] fn $case() { crate::store::on_postgres(super::$case); })+
        }
    };
}
use conformance;

fn on_sqlite(case: impl FnOnce(&Store)) {
    let folder = TempDir::new().unwrap();
    let store = Store::open_sqlite(folder.path(), &Options::default()).unwrap();
    case(&store);
}

fn on_postgres(case: impl FnOnce(&Store)) {
    let store = Store::open_postgres(&postgres::fresh_database(), &Options::default()).unwrap();
    case(&store);
}

fn write<T: Send + 'static>(store: &Store, job: impl Fn(&mut Conn) -> Result<T> + Send + Sync + 'static) -> T {
    store.write_blocking(TENANT, move |tx| job(tx)).unwrap()
}

fn read<T>(store: &Store, job: impl FnOnce(&mut Conn) -> Result<T>) -> T {
    store.read_blocking::<T, StoreError>(job).unwrap()
}

fn key() -> Key {
    Key::new(random::key())
}

/// Keys in ascending order.
fn keys<const N: usize>() -> [Key; N] {
    let mut out = std::array::from_fn(|_| key());
    out.sort_unstable();
    out
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn object(kind: &str, key: Key) -> ObjectRow {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    ObjectRow {
        kind: kind.to_owned(),
        key,
        wire_id: format!("id-{}", NUMBER.fetch_add(1, Ordering::Relaxed)),
        rev: 1,
        created: at(100),
        modified: at(100),
        external_ids: None,
        label: None,
        doc: r#"{"displayName":"x"}"#.to_owned(),
    }
}

fn add_objects(store: &Store, rows: &[ObjectRow]) {
    let rows = rows.to_vec();
    write(store, move |c| rows.iter().try_for_each(|row| objects::insert(c, TENANT, row)));
}
