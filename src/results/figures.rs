//! The figures of a [`Summary`](super::Summary): limits, counts and reasons, as they stand in its
//! JSON.

use serde::{Deserialize, Serialize};

use crate::limits::Limits;
use crate::outcome::{Status, Tally};

/// The limits of a run, as numbers and in the words of the flags.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is named like its flag")]
pub struct LimitsUsed {
    pub concurrency: usize,
    pub rate: String,
    pub max_attempts: u32,
    pub timeout_ms: u64,
    pub connect_timeout_ms: u64,
    pub give_up_after_ms: u64,
    pub max_failures: String,
    pub stop_at: Option<String>,
    pub max_duration_ms: Option<u64>,
}

impl From<&Limits> for LimitsUsed {
    fn from(limits: &Limits) -> Self {
        let ms =
            |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            concurrency: limits.concurrency.get(),
            rate: limits.rate.to_string(),
            max_attempts: limits.max_attempts.get(),
            timeout_ms: ms(limits.timeout),
            connect_timeout_ms: ms(limits.connect_timeout),
            give_up_after_ms: ms(limits.give_up_after),
            max_failures: limits.max_failures.to_string(),
            stop_at: limits.stop_at.map(|time| time.strftime("%H:%M").to_string()),
            max_duration_ms: limits.max_duration.map(ms),
        }
    }
}

/// Lines of the results by status, zeros too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is named like its status, where it is explained")]
pub struct Counts {
    pub sent: u64,
    pub already_sent: u64,
    pub skipped: u64,
    pub invalid: u64,
    pub rejected: u64,
    pub failed: u64,
    pub in_doubt: u64,
    pub not_attempted: u64,
}

impl From<&Tally> for Counts {
    fn from(tally: &Tally) -> Self {
        Self {
            sent: tally.get(Status::Sent),
            already_sent: tally.get(Status::AlreadySent),
            skipped: tally.get(Status::Skipped),
            invalid: tally.get(Status::Invalid),
            rejected: tally.get(Status::Rejected),
            failed: tally.get(Status::Failed),
            in_doubt: tally.get(Status::InDoubt),
            not_attempted: tally.get(Status::NotAttempted),
        }
    }
}

impl Counts {
    /// The lines that ended so.
    pub fn get(&self, status: Status) -> u64 {
        match status {
            Status::Sent => self.sent,
            Status::AlreadySent => self.already_sent,
            Status::Skipped => self.skipped,
            Status::Invalid => self.invalid,
            Status::Rejected => self.rejected,
            Status::Failed => self.failed,
            Status::InDoubt => self.in_doubt,
            Status::NotAttempted => self.not_attempted,
        }
    }

    /// All lines.
    pub fn total(&self) -> u64 {
        Status::ALL.into_iter().map(|status| self.get(status)).sum()
    }

    /// The lines for which something is left to do.
    pub fn unsettled(&self) -> u64 {
        Status::ALL
            .into_iter()
            .filter(|status| !status.is_settled())
            .map(|status| self.get(status))
            .sum()
    }
}

/// A reason with its count and a row to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonCount {
    /// The status of its rows, in the results' word.
    pub status: String,
    /// Why.
    pub reason: String,
    /// Lines of the results that ended so.
    pub count: u64,
    /// The input of the first such row.
    pub file: String,
    /// That row's number, from 1.
    pub row: u64,
    /// The physical line at which it starts, from 1.
    pub line: u64,
}
