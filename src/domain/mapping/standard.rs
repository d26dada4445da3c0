//! The rules of SCIM targets that name none.

use super::rule::Rule;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

const USER: [&str; 18] = [
    "userName",
    "displayName",
    "name.formatted",
    "name.familyName",
    "name.givenName",
    "name.middleName",
    "name.honorificPrefix",
    "name.honorificSuffix",
    "title",
    "nickName",
    "userType",
    "preferredLanguage",
    "locale",
    "timezone",
    "active",
    "emails",
    "phoneNumbers",
    "addresses",
];
const EXTENSION: [&str; 5] = ["employeeNumber", "costCenter", "organization", "division", "department"];

/// The standard rules of an object type; `None` when it has none. `externalId` is added by the engine: it is our key.
pub fn rules(kind: &str) -> Option<Vec<Rule>> {
    let same = |path: String| Rule { target: path.clone(), from: Some(path), ..Rule::default() };
    let mut rules: Vec<Rule> = match kind {
        "user" => {
            let extension = EXTENSION.iter().map(|name| format!("{ENTERPRISE}:{name}"));
            let mut rules: Vec<_> = USER.iter().map(|name| (*name).to_owned()).chain(extension).map(same).collect();
            rules.push(Rule {
                target: format!("{ENTERPRISE}:manager.value"),
                reference: Some("manager".to_owned()),
                ..Rule::default()
            });
            rules
        }
        "group" => vec![same("displayName".to_owned())],
        _ => return None,
    };
    // The first names the object: userName, displayName.
    if let Some(first) = rules.first_mut() {
        first.matching = Some(1);
    }
    Some(rules)
}
