//! Policies, found by the places they are attached to.

use provost::domain::key::Key;
use provost::store::Store;
use provost::store::policies::{self, PolicyRow};

use super::*;

conformance!(policies_are_kept_and_found_by_place);

fn row(id: Key, kind: &str, on: &str) -> PolicyRow {
    let (resource_type, resource_id) = (kind.to_owned(), on.to_owned());
    PolicyRow { id, resource_type, resource_id, rev: 1, created: at(1), modified: at(1), body: "{}".to_owned() }
}

fn policies_are_kept_and_found_by_place(store: &Store) {
    let [a, b, c, d] = keys();
    let rows = [row(a, "*", "*"), row(b, "workflow", "w1"), row(c, "workflow", "*"), row(d, "project", "w1")];
    for one in &rows {
        let one = one.clone();
        write(store, move |conn| policies::insert(conn, TENANT, &one));
    }
    assert!(store.write_blocking(TENANT, move |tx| policies::insert(tx, TENANT, &row(a, "*", "*"))).is_err(), "the id is taken");
    let found = |places: &[(&str, &str)]| {
        let heads = read(store, |conn| policies::at(conn, TENANT, places));
        heads.into_iter().map(|head| (head.id, head.rev)).collect::<Vec<_>>()
    };
    assert_eq!(found(&[("*", "*")]), [(a, 1)]);
    assert_eq!(found(&[("*", "*"), ("workflow", "w1"), ("workflow", "*")]), [(a, 1), (b, 1), (c, 1)]);
    assert_eq!(found(&[("Workflow", "w1")]), [], "types compare exactly");
    assert_eq!(found(&[]), []);
    let moved = PolicyRow { rev: 2, modified: at(2), resource_id: "w2".to_owned(), body: "[]".to_owned(), ..rows[1].clone() };
    let after = moved.clone();
    write(store, move |conn| policies::update(conn, TENANT, &after));
    assert_eq!(read(store, |conn| policies::get(conn, TENANT, b)), Some(moved.clone()));
    assert_eq!(found(&[("workflow", "w1"), ("workflow", "w2")]), [(b, 2)]);
    let mut many = read(store, |conn| policies::many(conn, TENANT, &[b, c, key()]));
    many.sort_by_key(|row| row.id);
    assert_eq!(many, [moved, rows[2].clone()]);
    let page = |after, limit| {
        let rows = read(store, |conn| policies::list(conn, TENANT, after, limit));
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!((page(None, 3), page(Some(c), 3)), (vec![a, b, c], vec![d]));
    // Another tenant's are not there.
    assert_eq!(read(store, |conn| policies::list(conn, OTHER, None, 9)), []);
    assert_eq!(read(store, |conn| policies::get(conn, OTHER, a)), None);
    assert_eq!(read(store, |conn| policies::at(conn, OTHER, &[("*", "*")])), []);
    write(store, move |conn| policies::delete(conn, OTHER, a));
    write(store, move |conn| policies::delete(conn, TENANT, d));
    assert_eq!(page(None, 9), [a, b, c]);
}
