//! Figures of a running delivery: written by the engine, read by the progress display and the
//! summary on the same thread.

use std::cell::{Cell, RefCell};

use tokio::time::Instant;

/// What the delivery waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum WaitingFor {
    /// Nothing, the rate, or responses to what is in flight.
    #[default]
    Nothing,
    /// The endpoint: it is away, or asked for a pause.
    Endpoint {
        /// Why.
        reason: String,
        /// When the next request may go.
        until: Instant,
    },
    /// Shipments whose next attempt is due later.
    Backoff {
        /// How many.
        shipments: usize,
    },
}

/// Figures of a running delivery.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: Cell<u64>,
    /// When the first and the last request started.
    started: Cell<Option<(Instant, Instant)>>,
    limit: Cell<usize>,
    waiting: RefCell<WaitingFor>,
}

impl Metrics {
    /// Requests started.
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// Requests started per second, from the first to the last; `None` for fewer than two.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn requests_per_second(&self) -> Option<f64> {
        let (first, last) = self.started.get()?;
        let seconds = last.duration_since(first).as_secs_f64();
        (seconds > 0.0).then(|| ((self.requests() - 1) as f64 / seconds * 100.0).round() / 100.0)
    }

    /// Requests that may be in flight at most; 0 before the delivery begins.
    pub fn limit(&self) -> usize {
        self.limit.get()
    }

    /// What the delivery waits for.
    pub fn waiting(&self) -> WaitingFor {
        self.waiting.borrow().clone()
    }

    pub(super) fn count_start(&self) {
        self.requests.set(self.requests.get() + 1);
        let now = Instant::now();
        self.started.set(Some((self.started.get().map_or(now, |(first, _)| first), now)));
    }

    pub(super) fn set_limit(&self, limit: usize) {
        if self.limit.replace(limit) > limit {
            tracing::debug!("at most {limit} requests in flight now");
        }
    }

    pub(super) fn wait_for(&self, waiting: WaitingFor) {
        self.waiting.replace(waiting);
    }
}
