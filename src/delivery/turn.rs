//! Turns: of the shipments of one identity only one is under way at a time, in the order of the
//! file.
//!
//! A shipment that finds another of its identity under way is parked, holds no slot, and comes free
//! when that one has its outcome. Others are not slowed by it.

use std::collections::VecDeque;

use super::job::Job;
use crate::hashed::HashedMap;

/// Who is under way, and who waits for whom.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// For each identity under way those that come after it, in order.
    parked: HashedMap<u128, VecDeque<Job>>,
    /// Those whose turn has come.
    free: VecDeque<Job>,
    /// How many are parked or free.
    waiting: usize,
}

impl Turns {
    /// The job itself if it is its turn; else it is parked.
    pub(super) fn take(&mut self, job: Job) -> Option<Job> {
        if let Some(successors) = self.parked.get_mut(&job.shipment.identity) {
            successors.push_back(job);
            self.waiting += 1;
            return None;
        }
        self.parked.insert(job.shipment.identity, VecDeque::new());
        Some(job)
    }

    /// The next job that was parked and whose turn has come; it has its turn then.
    pub(super) fn next_free(&mut self) -> Option<Job> {
        let job = self.free.pop_front()?;
        self.waiting -= 1;
        Some(job)
    }

    /// How many wait for their turn, or were not taken since it came.
    pub(super) fn len(&self) -> usize {
        self.waiting
    }

    /// Whether a parked job's turn has come.
    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Ends the turn of the shipment of `identity` that was under way.
    pub(super) fn give_back(&mut self, identity: u128) {
        let Some(successors) = self.parked.get_mut(&identity) else { return };
        match successors.pop_front() {
            Some(job) => self.free.push_back(job),
            None => {
                self.parked.remove(&identity);
            }
        }
    }

    /// All that wait, when the run ends before their turn.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Job> {
        self.waiting = 0;
        self.free.drain(..).chain(self.parked.drain().flat_map(|(_, successors)| successors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Ticket;
    use crate::shipment::Shipment;

    fn job(ticket: u64, identity: u128) -> Job {
        Job::new(Ticket(ticket), Shipment { identity, ..Shipment::default() })
    }

    #[test]
    fn those_of_one_identity_come_one_after_the_other_in_order() {
        let mut turns = Turns::default();
        assert!(turns.take(job(0, 7)).is_some());
        assert!(turns.take(job(1, 7)).is_none());
        assert!(turns.take(job(2, 7)).is_none());
        assert!(turns.take(job(3, 8)).is_some(), "others are not slowed");
        assert!(turns.next_free().is_none());
        assert_eq!(turns.len(), 2);
        turns.give_back(7);
        assert_eq!(turns.next_free().map(|job| job.ticket), Some(Ticket(1)));
        assert!(turns.take(job(4, 7)).is_none(), "the turn went on to the first that waited");
        turns.give_back(8);
        assert!(turns.take(job(5, 8)).is_some());
        let mut left: Vec<_> = turns.drain().map(|job| job.ticket).collect();
        left.sort();
        assert_eq!(left, [Ticket(2), Ticket(4)]);
    }
}
