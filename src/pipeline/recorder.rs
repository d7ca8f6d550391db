//! The engine's memory of attempts: the ledger, or without one this run's last shipments.

use std::cell::{Cell, RefCell};

use super::dedup::{RecentShipments, ResendPolicy};
use crate::delivery::{Admission, Recorder};
use crate::error::Error;
use crate::ledger::{self, Key, Ledger};
use crate::options::run::RunSettings;
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
    pub(super) fn new(ledger: Option<Ledger>, settings: &RunSettings) -> Self {
        let policy = ResendPolicy {
            in_doubt: settings.limits.in_doubt,
            changed: settings.args.run.delivery.changed,
            resend: settings.args.run.resend,
        };
        Self { ledger, policy, recent: RefCell::default(), warned: Cell::new(false) }
    }

    /// Makes everything durable and closes the ledger.
    pub(super) fn close(self) -> Result<(), ledger::Error> {
        self.ledger.map_or(Ok(()), Ledger::close)
    }
}

impl Recorder for RunRecorder {
    type Error = Error;

    async fn admit(&self, shipment: &Shipment) -> Result<Admission, Error> {
        let history = match &self.ledger {
            Some(ledger) => ledger.history(key(shipment)).await.map_err(Error::Forgetful)?,
            None => self.recent.borrow_mut().history(key(shipment)),
        };
        let is_other = history.other_in_this_run && !history.seen_in_this_run;
        // Such rows are sent one after the other, and the endpoint keeps the last one.
        if is_other && !self.warned.replace(true) {
            tracing::warn!(
                "the shipment {} of order {} stands in the input with different payloads; each is \
                 sent, the last one stands (said once)",
                text::quoted(&shipment.trackingnumber),
                text::quoted(&shipment.order_no)
            );
        }
        Ok(self.policy.decide(&history))
    }

    async fn begin(&self, shipment: &Shipment) -> Result<(), Error> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        let begun = ledger.begin(key(shipment), &shipment.order_no, &shipment.trackingnumber);
        begun.await.map_err(Error::Forgetful)
    }

    async fn end(&self, shipment: &Shipment, conclusion: Conclusion) -> Result<(), Error> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        ledger.end(key(shipment), conclusion).await.map_err(Error::Forgetful)
    }
}

fn key(shipment: &Shipment) -> Key {
    Key { identity: shipment.identity, payload: shipment.payload }
}
