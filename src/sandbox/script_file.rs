//! Reading a script from TOML: strictly, and with all troubles at once.
//!
//! ```toml
//! [[fault]]
//! answer  = 503          # what becomes of a request …
//! seconds = "5-17"       # … and of which: here those from 5 to 17 seconds after the first
//! ```
//!
//! The keys and their meaning are told in `lateship sandbox --help` and, with an example each, in
//! `examples/faults.toml`.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use regex::Regex;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::script::{Does, End, Fault, MAX_HALF};
use super::script_error::{Flaw, ScriptError, Trouble};
use crate::limits::parse_duration;

/// All keys of a fault.
pub(super) const KEYS: [&str; 16] = [
    "answer",
    "requests",
    "seconds",
    "lasts",
    "order",
    "order_matches",
    "tries",
    "share",
    "judged",
    "latency",
    "drip",
    "retry_after",
    "to",
    "body",
    "bytes",
    "end",
];

/// The answers that have a name.
pub(super) const NAMES: [&str; 10] = [
    "html",
    "empty",
    "revoked",
    "reset",
    "reset-unread",
    "refuse",
    "mute",
    "half",
    "endless",
    "slow",
];

type Value<'a> = Spanned<DeValue<'a>>;

/// Reads a script's faults; `name` stands in errors.
pub(super) fn parse(name: &str, text: &str) -> Result<Vec<Fault>, ScriptError> {
    let mut reader = Reader { name, text, troubles: Vec::new() };
    let faults = match DeTable::parse(text) {
        Ok(root) => reader.root(root.get_ref()),
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            reader.note(at, Flaw::Syntax(error.message().to_owned()));
            Vec::new()
        }
    };
    reader.troubles.sort_by_key(|trouble| trouble.line);
    if reader.troubles.is_empty() {
        Ok(faults)
    } else {
        Err(ScriptError::Troubles(reader.troubles))
    }
}

/// The file, and what was found wrong with it so far.
struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    troubles: Vec<Trouble>,
}

impl Reader<'_> {
    fn note(&mut self, at: usize, flaw: Flaw) {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        self.troubles.push(Trouble { name: self.name.to_owned(), line, flaw });
    }

    fn root(&mut self, root: &DeTable<'_>) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (key, value) in root {
            if key.get_ref().as_ref() != "fault" {
                self.note(
                    key.span().start,
                    Flaw::UnknownKey { key: key.get_ref().to_string(), known: &["fault"] },
                );
                continue;
            }
            let Some(list) = value.get_ref().as_array() else {
                let wanted = "tables that each begin with [[fault]], in double brackets";
                self.note(key.span().start, Flaw::Expected { key: "fault", wanted });
                continue;
            };
            for one in list {
                match one.get_ref().as_table() {
                    Some(table) => faults.extend(self.fault(one.span().start, table)),
                    None => {
                        self.note(
                            one.span().start,
                            Flaw::Expected { key: "fault", wanted: "tables" },
                        );
                    }
                }
            }
        }
        faults
    }

    /// One `[[fault]]` that stands at `at`; `None` where it has no answer that is known.
    fn fault(&mut self, at: usize, table: &DeTable<'_>) -> Option<Fault> {
        for key in table.keys() {
            if !KEYS.contains(&key.get_ref().as_ref()) {
                self.note(
                    key.span().start,
                    Flaw::UnknownKey { key: key.get_ref().to_string(), known: &KEYS },
                );
            }
        }
        let Some(answer) = table.get("answer") else {
            self.note(at, Flaw::NoAnswer);
            return None;
        };
        let does = self.does(answer, table)?;
        let mut fault = Fault::new(does);
        self.when(&mut fault, at, table);
        self.how(&mut fault, at, table);
        self.fitting(&fault, answer, table);
        Some(fault)
    }

    /// What it does.
    fn does(&mut self, answer: &Value<'_>, table: &DeTable<'_>) -> Option<Does> {
        let unknown = |found: Option<&str>| Flaw::UnknownAnswer {
            found: found.map(str::to_owned),
            known: &NAMES,
        };
        let at = answer.span().start;
        let Some(name) = answer.get_ref().as_str() else {
            let Some(status) = whole(answer)
                .and_then(|status| u16::try_from(status).ok())
                .filter(|status| (200..=599).contains(status))
            else {
                self.note(at, unknown(None));
                return None;
            };
            return Some(Does::Status {
                status,
                retry_after: self.read(
                    table,
                    "retry_after",
                    "seconds like 7, or the header's text",
                    header,
                ),
                to: self.read(table, "to", "an address like \"https://www.example.com/\"", header),
                body: self.read(table, "body", "a text in quotes", text_or_number),
            });
        };
        Some(match name {
            "html" => Does::Html,
            "empty" => Does::Empty,
            "revoked" => Does::Revoked,
            "reset" => Does::Reset,
            "reset-unread" => Does::ResetUnread,
            "refuse" => Does::Refuse,
            "mute" => Does::Mute,
            "endless" => Does::Endless,
            "slow" => Does::Slow,
            "half" => {
                let bytes = table
                    .get("bytes")
                    .map_or(Some(DEFAULT_HALF), whole)
                    .filter(|bytes| *bytes <= MAX_HALF);
                if bytes.is_none() {
                    self.note(
                        table.get("bytes").map_or(at, |value| value.span().start),
                        Flaw::HALF,
                    );
                }
                let end = self.read(table, "end", "\"fin\" or \"rst\"", end).unwrap_or(End::Reset);
                Does::Half { bytes: bytes.unwrap_or(DEFAULT_HALF), end }
            }
            other => {
                self.note(at, unknown(Some(other)));
                return None;
            }
        })
    }

    /// Which requests meet it.
    fn when(&mut self, fault: &mut Fault, at: usize, table: &DeTable<'_>) {
        let numbers = "numbers from 1 like \"100-200\", \"100-\" or 100";
        let when = &mut fault.when;
        if let Some(requests) = self.read(table, "requests", numbers, whole_range) {
            when.requests = requests;
        }
        if let Some(tries) = self.read(table, "tries", numbers, whole_range) {
            when.tries = tries;
        }
        let wanted = "seconds since the first request like \"5-17\", \"0.5-2\" or \"60-\"";
        if let Some(seconds) = self.read(table, "seconds", wanted, seconds_range) {
            when.seconds = seconds;
        }
        when.lasts = self.read(table, "lasts", LENGTH, length);
        if let Some(share) = self.read(table, "share", "a share like 0.1 or \"10%\"", share) {
            when.share = share;
        }
        let order_no = self.read(table, "order", "an order's number in quotes", text_or_number);
        let pattern =
            self.read(table, "order_matches", "a regular expression in quotes", text_or_number);
        if order_no.is_some() && pattern.is_some() {
            self.note(at, Flaw::TwoOrders);
        }
        if let Some(order_no) = order_no {
            *fault = fault.clone().order(order_no);
        }
        match pattern.as_deref().map(Regex::new) {
            Some(Ok(pattern)) => *fault = fault.clone().order_matches(pattern),
            Some(Err(error)) => {
                let place = table.get("order_matches").map_or(at, |value| value.span().start);
                let reason = error.to_string().lines().last().unwrap_or_default().to_owned();
                self.note(place, Flaw::Pattern(reason));
            }
            None => {}
        }
    }

    /// How it is done.
    fn how(&mut self, fault: &mut Fault, at: usize, table: &DeTable<'_>) {
        if let Some(judged) =
            self.read(table, "judged", "true, false, or a share like \"50%\"", judged)
        {
            fault.judged = judged;
        }
        if let Some(latency) = self.read(table, "latency", LENGTH, length) {
            fault.latency = latency;
        }
        fault.drip = self.read(table, "drip", LENGTH, length);
        let has = |key| table.contains_key(key);
        match &fault.does {
            Does::Slow if !has("latency") && !has("drip") => self.note(at, Flaw::NotSlow),
            Does::Status { status: 301 | 302 | 303 | 307 | 308, .. } if !has("to") => {
                self.note(at, Flaw::NoTarget);
            }
            Does::Refuse if !has("lasts") && fault.when.seconds.end == Duration::MAX => {
                self.note(at, Flaw::NoEnd);
            }
            _ => {}
        }
    }

    /// Whether each key says something about this answer.
    fn fitting(&mut self, fault: &Fault, answer: &Value<'_>, table: &DeTable<'_>) {
        let does = &fault.does;
        let is_status = matches!(does, Does::Status { .. });
        let unread = "it comes before the request is read";
        let status_only = "only an answer of a status has it";
        let rules: [(&'static str, bool, &'static str); 10] = [
            ("order", !does.is_unread(), unread),
            ("order_matches", !does.is_unread(), unread),
            ("tries", !does.is_unread(), unread),
            ("judged", !does.is_unread(), unread),
            ("retry_after", is_status, status_only),
            ("to", is_status, status_only),
            ("body", is_status, status_only),
            ("bytes", matches!(does, Does::Half { .. }), "only a half answer has it"),
            ("end", matches!(does, Does::Half { .. }), "only a half answer has it"),
            (
                "drip",
                !does.is_unread() && !matches!(does, Does::Reset | Does::Mute),
                "no byte is written",
            ),
        ];
        let shown = answer.get_ref().as_str().map_or_else(
            || whole(answer).map(|status| status.to_string()).unwrap_or_default(),
            |name| format!("\"{name}\""),
        );
        let more = [
            ("latency", !does.is_unread() && *does != Does::Mute, "nothing is waited for"),
            (
                "judged",
                !matches!(does, Does::Slow | Does::Revoked),
                "the webhook's own answer says what it did",
            ),
        ];
        for (key, fits, why) in rules.into_iter().chain(more) {
            if let (false, Some(value)) = (fits, table.get(key)) {
                self.note(value.span().start, Flaw::Misplaced { key, answer: shown.clone(), why });
            }
        }
    }

    /// The value of a key; one that can't be read is noted.
    fn read<T>(
        &mut self,
        table: &DeTable<'_>,
        key: &'static str,
        wanted: &'static str,
        read: impl Fn(&Value<'_>) -> Option<T>,
    ) -> Option<T> {
        let value = table.get(key)?;
        let found = read(value);
        if found.is_none() {
            self.note(value.span().start, Flaw::Expected { key, wanted });
        }
        found
    }
}

/// Bytes of a half answer, unless told otherwise: some of its head.
const DEFAULT_HALF: u64 = 40;

const LENGTH: &str = "a length of time like \"500ms\", \"12s\" or \"2m\"";

fn whole(value: &Value<'_>) -> Option<u64> {
    let number = value.get_ref().as_integer()?;
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A text, or a whole number as it is written.
fn text_or_number(value: &Value<'_>) -> Option<String> {
    value
        .get_ref()
        .as_str()
        .map(str::to_owned)
        .or_else(|| whole(value).map(|number| number.to_string()))
}

/// A text that fits a header.
fn header(value: &Value<'_>) -> Option<String> {
    text_or_number(value).filter(|text| text.bytes().all(|byte| (b' '..=b'~').contains(&byte)))
}

/// `100-200`, `100-` or `100`; the end belongs to it.
fn whole_range(value: &Value<'_>) -> Option<RangeInclusive<u64>> {
    let text = text_or_number(value)?;
    let read = |text: &str| text.trim().parse::<u64>().ok();
    let (from, to) = match text.split_once('-') {
        Some((from, "")) => (read(from)?, u64::MAX),
        Some((from, to)) => (read(from)?, read(to)?),
        None => (read(&text)?, read(&text)?),
    };
    (from >= 1 && from <= to).then_some(from..=to)
}

/// `5-17` or `60-`; the end does not belong to it.
fn seconds_range(value: &Value<'_>) -> Option<Range<Duration>> {
    let (from, to) = value.get_ref().as_str()?.split_once('-')?;
    let read = |text: &str| Duration::try_from_secs_f64(text.trim().parse().ok()?).ok();
    let (from, to) = (read(from)?, if to.trim().is_empty() { Duration::MAX } else { read(to)? });
    (from < to).then_some(from..to)
}

fn length(value: &Value<'_>) -> Option<Duration> {
    parse_duration(value.get_ref().as_str()?).ok()
}

fn share(value: &Value<'_>) -> Option<f64> {
    let share = match value.get_ref() {
        DeValue::String(text) => {
            let (number, unit) =
                text.strip_suffix('%').map_or((text.as_ref(), 1.0), |number| (number, 100.0));
            number.trim().parse::<f64>().ok()? / unit
        }
        DeValue::Float(number) => number.as_str().parse().ok()?,
        DeValue::Integer(number) => number.as_str().parse().ok()?,
        _ => return None,
    };
    (0.0..=1.0).contains(&share).then_some(share)
}

fn judged(value: &Value<'_>) -> Option<f64> {
    match value.get_ref().as_bool() {
        Some(judged) => Some(f64::from(u8::from(judged))),
        None => share(value),
    }
}

fn end(value: &Value<'_>) -> Option<End> {
    match value.get_ref().as_str()? {
        "fin" => Some(End::Fin),
        "rst" => Some(End::Reset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        parse("faults.toml", text).expect_err(text).to_string()
    }

    #[test]
    fn every_key_is_read() {
        let text = r#"
            [[fault]]
            answer = 429
            retry_after = 7
            requests = "100-"
            share = "10%"
            [[fault]]
            answer = "half"
            bytes = 17
            end = "fin"
            seconds = "0.5-2"
            judged = false
            tries = 1
            order_matches = '^10'
            [[fault]]
            answer = "slow"
            latency = "2s"
            drip = "50ms"
            order = 1007
            lasts = "1m"
        "#;
        let faults = parse("faults.toml", text).expect("a script");
        let [throttled, half, slow] = faults.as_slice() else { panic!("{faults:?}") };
        let retry_after = Some("7".to_owned());
        assert_eq!(throttled.does, Does::Status { status: 429, retry_after, to: None, body: None });
        assert_eq!((throttled.when.requests.clone(), throttled.when.share), (100..=u64::MAX, 0.1));
        assert_eq!(half.does, Does::Half { bytes: 17, end: End::Fin });
        assert_eq!(half.when.seconds, Duration::from_millis(500)..Duration::from_secs(2));
        assert_eq!((half.judged, half.when.tries.clone()), (0.0, 1..=1));
        assert_eq!(
            (slow.latency, slow.drip),
            (Duration::from_secs(2), Some(Duration::from_millis(50)))
        );
        assert_eq!((slow.judged, slow.when.lasts), (1.0, Some(Duration::from_secs(60))));
        assert!(parse("faults.toml", "# nothing\n").expect("an empty script").is_empty());
    }

    #[test]
    fn every_trouble_is_named_with_its_line_and_the_nearest_name() {
        let shown = wrong(
            "[[fault]]\nanswer = 503\nsecnds = \"1-2\"\n\n[[fault]]\nanswer = \"rest\"\n[[falt]]\n",
        );
        for part in [
            "faults.toml, line 3: unknown key \"secnds\": did you mean \"seconds\"?",
            "faults.toml, line 6: answer: expected a status",
            "did you mean \"reset\"?",
            "faults.toml, line 7: unknown key \"falt\": did you mean \"fault\"?",
            "lateship sandbox --help",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        assert!(wrong("a = [\n").starts_with("faults.toml, line "), "{}", wrong("a = [\n"));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        for (fault, says) in [
            ("", "line 1: this [[fault]] has no answer"),
            ("answer = 99", "line 2: answer: expected a status from 200 to 599"),
            ("answer = true", "reset-unread"),
            ("answer = \"refuse\"", "needs an end by time"),
            ("answer = \"refuse\"\nseconds = \"5-\"", "needs an end by time"),
            (
                "answer = \"refuse\"\nlasts = \"3s\"\norder = \"1\"",
                "line 4: order does not go with answer = \"refuse\"",
            ),
            ("answer = \"reset-unread\"\njudged = true", "before the request is read"),
            ("answer = \"slow\"", "needs latency"),
            ("answer = 302", "needs a target"),
            ("answer = 503\nrequests = \"9-3\"", "line 3: requests: expected numbers from 1"),
            ("answer = 503\nrequests = 0", "requests: expected numbers from 1"),
            ("answer = 503\nseconds = 5", "seconds: expected seconds since"),
            ("answer = 503\nshare = 2", "share: expected a share"),
            ("answer = 503\nlasts = 12", "lasts: expected a length of time"),
            ("answer = 503\nbytes = 12", "only a half answer"),
            ("answer = \"half\"\nbytes = 161", "bytes: expected a whole number from 0 to 160"),
            ("answer = \"half\"\nend = \"stop\"", "\"fin\" or \"rst\""),
            ("answer = \"mute\"\ndrip = \"1s\"", "no byte is written"),
            ("answer = \"html\"\nretry_after = 1", "only an answer of a status"),
            ("answer = 500\norder = \"1\"\norder_matches = \"1\"", "exclude each other"),
            ("answer = 500\norder_matches = \"(\"", "no regular expression"),
            ("answer = \"revoked\"\njudged = true", "what it did"),
        ] {
            let shown = wrong(&format!("[[fault]]\n{fault}\n"));
            assert!(shown.contains(says), "{says} in {shown}");
        }
        assert!(wrong("fault = 3").contains("double brackets"));
        assert!(wrong("[fault]\nanswer = 503").contains("double brackets"));
    }
}
