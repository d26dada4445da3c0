//! Tenants, tokens, settings.

use provost::store::tenants::{self, TenantRow};
use provost::store::tokens::{self, TokenRow};
use provost::store::{Store, StoreError, settings};

use super::*;

conformance!(tenants_get_numbers, tokens_are_found_by_hash, settings_are_set_and_changed);

fn tenants_get_numbers(store: &Store) {
    let a = write(store, |c| tenants::insert(c, "acme", at(1)));
    let b = write(store, |c| tenants::insert(c, "beta", at(2)));
    assert_ne!(a, b);
    let error = store.write_blocking(TENANT, |tx| tenants::insert(tx, "acme", at(3))).unwrap_err();
    assert!(matches!(error, StoreError::Unique { table, .. } if table == "tenants"));
    let acme = TenantRow { id: a, name: "acme".to_owned(), created: at(1) };
    assert_eq!(read(store, |c| tenants::by_name(c, "acme")), Some(acme.clone()));
    assert_eq!(read(store, |c| tenants::by_name(c, "none")), None);
    assert_eq!(read(store, tenants::list)[0], acme);
}

fn tokens_are_found_by_hash(store: &Store) {
    let tenant = write(store, |c| tenants::insert(c, "acme", at(1)));
    let row = TokenRow {
        id: key(),
        name: "hr".to_owned(),
        source: "hr".to_owned(),
        profile: "default".to_owned(),
        scopes: "scim:read".to_owned(),
        hash: vec![7; 32],
        created: at(1),
        expires: Some(at(9)),
        revoked: None,
        last_used: None,
        profile_overrides: Some("{}".to_owned()),
        recognised: None,
    };
    let (id, added) = (row.id, row.clone());
    write(store, move |c| tokens::insert(c, tenant, &added));
    assert_eq!(read(store, |c| tokens::by_hash(c, &[7; 32])), Some((tenant, row.clone())));
    assert_eq!(read(store, |c| tokens::by_hash(c, &[8; 32])), None);
    assert_eq!(read(store, |c| tokens::get(c, OTHER, id)), None);
    write(store, move |c| tokens::touch(c, tenant, &[(id, at(5)), (key(), at(6))]));
    assert!(write(store, move |c| tokens::revoke(c, tenant, id, at(6))));
    assert!(!write(store, move |c| tokens::revoke(c, tenant, id, at(7))));
    write(store, move |c| tokens::recognise(c, tenant, id, "okta"));
    write(store, move |c| tokens::recognise(c, OTHER, id, "entra"));
    let after = TokenRow { recognised: Some("okta".to_owned()), last_used: Some(at(5)), revoked: Some(at(6)), ..row.clone() };
    assert_eq!(read(store, |c| tokens::list(c, tenant)), [after]);
    let twin = TokenRow { id: key(), ..row };
    let error = store.write_blocking(TENANT, move |tx| tokens::insert(tx, tenant, &twin)).unwrap_err();
    assert!(matches!(error, StoreError::Unique { table, .. } if table == "tokens"));
}

fn settings_are_set_and_changed(store: &Store) {
    assert_eq!(read(store, |c| settings::get(c, "unicode")), None);
    for value in ["16", "17"] {
        write(store, move |c| settings::set(c, "unicode", value));
        assert_eq!(read(store, |c| settings::get(c, "unicode")).as_deref(), Some(value));
    }
}
