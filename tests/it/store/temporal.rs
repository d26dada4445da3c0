//! Temporal constraints and the instants that are due.

use provost::domain::temporal::Interval;
use provost::store::Store;
use provost::store::temporal::{self, TemporalRow};

use super::*;

conformance!(instants_are_given_out_in_order_and_once, the_past_is_never_due);

fn interval(start: i64, end: i64) -> Interval {
    Interval { start: at(start), end: at(end) }
}

fn instants_are_given_out_in_order_and_once(store: &Store) {
    let [role, first, second] = keys();
    let rows = [
        TemporalRow::new(role, false, interval(20, 40), at(0)),
        TemporalRow::new(first, true, interval(10, 30), at(0)),
        TemporalRow::new(second, true, interval(10, 90), at(0)),
    ];
    let all = rows.clone();
    write(store, move |conn| temporal::put(conn, TENANT, &all));
    let due = |now: i64, limit: i64| {
        let rows = read(store, |conn| temporal::due(conn, TENANT, at(now), limit));
        rows.into_iter().map(|row| (row.key, row.due.unwrap().micros())).collect::<Vec<_>>()
    };
    assert_eq!(due(9, 10), []);
    assert_eq!(due(10, 10), [(first, 10), (second, 10)]);
    assert_eq!(due(50, 10), [(first, 10), (second, 10), (role, 20)]);
    assert_eq!(due(50, 1), [(first, 10)]);
    assert_eq!(read(store, temporal::next), Some(at(10)));
    assert_eq!(read(store, |conn| temporal::tenants_due(conn, at(9))), []);
    assert_eq!(read(store, |conn| temporal::tenants_due(conn, at(10))), [TENANT]);
    assert_eq!(read(store, |conn| temporal::due(conn, OTHER, at(50), 10)), []);
    let advance = |key, from: i64, to: Option<i64>| {
        let to = to.map(at);
        write(store, move |conn| temporal::advance(conn, TENANT, key, at(from), to))
    };
    assert!(advance(first, 10, Some(30)));
    assert!(!advance(first, 10, Some(30)), "once");
    assert!(!write(store, move |conn| temporal::advance(conn, OTHER, second, at(10), None)));
    assert_eq!(due(50, 10), [(second, 10), (role, 20), (first, 30)]);
    assert!(advance(first, 30, None));
    assert_eq!(due(50, 10), [(second, 10), (role, 20)]);

    // Another constraint takes the place of the old one, with its instants.
    let again = TemporalRow::new(role, false, interval(60, 70), at(50));
    let replaced = again.clone();
    write(store, move |conn| temporal::put(conn, TENANT, std::slice::from_ref(&replaced)));
    assert_eq!(due(50, 10), [(second, 10)]);
    assert_eq!(read(store, |conn| temporal::of_many(conn, TENANT, &[role])), [again]);
    assert_eq!(read(store, |conn| temporal::of_many(conn, TENANT, &[])), []);
    assert_eq!(read(store, |conn| temporal::of_many(conn, OTHER, &[role])), []);
    let page = |after| read(store, |conn| temporal::page(conn, TENANT, after, 2)).into_iter().map(|r| r.key).collect::<Vec<_>>();
    assert_eq!((page(None), page(Some(first))), (vec![role, first], vec![second]));
    assert_eq!(write(store, move |conn| temporal::remove(conn, TENANT, &[role, second])), 2);
    assert_eq!(write(store, move |conn| temporal::remove(conn, TENANT, &[role, second])), 0);
    assert_eq!(read(store, temporal::next), None);
}

fn the_past_is_never_due(_: &Store) {
    let due = |now: i64| TemporalRow::new(key(), false, interval(10, 20), at(now)).due;
    for (now, expected) in [(9, Some(10)), (10, Some(20)), (19, Some(20)), (20, None), (21, None)] {
        assert_eq!(due(now), expected.map(at), "written at {now}");
    }
}
