//! The Passport form and access decisions, over HTTP against a real gateway; rows of the specification are cases under
//! tests/cases/passport.

use crate::harness::cases;
use crate::harness::gateway::Gateway;

mod decisions;
mod explanations;
mod rows;
mod statements;

macro_rules! files {
    ($($file:ident),+) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test] async fn $file() {
                cases::run(&Gateway::start(), concat!("passport/", stringify!($file), ".yaml")).await;
            })+
        }
        mod postgres {
            use super::*;
            $(#[tokio::test] async fn $file() {
                cases::run(&Gateway::on_postgres(), concat!("passport/", stringify!($file), ".yaml")).await;
            })+
        }
    };
}

files!(roles, identities, policies, checks, authzen, explanations, findings, warnings);
