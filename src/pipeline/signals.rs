//! The signals that end a run: the first asks it to stop cleanly, the second ends it at once.

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::delivery::{Signal, StopHandle, StopReason};

/// The three streams of signals a run listens to.
pub(super) struct Signals {
    hangup: Option<Stream>,
    interrupt: Option<Stream>,
    terminate: Option<Stream>,
    /// Heard and left aside: else the limit on file sizes (`ulimit -f`) would end the program
    /// without a word, where the write that meets it can say what happened.
    _file_size: Option<Stream>,
}

/// SIGXFSZ on Linux, see signal(7).
const FILE_SIZE_EXCEEDED: i32 = 25;

impl Signals {
    /// Listens from now on. A signal that cannot be listened to keeps its usual effect; so does a
    /// hang-up under `nohup`, which asked for it to be ignored.
    pub(super) fn listen() -> Self {
        Self {
            hangup: if hangup_is_ignored() { None } else { signal(SignalKind::hangup()).ok() },
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
            _file_size: signal(SignalKind::from_raw(FILE_SIZE_EXCEEDED))
                .ok()
                .filter(|_| cfg!(target_os = "linux")),
        }
    }

    /// Requests a stop with the first signal and returns with the second.
    pub(super) async fn second(mut self, stop: &StopHandle) -> Signal {
        let first = self.next().await;
        stop.request(StopReason::Interrupt(first));
        tracing::warn!(
            "stopping: requests in flight are finished and recorded; once more ends at once"
        );
        self.next().await
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            () = one(&mut self.hangup) => Signal::Hangup,
            () = one(&mut self.interrupt) => Signal::Interrupt,
            () = one(&mut self.terminate) => Signal::Terminate,
        }
    }
}

async fn one(stream: &mut Option<Stream>) {
    if let Some(stream) = stream
        && stream.recv().await.is_some()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// Whether the process was started with SIGHUP ignored (bit 0 of `SigIgn` in `/proc/self/status`,
/// see proc(5)).
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}
