//! Counters, gauges and histograms, and their text for `GET /metrics` (Prometheus exposition format 0.0.4). Made once and
//! handed on; none of the labels names a tenant, a target or an identity.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "other"];
const CLASSES: usize = 5;

/// Every metric of the process.
#[derive(Debug)]
pub struct Metrics {
    requests: [[AtomicU64; CLASSES]; METHODS.len()],
    request_time: Histogram<11>,
    /// Writes that shared a commit.
    pub writer_batch: Histogram<9>,
    /// Writes that wait for the writer.
    pub writer_queue: Gauge,
    /// Calls to targets, by [`CallOutcome`].
    sync_calls: [AtomicU64; CallOutcome::ALL.len()],
    /// Links that are due and not yet worked on.
    pub sync_due: Gauge,
    /// Background tasks that failed and were started again.
    pub task_failures: Counter,
    /// Deactivations and deletions that the guard over what comes in refused.
    pub inbound_held: Counter,
    /// Removals that administrators approved.
    pub inbound_approved: Counter,
}

/// How a call to a target ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// The target did it.
    Done,
    /// It may be tried again.
    Retry,
    /// It is not known whether the target did it.
    Uncertain,
    /// The object is parked until someone mends it.
    Parked,
}

impl CallOutcome {
    const ALL: [Self; 4] = [Self::Done, Self::Retry, Self::Uncertain, Self::Parked];

    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry => "retry",
            Self::Uncertain => "uncertain",
            Self::Parked => "parked",
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Default::default(),
            // Microseconds.
            request_time: Histogram::new([
                250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000,
            ]),
            writer_batch: Histogram::new([1, 2, 4, 8, 16, 32, 64, 128, 256]),
            writer_queue: Gauge::default(),
            sync_calls: Default::default(),
            sync_due: Gauge::default(),
            task_failures: Counter::default(),
            inbound_held: Counter::default(),
            inbound_approved: Counter::default(),
        }
    }
}

impl Metrics {
    /// Counts an answered request.
    pub fn request(&self, method: &str, status: u16, took: Duration) {
        let method = METHODS.iter().position(|known| *known == method).unwrap_or(METHODS.len() - 1);
        let class = usize::from(status / 100).clamp(1, CLASSES) - 1;
        self.requests[method][class].fetch_add(1, Relaxed);
        self.request_time.observe(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts a call to a target.
    pub fn sync_call(&self, outcome: CallOutcome) {
        self.sync_calls[outcome as usize].fetch_add(1, Relaxed);
    }

    /// The text for `GET /metrics`.
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(4096);
        head(&mut out, "provost_requests_total", "counter", "Answered requests.");
        for (method, classes) in METHODS.iter().zip(&self.requests) {
            for (class, count) in (1..).zip(classes) {
                let labels = format!("method=\"{method}\",status=\"{class}xx\"");
                line(&mut out, &format!("provost_requests_total{{{labels}}}"), count.load(Relaxed));
            }
        }
        self.request_time.render(&mut out, "provost_request_seconds", "Time to answer a request.", 1_000_000);
        self.writer_batch.render(&mut out, "provost_writer_batch_size", "Writes that shared a commit.", 1);
        self.writer_queue.render(&mut out, "provost_writer_queue", "Writes that wait for the writer.");
        head(&mut out, "provost_sync_calls_total", "counter", "Calls to targets.");
        for (outcome, count) in CallOutcome::ALL.iter().zip(&self.sync_calls) {
            let name = format!("provost_sync_calls_total{{outcome=\"{}\"}}", outcome.name());
            line(&mut out, &name, count.load(Relaxed));
        }
        self.sync_due.render(&mut out, "provost_sync_due", "Links that are due and not yet worked on.");
        self.task_failures.render(&mut out, "provost_task_failures_total", "Background tasks that failed.");
        self.inbound_held.render(&mut out, "provost_inbound_held_total", "Deactivations and deletions that the guard refused.");
        self.inbound_approved.render(&mut out, "provost_inbound_approved_total", "Held removals that were approved.");
        out
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn count(&self) {
        self.add(1);
    }

    /// Adds several.
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Relaxed);
    }

    fn render(&self, out: &mut String, name: &str, help: &str) {
        head(out, name, "counter", help);
        line(out, name, self.0.load(Relaxed));
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Adds, or with a negative number takes away.
    pub fn add(&self, by: i64) {
        self.0.fetch_add(by, Relaxed);
    }

    /// Sets.
    pub fn set(&self, to: i64) {
        self.0.store(to, Relaxed);
    }

    fn render(&self, out: &mut String, name: &str, help: &str) {
        head(out, name, "gauge", help);
        line(out, name, self.0.load(Relaxed));
    }
}

/// How often values fell below each of `N` bounds.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    bounds: [u64; N],
    buckets: [AtomicU64; N],
    beyond: AtomicU64,
    sum: AtomicU64,
}

impl<const N: usize> Histogram<N> {
    fn new(bounds: [u64; N]) -> Self {
        Self { bounds, buckets: std::array::from_fn(|_| AtomicU64::new(0)), beyond: AtomicU64::new(0), sum: AtomicU64::new(0) }
    }

    /// Counts a value.
    pub fn observe(&self, value: u64) {
        let bucket = self.bounds.iter().zip(&self.buckets).find(|(bound, _)| value <= **bound);
        bucket.map_or(&self.beyond, |(_, bucket)| bucket).fetch_add(1, Relaxed);
        self.sum.fetch_add(value, Relaxed);
    }

    /// Prints it in units of `scale` of its values.
    fn render(&self, out: &mut String, name: &str, help: &str, scale: u64) {
        head(out, name, "histogram", help);
        let mut total = 0;
        for (bound, bucket) in self.bounds.iter().zip(&self.buckets) {
            total += bucket.load(Relaxed);
            line(out, &format!("{name}_bucket{{le=\"{}\"}}", *bound as f64 / scale as f64), total);
        }
        total += self.beyond.load(Relaxed);
        line(out, &format!("{name}_bucket{{le=\"+Inf\"}}"), total);
        line(out, &format!("{name}_sum"), self.sum.load(Relaxed) as f64 / scale as f64);
        line(out, &format!("{name}_count"), total);
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String does not fail.
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

fn line(out: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = writeln!(out, "{name} {value}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{CallOutcome, Metrics};

    #[test]
    fn renders_what_was_counted() {
        let metrics = Metrics::default();
        metrics.request("GET", 200, Duration::from_micros(300));
        metrics.request("GET", 204, Duration::from_secs(60));
        metrics.request("PROPFIND", 999, Duration::ZERO);
        metrics.writer_batch.observe(3);
        metrics.writer_queue.add(5);
        metrics.writer_queue.add(-2);
        metrics.sync_due.set(7);
        metrics.sync_call(CallOutcome::Uncertain);
        metrics.task_failures.count();
        metrics.inbound_held.count();
        metrics.inbound_approved.add(3);
        let text = metrics.render();
        for line in [
            "# TYPE provost_requests_total counter",
            "provost_requests_total{method=\"GET\",status=\"2xx\"} 2",
            "provost_requests_total{method=\"other\",status=\"5xx\"} 1",
            "provost_request_seconds_bucket{le=\"0.00025\"} 1",
            "provost_request_seconds_bucket{le=\"0.0005\"} 2",
            "provost_request_seconds_bucket{le=\"10\"} 2",
            "provost_request_seconds_bucket{le=\"+Inf\"} 3",
            "provost_request_seconds_sum 60.0003",
            "provost_request_seconds_count 3",
            "provost_writer_batch_size_bucket{le=\"2\"} 0",
            "provost_writer_batch_size_bucket{le=\"4\"} 1",
            "provost_writer_queue 3",
            "provost_sync_calls_total{outcome=\"uncertain\"} 1",
            "provost_sync_due 7",
            "provost_task_failures_total 1",
            "provost_inbound_held_total 1",
            "provost_inbound_approved_total 3",
        ] {
            assert!(text.lines().any(|printed| printed == line), "{line}\n{text}");
        }
    }
}
