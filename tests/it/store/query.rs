//! Predicates select what they say, on both engines.

use std::cell::RefCell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use provost::domain::schema::Side;
use provost::store::edges::{self, EdgeRow};
use provost::store::index::{self, IndexRow};
use provost::store::objects::ObjectRow;
use provost::store::ordered::{self, By, Stretch};
use provost::store::query::{self, Bounds, Predicate, Test};

use super::*;

conformance!(predicates_select_what_they_say, many_keys_fit_into_one_predicate);

const VALUES: [&str; 9] = ["", "a", "ab", "b", "a%", "a_", "Z", "é", "\u{10ffff}x"];

/// One object with all that a predicate can ask of it.
#[derive(Debug, Clone)]
struct Subject {
    row: ObjectRow,
    values: Vec<(i32, String)>,
    external: Vec<(String, String)>,
    others: Vec<(Side, Key)>,
}

fn subjects(others: &[ObjectRow]) -> Vec<Subject> {
    (0..24_usize)
        .map(|n| Subject {
            row: ObjectRow {
                created: at(n as i64),
                modified: at(n as i64 * 10),
                wire_id: format!("w{n}"),
                ..object("user", key())
            },
            values: [(1, n % 9), (1, n * 7 % 9), (2, n / 3)]
                .into_iter()
                .filter(|(path, value)| *path == 1 && n % 4 != 0 || *value < 9 && *path == 2)
                .map(|(path, value)| (path, VALUES[value].to_owned()))
                .collect(),
            external: if n % 3 == 0 { vec![(["hr", "idp"][n % 2].to_owned(), format!("e{}", n % 2))] } else { vec![] },
            others: others
                .iter()
                .enumerate()
                .filter(|(place, _)| (n + place) % 3 == 0)
                .map(|(place, other)| ([Side::From, Side::To][(n / 3 + place) % 2], other.key))
                .collect(),
        })
        .collect()
}

fn fill(store: &Store, subjects: &[Subject]) {
    let subjects = subjects.to_vec();
    write(store, move |c| {
        for subject in &subjects {
            let key = subject.row.key;
            objects::insert(c, TENANT, &subject.row)?;
            let rows: Vec<_> =
                subject.values.iter().map(|(path, value)| IndexRow { path: *path, value: value.clone(), key }).collect();
            index::apply(c, TENANT, &[], &rows)?;
            for (source, value) in &subject.external {
                index::add_external_id(c, TENANT, "user", source, value, key)?;
            }
            let rows: Vec<_> = subject
                .others
                .iter()
                .map(|(side, other)| EdgeRow {
                    relation: "r".to_owned(),
                    from_key: if *side == Side::From { key } else { *other },
                    to_key: if *side == Side::From { *other } else { key },
                    variant: String::new(),
                    id: super::key(),
                    from_type: if *side == Side::From { "user" } else { "group" }.to_owned(),
                    to_type: if *side == Side::From { "group" } else { "user" }.to_owned(),
                    rev: 1,
                    created: at(0),
                    properties: None,
                })
                .collect();
            edges::insert_many(c, TENANT, &rows)?;
        }
        Ok(())
    });
}

fn within<T: PartialOrd>(bounds: &Bounds<T>, value: &T) -> bool {
    let above = bounds.lower.as_ref().is_none_or(|(end, inclusive)| value > end || *inclusive && value == end);
    above && bounds.upper.as_ref().is_none_or(|(end, inclusive)| value < end || *inclusive && value == end)
}

/// What a predicate means.
fn holds(predicate: &Predicate, of: &Subject, others: &[ObjectRow]) -> bool {
    match predicate {
        Predicate::All => true,
        Predicate::None => false,
        Predicate::And(all) => all.iter().all(|p| holds(p, of, others)),
        Predicate::Or(any) => any.iter().any(|p| holds(p, of, others)),
        Predicate::Not(inner) => !holds(inner, of, others),
        Predicate::Indexed { path, test } => of.values.iter().filter(|(p, _)| p == path).any(|(_, value)| match test {
            Test::Eq(wanted) => value == wanted,
            Test::Prefix(prefix) => value.starts_with(prefix),
            Test::Contains(part) => value.contains(part) && !part.is_empty(),
            Test::Range(bounds) => within(bounds, value),
            Test::Present => true,
        }),
        Predicate::External { source, value } => of.external.contains(&(source.clone(), value.clone())),
        Predicate::Keys(keys) => keys.contains(&of.row.key),
        Predicate::WireId(id) => of.row.wire_id == *id,
        Predicate::Edge { relation, side, other } => relation == "r" && of.others.contains(&(*side, *other)),
        Predicate::EdgeToId { relation, side, kinds, wire_id, .. } => others.iter().any(|other| {
            relation == "r" && other.wire_id == *wire_id && kinds.contains(&other.kind) && of.others.contains(&(*side, other.key))
        }),
        Predicate::EdgeTo { relation, side, kind, predicate, .. } => others.iter().any(|other| {
            let far = Subject { row: other.clone(), values: Vec::new(), external: Vec::new(), others: Vec::new() };
            relation == "r" && other.kind == *kind && of.others.contains(&(*side, other.key)) && holds(predicate, &far, others)
        }),
        Predicate::Created(bounds) => within(bounds, &of.row.created),
        Predicate::Modified(bounds) => within(bounds, &of.row.modified),
    }
}

fn bounds<T: Clone + std::fmt::Debug + 'static>(value: impl Strategy<Value = T> + Clone + 'static) -> BoxedStrategy<Bounds<T>> {
    let end = proptest::option::of((value, any::<bool>()));
    (end.clone(), end).prop_map(|(lower, upper)| Bounds { lower, upper }).boxed()
}

fn predicates(subjects: &[Subject], others: &[ObjectRow]) -> BoxedStrategy<Predicate> {
    let value = select(&VALUES[..]).prop_map(str::to_owned);
    let test = prop_oneof![
        3 => value.clone().prop_map(Test::Eq),
        2 => value.clone().prop_map(Test::Prefix),
        1 => value.clone().prop_map(Test::Contains),
        2 => bounds(value).prop_map(Test::Range),
        1 => Just(Test::Present),
    ];
    let side = select(&[Side::From, Side::To][..]);
    let keys: Vec<_> = subjects.iter().map(|s| s.row.key).collect();
    let other = select(others.to_vec());
    let kinds = select(vec![vec![], vec!["group".to_owned()], vec!["user".to_owned(), "group".to_owned()]]);
    let leaf = prop_oneof![
        1 => Just(Predicate::All),
        1 => Just(Predicate::None),
        6 => (1..3, test).prop_map(|(path, test)| Predicate::Indexed { path, test }),
        1 => (select(&["hr", "idp"][..]), select(&["e0", "e1"][..]))
            .prop_map(|(source, value)| Predicate::External { source: source.to_owned(), value: value.to_owned() }),
        1 => vec(select(keys), 0..4).prop_map(Predicate::Keys),
        1 => (0..26).prop_map(|n| Predicate::WireId(format!("w{n}"))),
        2 => (side.clone(), other.clone())
            .prop_map(|(side, other)| Predicate::Edge { relation: "r".to_owned(), side, other: other.key }),
        // Nothing leads on from there here, so it makes no difference.
        2 => (side.clone(), select(&["group", "user"][..]), other.clone(), 0..4, any::<bool>()).prop_map(
            |(side, kind, other, of, through)| {
                let predicate = match of {
                    0 => Predicate::All,
                    1 => Predicate::WireId(other.wire_id),
                    2 => Predicate::Not(Box::new(Predicate::WireId(other.wire_id))),
                    _ => Predicate::Keys(vec![other.key]),
                };
                let (relation, through) = ("r".to_owned(), through && kind == "group");
                let kind = kind.to_owned();
                Predicate::EdgeTo { relation, side, kind, predicate: Box::new(predicate), through }
            }
        ),
        2 => (side, kinds, other, any::<bool>()).prop_map(|(side, kinds, other, through)| {
            Predicate::EdgeToId { relation: "r".to_owned(), side, kinds, wire_id: other.wire_id, through }
        }),
        1 => bounds((0..25_i64).prop_map(at)).prop_map(Predicate::Created),
        1 => bounds((0..25_i64).prop_map(|n| at(n * 10))).prop_map(Predicate::Modified),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Predicate::And),
            vec(inner.clone(), 0..4).prop_map(Predicate::Or),
            inner.prop_map(|p| Predicate::Not(Box::new(p))),
        ]
    })
    .boxed()
}

fn predicates_select_what_they_say(store: &Store) {
    let others = [object("group", key()), object("group", key())];
    add_objects(store, &others);
    let mut subjects = subjects(&others);
    subjects.sort_by_key(|s| s.row.key);
    fill(store, &subjects);
    let strategy = (predicates(&subjects, &others), 0..6_i64, 1..6_i64);
    // A store is no RefCell; the runner wants a closure that may be called again.
    let store = RefCell::new(store);
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&strategy, |(predicate, offset, limit)| {
        let store = *store.borrow();
        let expected: Vec<Key> = subjects.iter().filter(|s| holds(&predicate, s, &others)).map(|s| s.row.key).collect();
        let all = read(store, |c| query::select(c, TENANT, "user", &predicate, None, 100));
        prop_assert_eq!(&all, &expected);
        prop_assert_eq!(read(store, |c| query::count(c, TENANT, "user", &predicate)), expected.len() as i64);
        let (skip, take) = (offset as usize, limit as usize);
        for descending in [false, true] {
            let mut expected = expected.clone();
            if descending {
                expected.reverse();
            }
            let wish = Stretch { by: By::Key, descending, after: None, offset, limit };
            let page = read(store, |c| ordered::stretch(c, TENANT, "user", &predicate, &wish));
            let keys: Vec<Key> = page.into_iter().map(|place| place.key).collect();
            prop_assert_eq!(keys, expected.into_iter().skip(skip).take(take).collect::<Vec<_>>());
        }
        if let Some(after) = expected.get(skip) {
            let rest = read(store, |c| query::select(c, TENANT, "user", &predicate, Some(*after), limit));
            prop_assert_eq!(rest, expected.iter().copied().skip(skip + 1).take(take).collect::<Vec<_>>());
        }
        Ok(())
    });
    outcome.unwrap();
}

fn many_keys_fit_into_one_predicate(store: &Store) {
    let row = object("user", key());
    add_objects(store, std::slice::from_ref(&row));
    let mut wanted: Vec<Key> = (0..20_000).map(|_| key()).collect();
    wanted.push(row.key);
    assert_eq!(read(store, |c| query::count(c, TENANT, "user", &Predicate::Keys(wanted))), 1);
}
