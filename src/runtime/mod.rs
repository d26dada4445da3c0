//! The two things that are not a function of their inputs, time and randomness, each in one place.
//!
//! Everything else receives a [`Timestamp`] or an id, so that tests can turn the clock.

pub mod clock;
pub mod random;
pub mod wait;

pub use crate::domain::time::Timestamp;
pub use clock::Clock;
