//! What can go wrong in a use-case.

use crate::domain::error::{Fault, Kind};
use crate::store::StoreError;

/// A use-case failed.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The caller's to mend.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The operator's.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object types changed between the reading of a request and its write; trying again helps.
    #[error("the object types of the tenant have just changed")]
    TypesMoved,
    /// The guard over what sources take away refuses it, and it has to be written down.
    #[error("{}", .0.fault)]
    Held(Box<super::inbound::Held>),
    /// Stored data that does not hold together; `provost doctor` tells more.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
}

impl ServiceError {
    /// What to tell the caller. The one place that logs what is not the caller's to mend.
    pub fn into_fault(self) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            Self::Held(held) => held.fault,
            passing if passing.is_passing() => {
                log::warn!("cannot serve now: {passing}");
                Fault::of(Kind::Unavailable).retry_after(1)
            }
            lasting => {
                log::error!("cannot serve: {lasting}");
                Fault::of(Kind::Internal)
            }
        }
    }

    /// Whether it may have been done all the same.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Store(StoreError::Unavailable(_)))
    }

    /// Whether trying again later may help.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::TypesMoved | Self::Store(StoreError::Busy | StoreError::Retryable | StoreError::Unavailable(_)))
    }
}

/// Result of a use-case.
pub type Result<T> = std::result::Result<T, ServiceError>;
