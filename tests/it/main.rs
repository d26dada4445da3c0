//! The integration tests: one binary. Each module is marked as test code, so that its helpers may unwrap as well.

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod connector;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod idm;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod scim;
#[cfg(test)]
mod store;
#[cfg(test)]
mod sync;
