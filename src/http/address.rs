//! One address of the URL map: its methods, and what it says to any other.

use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{self, resource};
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, ResponseError as _, Route, guard};

use super::failure::{Failure, Wire};
use crate::domain::error::{Fault, Kind};

/// An address under construction.
pub struct Address {
    resource: Resource,
    methods: Vec<&'static str>,
}

/// The address `path`, with or without a slash at its end (spec/scim.md §2.2).
pub fn at(path: &str) -> Address {
    Address { resource: resource([path.to_owned(), format!("{path}/")]), methods: Vec::new() }
}

/// A route that answers GET, and HEAD as GET without the body.
pub fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident, $route:expr, $method:literal;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name<F, Args>(self, handler: F) -> Self
        where
            F: Handler<Args>,
            Args: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            self.method($method, $route.to(handler))
        }
    )*};
}

impl Address {
    methods! {
        /// Answers POST.
        post, web::post(), "POST";
        /// Answers PUT.
        put, web::put(), "PUT";
        /// Answers PATCH.
        patch, web::patch(), "PATCH";
        /// Answers DELETE.
        delete, web::delete(), "DELETE";
    }

    /// Answers GET, and HEAD as GET without the body.
    #[must_use]
    pub fn get<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.method("GET", web::get().to(handler.clone())).method("HEAD", web::head().to(handler))
    }

    /// Refuses every other method with 405 and `Allow` (RFC 9110 §15.5.6), in the form of the dialect `W`.
    pub fn or<W: Wire>(self) -> Resource {
        let allow = self.methods.join(", ");
        self.resource.default_service(web::to(move || std::future::ready(refusal::<W>(&allow))))
    }

    fn method(mut self, name: &'static str, route: Route) -> Self {
        self.methods.push(name);
        self.resource = self.resource.route(route);
        self
    }
}

fn refusal<W: Wire>(allow: &str) -> HttpResponse {
    let mut answer = Failure::<W>::new(Fault::of(Kind::MethodNotAllowed)).error_response();
    if let Ok(allow) = HeaderValue::from_str(allow) {
        answer.headers_mut().insert(ALLOW, allow);
    }
    answer
}
