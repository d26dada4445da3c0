//! Stretches of an object's edges, by the far end and by an indexed value.

use provost::domain::schema::Side;
use provost::store::edge_pages::{self, EdgeOrder, EdgePlace, EdgeStretch, EdgeTest, EdgesOf};
use provost::store::edges::{self, EdgeRow};
use provost::store::index::{self, IndexRow};
use provost::store::query::{self, Predicate, Test};

use super::*;

conformance!(tests_select_what_they_say, orders_are_walked_in_stretches, edges_are_found_and_removed_as_sets);

const PATH: i32 = 7;

struct Members {
    role: Key,
    rows: Vec<EdgeRow>,
}

fn of(near: Key) -> EdgesOf<'static> {
    EdgesOf { tenant: TENANT, relation: "grant", side: Side::To, near }
}

/// Six holders: values b, a, b, none, c, a; the second held twice, the fifth by condition; and another tenant's edge.
fn fill(store: &Store) -> Members {
    let [role, u0, u1, u2, u3, u4, u5] = keys();
    let holders = [u0, u1, u2, u3, u4, u5];
    let edge = |from: Key, variant: &str| EdgeRow {
        relation: "grant".to_owned(),
        from_key: from,
        to_key: role,
        variant: variant.to_owned(),
        id: key(),
        from_type: if from == u3 { "group" } else { "user" }.to_owned(),
        to_type: "role".to_owned(),
        rev: 3,
        created: at(5),
        properties: (!variant.is_empty()).then(|| "{}".to_owned()),
    };
    let mut rows: Vec<EdgeRow> = holders.iter().map(|key| edge(*key, if *key == u4 { "conditional" } else { "" })).collect();
    rows.insert(2, edge(u1, "~1"));
    let (all, foreign) = (rows.clone(), edge(u0, ""));
    write(store, move |c| {
        edges::insert_many(c, TENANT, &all)?;
        edges::insert_many(c, OTHER, std::slice::from_ref(&foreign))?;
        for (place, (holder, value)) in holders.iter().zip(["b", "a", "b", "", "c", "a"]).enumerate() {
            let kind = if place == 3 { "group" } else { "user" };
            let row = ObjectRow { key: *holder, wire_id: format!("w{place}"), ..object(kind, *holder) };
            objects::insert(c, TENANT, &row)?;
            if !value.is_empty() {
                index::apply(c, TENANT, &[], &[IndexRow { path: PATH, value: value.to_owned(), key: *holder }])?;
            }
        }
        Ok(())
    });
    Members { role, rows }
}

fn ids(rows: &[&EdgeRow]) -> Vec<Key> {
    rows.iter().map(|row| row.id).collect()
}

const ALL: EdgeStretch<'_> =
    EdgeStretch { order: EdgeOrder::Far, descending: false, keys_descending: false, after: None, offset: 0, limit: 100 };

fn tests_select_what_they_say(store: &Store) {
    let Members { role, rows } = fill(store);
    let r: Vec<&EdgeRow> = rows.iter().collect();
    let valued = |value: &str| Predicate::Indexed { path: PATH, test: Test::Eq(value.to_owned()) };
    let target = |predicate| EdgeTest::Target("user".to_owned(), predicate);
    let b = || target(valued("b"));
    for (test, expected) in [
        (EdgeTest::All, ids(&r)),
        (EdgeTest::None, vec![]),
        (EdgeTest::Id(r[2].id), ids(&[r[2]])),
        (EdgeTest::Conditional, ids(&[r[5]])),
        (EdgeTest::Leads("group".to_owned()), ids(&[r[4]])),
        (b(), ids(&[r[0], r[3]])),
        (EdgeTest::Not(Box::new(b())), ids(&[r[1], r[2], r[4], r[5], r[6]])),
        (EdgeTest::And(vec![EdgeTest::Not(Box::new(EdgeTest::Conditional)), EdgeTest::Leads("user".to_owned())]), {
            ids(&[r[0], r[1], r[2], r[3], r[6]])
        }),
        (EdgeTest::Or(vec![EdgeTest::Conditional, b()]), ids(&[r[0], r[3], r[5]])),
        (target(Predicate::And(vec![valued("a"), Predicate::Not(Box::new(Predicate::WireId("w1".to_owned())))])), ids(&[r[6]])),
        (target(Predicate::WireId("w3".to_owned())), vec![]),
        (EdgeTest::And(vec![]), ids(&r)),
        (EdgeTest::Or(vec![]), vec![]),
    ] {
        let found = read(store, |c| edge_pages::stretch(c, of(role), &test, &ALL));
        assert_eq!(found.iter().map(|(_, row)| row.id).collect::<Vec<_>>(), expected, "{test:?}");
        let counted = read(store, |c| edge_pages::count(c, of(role), &test, i64::MAX));
        assert_eq!(usize::try_from(counted).unwrap(), expected.len(), "{test:?}");
        assert_eq!(read(store, |c| edge_pages::count(c, of(role), &test, 1)), i64::from(!expected.is_empty()));
    }
    assert_eq!(read(store, |c| edge_pages::stretch(c, of(role), &EdgeTest::All, &ALL))[2].1, rows[2], "the whole row");
    let most = |most| read(store, |c| query::count_up_to(c, TENANT, "user", &valued("a"), most));
    assert_eq!((most(1), most(9)), (1, 2));
}

fn orders_are_walked_in_stretches(store: &Store) {
    let Members { role, rows } = fill(store);
    let r: Vec<&EdgeRow> = rows.iter().collect();
    let by = EdgeOrder::Indexed(PATH);
    for (order, descending, keys_descending, expected) in [
        (EdgeOrder::Far, false, false, ids(&r)),
        (EdgeOrder::Far, false, true, ids(&[r[6], r[5], r[4], r[3], r[1], r[2], r[0]])),
        (by, false, false, ids(&[r[1], r[2], r[6], r[0], r[3], r[5]])),
        (by, false, true, ids(&[r[6], r[1], r[2], r[3], r[0], r[5]])),
        (by, true, false, ids(&[r[5], r[0], r[3], r[1], r[2], r[6]])),
        (by, true, true, ids(&[r[5], r[3], r[0], r[6], r[1], r[2]])),
    ] {
        for limit in 1..5 {
            let mut seen: Vec<Key> = Vec::new();
            let mut after: Option<EdgePlace> = None;
            loop {
                let wish = EdgeStretch { order, descending, keys_descending, after: after.as_ref(), offset: 0, limit };
                let page = read(store, |c| edge_pages::stretch(c, of(role), &EdgeTest::All, &wish));
                let Some((value, last)) = page.last() else { break };
                after = Some(EdgePlace { value: value.clone(), far: last.from_key, variant: last.variant.clone() });
                seen.extend(page.iter().map(|(_, row)| row.id));
            }
            assert_eq!(seen, expected, "{order:?} {descending} {keys_descending} by {limit}");
        }
        let wish = EdgeStretch { order, descending, keys_descending, after: None, offset: 2, limit: 2 };
        let page = read(store, |c| edge_pages::stretch(c, of(role), &EdgeTest::All, &wish));
        assert_eq!(page.iter().map(|(_, row)| row.id).collect::<Vec<_>>(), expected[2..4]);
    }
}

fn edges_are_found_and_removed_as_sets(store: &Store) {
    let Members { role, rows } = fill(store);
    let sorted = |mut rows: Vec<EdgeRow>| {
        rows.sort_unstable_by(|a, b| (a.from_key, &a.variant).cmp(&(b.from_key, &b.variant)));
        rows
    };
    let far = [rows[1].from_key, rows[3].from_key, key()];
    let between = read(store, |c| edges::between(c, TENANT, "grant", Side::To, role, &far));
    assert_eq!(sorted(between), rows[1..4]);
    let between = read(store, |c| edges::between(c, TENANT, "grant", Side::From, rows[1].from_key, &[role]));
    assert_eq!(sorted(between), rows[1..3]);
    let wanted = [rows[0].id, rows[5].id, key()];
    assert_eq!(sorted(read(store, |c| edges::by_ids(c, TENANT, &wanted))), [rows[0].clone(), rows[5].clone()]);
    assert_eq!(read(store, |c| edges::by_ids(c, OTHER, &wanted)), []);
    assert_eq!(write(store, move |c| edges::delete_by_ids(c, OTHER, &wanted)), 0);
    assert_eq!(write(store, move |c| edges::delete_by_ids(c, TENANT, &wanted)), 2);
    assert_eq!(read(store, |c| edge_pages::count(c, of(role), &EdgeTest::All, i64::MAX)), 5);
}
