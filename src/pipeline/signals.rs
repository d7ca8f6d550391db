//! The signals that end a run: the first asks it to stop cleanly, the second ends it at once.

use futures::future::select_all;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::delivery::{Signal, StopHandle, StopReason};

/// SIGXFSZ on Linux, see signal(7).
const FILE_SIZE_EXCEEDED: i32 = 25;

/// Requests a stop with the first signal and returns with the second.
///
/// Listens from its first poll on. A signal that cannot be listened to keeps its usual effect; so
/// does a hang-up under `nohup`, which asked for it to be ignored.
pub(super) async fn second(stop: &StopHandle) -> Signal {
    // Heard and left aside: else the limit on file sizes (`ulimit -f`) would end the program without
    // a word, where the write that meets it can say what happened.
    let file_size = SignalKind::from_raw(FILE_SIZE_EXCEEDED);
    let _file_size = cfg!(target_os = "linux").then(|| signal(file_size));
    let mut streams = Vec::new();
    for (name, kind) in [
        (Signal::Hangup, SignalKind::hangup()),
        (Signal::Interrupt, SignalKind::interrupt()),
        (Signal::Terminate, SignalKind::terminate()),
    ] {
        if name != Signal::Hangup || !hangup_is_ignored() {
            streams.extend(signal(kind).map(|stream| (name, stream)));
        }
    }
    let first = next(&mut streams).await;
    stop.request(StopReason::Interrupt(first));
    tracing::warn!(
        "stopping: requests in flight are finished and recorded; once more ends at once"
    );
    next(&mut streams).await
}

async fn next(streams: &mut [(Signal, Stream)]) -> Signal {
    let streams = streams.iter_mut().map(|(name, stream)| {
        Box::pin(async {
            stream.recv().await;
            *name
        })
    });
    select_all(streams).await.0
}

/// Whether the process was started with SIGHUP ignored (bit 0 of `SigIgn` in `/proc/self/status`,
/// see proc(5)).
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}
