//! Stretches of an order, on both engines: each is a piece of the whole list sorted here.

use provost::domain::normal;
use provost::store::index::{self, IndexRow};
use provost::store::objects::ObjectRow;
use provost::store::ordered::{self, By, Place, Stretch};
use provost::store::query::{Bounds, Predicate, Test};

use super::*;

conformance!(each_stretch_is_a_piece_of_the_whole, a_total_is_followed_through_changes);

const PATH: i32 = 1;
const VALUES: [Option<&str>; 7] = [Some("b"), None, Some("a"), Some("é"), Some("b"), Some("Z"), None];

fn rows() -> Vec<ObjectRow> {
    let row = |(n, key): (usize, Key)| {
        let n = n as i64;
        ObjectRow {
            wire_id: format!("w{}", (n * 5) % 7),
            created: at((n * 3) % 7),
            modified: at((n % 3) * 10),
            ..object("user", key)
        }
    };
    keys::<7>().into_iter().enumerate().map(row).collect()
}

fn each_stretch_is_a_piece_of_the_whole(store: &Store) {
    let rows = rows();
    add_objects(store, &rows);
    add_objects(store, &[object("group", key())]);
    let values: Vec<_> = VALUES
        .iter()
        .zip(&rows)
        .filter_map(|(value, row)| value.map(|value| IndexRow { path: PATH, value: value.to_owned(), key: row.key }))
        .collect();
    write(store, move |c| index::apply(c, TENANT, &[], &values));
    let few = Predicate::And(vec![
        Predicate::Modified(Bounds { lower: Some((at(5), true)), upper: None }),
        Predicate::Not(Box::new(Predicate::Indexed { path: PATH, test: Test::Eq("Z".to_owned()) })),
    ]);
    for predicate in [Predicate::All, few] {
        let passes = |n: usize| predicate == Predicate::All || (rows[n].modified >= at(5) && VALUES[n] != Some("Z"));
        for by in [By::Key, By::WireId, By::Created, By::Modified, By::Indexed(PATH)] {
            let place = |(n, row): (usize, &ObjectRow)| {
                let value = match by {
                    By::Key => String::new(),
                    By::WireId => row.wire_id.clone(),
                    By::Created => normal::instant(row.created),
                    By::Modified => normal::instant(row.modified),
                    By::Indexed(_) => VALUES[n]?.to_owned(),
                };
                passes(n).then_some(Place { value, key: row.key })
            };
            let mut whole: Vec<Place> = rows.iter().enumerate().filter_map(place).collect();
            whole.sort();
            assert!(whole.len() > 1);
            for descending in [false, true] {
                if descending {
                    whole.reverse();
                }
                for offset in 0..3 {
                    for limit in [0, 2, 100] {
                        for start in std::iter::once(None).chain((0..whole.len()).map(Some)) {
                            let wish = Stretch {
                                by,
                                descending,
                                after: start.map(|n| &whole[n]),
                                offset: offset as i64,
                                limit: limit as i64,
                            };
                            let found = read(store, |c| ordered::stretch(c, TENANT, "user", &predicate, &wish));
                            let skip = start.map_or(0, |n| n + 1) + offset;
                            let expected: Vec<Place> = whole.iter().skip(skip).take(limit).cloned().collect();
                            assert_eq!(found, expected, "{wish:?} {predicate:?}");
                        }
                    }
                }
            }
        }
    }
    let nobody = Stretch { by: By::WireId, descending: false, after: None, offset: 0, limit: 9 };
    assert_eq!(read(store, |c| ordered::stretch(c, OTHER, "user", &Predicate::All, &nobody)), []);
}

fn a_total_is_followed_through_changes(store: &Store) {
    use provost::store::changes::{self, ChangeRow, Growth};
    let change = |kind: &str, op: &str| ChangeRow {
        id: key(),
        seq: None,
        at: at(0),
        kind: kind.to_owned(),
        key: key(),
        op: op.to_owned(),
        rev: 1,
        other_key: None,
        actor: String::new(),
        token: None,
        source: String::new(),
        dialect: String::new(),
        request_id: String::new(),
        detail: "{}".to_owned(),
    };
    let rows: Vec<_> = [("user", "create"), ("group", "create"), ("user", "update"), ("user", "create"), ("user", "delete")]
        .map(|(kind, op)| change(kind, op))
        .into();
    write(store, move |c| changes::append(c, TENANT, &rows));
    if !store.is_sqlite() {
        for (limit, expected) in [(100, (5, 1)), (2, (2, 1)), (4, (4, 2))] {
            let found = read(store, |c| changes::growth_of_open(c, TENANT, "user", limit));
            // Which are read first is not said; how many is.
            assert_eq!(found.changes, expected.0);
            assert!(limit < 100 || found.objects == expected.1);
        }
        write(store, |c| changes::number(c, TENANT, 100));
    }
    let growth = |kind: &'static str, seq| read(store, |c| changes::growth(c, TENANT, kind, seq));
    assert_eq!(growth("user", 0), Growth { changes: 5, objects: 1 });
    assert_eq!(growth("user", 4), Growth { changes: 1, objects: -1 });
    assert_eq!(growth("group", 0), Growth { changes: 5, objects: 1 });
    assert_eq!(growth("role", 5), Growth { changes: 0, objects: 0 });
    assert_eq!(read(store, |c| changes::growth_of_open(c, TENANT, "user", 9)), Growth { changes: 0, objects: 0 });
    assert_eq!(read(store, |c| changes::growth(c, OTHER, "user", 0)), Growth { changes: 0, objects: 0 });
}
