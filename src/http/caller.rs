//! The caller, checked by its type: a handler that names no permission does not compile.

use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, USER_AGENT};
use actix_web::{FromRequest, HttpRequest, web};
use serde_json::Value;

use super::dry_run;
use super::failure::{self, Failure, Wire};
use super::request;
use super::state::State;
use crate::auth::Principal;
use crate::domain::access::{Asker, Itself};
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind};
use crate::domain::profile::Profile;
use crate::domain::scope::{Action, Permission};
use crate::telemetry::request::current;

/// What a handler demands of its caller.
pub trait Demand: 'static {
    /// The dialect, which also shapes the refusal.
    type Wire: Wire;
    /// The action.
    const ACTION: Action;
}

/// A caller who may do what `D` demands.
pub struct Caller<D> {
    actor: Actor,
    principal: Arc<Principal>,
    // The client that the head of the request shows, which says more than a body.
    head: Option<&'static Profile>,
    demand: PhantomData<D>,
}

impl<D> Caller<D> {
    /// The same caller, met as the client that the body of his request shows, if his token's profile tells clients so.
    #[must_use]
    pub fn having_sent(mut self, state: &State, body: &Value) -> Self {
        if self.principal.detects()
            && self.head.is_none()
            && let Some(shown) = Profile::of_body(body)
        {
            self.actor.profile = state.auth.meet(&self.principal, Some(shown), self.actor.rehearsal.is_some());
        }
        self
    }
}

impl<D> Caller<D> {
    /// The caller, as one who asks for decisions.
    pub fn asker(&self) -> Asker {
        let itself = self.principal.claims.as_ref().map(|claims| match claims.text("managed_identity_id") {
            "" => Itself::user(claims.text("sub")),
            id => Itself::account(id, claims.text("sub")),
        });
        Asker { itself, others: self.actor.may(Action::Evaluate) }
    }
}

impl<D> Deref for Caller<D> {
    type Target = Actor;

    fn deref(&self) -> &Actor {
        &self.actor
    }
}

impl<D: Demand> FromRequest for Caller<D> {
    type Error = Failure<D::Wire>;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            let state = req.app_data::<web::Data<State>>().ok_or_else(|| Failure::new(Fault::of(Kind::Internal)))?;
            let header = req.headers().get(AUTHORIZATION).and_then(|h| h.to_str().ok());
            let principal = state.principal(header).await?;
            let permission = Permission::new(D::Wire::DIALECT, D::ACTION);
            // Whoever the token stands for may ask about itself; about whom it asks is not known yet.
            let asks = D::ACTION == Action::Evaluate && principal.claims.is_some();
            if !asks && !principal.scopes.allows(permission) {
                let text = format!("this needs the scope '{}'", permission.scope().name());
                return Err(Failure::new(Fault::new(Kind::Forbidden, text)));
            }
            if principal.claims.is_some() && principal.scopes.allows(permission) {
                state.service.used(principal.tenant, principal.id, permission.scope().name());
            }
            let types = state.service.registry(principal.tenant).await?;
            let agent = req.headers().get(USER_AGENT).and_then(|h| h.to_str().ok());
            let head = if principal.detects() { Profile::of_head(agent, req.query_string()) } else { None };
            let rehearsal = if D::ACTION.writes() {
                dry_run::wish(&req)?
            } else {
                request::only_reads(&req);
                None
            };
            let actor = Actor {
                tenant: principal.tenant,
                types,
                name: principal.name.clone(),
                token: Some(principal.id),
                source: principal.source.clone(),
                profile: state.auth.meet(&principal, head, rehearsal.is_some()),
                scopes: principal.scopes,
                dialect: D::Wire::DIALECT,
                request_id: current().map_or_else(|| "".into(), |id| id.as_str().into()),
                rehearsal,
            };
            Ok(Self { actor, principal, head, demand: PhantomData })
        })
    }
}

macro_rules! demands {
    ($($(#[$doc:meta])* $name:ident: $wire:ident, $action:ident;)*) => {$(
        $(#[$doc])*
        pub struct $name;

        impl Demand for $name {
            type Wire = failure::$wire;
            const ACTION: Action = Action::$action;
        }
    )*};
}

demands! {
    /// To view over SCIM.
    ScimRead: Scim, Read;
    /// To create, change and delete over SCIM; roles and grants ask for more.
    ScimWrite: Scim, Write;
    /// To view over IDM.
    IdmRead: Idm, Read;
    /// To create, change and delete over IDM; roles and grants ask for more.
    IdmWrite: Idm, Write;
    /// To view over Passport.
    PassportRead: Passport, Read;
    /// To write managed identities, roles and policies over Passport.
    PassportRoles: Passport, Roles;
    /// To ask for decisions over Passport.
    PassportEvaluate: Passport, Evaluate;
    /// To ask for decisions.
    AccessEvaluate: Access, Evaluate;
    /// To configure a tenant.
    AdminAll: Admin, Admin;
    /// To create and remove tenants.
    Operate: Admin, Operator;
}
