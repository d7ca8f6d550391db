//! The small values of the sandbox's flags: shares, and how a default is written.

use std::time::Duration;

use crate::limits::Unfit;
use crate::text;

/// Reads a share: `0.1` or `10%`.
pub(super) fn parse_share(typed: &str) -> Result<f64, Unfit> {
    let (number, unit) = typed.strip_suffix('%').map_or((typed, 1.0), |percent| (percent, 100.0));
    let share = number.trim().parse::<f64>().ok().map(|number| number / unit);
    share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| {
        Unfit::new("expected a share of the requests from 0 to 1, or in per cent, like 0.1 or 10%")
    })
}

/// A length of time as a flag takes it: `30s`, `2h`.
pub(super) fn typed(duration: Duration) -> String {
    jiff::SignedDuration::try_from(duration)
        .map_or_else(|_| text::spoken(duration), |signed| format!("{signed:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::parse_duration;

    #[test]
    fn a_share_is_a_fraction_or_per_cent() {
        for (typed, share) in
            [("0", 0.0), ("0.25", 0.25), ("25%", 0.25), ("1", 1.0), ("100 %", 1.0)]
        {
            assert_eq!(parse_share(typed), Ok(share), "{typed}");
        }
        for typed in ["", "%", "1.5", "101%", "-0.1", "NaN", "inf", "half"] {
            assert!(parse_share(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn a_default_is_written_as_its_flag_takes_it() {
        for duration in [Duration::from_secs(30), Duration::from_millis(1500)] {
            assert_eq!(parse_duration(&typed(duration)), Ok(duration));
        }
        assert_eq!(typed(Duration::from_secs(2 * 3600)), "2h");
    }
}
