//! Jobs, definitions of object types, and paths that are not finished.

use provost::store::edges::count_between;
use provost::store::jobs::{JobRow, get, insert, list, open, status, update};
use provost::store::object_types::{self, TypeRow};
use provost::store::unfinished::{self, UnfinishedPath};
use provost::store::{Store, index};

use super::*;

conformance!(
    a_job_goes_on_until_it_is_open_no_more,
    definitions_and_their_version,
    paths_pass_from_job_to_job,
    rows_of_a_path_go
);

fn job(id: Key) -> JobRow {
    JobRow {
        id,
        kind: "reindex".to_owned(),
        subject: "user".to_owned(),
        state: "{}".to_owned(),
        status: status::OPEN.to_owned(),
        done: 0,
        total: 9,
        error: None,
        created: at(1),
        modified: at(1),
    }
}

fn a_job_goes_on_until_it_is_open_no_more(store: &Store) {
    let [a, b] = keys();
    write(store, move |c| insert(c, TENANT, &job(a)));
    write(store, move |c| insert(c, OTHER, &job(b)));
    assert_eq!(read(store, open), [(TENANT, a), (OTHER, b)]);
    assert_eq!(read(store, |c| get(c, OTHER, a)), None);
    let moved = JobRow { state: "{\"after\":1}".to_owned(), done: 4, modified: at(2), ..job(a) };
    let row = moved.clone();
    assert!(write(store, move |c| update(c, TENANT, &row)));
    assert_eq!(read(store, |c| get(c, TENANT, a)), Some(moved.clone()));
    let failed = JobRow { status: status::FAILED.to_owned(), error: Some("why".to_owned()), ..moved };
    let row = failed.clone();
    assert!(write(store, move |c| update(c, TENANT, &row)));
    let row = job(a);
    assert!(!write(store, move |c| update(c, TENANT, &row)), "it is open no more");
    assert_eq!(read(store, open), [(OTHER, b)]);
    assert_eq!(read(store, |c| list(c, TENANT, None, 9)), [failed]);
    assert_eq!(read(store, |c| list(c, TENANT, Some(a), 9)), []);
}

fn definitions_and_their_version(store: &Store) {
    let row = |rev, definition: &str| TypeRow {
        name: "user".to_owned(),
        rev,
        created: at(1),
        modified: at(rev),
        definition: definition.to_owned(),
    };
    assert_eq!(read(store, |c| object_types::version(c, TENANT)), 0);
    let (first, second) = (row(1, "{}"), row(2, "{\"label\":\"x\"}"));
    let (a, b) = (first.clone(), second.clone());
    write(store, move |c| object_types::put(c, TENANT, &a));
    assert_eq!(read(store, |c| object_types::list(c, TENANT)), [first]);
    write(store, move |c| object_types::put(c, TENANT, &b));
    assert_eq!(read(store, |c| object_types::list(c, TENANT)), [second]);
    assert_eq!(read(store, |c| object_types::list(c, OTHER)), []);
    assert_eq!(write(store, |c| object_types::raise(c, TENANT)), 1);
    assert_eq!(write(store, |c| object_types::raise(c, TENANT)), 2);
    assert_eq!(read(store, |c| object_types::version(c, OTHER)), 0);
    assert!(!write(store, |c| object_types::remove(c, OTHER, "user")));
    assert!(write(store, |c| object_types::remove(c, TENANT, "user")));
    assert_eq!(read(store, |c| object_types::list(c, TENANT)), []);
}

fn paths_pass_from_job_to_job(store: &Store) {
    let [a, b] = keys();
    let row = |path: &str, job| UnfinishedPath { kind: "user".to_owned(), path: path.to_owned(), job };
    let rows = [row("title", a), row("nickName", a)];
    write(store, move |c| unfinished::add(c, TENANT, &rows));
    let rows = [row("title", b)];
    write(store, move |c| unfinished::add(c, TENANT, &rows));
    assert_eq!(read(store, |c| unfinished::list(c, TENANT)), [row("nickName", a), row("title", b)]);
    assert_eq!(read(store, |c| unfinished::list(c, OTHER)), []);
    assert_eq!(write(store, move |c| unfinished::remove_of(c, TENANT, a)), 1);
    assert_eq!(read(store, |c| unfinished::list(c, TENANT)), [row("title", b)]);
}

fn rows_of_a_path_go(store: &Store) {
    let [a, b] = keys();
    let row = |path, key| index::IndexRow { path, value: "x".to_owned(), key };
    let rows = [row(1, a), row(1, b), row(2, a)];
    write(store, move |c| index::apply(c, TENANT, &[], &rows));
    assert_eq!(write(store, |c| index::clear_index(c, OTHER, 1)), 0);
    assert_eq!(write(store, |c| index::clear_index(c, TENANT, 1)), 2);
    assert_eq!(write(store, |c| index::clear_index(c, TENANT, 2)), 1);
    assert!(write(store, move |c| index::claim_unique(c, TENANT, 1, &[7; 32], a)));
    assert_eq!(write(store, |c| index::clear_unique(c, TENANT, 1)), 1);
    assert!(write(store, move |c| index::claim_unique(c, TENANT, 1, &[7; 32], b)));
    assert_eq!(read(store, |c| count_between(c, TENANT, "membership", Some("group"), None)), 0);
}
