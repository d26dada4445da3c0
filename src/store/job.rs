//! A write on its way through the writer: run, perhaps more than once, and answered after COMMIT.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::conn::Tx;
use super::error::{Result, StoreError};

/// A queued write, its types forgotten.
pub(super) trait Job: Send {
    /// Runs it; whether its changes are to be kept.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Whether it is expected to take back what it wrote.
    fn is_tentative(&self) -> bool;
    /// Answers the caller.
    fn answer(self: Box<Self>, committed: Result<()>);
}

/// A queued write with its types.
pub(super) struct Typed<F, T, E, R> {
    job: F,
    result: Option<Result<T, E>>,
    reply: R,
    tentative: bool,
}

impl<F, T, E, R> Typed<F, T, E, R> {
    pub(super) fn new(job: F, reply: R, tentative: bool) -> Self {
        Self { job, result: None, reply, tentative }
    }
}

impl<F, T, E, R> Job for Typed<F, T, E, R>
where
    F: Fn(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
    R: FnOnce(Result<T, E>) + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let result = guarded(|| (self.job)(tx)).unwrap_or_else(|panic| Err(panic.into()));
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn is_tentative(&self) -> bool {
        self.tentative
    }

    fn answer(self: Box<Self>, committed: Result<()>) {
        // Even an error may rest on what an earlier job of the batch wrote, so without COMMIT it is no answer.
        (self.reply)(match (committed, self.result) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(StoreError::Unavailable("the job was not run".to_owned()).into()),
            (Err(error), _) => Err(error.into()),
        });
    }
}

/// Runs `f` and turns a panic into [`StoreError::Panicked`].
pub(super) fn guarded<T>(f: impl FnOnce() -> T) -> Result<T> {
    // What a job leaves half done is in its transaction, and that is rolled back.
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| StoreError::Panicked(panic_text(payload.as_ref())))
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
