//! The mapping as a whole, through its public face: text, header and row in, shipment or problem
//! out.

mod builtins;
mod errors;
mod extends;
mod fields;
mod groups;
mod rows;
mod table;

use super::{Bound, Made, Mapping, Unit, Worked};
use crate::row::Row;
use crate::shipment::Field;

/// The three required fields of a header `Order,Tracking,Carrier`, in front of what a test is
/// about.
const REQUIRED: &str =
    "order_no = \"Order\"\ntrackingnumber = \"Tracking\"\ncarrier_type = \"Carrier\"\n";

fn header(names: &str) -> Vec<String> {
    names.split(',').map(str::to_owned).collect()
}

fn row(cells: &[&str]) -> Row {
    let mut row = Row::default();
    (row.number, row.line, row.width) = (1, 2, cells.len());
    for cell in cells {
        row.push(cell);
    }
    row
}

/// A mapping whose `[fields]` has the required three and `fields`; `rest` are other tables.
fn bound(columns: &str, fields: &str, rest: &str) -> Bound {
    let text = format!("[fields]\n{REQUIRED}{fields}\n{rest}");
    let mapping = Mapping::parse("test.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    let header = header(&format!("Order,Tracking,Carrier,{columns}"));
    mapping.bind("orders.csv", &header, &[]).unwrap_or_else(|error| panic!("{error}"))
}

/// The only unit that a row makes.
fn unit(bound: &mut Bound, row: Row) -> Unit {
    bound.push(row);
    let unit = bound.pop().expect("a unit");
    assert_eq!(bound.pop(), None);
    unit
}

/// What a row makes by itself.
fn worked(bound: &mut Bound, row: Row) -> Worked {
    let mut unit = unit(bound, row);
    assert_eq!((unit.members.len(), unit.made.len()), (1, 1));
    unit.made.remove(0)
}

/// What becomes of a row with the required cells and these.
fn made(bound: &mut Bound, cells: &[&str]) -> Result<serde_json::Value, String> {
    let mut all = vec!["1001", "T1", "UPS"];
    all.extend(cells);
    match worked(bound, row(&all)).made {
        Made::Shipment(shipment) => {
            Ok(serde_json::from_slice(&shipment.body).expect("a body is JSON"))
        }
        Made::Skipped(reason) => Err(format!("skipped: {reason}")),
        Made::Invalid(problems) => Err(crate::problem::join(&problems)),
    }
}

/// The value of `product`, which has this source, for cells A and B.
fn product(source: &str, cells: [&str; 2]) -> Result<String, String> {
    let mut bound = bound(
        "A,B",
        &format!("product = {source}"),
        "[lookups.names]\nmug = \"Mug\"\nCUP = \"Cup\"\n",
    );
    let payload = made(&mut bound, &cells)?;
    Ok(payload.get("product").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned())
}

fn set(field: &str, value: &str) -> (Field, String) {
    (Field::by_name(field).expect("a field"), value.to_owned())
}
