//! The log of changes.

use provost::store::Store;
use provost::store::changes::{self, ChangeFilter, ChangeRow};

use super::*;

conformance!(changes_are_numbered_without_gaps, concurrent_writers_leave_no_gap, changes_are_filtered);

fn change(key: Key, rev: i64) -> ChangeRow {
    ChangeRow {
        id: super::key(),
        seq: None,
        at: at(rev),
        kind: "user".to_owned(),
        key,
        op: "update".to_owned(),
        rev,
        other_key: None,
        actor: "tester".to_owned(),
        token: None,
        source: "hr".to_owned(),
        dialect: "scim".to_owned(),
        request_id: "r".to_owned(),
        detail: "{}".to_owned(),
    }
}

fn append(store: &Store, tenant: TenantId, rows: Vec<ChangeRow>) {
    write(store, move |c| changes::append(c, tenant, &rows));
}

/// SQLite has numbered them already, so there is nothing to do.
fn number_all(store: &Store) -> usize {
    let mut numbered = 0;
    loop {
        let now = write(store, |c| changes::number(c, TENANT, 2));
        if now == 0 {
            return numbered;
        }
        numbered += now;
    }
}

fn after(store: &Store, seq: i64, filter: ChangeFilter<'_>) -> Vec<ChangeRow> {
    read(store, |c| changes::after(c, TENANT, seq, 1000, filter))
}

fn changes_are_numbered_without_gaps(store: &Store) {
    let [a, b] = keys();
    let rows = vec![change(a, 1), change(b, 1), change(a, 2)];
    append(store, TENANT, rows.clone());
    append(store, OTHER, vec![change(a, 1)]);
    append(store, TENANT, vec![ChangeRow { other_key: Some(b), ..change(a, 3) }]);
    assert_eq!(number_all(store), if store.is_sqlite() { 0 } else { 4 });
    let seen = after(store, 0, ChangeFilter::default());
    assert_eq!(seen.iter().map(|c| c.seq).collect::<Vec<_>>(), [Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!(seen.iter().map(|c| c.id).collect::<Vec<_>>()[..3], rows.iter().map(|c| c.id).collect::<Vec<_>>());
    assert_eq!(seen[3].other_key, Some(b));
    assert_eq!(ChangeRow { seq: None, ..seen[0].clone() }, rows[0]);
    assert_eq!(after(store, 3, ChangeFilter::default()), seen[3..]);
    assert_eq!(read(store, |c| changes::last_seq(c, TENANT)), 4);
}

fn concurrent_writers_leave_no_gap(store: &Store) {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for rev in 0..10 {
                    append(store, TENANT, vec![change(key(), rev), change(key(), rev)]);
                }
            });
        }
        if !store.is_sqlite() {
            scope.spawn(|| {
                for _ in 0..10 {
                    number_all(store);
                }
            });
        }
    });
    number_all(store);
    let seen: Vec<_> = after(store, 0, ChangeFilter::default()).into_iter().map(|c| c.seq.unwrap()).collect();
    assert_eq!(seen, (1..=80).collect::<Vec<_>>());
}

fn changes_are_filtered(store: &Store) {
    let [a, b] = keys();
    append(store, TENANT, vec![change(a, 1)]);
    append(store, TENANT, vec![ChangeRow { kind: "group".to_owned(), actor: "else".to_owned(), ..change(b, 1) }]);
    append(store, TENANT, vec![change(b, 2)]);
    number_all(store);
    let seqs = |filter| after(store, 0, filter).into_iter().map(|c| c.seq.unwrap()).collect::<Vec<_>>();
    assert_eq!(seqs(ChangeFilter { kind: Some("group"), ..ChangeFilter::default() }), [2]);
    assert_eq!(seqs(ChangeFilter { key: Some(b), ..ChangeFilter::default() }), [2, 3]);
    assert_eq!(seqs(ChangeFilter { key: Some(b), actor: Some("tester"), ..ChangeFilter::default() }), [3]);
}
