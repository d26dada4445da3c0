//! Clients, their credentials, and the keys that sign.

use std::collections::HashMap;

use provost::store::credentials::{self, CredentialRow, KEY, SECRET};
use provost::store::signing_keys::{self, SigningKeyRow};
use provost::store::{Store, StoreError, clients, permission_uses, tenants};

use super::*;

conformance!(
    credentials_of_an_account,
    uses_of_permissions,
    generations_only_rise,
    assertions_are_used_once,
    signing_keys_in_their_order
);

fn credential(kind: &str, name: &str, created: i64) -> CredentialRow {
    CredentialRow {
        kind: kind.to_owned(),
        name: name.to_owned(),
        shown: "f00d".to_owned(),
        material: "digest".to_owned(),
        created: at(created),
        expires: (created > 1).then(|| at(created + 10)),
        last_used: None,
    }
}

fn credentials_of_an_account(store: &Store) {
    let [one, other] = keys();
    for (kind, name, created) in [(SECRET, "b", 1), (SECRET, "a", 2), (KEY, "a", 3)] {
        write(store, move |c| credentials::insert(c, TENANT, one, &credential(kind, name, created)));
    }
    let taken = store.write_blocking(TENANT, move |tx| credentials::insert(tx, TENANT, one, &credential(KEY, "a", 4)));
    assert!(matches!(taken, Err(StoreError::Unique { table, .. }) if table == "credentials"));
    let expected = vec![credential(SECRET, "b", 1), credential(SECRET, "a", 2), credential(KEY, "a", 3)];
    assert_eq!(read(store, |c| credentials::list(c, TENANT, one)), expected);
    write(store, move |c| credentials::insert(c, TENANT, other, &credential(KEY, "z", 0)));
    let many = read(store, |c| credentials::of_many(c, TENANT, &[one, other]));
    let named = |account| many.iter().filter(|(of, _)| *of == account).map(|(_, row)| row.clone()).collect::<Vec<_>>();
    assert_eq!((named(one), named(other), many.len()), (expected, vec![credential(KEY, "z", 0)], 4));
    assert_eq!(read(store, |c| credentials::of_many(c, OTHER, &[one, other])), []);
    write(store, move |c| credentials::remove_all(c, TENANT, other));
    for (tenant, account) in [(OTHER, one), (TENANT, other)] {
        assert_eq!(read(store, |c| credentials::list(c, tenant, account)), []);
        assert!(!write(store, move |c| credentials::remove(c, tenant, account, KEY, "a")));
    }
    write(store, move |c| credentials::touch(c, TENANT, one, SECRET, "a", at(7)));
    assert_eq!(read(store, |c| credentials::list(c, TENANT, one))[1].last_used, Some(at(7)));
    assert!(write(store, move |c| credentials::remove(c, TENANT, one, KEY, "a")));
    assert!(!write(store, move |c| credentials::remove(c, TENANT, one, KEY, "a")));
    write(store, move |c| credentials::remove_all(c, TENANT, one));
    assert_eq!(read(store, |c| credentials::list(c, TENANT, one)), []);
}

fn uses_of_permissions(store: &Store) {
    let [one, other] = keys();
    for (tenant, account, permission, time) in [
        (TENANT, one, "a.b", 5),
        (TENANT, one, "a.b", 9),
        // An earlier one that is told late.
        (TENANT, one, "a.b", 7),
        (TENANT, one, "a.c", 3),
        (TENANT, other, "a.b", 4),
        (OTHER, one, "a.b", 1),
    ] {
        write(store, move |c| permission_uses::touch(c, tenant, account, permission, at(time)));
    }
    let used = |of: &[(&str, i64)]| of.iter().map(|(name, time)| ((*name).to_owned(), at(*time))).collect::<HashMap<_, _>>();
    let (first, second) = (used(&[("a.b", 9), ("a.c", 3)]), used(&[("a.b", 4)]));
    let all = |tenant| read(store, move |c| permission_uses::of_many(c, tenant, &[one, other]));
    assert_eq!(all(TENANT), HashMap::from([(one, first), (other, second.clone())]));
    assert_eq!(all(OTHER), HashMap::from([(one, used(&[("a.b", 1)]))]));
    assert_eq!(read(store, |c| permission_uses::of_many(c, TENANT, &[])), HashMap::new());
    write(store, move |c| permission_uses::remove_all(c, TENANT, one));
    assert_eq!(all(TENANT), HashMap::from([(other, second)]));
    assert_eq!(all(OTHER).len(), 1);
}

fn generations_only_rise(store: &Store) {
    let tenant = write(store, |c| tenants::insert(c, "acme", at(1)));
    let account = key();
    assert_eq!(read(store, |c| clients::get(c, "mi-1")), None);
    assert_eq!(write(store, move |c| clients::raise(c, tenant, account)), None, "it is no client yet");
    for _ in 0..2 {
        write(store, move |c| clients::ensure(c, tenant, account, "mi-1"));
    }
    let row = |store: &Store| read(store, |c| clients::get(c, "mi-1")).unwrap();
    assert_eq!((row(store).ver, row(store).account, row(store).tenant_name.as_str()), (1, account, "acme"));
    assert_eq!(write(store, move |c| clients::raise(c, tenant, account)).as_deref(), Some("mi-1"));
    assert_eq!(write(store, move |c| clients::raise(c, OTHER, account)), None);
    write(store, move |c| clients::ensure(c, tenant, account, "mi-1"));
    assert_eq!(row(store).ver, 2);
    write(store, move |c| clients::revoke(c, tenant, account, "t1", at(50)));
    write(store, move |c| clients::revoke(c, tenant, account, "t1", at(50)));
    assert_eq!(read(store, |c| clients::revoked(c, tenant, account)), ["t1"]);
    assert!(!read(store, |c| clients::has_old(c, at(50))));
    assert!(read(store, |c| clients::has_old(c, at(51))));
    write(store, |c| clients::prune(c, at(51)));
    assert!(read(store, |c| clients::revoked(c, tenant, account)).is_empty());
}

fn assertions_are_used_once(store: &Store) {
    let [one, other] = keys();
    let using =
        |tenant, account, hash: u8| write(store, move |c| clients::use_assertion(c, tenant, account, &[hash; 32], at(100)));
    assert!(using(TENANT, one, 1));
    assert!(!using(TENANT, one, 1));
    assert!(using(TENANT, one, 2) && using(TENANT, other, 1) && using(OTHER, one, 1));
    write(store, |c| clients::prune(c, at(100)));
    let still = write(store, move |c| clients::use_assertion(c, TENANT, one, &[1; 32], at(100)));
    assert!(!still, "not before it has expired");
    write(store, |c| clients::prune(c, at(101)));
    assert!(write(store, move |c| clients::use_assertion(c, TENANT, one, &[1; 32], at(200))));
}

fn signing_keys_in_their_order(store: &Store) {
    let [one, other] = keys();
    for (id, from) in [(other, 5), (one, 9)] {
        let row = SigningKeyRow {
            id,
            algorithm: "EdDSA".to_owned(),
            public: "{}".to_owned(),
            private: "v1.x".to_owned(),
            created: at(1),
            signs_from: at(from),
        };
        write(store, move |c| signing_keys::insert(c, &row));
    }
    let order = |store: &Store| read(store, signing_keys::list).into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(order(store), [other, one]);
    assert!(write(store, move |c| signing_keys::remove(c, other)));
    assert!(!write(store, move |c| signing_keys::remove(c, other)));
    assert_eq!(order(store), [one]);
}
