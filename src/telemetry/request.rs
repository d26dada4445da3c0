//! The id of the request that is being served, on each log line and in the `X-Request-Id` header.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

const LONGEST: usize = 128;

tokio::task_local! {
    static CURRENT: RequestId;
    static JOBS: Arc<Mutex<Vec<String>>>;
    static WARNINGS: Arc<Mutex<Vec<Value>>>;
}

/// The id of a request: 1 to 128 of `A-Z`, `a-z`, `0-9`, `.`, `_`, `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Takes an id that a client sent or this process made. `None`: it is too long, empty, or has other characters, which
    /// could forge log lines.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        ((1..=LONGEST).contains(&text.len()) && text.bytes().all(plain)).then(|| Self(text.into()))
    }

    /// The id of a request that brought none.
    pub fn from_uuid(uuid: uuid::Uuid) -> Self {
        Self(uuid.as_simple().to_string().into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs a future under a request id.
pub async fn with_id<F: Future>(id: RequestId, future: F) -> F::Output {
    CURRENT.scope(id, JOBS.scope(Arc::default(), WARNINGS.scope(Arc::default(), future))).await
}

/// Says that the request that this task serves put a job up.
pub fn put_up(job: String) {
    // Whoever serves no request has nobody to tell.
    let _ = JOBS.try_with(|jobs| jobs.lock().unwrap_or_else(PoisonError::into_inner).push(job));
}

/// The jobs that the request of this task put up.
pub fn jobs() -> Vec<String> {
    JOBS.try_with(|jobs| jobs.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
}

/// Says what there is to warn of in what the request that this task serves has written.
pub fn warn(warning: Value) {
    let _ = WARNINGS.try_with(|warnings| warnings.lock().unwrap_or_else(PoisonError::into_inner).push(warning));
}

/// What the request of this task was warned of.
pub fn warnings() -> Vec<Value> {
    WARNINGS.try_with(|warnings| warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
}

/// The id of the request that this task serves.
pub fn current() -> Option<RequestId> {
    CURRENT.try_with(RequestId::clone).ok()
}

#[cfg(test)]
mod tests {
    use super::{RequestId, current, with_id};

    #[test]
    fn takes_no_text_that_could_forge_a_line() {
        for text in ["a", "0190-ab.C_d", &"x".repeat(128)] {
            assert_eq!(RequestId::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "a b", "a\nb", "ä", "a\"", &"x".repeat(129)] {
            assert_eq!(RequestId::parse(text), None, "{text}");
        }
        let made = RequestId::from_uuid(uuid::Uuid::nil());
        assert_eq!(RequestId::parse(made.as_str()), Some(made));
    }

    #[tokio::test]
    async fn follows_the_task() {
        assert_eq!(current(), None);
        let id = RequestId::parse("r1").unwrap();
        assert_eq!(with_id(id.clone(), async { current() }).await, Some(id));
        assert_eq!(current(), None);
    }
}
