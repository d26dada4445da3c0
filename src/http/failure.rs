//! Errors on the wire: one [`Fault`], rendered in the form of the dialect that was spoken.

use std::fmt;
use std::marker::PhantomData;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Value, json};

use crate::auth::bearer::Refusal;
use crate::domain::dialect::Dialect;
use crate::domain::error::{Fault, Kind, Requirement};
use crate::service::ServiceError;

/// A dialect's way to say that something failed.
pub trait Wire: fmt::Debug + 'static {
    /// Which dialect it is.
    const DIALECT: Dialect;
    /// Media type of error bodies.
    const MEDIA_TYPE: &'static str;
    /// Whether nobody may keep the answer.
    const NO_STORE: bool = false;
    /// HTTP status.
    fn status(kind: Kind) -> u16;
    /// Body.
    fn body(fault: &Fault) -> Value;
}

/// A fault on its way out in the dialect `W`.
#[derive(Debug)]
pub struct Failure<W> {
    fault: Fault,
    wire: PhantomData<W>,
}

impl<W: Wire> Failure<W> {
    /// The fault in this dialect.
    pub fn new(fault: Fault) -> Self {
        Self { fault, wire: PhantomData }
    }

    /// What the body of its answer says.
    pub fn body(&self) -> Value {
        W::body(&self.fault)
    }
}

impl<W> fmt::Display for Failure<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl<W: Wire> From<Fault> for Failure<W> {
    fn from(fault: Fault) -> Self {
        Self::new(fault)
    }
}

impl<W: Wire> From<ServiceError> for Failure<W> {
    fn from(error: ServiceError) -> Self {
        Self::new(error.into_fault())
    }
}

impl<W: Wire> From<Refusal> for Failure<W> {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Credentials(fault) => Self::new(fault),
            Refusal::Store(error) => ServiceError::Store(error).into(),
        }
    }
}

impl<W: Wire> ResponseError for Failure<W> {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(W::status(self.fault.kind)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        answer.insert_header((CONTENT_TYPE, HeaderValue::from_static(W::MEDIA_TYPE)));
        if W::DIALECT == Dialect::Idm {
            answer.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-cache")));
        }
        if W::NO_STORE {
            answer.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
            answer.insert_header((PRAGMA, HeaderValue::from_static("no-cache")));
        }
        if self.fault.kind == Kind::InvalidClient {
            answer.insert_header((WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"provost\", charset=\"UTF-8\"")));
        }
        if self.fault.kind == Kind::Unauthenticated {
            answer.insert_header((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        if let Some(seconds) = self.fault.retry_after {
            answer.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        answer.body(W::body(&self.fault).to_string())
    }
}

/// SCIM: RFC 7644 §3.12.
#[derive(Debug)]
pub struct Scim;

impl Wire for Scim {
    const DIALECT: Dialect = Dialect::Scim;
    const MEDIA_TYPE: &'static str = "application/scim+json";

    fn status(kind: Kind) -> u16 {
        kind.row().status
    }

    fn body(fault: &Fault) -> Value {
        let row = fault.kind.row();
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": row.status.to_string(),
            "detail": fault.detail,
        });
        if let Some(scim_type) = row.scim_type {
            body["scimType"] = scim_type.into();
        }
        body
    }
}

/// IDM: spec/idm.md §1.2.
#[derive(Debug)]
pub struct Idm;

impl Wire for Idm {
    const DIALECT: Dialect = Dialect::Idm;
    const MEDIA_TYPE: &'static str = "application/json";

    fn status(kind: Kind) -> u16 {
        kind.row().idm_status
    }

    fn body(fault: &Fault) -> Value {
        let code = Self::status(fault.kind);
        let reason = StatusCode::from_u16(code).ok().and_then(|s| s.canonical_reason()).unwrap_or("Error");
        if fault.requirements.is_empty() {
            return json!({ "code": code, "reason": reason, "message": fault.detail });
        }
        let failed = failed_requirements(&fault.requirements);
        let (message, detail) = match code {
            403 => (
                Kind::Policy.row().text.into(),
                json!({ "result": false, "failedPolicyRequirements": failed, "text": fault.detail }),
            ),
            _ => (fault.detail.clone(), json!({ "result": false, "failedPolicyRequirements": failed })),
        };
        json!({ "code": code, "reason": reason, "message": message, "detail": detail })
    }
}

/// Requirements that are not met, by property in the order of their first, as `failedPolicyRequirements` (spec/idm.md §1.2).
pub fn failed_requirements(requirements: &[Requirement]) -> Vec<Value> {
    let mut out: Vec<(&str, Vec<Value>)> = Vec::new();
    for requirement in requirements {
        let mut said = json!({ "policyRequirement": requirement.policy });
        if !requirement.params.is_empty() {
            said["params"] = Value::Object(requirement.params.clone());
        }
        match out.iter_mut().find(|(property, _)| *property == requirement.property) {
            Some((_, known)) => known.push(said),
            None => out.push((&requirement.property, vec![said])),
        }
    }
    out.into_iter().map(|(property, said)| json!({ "property": property, "policyRequirements": said })).collect()
}

/// Admin: RFC 9457.
#[derive(Debug)]
pub struct Admin;

impl Wire for Admin {
    const DIALECT: Dialect = Dialect::Admin;
    const MEDIA_TYPE: &'static str = "application/problem+json";

    fn status(kind: Kind) -> u16 {
        kind.row().status
    }

    fn body(fault: &Fault) -> Value {
        problem(fault)
    }
}

/// Access decisions: RFC 9457, as the admin API.
#[derive(Debug)]
pub struct Access;

impl Wire for Access {
    const DIALECT: Dialect = Dialect::Access;
    const MEDIA_TYPE: &'static str = "application/problem+json";

    fn status(kind: Kind) -> u16 {
        kind.row().status
    }

    fn body(fault: &Fault) -> Value {
        problem(fault)
    }
}

/// Passport: `{status, error, message}`, whatever went wrong (docs/passport.md).
#[derive(Debug)]
pub struct Passport;

impl Wire for Passport {
    const DIALECT: Dialect = Dialect::Passport;
    const MEDIA_TYPE: &'static str = "application/json";

    fn status(kind: Kind) -> u16 {
        kind.row().status
    }

    fn body(fault: &Fault) -> Value {
        let row = fault.kind.row();
        json!({ "status": row.status, "error": row.code, "message": fault.detail })
    }
}

fn problem(fault: &Fault) -> Value {
    let row = fault.kind.row();
    json!({ "type": format!("urn:provost:problem:{}", row.code), "title": row.text, "status": row.status, "detail": fault.detail })
}

/// The token endpoint and those beside it: RFC 6749 §5.2, which has an `error` of its own for little, and says 400 to the rest.
#[derive(Debug)]
pub struct OAuth;

impl Wire for OAuth {
    const DIALECT: Dialect = Dialect::Passport;
    const MEDIA_TYPE: &'static str = "application/json";
    const NO_STORE: bool = true;

    fn status(kind: Kind) -> u16 {
        kind.row().status
    }

    fn body(fault: &Fault) -> Value {
        let error = match fault.kind {
            Kind::InvalidClient => "invalid_client",
            Kind::InvalidGrant => "invalid_grant",
            Kind::InvalidScope => "invalid_scope",
            Kind::InvalidTarget => "invalid_target",
            Kind::UnauthorizedClient => "unauthorized_client",
            Kind::UnsupportedGrantType => "unsupported_grant_type",
            // What a bearer is told (RFC 6750 §3.1).
            Kind::Unauthenticated => "invalid_token",
            Kind::Forbidden => "insufficient_scope",
            Kind::Unavailable | Kind::TooManyRequests => "temporarily_unavailable",
            Kind::Internal => "server_error",
            _ => "invalid_request",
        };
        json!({ "error": error, "error_description": fault.detail })
    }
}
