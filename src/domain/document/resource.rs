//! A whole SCIM resource around a document.

use serde_json::Value;

use super::{Map, values};
use crate::domain::schema::ObjectType;

/// Puts the common attributes (RFC 7643 §3.1) around a document, which may already hold the views of its relationships, set
/// with [`values::set`].
pub fn resource(kind: &ObjectType, doc: Map, id: &str, external_id: Option<&str>, meta: Value) -> Map {
    let mut out = Map::with_capacity(doc.len() + 4);
    out.insert("schemas".to_owned(), values::schemas_of(kind, &doc, &[]).into());
    out.insert("id".to_owned(), id.into());
    if let Some(external_id) = external_id {
        out.insert("externalId".to_owned(), external_id.into());
    }
    out.extend(doc);
    out.insert("meta".to_owned(), meta);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::document::reference::attribute_of;
    use crate::domain::schema::Registry;

    #[test]
    fn a_view_puts_its_extension_in_use() {
        let registry = Registry::shipped().unwrap();
        let user = registry.by_name("user").unwrap();
        let mut doc = json!({"userName": "u"}).as_object().unwrap().clone();
        values::set(user, &mut doc, attribute_of(user, "manager").unwrap(), Some(json!({"value": "m"})));
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let expected = json!({
            "schemas": [user.urn(), enterprise], "id": "1", "externalId": "e", "userName": "u",
            enterprise: {"manager": {"value": "m"}}, "meta": {"resourceType": "User"}
        });
        let whole = resource(user, doc, "1", Some("e"), json!({"resourceType": "User"}));
        assert_eq!(Value::Object(whole).to_string(), expected.to_string());
    }
}
