//! The payload that the webhook takes: its fields, the values of one shipment, and their JSON on
//! the wire.

mod body;
pub mod carrier;
pub mod check;
mod field;
mod payload;
pub mod tracking;

pub use body::Wire;
pub use field::{Field, Kind, Spec};
pub use payload::Payload;

use std::sync::Arc;

/// One shipment ready to be sent: the value between `mapping` and `delivery`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shipment {
    /// The order's number, as sent.
    pub order_no: String,
    /// The parcel's tracking number, as sent.
    pub trackingnumber: String,
    /// A hash (XXH3, 128 bits) over the fields that tell one shipment from another, whatever else
    /// its payload says.
    pub identity: u128,
    /// The request's body: a JSON object of strings. Shared, since an attempt may have to be
    /// repeated.
    pub body: Arc<[u8]>,
    /// A hash of the body (XXH3, 128 bits), which stands in the results and tells equal payloads.
    pub payload: u128,
}
