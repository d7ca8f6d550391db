//! Settings in layers: flag over environment over the mapping's `[delivery]` over default.

use std::time::Duration;

use super::Error;
use crate::limits::{Limits, Rate};
use crate::mapping::Delivery;

/// What `over` says, and what `under` says where `over` is silent.
pub(super) fn layer(over: Delivery, under: Delivery) -> Delivery {
    Delivery {
        rate: over.rate.or(under.rate),
        concurrency: over.concurrency.or(under.concurrency),
        max_attempts: over.max_attempts.or(under.max_attempts),
        timeout: over.timeout.or(under.timeout),
        connect_timeout: over.connect_timeout.or(under.connect_timeout),
        give_up_after: over.give_up_after.or(under.give_up_after),
        max_failures: over.max_failures.or(under.max_failures),
        stop_at: over.stop_at.or(under.stop_at),
        max_duration: over.max_duration.or(under.max_duration),
        min_shipments: over.min_shipments.or(under.min_shipments),
        in_doubt: over.in_doubt.or(under.in_doubt),
        changed: over.changed.or(under.changed),
        wait: over.wait.or(under.wait),
        answers: if over.answers.is_empty() { under.answers } else { over.answers },
    }
}

/// The bounds of a run: what was asked for over the defaults.
pub(super) fn limits(asked: Delivery, sandbox: bool) -> Result<Limits, Error> {
    let usual = Limits::default();
    let rate = if sandbox { Rate::Unlimited } else { usual.rate };
    let timeout = asked.timeout.unwrap_or(usual.timeout);
    // Who shortens the whole request need not think of its first part.
    let connect_timeout = asked.connect_timeout.unwrap_or(usual.connect_timeout.min(timeout));
    let times = [
        ("--timeout", Some(timeout)),
        ("--connect-timeout", Some(connect_timeout)),
        ("--max-duration", asked.max_duration),
    ];
    if let Some((flag, _)) = times.into_iter().find(|(_, time)| *time == Some(Duration::ZERO)) {
        return Err(Error::NoTime { flag });
    }
    if connect_timeout > timeout {
        return Err(Error::Timeouts { connect: connect_timeout, whole: timeout });
    }
    Ok(Limits {
        concurrency: asked.concurrency.unwrap_or(usual.concurrency),
        rate: asked.rate.unwrap_or(rate),
        max_attempts: asked.max_attempts.unwrap_or(usual.max_attempts),
        timeout,
        connect_timeout,
        give_up_after: asked.give_up_after.unwrap_or(usual.give_up_after),
        max_failures: asked.max_failures.unwrap_or(usual.max_failures),
        stop_at: asked.stop_at,
        max_duration: asked.max_duration,
        in_doubt: asked.in_doubt.unwrap_or(usual.in_doubt),
        answers: asked.answers,
    })
}
