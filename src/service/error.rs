//! What can go wrong in a use-case.

use crate::domain::error::Fault;
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
    /// Stored data that does not hold together; `provost doctor` tells more.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
}

impl ServiceError {
    /// Whether trying again later may help.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Store(StoreError::Busy | StoreError::Retryable | StoreError::Unavailable(_)))
    }
}

/// Result of a use-case.
pub type Result<T> = std::result::Result<T, ServiceError>;
