//! What Entra and Okta send (spec/scim.md §11.1, §11.2).

use serde_json::json;

use super::*;

#[test]
fn entra_patches() {
    let one_each = json!([
        {"op": "Replace", "path": "displayName", "value": "Bo"},
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "Add", "path": "name.familyName", "value": "K"},
        {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "k@x"},
        {"op": "Replace", "path": "addresses[primary eq \"True\"].country", "value": "IT"},
        {"op": "Add", "path": format!("{ENTERPRISE}:department"), "value": "sales"}
    ]);
    let flagged = json!([
        {"op": "replace", "value": {
            "displayName": "Bo", "active": false, "name.familyName": "K", format!("{ENTERPRISE}:department"): "sales"
        }},
        {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "k@x"},
        {"op": "add", "path": "addresses[primary eq true].country", "value": "IT"}
    ]);
    for operations in [one_each, flagged] {
        let done = run("user", &Profile::ENTRA, &user(), operations).unwrap();
        let mut emails = user()["emails"].clone();
        emails[0]["value"] = json!("k@x");
        let expected = with(&json!({
            "displayName": "Bo", "active": false, "name": {"familyName": "K", "givenName": "B"}, "emails": emails,
            "addresses": [{"country": "IT", "primary": true}], ENTERPRISE: {"department": "sales"}
        }));
        assert_eq!(done.doc.to_string(), expected.to_string());
    }
    assert_eq!(run("user", &Profile::ENTRA, &user(), json!([])).unwrap().doc, with(&json!({})));
}

#[test]
fn okta_patches() {
    let off = json!([{"op": "replace", "value": {"active": false}}]);
    assert_eq!(run("user", &Profile::OKTA, &user(), off).unwrap().doc, with(&json!({"active": false})));
    let password = json!([{"op": "replace", "value": {"password": "tempPass1"}}]);
    assert_eq!(run("user", &Profile::OKTA, &user(), password).unwrap().doc, with(&json!({})));
    let rename = json!([{"op": "replace", "value": {"id": "abf4", "displayName": "h"}}]);
    assert_eq!(run("group", &Profile::OKTA, &json!({"displayName": "g"}), rename).unwrap().doc, json!({"displayName": "h"}));
}
