//! The small values that bound a run: rate, failures, durations, times of day, and what an answer
//! is taken for.
//!
//! They come from options (`options` has the defaults), are checked here once, and obeyed by
//! `delivery`.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Time;

/// All that bounds a run's delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Requests in flight at most.
    pub concurrency: NonZeroUsize,
    /// Requests started per unit of time, repeated ones included.
    pub rate: Rate,
    /// Attempts per shipment for answers that are worth another one.
    pub max_attempts: NonZeroU32,
    /// The time for one request, from its start to the end of its answer.
    pub timeout: Duration,
    /// The time for name look-up, connection and TLS handshake together; shorter than `timeout`.
    pub connect_timeout: Duration,
    /// How long an endpoint that answers nothing useful is waited for before the run stops.
    pub give_up_after: Duration,
    /// When too much is not accepted.
    pub max_failures: MaxFailures,
    /// The time of day (local) at which the run stops cleanly.
    pub stop_at: Option<Time>,
    /// How long the run may last before it stops cleanly.
    pub max_duration: Option<Duration>,
    /// What becomes of a shipment that may have been accepted.
    pub in_doubt: InDoubt,
    /// Answers taken for something else than the table says, first match first.
    pub answers: Vec<AnswerRule>,
}

/// How many requests may be started per unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// No limit but the endpoint's own.
    Unlimited,
    /// So many in each second, minute or hour.
    Per(NonZeroU32, Unit),
}

/// The unit of time of a [`Rate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// `/s`
    Second,
    /// `/m`
    Minute,
    /// `/h`
    Hour,
}

impl Unit {
    /// Its length.
    pub const fn duration(self) -> Duration {
        match self {
            Self::Second => Duration::from_secs(1),
            Self::Minute => Duration::from_secs(60),
            Self::Hour => Duration::from_secs(3600),
        }
    }
}

impl Rate {
    /// How long `requests` take at this rate at best; zero without a limit.
    pub fn time_for(self, requests: u64) -> Duration {
        match self {
            Self::Unlimited => Duration::ZERO,
            #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
            Self::Per(count, unit) => Duration::try_from_secs_f64(
                requests as f64 / f64::from(count.get()) * unit.duration().as_secs_f64(),
            )
            .unwrap_or(Duration::MAX),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::Per(count, Unit::Second) => write!(f, "{count}/s"),
            Self::Per(count, Unit::Minute) => write!(f, "{count}/m"),
            Self::Per(count, Unit::Hour) => write!(f, "{count}/h"),
        }
    }
}

/// A text that an option does not take; says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(String);

impl Unfit {
    /// One with this message.
    pub fn new(expected: impl Into<String>) -> Self {
        Self(expected.into())
    }
}

/// Reads a whole number in `range`; the type may say besides that it is not 0.
///
/// # Errors
/// Anything else.
pub fn whole_number<T: FromStr>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, Unfit> + Clone {
    move |text| {
        let number = text.trim().parse().ok().filter(|number| range.contains(number));
        number.and_then(|number: u64| number.to_string().parse().ok()).ok_or_else(|| {
            let (start, end) = (range.start(), range.end());
            let end = if *end == u64::MAX { "on".to_owned() } else { format!("to {end}") };
            Unfit(format!("expected a whole number from {start} {end}"))
        })
    }
}

impl FromStr for Rate {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        let unfit = || Unfit("expected a rate like 10/s, 90/m or 5000/h, or unlimited".to_owned());
        if text.trim() == "unlimited" {
            return Ok(Self::Unlimited);
        }
        let (count, unit) = text.split_once('/').ok_or_else(unfit)?;
        let unit = match unit.trim() {
            "s" => Unit::Second,
            "m" => Unit::Minute,
            "h" => Unit::Hour,
            _ => return Err(unfit()),
        };
        let count: NonZeroU32 = count.trim().parse().map_err(|_| unfit())?;
        if count.get() > 1_000_000 {
            return Err(Unfit(
                "expected at most 1000000 requests per unit of time; unlimited sets no limit"
                    .to_owned(),
            ));
        }
        Ok(Self::Per(count, unit))
    }
}

/// When a run gives up because too much of it is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxFailures {
    /// Never.
    Never,
    /// After so many shipments in a row that were not accepted.
    InARow(NonZeroU32),
    /// Once so many per cent of at least 100 answered shipments were not accepted; from 1 to 100.
    Percent(u8),
}

impl FromStr for MaxFailures {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        let unfit = || {
            Unfit("expected a number of shipments in a row like 100, a share like 20%, or 0 for never".to_owned())
        };
        if let Some(share) = text.strip_suffix('%') {
            let share: u8 = share.trim().parse().map_err(|_| unfit())?;
            return if (1..=100).contains(&share) {
                Ok(Self::Percent(share))
            } else {
                Err(unfit())
            };
        }
        let count: u32 = text.trim().parse().map_err(|_| unfit())?;
        Ok(NonZeroU32::new(count).map_or(Self::Never, Self::InARow))
    }
}

impl fmt::Display for MaxFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("0"),
            Self::InARow(count) => write!(f, "{count}"),
            Self::Percent(share) => write!(f, "{share}%"),
        }
    }
}

/// Reads a length of time: `500ms`, `30s`, `10m`, `2h`, `1h30m`; a unit is needed.
///
/// # Errors
/// Anything else, and a length beyond 30 days.
pub fn parse_duration(text: &str) -> Result<Duration, Unfit> {
    let unfit = || Unfit("expected a length of time like 500ms, 30s, 10m or 2h".to_owned());
    let signed: jiff::SignedDuration = text.trim().parse().map_err(|_| unfit())?;
    let duration = Duration::try_from(signed).map_err(|_| unfit())?;
    if duration > Duration::from_secs(30 * 24 * 3600) {
        return Err(Unfit("expected a length of time of at most 720h (30 days)".to_owned()));
    }
    Ok(duration)
}

/// Reads a length of time as [`parse_duration`] does; 0 is refused, as nothing can be done in it.
///
/// # Errors
/// Anything else.
pub fn parse_time_limit(text: &str) -> Result<Duration, Unfit> {
    let limit = Some(parse_duration(text)?).filter(|limit| !limit.is_zero());
    limit.ok_or_else(|| Unfit::new("expected a length of time of more than 0, like 30s"))
}

/// Reads a time of day, `HH:MM`, on the 24-hour clock.
///
/// # Errors
/// Anything else.
pub fn parse_time_of_day(text: &str) -> Result<Time, Unfit> {
    let unfit = || Unfit("expected a time of day like 06:30".to_owned());
    let (hour, minute) = text.trim().split_once(':').ok_or_else(unfit)?;
    if hour.len() > 2 || minute.len() != 2 {
        return Err(unfit());
    }
    let (hour, minute) = (hour.parse().map_err(|_| unfit())?, minute.parse().map_err(|_| unfit())?);
    Time::new(hour, minute, 0, 0).map_err(|_| unfit())
}

/// What becomes of a shipment whose answer was lost, or that was in flight when a run was killed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InDoubt {
    /// It is sent again, and its message says so: a lost shipment is worse than a repeated one.
    #[default]
    Resend,
    /// It is left `in_doubt` for a person to decide.
    Hold,
}

impl FromStr for InDoubt {
    type Err = Unfit;

    fn from_str(word: &str) -> Result<Self, Unfit> {
        match word.trim() {
            "resend" => Ok(Self::Resend),
            "hold" => Ok(Self::Hold),
            _ => Err(Unfit("expected resend or hold".to_owned())),
        }
    }
}

impl fmt::Display for InDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resend => "resend",
            Self::Hold => "hold",
        })
    }
}

/// What becomes of a shipment that was accepted with another payload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Changed {
    /// It is sent with its present one.
    #[default]
    Send,
    /// It is left out.
    Skip,
}

impl FromStr for Changed {
    type Err = Unfit;

    fn from_str(word: &str) -> Result<Self, Unfit> {
        match word.trim() {
            "send" => Ok(Self::Send),
            "skip" => Ok(Self::Skip),
            _ => Err(Unfit("expected send or skip".to_owned())),
        }
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Send => "send",
            Self::Skip => "skip",
        })
    }
}

/// An answer that the mapping's `[delivery] answers` wants taken for something else than the table
/// says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRule {
    /// The answer's status.
    pub status: u16,
    /// A part of the answer's message or body, compared without case; any where it is `None`.
    pub message: Option<String>,
    /// What it is taken for.
    pub is: AnswerIs,
}

/// What an answer is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerIs {
    /// Accepted.
    Sent,
    /// Refused, this payload alone.
    Rejected,
    /// Worth another attempt.
    Retry,
    /// A reason to stop the run.
    Stop,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_they_are_written() {
        for text in ["10/s", "90/m", "5000/h", "unlimited"] {
            assert_eq!(text.parse::<Rate>().map(|rate| rate.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "10", "0/s", "-1/s", "1.5/s", "10/d", "10 per s", "99999999/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        assert_eq!(
            "10/s".parse::<Rate>().expect("a rate").time_for(12_400),
            Duration::from_secs(1240)
        );
    }

    #[test]
    fn whole_number_keeps_to_its_range() {
        let read = |text| whole_number::<NonZeroU32>(1..=10)(text);
        assert_eq!(read("10"), Ok(NonZeroU32::new(10).expect("not 0")));
        for text in ["", "0", "11", "-1", "1.5", "many"] {
            let refused = read(text).expect_err(text);
            assert_eq!(refused.to_string(), "expected a whole number from 1 to 10");
        }
        let refused = whole_number::<u64>(0..=u64::MAX)("-1").expect_err("below 0");
        assert_eq!(refused.to_string(), "expected a whole number from 0 on");
    }

    #[test]
    fn failures_are_a_number_in_a_row_or_a_share() {
        assert_eq!("0".parse(), Ok(MaxFailures::Never));
        assert_eq!("20%".parse(), Ok(MaxFailures::Percent(20)));
        assert_eq!("7".parse::<MaxFailures>().map(|max| max.to_string()), Ok("7".to_owned()));
        for text in ["", "%", "0%", "101%", "-3", "many"] {
            assert!(text.parse::<MaxFailures>().is_err(), "{text}");
        }
    }

    #[test]
    fn durations_need_a_unit_and_an_end() {
        let read = |text| parse_duration(text).ok();
        assert_eq!(read("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(read("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(read("2h"), Some(Duration::from_secs(7200)));
        for text in ["", "30", "-1s", "soon", "9999h"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_of_day_is_on_the_24_hour_clock() {
        assert_eq!(parse_time_of_day("06:30").ok(), Time::new(6, 30, 0, 0).ok());
        for text in ["", "24:00", "6:3", "06.30", "0630", "-1:00"] {
            assert!(parse_time_of_day(text).is_err(), "{text}");
        }
    }
}
