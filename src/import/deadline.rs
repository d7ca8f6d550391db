//! When a run has to stop by the clock: at a time of day, or after so long.

use std::time::Duration;

use jiff::{Timestamp, ToSpan, ZonedDateTime};

use crate::delivery::{StopSender, Wish};
use crate::limits::Limits;

/// The clock is looked at this often, so that a machine that slept or had its clock set stops in
/// time all the same.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The moment at which a run stops, and what it says then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deadline {
    pub(super) at: Timestamp,
    pub(super) says: String,
}

impl Deadline {
    /// The earlier of `--stop-at` (its next occurrence in local time) and `--max-duration`, counted
    /// from `now`.
    pub(super) fn of(limits: &Limits, now: &ZonedDateTime) -> Option<Self> {
        let stop_at = limits.stop_at.and_then(|time| {
            let today =
                now.date().to_datetime(time).to_zoned_datetime(now.time_zone().clone()).ok()?;
            let at = if today > *now {
                today
            } else {
                now.date()
                    .checked_add(1.day())
                    .ok()?
                    .to_datetime(time)
                    .to_zoned_datetime(now.time_zone().clone())
                    .ok()?
            };
            Some(Self {
                at: at.timestamp(),
                says: format!("it is {} (--stop-at)", at.strftime("%H:%M")),
            })
        });
        let max_duration = limits.max_duration.and_then(|duration| {
            let at = now.timestamp().checked_add(duration).ok()?;
            Some(Self {
                at,
                says: format!("the run lasted {} (--max-duration)", crate::text::spoken(duration)),
            })
        });
        [stop_at, max_duration].into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    /// Wishes the stop once the moment has come.
    pub(super) async fn watch(&self, stop: &StopSender) {
        loop {
            let left = Duration::try_from(self.at.duration_since(Timestamp::now()))
                .unwrap_or(Duration::ZERO);
            if left.is_zero() {
                stop.send(Wish::Deadline(self.says.clone()));
                return;
            }
            tokio::time::sleep(left.min(LOOK_EVERY)).await;
        }
    }
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
        Deadline::of(&limits, &now).map(|deadline| deadline.at.to_string())
    }

    #[test]
    fn a_time_of_day_is_the_next_one() {
        let night = "2026-11-24T23:30:00+01:00[Europe/Berlin]";
        assert_eq!(at(night, Some("06:00"), None).as_deref(), Some("2026-11-25T05:00:00Z"));
        assert_eq!(at(night, Some("23:45"), None).as_deref(), Some("2026-11-24T22:45:00Z"));
        assert_eq!(at(night, Some("23:30"), None).as_deref(), Some("2026-11-25T22:30:00Z"));
    }

    #[test]
    fn the_earlier_of_both_counts() {
        let night = "2026-11-24T23:30:00+01:00[Europe/Berlin]";
        assert_eq!(at(night, Some("06:00"), Some("1h")).as_deref(), Some("2026-11-24T23:30:00Z"));
        assert_eq!(at(night, None, None), None);
    }
}
