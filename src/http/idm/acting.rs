//! Who acts by POST on one object: an action that writes nothing takes no more than reading does.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::explain::EXPLAIN_ROLES;
use super::query::Parameters;
use crate::http::caller::{Caller, IdmRead, IdmWrite};
use crate::http::failure::{Failure, Idm};

/// The caller of an action, who may do what it does.
pub enum Acting {
    /// It reads.
    Reads(Caller<IdmRead>),
    /// It writes.
    Writes(Caller<IdmWrite>),
}

impl FromRequest for Acting {
    type Error = Failure<Idm>;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if Parameters::read(req).is_ok_and(|wish| wish.action.as_deref() == Some(EXPLAIN_ROLES)) {
            let caller = Caller::from_request(req, payload);
            return Box::pin(async { Ok(Self::Reads(caller.await?)) });
        }
        let caller = Caller::from_request(req, payload);
        Box::pin(async { Ok(Self::Writes(caller.await?)) })
    }
}
