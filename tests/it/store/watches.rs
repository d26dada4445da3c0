//! What conditions read of others, roles that jobs are at, and who holds a role.

use provost::store::edges::{self, EdgeRow};
use provost::store::holders::{self, Held};
use provost::store::{Store, condition_watches as watches, recomputations};

use super::*;

conformance!(reads_are_found_by_subject_and_route, a_job_takes_the_place_of_another, holders_come_in_the_order_of_keys);

fn reads_are_found_by_subject_and_route(store: &Store) {
    let [a, b] = keys();
    for (role, rows) in [
        (a, vec![("user\u{1f}title", "manager>"), ("\u{1f}manager", "manager>"), ("user\u{1f}title", "reports>")]),
        (b, vec![("user\u{1f}title", "manager>"), ("group\u{1f}displayName", "groups>")]),
    ] {
        write(store, move |conn| watches::put(conn, TENANT, role, rows.iter().copied()));
    }
    let found = |subjects: &[&str]| {
        let subjects: Vec<String> = subjects.iter().map(|s| (*s).to_owned()).collect();
        let rows = read(store, |conn| watches::of(conn, TENANT, &subjects));
        rows.into_iter().map(|(_, route)| route).collect::<Vec<_>>()
    };
    assert_eq!(found(&["user\u{1f}title"]), ["manager>", "reports>"]);
    assert_eq!(found(&["user\u{1f}sn"]), Vec::<String>::new());
    let routes = |tenant| read(store, |conn| watches::routes(conn, tenant)).into_iter().collect::<Vec<_>>();
    assert_eq!(routes(TENANT), ["groups>", "manager>", "reports>"]);
    assert_eq!(routes(OTHER), Vec::<String>::new());
    let title = ["user\u{1f}title".to_owned()];
    assert_eq!(read(store, |conn| watches::roles(conn, TENANT, &title, None, 9)), [a, b]);
    assert_eq!(read(store, |conn| watches::roles(conn, TENANT, &title, Some(a), 9)), [b]);
    assert_eq!(read(store, |conn| watches::roles(conn, TENANT, &title, None, 1)), [a]);
    write(store, move |conn| watches::put(conn, TENANT, a, std::iter::once(("x", "manager>"))));
    write(store, move |conn| watches::remove(conn, TENANT, b));
    assert_eq!(routes(TENANT), ["manager>"]);
    assert_eq!(found(&["user\u{1f}title"]), Vec::<String>::new());
}

fn a_job_takes_the_place_of_another(store: &Store) {
    let [role, first, second] = keys();
    write(store, move |conn| recomputations::put(conn, TENANT, role, first));
    write(store, move |conn| recomputations::put(conn, TENANT, role, second));
    assert_eq!(read(store, |conn| recomputations::get(conn, TENANT, role)), Some(second));
    assert_eq!(read(store, |conn| recomputations::roles(conn, TENANT)), [role]);
    assert!(read(store, |conn| recomputations::roles(conn, OTHER)).is_empty());
    assert_eq!(write(store, move |conn| recomputations::remove(conn, TENANT, role)), Some(second));
    assert_eq!(write(store, move |conn| recomputations::remove(conn, TENANT, role)), None);
}

fn holders_come_in_the_order_of_keys(store: &Store) {
    let role = key();
    let users: Vec<Key> = (0..5).map(|_| key()).collect();
    let edge = |from: Key, variant: &str| EdgeRow {
        relation: "grant".to_owned(),
        from_key: from,
        to_key: role,
        variant: variant.to_owned(),
        id: key(),
        from_type: "user".to_owned(),
        to_type: "role".to_owned(),
        rev: 1,
        created: at(0),
        properties: None,
    };
    let rows: Vec<_> = users.iter().flat_map(|user| [edge(*user, "conditional"), edge(*user, "")]).collect();
    write(store, move |conn| edges::insert_many(conn, TENANT, &rows));
    let held = Held { relation: "grant", to: role, variant: "conditional" };
    let page = |after, limit| {
        let rows = read(store, |conn| holders::page(conn, TENANT, held, after, limit));
        assert!(rows.iter().all(|row| row.variant == "conditional"));
        rows.into_iter().map(|row| row.from_key).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 3), users[..3]);
    assert_eq!(page(Some(users[2]), 9), users[3..]);
    assert_eq!(read(store, |conn| holders::count(conn, TENANT, held)), 5);
    assert_eq!(read(store, |conn| holders::count(conn, OTHER, held)), 0);
    let gone = users[1..3].to_vec();
    assert_eq!(write(store, move |conn| holders::remove(conn, TENANT, held, &gone)), 2);
    assert_eq!(page(None, 9), [users[0], users[3], users[4]]);
    assert_eq!(read(store, |conn| edges::count_of(conn, TENANT, "grant", provost::domain::schema::Side::To, role)), 8);
}
