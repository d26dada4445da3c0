//! Opening: locks, versions, connection strings.

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use provost::store::{Options, Store, StoreError, settings};
use tempfile::TempDir;

use super::*;

const NEWER: &str = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')";

fn failure(opened: Result<Store>) -> StoreError {
    opened.err().expect("it must not open")
}

#[test]
fn a_folder_has_one_server() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("deep/data");
    let store = Store::open_sqlite(&data, &Options::default()).unwrap();
    write(&store, |c| settings::set(c, "a", "1"));
    let error = failure(Store::open_sqlite(&data, &Options::default()));
    assert_eq!(error, StoreError::Locked(data.clone()));
    assert!(error.to_string().contains("--server"), "{error}");
    drop(store);
    let again = Store::open_sqlite(&data, &Options::default()).unwrap();
    assert_eq!(read(&again, |c| settings::get(c, "a")).as_deref(), Some("1"));
}

#[cfg(unix)]
#[test]
fn nobody_else_may_look_into_the_folder() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let _store = Store::open_sqlite(&data, &Options::default()).unwrap();
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_newer_sqlite_database_is_refused() {
    let folder = TempDir::new().unwrap();
    drop(Store::open_sqlite(folder.path(), &Options::default()).unwrap());
    let file = folder.path().join("provost.db");
    SqliteConnection::establish(file.to_str().unwrap()).unwrap().batch_execute(NEWER).unwrap();
    let error = failure(Store::open_sqlite(folder.path(), &Options::default()));
    assert_eq!(error, StoreError::NewerDatabase("99990101000000".to_owned()));
}

#[test]
fn a_newer_postgres_database_is_refused() {
    let url = postgres::fresh_database();
    drop(Store::open_postgres(&url, &Options::default()).unwrap());
    PgConnection::establish(&url).unwrap().batch_execute(NEWER).unwrap();
    let error = failure(Store::open_postgres(&url, &Options::default()));
    assert_eq!(error, StoreError::NewerDatabase("99990101000000".to_owned()));
}

#[test]
fn a_file_that_is_no_database_is_said_to_be_none() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("provost.db"), vec![b'x'; 8192]).unwrap();
    let error = failure(Store::open_sqlite(folder.path(), &Options::default()));
    assert!(error.to_string().contains("not a database"), "{error}");
}

#[test]
fn replicas_may_start_at_once() {
    let url = postgres::fresh_database();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| Store::open_postgres(&url, &Options { connections: 2, ..Options::default() }).unwrap());
        }
    });
}

#[test]
fn tls_that_is_not_there_is_refused() {
    let error = failure(Store::open_postgres("postgres://db.example/x?sslmode=verify-full", &Options::default()));
    assert!(matches!(&error, StoreError::Refused(text) if text.contains("verify-full")), "{error}");
}

#[test]
fn a_server_that_is_away_is_unavailable() {
    let error = failure(Store::open_postgres("postgres://secret:hidden@127.0.0.1:1/x", &Options::default()));
    assert!(matches!(error, StoreError::Unavailable(_)));
    assert!(!error.to_string().contains("hidden"), "{error}");
}

#[test]
fn connections_cut_by_the_server_are_replaced() {
    let url = postgres::fresh_database();
    let store = Store::open_postgres(&url, &Options { connections: 3, ..Options::default() }).unwrap();
    write(&store, |c| settings::set(c, "a", "1"));
    let database = url.rsplit_once('/').unwrap().1;
    let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'");
    for _ in 0..3 {
        postgres::admin().batch_execute(&cut).unwrap();
        assert_eq!(read(&store, |c| settings::get(c, "a")).as_deref(), Some("1"));
        postgres::admin().batch_execute(&cut).unwrap();
        write(&store, |c| settings::set(c, "a", "1"));
    }
}
