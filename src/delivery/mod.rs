//! One task in, one outcome out: the delivery of shipments to the endpoint.
//!
//! ```text
//! TaskQueue ─▶ engine ─ pacer, circuit breaker, concurrency ─▶ transport ─▶ verdict ─▶ TaskQueue
//!               ▲  ▲                                                │
//!      Recorder ┘  └───────────── backoff, retry queue ◀────────────┘
//! ```
//!
//! Policy and mechanism are apart: `verdict` decides what a response means, `circuit_breaker`
//! whether a request may go, `concurrency` how many at a time, `backoff` and `pacer` how long to
//! wait, `failures` when the run must stop; `engine` obeys them. Only `transport` knows HTTP.

mod backoff;
mod circuit_breaker;
mod concurrency;
mod delivery_state;
mod engine;
mod exchange;
mod failures;
mod metrics;
mod pacer;
mod pending;
mod recorder;
mod response_body;
mod retry_after;
mod serial;
mod stop;
mod task;
mod transport;
mod verdict;

pub use engine::Engine;
pub use exchange::{MAX_BODY, Response, Transport, TransportError};
pub use metrics::{Metrics, WaitingFor};
pub use recorder::{Admission, Recorder, TaskQueue};
pub use stop::{Ending, Signal, StopHandle, StopReason, StopSignal, stop_channel};
pub use task::Task;
pub use transport::{Http, HttpError};
