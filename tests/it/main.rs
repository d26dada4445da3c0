//! The integration tests: one binary. Each module is marked as test code, so that its helpers may unwrap as well.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod connector;
#[cfg(test)]
mod dry_run;
#[cfg(test)]
mod fuzz_corpus;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod idm;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod oauth;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod passport;
#[cfg(test)]
mod scim;
#[cfg(test)]
mod store;
#[cfg(test)]
mod sync;
