//! Leases: one holder, fenced by its epoch.

use provost::store::leases::{holds, observe, release, release_all, renew, take};
use provost::store::{Store, StoreError, Tx};

use super::*;

conformance!(a_lease_is_taken_renewed_lost_and_given_back, of_many_takers_one_wins);

fn a_lease_is_taken_renewed_lost_and_given_back(store: &Store) {
    assert_eq!(read(store, |c| observe(c, TENANT, "l")), None);
    assert_eq!(write(store, |c| take(c, TENANT, "l", "a", None)), Some(1));
    assert_eq!(write(store, |c| take(c, TENANT, "l", "b", None)), None);
    let seen = read(store, |c| observe(c, TENANT, "l")).unwrap();
    assert!(write(store, |c| renew(c, TENANT, "l", 1)));
    let ticket = seen.counter;
    assert_eq!(write(store, move |c| take(c, TENANT, "l", "b", Some(ticket))), None, "the holder lives");
    let ticket = read(store, |c| observe(c, TENANT, "l")).unwrap().counter;
    assert_eq!(write(store, move |c| take(c, TENANT, "l", "b", Some(ticket))), Some(2));
    assert!(!write(store, |c| renew(c, TENANT, "l", 1)), "the former holder learns that it lost");
    assert!(!write(store, |c| release(c, TENANT, "l", 1)));
    assert!(read(store, |c| holds(c, TENANT, "l", 2)));
    assert!(!read(store, |c| holds(c, TENANT, "l", 1)));
    assert!(!read(store, |c| holds(c, OTHER, "l", 2)));
    assert_eq!(write(store, |c| release_all(c, OTHER)), 0);
    assert!(write(store, |c| release(c, TENANT, "l", 2)));
    assert_eq!(write(store, |c| release_all(c, TENANT)), 0);
    assert_eq!(read(store, |c| observe(c, TENANT, "l")).unwrap().owner, "");
}

fn of_many_takers_one_wins(store: &Store) {
    for expected in 1..4 {
        let observed = read(store, |c| observe(c, TENANT, "l")).map(|lease| lease.counter);
        let won: Vec<i64> = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..6)
                .map(|n| {
                    let job = move |tx: &mut Tx<'_>| take(tx, TENANT, "l", &format!("taker {n}"), observed);
                    scope.spawn(move || store.write_blocking::<_, StoreError>(TENANT, job).unwrap())
                })
                .collect();
            takers.into_iter().filter_map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(won, [expected]);
    }
}
