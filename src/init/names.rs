//! How well a column's name fits a field of the payload: the field's rules over the concepts of the
//! name.

use super::words::{Concept, Meaning};
use crate::shipment::Field;

use Concept as C;

/// Concepts that all must be there, and how much that says (0 to 1).
type Rule = (&'static [Concept], f64);

/// The rules of the fields that are no part of an address.
const RULES: &[(&str, &[Rule])] = &[
    (
        "order_no",
        &[
            (&[C::Order, C::Number], 1.0),
            (&[C::Order, C::Name], 0.7),
            (&[C::Order], 0.9),
            (&[C::Number], 0.6),
            (&[C::Name], 0.5),
            (&[C::Bill, C::Number], 0.35),
        ],
    ),
    (
        "order_date",
        &[
            (&[C::Order, C::Date], 1.0),
            (&[C::Order, C::Date, C::Time], 1.0),
            (&[C::Date], 0.9),
            (&[C::Payment, C::Date], 0.5),
            (&[C::Ship, C::Date], 0.4),
        ],
    ),
    (
        "customer_name",
        &[
            (&[C::Customer, C::Name], 1.0),
            (&[C::Customer], 0.9),
            (&[C::Name], 0.8),
            (&[C::Bill, C::Name], 0.5),
        ],
    ),
    ("customer_email", &[(&[C::Email], 1.0)]),
    ("customer_phoneno", &[(&[C::Phone], 1.0), (&[C::Customer, C::Number], 0.6)]),
    (
        "trackingnumber",
        &[(&[C::Tracking, C::Number], 1.0), (&[C::Tracking], 1.0), (&[C::Ship, C::Number], 0.5)],
    ),
    (
        "carrier_type",
        &[
            (&[C::Carrier], 1.0),
            (&[C::Carrier, C::Name], 1.0),
            (&[C::Ship, C::Method], 0.6),
            (&[C::Method], 0.5),
            (&[C::Ship], 0.45),
        ],
    ),
    ("product", &[(&[C::Product, C::Name], 1.0), (&[C::Product], 0.9), (&[C::Name], 0.6)]),
    (
        "productid",
        &[(&[C::Sku], 1.0), (&[C::Product, C::Sku], 1.0), (&[C::Product, C::Number], 0.9)],
    ),
    ("quantity", &[(&[C::Quantity], 1.0), (&[C::Product, C::Quantity], 1.0)]),
    ("image_url", &[(&[C::Image, C::Url], 1.0), (&[C::Image], 0.9)]),
    (
        "product_price",
        &[
            (&[C::Price], 0.95),
            (&[C::Unit, C::Price], 1.0),
            (&[C::Product, C::Price], 1.0),
            (&[C::Product, C::Cost], 0.8),
            (&[C::Unit, C::Cost], 0.8),
        ],
    ),
    ("subtotal_amount", &[(&[C::Subtotal], 1.0), (&[C::Product, C::Total], 0.7)]),
    (
        "shipping_amount",
        &[
            (&[C::Ship, C::Cost], 1.0),
            (&[C::Ship, C::Total], 0.9),
            (&[C::Ship, C::Price], 0.9),
            (&[C::Ship], 0.8),
            (&[C::Cost], 0.85),
        ],
    ),
    (
        "payment_status",
        &[(&[C::Payment, C::Status], 1.0), (&[C::Payment], 0.75), (&[C::Status], 0.5)],
    ),
    (
        "package_status",
        &[
            (&[C::Fulfilment, C::Status], 1.0),
            (&[C::Ship, C::Status], 1.0),
            (&[C::Tracking, C::Status], 0.9),
            (&[C::Order, C::Status], 0.6),
            (&[C::Status], 0.6),
            (&[C::Fulfilment], 0.5),
        ],
    ),
    (
        "amount",
        &[
            (&[C::Total], 0.95),
            (&[C::Order, C::Total], 1.0),
            (&[C::Total, C::Price], 0.9),
            (&[C::Order, C::Price], 0.7),
        ],
    ),
    (
        "Number_of_items",
        &[
            (&[C::Count], 1.0),
            (&[C::Order, C::Quantity], 0.8),
            (&[C::Total, C::Quantity], 1.0),
            (&[C::Count, C::Product], 1.0),
        ],
    ),
];

/// The parts of an address: how their fields end, and by what they are known.
const PARTS: &[(&str, &[Rule])] = &[
    ("name", &[(&[C::Name], 1.0)]),
    ("street", &[(&[C::Street, C::One], 1.0), (&[C::Street], 1.0)]),
    ("street1", &[(&[C::Street, C::Two], 1.0), (&[C::Two], 0.8)]),
    ("city", &[(&[C::City], 1.0)]),
    ("state", &[(&[C::State], 1.0), (&[C::Status], 0.55)]),
    ("zip", &[(&[C::Zip], 1.0), (&[C::City, C::Number], 0.5)]),
    ("country", &[(&[C::Country], 1.0), (&[C::Status], 0.62)]),
];

/// How well a name of this `meaning` fits `field`, from 0 to 1.
pub(super) fn fit(meaning: &Meaning, field: Field) -> f64 {
    let name = field.name();
    if let Some(part) = name.strip_prefix("shipping_").and_then(part_of) {
        let whole = |factor: f64, owner: &[Concept]| best(meaning, part, owner, factor);
        // An address of which nothing is said is where the parcel goes.
        let mut found =
            whole(1.0, &[C::Ship]).max(whole(0.88, &[])).max(whole(0.6, &[C::Customer]));
        if name == "shipping_name" {
            found = found.max(known(meaning, &[(&[C::Ship], 0.75)]));
            if !meaning.has(C::Ship) {
                found *= 0.6;
            }
        }
        return found;
    }
    if let Some(part) = name.strip_prefix("billing_").and_then(part_of) {
        return best(meaning, part, &[C::Bill], 1.0).max(best(meaning, part, &[C::Customer], 0.55));
    }
    RULES.iter().find(|(rule, _)| *rule == name).map_or(0.0, |(_, rules)| known(meaning, rules))
}

fn part_of(part: &str) -> Option<&'static [Rule]> {
    PARTS.iter().find(|(name, _)| *name == part).map(|(_, rules)| *rules)
}

fn best(meaning: &Meaning, rules: &[Rule], owner: &[Concept], factor: f64) -> f64 {
    rules
        .iter()
        .map(|(concepts, weight)| {
            let wanted: Vec<Concept> = concepts.iter().chain(owner).copied().collect();
            factor * weight * matched(meaning, &wanted)
        })
        .fold(0.0, f64::max)
}

fn known(meaning: &Meaning, rules: &[Rule]) -> f64 {
    rules.iter().map(|(concepts, weight)| weight * matched(meaning, concepts)).fold(0.0, f64::max)
}

/// 1 where `meaning` is what is wanted and no more; less for each concept beside it, 0 where one is
/// missing.
fn matched(meaning: &Meaning, wanted: &[Concept]) -> f64 {
    if !wanted.iter().all(|concept| meaning.has(*concept)) {
        return 0.0;
    }
    let mut found = meaning.trust;
    for concept in meaning.concepts.keys().filter(|concept| !wanted.contains(concept)) {
        found *= beside(*concept, wanted);
    }
    // "Foo Order ID" may still be one; it is less sure with each word that is not understood.
    let unknown = i32::try_from(meaning.unknown.min(4)).unwrap_or(4);
    found * 0.88_f64.powi(unknown)
}

/// What a concept beside the wanted ones leaves of the trust.
fn beside(concept: Concept, wanted: &[Concept]) -> f64 {
    let wants = |one: Concept| wanted.contains(&one);
    // "Delivery method", "Shipping country name": no name of who receives it.
    let place = matches!(
        concept,
        C::Country | C::State | C::City | C::Zip | C::Method | C::Carrier | C::Tracking | C::Status
    );
    if place && (wanted == [C::Ship] || wants(C::Name) && !wants(C::Carrier)) {
        return 0.2;
    }
    match concept {
        C::Other => 0.25,
        // "Delivery address: city".
        C::Street
            if [C::City, C::Zip, C::State, C::Country, C::Name, C::Two].into_iter().any(wants) =>
        {
            0.95
        }
        C::Street if wants(C::Email) => 1.0,
        // "Customer e-mail", "Billing phone", "Ship to phone".
        C::Customer | C::Name if wants(C::Email) || wants(C::Phone) => 1.0,
        C::Bill | C::Ship if wants(C::Email) || wants(C::Phone) => 0.85,
        C::Number
            if wants(C::Phone)
                || wants(C::Tracking)
                || wants(C::Sku)
                || wants(C::Country)
                || wants(C::State) =>
        {
            1.0
        }
        C::Number if wants(C::Zip) => 0.9,
        C::Ship | C::Fulfilment if wants(C::Tracking) || wants(C::Carrier) => 1.0,
        C::Order | C::Product if wants(C::Tracking) || wants(C::Carrier) => 0.8,
        C::Order
            if wants(C::Date)
                || wants(C::Total)
                || wants(C::Subtotal)
                || wants(C::Cost)
                || wants(C::Customer) =>
        {
            1.0
        }
        C::Order if wants(C::Ship) || wants(C::Sku) || wants(C::Quantity) || wants(C::Product) => {
            0.85
        }
        C::Order if wants(C::Unit) => 0.95,
        C::Total if wants(C::Subtotal) || wants(C::Cost) || wants(C::Ship) => 0.9,
        C::Product
            if wants(C::Price) || wants(C::Quantity) || wants(C::Subtotal) || wants(C::Image) =>
        {
            1.0
        }
        C::Name
            if wants(C::Carrier) || wants(C::Country) || wants(C::State) || wants(C::Product) =>
        {
            0.95
        }
        C::Time if wants(C::Date) => 1.0,
        C::State if wants(C::Zip) || wants(C::City) => 0.5,
        C::One => 0.95,
        C::First | C::Last => 0.3,
        C::Company => 0.35,
        C::Fulfilment if wants(C::Status) => 0.9,
        C::Customer if wants(C::Name) => 0.9,
        _ => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best_field(name: &str) -> &'static str {
        let meaning = Meaning::of(name);
        let of = |field: &Field| fit(&meaning, *field);
        let best = Field::all()
            .max_by(|a, b| of(a).total_cmp(&of(b)).then_with(|| b.cmp(a)))
            .expect("fields");
        if of(&best) > 0.0 { best.name() } else { "none" }
    }

    #[test]
    fn the_aliases_seen_in_real_exports_lead_to_their_fields() {
        for (name, field) in [
            ("Order Number", "order_no"),
            ("amazon-order-id", "order_no"),
            ("SalesOrderNo", "order_no"),
            ("Bestellnummer", "order_no"),
            ("Zamówienie nr", "order_no"),
            ("purchase-date", "order_date"),
            ("Date - Order Date", "order_date"),
            ("Bestelldatum", "order_date"),
            ("Nombre del comprador", "customer_name"),
            ("Kundenname", "customer_name"),
            ("buyer-email", "customer_email"),
            ("Correo electrónico", "customer_email"),
            ("Email (Billing)", "customer_email"),
            ("Teléfono", "customer_phoneno"),
            ("buyer-phone-number", "customer_phoneno"),
            ("Shipment - Tracking Number", "trackingnumber"),
            ("Sendungsnummer", "trackingnumber"),
            ("Código de tracking del envío", "trackingnumber"),
            ("Package Tracking No.", "trackingnumber"),
            ("Shipping Carrier Used", "carrier_type"),
            ("Transporteur", "carrier_type"),
            ("Shipment - Carrier", "carrier_type"),
            ("Lineitem name", "product"),
            ("Nombre del producto", "product"),
            ("Item - SKU", "productid"),
            ("Artikelnummer", "productid"),
            ("Cantidad del producto", "quantity"),
            ("Menge", "quantity"),
            ("Precio del producto", "product_price"),
            ("Einzelpreis", "product_price"),
            ("Costo de envío", "shipping_amount"),
            ("Versandkosten", "shipping_amount"),
            ("Amount - Order Total", "amount"),
            ("Gesamtsumme", "amount"),
            ("Financial Status", "payment_status"),
            ("Estado del pago", "payment_status"),
            ("Fulfillment Status", "package_status"),
            ("Estado del envío", "package_status"),
            ("Shipping Address1", "shipping_street"),
            ("Ship To - Address 2", "shipping_street1"),
            ("ship-postal-code", "shipping_zip"),
            ("Lieferland", "shipping_country"),
            ("Delivery city", "shipping_city"),
            ("Shipping Suburb", "shipping_city"),
            ("Provincia", "shipping_state"),
            ("BillToZipCode", "billing_zip"),
            ("bill-address-1", "billing_street"),
            ("Rechnungsort", "billing_city"),
            ("Factuuradres plaats", "billing_city"),
            ("Order discount", "none"),
        ] {
            let found = best_field(name);
            if field == "none" {
                let fits =
                    Field::all().map(|field| fit(&Meaning::of(name), field)).fold(0.0, f64::max);
                assert!(fits < 0.4, "{name}: {found} by {fits}");
            } else {
                assert_eq!(found, field, "{name}");
            }
        }
    }
}
