//! What actix can do here with one user serialised and nothing else: the yardstick for reads in docs/benchmarks.md.
//!
//! `cargo run --release --example bare -- 127.0.0.1:8090`

use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::{Value, json};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8090".to_owned());
    let user = web::Data::new(user());
    HttpServer::new(move || App::new().app_data(user.clone()).default_service(web::to(answer)))
        .workers(2)
        .bind(address)?
        .run()
        .await
}

async fn answer(user: web::Data<Value>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/scim+json").body(user.to_string())
}

// About 1 KB, as the load generator's users are.
fn user() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "id": "01932c07-0000-7000-8000-000000000001",
        "externalId": "hr-000001",
        "userName": "anna.andersson@example.org",
        "name": { "formatted": "Anna Andersson", "familyName": "Andersson", "givenName": "Anna" },
        "displayName": "Anna Andersson",
        "title": "Engineer",
        "userType": "Employee",
        "preferredLanguage": "sv-SE",
        "locale": "sv-SE",
        "timezone": "Europe/Stockholm",
        "active": true,
        "emails": [{ "value": "anna.andersson@example.org", "type": "work", "primary": true }, { "value": "anna@example.net", "type": "home" }],
        "phoneNumbers": [{ "value": "+46 8 123 456", "type": "work" }],
        "addresses": [{ "streetAddress": "Storgatan 1", "locality": "Stockholm", "postalCode": "111 22", "country": "SE", "type": "work" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": "000001", "costCenter": "4130", "organization": "Example", "division": "Tools", "department": "Research"
        },
        "meta": {
            "resourceType": "User",
            "created": "2026-03-01T12:00:00.000000Z",
            "lastModified": "2026-03-01T12:00:00.000000Z",
            "location": "http://127.0.0.1:8090/scim/v2/Users/01932c07-0000-7000-8000-000000000001",
            "version": "W/\"1\""
        }
    })
}
