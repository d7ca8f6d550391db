//! Dates of real exports, conversions between time zones, and what is refused.

use super::*;
use proptest::prelude::*;

fn rule(formats: &[&str], timezone: Option<&str>, to: Option<&str>) -> DateRule {
    let formats = formats.iter().map(|text| DateFormat::parse(text).expect("a format")).collect();
    DateRule::new(formats, timezone, to).expect("time zones")
}

fn apply(rule: &DateRule, text: &str) -> Result<String, DateTrouble> {
    let mut out = "old".to_owned();
    let result = rule.apply(text, &mut out);
    assert!(result.is_ok() || out.is_empty(), "{text}: nothing is left behind by an error");
    result.map(|()| out)
}

fn read(format: &str, text: &str) -> Result<String, DateTrouble> {
    apply(&rule(&[format], None, None), text)
}

fn trouble(format: &str, text: &str) -> String {
    read(format, text).expect_err(text).to_string()
}

#[test]
fn the_dates_of_real_exports_can_all_be_read() {
    for (format, text, wire) in [
        ("%Y-%m-%d %H:%M:%S %z", "2021-04-08 17:24:41 +0200", "2021-04-08 17:24:41"),
        ("iso8601", "2021-04-08 17:24:41 +0200", "2021-04-08 17:24:41"),
        ("iso8601", "2013-01-17T05:06:24+00:00", "2013-01-17 05:06:24"),
        ("iso8601", "2017-06-05T06:57:28+09:00", "2017-06-05 06:57:28"),
        ("%FT%T%:z", "2017-06-05T06:57:28+09:00", "2017-06-05 06:57:28"),
        ("iso8601", "2025-12-01 10:37:22", "2025-12-01 10:37:22"),
        ("%Y-%m-%d %H:%M:%S", "2025-12-01 10:37:22", "2025-12-01 10:37:22"),
        ("iso8601", "2026-09-22", "2026-09-22 00:00:00"),
        ("%m/%d/%y", "12/26/21", "2021-12-26 00:00:00"),
        ("%m/%d/%Y", "12/26/2021", "2021-12-26 00:00:00"),
        ("%m/%d/%Y", "6/4/2020", "2020-06-04 00:00:00"),
        ("%m/%d/%Y %I:%M:%S %p", "4/2/2021 4:00:00 AM", "2021-04-02 04:00:00"),
        ("%m/%d/%Y %I:%M %p", "5/3/2026 1:00 AM", "2026-05-03 01:00:00"),
        ("%m/%d/%Y %H:%M", "7/25/2018 21:06", "2018-07-25 21:06:00"),
        ("%m/%d/%Y %I:%M:%S %p", "09/22/2026 10:15:30 AM", "2026-09-22 10:15:30"),
        ("%d/%m/%Y %H:%M:%S", "28/10/2025 22:57:28", "2025-10-28 22:57:28"),
        ("%d/%m/%Y %H:%M", "05/11/2025 16:46", "2025-11-05 16:46:00"),
        ("%d/%m/%Y %H:%M", "05/11/2025 7:26", "2025-11-05 07:26:00"),
        ("%d-%m-%Y", "31-05-2026", "2026-05-31 00:00:00"),
        ("%d/%m/%Y", "18/05/2022", "2022-05-18 00:00:00"),
        ("%b %d, %Y", "Dec 11, 2024", "2024-12-11 00:00:00"),
        ("%b %d, %Y %I:%M:%S %p", "Dec 11, 2024 2:10:40 PM", "2024-12-11 14:10:40"),
        ("%b-%d-%y", "Jul-25-26", "2026-07-25 00:00:00"),
        ("%b-%d-%y %H:%M:%S", "Sep-30-26 23:45:00", "2026-09-30 23:45:00"),
        ("%Y%m%d", "20121005", "2012-10-05 00:00:00"),
        ("iso8601", "20121005", "2012-10-05 00:00:00"),
        ("%Y%m%d%H%M%S", "20190725190849", "2019-07-25 19:08:49"),
        ("%a, %d %b %Y %H:%M:%S %z", "Mon, 23 Sep 2024 14:21:24 +0000", "2024-09-23 14:21:24"),
        ("excel", "45384.34789351852", "2024-04-02 08:20:58"),
    ] {
        assert_eq!(read(format, text), Ok(wire.to_owned()), "{format}: {text}");
    }
}

#[test]
fn letters_are_read_in_all_their_variants() {
    for (format, text, wire) in [
        ("%B %e %Y", "september  3 2026", "2026-09-03 00:00:00"),
        ("%d %h %Y", "3 SEPT 2026", "2026-09-03 00:00:00"),
        ("%A %-d/%-m/%Y", "Thursday 31/12/2026", "2026-12-31 00:00:00"),
        ("%D %l:%M%P", "12/31/26 12:05a.m.", "2026-12-31 00:05:00"),
        ("%D %I:%M %p", "12/31/26 12:05\u{202F}PM", "2026-12-31 12:05:00"),
        ("%F %T.%f", "2026-12-31 18:30:00.999", "2026-12-31 18:30:00"),
        ("%F %T%.f", "2026-12-31 18:30:00", "2026-12-31 18:30:00"),
        ("%F %T%.3f", "2026-12-31 18:30:00.123", "2026-12-31 18:30:00"),
        ("%F %R %Z", "2026-12-31 18:30 CEST", "2026-12-31 18:30:00"),
        ("%d.%m.%Y um %k Uhr %M %%", " 31.12.2026 um  8 Uhr 30 %\u{A0}", "2026-12-31 08:30:00"),
        ("%y%m%d", "680101", "2068-01-01 00:00:00"),
        ("%y%m%d", "900101", "1990-01-01 00:00:00"),
        ("iso8601", "20261231T183000.5Z", "2026-12-31 18:30:00"),
        ("iso8601", "2026-12-31t18:30 UTC", "2026-12-31 18:30:00"),
        ("iso8601", "2026-12-31T18:30:00,123456789-0530", "2026-12-31 18:30:00"),
        ("unix", "1798738200", "2026-12-31 17:30:00"),
        ("unix", "1798738200.75", "2026-12-31 17:30:00"),
        ("unix_ms", "1798738200999", "2026-12-31 17:30:00"),
        ("excel", "46387", "2026-12-31 00:00:00"),
        ("excel", "46387,5", "2026-12-31 12:00:00"),
        ("excel", "46387.9999999", "2027-01-01 00:00:00"),
        ("excel", "32874", "1990-01-01 00:00:00"),
    ] {
        assert_eq!(read(format, text), Ok(wire.to_owned()), "{format}: {text}");
    }
}

#[test]
fn what_could_be_read_wrongly_is_refused() {
    for (format, text) in [
        ("%Y-%m-%d", ""),
        ("%Y-%m-%d", "2026-12-31 18:30"),
        ("%Y-%m-%d", "2026-12-31x"),
        ("%Y-%m-%d", "2026-12- 31"),
        ("%Y-%m-%d", "12026-12-31"),
        ("%Y-%m-%d", "-2026-12-31"),
        ("%Y-%m-%d", "+2026-12-31"),
        ("%Y-%m-%d", "2026-13-01"),
        ("%Y-%m-%d", "2026-00-01"),
        ("%Y-%m-%d", "2026-01-00"),
        ("%Y-%m-%d", "2026-01-32"),
        ("%Y%m%d", "2026131"),
        ("%m/%d/%y", "12/31/2026"),
        ("%m/%d/%y", "12/31/6"),
        ("%F %T", "2026-12-31 24:00:00"),
        ("%F %T", "2026-12-31 23:60:00"),
        ("%F %T", "2026-12-31 23:59:60"),
        ("%F %T", "2026-12-3118:30:00"),
        ("%F %I:%M %p", "2026-12-31 13:00 PM"),
        ("%F %I:%M %p", "2026-12-31 0:30 AM"),
        ("%F %I:%M %p", "2026-12-31 1:30"),
        ("%F %T %z", "2026-12-31 18:30:00"),
        ("%F %T %z", "2026-12-31 18:30:00 +25:00"),
        ("%F %T%z", "2013-01-15 12:24:57+00e00"),
        ("iso8601", "2013-01-15T12:24:57+00e00"),
        ("iso8601", "2026-1-1"),
        ("iso8601", "2026-1231"),
        ("iso8601", "2026-12-31T"),
        ("iso8601", "2026-12-31T18"),
        ("iso8601", "2026-12-31T18:30:"),
        ("iso8601", "2026-12-31T18:3000"),
        ("unix", "-1"),
        ("unix", "1.79E+09"),
        ("unix", "99999999999999999999"),
        ("excel", "46387.5.1"),
        ("excel", "99999999999999999999"),
        ("excel", "18446744073709551615"),
        ("excel", "213503982334601"),
        ("excel", "31.12.2026"),
        ("%d-%b-%y", "10-Dez-25"),
        ("%d %b %Y", "1 März 2026"),
        ("%d %b %Y", "1 Ma 2026"),
        ("%d %B %Y", "1 Decem 2026"),
    ] {
        assert!(
            matches!(read(format, text), Err(DateTrouble::NotADate { .. })),
            "{format}: {text}"
        );
    }
}

#[test]
fn a_trouble_says_what_a_date_should_look_like() {
    assert_eq!(trouble("%d.%m.%Y", "soon"), "is not a date like 31.12.2026 (%d.%m.%Y)");
    assert_eq!(
        trouble("%d-%b-%y", "10-Dez-25"),
        "is not a date like 31-Dec-26 (%d-%b-%y); names of months and weekdays are read in English"
    );
    assert_eq!(
        trouble("%d.%m.%Y", "1.1.26"),
        "has the year 26, which is not between 1990 and 2100"
    );
    assert_eq!(
        trouble("%y%m%d", "690101"),
        "has the year 1969, which is not between 1990 and 2100"
    );
    assert_eq!(trouble("unix", "1"), "has the year 1970, which is not between 1990 and 2100");
    assert_eq!(trouble("excel", "59"), "has the year 1900, which is not between 1990 and 2100");
    assert_eq!(trouble("%d.%m.%Y", "29.02.2026"), "is a day that the calendar does not have");
    assert_eq!(trouble("%a %d.%m.%Y", "Mon 31.12.2026"), "names another weekday than that day has");
    let several = rule(&["%d.%m.%Y", "%m/%d/%Y %I:%M %p"], None, None);
    assert_eq!(
        apply(&several, "x").expect_err("no date").to_string(),
        "is not a date like 31.12.2026 (%d.%m.%Y) or 12/31/2026 06:30 PM (%m/%d/%Y %I:%M %p)"
    );
}

#[test]
fn examples_are_dates_of_their_own_formats() {
    for format in [
        "%d.%m.%Y",
        "%a, %d %b %Y %H:%M:%S %z",
        "%A %B %e %y %l:%M:%S%.f %p %Z",
        "%F %T.%f",
        "iso8601",
        "unix",
        "unix_ms",
        "excel",
    ] {
        let shown = example::of_all(&[DateFormat::parse(format).expect("a format")]);
        let value = shown.split(" (").next().expect("an example");
        let read = read(format, value);
        assert!(
            read.as_ref().is_ok_and(|wire| wire.starts_with("2026-12-31")),
            "{format}: {value}: {read:?}"
        );
    }
}

#[test]
fn formats_are_tried_in_order_until_one_fits() {
    let rule = rule(&["%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y"], None, None);
    assert_eq!(
        apply(&rule, "1.2.26"),
        Ok("2026-02-01 00:00:00".to_owned()),
        "26 is no year of the first format"
    );
    assert_eq!(
        apply(&rule, "02/03/2024"),
        Ok("2024-03-02 00:00:00".to_owned()),
        "the first that fits is taken"
    );
    assert_eq!(apply(&rule, "12/26/2021"), Ok("2021-12-26 00:00:00".to_owned()));
    assert_eq!(apply(&rule, "30/02/2024"), Err(DateTrouble::NoSuchDay));
}

#[test]
fn without_to_the_wall_clock_is_kept_whatever_the_offset() {
    let rule = rule(&["%F %T %z", "%F %T"], Some("Europe/Berlin"), None);
    assert_eq!(apply(&rule, "2026-07-01 12:00:00 -0800"), Ok("2026-07-01 12:00:00".to_owned()));
    assert_eq!(apply(&rule, "2026-03-29 02:30:00"), Ok("2026-03-29 02:30:00".to_owned()));
}

#[test]
fn with_to_a_value_is_converted_from_its_own_offset_or_else_from_the_time_zone() {
    let formats = ["%F %T %z", "%F %T %Z", "%F %T", "%F", "unix"];
    let to_utc = rule(&formats, Some("Europe/Berlin"), Some("UTC"));
    for (text, wire) in [
        ("2026-07-01 12:00:00 -0800", "2026-07-01 20:00:00"),
        ("2026-07-01 12:00:00 PST", "2026-07-01 20:00:00"),
        ("2026-07-01 12:00:00", "2026-07-01 10:00:00"),
        ("2026-01-01 12:00:00", "2026-01-01 11:00:00"),
        ("2026-07-01", "2026-06-30 22:00:00"),
        ("1798738200", "2026-12-31 17:30:00"),
        ("2026-10-25 02:30:00", "2026-10-25 00:30:00"),
    ] {
        assert_eq!(apply(&to_utc, text), Ok(wire.to_owned()), "{text}");
    }
    let gap = apply(&to_utc, "2026-03-29 02:30:00").expect_err("skipped").to_string();
    assert_eq!(gap, "does not exist in Europe/Berlin (clocks were put forward)");
    assert_eq!(apply(&to_utc, "2026-07-01 12:00:00 IST"), Err(DateTrouble::UncertainZone));

    let to_york = rule(&formats, None, Some("america/new_york"));
    assert_eq!(apply(&to_york, "1798738200"), Ok("2026-12-31 12:30:00".to_owned()));
    let unset = apply(&to_york, "2026-07-01 12:00:00").expect_err("no offset").to_string();
    assert_eq!(
        unset,
        "has no offset like +02:00, so it cannot be converted: set timezone beside to in the mapping"
    );
}

#[test]
fn unknown_time_zones_are_answered_with_the_nearest() {
    let message =
        |timezone| DateRule::new(vec![], Some(timezone), None).expect_err("no zone").to_string();
    assert_eq!(message("Berlin"), "there is no time zone \"Berlin\"; did you mean Europe/Berlin?");
    assert!(
        message("Europe/Berln").contains("did you mean Europe/Berlin"),
        "{}",
        message("Europe/Berln")
    );
    assert_eq!(
        message("xyzzy"),
        "there is no time zone \"xyzzy\"; names are like Europe/Berlin, America/New_York or UTC"
    );
    let formats = vec![DateFormat::parse("%F").expect("a format")];
    assert_eq!(DateRule::new(formats, None, Some("UTC")).err(), Some(ZoneError::TimezoneNeeded));
}

proptest! {
    #[test]
    fn every_date_written_in_a_format_reads_back(second in 631_152_000_i64..4_133_980_800, format in 0usize..9) {
        const FORMATS: [&str; 9] = [
            "%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%a, %d %b %Y %H:%M:%S %z", "%Y%m%d%H%M%S", "%m/%d/%Y %I:%M:%S %p",
            "%A, %B %e, %Y %k:%M:%S", "%y-%j", "%s", "%FT%T%:z",
        ];
        let at = Timestamp::from_second(second).expect("a timestamp").to_zoned_datetime(TimeZone::UTC);
        let wire = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let (text, ours) = match FORMATS[format] {
            "%y-%j" => (at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "iso8601"),
            "%s" => (second.to_string(), "unix"),
            same => (at.strftime(same).to_string(), same),
        };
        prop_assert_eq!(read(ours, &text), Ok(wire));
    }

    #[test]
    fn every_second_counted_by_a_spreadsheet_reads_back(second in 0_i64..3_502_828_800) {
        let at = Timestamp::from_second(631_152_000 + second).expect("a timestamp");
        let wire = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
        // Eleven significant decimals, as a spreadsheet writes them.
        let fraction = i128::from(second % 86_400) * 100_000_000_000 / 86_400;
        let serial = format!("{}.{fraction:011}", 32_874 + second / 86_400);
        prop_assert_eq!(read("excel", &serial), Ok(wire));
    }

    #[test]
    fn no_text_makes_reading_panic(text in "\\PC{0,24}", digits in "[0-9T:. +-]{0,24}") {
        let rule = rule(&["iso8601", "unix", "unix_ms", "excel", "%F %T %z", "%b %e %y", "%d.%m.%Y"], Some("UTC"), Some("UTC"));
        let mut out = String::new();
        for text in [text, digits] {
            if rule.apply(&text, &mut out).is_ok() {
                prop_assert_eq!(out.len(), 19);
            }
        }
    }
}
