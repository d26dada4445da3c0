//! The URL map, on one page. Every address answers with and without a slash at its end, HEAD wherever GET, and any other
//! method with 405 in its dialect's form.

use actix_web::web::{self, ServiceConfig, scope};

use super::address::{at, read};
use super::failure::{Admin, Idm, Scim};
use super::{admin, health, idm, openapi, scim};

/// Every address.
pub fn routes(app: &mut ServiceConfig) {
    app.route("/health", read().to(health::health))
        .route("/ready", read().to(health::ready))
        .route("/metrics", read().to(health::metrics))
        .route("/openapi.json", read().to(openapi::openapi))
        .service(
            scope("/scim/v2")
                .service(at("/ServiceProviderConfig").get(scim::discovery::provider).or::<Scim>())
                .service(at("/ResourceTypes").get(scim::discovery::resource_types).or::<Scim>())
                .service(at("/ResourceTypes/{name}").get(scim::discovery::resource_type).or::<Scim>())
                .service(at("/Schemas").get(scim::discovery::schemas).or::<Scim>())
                .service(at("/Schemas/{name}").get(scim::discovery::schema).or::<Scim>())
                .service(at("/Bulk").post(scim::bulk::run).or::<Scim>())
                .service(
                    at("/Me")
                        .get(scim::me::read)
                        .post(scim::me::write)
                        .put(scim::me::write)
                        .patch(scim::me::write)
                        .delete(scim::me::write)
                        .or::<Scim>(),
                )
                .service(at("").get(scim::search::list_all).or::<Scim>())
                .service(at("/.search").post(scim::search::search_all).or::<Scim>())
                .service(at("/{endpoint}/.search").post(scim::search::search).or::<Scim>())
                .service(at("/{endpoint}").get(scim::search::list).post(scim::resources::create).or::<Scim>())
                .service(
                    at("/{endpoint}/{id}")
                        .get(scim::resources::get)
                        .put(scim::resources::replace)
                        .patch(scim::resources::modify)
                        .delete(scim::resources::delete)
                        .or::<Scim>(),
                )
                .default_service(web::to(scim::unknown)),
        )
        .service(scope("/scim").default_service(web::to(scim::other_version)))
        .service(
            scope("/openidm")
                .service(at("/managed/{type}").get(idm::resources::query).post(idm::resources::create).or::<Idm>())
                .service(
                    at("/managed/{type}/{id}")
                        .get(idm::resources::get)
                        .put(idm::resources::put)
                        .patch(idm::resources::modify)
                        .post(idm::resources::modify)
                        .delete(idm::resources::delete)
                        .or::<Idm>(),
                )
                .service(
                    at("/managed/{type}/{id}/{property}")
                        .get(idm::relationships::list)
                        .post(idm::relationships::create)
                        .put(idm::relationships::put)
                        .delete(idm::relationships::delete)
                        .or::<Idm>(),
                )
                .service(
                    at("/managed/{type}/{id}/{property}/{edge}")
                        .get(idm::relationships::get)
                        .delete(idm::relationships::delete)
                        .or::<Idm>(),
                )
                .default_service(web::to(idm::unknown)),
        )
        .service(
            scope("/admin/v1")
                .service(at("/tokens").get(admin::tokens::list).post(admin::tokens::create).or::<Admin>())
                .service(at("/tokens/{id}").get(admin::tokens::get).delete(admin::tokens::revoke).or::<Admin>())
                .service(at("/profiles").get(admin::profiles::list).or::<Admin>())
                .service(at("/tenants").get(admin::tenants::list).post(admin::tenants::create).or::<Admin>())
                .service(at("/changes").get(admin::changes::list).or::<Admin>())
                .service(at("/types").get(admin::types::list).or::<Admin>())
                .service(
                    at("/types/{type}").get(admin::types::get).put(admin::types::put).delete(admin::types::delete).or::<Admin>(),
                )
                .service(at("/jobs").get(admin::jobs::list).or::<Admin>())
                .service(at("/jobs/{id}").get(admin::jobs::get).or::<Admin>())
                .service(at("/inbound/held").get(admin::inbound::held).or::<Admin>())
                .service(at("/inbound/held/{source}/approve").post(admin::inbound::approve).or::<Admin>())
                .service(at("/inbound/held/{source}/reject").post(admin::inbound::reject).or::<Admin>())
                .service(at("/targets").get(admin::targets::list).post(admin::targets::create).or::<Admin>())
                .service(
                    at("/targets/{id}")
                        .get(admin::targets::get)
                        .put(admin::targets::replace)
                        .patch(admin::targets::modify)
                        .delete(admin::targets::delete)
                        .or::<Admin>(),
                )
                .service(at("/targets/{id}/probe").post(admin::targets::probe).or::<Admin>())
                .service(at("/targets/{id}/pause").post(admin::targets::pause).or::<Admin>())
                .service(at("/targets/{id}/resume").post(admin::targets::resume).or::<Admin>())
                .service(at("/targets/{id}/resync").post(admin::targets::resync).or::<Admin>())
                .service(at("/targets/{id}/retry").post(admin::links::retry_all).or::<Admin>())
                .service(at("/targets/{id}/attempts").get(admin::attempts::list).or::<Admin>())
                .service(at("/targets/{id}/held").get(admin::links::held).or::<Admin>())
                .service(at("/targets/{id}/held/{batch}/approve").post(admin::links::approve).or::<Admin>())
                .service(at("/targets/{id}/held/{batch}/reject").post(admin::links::reject).or::<Admin>())
                .service(at("/targets/{id}/links").get(admin::links::list).or::<Admin>())
                .service(at("/targets/{id}/links/{type}/{object}").get(admin::links::explain).or::<Admin>())
                .service(at("/targets/{id}/links/{type}/{object}/retry").post(admin::links::retry).or::<Admin>())
                .service(at("/targets/{id}/links/{type}/{object}/unlink").post(admin::links::unlink).or::<Admin>())
                .service(at("/targets/{id}/links/{type}/{object}/adopt").post(admin::links::adopt).or::<Admin>())
                .default_service(web::to(admin::unknown)),
        );
}
