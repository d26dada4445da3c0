//! The IDM dialect, over HTTP against a real gateway, and the grants behind it on both engines; rows of the specification are
//! cases under tests/cases/idm.

use crate::harness::cases;
use crate::harness::gateway::Gateway;

mod actions;
mod assignments;
mod at_once;
mod callers;
mod client;
mod defects;
mod edge_lists;
mod edge_pages;
mod grants;
mod lists;
mod policies;
mod protocol_rows;
mod recomputation;
mod rows;
mod time;
mod views;
mod walk;
mod walk_related;
mod world;

macro_rules! files {
    ($($file:ident),+) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test] async fn $file() { cases::run(&Gateway::start(), concat!("idm/", stringify!($file), ".yaml")).await; })+
        }
        mod postgres {
            use super::*;
            $(#[tokio::test] async fn $file() {
                cases::run(&Gateway::on_postgres(), concat!("idm/", stringify!($file), ".yaml")).await;
            })+
        }
    };
}

files!(
    methods,
    errors,
    fields,
    filters,
    paging,
    policies,
    patch,
    refusals,
    relationships,
    edge_properties,
    edge_endpoints,
    edge_rules,
    static_grants,
    conditional_grants,
    related_conditions,
    script_conditions,
    evaluate_condition,
    user_roles,
    temporal_constraints,
    bundles,
    defects,
    dialects,
    explain_roles,
    assignments,
    internal_roles,
    managed_roles
);
