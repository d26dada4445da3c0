//! Client profiles: how much of the RFC a client keeps to, as data (spec/admin.md, "Client profiles"; docs/clients.md).
//!
//! A profile is a name and a value for each key. A token names one, and may say otherwise for single keys.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::error::{Fault, Kind, excerpt};

/// What becomes of an attribute that no schema of the type has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnknownAttributes {
    /// It is left out, and named for the log.
    Ignore,
    /// 400 invalidSyntax.
    Reject,
}

/// What a PATCH add or replace does when its value filter matches nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WithoutMatch {
    /// An element is made from the filter's `eq` terms and the value.
    Create,
    /// 400 noTarget (RFC 7644 §3.5.2.3, table 9).
    NoTarget,
}

/// What becomes of a reference that resolves to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unresolved {
    /// It is recorded, confers nothing and is never bound later.
    Record,
    /// 400 invalidValue.
    Refuse,
}

/// What an empty `Operations` array answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EmptyOperations {
    /// 400 invalidSyntax (RFC 7644 §3.5.2: one or more).
    Refuse,
    /// A PATCH that changes nothing.
    Accept,
}

/// What a PATCH of a group answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GroupPatchReply {
    /// 200 with the resource, up to the limit of spec/scim.md §2.5.
    Resource,
    /// 204.
    NoContent,
}

macro_rules! keys {
    ($( $(#[doc = $about:literal])+ $field:ident ($name:literal): $type:ty; )+) => {
        /// How a client is met.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Profile {
            /// Its name in the admin API and on the command line.
            pub name: &'static str,
            $( $(#[doc = $about])+ pub $field: $type, )+
            /// Whether the client is told by its requests.
            detect: bool,
        }

        /// Single keys in which a token differs from its profile.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Overrides { $( $field: Option<$type>, )+ }

        /// Name and meaning of each key.
        pub static KEYS: &[(&str, &str)] = &[$( ($name, concat!($($about),+)), )+];

        impl Profile {
            /// Every key with its value.
            pub fn keys(&self) -> Map<String, Value> {
                let mut out = Map::new();
                $( out.insert($name.to_owned(), json!(self.$field)); )+
                out
            }

            /// The same with some keys changed.
            #[must_use]
            pub fn with(mut self, overrides: &Overrides) -> Self {
                $( self.$field = overrides.$field.unwrap_or(self.$field); )+
                self
            }
        }

        impl Overrides {
            /// Reads keys and values as [`Profile::keys`] shows them.
            ///
            /// # Errors
            /// [`Kind::InvalidValue`] naming the key and what it takes.
            pub fn parse(given: &Map<String, Value>) -> Result<Self, Fault> {
                let mut out = Self::default();
                for (name, value) in given {
                    match name.as_str() {
                        $( $name => out.$field = Some(key($name, value)?), )+
                        _ => return Err(no_such_key(name)),
                    }
                }
                Ok(out)
            }

            /// The keys that are set.
            pub fn keys(&self) -> Map<String, Value> {
                let mut out = Map::new();
                $( if let Some(value) = self.$field { out.insert($name.to_owned(), json!(value)); } )+
                out
            }
        }
    };
}

keys! {
    /// Attributes that no schema of the type has: `ignore` leaves them out, `reject` answers 400 invalidSyntax.
    unknown_attributes("unknownAttributes"): UnknownAttributes;
    /// Whether booleans and numbers in strings, one object for an array and a string for `{value}` are taken.
    coerce("coerce"): bool;
    /// A PATCH add or replace whose value filter matches nothing: `create` makes an element of the filter's `eq` terms,
    /// `noTarget` answers 400.
    without_match("withoutMatch"): WithoutMatch;
    /// Members, managers and roles that name nothing: `record` keeps them, never bound, and shows of them only roles, as they
    /// were sent; `refuse` answers 400 invalidValue.
    unresolved_members("unresolvedMembers"): Unresolved;
    /// A PATCH with an empty Operations array: `refuse` answers 400 invalidSyntax, `accept` changes nothing.
    empty_operations("emptyOperations"): EmptyOperations;
    /// What a PATCH of a group answers: `resource` (200, up to 100 members) or `noContent` (204).
    group_patch_reply("groupPatchReply"): GroupPatchReply;
    /// Whether a POST for a deactivated object with the same externalId or unique value brings it back with its id.
    revive_on_post("reviveOnPost"): bool;
    /// Whether `schemas` must be given and name the core schema, or PatchOp.
    schemas_required("schemasRequired"): bool;
}

impl Profile {
    /// The default: forgiving, with the RFC's answers.
    pub const GENERIC: Self = Self {
        name: "generic",
        unknown_attributes: UnknownAttributes::Ignore,
        coerce: true,
        without_match: WithoutMatch::Create,
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
        without_match: WithoutMatch::NoTarget,
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
    /// As the client that the token's requests show; the generic one until told apart.
    pub const AUTO: Self = Self { name: "auto", detect: true, ..Self::GENERIC };

    /// All there are.
    pub const ALL: [&'static Self; 5] = [&Self::GENERIC, &Self::STRICT, &Self::ENTRA, &Self::OKTA, &Self::AUTO];

    /// The profile of this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        Self::ALL.into_iter().find(|p| p.name == name)
    }

    /// The names there are.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(|p| p.name)
    }

    /// Whether the client is told by its requests.
    pub const fn detects(&self) -> bool {
        self.detect
    }

    /// The client that the head of a request shows: its agent, or a flag of Entra's on the address. Never `strict`.
    pub fn of_head(user_agent: Option<&str>, query: &str) -> Option<&'static Self> {
        if user_agent.is_some_and(|agent| agent.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("okta "))) {
            return Some(&Self::OKTA);
        }
        let flag = |pair: &str| {
            let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
            name == "aadoptscim062020" || name.starts_with("azureadscimpatch")
        };
        query.split('&').any(flag).then_some(&Self::ENTRA)
    }

    /// The client that a body shows: Entra by capitalised operations, or by its directory's own schema. Never `strict`.
    pub fn of_body(body: &Value) -> Option<&'static Self> {
        let list = |name: &str| {
            let found = body.as_object().and_then(|parts| parts.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)));
            found.and_then(|(_, value)| value.as_array()).map_or(&[][..], Vec::as_slice)
        };
        let capitalised = |o: &Value| matches!(o.get("op").and_then(Value::as_str), Some("Add" | "Replace" | "Remove"));
        let microsoft = |s: &Value| s.as_str().is_some_and(|s| s.starts_with("http://schemas.microsoft.com/"));
        (list("Operations").iter().any(capitalised) || list("schemas").iter().any(microsoft)).then_some(&Self::ENTRA)
    }
}

fn key<T: for<'de> Deserialize<'de>>(name: &str, value: &Value) -> Result<T, Fault> {
    T::deserialize(value)
        .map_err(|e| Fault::new(Kind::InvalidValue, format!("profile key '{name}': {}", excerpt(&e.to_string()))))
}

fn no_such_key(name: &str) -> Fault {
    let known: Vec<_> = KEYS.iter().map(|(name, _)| *name).collect();
    Fault::new(Kind::InvalidValue, format!("no profile key '{}'; there are {}", excerpt(name), known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_found_by_name() {
        for name in Profile::names() {
            assert_eq!(Profile::by_name(name).unwrap().name, name);
        }
        assert_eq!(Profile::by_name("Generic"), None);
    }

    #[test]
    fn every_key_is_shown_and_may_be_overridden() {
        for profile in Profile::ALL {
            let keys = profile.keys();
            assert_eq!(keys.keys().collect::<Vec<_>>(), KEYS.iter().map(|(name, _)| name).collect::<Vec<_>>());
            // All keys of another profile over the generic one make that profile, but for its name.
            let overrides = Overrides::parse(&keys).unwrap();
            assert_eq!(overrides.keys(), keys);
            assert_eq!(Profile::GENERIC.with(&overrides).keys(), keys);
            assert_eq!(profile.with(&Overrides::default()), *profile);
        }
        let one = json!({"reviveOnPost": false});
        let okta = Profile::OKTA.with(&Overrides::parse(one.as_object().unwrap()).unwrap());
        assert_eq!((okta.name, okta.revive_on_post), ("okta", false));
    }

    #[test]
    fn overrides_that_are_none_are_refused() {
        for (given, text) in [
            (json!({"reviveOnPosts": true}), "no profile key 'reviveOnPosts'"),
            (json!({"detect": true}), "no profile key"),
            (json!({"reviveOnPost": "yes"}), "'reviveOnPost': invalid type"),
            (json!({"unknownAttributes": "keep"}), "'unknownAttributes': unknown variant"),
            (json!({"withoutMatch": null}), "'withoutMatch'"),
        ] {
            let fault = Overrides::parse(given.as_object().unwrap()).unwrap_err();
            assert_eq!(fault.kind, Kind::InvalidValue);
            assert!(fault.detail.contains(text), "{fault}");
        }
    }

    #[test]
    fn clients_are_told_apart() {
        for (agent, query, name) in [
            (Some("Okta SCIM Client 1.0.0"), "", Some("okta")),
            (Some("okta scim client 2"), "aadOptscim062020", Some("okta")),
            (Some("Oktä"), "", None),
            (Some("python-requests/2"), "filter=x&aadOptscim062020", Some("entra")),
            (None, "AADOPTSCIM062020=&count=1", Some("entra")),
            (None, "AzureAdScimPatch2017", Some("entra")),
            (None, "filter=aadOptscim062020", None),
            (None, "", None),
        ] {
            assert_eq!(Profile::of_head(agent, query).map(|p| p.name), name, "{agent:?} {query}");
        }
        for (body, name) in [
            (json!({"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}), Some("entra")),
            (json!({"operations": [{"op": "add"}, {"op": "Remove"}]}), Some("entra")),
            (json!({"schemas": ["http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"]}), Some("entra")),
            (json!({"Operations": [{"op": "replace"}, {"op": "REPLACE"}]}), None),
            (json!({"Operations": "Add", "schemas": 7}), None),
            (json!([{"op": "Add"}]), None),
        ] {
            assert_eq!(Profile::of_body(&body).map(|p| p.name), name, "{body}");
        }
    }
}
