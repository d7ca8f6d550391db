//! The signals that end a run: the first asks it to stop cleanly, the second ends it at once.

use futures::future::select_all;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::delivery::{Signal, StopHandle, StopReason};

/// SIGXFSZ on Linux, see signal(7).
const FILE_SIZE_EXCEEDED: i32 = 25;

/// The signals a run listens to.
pub(super) struct Signals {
    streams: Vec<(Signal, Stream)>,
    /// Heard and left aside: else the limit on file sizes (`ulimit -f`) would end the program
    /// without a word, where the write that meets it can say what happened.
    _file_size: Option<Stream>,
}

impl Signals {
    /// Listens from now on. A signal that cannot be listened to keeps its usual effect; so does a
    /// hang-up under `nohup`, which asked for it to be ignored.
    pub(super) fn listen() -> Self {
        let kinds = [
            (Signal::Hangup, SignalKind::hangup()),
            (Signal::Interrupt, SignalKind::interrupt()),
            (Signal::Terminate, SignalKind::terminate()),
        ];
        let kinds =
            kinds.into_iter().filter(|(name, _)| *name != Signal::Hangup || !hangup_is_ignored());
        let file_size = SignalKind::from_raw(FILE_SIZE_EXCEEDED);
        Self {
            streams: kinds.filter_map(|(name, kind)| Some((name, signal(kind).ok()?))).collect(),
            _file_size: cfg!(target_os = "linux").then(|| signal(file_size).ok()).flatten(),
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
        let streams = self.streams.iter_mut().map(|(name, stream)| {
            Box::pin(async {
                stream.recv().await;
                *name
            })
        });
        select_all(streams).await.0
    }
}

/// Whether the process was started with SIGHUP ignored (bit 0 of `SigIgn` in `/proc/self/status`,
/// see proc(5)).
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}
