//! The engine's memory of attempts: the ledger, or without one this run's last shipments.

use std::cell::{Cell, RefCell};

use super::dedup::{RecentShipments, ResendPolicy};
use crate::delivery::{Admission, Recorder};
use crate::error::Error;
use crate::ledger::{self, Key, Ledger};
use crate::outcome::Conclusion;
use crate::shipment::Shipment;
use crate::text;

/// See the module.
pub(super) struct RunRecorder {
    ledger: Option<Ledger>,
    policy: ResendPolicy,
    recent: RefCell<RecentShipments>,
    /// Whether the log says that one shipment is in the input with two payloads.
    warned: Cell<bool>,
}

impl RunRecorder {
    pub(super) fn new(ledger: Option<Ledger>, policy: ResendPolicy) -> Self {
        Self { ledger, policy, recent: RefCell::default(), warned: Cell::new(false) }
    }

    /// Makes everything durable and closes the ledger.
    pub(super) fn close(self) -> Result<(), ledger::Error> {
        self.ledger.map_or(Ok(()), Ledger::close)
    }

    /// Once a run: such rows are sent one after the other, and the endpoint keeps the last one.
    fn warn_of_two_payloads(&self, shipment: &Shipment) {
        if !self.warned.replace(true) {
            tracing::warn!(
                "the shipment {} of order {} stands in the input with different payloads; each is \
                 sent, the last one stands (said once)",
                text::quoted(&shipment.trackingnumber),
                text::quoted(&shipment.order_no)
            );
        }
    }
}

impl Recorder for RunRecorder {
    type Error = Error;

    async fn admit(&self, shipment: &Shipment) -> Result<Admission, Error> {
        let history = match &self.ledger {
            Some(ledger) => ledger.history(key(shipment)).await?,
            None => self.recent.borrow_mut().history(key(shipment)),
        };
        if history.other_in_this_run && !history.seen_in_this_run {
            self.warn_of_two_payloads(shipment);
        }
        Ok(self.policy.decide(&history))
    }

    async fn begin(&self, shipment: &Shipment) -> Result<(), Error> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        Ok(ledger.begin(key(shipment), &shipment.order_no, &shipment.trackingnumber).await?)
    }

    async fn end(&self, shipment: &Shipment, conclusion: Conclusion) -> Result<(), Error> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        Ok(ledger.end(key(shipment), conclusion).await?)
    }
}

fn key(shipment: &Shipment) -> Key {
    Key { identity: shipment.identity, payload: shipment.payload }
}
