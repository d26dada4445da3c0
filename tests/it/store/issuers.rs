//! Issuers whose tokens tenants take, found by name and by whom their tokens are meant for.

use provost::domain::key::Key;
use provost::store::issuers::{self, IssuerRow};
use provost::store::{Store, StoreError, tenants};

use super::*;

conformance!(issuers_are_kept_and_found_by_audience);

fn row(id: Key, issuer: &str, rev: i64) -> IssuerRow {
    IssuerRow { id, issuer: issuer.to_owned(), rev, created: at(1), modified: at(rev), body: "{}".to_owned() }
}

fn issuers_are_kept_and_found_by_audience(store: &Store) {
    let [a, b, c] = keys();
    let [one, other] = ["one", "other"].map(|name| write(store, move |conn| tenants::insert(conn, name, at(1))));
    let add = |tenant, row: IssuerRow, audiences: &[&str]| {
        let audiences: Vec<String> = audiences.iter().map(|text| (*text).to_owned()).collect();
        store.write_blocking(tenant, move |tx| issuers::insert(tx, tenant, &row, &audiences))
    };
    let meant = |issuer: &str, audiences: &[&str]| {
        let mut found = read(store, |conn| issuers::meant(conn, issuer, audiences));
        found.sort_by_key(|(_, _, id)| *id);
        found
    };
    let mine = |id| (one, "one".to_owned(), id);
    let theirs = |id| (other, "other".to_owned(), id);
    add(one, row(a, "https://x", 1), &["p", "q"]).unwrap();
    // The pair belongs to one tenant of all, the name to one record of a tenant.
    let taken = |outcome: Result<()>, by: &str| match outcome {
        Err(StoreError::Unique { table, .. }) => assert_eq!(table, by),
        other => panic!("{other:?}"),
    };
    taken(add(other, row(b, "https://x", 1), &["r", "q"]), "issuer_audiences");
    taken(add(one, row(b, "https://x", 1), &["r"]), "issuers");
    assert_eq!(read(store, |conn| issuers::list(conn, other)), [], "what failed left nothing");
    add(other, row(b, "https://x", 1), &["r"]).unwrap();
    add(one, row(c, "https://y", 1), &["q"]).unwrap();
    assert_eq!(meant("https://x", &["q"]), [mine(a)]);
    assert_eq!(meant("https://x", &["p", "q", "none"]), [mine(a)], "each once");
    assert_eq!(meant("https://x", &["p", "r"]), [mine(a), theirs(b)]);
    assert_eq!(meant("https://y", &["q"]), [mine(c)]);
    for (issuer, audiences) in [("https://y", &["p"][..]), ("https://X", &["p"]), ("https://x", &[]), ("https://x", &["P"])] {
        assert_eq!(meant(issuer, audiences), [], "{issuer} {audiences:?}");
    }
    assert_eq!(read(store, |conn| issuers::list(conn, one)), [row(a, "https://x", 1), row(c, "https://y", 1)]);
    assert_eq!(read(store, |conn| issuers::get(conn, one, a)), Some(row(a, "https://x", 1)));
    assert_eq!(read(store, |conn| issuers::named(conn, other, "https://x")), Some(row(b, "https://x", 1)));
    assert_eq!(read(store, |conn| issuers::get(conn, other, a)), None);
    assert_eq!(read(store, |conn| issuers::named(conn, other, "https://y")), None);
    let moved = row(a, "https://z", 2);
    let after = moved.clone();
    write(store, move |conn| issuers::update(conn, one, &after, &["q".to_owned(), "s".to_owned()]));
    assert_eq!((meant("https://x", &["p", "q"]), meant("https://z", &["q"])), (vec![], vec![mine(a)]));
    assert_eq!(read(store, |conn| issuers::get(conn, one, a)), Some(moved));
    // Another tenant's stays as it is.
    write(store, move |conn| issuers::delete(conn, other, a));
    assert_eq!(meant("https://z", &["s"]), [mine(a)]);
    write(store, move |conn| issuers::delete(conn, one, a));
    assert_eq!(meant("https://z", &["s", "q"]), []);
    add(other, row(a, "https://z", 1), &["q"]).unwrap();
}
