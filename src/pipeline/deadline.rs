//! When a run has to stop by the clock: at a time of day, or after a duration.

use std::convert::Infallible;
use std::time::Duration;

use jiff::{Timestamp, ToSpan, ZonedDateTime};

use crate::delivery::{StopHandle, StopReason};
use crate::limits::Limits;
use crate::text;

/// How often the clock is looked at: a machine that slept or had its clock set stops in time too.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The moment at which a run stops, and the reason it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deadline {
    at: Timestamp,
    reason: String,
}

impl Deadline {
    /// The earlier of `--stop-at` (its next occurrence in local time) and `--max-duration`, counted
    /// from `now`.
    pub(super) fn from_limits(limits: &Limits, now: &ZonedDateTime) -> Option<Self> {
        let stop_at = limits.stop_at.and_then(|time| {
            let on_day = |days: i32| {
                let date = now.date().checked_add(days.days()).ok()?;
                date.to_datetime(time).to_zoned_datetime(now.time_zone().clone()).ok()
            };
            let at = [0, 1].into_iter().filter_map(on_day).find(|at| at > now)?;
            let reason = format!("it is {} (--stop-at)", at.strftime("%H:%M"));
            Some(Self { at: at.timestamp(), reason })
        });
        let max_duration = limits.max_duration.and_then(|duration| {
            let at = now.timestamp().checked_add(duration).ok()?;
            let reason = format!("the run lasted {} (--max-duration)", text::spoken(duration));
            Some(Self { at, reason })
        });
        [stop_at, max_duration].into_iter().flatten().min_by_key(|deadline| deadline.at)
    }
}

/// Requests the stop once the moment has come, and then waits until it is dropped.
pub(super) async fn watch(deadline: Option<Deadline>, stop: &StopHandle) -> Infallible {
    if let Some(Deadline { at, reason }) = deadline {
        while let Ok(left) = Duration::try_from(at.duration_since(Timestamp::now()))
            && !left.is_zero()
        {
            tokio::time::sleep(left.min(LOOK_EVERY)).await;
        }
        stop.request(StopReason::Deadline(reason));
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(now: &str, stop_at: Option<&str>, max_duration: Option<&str>) -> Option<String> {
        let limits = Limits {
            stop_at: stop_at.map(|time| crate::limits::parse_time_of_day(time).expect("a time")),
            max_duration: max_duration
                .map(|length| crate::limits::parse_duration(length).expect("a length")),
            ..Limits::default()
        };
        let now: ZonedDateTime = now.parse().expect("a time");
        Deadline::from_limits(&limits, &now).map(|deadline| deadline.at.to_string())
    }

    #[test]
    fn stop_at_picks_the_next_occurrence() {
        let night = "2026-11-24T23:30:00+01:00[Europe/Berlin]";
        assert_eq!(at(night, Some("06:00"), None).as_deref(), Some("2026-11-25T05:00:00Z"));
        assert_eq!(at(night, Some("23:45"), None).as_deref(), Some("2026-11-24T22:45:00Z"));
        assert_eq!(at(night, Some("23:30"), None).as_deref(), Some("2026-11-25T22:30:00Z"));
    }

    #[test]
    fn stop_at_and_max_duration_give_the_earlier_one() {
        let night = "2026-11-24T23:30:00+01:00[Europe/Berlin]";
        assert_eq!(at(night, Some("06:00"), Some("1h")).as_deref(), Some("2026-11-24T23:30:00Z"));
        assert_eq!(at(night, None, None), None);
    }
}
