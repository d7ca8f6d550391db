//! How well a candidate fits a field, by its name and by the shape of its values.

use super::candidates::Candidate;
use super::names;
use super::shapes::Shape;
use crate::shipment::{Field, Kind};

/// Where it begins that a candidate is worth being proposed.
pub(super) const LEAST: f64 = 0.36;

/// How sure a proposal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Neither name nor values say it for certain.
    Guess,
    /// The name says it, or the values do.
    Likely,
    /// The name says it, and the values agree.
    Sure,
}

impl Confidence {
    /// That of a score.
    pub fn of(score: f64) -> Self {
        match score {
            score if score >= 0.8 => Self::Sure,
            score if score >= 0.55 => Self::Likely,
            _ => Self::Guess,
        }
    }

    /// As the comment in a mapping says it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sure => "sure",
            Self::Likely => "likely",
            Self::Guess => "a guess: please check",
        }
    }
}

/// How well the candidate fits the field, from 0 to a little above 1.
pub(super) fn score(candidate: &Candidate, field: Field) -> f64 {
    let shape = &candidate.shape;
    let by_name = names::fit(&candidate.meaning, field);
    let values = if shape.filled == 0 { 0.85 } else { agreement(shape, field) };
    let whole = by_name * values;
    // What is put together of two columns says more than either.
    let whole = if candidate.is_template() { whole * 1.04 } else { whole };
    whole.max(by_shape(candidate, field))
}

/// What the values leave of the name's word.
fn agreement(shape: &Shape, field: Field) -> f64 {
    let between = |low: f64, share: f64| low + (1.0 - low) * share;
    let words = 1.0 - shape.email.max(shape.money).max(shape.url);
    match (field.name(), field.spec().kind) {
        ("order_no", _) => {
            let plain = 1.0 - shape.email.max(shape.money).max(shape.time);
            let dated = if shape.dates.is_some() && shape.integer < 0.5 { 0.2 } else { 1.0 };
            let constant = if shape.filled > 3
                && shape.distinct * f64::from(u32::try_from(shape.filled).unwrap_or(0)) < 1.5
            {
                0.3
            } else {
                1.0
            };
            between(0.15, shape.code) * plain * dated * constant
        }
        ("trackingnumber", _) => {
            let sure = if shape.tracked > 0.4 { 1.05 } else { 1.0 };
            let url = if shape.url > 0.5 { 0.5 } else { 1.0 };
            between(0.2, shape.tracking.max(shape.tracked)) * sure * url
        }
        ("carrier_type", _) => {
            (between(0.45, shape.carrier) * (1.0 - shape.money) * between(0.3, shape.text))
                .max(0.02)
                * if shape.tracking > 0.5 { 0.1 } else { 1.0 }
        }
        (_, Kind::DateTime) => {
            if shape.dates.is_some() {
                1.05
            } else {
                0.15
            }
        }
        (_, Kind::Email) => between(0.05, shape.email),
        (_, Kind::Phone) => between(0.2, shape.phone),
        (_, Kind::Amount) => {
            let number = if shape.style.is_some() { 1.0 } else { 0.08 };
            number * if shape.money > 0.3 { 1.0 } else { 0.9 }
        }
        (_, Kind::Count) => between(0.1, shape.small),
        (_, Kind::Url) => between(0.05, shape.url),
        (_, Kind::PostalCode) => between(0.2, shape.zip),
        (_, Kind::Country) => {
            between(0.75, shape.country) * between(0.1, shape.text) * (1.0 - shape.digit)
        }
        ("customer_name" | "shipping_name" | "billing_name", _) => {
            // Companies receive parcels, too.
            let nobody = (1.0 - 0.7 * shape.digit) * (1.0 - 0.8 * shape.carrier);
            between(0.6, shape.person) * between(0.2, shape.text) * words * nobody
        }
        ("product", _) => {
            let person = 1.0 - 0.35 * shape.person;
            between(0.15, shape.text) * words * person * (1.0 - 0.5 * shape.code)
        }
        ("productid", _) => {
            words
                * if shape.text > 0.95 && shape.digit < 0.1 && shape.person > 0.5 {
                    0.5
                } else {
                    1.0
                }
        }
        ("payment_status" | "package_status", _) if shape.dates.is_some() => 0.1,
        ("payment_status", _) => {
            between(0.55, shape.paid)
                * between(0.2, shape.text)
                * (1.0 - 0.4 * (shape.shipped - shape.paid).max(0.0))
        }
        ("package_status", _) => {
            between(0.55, shape.shipped)
                * between(0.2, shape.text)
                * (1.0 - 0.4 * (shape.paid - shape.shipped).max(0.0))
        }
        ("shipping_street" | "billing_street", _) => between(0.2, shape.text) * words,
        ("shipping_city" | "billing_city", _) => {
            between(0.1, shape.text) * words * (1.0 - 0.8 * shape.digit)
        }
        ("shipping_state" | "billing_state", _) => {
            let status = 1.0 - 0.9 * shape.shipped.max(shape.paid);
            between(0.1, shape.text) * words * status * (1.0 - 0.8 * shape.digit)
        }
        _ => words.max(0.1),
    }
}

/// What the values alone say, where the name says nothing.
fn by_shape(candidate: &Candidate, field: Field) -> f64 {
    let (shape, meaning) = (&candidate.shape, &candidate.meaning);
    if shape.filled == 0 || candidate.is_template() || meaning.has(super::words::Concept::Other) {
        return 0.0;
    }
    let certain = |share: f64, score: f64| if share >= 0.8 { score } else { 0.0 };
    let unsaid = |score: f64| if meaning.is_empty() { score } else { score * 0.6 };
    match field.name() {
        "customer_email" => certain(shape.email, 0.6),
        "trackingnumber" => {
            let long = if shape.phone < 0.2 && shape.distinct > 0.5 && shape.digit > 0.9 {
                certain(shape.tracking, 0.38)
            } else {
                0.0
            };
            certain(shape.tracked, 0.7).max(unsaid(long))
        }
        "carrier_type" => certain(shape.carrier, 0.6),
        "order_date" => {
            unsaid(if shape.dates.is_some() && shape.integer < 0.5 { 0.45 } else { 0.0 })
        }
        "shipping_country" => unsaid(certain(shape.country, 0.55)),
        "customer_name" => unsaid(certain(shape.person, 0.4)),
        "customer_phoneno" => unsaid(
            if shape.code < 0.5 || shape.digit > 0.9 && shape.tracked < 0.1 && shape.integer < 0.5 {
                certain(shape.phone, 0.45)
            } else {
                0.0
            },
        ),
        "image_url" => unsaid(certain(shape.url, 0.4)),
        "payment_status" => unsaid(certain(shape.paid, 0.4)),
        "package_status" => unsaid(certain(shape.shipped, 0.4)),
        "order_no" => unsaid(
            if shape.distinct > 0.3
                && shape.tracked < 0.1
                && shape.tracking < 0.5
                && shape.small < 0.5
                && shape.phone < 0.5
            {
                certain(shape.code, 0.37)
            } else {
                0.0
            },
        ),
        _ => 0.0,
    }
}
