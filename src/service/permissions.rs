//! What roles may give: the one place where names of permissions are accepted, for every dialect.

use serde_json::{Map, Value};

use super::grants::ROLE;
use crate::domain::access::permission;
use crate::domain::error::{Fault, Kind};
use crate::domain::schema::ObjectType;

/// The attribute of a role that lists them.
const PERMISSIONS: &str = "permissions";

/// Most permissions of one role.
const MOST: usize = 1_000;

/// Checks the permissions of a role that is written; those that stand as they were are not asked.
///
/// # Errors
/// [`Kind::InvalidValue`] that names the permission and the rule.
pub(super) fn check(kind: &ObjectType, before: Option<&Map<String, Value>>, after: &Map<String, Value>) -> Result<(), Fault> {
    let of = |doc: Option<&Map<String, Value>>| doc.and_then(|doc| doc.get(PERMISSIONS)).cloned();
    let list = of(Some(after));
    if kind.name != ROLE || list == of(before) {
        return Ok(());
    }
    let list: Vec<&str> = list.iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect();
    if list.len() > MOST {
        return Err(Fault::new(Kind::InvalidValue, format!("'{PERMISSIONS}' holds at most {MOST}")));
    }
    list.into_iter().try_for_each(permission::check)
}
