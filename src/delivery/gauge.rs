//! What can be seen of a delivery from outside while it goes on; read by the progress display.

use std::cell::{Cell, RefCell};

use tokio::time::Instant;

/// What the delivery waits for just now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing, or answers to what is in flight.
    #[default]
    Nothing,
    /// The rate limit.
    Pace,
    /// The first answer of the run, before more than one request goes at a time.
    Canary,
    /// The endpoint: it is away, or asked to be left alone.
    Hold {
        /// Why.
        reason: String,
        /// When the next request may go.
        until: Instant,
    },
    /// Shipments that are due for another attempt later.
    Backoff {
        /// How many.
        shipments: usize,
        /// When the next is due.
        until: Instant,
    },
}

/// The dials of a running delivery. Written by the engine, read between its steps on the same
/// thread.
#[derive(Debug, Default)]
pub struct Gauge {
    requests: Cell<u64>,
    /// When the first and the last of them were started.
    within: Cell<Option<(Instant, Instant)>>,
    in_flight: Cell<usize>,
    limit: Cell<usize>,
    waiting: RefCell<Waiting>,
}

impl Gauge {
    /// Requests started since the beginning.
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// Requests started per second, from the first to the last; `None` where there were too few to
    /// tell.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn requests_per_second(&self) -> Option<f64> {
        let (first, last) = self.within.get()?;
        let seconds = last.duration_since(first).as_secs_f64();
        (seconds > 0.0).then(|| ((self.requests() - 1) as f64 / seconds * 100.0).round() / 100.0)
    }

    /// Requests without an answer yet.
    pub fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    /// How many there may be just now: the cap, or fewer while the endpoint asks for it; 0 before
    /// the run begins.
    pub fn limit(&self) -> usize {
        self.limit.get()
    }

    /// What is waited for.
    pub fn waiting(&self) -> Waiting {
        self.waiting.borrow().clone()
    }

    pub(crate) fn started(&self) {
        self.requests.set(self.requests.get() + 1);
        let now = Instant::now();
        self.within.set(Some((self.within.get().map_or(now, |(first, _)| first), now)));
        self.in_flight.set(self.in_flight.get() + 1);
        self.wait_for(Waiting::Nothing);
    }

    pub(crate) fn ended(&self) {
        self.in_flight.set(self.in_flight.get() - 1);
    }

    pub(crate) fn set_limit(&self, limit: usize) {
        if self.limit.replace(limit) > limit {
            tracing::debug!("at most {limit} requests in flight now");
        }
    }

    pub(crate) fn wait_for(&self, waiting: Waiting) {
        if *self.waiting.borrow() != waiting {
            *self.waiting.borrow_mut() = waiting;
        }
    }
}
