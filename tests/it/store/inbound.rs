//! The guard over what comes in: removals, what is held, allowances.

use provost::store::inbound::{self, AllowanceRow, HeldRow};

use super::*;

conformance!(removals_are_counted_once_and_forgotten, what_is_held_is_kept_approved_and_released, an_allowance_is_set_and_read);

fn taken(store: &Store, source: &'static str) -> (i64, Option<Timestamp>) {
    read(store, |c| inbound::taken(c, TENANT, source, "user"))
}

fn removals_are_counted_once_and_forgotten(store: &Store) {
    let [a, b, c] = keys();
    add_objects(store, &[object("user", a), object("user", b), object("group", c)]);
    let take = |tenant, source: &'static str, key, micros| {
        write(store, move |conn| inbound::take(conn, tenant, source, "user", key, at(micros)))
    };
    assert!(take(TENANT, "hr", a, 10));
    assert!(!take(TENANT, "hr", a, 20), "each once");
    // One that is no more.
    assert!(take(TENANT, "hr", c, 20) && take(TENANT, "it", a, 5) && take(OTHER, "hr", a, 1));
    assert_eq!(taken(store, "hr"), (2, Some(at(10))));
    assert_eq!(taken(store, "nobody"), (0, None));
    assert_eq!(read(store, |c| inbound::population(c, TENANT, "hr", "user")), 3, "two are there, and one was");
    assert_eq!(read(store, |c| inbound::population(c, OTHER, "it", "user")), 0);
    write(store, move |conn| inbound::excuse(conn, TENANT, "hr", "user", a));
    assert_eq!(taken(store, "hr"), (1, Some(at(20))));
    write(store, |conn| inbound::forget(conn, TENANT, "hr", "user", at(19)));
    assert_eq!(taken(store, "hr"), (1, Some(at(20))));
    write(store, |conn| inbound::forget(conn, TENANT, "hr", "user", at(20)));
    assert_eq!((taken(store, "hr").0, taken(store, "it").0), (0, 1));
}

fn row(source: &str, key: Key, micros: i64) -> HeldRow {
    HeldRow {
        source: source.to_owned(),
        kind: "user".to_owned(),
        key,
        wire_id: "u".to_owned(),
        name: Some("U".to_owned()),
        op: "delete".to_owned(),
        at: at(micros),
        tries: 1,
        actor: "t".to_owned(),
        token: Some(key),
        request_id: "r".to_owned(),
        approved_until: None,
    }
}

fn what_is_held_is_kept_approved_and_released(store: &Store) {
    let [a, b] = keys();
    let hold = |tenant, row: HeldRow| write(store, move |c| inbound::hold(c, tenant, &row));
    hold(TENANT, row("hr", a, 1));
    hold(TENANT, row("hr", b, 1));
    hold(TENANT, row("it", a, 1));
    hold(OTHER, row("hr", a, 1));
    let get = |source: &'static str, key| read(store, |c| inbound::held(c, TENANT, source, "user", key));
    assert_eq!(get("hr", a), Some(row("hr", a, 1)));
    assert_eq!(write(store, |c| inbound::approve(c, TENANT, "hr", at(9))), 2);
    hold(TENANT, HeldRow { op: "deactivate".to_owned(), ..row("hr", a, 5) });
    let again = HeldRow { op: "deactivate".to_owned(), tries: 2, approved_until: None, ..row("hr", a, 5) };
    assert_eq!(get("hr", a), Some(again), "what was approved was not this");
    let counts = read(store, |c| inbound::held_counts(c, TENANT));
    assert_eq!(counts, [("hr".to_owned(), 2), ("it".to_owned(), 1)]);
    let listed = read(store, |c| inbound::held_of(c, TENANT, "hr", 1));
    assert_eq!(listed.iter().map(|row| row.key).collect::<Vec<_>>(), [a]);
    assert!(write(store, move |c| inbound::release(c, TENANT, "hr", "user", b)));
    assert!(!write(store, move |c| inbound::release(c, TENANT, "hr", "user", b)));
    assert_eq!(write(store, |c| inbound::reject(c, TENANT, "hr")), 1);
    assert_eq!(read(store, |c| inbound::held_counts(c, TENANT)), [("it".to_owned(), 1)]);
    assert_eq!(read(store, |c| inbound::held_counts(c, OTHER)), [("hr".to_owned(), 1)]);
}

fn an_allowance_is_set_and_read(store: &Store) {
    let one = |remaining| AllowanceRow { source: "hr".to_owned(), until: at(remaining), remaining, actor: "a".to_owned() };
    for remaining in [3, 2] {
        write(store, move |c| inbound::allow(c, TENANT, &one(remaining)));
        assert_eq!(read(store, |c| inbound::allowance(c, TENANT, "hr")), Some(one(remaining)));
    }
    assert_eq!(read(store, |c| inbound::allowance(c, OTHER, "hr")), None);
    write(store, |c| inbound::reject(c, TENANT, "hr"));
    assert_eq!(read(store, |c| inbound::allowance(c, TENANT, "hr")), None);
}
