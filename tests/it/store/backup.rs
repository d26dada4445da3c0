//! Backup and restore of the embedded database.

use std::fs;

use provost::store::backup::restore;
use provost::store::{Options, Store, StoreError, settings};
use tempfile::TempDir;

use super::*;

#[test]
fn a_backup_is_taken_while_it_runs_and_put_back() {
    let folder = TempDir::new().unwrap();
    let store = Store::open_sqlite(&folder.path().join("data"), &Options::default()).unwrap();
    let row = object("user", key());
    add_objects(&store, std::slice::from_ref(&row));
    let copy = folder.path().join("copy.db");
    store.backup(&copy).unwrap();
    write(&store, |c| settings::set(c, "later", "1"));
    assert!(matches!(store.backup(&copy), Err(StoreError::Refused(_))), "a file is never overwritten");

    let target = folder.path().join("restored");
    restore(&copy, &target).unwrap();
    let restored = Store::open_sqlite(&target, &Options::default()).unwrap();
    assert_eq!(read(&restored, |c| objects::get(c, TENANT, "user", row.key)), Some(row));
    assert_eq!(read(&restored, |c| settings::get(c, "later")), None);
    assert!(matches!(restore(&copy, &target), Err(StoreError::Refused(_))), "the folder is in use");
}

#[test]
fn what_is_not_a_backup_is_not_put_back() {
    let folder = TempDir::new().unwrap();
    let target = folder.path().join("data");
    let junk = folder.path().join("junk");
    fs::write(&junk, vec![b'x'; 4096]).unwrap();
    let empty = folder.path().join("empty");
    fs::write(&empty, "").unwrap();
    for wrong in [&junk, &empty, &folder.path().join("missing")] {
        assert!(restore(wrong, &target).is_err(), "{wrong:?}");
        assert_eq!(fs::read_dir(&target).unwrap().count(), 0, "nothing is left behind");
    }
}

#[test]
fn postgres_has_its_own_tools() {
    let store = Store::open_postgres(&postgres::fresh_database(), &Options::default()).unwrap();
    let error = store.backup(std::path::Path::new("/nonexistent/copy")).unwrap_err();
    assert!(matches!(&error, StoreError::Refused(text) if text.contains("pg_dump")), "{error}");
}
