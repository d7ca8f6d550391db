//! Stopping a run: requested once from outside (a signal, a deadline), observed by the engine.

use tokio::sync::watch;

/// Why a run is asked to stop before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// A signal arrived; it decides the exit code.
    Interrupt(Signal),
    /// The time set by `--stop-at` or `--max-duration` has come; says which.
    Deadline(String),
    /// Outcomes can no longer be recorded.
    RecordingFailed,
}

/// The signals that end a run cleanly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: the terminal is gone.
    Hangup,
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM: the system or a service manager asks.
    Terminate,
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Every task was settled.
    Complete,
    /// The engine stopped itself, for this reason.
    Stopped(String),
    /// A stop was requested.
    Requested(StopReason),
}

impl Ending {
    /// The message of shipments that were not attempted.
    pub fn not_attempted_message(&self) -> String {
        match self {
            Self::Complete => "not sent".to_owned(),
            Self::Stopped(reason) | Self::Requested(StopReason::Deadline(reason)) => {
                format!("the run stopped before its turn: {reason}")
            }
            Self::Requested(StopReason::Interrupt(_)) => {
                "the run was interrupted before its turn".to_owned()
            }
            Self::Requested(StopReason::RecordingFailed) => {
                "the run stopped before its turn: what is sent could no longer be recorded"
                    .to_owned()
            }
        }
    }
}

/// Requests a stop.
#[derive(Debug, Clone)]
pub struct StopHandle(watch::Sender<Option<StopReason>>);

/// Observes a request to stop.
pub type StopSignal = watch::Receiver<Option<StopReason>>;

/// A handle and its signal.
pub fn stop_channel() -> (StopHandle, StopSignal) {
    let (sender, receiver) = watch::channel(None);
    (StopHandle(sender), receiver)
}

impl StopHandle {
    /// Requests a stop. The first reason counts.
    pub fn request(&self, reason: StopReason) {
        self.0.send_if_modified(|current| {
            let is_first = current.is_none();
            current.get_or_insert(reason);
            is_first
        });
    }
}
