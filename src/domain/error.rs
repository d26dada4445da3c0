//! Every error a caller can meet, in one table.
//!
//! Three tiers: a [`Fault`] is the caller's to mend and carries text for him; a store failure is the operator's and becomes
//! `Unavailable` or `Internal` at the boundary, logged there once; a panic is caught by the server and answers `Internal`.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

/// What went wrong, as far as a program needs to know. Status and codes follow from [`Kind::row`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The body is not JSON, or not of the form the operation takes.
    InvalidSyntax,
    /// A filter does not parse, or an operator does not fit the attribute.
    InvalidFilter,
    /// A PATCH path does not parse or names nothing in the schema.
    InvalidPath,
    /// A PATCH operation has nothing to act on.
    NoTarget,
    /// A value is missing, of the wrong type or out of range.
    InvalidValue,
    /// An expression does not compile, or cannot be evaluated where it is tried.
    InvalidExpression,
    /// A change to something that may not change.
    Mutability,
    /// Sensitive data where it must not stand.
    Sensitive,
    /// Another version of the protocol.
    InvalidVersion,
    /// A result too large to work out.
    TooMany,
    /// A cursor that was not given to this caller for this query (RFC 9865 §2.2).
    InvalidCursor,
    /// A cursor that is too old.
    ExpiredCursor,
    /// A page of a size that cannot be had with a cursor.
    InvalidCount,
    /// A value that must be unique is taken (to IDM a failed policy, 403).
    Uniqueness,
    /// The state of the object forbids it.
    Conflict,
    /// A policy of the object type is not met (IDM answers 403).
    Policy,
    /// No, wrong or expired credentials.
    Unauthenticated,
    /// A client did not prove who it is (RFC 6749 §5.2).
    InvalidClient,
    /// An assertion that gives nothing here (RFC 6749 §5.2).
    InvalidGrant,
    /// A scope that is unknown or not held.
    InvalidScope,
    /// A resource that no tokens are made for (RFC 8707 §2).
    InvalidTarget,
    /// A client that may not do this.
    UnauthorizedClient,
    /// A grant that is not offered.
    UnsupportedGrantType,
    /// The caller may not do this.
    Forbidden,
    /// No such object, or another tenant's.
    NotFound,
    /// The address knows no such method.
    MethodNotAllowed,
    /// A precondition on the revision failed.
    PreconditionFailed,
    /// The body is larger than the limit.
    TooLarge,
    /// The body is of a media type that is not read here.
    UnsupportedMediaType,
    /// Too many requests.
    TooManyRequests,
    /// Part of the protocol that is not offered.
    NotImplemented,
    /// The store is busy or away; trying again may help.
    Unavailable,
    /// A defect.
    Internal,
}

/// The row of a [`Kind`]: HTTP status, SCIM `scimType` (RFC 7644 table 9), stable code for the admin dialect and default text.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// HTTP status.
    pub status: u16,
    /// SCIM `scimType`, where the RFC names one.
    pub scim_type: Option<&'static str>,
    /// HTTP status in the IDM dialect.
    pub idm_status: u16,
    /// Code of the admin dialect, last part of the problem type.
    pub code: &'static str,
    /// Text when there is nothing more precise to say.
    pub text: &'static str,
}

impl Kind {
    /// The table.
    pub const fn row(self) -> Row {
        const fn row(
            status: u16,
            scim_type: Option<&'static str>,
            idm_status: u16,
            code: &'static str,
            text: &'static str,
        ) -> Row {
            Row { status, scim_type, idm_status, code, text }
        }
        match self {
            Kind::InvalidSyntax => {
                row(400, Some("invalidSyntax"), 400, "invalid-syntax", "the body does not have the form this operation takes")
            }
            Kind::InvalidFilter => row(400, Some("invalidFilter"), 400, "invalid-filter", "the filter is not valid"),
            Kind::InvalidPath => row(400, Some("invalidPath"), 400, "invalid-path", "the path is not valid"),
            Kind::NoTarget => row(400, Some("noTarget"), 400, "no-target", "the path names nothing to act on"),
            Kind::InvalidValue => row(400, Some("invalidValue"), 400, "invalid-value", "a value is missing or not valid"),
            Kind::InvalidExpression => row(422, None, 422, "invalid-expression", "the expression cannot be evaluated"),
            Kind::Mutability => row(400, Some("mutability"), 400, "mutability", "the attribute may not be changed"),
            Kind::Sensitive => row(400, Some("sensitive"), 400, "sensitive", "sensitive data may not stand in the address"),
            Kind::InvalidVersion => row(400, Some("invalidVers"), 400, "invalid-version", "this version is not spoken here"),
            Kind::TooMany => row(400, Some("tooMany"), 400, "too-many", "the result is too large"),
            Kind::InvalidCursor => {
                let text = "the cursor was not given to this token for this query; begin again with an empty one";
                row(400, Some("invalidCursor"), 400, "invalid-cursor", text)
            }
            Kind::ExpiredCursor => {
                row(400, Some("expiredCursor"), 400, "expired-cursor", "the cursor has expired; begin again with an empty one")
            }
            Kind::InvalidCount => row(400, Some("invalidCount"), 400, "invalid-count", "the page size is not possible here"),
            Kind::Uniqueness => row(409, Some("uniqueness"), 403, "uniqueness", "a value that must be unique is taken"),
            Kind::Conflict => row(409, None, 409, "conflict", "the state of the object forbids it"),
            Kind::Policy => row(400, Some("invalidValue"), 403, "policy", "Policy validation failed"),
            Kind::Unauthenticated => row(401, None, 401, "unauthenticated", "a valid bearer token is required"),
            Kind::InvalidClient => row(401, None, 401, "invalid-client", "the client could not be authenticated"),
            Kind::InvalidGrant => row(400, None, 400, "invalid-grant", "the assertion is not accepted"),
            Kind::InvalidScope => row(400, None, 400, "invalid-scope", "a scope is unknown, or the account does not hold it"),
            Kind::InvalidTarget => row(400, None, 400, "invalid-target", "no tokens are made for this resource"),
            Kind::UnauthorizedClient => row(400, None, 400, "unauthorized-client", "the client may not do this"),
            Kind::UnsupportedGrantType => row(400, None, 400, "unsupported-grant-type", "the grant is not offered here"),
            Kind::Forbidden => row(403, None, 403, "forbidden", "the token's scopes do not allow this"),
            Kind::NotFound => row(404, None, 404, "not-found", "no such resource"),
            Kind::MethodNotAllowed => row(405, None, 405, "method-not-allowed", "this address does not know that method"),
            Kind::PreconditionFailed => {
                row(412, None, 412, "precondition-failed", "the resource has changed since the version named")
            }
            Kind::TooLarge => row(413, None, 413, "too-large", "the body is too large"),
            Kind::UnsupportedMediaType => row(415, None, 415, "unsupported-media-type", "the media type is not read here"),
            Kind::TooManyRequests => row(429, None, 429, "too-many-requests", "too many requests"),
            Kind::NotImplemented => row(501, None, 501, "not-implemented", "not offered here"),
            Kind::Unavailable => row(503, None, 503, "unavailable", "busy; try again"),
            Kind::Internal => row(500, None, 500, "internal", "an internal error; the log has it under this request's id"),
        }
    }
}

/// One failed requirement of a property, as IDM reports it in `detail.failedPolicyRequirements` (spec/idm.md §1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// IDM property name.
    pub property: String,
    /// Name of the policy, e.g. `REQUIRED`, `UNIQUE`, `VALID_TYPE`.
    pub policy: &'static str,
    /// What the policy says of itself, e.g. the types that are valid.
    pub params: Map<String, Value>,
}

/// An error for the caller: a kind and a text that names the field and the rule, never a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// The row of the table.
    pub kind: Kind,
    /// What to tell the caller.
    pub detail: Cow<'static, str>,
    /// For IDM: the requirements that failed.
    pub requirements: Vec<Requirement>,
    /// For [`Kind::Unavailable`] and [`Kind::TooManyRequests`]: seconds to wait.
    pub retry_after: Option<u32>,
}

impl Fault {
    /// A fault with its own text.
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), requirements: Vec::new(), retry_after: None }
    }

    /// A fault with the table's text.
    pub fn of(kind: Kind) -> Self {
        Self::new(kind, kind.row().text)
    }

    /// Adds a failed requirement.
    #[must_use]
    pub fn requirement(self, property: impl Into<String>, policy: &'static str) -> Self {
        self.requirement_with(property, policy, Map::new())
    }

    /// Adds a failed requirement with what its policy says of itself.
    #[must_use]
    pub fn requirement_with(mut self, property: impl Into<String>, policy: &'static str, params: Map<String, Value>) -> Self {
        self.requirements.push(Requirement { property: property.into(), policy, params });
        self
    }

    /// Adds what another fault says.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.detail = format!("{}; {}", self.detail, other.detail).into();
        self.requirements.extend(other.requirements);
        self
    }

    /// Adds the seconds to wait.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// Shortens text from a caller for a message, so that answers and logs stay small.
pub fn excerpt(text: &str) -> String {
    const LIMIT: usize = 80;
    let mut out: String = text.chars().take(LIMIT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LIMIT).is_some() {
        out.push('…');
    }
    out
}
