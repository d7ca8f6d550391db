//! The wish that a run stops: set once from outside (a signal, a deadline), heard by the engine.

use tokio::sync::watch;

/// Why a run is to stop before its end, though nothing is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// A signal came; its number is kept for the exit code.
    Interrupt(Signal),
    /// The time set by `--stop-at` or `--max-duration` has come; says which.
    Deadline(String),
    /// What is sent can no longer be recorded.
    Unrecorded,
}

/// The signals that end a run cleanly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: the terminal is gone.
    Hangup,
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM: the system asks.
    Terminate,
}

impl Signal {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hangup => "SIGHUP",
            Self::Interrupt => "SIGINT (Ctrl-C)",
            Self::Terminate => "SIGTERM",
        }
    }
}

/// The end that wishes.
#[derive(Debug, Clone)]
pub struct StopSender(watch::Sender<Option<Wish>>);

/// The end that hears it.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Option<Wish>>);

/// Both ends of one wish.
pub fn channel() -> (StopSender, Stop) {
    let (sender, receiver) = watch::channel(None);
    (StopSender(sender), Stop(receiver))
}

impl StopSender {
    /// Wishes it. The first wish counts; says whether this was it.
    pub fn send(&self, wish: Wish) -> bool {
        self.0.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(wish);
            }
            first
        })
    }
}

impl Stop {
    /// The wish, once there is one.
    pub fn wish(&self) -> Option<Wish> {
        self.0.borrow().clone()
    }

    /// Whether there is a wish.
    pub fn is_wished(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Waits until there is one; for ever if nobody can wish any more. May be dropped and called
    /// again.
    pub async fn wished(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
