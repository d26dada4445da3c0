//! The attribute index, unique values, external ids.

use provost::domain::normal;
use provost::store::index::{self, IndexRow};
use provost::store::query::{self, Predicate, Test};
use provost::store::{Store, StoreError};

use super::*;

conformance!(paths_get_numbers_once, rows_come_and_go, a_unique_value_has_one_holder, external_ids_belong_to_a_source);

fn paths_get_numbers_once(store: &Store) {
    let names = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let first = names(&["userName", "emails.value"]);
    let users = write(store, move |c| index::ensure_paths(c, TENANT, "user", &first));
    let second = names(&["displayName"]);
    let groups = write(store, move |c| index::ensure_paths(c, TENANT, "group", &second));
    let third = names(&["emails.value", "title", "userName"]);
    let again = write(store, move |c| index::ensure_paths(c, TENANT, "user", &third));
    assert_eq!(users["userName"], again["userName"]);
    assert_eq!(users["emails.value"], again["emails.value"]);
    let mut numbers: Vec<_> = groups.values().chain(again.values()).copied().collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4]);
    let other = names(&["userName"]);
    assert_eq!(write(store, move |c| index::ensure_paths(c, OTHER, "user", &other))["userName"], 1);
}

fn rows_come_and_go(store: &Store) {
    let [a, b] = keys();
    let row = |path, value: &str, key| IndexRow { path, value: value.to_owned(), key };
    let added = [row(1, "x", a), row(1, "x", b), row(1, "y", a), row(2, "x", a), row(1, "x", a)];
    write(store, move |c| index::apply(c, TENANT, &[], &added));
    let find = |path, value: &str| {
        let predicate = Predicate::Indexed { path, test: Test::Eq(value.to_owned()) };
        read(store, |c| query::select(c, TENANT, "user", &predicate, None, 10))
    };
    assert_eq!(find(1, "x"), [a, b]);
    let (removed, added) = ([row(1, "x", a), row(1, "nothing", a)], [row(1, "z", a)]);
    write(store, move |c| index::apply(c, TENANT, &removed, &added));
    assert_eq!((find(1, "x"), find(1, "y"), find(1, "z"), find(2, "x")), (vec![b], vec![a], vec![a], vec![a]));
}

fn a_unique_value_has_one_holder(store: &Store) {
    let [a, b] = keys();
    let hash = normal::hash("jane");
    let claim = move |tenant, key| write(store, move |c| index::claim_unique(c, tenant, 1, &hash, key));
    assert!(claim(TENANT, a));
    assert!(claim(TENANT, a), "the holder may claim again");
    assert!(!claim(TENANT, b));
    assert!(claim(OTHER, b));
    assert_eq!(read(store, |c| index::unique_holder(c, TENANT, 1, &hash)), Some(a));
    write(store, move |c| index::release_unique(c, TENANT, 1, &hash, b));
    assert!(!claim(TENANT, b), "only the holder gives it back");
    write(store, move |c| index::release_unique(c, TENANT, 1, &hash, a));
    assert!(claim(TENANT, b));

    // Many at once for one value: one gets it.
    let hash = normal::hash("wanted");
    let won: usize = std::thread::scope(|scope| {
        let claimants: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(move || {
                    let mine = key();
                    let job = move |tx: &mut provost::store::Tx<'_>| index::claim_unique(tx, TENANT, 1, &hash, mine);
                    usize::from(store.write_blocking::<bool, StoreError>(TENANT, job).unwrap())
                })
            })
            .collect();
        claimants.into_iter().map(|c| c.join().unwrap()).sum()
    });
    assert_eq!(won, 1);
}

fn external_ids_belong_to_a_source(store: &Store) {
    let [a, b] = keys();
    let long = "x".repeat(5000);
    let value = long.clone();
    write(store, move |c| {
        index::add_external_id(c, TENANT, "user", "hr", "E1", a)?;
        index::add_external_id(c, TENANT, "user", "hr", "E1", a)?;
        index::add_external_id(c, TENANT, "user", "hr", "E1", b)?;
        index::add_external_id(c, TENANT, "user", "idp", "E1", b)?;
        index::add_external_id(c, TENANT, "user", "idp", "e\u{301}", b)?;
        index::add_external_id(c, TENANT, "user", "idp", &value, a)
    });
    let find = |source: &str, value: &str| read(store, |c| index::find_external_id(c, TENANT, "user", source, value));
    assert_eq!(find("hr", "E1"), [a, b]);
    assert_eq!(find("idp", "E1"), [b]);
    assert_eq!(find("idp", "é"), [b]);
    assert_eq!(find("idp", &long), [a]);
    assert_eq!(find("hr", "e1"), [], "case counts");
    write(store, move |c| index::remove_external_id(c, TENANT, "user", "hr", "E1", a));
    assert_eq!(find("hr", "E1"), [b]);
}
