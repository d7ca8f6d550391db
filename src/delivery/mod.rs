//! One shipment in, one outcome out: the delivery of shipments to the endpoint.
//!
//! ```text
//! desk ─▶ engine ─ pace, course ─▶ transport ─▶ verdict ─▶ desk
//!            ▲                                    │
//!            └───────── backoff, retries ◀────────┘
//! ```
//!
//! Policy and mechanism are apart: `verdict` says what an answer means, `course` whether anything
//! may go now, `concurrency` how many at a time, `backoff` and `pace` for how long to wait,
//! `failures` when it is enough; `engine` obeys them all. `transport` is the only file that knows
//! HTTP.

mod answer;
mod backoff;
mod concurrency;
mod course;
mod engine;
mod exchange;
mod failures;
mod gauge;
mod job;
mod pace;
mod retry_after;
mod stop;
mod transport;
mod turn;
mod verdict;
mod work;

pub use engine::{Admission, Clock, Desk, Ending, Engine, SystemClock};
pub use exchange::{MAX_BODY, Reply, Transport, Trouble};
pub use gauge::{Gauge, Waiting};
pub use stop::{Signal, Stop, StopSender, Wish, channel};
pub use transport::{Http, HttpError};
