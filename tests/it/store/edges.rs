//! Edges, chains of edges, unresolved references.

use provost::domain::schema::Side;
use provost::store::Store;
use provost::store::edges::{self, EdgeKey, EdgeRow};
use provost::store::unresolved::{self, UnresolvedRow};

use super::*;

conformance!(
    edges_are_found_from_both_ends,
    pages_do_not_lose_parallel_edges,
    an_object_takes_its_edges_along,
    chains_are_followed,
    unresolved_references_are_kept_and_listed,
);

fn edge(relation: &str, from: Key, to: Key, variant: &str) -> EdgeRow {
    EdgeRow {
        relation: relation.to_owned(),
        from_key: from,
        to_key: to,
        variant: variant.to_owned(),
        id: key(),
        from_type: "group".to_owned(),
        to_type: "user".to_owned(),
        rev: 1,
        created: at(5),
        properties: None,
    }
}

fn add(store: &Store, rows: &[EdgeRow]) -> usize {
    let rows = rows.to_vec();
    write(store, move |c| edges::insert_many(c, TENANT, &rows))
}

fn edges_are_found_from_both_ends(store: &Store) {
    let [a, b, u, v] = keys();
    let rows = [edge("membership", a, u, ""), edge("membership", a, v, ""), edge("membership", b, u, "")];
    assert_eq!(add(store, &rows), 3);
    assert_eq!(add(store, &[edge("membership", a, u, ""), edge("membership", b, v, "")]), 1, "what exists is left alone");
    assert_eq!(read(store, |c| edges::get(c, TENANT, rows[0].id)), Some(rows[0].clone()));
    assert_eq!(read(store, |c| edges::get(c, OTHER, rows[0].id)), None);
    assert_eq!(read(store, |c| edges::find(c, TENANT, "membership", a, v)), [rows[1].clone()]);
    let others = |side, key| {
        let rows = read(store, |c| edges::of(c, TENANT, "membership", side, key, None, 10));
        rows.iter().map(|e| e.other(side)).collect::<Vec<_>>()
    };
    assert_eq!(others(Side::From, a), [u, v]);
    assert_eq!(others(Side::To, u), [a, b]);
    assert_eq!(read(store, |c| edges::of_many(c, TENANT, "membership", Side::To, &[u, v])).len(), 4);
    assert_eq!(read(store, |c| edges::count_of(c, TENANT, "membership", Side::From, a)), 2);
    assert!(read(store, |c| edges::has_any(c, TENANT, "membership", Side::To, v)));
    assert!(!read(store, |c| edges::has_any(c, TENANT, "grant", Side::To, v)));

    let id = rows[0].id;
    assert!(write(store, move |c| edges::update_properties(c, TENANT, id, 1, Some("{}"))));
    assert!(!write(store, move |c| edges::update_properties(c, TENANT, id, 1, None)));
    let changed = read(store, |c| edges::get(c, TENANT, id)).unwrap();
    assert_eq!((changed.rev, changed.properties.as_deref()), (2, Some("{}")));

    let deleted = write(store, move |c| {
        let full = |from_key, to_key| EdgeKey { relation: "membership", from_key, to_key, variant: "" };
        edges::delete(c, TENANT, &[full(a, u), full(a, a)])
    });
    assert_eq!(deleted, 1);
    assert_eq!(others(Side::From, a), [v]);
}

fn pages_do_not_lose_parallel_edges(store: &Store) {
    let [user, r, s, t] = keys();
    let rows = [
        edge("grant", user, r, ""),
        edge("grant", user, r, "conditional"),
        edge("grant", user, s, "conditional"),
        edge("grant", user, t, ""),
    ];
    add(store, &rows);
    for size in 1..5 {
        let mut seen: Vec<EdgeRow> = Vec::new();
        loop {
            let page = read(store, |c| edges::of(c, TENANT, "grant", Side::From, user, seen.last(), size));
            if page.is_empty() {
                break;
            }
            seen.extend(page);
        }
        assert_eq!(seen, rows, "pages of {size}");
    }
    let seen = read(store, |c| edges::of(c, TENANT, "grant", Side::To, r, Some(&rows[0]), 9));
    assert_eq!(seen, [rows[1].clone()]);
}

fn an_object_takes_its_edges_along(store: &Store) {
    let [a, b, c] = keys();
    let kept = edge("grant", b, c, "");
    let mut gone = [edge("grant", a, b, ""), edge("manager", c, a, ""), edge("manager", a, a, ""), edge("membership", b, a, "")];
    add(store, &gone);
    add(store, std::slice::from_ref(&kept));
    let mut removed = write(store, move |conn| edges::delete_all_of(conn, TENANT, a));
    removed.sort_by_key(|e| e.id);
    gone.sort_by_key(|e| e.id);
    assert_eq!(removed, gone);
    assert_eq!(read(store, |conn| edges::of_many(conn, TENANT, "grant", Side::From, &[a, b])), [kept]);
}

fn chains_are_followed(store: &Store) {
    // a ⊃ b ⊃ d ⊃ u, a ⊃ c ⊃ d, a ⊃ u; and d ⊃ a closes a cycle, which must end.
    let [a, b, c, d, u] = keys();
    let pairs = [(a, b), (b, d), (a, c), (c, d), (d, u), (a, u), (d, a)];
    add(store, &pairs.map(|(from, to)| edge("membership", from, to, "")));
    let above = |key, depth| {
        let rows = read(store, |conn| edges::ancestors(conn, TENANT, "membership", key, depth));
        rows.into_iter().map(|r| (r.key, r.depth)).collect::<Vec<_>>()
    };
    assert_eq!(above(u, 1), [(a, 1), (d, 1)]);
    assert_eq!(above(u, 16), [(a, 1), (d, 1), (b, 2), (c, 2)]);
    let below = read(store, |conn| edges::descendants(conn, TENANT, "membership", b, 2));
    let below: Vec<_> = below.into_iter().map(|r| (r.key, r.kind, r.depth)).collect();
    let user = "user".to_owned();
    assert_eq!(below, [(d, user.clone(), 1), (a, user.clone(), 2), (u, user, 2)]);
    assert_eq!(read(store, |conn| edges::ancestors(conn, OTHER, "membership", u, 16)), []);
}

fn unresolved_references_are_kept_and_listed(store: &Store) {
    let [a, b] = keys();
    let row = |key, relation: &str, value: &str| UnresolvedRow {
        key,
        relation: relation.to_owned(),
        value: value.to_owned(),
        element: "{}".to_owned(),
        created: at(1),
    };
    let rows = vec![row(a, "manager", "m"), row(a, "membership", "x"), row(a, "membership", "y"), row(b, "manager", "m")];
    let added = rows.clone();
    assert_eq!(write(store, move |c| unresolved::add(c, TENANT, &added)), 4);
    let added = rows.clone();
    assert_eq!(write(store, move |c| unresolved::add(c, TENANT, &added[..2])), 0);
    assert_eq!(read(store, |c| unresolved::of(c, TENANT, a)), rows[..3]);
    let mut listed: Vec<UnresolvedRow> = Vec::new();
    while let [row] = &read(store, |c| unresolved::list(c, TENANT, listed.last(), 1))[..] {
        listed.push(row.clone());
    }
    assert_eq!(listed, rows);
    assert!(write(store, move |c| unresolved::remove(c, TENANT, a, "membership", "x")));
    assert!(!write(store, move |c| unresolved::remove(c, TENANT, a, "membership", "x")));
    assert_eq!(write(store, move |c| unresolved::remove_all(c, TENANT, a, Some("manager"))), 1);
    assert_eq!(write(store, move |c| unresolved::remove_all(c, TENANT, a, None)), 1);
}
