//! The IDM dialect, over HTTP against a real gateway, and the grants behind it on both engines; rows of the specification are
//! cases under tests/cases/idm.

use crate::harness::cases;
use crate::harness::gateway::Gateway;

mod at_once;
mod callers;
mod grants;
mod walk;
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

files!(methods, errors, fields, filters, paging, patch, relationships, static_grants, conditional_grants, user_roles, dialects);
