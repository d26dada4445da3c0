//! One attribute with its characteristics (RFC 7643 §2.2 and §7).

use serde::{Deserialize, Serialize};

/// Data type of an attribute (RFC 7643 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub enum AttributeType {
    /// Text.
    #[default]
    String,
    /// True or false.
    Boolean,
    /// A number with a fraction.
    Decimal,
    /// A whole number.
    Integer,
    /// xsd:dateTime.
    DateTime,
    /// Base64.
    Binary,
    /// A URI; compares exactly.
    Reference,
    /// Sub-attributes.
    Complex,
}

/// Who may write it (RFC 7643 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    /// The server alone.
    ReadOnly,
    /// Anyone, any time.
    #[default]
    ReadWrite,
    /// Once.
    Immutable,
    /// Anyone, but it is never shown.
    WriteOnly,
}

/// When it is shown (RFC 7643 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    /// Whatever is asked for.
    Always,
    /// Never.
    Never,
    /// Unless left out.
    #[default]
    Default,
    /// Only when named.
    Request,
}

/// Within what it is unique (RFC 7643 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    /// Not at all.
    #[default]
    None,
    /// Within its object type and tenant.
    Server,
    /// Within the tenant.
    Global,
}

/// An attribute of an object type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attribute {
    /// Canonical name; compares without case.
    pub name: String,
    /// Data type.
    #[serde(rename = "type", default)]
    pub kind: AttributeType,
    /// Whether it holds a list.
    #[serde(default)]
    pub multi_valued: bool,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Whether it must be set.
    #[serde(default)]
    pub required: bool,
    /// Suggested values; others are accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canonical_values: Vec<String>,
    /// Whether comparison and uniqueness heed case.
    #[serde(default)]
    pub case_exact: bool,
    /// Who may write it.
    #[serde(default)]
    pub mutability: Mutability,
    /// When it is shown.
    #[serde(default)]
    pub returned: Returned,
    /// Within what it is unique.
    #[serde(default)]
    pub uniqueness: Uniqueness,
    /// What a reference may lead to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference_types: Vec<String>,
    /// Parts of a complex attribute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_attributes: Vec<Attribute>,
    /// Provost: whether the attribute index has rows for it.
    #[serde(default, skip_serializing)]
    pub indexed: bool,
    /// Provost: never in a change row, message or log.
    #[serde(default, skip_serializing)]
    pub sensitive: bool,
    /// Provost: accepted and type-checked, then forgotten; no filter may name it (`password`).
    #[serde(default, skip_serializing)]
    pub discarded: bool,
    /// Provost: what a create sets when the client says nothing; a replace that says nothing keeps what is there.
    #[serde(default, skip_serializing)]
    pub default: Option<serde_json::Value>,
    /// Provost: made by the server with the object, and never anew.
    #[serde(default, skip_serializing)]
    pub generated: bool,
    /// Provost: any JSON value, kept as it came; no filter reads into it.
    #[serde(default, skip_serializing)]
    pub json: bool,
    /// Whether a job is still making its rows in the attribute index, so that no plan may rest on them. Not written in
    /// definitions.
    #[serde(skip)]
    pub unfinished: bool,
    /// Provost: the attribute is a view of edges, through the relationship of this name.
    #[serde(default, skip_serializing)]
    pub relationship: Option<String>,
}

impl Attribute {
    /// The sub-attribute of this name, compared without case.
    pub fn sub(&self, name: &str) -> Option<(usize, &Attribute)> {
        self.sub_attributes.iter().enumerate().find(|(_, a)| a.name.eq_ignore_ascii_case(name))
    }

    /// Whether plans may rest on its rows in the attribute index: it has them, and no job is still making them.
    pub const fn is_searchable(&self) -> bool {
        self.indexed && !self.unfinished
    }

    /// Whether its text compares exactly: `caseExact`, and always for references and binary (RFC 7643 §2.3.6, §2.3.7).
    pub fn compares_exactly(&self) -> bool {
        self.case_exact || matches!(self.kind, AttributeType::Reference | AttributeType::Binary)
    }
}
