//! How much of a written resource its writer gets back (spec/scim.md §2.5).

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderName, HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse};

use super::answer;
use super::query::Parameters;
use super::resources::shown;
use crate::domain::bulk::Method;
use crate::domain::error::Fault;
use crate::domain::profile::{GroupPatchReply, Profile};
use crate::domain::projection::Projection;
use crate::domain::resource::location;
use crate::domain::schema::ObjectType;
use crate::domain::schema::relationship::MEMBERSHIP;
use crate::domain::written::Written;
use crate::http::prefer::{self, Return};
use crate::service::ServiceError;
use crate::service::load::Needs;

/// Largest group that a PATCH answers whole, unless more is asked for.
const WHOLE_GROUP: usize = 100;

const APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// What is answered, settled before the write so that no more is loaded than is shown.
pub struct Reply {
    method: Method,
    projection: Projection,
    extent: Extent,
    applied: Option<Return>,
}

enum Extent {
    Whole,
    // With this relationship, if it holds few enough.
    Unless(String),
    Brief,
}

impl Reply {
    /// Attributes that are asked for decide, then `Prefer`, then the client's profile.
    ///
    /// # Errors
    /// Parameters that do not fit.
    pub fn new(method: Method, req: &HttpRequest, kind: &ObjectType, profile: &Profile) -> Result<Self, Fault> {
        let parameters = Parameters::from_query(req)?;
        let projection = parameters.projection(kind)?;
        let applied = prefer::returns(req).filter(|_| !parameters.projects() && method != Method::Delete);
        let members = kind.relationships.iter().find(|r| r.relation == MEMBERSHIP && r.moves_rev);
        let extent = match (method, applied) {
            (Method::Delete, _) | (_, Some(Return::Minimal)) => Extent::Brief,
            (Method::Patch, None) if !parameters.projects() => match members {
                Some(_) if profile.group_patch_reply == GroupPatchReply::NoContent => Extent::Brief,
                Some(members) => Extent::Unless(members.name.clone()),
                None => Extent::Whole,
            },
            _ => Extent::Whole,
        };
        Ok(Self { method, projection, extent, applied })
    }

    /// What it shows of relationships.
    pub fn needs(&self, kind: &ObjectType) -> Needs {
        match &self.extent {
            Extent::Brief => Needs::nothing(),
            Extent::Whole => shown(kind, &self.projection),
            Extent::Unless(members) => shown(kind, &self.projection).at_most(members, WHOLE_GROUP),
        }
    }

    /// The answer.
    ///
    /// # Errors
    /// When the stored document is damaged.
    pub fn answer(self, base: &str, written: Written) -> Result<HttpResponse, ServiceError> {
        let created = self.method == Method::Post;
        let brief = match &self.extent {
            Extent::Brief => true,
            Extent::Unless(members) => !written.head.related.contains_key(members),
            Extent::Whole => false,
        };
        let status = match (created, brief) {
            (true, _) => StatusCode::CREATED,
            (false, true) => StatusCode::NO_CONTENT,
            (false, false) => StatusCode::OK,
        };
        let mut answer = match brief {
            true => {
                let mut answer = HttpResponse::build(status);
                if self.method != Method::Delete {
                    answer.insert_header((ETAG, written.head.version()));
                }
                if created {
                    answer.insert_header((LOCATION, location(base, &written.head.kind, &written.head.wire_id)));
                }
                answer.finish()
            }
            false => answer::resource(status, base, written, &self.projection)?,
        };
        if let Some(applied) = self.applied {
            answer.headers_mut().insert(APPLIED, HeaderValue::from_static(applied.applied()));
        }
        Ok(answer)
    }
}
