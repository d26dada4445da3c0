//! Conditions, found by their anchors.

use provost::store::Store;
use provost::store::conditions::{self, ConditionRow};

use super::*;

conformance!(conditions_are_found_by_anchor);

fn conditions_are_found_by_anchor(store: &Store) {
    let [a, b, c] = keys();
    let row = |role_key| ConditionRow { role_key, source: "s".to_owned(), reads: "[]".to_owned() };
    let anchors = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    for (role, on) in [(a, anchors(&["country\u{1f}fr", "country\u{1f}de"])), (b, anchors(&["*"])), (c, anchors(&["x\u{1f}y"]))] {
        let row = row(role);
        write(store, move |conn| conditions::put(conn, TENANT, &row, &on));
    }
    let find = |list: &[&str]| {
        let list = anchors(list);
        let rows = read(store, |conn| conditions::by_anchors(conn, TENANT, &list));
        rows.into_iter().map(|row| row.role_key).collect::<Vec<_>>()
    };
    assert_eq!(find(&["country\u{1f}fr", "country\u{1f}de", "*"]), [a, b]);
    assert_eq!(find(&["nothing"]), []);
    assert_eq!(find(&[]), []);
    let changed = row(a);
    write(store, move |conn| conditions::put(conn, TENANT, &changed, &["x\u{1f}y".to_owned()]));
    assert_eq!(find(&["country\u{1f}fr", "x\u{1f}y"]), [a, c]);
    assert_eq!(read(store, |conn| conditions::count(conn, TENANT)), 3);
    assert_eq!(read(store, |conn| conditions::count(conn, OTHER)), 0);
    assert!(write(store, move |conn| conditions::remove(conn, TENANT, a)));
    assert!(!write(store, move |conn| conditions::remove(conn, TENANT, a)));
    assert_eq!(read(store, |conn| conditions::get(conn, TENANT, a)), None);
    assert_eq!(read(store, |conn| conditions::get(conn, TENANT, c)), Some(row(c)));
    assert_eq!(find(&["x\u{1f}y"]), [c]);
}
