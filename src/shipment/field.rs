//! The webhook's fields, in one table; validation, `lateship fields`, help and the mapping's names
//! come from it.
//!
//! Source of names and order: LateShipment.com's guide to the custom-store webhook. Spelling and
//! case are the API's (`Number_of_items`).

use std::fmt;
use std::str::FromStr;

use crate::limits::Unfit;
use crate::text;

/// What a field's value is, for the checks that warn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A date and time, `%Y-%m-%d %H:%M:%S`.
    DateTime,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A whole number.
    Count,
    /// An amount of money, with a decimal point and no currency.
    Amount,
    /// A web address.
    Url,
    /// An order number, as the customer knows it.
    OrderNumber,
    /// A carrier's tracking number.
    TrackingNumber,
    /// A carrier's name.
    Carrier,
    /// A postal code.
    PostalCode,
    /// A country's name or code.
    Country,
}

impl Kind {
    /// The kind in a word or two, as `lateship fields` shows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::DateTime => "date and time",
            Self::Email => "e-mail",
            Self::Phone => "phone",
            Self::Count => "whole number",
            Self::Amount => "amount",
            Self::Url => "web address",
            Self::OrderNumber => "order number",
            Self::TrackingNumber => "tracking number",
            Self::Carrier => "carrier",
            Self::PostalCode => "postal code",
            Self::Country => "country",
        }
    }
}

/// A row of the table of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// The name on the wire and in a mapping's `[fields]`.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Whether the webhook refuses a payload without it.
    pub required: bool,
    /// A value as the webhook likes it.
    pub example: &'static str,
    /// What it holds, in half a sentence.
    pub doc: &'static str,
}

/// One of the payload's fields: an index into [`Field::TABLE`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Field(u8);

const fn row(
    name: &'static str,
    kind: Kind,
    required: bool,
    example: &'static str,
    doc: &'static str,
) -> Spec {
    Spec { name, kind, required, example, doc }
}

impl Field {
    /// The table itself, in the order of the wire.
    pub const TABLE: [Spec; 32] = [
        row(
            "order_no",
            Kind::OrderNumber,
            true,
            "1001",
            "the order's number, as the customer knows it",
        ),
        row(
            "order_date",
            Kind::DateTime,
            false,
            "2019-07-25 19:08:49",
            "when the order was placed",
        ),
        row("customer_name", Kind::Text, false, "Ada Example", "the customer's full name"),
        row("customer_email", Kind::Email, false, "ada@example.com", "where notifications go"),
        row("customer_phoneno", Kind::Phone, false, "+15550100", "the customer's telephone number"),
        row(
            "trackingnumber",
            Kind::TrackingNumber,
            true,
            "1Z999AA10123456784",
            "the parcel's tracking number",
        ),
        row("carrier_type", Kind::Carrier, true, "UPS", "the carrier's name"),
        row("product", Kind::Text, false, "Blue mug", "the product's name"),
        row("productid", Kind::Text, false, "MUG-BLUE", "the product's number or SKU"),
        row("quantity", Kind::Count, false, "2", "how many of the product"),
        row(
            "image_url",
            Kind::Url,
            false,
            "https://shop.example.com/mug.jpg",
            "a picture of the product",
        ),
        row("product_price", Kind::Amount, false, "12.50", "the price of one piece"),
        row("subtotal_amount", Kind::Amount, false, "25.00", "the goods' total before shipping"),
        row("shipping_amount", Kind::Amount, false, "4.90", "what shipping cost"),
        row("payment_status", Kind::Text, false, "paid", "whether the order is paid"),
        row("package_status", Kind::Text, false, "shipped", "where the parcel stands"),
        row("amount", Kind::Amount, false, "29.90", "the order's total"),
        row("Number_of_items", Kind::Count, false, "2", "how many items the order has"),
        row("shipping_name", Kind::Text, false, "Ada Example", "who receives the parcel"),
        row(
            "shipping_street",
            Kind::Text,
            false,
            "12 Example Street",
            "street and number of the delivery address",
        ),
        row("shipping_street1", Kind::Text, false, "Apt 4", "second line of the delivery address"),
        row("shipping_city", Kind::Text, false, "Springfield", "city of the delivery address"),
        row("shipping_state", Kind::Text, false, "IL", "state or province of the delivery address"),
        row(
            "shipping_zip",
            Kind::PostalCode,
            false,
            "62701",
            "postal code of the delivery address",
        ),
        row("shipping_country", Kind::Country, false, "USA", "country of the delivery address"),
        row("billing_name", Kind::Text, false, "Ada Example", "who pays"),
        row(
            "billing_street",
            Kind::Text,
            false,
            "12 Example Street",
            "street and number of the billing address",
        ),
        row("billing_street1", Kind::Text, false, "Apt 4", "second line of the billing address"),
        row("billing_city", Kind::Text, false, "Springfield", "city of the billing address"),
        row("billing_state", Kind::Text, false, "IL", "state or province of the billing address"),
        row("billing_zip", Kind::PostalCode, false, "62701", "postal code of the billing address"),
        row("billing_country", Kind::Country, false, "USA", "country of the billing address"),
    ];

    /// How many fields there are.
    pub const COUNT: usize = Self::TABLE.len();
    /// `order_no`.
    pub const ORDER_NO: Self = Self::named("order_no");
    /// `trackingnumber`.
    pub const TRACKINGNUMBER: Self = Self::named("trackingnumber");
    /// When the order was placed.
    pub const ORDER_DATE: Self = Self::named("order_date");
    /// The fields that tell one shipment from another.
    pub const IDENTITY: [Self; 3] =
        [Self::ORDER_NO, Self::TRACKINGNUMBER, Self::named("productid")];
    /// `carrier_type`.
    pub const CARRIER_TYPE: Self = Self::named("carrier_type");

    /// All fields, in the order of the wire.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::TABLE.iter().zip(0u8..).map(|(_, index)| Self(index))
    }

    /// The field of that name, spelled exactly so.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::all().find(|field| field.name() == name)
    }

    /// Its row of the table.
    pub const fn spec(self) -> &'static Spec {
        &Self::TABLE[self.0 as usize]
    }

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// Its place in the table, from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) const fn named(name: &str) -> Self {
        let mut index = 0u8;
        while (index as usize) < Self::TABLE.len() {
            if same(Self::TABLE[index as usize].name.as_bytes(), name.as_bytes()) {
                return Self(index);
            }
            index += 1;
        }
        panic!("no field of that name")
    }
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Field {
    type Err = Unfit;

    fn from_str(name: &str) -> Result<Self, Unfit> {
        Self::by_name(name).ok_or_else(|| {
            let near = text::nearest(name, Self::TABLE.iter().map(|spec| spec.name));
            let near = near.first().map(|near| format!(": did you mean {near}?"));
            let (name, near) = (text::quoted(name), near.unwrap_or_default());
            Unfit::new(format!(
                "{name} is no field of the payload{near}; `lateship fields` lists them"
            ))
        })
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_webhook_has_thirty_two_fields_of_which_three_are_required() {
        let names: HashSet<_> = Field::all().map(Field::name).collect();
        assert_eq!(names.len(), 32);
        let required: Vec<_> =
            Field::all().filter(|field| field.spec().required).map(Field::name).collect();
        assert_eq!(required, ["order_no", "trackingnumber", "carrier_type"]);
        assert_eq!(Field::by_name("Number_of_items").map(Field::name), Some("Number_of_items"));
        assert_eq!(Field::by_name("number_of_items"), None);
        assert_eq!(Field::TRACKINGNUMBER.name(), "trackingnumber");
    }
}
