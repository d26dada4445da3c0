//! Client profiles: how much of the RFC a client keeps to, as data (spec/admin.md, "Client profiles").

use serde_json::Value;

/// What becomes of an attribute that no schema of the type has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownAttributes {
    /// It is left out, and named for the log.
    Ignore,
    /// 400 invalidSyntax.
    Reject,
}

/// What a PATCH replace does when its value filter matches nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutMatch {
    /// An element is made from the filter's `eq` terms and the value.
    Create,
    /// 400 noTarget (RFC 7644 §3.5.2.3).
    NoTarget,
}

/// What becomes of a reference that resolves to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unresolved {
    /// It is recorded, confers nothing and is never bound later.
    Record,
    /// 400 invalidValue.
    Refuse,
}

/// What an empty `Operations` array answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyOperations {
    /// 400 invalidSyntax (RFC 7644 §3.5.2: one or more).
    Refuse,
    /// A PATCH that changes nothing.
    Accept,
}

/// What a PATCH of a group answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupPatchReply {
    /// 200 with the resource, up to the limit of spec/scim.md §2.5.
    Resource,
    /// 204.
    NoContent,
}

/// How a client is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Its name in the admin API and on the command line.
    pub name: &'static str,
    /// Attributes that no schema has.
    pub unknown_attributes: UnknownAttributes,
    /// Whether booleans and numbers in strings, single objects for arrays and strings for `{value}` are taken.
    pub coerce: bool,
    /// PATCH replace on a value filter without match.
    pub replace_without_match: WithoutMatch,
    /// Members, managers and roles that resolve to nothing.
    pub unresolved_members: Unresolved,
    /// A PATCH without operations.
    pub empty_operations: EmptyOperations,
    /// The answer to a PATCH of a group.
    pub group_patch_reply: GroupPatchReply,
    /// Whether a POST for a deactivated object with the same externalId or unique value brings it back.
    pub revive_on_post: bool,
    /// Whether `schemas` must be given and name the core schema.
    pub schemas_required: bool,
    /// Whether the profile is picked anew for each request, by its shape.
    detect: bool,
}

impl Profile {
    /// The default: forgiving, with the RFC's answers.
    pub const GENERIC: Self = Self {
        name: "generic",
        unknown_attributes: UnknownAttributes::Ignore,
        coerce: true,
        replace_without_match: WithoutMatch::Create,
        unresolved_members: Unresolved::Record,
        empty_operations: EmptyOperations::Refuse,
        group_patch_reply: GroupPatchReply::Resource,
        revive_on_post: false,
        schemas_required: false,
        detect: false,
    };
    /// The RFC's text.
    pub const STRICT: Self = Self {
        name: "strict",
        unknown_attributes: UnknownAttributes::Reject,
        coerce: false,
        replace_without_match: WithoutMatch::NoTarget,
        unresolved_members: Unresolved::Refuse,
        schemas_required: true,
        ..Self::GENERIC
    };
    /// Microsoft Entra ID (spec/scim.md §11.1).
    pub const ENTRA: Self = Self {
        name: "entra",
        empty_operations: EmptyOperations::Accept,
        group_patch_reply: GroupPatchReply::NoContent,
        ..Self::GENERIC
    };
    /// Okta (spec/scim.md §11.2).
    pub const OKTA: Self = Self { name: "okta", revive_on_post: true, ..Self::GENERIC };
    /// Picks one of the others by the shape of each request; the generic one until told apart.
    pub const AUTO: Self = Self { name: "auto", detect: true, ..Self::GENERIC };

    const ALL: [&'static Self; 5] = [&Self::GENERIC, &Self::STRICT, &Self::ENTRA, &Self::OKTA, &Self::AUTO];

    /// The profile of this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        Self::ALL.into_iter().find(|p| p.name == name)
    }

    /// The names there are.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(|p| p.name)
    }

    /// The profile to meet this request with: itself, or for `auto` what the request looks like.
    pub fn for_request(&'static self, user_agent: Option<&str>, body: Option<&Value>) -> &'static Self {
        if !self.detect {
            return self;
        }
        if user_agent.is_some_and(|agent| agent.starts_with("Okta ")) {
            return &Self::OKTA;
        }
        if body.is_some_and(looks_like_entra) { &Self::ENTRA } else { &Self::GENERIC }
    }
}

// Capitalised operations, and the directory's own schema on a group.
fn looks_like_entra(body: &Value) -> bool {
    let operations = body.get("Operations").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let schemas = body.get("schemas").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let capitalised = |o: &Value| o.get("op").and_then(Value::as_str).is_some_and(|op| op.starts_with(['A', 'R']));
    operations.iter().any(capitalised)
        || schemas.iter().any(|s| s.as_str().is_some_and(|s| s.starts_with("http://schemas.microsoft.com/")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn profiles_are_found_by_name() {
        for name in Profile::names() {
            assert_eq!(Profile::by_name(name).unwrap().name, name);
        }
        assert_eq!(Profile::by_name("Generic"), None);
    }

    #[test]
    fn auto_tells_clients_apart() {
        let entra = json!({"Operations": [{"op": "Replace", "path": "active", "value": "False"}]});
        let group = json!({"schemas": ["http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"]});
        let plain = json!({"Operations": [{"op": "replace", "path": "active", "value": false}]});
        for (agent, body, name) in [
            (Some("Okta SCIM Client 1.0.0"), Some(&plain), "okta"),
            (None, Some(&entra), "entra"),
            (None, Some(&group), "entra"),
            (None, Some(&plain), "generic"),
            (None, None, "generic"),
        ] {
            assert_eq!(Profile::AUTO.for_request(agent, body).name, name);
        }
        assert_eq!(Profile::STRICT.for_request(Some("Okta SCIM Client 1.0.0"), None).name, "strict");
    }
}
