//! Decides whether a shipment is sent, from what is known of it: pure, but for the memory of the
//! last shipments of a run without a ledger.

use std::collections::HashMap;
use std::mem;

use smallvec::SmallVec;

use crate::delivery::Admission;
use crate::ledger::{History, Key};
use crate::limits::{Changed, InDoubt};
use crate::outcome::{Outcome, Status};

/// Shipments of this run that are remembered at least, without a ledger, to find the same one again.
const RECENT: usize = 100_000;

/// Payloads of one of them that are remembered.
const MAX_PAYLOADS: usize = 32;

/// When shipments that are known are sent again.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResendPolicy {
    pub(super) in_doubt: InDoubt,
    pub(super) changed: Changed,
    pub(super) resend: bool,
}

impl ResendPolicy {
    /// Whether a shipment with this history is sent; if not, with which outcome it ends.
    pub(super) fn decide(self, history: &History) -> Admission {
        let (status, message) = if history.seen_in_this_run {
            let message = "the same shipment with the same payload stands further up in this run";
            (Status::Skipped, message.to_owned())
        } else if let Some(since) = history.in_doubt {
            if self.in_doubt == InDoubt::Resend {
                return Admission::Send { tainted: true };
            }
            let message = format!(
                "it may have been accepted by an attempt of {since:.0}, whose answer is not known; \
                 held (--in-doubt hold)"
            );
            (Status::InDoubt, message)
        } else if let Some(accepted) = history.accepted.filter(|_| !self.resend) {
            let message = format!("accepted on {:.0} (run {})", accepted.at, accepted.run);
            (Status::AlreadySent, message)
        } else if history.other_payload
            && history.accepted.is_none()
            && self.changed == Changed::Skip
            && !self.resend
        {
            let message = "accepted earlier with another payload; not sent again (--changed skip)";
            (Status::Skipped, message.to_owned())
        } else {
            return Admission::Send { tainted: false };
        };
        Admission::Settled(Outcome::unsent(status, message))
    }
}

/// The payloads of the last shipments of this run: at least of [`RECENT`], at most of twice as many.
#[derive(Debug, Default)]
pub(super) struct RecentShipments {
    newer: HashMap<u128, SmallVec<[u128; 1]>>,
    /// What was `newer` when it last became full; forgotten as a whole.
    older: HashMap<u128, SmallVec<[u128; 1]>>,
}

impl RecentShipments {
    /// What this run knows of `key`; from now on it is known.
    pub(super) fn history(&mut self, key: Key) -> History {
        if self.newer.len() == RECENT {
            mem::swap(&mut self.newer, &mut self.older);
            self.newer.clear();
        }
        let older = self.older.remove(&key.identity);
        let payloads = self.newer.entry(key.identity).or_insert_with(|| older.unwrap_or_default());
        let history = History {
            seen_in_this_run: payloads.contains(&key.payload),
            other_in_this_run: payloads.iter().any(|payload| *payload != key.payload),
            ..History::default()
        };
        if !history.seen_in_this_run {
            if payloads.len() == MAX_PAYLOADS {
                payloads.remove(0);
            }
            payloads.push(key.payload);
        }
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Acceptance;
    use jiff::Timestamp;

    const POLICY: ResendPolicy =
        ResendPolicy { in_doubt: InDoubt::Resend, changed: Changed::Send, resend: false };

    fn accepted() -> History {
        let accepted = Some(Acceptance { at: Timestamp::UNIX_EPOCH, run: 3 });
        History { accepted, ..History::default() }
    }

    fn ends(policy: ResendPolicy, history: &History, wanted: Status, part: &str) {
        match policy.decide(history) {
            Admission::Settled(outcome) => {
                assert_eq!(outcome.status, wanted);
                assert!(outcome.message.contains(part), "{}", outcome.message);
            }
            sent @ Admission::Send { .. } => panic!("{sent:?}"),
        }
    }

    const SEND: Admission = Admission::Send { tainted: false };

    #[test]
    fn accepted_payload_is_sent_again_only_with_resend() {
        ends(POLICY, &accepted(), Status::AlreadySent, "run 3");
        assert_eq!(ResendPolicy { resend: true, ..POLICY }.decide(&accepted()), SEND);
    }

    #[test]
    fn changed_decides_about_another_payload() {
        let other = History { other_payload: true, ..History::default() };
        assert_eq!(POLICY.decide(&other), SEND);
        let skip = ResendPolicy { changed: Changed::Skip, ..POLICY };
        ends(skip, &other, Status::Skipped, "--changed skip");
        assert_eq!(skip.decide(&History::default()), SEND);
    }

    #[test]
    fn in_doubt_is_sent_again_as_tainted_or_held() {
        let doubt = History { in_doubt: Some(Timestamp::UNIX_EPOCH), ..accepted() };
        assert_eq!(POLICY.decide(&doubt), Admission::Send { tainted: true });
        let hold = ResendPolicy { in_doubt: InDoubt::Hold, resend: true, ..POLICY };
        ends(hold, &doubt, Status::InDoubt, "1970");
    }

    #[test]
    fn same_shipment_again_in_one_run_is_skipped() {
        let seen = History { seen_in_this_run: true, ..accepted() };
        ends(POLICY, &seen, Status::Skipped, "further up");
        let mut recent = RecentShipments::default();
        let seen = [1, 1, 2, 1].map(|payload| {
            let history = recent.history(Key { identity: 7, payload });
            (history.seen_in_this_run, history.other_in_this_run)
        });
        assert_eq!(seen, [(false, false), (true, false), (false, true), (true, true)]);
    }

    #[test]
    fn recent_shipments_forget_the_oldest() {
        let mut recent = RecentShipments::default();
        let mut is_known = |identity: usize| {
            let key = Key { identity: identity as u128, payload: 1 };
            recent.history(key).seen_in_this_run
        };
        assert!(!(0..RECENT).any(&mut is_known));
        assert!(is_known(0), "the first of the last 100,000");
        assert!(!(RECENT..3 * RECENT).any(&mut is_known));
        assert!(!is_known(1), "forgotten");
        assert!(is_known(2 * RECENT), "one of the last 100,000");
    }
}
