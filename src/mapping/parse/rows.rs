//! `[rows]`: which rows are data, and what they inherit.

use super::condition;
use crate::mapping::error::Faults;
use crate::mapping::spec::Rows;
use crate::mapping::toml_tree::{NotServed, Table};

const KEYS: &[&str] = &["keep", "drop", "fill_down"];

const NOT_SERVED: NotServed = &[
    ("group_by", "every row makes a shipment of its own; with [rows] drop, keep only the first row of an order"),
    ("group", "every row makes a shipment of its own; with [rows] drop, keep only the first row of an order"),
    ("split", "split cells with several tracking numbers into rows before, or take the first by extract = '[^;, ]+'"),
    ("identity", "a shipment is known by order_no, trackingnumber and productid"),
    ("not_older_than", "export a shorter time, or leave old rows out with [rows] drop and matches"),
];

/// Reads the table.
pub(super) fn parse(table: &Table<'_>, faults: &mut Faults) -> Rows {
    table.check_keys(KEYS, NOT_SERVED, faults);
    let fill_down = table.get("fill_down").map(|node| node.one_or_more()).unwrap_or_default();
    Rows {
        keep: table.get("keep").map(|node| condition::list(&node, faults)).unwrap_or_default(),
        drop: table.get("drop").map(|node| condition::list(&node, faults)).unwrap_or_default(),
        fill_down: fill_down.iter().filter_map(|node| node.name("a column's name", faults)).collect(),
    }
}
