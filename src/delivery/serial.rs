//! Order per shipment: of the tasks of one identity only one is in the engine's hands at a time, in
//! the order of the input.
//!
//! A task that finds another of its identity ahead is parked and takes no slot; it becomes free
//! when that one is settled. Tasks of other identities are not delayed.

use std::collections::{HashMap, VecDeque};

use super::pending::PendingTask;

/// The identities in the engine's hands, and the tasks parked behind them.
#[derive(Debug, Default)]
pub(super) struct SerialByIdentity {
    parked: HashMap<u128, VecDeque<PendingTask>>,
    /// Tasks that were parked and whose turn has come.
    free: VecDeque<PendingTask>,
}

impl SerialByIdentity {
    /// Returns the task if it is its turn, else parks it.
    pub(super) fn enter(&mut self, pending: PendingTask) -> Option<PendingTask> {
        if let Some(successors) = self.parked.get_mut(&pending.identity()) {
            successors.push_back(pending);
            return None;
        }
        self.parked.insert(pending.identity(), VecDeque::new());
        Some(pending)
    }

    /// The next task that was parked and whose turn has come.
    pub(super) fn next_free(&mut self) -> Option<PendingTask> {
        self.free.pop_front()
    }

    /// How many tasks are parked.
    pub(super) fn parked(&self) -> usize {
        self.parked.values().map(VecDeque::len).sum()
    }

    /// Ends the turn of the settled task of `identity`.
    pub(super) fn leave(&mut self, identity: u128) {
        match self.parked.get_mut(&identity).and_then(VecDeque::pop_front) {
            Some(pending) => self.free.push_back(pending),
            None => _ = self.parked.remove(&identity),
        }
    }

    /// All parked and free tasks, when the run ends before their turn.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = PendingTask> {
        self.free.drain(..).chain(self.parked.drain().flat_map(|(_, successors)| successors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Task;
    use crate::outcome::Ticket;
    use crate::shipment::Shipment;

    fn pending(ticket: u64, identity: u128) -> PendingTask {
        let shipment = Shipment { identity, ..Shipment::default() };
        PendingTask::new(Task { shipment, lines: [Ticket(ticket)].into(), previous: None })
    }

    #[test]
    fn tasks_of_one_identity_come_one_after_the_other_in_order() {
        let mut serial = SerialByIdentity::default();
        assert!(serial.enter(pending(0, 7)).is_some());
        assert!(serial.enter(pending(1, 7)).is_none());
        assert!(serial.enter(pending(2, 7)).is_none());
        assert!(serial.enter(pending(3, 8)).is_some(), "others are not delayed");
        assert!(serial.next_free().is_none());
        assert_eq!(serial.parked(), 2);
        serial.leave(7);
        assert_eq!(serial.next_free().map(|next| next.task.ticket()), Some(Ticket(1)));
        assert!(serial.enter(pending(4, 7)).is_none(), "the turn passed to the first in line");
        serial.leave(8);
        assert!(serial.enter(pending(5, 8)).is_some());
        let mut left: Vec<_> = serial.drain().map(|left| left.task.ticket()).collect();
        left.sort();
        assert_eq!(left, [Ticket(2), Ticket(4)]);
    }
}
