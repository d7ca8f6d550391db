//! The small values that flags take and no other room knows: `FIELD=VALUE`, shares, endpoints, and
//! how a default is written.

use std::ffi::OsStr;
use std::fmt;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command};

use crate::endpoint::{Endpoint, Unusable};
use crate::shipment::Field;
use crate::text;

/// A text that a flag cannot take; says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// No `=`.
    #[error("expected FIELD=VALUE, like package_status=shipped")]
    NoEqualsSign,
    /// No field of that name.
    #[error(
        "{} is no field of the payload{}; `lateship fields` lists them",
        text::quoted(name),
        did_you_mean(name)
    )]
    UnknownField {
        /// What was typed.
        name: String,
    },
    /// No share.
    #[error("expected a share of the requests from 0 to 1, or in per cent, like 0.1 or 10%")]
    NotAShare,
}

fn did_you_mean(name: &str) -> String {
    let near = text::nearest(name, Field::TABLE.iter().map(|spec| spec.name));
    near.first().map_or_else(String::new, |near| format!(": did you mean {near}?"))
}

/// Reads `FIELD=VALUE`; the value may be empty, and hold further `=`.
pub(super) fn parse_set(typed: &str) -> Result<(Field, String), Unfit> {
    let (name, value) = typed.split_once('=').ok_or(Unfit::NoEqualsSign)?;
    let field = Field::by_name(name.trim())
        .ok_or_else(|| Unfit::UnknownField { name: name.trim().to_owned() })?;
    Ok((field, value.to_owned()))
}

/// Reads a share: `0.1` or `10%`.
pub(super) fn parse_share(typed: &str) -> Result<f64, Unfit> {
    let (number, unit) = typed.strip_suffix('%').map_or((typed, 1.0), |percent| (percent, 100.0));
    let share = number.trim().parse::<f64>().map_err(|_| Unfit::NotAShare)? / unit;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(Unfit::NotAShare) }
}

/// Reads an endpoint. clap's own message would repeat what was typed, and a password may stand in
/// it.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndpointParser;

impl TypedValueParser for EndpointParser {
    type Value = Endpoint;

    fn parse_ref(
        &self,
        command: &Command,
        _: Option<&Arg>,
        typed: &OsStr,
    ) -> Result<Endpoint, clap::Error> {
        typed.to_string_lossy().parse().map_err(|error: Unusable| {
            clap::Error::raw(ErrorKind::ValueValidation, format!("--endpoint: {error}\n"))
                .with_cmd(command)
        })
    }
}

/// The help of a flag with a default and an environment variable (`LATESHIP_` and `variable`)
/// behind it.
pub(super) fn flag(what: &str, default: impl fmt::Display, variable: &str) -> String {
    format!("{what} [default: {default}] [env: LATESHIP_{variable}]")
}

/// A length of time as a flag takes it: `30s`, `2h`.
pub(super) fn typed(duration: Duration) -> String {
    jiff::SignedDuration::try_from(duration)
        .map_or_else(|_| text::spoken(duration), |signed| format!("{signed:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{self, parse_duration};

    #[test]
    fn a_constant_names_its_field_and_may_hold_anything() {
        assert_eq!(
            parse_set("product=a=b"),
            Ok((Field::by_name("product").expect("a field"), "a=b".to_owned()))
        );
        assert_eq!(parse_set("order_no="), Ok((Field::ORDER_NO, String::new())));
        assert_eq!(parse_set("order_no"), Err(Unfit::NoEqualsSign));
        let unknown = parse_set("tracking_number=1").expect_err("no field").to_string();
        assert!(unknown.contains("did you mean trackingnumber?"), "{unknown}");
    }

    #[test]
    fn a_share_is_a_fraction_or_per_cent() {
        for (typed, share) in
            [("0", 0.0), ("0.25", 0.25), ("25%", 0.25), ("1", 1.0), ("100 %", 1.0)]
        {
            assert_eq!(parse_share(typed), Ok(share), "{typed}");
        }
        for typed in ["", "%", "1.5", "101%", "-0.1", "NaN", "inf", "half"] {
            assert_eq!(parse_share(typed), Err(Unfit::NotAShare), "{typed}");
        }
    }

    #[test]
    fn a_default_is_written_as_its_flag_takes_it() {
        for duration in
            [limits::DEFAULT_TIMEOUT, limits::DEFAULT_GIVE_UP_AFTER, Duration::from_millis(1500)]
        {
            assert_eq!(parse_duration(&typed(duration)), Ok(duration));
        }
        assert_eq!(typed(limits::DEFAULT_GIVE_UP_AFTER), "2h");
    }
}
