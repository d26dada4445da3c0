//! Objects: revisions, tombstones, paging.

use provost::domain::key::ObjectRef;
use provost::store::objects::{self, ObjectRow};
use provost::store::{Store, StoreError};

use super::*;

conformance!(a_row_comes_back_as_it_went, revisions_guard_writes, a_deleted_id_leaves_a_tombstone, scans_go_by_key);

fn a_row_comes_back_as_it_went(store: &Store) {
    let row = ObjectRow {
        external_ids: Some(r#"{"hr":"E-1"}"#.to_owned()),
        doc: "{\"userName\":\"Ünïcode 😀 'quoted' \\u0001\"}".to_owned(),
        modified: at(i64::MAX),
        created: at(-5),
        ..object("user", key())
    };
    add_objects(store, std::slice::from_ref(&row));
    let (key, id) = (row.key, row.wire_id.clone());
    assert_eq!(read(store, |c| objects::get(c, TENANT, "user", key)), Some(row.clone()));
    assert_eq!(read(store, |c| objects::get_by_wire_id(c, TENANT, "user", &id)), Some(row.clone()));
    assert_eq!(read(store, |c| objects::key_of(c, TENANT, "user", &id)), Some(key));
    assert_eq!(read(store, |c| objects::get(c, OTHER, "user", key)), None);
    assert_eq!(read(store, |c| objects::get(c, TENANT, "group", key)), None);
    assert_eq!(read(store, |c| objects::get_by_wire_id(c, OTHER, "user", &id)), None);

    let twin = ObjectRow { wire_id: row.wire_id.clone(), ..object("user", super::key()) };
    let taken = twin.clone();
    let error = store.write_blocking(TENANT, move |tx| objects::insert(tx, TENANT, &taken)).unwrap_err();
    assert!(matches!(error, StoreError::Unique { table, .. } if table == "objects"));
    let elsewhere = [("group", TENANT), ("user", OTHER)];
    for (kind, tenant) in elsewhere {
        let free = ObjectRow { kind: kind.to_owned(), ..twin.clone() };
        write(store, move |c| objects::insert(c, tenant, &free));
    }
}

fn revisions_guard_writes(store: &Store) {
    let row = object("user", key());
    add_objects(store, std::slice::from_ref(&row));
    let next = ObjectRow { rev: 2, doc: "{}".to_owned(), modified: at(200), ..row.clone() };
    let changed = next.clone();
    assert!(write(store, move |c| objects::update(c, TENANT, &changed, 1)));
    let stale = next.clone();
    assert!(!write(store, move |c| objects::update(c, TENANT, &stale, 1)));
    assert_eq!(read(store, |c| objects::get(c, TENANT, "user", next.key)), Some(next.clone()));
    let stale = row.clone();
    assert!(!write(store, move |c| objects::delete(c, TENANT, &stale, at(300))));
    assert!(write(store, move |c| objects::delete(c, TENANT, &next, at(300))));
    assert_eq!(read(store, |c| objects::get(c, TENANT, "user", row.key)), None);
}

fn a_deleted_id_leaves_a_tombstone(store: &Store) {
    for rev in [7, 3] {
        let row = ObjectRow { wire_id: "reborn".to_owned(), rev, ..object("user", key()) };
        add_objects(store, std::slice::from_ref(&row));
        assert!(write(store, move |c| objects::delete(c, TENANT, &row, at(1))));
    }
    let highest = |tenant, kind: &'static str| read(store, move |c| objects::highest_rev_of_tombstone(c, tenant, kind, "reborn"));
    assert_eq!(highest(TENANT, "user"), Some(7));
    assert_eq!(highest(TENANT, "group"), None);
    assert_eq!(highest(OTHER, "user"), None);
}

fn scans_go_by_key(store: &Store) {
    let all = keys::<7>();
    let rows: Vec<_> = all.iter().map(|key| object("user", *key)).collect();
    // Added backwards, so that no order is by chance.
    add_objects(store, &rows.iter().rev().cloned().collect::<Vec<_>>());
    add_objects(store, &[object("group", key())]);
    assert_eq!(read(store, |c| objects::scan(c, TENANT, "user", None, 2)), rows[..2]);
    assert_eq!(read(store, |c| objects::scan(c, TENANT, "user", Some(all[4]), 9)), rows[5..]);

    let wanted = [all[3], key(), all[0]];
    assert_eq!(read(store, |c| objects::many(c, TENANT, "user", &wanted)), [rows[3].clone(), rows[0].clone()]);
    let refs = [ObjectRef { kind: "user".to_owned(), key: all[1] }, ObjectRef { kind: "group".to_owned(), key: all[2] }];
    let labels = read(store, |c| objects::labels(c, TENANT, &refs));
    assert_eq!(labels.keys().collect::<Vec<_>>(), [&all[1]]);
    assert_eq!(labels[&all[1]].wire_id, rows[1].wire_id);
}
