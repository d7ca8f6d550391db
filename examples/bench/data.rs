//! The export that everybody works on, and the mapping that says what becomes of it.
//!
//! 30 columns and about 282 bytes a row, the same on every machine: a row depends on its number
//! alone. Names of columns are plain words, so that a template or a query can use them as they
//! stand.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

/// The columns, each with the payload's field that it becomes; two become none.
pub(crate) const COLUMNS: [(&str, &str); 30] = [
    ("order_id", "order_no"),
    ("created", "order_date"),
    ("customer", "customer_name"),
    ("email", "customer_email"),
    ("phone", "customer_phoneno"),
    ("tracking", "trackingnumber"),
    ("service", "carrier_type"),
    ("item", "product"),
    ("sku", "productid"),
    ("qty", "quantity"),
    ("price", "product_price"),
    ("subtotal", "subtotal_amount"),
    ("shipping", "shipping_amount"),
    ("payment", "payment_status"),
    ("state", "package_status"),
    ("total", "amount"),
    ("items", "Number_of_items"),
    ("ship_name", "shipping_name"),
    ("ship_street", "shipping_street"),
    ("ship_city", "shipping_city"),
    ("ship_state", "shipping_state"),
    ("ship_zip", "shipping_zip"),
    ("ship_country", "shipping_country"),
    ("bill_name", "billing_name"),
    ("bill_street", "billing_street"),
    ("bill_city", "billing_city"),
    ("bill_state", ""),
    ("bill_zip", "billing_zip"),
    ("bill_country", "billing_country"),
    ("note", ""),
];

/// The services of the export; all but the last stand in the mapping's lookup.
const SERVICES: [&str; 4] = ["GND-R", "EXP-1", "SVR-2", "UPS"];
const FIRST_NAMES: [&str; 8] =
    ["Ada", "Grace", "José", "Mary", "Zoë", "Linus", "Frances", "Jürgen"];
const LAST_NAMES: [&str; 8] =
    ["Example", "Hopper", "Núñez", "Shelley", "Brontë", "Allen", "Weiß", "Sample"];
const ITEMS: [&str; 6] = [
    "Blue mug",
    "Desk lamp",
    "\"Oak tray, 12\"\" wide\"",
    "Tea towel",
    "Wool scarf",
    "\"Candle, large\"",
];
const STREETS: [&str; 4] = ["Main Street", "Long Acre", "Mill Road", "Kirchgasse"];
const CITIES: [(&str, &str); 4] =
    [("Springfield", "IL"), ("Ann Arbor", "MI"), ("Saint Paul", "MN"), ("Walla Walla", "WA")];

/// The mapping: 28 fields, among them a date with a form, a number with decimals and a lookup.
pub(crate) fn mapping() -> String {
    let mut text = "[fields]\n".to_owned();
    for (column, field) in COLUMNS.iter().filter(|(_, field)| !field.is_empty()) {
        let _ = match *column {
            "created" => {
                writeln!(text, "{field} = {{ column = \"{column}\", date = \"%d.%m.%Y %H:%M\" }}")
            }
            "total" => writeln!(
                text,
                "{field} = {{ column = \"{column}\", number = {{ decimal = \",\", thousands = \".\" }}, decimals = 2 }}"
            ),
            "service" => {
                writeln!(
                    text,
                    "{field} = {{ column = \"{column}\", lookup = \"services\", otherwise = \"keep\" }}"
                )
            }
            _ => writeln!(text, "{field} = \"{column}\""),
        };
    }
    text.push_str("\n[lookups.services]\n");
    for service in &SERVICES[..3] {
        let _ = writeln!(text, "\"{service}\" = \"UPS\"");
    }
    text
}

/// Writes an export of so many rows to `path`, unless it is there.
pub(crate) fn export(path: &Path, rows: u64) -> io::Result<()> {
    table(path, &COLUMNS.map(|(column, _)| column), rows, row)
}

/// Writes a table of so many rows, made by `row` from their numbers, unless it is there.
pub(crate) fn table(
    path: &Path,
    header: &[&str],
    rows: u64,
    row: impl Fn(&mut BufWriter<File>, u64) -> io::Result<()>,
) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let unfinished = path.with_extension("unfinished");
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&unfinished)?);
    writeln!(out, "{}", header.join(","))?;
    for number in 0..rows {
        row(&mut out, number)?;
    }
    out.into_inner()?.sync_all()?;
    fs::rename(unfinished, path)
}

/// Writes the row of the order with this number, from 0.
pub(crate) fn row(out: &mut BufWriter<File>, number: u64) -> io::Result<()> {
    let mut rng = fastrand::Rng::with_seed(number);
    let first = FIRST_NAMES[rng.usize(..FIRST_NAMES.len())];
    let last = LAST_NAMES[rng.usize(..LAST_NAMES.len())];
    let (city, state) = CITIES[rng.usize(..CITIES.len())];
    let street = STREETS[rng.usize(..STREETS.len())];
    let (house, zip) = (rng.u16(1..400), rng.u32(10_000..99_999));
    let (quantity, cents, postage) = (rng.u64(1..5), rng.u64(500..60_000), rng.u64(0..1500));
    let subtotal = quantity * cents;
    let total = subtotal + postage;
    let item = rng.usize(..ITEMS.len());
    let whole = match total / 100 {
        whole @ 1000.. => format!("{}.{:03}", whole / 1000, whole % 1000),
        whole => whole.to_string(),
    };
    write!(
        out,
        "{},{:02}.{:02}.2026 {:02}:{:02},{first} {last},buyer{number:07}@mail.example.com,+1{:010},{},{},{},SKU-{item}-{:05},",
        order(number),
        rng.u8(1..29),
        rng.u8(1..13),
        rng.u8(0..24),
        rng.u8(0..60),
        rng.u64(2_000_000_000..9_999_999_999),
        tracking(number),
        SERVICES[rng.usize(..SERVICES.len())],
        ITEMS[item],
        rng.u32(..100_000),
    )?;
    write!(
        out,
        "{quantity},{}.{:02},{}.{:02},{}.{:02},paid,shipped,\"{whole},{:02}\",{quantity},",
        cents / 100,
        cents % 100,
        subtotal / 100,
        subtotal % 100,
        postage / 100,
        postage % 100,
        total % 100,
    )?;
    write!(out, "{first} {last},{house} {street},{city},{state},{zip},US,")?;
    writeln!(
        out,
        "{first} {last},{house} {street},{city},{state},{zip},US,{}",
        if number.is_multiple_of(8) { "gift" } else { "" }
    )
}

/// An order's number.
pub(crate) fn order(number: u64) -> u64 {
    100_000_000 + number
}

/// A number in the form of UPS, with the right check digit, so that nothing is warned of.
pub(crate) fn tracking(number: u64) -> String {
    let body = format!("999{number:012}");
    let sum: u32 =
        (0..).zip(body.bytes()).map(|(at, byte)| u32::from(byte - b'0') * (1 + at % 2)).sum();
    format!("1Z{body}{}", (10 - sum % 10) % 10)
}
