//! What the desk knows of a shipment from before: the ledger's memory, or, without a ledger, that
//! of the last shipments of this run. Here it is decided what that means for the shipment.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::collections::hash_map::Entry;

use tokio::sync::Notify;

use crate::delivery::Admission;
use crate::hashed::HashedMap;
use crate::ledger::{self, Key, Ledger, LookUp};
use crate::limits::{Changed, InDoubt};
use crate::options::run::LedgerOptions;
use crate::outcome::{Conclusion, Outcome, Status};
use crate::shipment::Shipment;
use crate::text;

/// Shipments of this run that are remembered where there is no ledger, to find the same one again.
const RECENT: usize = 131_072;

/// Payloads of one of them that are remembered besides its first.
const MOST_PAYLOADS: usize = 32;

/// See the module.
pub(super) struct Memory {
    ledger: Option<Ledger>,
    terms: Terms,
    /// Rung when what was recorded is written, or cannot be.
    written: Notify,
    recent: RefCell<Recent>,
    /// Whether it was said that one shipment stands in the input with two payloads.
    told_of_two: Cell<bool>,
}

/// What is made of what is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) in_doubt: InDoubt,
    pub(super) changed: Changed,
    pub(super) resend: bool,
}

/// What is known of a shipment, looked up ahead of its turn.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// What the ledger remembers.
    Memory(ledger::Memory),
    /// Another of its identity was under way at that time: to be looked up at its turn.
    NotYet,
}

/// What becomes of a shipment.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Decision {
    Send { tainted: bool },
    Leave(Status, String),
}

impl Memory {
    pub(super) fn new(ledger: Option<Ledger>, settings: &LedgerOptions, in_doubt: InDoubt) -> Self {
        Self {
            ledger,
            terms: Terms { in_doubt, changed: settings.changed, resend: settings.resend },
            written: Notify::new(),
            recent: RefCell::default(),
            told_of_two: Cell::new(false),
        }
    }

    /// Begins to look shipments up ahead of their turn, all at once; `None` where there is nothing
    /// to look up or to look it up in.
    pub(super) fn start_look_up(&self, keys: Vec<Key>) -> Result<Option<LookUp>, ledger::Error> {
        self.ledger
            .as_ref()
            .filter(|_| !keys.is_empty())
            .map(|ledger| ledger.start_look_up(keys))
            .transpose()
    }

    /// Whether the shipment is sent; if not, how it ends.
    pub(super) async fn admit(
        &self,
        shipment: &Shipment,
        known: Known,
    ) -> Result<(Admission, Option<Outcome>), ledger::Error> {
        let memory = match (known, &self.ledger) {
            (Known::Memory(memory), _) => Some(memory),
            (Known::NotYet, Some(ledger)) => {
                ledger.look_up(vec![key(shipment)]).await?.into_iter().next()
            }
            (Known::NotYet, None) => None,
        };
        // The ledger knows this run too; without it, its last shipments are remembered here.
        let (decision, another) = match &memory {
            Some(memory) => (self.terms.decide(memory), memory.other_in_this_run),
            None => match self.recent.borrow_mut().meet(key(shipment)) {
                Met::First => (Decision::Send { tainted: false }, false),
                Met::Again => (repeated(), false),
                Met::WithAnotherPayload => (Decision::Send { tainted: false }, true),
            },
        };
        if another {
            self.tell_of_two(shipment);
        }
        Ok(match decision {
            Decision::Send { tainted } => (Admission::Send { tainted }, None),
            Decision::Leave(status, message) => {
                (Admission::Settled, Some(Outcome::unsent(status, message)))
            }
        })
    }

    /// Records that a shipment is about to be sent: it waits for [`write`](Self::write), which
    /// writes what all have to record that were awake just now.
    pub(super) async fn intend(&self, shipment: &Shipment) -> Result<(), ledger::Error> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        ledger.intend(key(shipment), &shipment.order_no, &shipment.trackingnumber)?;
        self.written.notified().await;
        ledger.write()
    }

    pub(super) fn conclude(
        &self,
        shipment: &Shipment,
        conclusion: Conclusion,
    ) -> Result<(), ledger::Error> {
        match &self.ledger {
            Some(ledger) => ledger.conclude(key(shipment), conclusion),
            None => Ok(()),
        }
    }

    /// Lets what was recorded survive the end of the process.
    ///
    /// # Errors
    /// When the ledger cannot be written; it takes nothing any more then.
    pub(super) fn write(&self) -> Result<(), ledger::Error> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        let written = ledger.write();
        self.written.notify_waiters();
        written
    }

    /// Hands what is remembered to the disk and ends.
    pub(super) fn close(self) -> Result<(), ledger::Error> {
        self.ledger.map_or(Ok(()), Ledger::close)
    }

    /// Once a run: such rows are sent one after the other, and the last one stands.
    fn tell_of_two(&self, shipment: &Shipment) {
        if !self.told_of_two.replace(true) {
            tracing::warn!(
                "the shipment {} of order {} stands in the input with different payloads; each is sent, the last one stands \
                 (said once)",
                text::quoted(&shipment.trackingnumber),
                text::quoted(&shipment.order_no)
            );
        }
    }
}

impl Terms {
    fn decide(self, memory: &ledger::Memory) -> Decision {
        if memory.seen_in_this_run {
            return repeated();
        }
        if let Some(since) = memory.in_doubt {
            return match self.in_doubt {
                InDoubt::Resend => Decision::Send { tainted: true },
                InDoubt::Hold => Decision::Leave(
                    Status::InDoubt,
                    format!(
                        "it may have been accepted by an attempt of {since:.0}, whose answer is not known; held (--in-doubt hold)"
                    ),
                ),
            };
        }
        match &memory.accepted {
            Some(accepted) if !self.resend => Decision::Leave(
                Status::AlreadySent,
                format!("accepted on {:.0} (run {})", accepted.at, accepted.run),
            ),
            None if memory.other_payload && self.changed == Changed::Skip && !self.resend => {
                Decision::Leave(
                    Status::Skipped,
                    "accepted earlier with another payload; not sent again (--changed skip)"
                        .to_owned(),
                )
            }
            _ => Decision::Send { tainted: false },
        }
    }
}

fn repeated() -> Decision {
    Decision::Leave(
        Status::Skipped,
        "the same shipment with the same payload stands further up in this run".to_owned(),
    )
}

pub(super) fn key(shipment: &Shipment) -> Key {
    Key { identity: shipment.identity, payload: shipment.payload }
}

/// The last shipments of this run and their payloads.
#[derive(Debug, Default)]
struct Recent {
    /// The first payload of each identity.
    first: HashedMap<u128, u128>,
    /// The last others, where there are some.
    others: HashedMap<u128, Vec<u128>>,
    order: VecDeque<u128>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    First,
    Again,
    WithAnotherPayload,
}

impl Recent {
    fn meet(&mut self, key: Key) -> Met {
        let first = match self.first.entry(key.identity) {
            Entry::Occupied(first) => *first.get(),
            Entry::Vacant(vacant) => {
                vacant.insert(key.payload);
                self.remember(key.identity);
                return Met::First;
            }
        };
        let others = self.others.get(&key.identity);
        if first == key.payload || others.is_some_and(|others| others.contains(&key.payload)) {
            return Met::Again;
        }
        let others = self.others.entry(key.identity).or_default();
        if others.len() == MOST_PAYLOADS {
            others.remove(0);
        }
        others.push(key.payload);
        Met::WithAnotherPayload
    }

    /// Puts a new identity behind the others, and forgets the oldest where there are too many.
    fn remember(&mut self, identity: u128) {
        self.order.push_back(identity);
        if self.order.len() > RECENT
            && let Some(oldest) = self.order.pop_front()
        {
            self.first.remove(&oldest);
            self.others.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn terms() -> Terms {
        Terms { in_doubt: InDoubt::Resend, changed: Changed::Send, resend: false }
    }

    fn memory() -> ledger::Memory {
        ledger::Memory {
            accepted: None,
            accepted_before: false,
            other_payload: false,
            other_in_this_run: false,
            in_doubt: None,
            seen_in_this_run: false,
        }
    }

    fn accepted() -> ledger::Memory {
        let accepted = Some(ledger::Accepted { at: Timestamp::UNIX_EPOCH, run: 3 });
        ledger::Memory { accepted, accepted_before: true, ..memory() }
    }

    #[test]
    fn what_was_accepted_is_not_sent_again_unless_that_is_wished() {
        assert!(
            matches!(terms().decide(&accepted()), Decision::Leave(Status::AlreadySent, message) if message.contains("run 3"))
        );
        let resend = Terms { resend: true, ..terms() };
        assert_eq!(resend.decide(&accepted()), Decision::Send { tainted: false });
    }

    #[test]
    fn what_has_changed_is_sent_or_left_out() {
        let changed = ledger::Memory { other_payload: true, accepted_before: true, ..memory() };
        assert_eq!(terms().decide(&changed), Decision::Send { tainted: false });
        let skip = Terms { changed: Changed::Skip, ..terms() };
        assert!(matches!(skip.decide(&changed), Decision::Leave(Status::Skipped, _)));
        assert_eq!(skip.decide(&memory()), Decision::Send { tainted: false });
    }

    #[test]
    fn what_is_in_doubt_is_sent_again_as_such_or_held() {
        let doubt = ledger::Memory { in_doubt: Some(Timestamp::UNIX_EPOCH), ..accepted() };
        assert_eq!(terms().decide(&doubt), Decision::Send { tainted: true });
        let hold = Terms { in_doubt: InDoubt::Hold, resend: true, ..terms() };
        assert!(
            matches!(hold.decide(&doubt), Decision::Leave(Status::InDoubt, message) if message.contains("1970"))
        );
    }

    #[test]
    fn the_same_again_in_one_run_is_skipped() {
        let seen = ledger::Memory { seen_in_this_run: true, ..accepted() };
        assert!(matches!(terms().decide(&seen), Decision::Leave(Status::Skipped, _)));
        let mut recent = Recent::default();
        let key = |payload| Key { identity: 7, payload };
        let met: Vec<_> = [1, 1, 2, 1].map(|payload| recent.meet(key(payload))).into();
        assert_eq!(met, [Met::First, Met::Again, Met::WithAnotherPayload, Met::Again]);
    }
}
