//! Waiting in background loops: for a signal, a stop, or a time, whichever comes first.

use std::time::Duration;

use tokio::sync::{Notify, watch};

/// Whether the loop goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// There may be work.
    Due,
    /// The end was asked for.
    Stopped,
}

/// Waits until `signal` is notified, `longest` has passed, or `stop` turns true or its sender is gone.
pub async fn wait(signal: &Notify, longest: Duration, stop: &mut watch::Receiver<bool>) -> Waited {
    let stopping = async {
        // A sender that is gone asks for the end too.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    tokio::select! {
        () = stopping => Waited::Stopped,
        _ = tokio::time::timeout(longest, signal.notified()) => Waited::Due,
    }
}

/// Lets time pass inside a task that something else ends.
pub async fn pause(length: Duration) {
    // Nothing is ever ready, so it is the time that ends it.
    let _ = tokio::time::timeout(length, std::future::pending::<()>()).await;
}
