//! The proof of a torture: what the server's log, the results and the kills say together. Pure.
//!
//! Claims, each checked row by row and not only in sums:
//! - each row of the input has exactly one line in the results, in the order of the input;
//! - each row was accepted, or is held (`--in-doubt hold` alone), and no line says `sent` of a row
//!   that was not;
//! - a row that was accepted again had a reason: the acceptance before was answered by nothing that
//!   tells it, or came within a run that was killed; and of the latter no kill has more than the
//!   requests that could be in flight;
//! - with `hold` nothing was accepted again, and each held row had a reason to be in doubt.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::request::LoggedRequest;

/// All that is known of a torture.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// The server's log.
    pub(crate) entries: Vec<LoggedRequest>,
    /// The program's runs, in their order.
    pub(crate) runs: Vec<Run>,
    /// The exports, one after the other.
    pub(crate) nights: Vec<Night>,
    /// Whether what is in doubt is held.
    pub(crate) hold: bool,
    /// Requests that can be in flight at a kill.
    pub(crate) concurrency: usize,
}

/// A run of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// When it was started, in the clock of [`LoggedRequest::time_us`].
    pub(crate) begin_us: u64,
    /// Whether it was killed.
    pub(crate) killed: bool,
}

/// An export and its results.
#[derive(Debug, Default)]
pub(crate) struct Night {
    /// The orders of its rows, in order; each stands in one night only.
    pub(crate) orders: Vec<String>,
    /// The lines of its results, in order.
    pub(crate) lines: Vec<Line>,
}

/// A line of the results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The row's number, from 1.
    pub(crate) row: String,
    /// The order.
    pub(crate) order_no: String,
    /// What became of it.
    pub(crate) status: String,
}

/// What was proved, in numbers; and what was not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Runs killed.
    pub(crate) kills: usize,
    /// Of them those that had not sent anything.
    pub(crate) kills_before_a_request: usize,
    /// Runs after the first.
    pub(crate) restarts: usize,
    /// Exports.
    pub(crate) nights: usize,
    /// Rows of all exports.
    pub(crate) rows: usize,
    /// Requests that reached the server.
    pub(crate) requests: usize,
    /// Acceptances, repeated ones included.
    pub(crate) acceptances: usize,
    /// Acceptances of a row after its first.
    pub(crate) duplicates: usize,
    /// Of them those after an acceptance in a run that was killed.
    pub(crate) after_kills: usize,
    /// The most of those that one kill has.
    pub(crate) worst_kill: usize,
    /// Requests in flight at each kill, at most.
    pub(crate) concurrency: usize,
    /// Acceptances whose answer a fault lost.
    pub(crate) lost_answers: usize,
    /// Rows held.
    pub(crate) held: usize,
    /// Each claim that does not hold.
    pub(crate) broken: Vec<Broken>,
}

impl Verdict {
    /// The most duplicates that kills and lost answers explain.
    pub(crate) fn bound(&self) -> usize {
        self.kills * self.concurrency + self.lost_answers
    }
}

/// A claim that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("export {night}: {lines} lines in the results of {rows} rows")]
    Lines { night: usize, lines: usize, rows: usize },
    #[error(
        "export {night}, line {line}: it is of row {row}, order {order_no}, and order {wanted} is due"
    )]
    OutOfOrder { night: usize, line: usize, row: String, order_no: String, wanted: String },
    #[error("order {order_no} is {status} in the results")]
    Unsettled { order_no: String, status: String },
    #[error("order {0} is sent in the results, and was never accepted")]
    NeverAccepted(String),
    #[error(
        "order {0} was accepted again though its acceptance was answered in a run that was not killed"
    )]
    Repeated(String),
    #[error("order {order_no} was accepted {times} times though what is in doubt is held")]
    RepeatedWhileHeld { order_no: String, times: usize },
    #[error("order {0} is held, and was never in doubt")]
    HeldForNothing(String),
    #[error(
        "kill {kill}: {repeated} rows were accepted again, and only {concurrency} requests could be in flight"
    )]
    TooManyInFlight { kill: usize, repeated: usize, concurrency: usize },
    #[error("{duplicates} duplicates, and kills and lost answers explain {bound}")]
    TooManyDuplicates { duplicates: usize, bound: usize },
    #[error("{held} rows are held, and kills and faults explain {bound}")]
    TooManyHeld { held: usize, bound: usize },
    #[error("order {0} was accepted and stands in no export")]
    Unknown(String),
}

/// Weighs the evidence.
pub(crate) fn prove(evidence: &Evidence) -> Verdict {
    let Evidence { entries, runs, nights, hold, concurrency } = evidence;
    let run_of = |entry: &LoggedRequest| {
        runs.partition_point(|run| run.begin_us <= entry.time_us).checked_sub(1)
    };
    let was_killed = |run: Option<usize>| run.is_some_and(|run| runs[run].killed);
    let mut by_order: HashMap<&str, Vec<&LoggedRequest>> = HashMap::new();
    for entry in entries {
        by_order.entry(&entry.order_no).or_default().push(entry);
    }
    let mut busy = vec![false; runs.len()];
    entries.iter().filter_map(run_of).for_each(|run| busy[run] = true);

    let mut verdict = Verdict {
        kills: runs.iter().filter(|run| run.killed).count(),
        kills_before_a_request: runs
            .iter()
            .zip(&busy)
            .filter(|(run, busy)| run.killed && !**busy)
            .count(),
        restarts: runs.len().saturating_sub(1),
        nights: nights.len(),
        rows: nights.iter().map(|night| night.orders.len()).sum(),
        requests: entries.len(),
        acceptances: entries.iter().filter(|entry| entry.accepted).count(),
        lost_answers: entries.iter().filter(|entry| entry.accepted && !entry.answered).count(),
        concurrency: *concurrency,
        ..Verdict::default()
    };
    let mut repeated_by_run: BTreeMap<usize, usize> = BTreeMap::new();
    for (night, Night { orders, lines }) in (1..).zip(nights) {
        in_order(night, orders, lines, &mut verdict.broken);
        for (order_no, line) in orders.iter().zip(lines) {
            let own = by_order.remove(order_no.as_str()).unwrap_or_default();
            let accepted: Vec<&LoggedRequest> =
                own.iter().copied().filter(|entry| entry.accepted).collect();
            match line.status.as_str() {
                "sent" | "already_sent" if accepted.is_empty() => {
                    verdict.broken.push(Broken::NeverAccepted(order_no.clone()));
                }
                "sent" | "already_sent" => {}
                "in_doubt" if *hold => {
                    verdict.held += 1;
                    let doubted =
                        own.iter().any(|entry| is_doubtful(entry) || was_killed(run_of(entry)));
                    // Of a request that never arrived, or was never read, the server can't tell the
                    // order.
                    if !(doubted || own.is_empty()) {
                        verdict.broken.push(Broken::HeldForNothing(order_no.clone()));
                    }
                }
                status => {
                    let status = status.to_owned();
                    verdict.broken.push(Broken::Unsettled { order_no: order_no.clone(), status });
                }
            }
            if *hold && accepted.len() > 1 {
                let times = accepted.len();
                verdict
                    .broken
                    .push(Broken::RepeatedWhileHeld { order_no: order_no.clone(), times });
            }
            verdict.duplicates += accepted.len().saturating_sub(1);
            for before in accepted.iter().rev().skip(1) {
                match run_of(before) {
                    _ if !before.answered => {}
                    Some(run) if runs[run].killed => *repeated_by_run.entry(run).or_default() += 1,
                    _ => verdict.broken.push(Broken::Repeated(order_no.clone())),
                }
            }
        }
    }

    verdict.after_kills = repeated_by_run.values().sum();
    verdict.worst_kill = repeated_by_run.values().copied().max().unwrap_or(0);
    for (&run, &repeated) in
        repeated_by_run.iter().filter(|(_, repeated)| **repeated > *concurrency)
    {
        let kill = runs[..=run].iter().filter(|run| run.killed).count();
        verdict.broken.push(Broken::TooManyInFlight { kill, repeated, concurrency: *concurrency });
    }
    let bound = verdict.bound();
    if verdict.duplicates > bound {
        verdict.broken.push(Broken::TooManyDuplicates { duplicates: verdict.duplicates, bound });
    }
    let doubts =
        verdict.kills * concurrency + entries.iter().filter(|entry| is_doubtful(entry)).count();
    if verdict.held > doubts {
        verdict.broken.push(Broken::TooManyHeld { held: verdict.held, bound: doubts });
    }
    let strangers = by_order.into_iter().filter(|(_, own)| own.iter().any(|entry| entry.accepted));
    verdict.broken.extend(strangers.map(|(order_no, _)| Broken::Unknown(order_no.to_owned())));
    verdict
}

/// Whether its sender may be in doubt about it: also an answer that was given whole can tell
/// nothing (HTML, 504), and a request that was reset unread has no order in the log, so that any
/// answer but an acceptance may have been followed by one.
fn is_doubtful(entry: &LoggedRequest) -> bool {
    !(entry.accepted && entry.answered)
}

/// Each row once, and in order.
fn in_order(night: usize, orders: &[String], lines: &[Line], broken: &mut Vec<Broken>) {
    if lines.len() != orders.len() {
        broken.push(Broken::Lines { night, lines: lines.len(), rows: orders.len() });
    }
    let pairs = (1..).zip(orders.iter().zip(lines));
    let first = pairs.into_iter().find(|(row, (order_no, line))| {
        let row: &usize = row;
        line.order_no != **order_no || line.row != row.to_string()
    });
    // The others behind it are wrong for the same reason, as a rule.
    if let Some((line, (wanted, found))) = first {
        let Line { row, order_no, .. } = found.clone();
        broken.push(Broken::OutOfOrder { night, line, row, order_no, wanted: wanted.clone() });
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, kills_before_a_request, restarts, nights, rows, .. } = self;
        let Self {
            requests,
            acceptances,
            lost_answers,
            duplicates,
            after_kills,
            worst_kill,
            held,
            concurrency,
            ..
        } = self;
        writeln!(f, "kills        {kills}, {kills_before_a_request} of them before a request")?;
        writeln!(f, "restarts     {restarts}")?;
        writeln!(f, "rows         {rows} in {nights} exports")?;
        writeln!(f, "requests     {requests}")?;
        writeln!(
            f,
            "acceptances  {acceptances}, {lost_answers} of them with an answer that a fault lost"
        )?;
        writeln!(
            f,
            "duplicates   {duplicates} of at most {} ({kills} kills with {concurrency} requests in flight at most, and {lost_answers} lost answers)",
            self.bound()
        )?;
        writeln!(f, "             {after_kills} after a kill, {worst_kill} at most after one")?;
        write!(f, "held         {held}")?;
        for broken in self.broken.iter().take(MOST_SHOWN) {
            write!(f, "\nBROKEN: {broken}")?;
        }
        if self.broken.len() > MOST_SHOWN {
            write!(f, "\nBROKEN: and {} more", self.broken.len() - MOST_SHOWN)?;
        }
        Ok(())
    }
}

/// Broken claims that are shown.
const MOST_SHOWN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// A request: when, of which order, whether accepted, whether answered.
    fn entry(time_us: u64, order_no: &str, accepted: bool, answered: bool) -> LoggedRequest {
        LoggedRequest { time_us, order_no: order_no.to_owned(), accepted, answered }
    }

    /// Two runs, the first of them killed; orders a, b and so on, each accepted once in the second.
    fn evidence(statuses: &[&str]) -> Evidence {
        let orders: Vec<String> = ('a'..).map(String::from).take(statuses.len()).collect();
        let line = |(row, (order_no, status)): (usize, (&String, &&str))| Line {
            row: row.to_string(),
            order_no: order_no.clone(),
            status: (*status).to_owned(),
        };
        let lines = (1..).zip(orders.iter().zip(statuses)).map(line).collect();
        let entries = orders.iter().map(|order| entry(250, order, true, true)).collect();
        let runs = vec![Run { begin_us: 100, killed: true }, Run { begin_us: 200, killed: false }];
        Evidence {
            entries,
            runs,
            nights: vec![Night { orders, lines }],
            hold: false,
            concurrency: 1,
        }
    }

    #[test]
    fn rows_that_were_accepted_once_prove_themselves() {
        let verdict = prove(&evidence(&["sent", "already_sent"]));
        assert_eq!(verdict.broken, []);
        assert_eq!(
            (verdict.kills, verdict.kills_before_a_request, verdict.restarts, verdict.rows),
            (1, 1, 1, 2)
        );
        assert_eq!((verdict.acceptances, verdict.duplicates, verdict.bound()), (2, 0, 1));
    }

    #[test]
    fn a_second_acceptance_after_a_kill_or_a_lost_answer_has_its_reason() {
        let mut evidence = evidence(&["sent", "sent"]);
        evidence.entries.insert(0, entry(150, "a", true, true));
        evidence.entries.insert(2, entry(240, "b", true, false));
        let verdict = prove(&evidence);
        assert_eq!(verdict.broken, []);
        assert_eq!(
            (verdict.duplicates, verdict.after_kills, verdict.worst_kill, verdict.lost_answers),
            (2, 1, 1, 1)
        );
    }

    #[test]
    fn a_second_acceptance_without_a_reason_is_found() {
        let mut evidence = evidence(&["sent", "sent"]);
        evidence.entries.push(entry(260, "b", true, true));
        // In sums it would be hidden by the kill.
        assert_eq!(prove(&evidence).broken, [Broken::Repeated("b".into())]);
    }

    #[test]
    fn no_kill_has_more_than_the_requests_in_flight() {
        let mut evidence = evidence(&["sent", "sent"]);
        evidence.entries.splice(0..0, [entry(150, "a", true, true), entry(160, "b", true, true)]);
        let expected = [
            Broken::TooManyInFlight { kill: 1, repeated: 2, concurrency: 1 },
            Broken::TooManyDuplicates { duplicates: 2, bound: 1 },
        ];
        assert_eq!(prove(&evidence).broken, expected);
        evidence.concurrency = 2;
        assert_eq!(prove(&evidence).broken, []);
    }

    #[test]
    fn a_row_that_was_never_accepted_is_found_whatever_its_status() {
        let mut evidence = evidence(&["sent", "failed", "in_doubt"]);
        evidence.entries.remove(0);
        let unsettled = |order: &str, status: &str| Broken::Unsettled {
            order_no: order.into(),
            status: status.into(),
        };
        let expected = [
            Broken::NeverAccepted("a".into()),
            unsettled("b", "failed"),
            unsettled("c", "in_doubt"),
        ];
        assert_eq!(prove(&evidence).broken, expected);
    }

    #[test]
    fn each_row_has_one_line_in_its_place() {
        let mut shuffled = evidence(&["sent", "sent"]);
        shuffled.nights[0].lines.swap(0, 1);
        assert!(matches!(prove(&shuffled).broken[..], [Broken::OutOfOrder { line: 1, .. }]));
        let mut short = evidence(&["sent", "sent"]);
        short.nights[0].lines.pop();
        let expected = [Broken::Lines { night: 1, lines: 1, rows: 2 }, Broken::Unknown("b".into())];
        assert_eq!(prove(&short).broken, expected);
    }

    #[test]
    fn what_is_held_is_accepted_once_at_most_and_for_a_reason() {
        let mut evidence = evidence(&["in_doubt", "in_doubt", "in_doubt", "sent", "in_doubt"]);
        evidence.hold = true;
        evidence.concurrency = 9;
        evidence.entries = vec![
            entry(150, "a", true, true),
            entry(210, "b", true, false),
            entry(220, "c", true, true),
            entry(150, "d", true, true),
            entry(230, "d", true, true),
        ];
        let verdict = prove(&evidence);
        let repeated = Broken::RepeatedWhileHeld { order_no: "d".into(), times: 2 };
        assert_eq!(verdict.broken, [Broken::HeldForNothing("c".into()), repeated]);
        assert_eq!(verdict.held, 4);
    }

    #[test]
    fn no_more_is_held_than_kills_and_lost_answers_explain() {
        let mut evidence = evidence(&["in_doubt", "in_doubt"]);
        evidence.hold = true;
        evidence.entries.clear();
        assert_eq!(prove(&evidence).broken, [Broken::TooManyHeld { held: 2, bound: 1 }]);
    }
}
