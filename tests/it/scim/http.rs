//! Addresses, headers and methods: rows of the specification as cases under tests/cases/scim.

use crate::harness::cases;
use crate::harness::gateway::Gateway;

#[tokio::test]
async fn the_cases_on_sqlite() {
    cases::run(&Gateway::start(), "scim/http.yaml").await;
}

#[tokio::test]
async fn the_cases_on_postgres() {
    cases::run(&Gateway::on_postgres(), "scim/http.yaml").await;
}
