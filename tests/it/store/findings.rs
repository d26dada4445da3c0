//! Who stands at the other end of edges, by type.

use std::collections::BTreeSet;

use provost::domain::key::Key;
use provost::store::edges::{self, EdgeRow};
use provost::store::{Store, findings};

use super::*;

conformance!(ends_are_told_by_type);

fn edge(from: (&str, Key), to: (&str, Key), variant: &str) -> EdgeRow {
    EdgeRow {
        relation: "grant".to_owned(),
        from_key: from.1,
        to_key: to.1,
        variant: variant.to_owned(),
        id: key(),
        from_type: from.0.to_owned(),
        to_type: to.0.to_owned(),
        rev: 1,
        created: at(1),
        properties: None,
    }
}

fn ends_are_told_by_type(store: &Store) {
    let [user, group, account, a, b] = keys();
    let rows = [
        edge(("user", user), ("role", a), ""),
        edge(("user", user), ("role", a), "conditional"),
        edge(("group", group), ("role", a), ""),
        edge(("group", group), ("role", b), ""),
        edge(("service_account", account), ("role", b), ""),
    ];
    write(store, move |conn| edges::insert_many(conn, TENANT, &rows));
    let roles = [a, b, key()];
    let reached = |tenant, from: &str| read(store, |conn| findings::reached_from(conn, tenant, "grant", &roles, from));
    assert_eq!(reached(TENANT, "user"), BTreeSet::from([a]));
    assert_eq!(reached(TENANT, "group"), BTreeSet::from([a, b]));
    assert_eq!(reached(OTHER, "group"), BTreeSet::new());
    let leading = |to: &str| read(store, |conn| findings::leading_to(conn, TENANT, "grant", &[user, account], to));
    assert_eq!((leading("role"), leading("user")), (BTreeSet::from([user, account]), BTreeSet::new()));
    let pairs = |tenant| read(store, |conn| findings::pairs_from(conn, tenant, "grant", &roles, "group"));
    assert_eq!((pairs(TENANT), pairs(OTHER)), (vec![(group, a), (group, b)], vec![]));
    assert_eq!(read(store, |conn| findings::pairs_from(conn, TENANT, "membership", &roles, "group")), []);
}
