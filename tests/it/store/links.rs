//! Targets, links, their members and waits, attempts.

use std::collections::BTreeMap;

use provost::store::attempts::{self, AttemptFilter, AttemptRow};
use provost::store::links::{self, LinkFilter, LinkRow, Want};
use provost::store::targets::{self, TargetRow};
use provost::store::{Store, StoreError, link_members, link_waits};

use super::*;

conformance!(
    targets_are_kept_by_name,
    a_wish_makes_a_link_due,
    the_most_urgent_is_first,
    a_remote_id_has_one_link,
    a_stale_epoch_writes_nothing,
    links_are_listed_and_counted,
    members_are_open_until_told,
    waiters_are_woken_once,
    attempts_are_listed_backwards_and_pruned,
);

fn target_row(name: &str) -> TargetRow {
    TargetRow {
        id: key(),
        name: name.to_owned(),
        kind: "scim".to_owned(),
        config: "{}".to_owned(),
        secrets: None,
        mappings: "[]".to_owned(),
        deprovision: "disable".to_owned(),
        guard: None,
        state: "draft".to_owned(),
        state_reason: None,
        state_since: at(1),
        rev: 1,
        created: at(1),
        dispatched_seq: 0,
        not_before: None,
        failures: 0,
        backlog: None,
    }
}

fn targets_are_kept_by_name(store: &Store) {
    let (a, b) = (target_row("a"), target_row("b"));
    for row in [b.clone(), a.clone()] {
        write(store, move |c| targets::insert(c, TENANT, &row));
    }
    assert_eq!(read(store, |c| targets::list(c, TENANT)), [a.clone(), b.clone()]);
    let twin = TargetRow { id: key(), ..a.clone() };
    let error = store.write_blocking(TENANT, move |tx| targets::insert(tx, TENANT, &twin)).unwrap_err();
    assert!(matches!(error, StoreError::Unique { table, .. } if table == "targets"));
    let renamed = TargetRow { name: "c".to_owned(), state: "active".to_owned(), rev: 2, ..a.clone() };
    let row = renamed.clone();
    assert!(write(store, move |c| targets::update(c, TENANT, &row, 1)));
    let row = renamed.clone();
    assert!(!write(store, move |c| targets::update(c, TENANT, &row, 1)));
    let ill = TargetRow {
        failures: 3,
        not_before: Some(at(9)),
        state: "quarantined".to_owned(),
        state_reason: Some("401".to_owned()),
        ..renamed.clone()
    };
    let row = ill.clone();
    assert!(write(store, move |c| targets::update_health(c, TENANT, &row)));
    let id = a.id;
    write(store, move |c| targets::dispatched(c, TENANT, id, 7));
    write(store, move |c| targets::dispatched(c, TENANT, id, 5));
    write(store, move |c| targets::set_backlog(c, TENANT, id, Some("[]")));
    // An administrator who read the target before takes nothing of that back.
    let late = TargetRow { guard: Some("{}".to_owned()), rev: 3, ..renamed };
    let row = late.clone();
    assert!(write(store, move |c| targets::update(c, TENANT, &row, 2)));
    let expected = TargetRow { dispatched_seq: 7, backlog: Some("[]".to_owned()), guard: late.guard, rev: 3, ..ill };
    assert_eq!(read(store, |c| targets::get(c, TENANT, id)), Some(expected.clone()));
    assert_eq!(read(store, |c| targets::by_name(c, TENANT, "c")), Some(expected));
    assert!(write(store, move |c| targets::delete(c, TENANT, id)));
    assert_eq!(read(store, |c| targets::get(c, TENANT, id)), None);
}

fn want(store: &Store, target: Key, wants: Vec<(Key, i32, i64)>) -> usize {
    let wants: Vec<_> =
        wants.into_iter().map(|(key, priority, due)| Want { key, kind: "user".to_owned(), priority, due: at(due) }).collect();
    write(store, move |c| links::want(c, TENANT, target, &wants))
}

fn link(store: &Store, target: Key, key: Key) -> LinkRow {
    read(store, |c| links::get(c, TENANT, target, key)).unwrap()
}

fn save(store: &Store, row: &LinkRow, epoch: i64) -> Result<bool> {
    let row = row.clone();
    store.write_blocking(TENANT, move |tx| links::update(tx, TENANT, &row, epoch))
}

fn a_wish_makes_a_link_due(store: &Store) {
    let [target, a, b] = keys();
    assert_eq!(want(store, target, vec![(a, 3, 10), (b, 1, 10)]), 2);
    let fresh = link(store, target, a);
    assert_eq!((fresh.wanted, fresh.done, fresh.status.as_str(), fresh.due), (1, 0, "pending", Some(at(10))));
    want(store, target, vec![(a, 1, 20), (a, 1, 20)]);
    let again = link(store, target, a);
    assert_eq!((again.wanted, again.priority, again.due), (2, 1, Some(at(20))));
    want(store, target, vec![(a, 4, 30)]);
    assert_eq!(link(store, target, a).priority, 1, "the more urgent one stands while work is due");
    let settled = LinkRow { done: 3, due: None, status: "linked".to_owned(), ..link(store, target, a) };
    assert!(save(store, &settled, 1).unwrap());
    want(store, target, vec![(a, 4, 40)]);
    let woken = link(store, target, a);
    assert_eq!((woken.wanted, woken.priority, woken.status.as_str(), woken.epoch), (4, 4, "linked", 1));
    assert_eq!(write(store, move |c| links::wake(c, TENANT, target, &[b, key()], at(2))), 1);
    assert_eq!(read(store, |c| links::next_due(c, TENANT, target)), Some(at(2)));
}

fn the_most_urgent_is_first(store: &Store) {
    let [target, a, b, c, d] = keys();
    want(store, target, vec![(a, 3, 1), (b, 0, 9), (c, 1, 5), (d, 1, 4)]);
    let due = |now, limit| {
        let rows = read(store, |conn| links::due(conn, TENANT, target, at(now), limit));
        rows.into_iter().map(|l| l.key).collect::<Vec<_>>()
    };
    assert_eq!(due(9, 10), [b, d, c, a]);
    assert_eq!(due(8, 2), [d, c]);
    assert_eq!(due(0, 10), []);
    assert_eq!(read(store, |conn| links::next_due(conn, TENANT, target)), Some(at(1)));
    assert_eq!(read(store, |conn| links::next_due(conn, OTHER, target)), None);
}

fn a_remote_id_has_one_link(store: &Store) {
    let [target, a, b] = keys();
    want(store, target, vec![(a, 1, 1), (b, 1, 1)]);
    let first = LinkRow { remote_id: Some("r1".to_owned()), ..link(store, target, a) };
    assert!(save(store, &first, 1).unwrap());
    let second = LinkRow { remote_id: Some("r1".to_owned()), ..link(store, target, b) };
    assert!(matches!(save(store, &second, 1), Err(StoreError::Unique { table, .. }) if table == "links"));
    let found = read(store, |c| links::by_remote(c, TENANT, target, "user", "r1")).unwrap();
    assert_eq!(found.key, a);
    assert_eq!(read(store, |c| links::by_remote(c, TENANT, target, "group", "r1")), None);
    assert_eq!(read(store, |c| links::of_object(c, TENANT, a)).len(), 1);
    assert_eq!(read(store, |c| links::many(c, TENANT, target, &[a, b, key()])).len(), 2);
}

fn a_stale_epoch_writes_nothing(store: &Store) {
    let [target, a] = keys();
    want(store, target, vec![(a, 1, 1)]);
    let row = LinkRow {
        intent: Some("create".to_owned()),
        intent_at: Some(at(3)),
        applied_hash: Some(vec![1, 2]),
        error: Some("e".to_owned()),
        ..link(store, target, a)
    };
    assert!(save(store, &row, 5).unwrap());
    assert!(!save(store, &LinkRow { intent: None, ..row.clone() }, 4).unwrap());
    assert_eq!(link(store, target, a), LinkRow { epoch: 5, ..row.clone() });
    assert_eq!(write(store, move |c| links::distrust(c, TENANT, target, &[a, key()])), 1);
    assert_eq!(link(store, target, a), LinkRow { epoch: 5, applied_hash: None, ..row });
}

fn links_are_listed_and_counted(store: &Store) {
    let [target, a, b, c] = keys();
    want(store, target, vec![(a, 1, 1), (b, 1, 1), (c, 1, 1)]);
    let parked = LinkRow { status: "parked".to_owned(), error_class: Some("auth".to_owned()), ..link(store, target, b) };
    assert!(save(store, &parked, 1).unwrap());
    let list = |filter, after| {
        let rows = read(store, |conn| links::list(conn, TENANT, target, filter, after, 2));
        rows.into_iter().map(|l| l.key).collect::<Vec<_>>()
    };
    assert_eq!(list(LinkFilter::default(), None), [a, b]);
    assert_eq!(list(LinkFilter::default(), Some(b)), [c]);
    assert_eq!(list(LinkFilter { status: Some("parked"), ..LinkFilter::default() }, None), [b]);
    assert_eq!(list(LinkFilter { error_class: Some("auth"), kind: Some("group"), ..LinkFilter::default() }, None), []);
    let held = LinkRow {
        status: "held".to_owned(),
        intent: Some("batch".to_owned()),
        failed_since: Some(at(5)),
        ..link(store, target, c)
    };
    assert!(save(store, &held, 1).unwrap());
    assert_eq!(read(store, |conn| links::held(conn, TENANT, target)), BTreeMap::from([("batch".to_owned(), 1)]));
    assert_eq!(list(LinkFilter { intent: Some("batch"), ..LinkFilter::default() }, None), [c]);
    assert_eq!(list(LinkFilter { failed_since: Some(at(5)), ..LinkFilter::default() }, None), [c]);
    assert_eq!(list(LinkFilter { failed_since: Some(at(6)), ..LinkFilter::default() }, None), []);
    assert!(save(store, &LinkRow { status: "pending".to_owned(), ..held }, 1).unwrap());
    let counts = read(store, |conn| links::counts(conn, TENANT, target));
    assert_eq!(counts, BTreeMap::from([("parked".to_owned(), 1), ("pending".to_owned(), 2)]));
    assert!(write(store, move |conn| links::delete(conn, TENANT, target, a)));
    assert_eq!(write(store, move |conn| links::delete_all(conn, TENANT, target)), 2);
}

fn members_are_open_until_told(store: &Store) {
    let [target, group, a, b] = keys();
    let want = |wants: Vec<(Key, bool)>| write(store, move |c| link_members::want(c, TENANT, target, group, &wants));
    let tell = |told: Vec<(Key, Option<String>)>| {
        write(store, move |c| link_members::applied(c, TENANT, target, group, &told));
    };
    let open = || {
        let rows = read(store, |c| link_members::open(c, TENANT, target, group, None, 10));
        rows.into_iter().map(|m| (m.member_key, m.wanted)).collect::<Vec<_>>()
    };
    want(vec![(a, true), (b, false), (b, true)]);
    assert_eq!(open(), [(a, true), (b, true)]);
    tell(vec![(a, Some("ra".to_owned())), (b, Some("rb".to_owned()))]);
    assert_eq!(open(), []);
    want(vec![(a, false)]);
    assert_eq!(open(), [(a, false)]);
    tell(vec![(a, None)]);
    assert_eq!(open(), []);
    let left = read(store, |c| link_members::of(c, TENANT, target, group, None, 10));
    assert_eq!(left.iter().map(|m| (m.member_key, m.applied.as_deref())).collect::<Vec<_>>(), [(b, Some("rb"))]);
    write(store, move |c| link_members::depart(c, TENANT, target, group, b));
    assert_eq!(open(), [(b, true)], "no member at the target any more");
    tell(vec![(b, Some("rb".to_owned()))]);
    tell(vec![(b, None)]);
    assert_eq!(open(), [(b, true)], "still wanted");
    assert_eq!(write(store, move |c| link_members::delete_all(c, TENANT, target, Some(group))), 1);
    assert_eq!(write(store, move |c| link_members::delete_all(c, TENANT, target, None)), 0);
}

fn waiters_are_woken_once(store: &Store) {
    let [target, a, b, c] = keys();
    write(store, move |conn| {
        link_waits::add(conn, TENANT, target, a, &[b, c])?;
        link_waits::add(conn, TENANT, target, a, &[c])?;
        link_waits::add(conn, TENANT, target, b, &[c])
    });
    assert_eq!(write(store, move |conn| link_waits::take(conn, TENANT, target, c)), [a, b]);
    assert_eq!(write(store, move |conn| link_waits::take(conn, TENANT, target, c)), []);
    assert_eq!(write(store, move |conn| link_waits::delete_all(conn, TENANT, target)), 1);
}

fn attempts_are_listed_backwards_and_pruned(store: &Store) {
    let ids = keys::<4>();
    let [target, a] = keys();
    let rows: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(n, id)| AttemptRow {
            id: *id,
            target,
            key: if n == 0 { a } else { key() },
            kind: "user".to_owned(),
            op: "create".to_owned(),
            outcome: if n == 1 { "error" } else { "ok" }.to_owned(),
            status: (n == 1).then_some(500),
            paths: "[]".to_owned(),
            error: None,
            at: at(i64::try_from(n).unwrap()),
            millis: 3,
        })
        .collect();
    let added = rows.clone();
    write(store, move |c| attempts::insert(c, TENANT, &added));
    let list = |filter, before, limit| {
        let rows = read(store, |c| attempts::list(c, TENANT, filter, before, limit));
        rows.into_iter().map(|a| a.id).collect::<Vec<_>>()
    };
    assert_eq!(list(AttemptFilter::default(), None, 2), [ids[3], ids[2]]);
    assert_eq!(list(AttemptFilter::default(), Some(ids[2]), 9), [ids[1], ids[0]]);
    assert_eq!(list(AttemptFilter { target: Some(target), outcome: Some("error"), key: None }, None, 9), [ids[1]]);
    assert_eq!(list(AttemptFilter { key: Some(a), ..AttemptFilter::default() }, None, 9), [ids[0]]);
    let done = AttemptRow { id: key(), op: "delete".to_owned(), outcome: "done".to_owned(), ..rows[2].clone() };
    let elsewhere = AttemptRow { id: key(), target: a, ..done.clone() };
    write(store, move |c| attempts::insert(c, OTHER, &[done.clone(), elsewhere.clone()]));
    let since = |from| read(store, |c| attempts::done_since(c, OTHER, target, &["delete", "disable"], at(from)));
    assert_eq!((since(2), since(3)), (vec![at(2)], vec![]));
    assert_eq!(read(store, |c| attempts::done_since(c, TENANT, target, &["delete"], at(0))), []);
    assert_eq!(write(store, |c| attempts::prune(c, TENANT, at(2), 1)), 1);
    assert_eq!(write(store, |c| attempts::prune(c, TENANT, at(2), 9)), 1);
    assert_eq!(list(AttemptFilter::default(), None, 9), [ids[3], ids[2]]);
}
