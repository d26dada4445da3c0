//! Answers kept for idempotency keys, and steps of a write that fail alone.

use provost::store::idempotency::{self, PartRow};
use provost::store::{Store, StoreError, settings};

use super::*;

conformance!(parts_are_kept_and_forgotten, a_step_that_fails_leaves_the_others);

fn row(key: u8, part: i32, began: i64) -> PartRow {
    PartRow { key: [key; 32], part, request: vec![3; 32], began: at(began), answer: format!("[{part}]") }
}

fn parts_are_kept_and_forgotten(store: &Store) {
    let get = |tenant, key: u8, part| read(store, |c| idempotency::get(c, tenant, &[key; 32], part));
    for kept in [row(1, 0, 100), row(1, 50, 100), row(2, 0, 200)] {
        write(store, move |c| idempotency::insert(c, TENANT, &kept));
    }
    write(store, |c| idempotency::insert(c, OTHER, &row(1, 0, 100)));
    assert_eq!(get(TENANT, 1, 0), Some(row(1, 0, 100)));
    assert_eq!(get(TENANT, 1, 50), Some(row(1, 50, 100)));
    assert_eq!((get(TENANT, 1, 1), get(TENANT, 3, 0), get(OTHER, 2, 0)), (None, None, None));
    let error = store.write_blocking(TENANT, |tx| idempotency::insert(tx, TENANT, &row(1, 50, 900))).unwrap_err();
    assert!(matches!(&error, StoreError::Unique { table, .. } if table == "idempotency"), "{error}");
    assert_eq!(write(store, |c| idempotency::prune(c, TENANT, at(200))), 2);
    assert_eq!((get(TENANT, 1, 0), get(TENANT, 1, 50)), (None, None));
    assert_eq!(get(TENANT, 2, 0), Some(row(2, 0, 200)));
    assert_eq!(get(OTHER, 1, 0), Some(row(1, 0, 100)), "another tenant's stay");
}

fn a_step_that_fails_leaves_the_others(store: &Store) {
    let outcomes = store.write_blocking(TENANT, |tx| {
        let mut outcomes = Vec::new();
        for n in 0..6 {
            let step = tx.attempt(|tx| {
                settings::set(tx, &format!("step-{n}"), "x")?;
                // A step may have steps of its own.
                let inner = tx.attempt(|tx| {
                    settings::set(tx, &format!("inner-{n}"), "x")?;
                    if n % 2 == 0 { Ok(()) } else { Err(StoreError::Refused("on purpose".to_owned())) }
                })?;
                if n % 3 == 0 { inner } else { inner.or(Ok(())) }
            })?;
            outcomes.push(step.is_ok());
        }
        settings::set(tx, "last", "x")?;
        Ok::<_, StoreError>(outcomes)
    });
    assert_eq!(outcomes.unwrap(), [true, true, true, false, true, true]);
    let there = |name: &str| read(store, |c| settings::get(c, name)).is_some();
    assert!(there("last"));
    for n in 0..6 {
        assert_eq!(there(&format!("step-{n}")), n != 3, "{n}");
        assert_eq!(there(&format!("inner-{n}")), n % 2 == 0, "{n}");
    }
    // A step that succeeded goes with a write that fails.
    let failed = store.write_blocking(TENANT, |tx| {
        tx.attempt(|tx| settings::set(tx, "vain", "x"))??;
        Err::<(), _>(StoreError::Refused("on purpose".to_owned()))
    });
    assert!(failed.is_err() && !there("vain"));
}
