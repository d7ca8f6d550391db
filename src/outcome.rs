//! What became of a shipment: the value between `delivery` (or `mapping`, where nothing was sent)
//! and `results`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

/// The state in which a row ends; each row of an input has exactly one for every shipment it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// The webhook accepted it.
    Sent,
    /// This very payload was accepted earlier; not sent again.
    AlreadySent,
    /// Left out on purpose: by the mapping's `[rows]`, or since it is no data.
    Skipped,
    /// No valid payload could be made of it.
    Invalid,
    /// The webhook refused this payload.
    Rejected,
    /// Not accepted after the last attempt, and surely not.
    Failed,
    /// It may have been accepted: the answer was lost, cut, or not one that the webhook gives.
    InDoubt,
    /// The run stopped before its turn, or its own answer stopped the run.
    NotAttempted,
}

impl Status {
    /// All of them, in the order in which a report lists them.
    pub const ALL: [Self; 8] = [
        Self::Sent,
        Self::AlreadySent,
        Self::Skipped,
        Self::Invalid,
        Self::Rejected,
        Self::Failed,
        Self::InDoubt,
        Self::NotAttempted,
    ];

    /// The word that stands in the results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::AlreadySent => "already_sent",
            Self::Skipped => "skipped",
            Self::Invalid => "invalid",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
            Self::NotAttempted => "not_attempted",
        }
    }

    /// Whether the payload was accepted, in this run or an earlier one.
    pub const fn is_accepted(self) -> bool {
        matches!(self, Self::Sent | Self::AlreadySent)
    }

    /// Whether nothing is left to do for such a row: it is `sent`, `already_sent` or `skipped`.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Sent | Self::AlreadySent | Self::Skipped)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == word)
            .ok_or_else(|| UnknownStatus(word.to_owned()))
    }
}

/// A word that is no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a status")]
pub struct UnknownStatus(String);

/// A shipment's number within its run, from 0 in the order of the input: its claim on one outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Ticket(pub u64);

/// How a row ended, with what was seen of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The row's state.
    pub status: Status,
    /// The status line of the last answer; `None` where no answer came.
    pub http_status: Option<u16>,
    /// Requests made for it, probes of an outage included.
    pub attempts: u32,
    /// Why, in a sentence for the operator; foreign text in it is already made printable.
    pub message: String,
    /// When the last answer came or was given up; `None` where nothing was sent.
    pub finished_at: Option<Timestamp>,
    /// How long the last request took, from its start to the end of its answer; `None` where
    /// nothing was sent.
    pub duration: Option<Duration>,
}

impl Outcome {
    /// The outcome of a row for which no request was made.
    pub fn unsent(status: Status, message: impl Into<String>) -> Self {
        Self {
            status,
            http_status: None,
            attempts: 0,
            message: message.into(),
            finished_at: None,
            duration: None,
        }
    }
}

/// What one attempt showed of whether its shipment is accepted, for what is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// The endpoint has accepted it.
    Accepted,
    /// It surely has not. What was in doubt before the attempt still is.
    NotAccepted,
    /// It surely has not by this attempt, but may have by an earlier one.
    StillInDoubt,
    /// It may have. The shipment is in doubt until it is accepted, whatever other attempts bring.
    InDoubt,
}

/// How many rows ended in each status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally([u64; Status::ALL.len()]);

impl Tally {
    /// Counts one row.
    pub fn add(&mut self, status: Status) {
        self.0[status as usize] += 1;
    }

    /// The rows that ended so.
    pub fn get(&self, status: Status) -> u64 {
        self.0[status as usize]
    }

    /// All rows.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The rows for which something is left to do.
    pub fn unsettled(&self) -> u64 {
        Status::ALL
            .into_iter()
            .filter(|status| !status.is_settled())
            .map(|status| self.get(status))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_back_from_its_word() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert!("Sent".parse::<Status>().is_err());
    }

    #[test]
    fn a_tally_counts_what_is_left_apart() {
        let mut tally = Tally::default();
        for status in Status::ALL {
            tally.add(status);
        }
        assert_eq!(tally.total(), 8);
        assert_eq!(tally.unsettled(), 5);
        assert_eq!(tally.get(Status::NotAttempted), 1);
    }
}
