//! Tables within a cell, and items that stand beside each other in numbered columns: recognised by
//! name, since a mapping takes a cell as a whole and a person should hear of it before the first
//! shipment.
//!
//! Pure; `check` feeds it the header and the first rows.

use crate::row::Row;
use crate::text;

/// Rows that are looked at.
const MOST_ROWS: u64 = 1_000;

/// What is packed into a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packed {
    /// `Product ID: 1, Product Qty: 2, …|Product ID: …`
    Named,
    /// `id:1|name:Mug|quantity:2;id:2|…`
    Paired,
    /// `tracking_provider:ups|tracking_number:1Z…;tracking_provider:…`
    Parcels,
    /// `[{"id": 1, …}]`
    Json,
}

impl Packed {
    /// What a cell holds, if it is one of these.
    pub fn of(cell: &str) -> Option<Self> {
        let cell = cell.trim();
        if cell.starts_with("[{\"") || cell.starts_with("[{&quot;") {
            return Some(Self::Json);
        }
        if !cell.contains(':') {
            return None;
        }
        let first = cell.split(';').next().unwrap_or_default();
        let names: Option<Vec<&str>> =
            first.trim_end_matches('|').split('|').map(name_of).collect();
        if let Some(names) = names.filter(|names| names.len() > 1) {
            let parcels = names.iter().any(|name| name.starts_with("tracking_"));
            return Some(if parcels { Self::Parcels } else { Self::Paired });
        }
        let item = cell.split('|').next().unwrap_or_default();
        let fields = item
            .split(", ")
            .filter(|field| field.starts_with("Product ") && field.contains(": "))
            .count();
        (fields > 1).then_some(Self::Named)
    }

    fn remark(self, column: &str) -> String {
        match self {
            Self::Named => format!(
                "column {column} holds the items of an order in one cell: a field gets the cell as a whole, or a part of the \
                 first item by extract = 'Product Name: (.*?), Product'; items on rows of their own can be put together by \
                 group_by"
            ),
            Self::Paired => format!(
                "column {column} holds several values in one cell (name:value|…): a field gets the cell as a whole, or a part \
                 of the first item by extract = 'name:([^|;]*)'; items on rows of their own (an option of most exports) can be \
                 put together by group_by"
            ),
            Self::Parcels => format!(
                "column {column} holds parcels in one cell: split = {{ column = …, at = ';' }} in [rows] makes a shipment of \
                 each, extract = 'tracking_number:([^|;]+)' and extract = 'tracking_provider:([^|;]+)' take number and carrier"
            ),
            Self::Json => format!(
                "column {column} holds JSON: a field gets the cell as a whole, or a part of it by extract; export without it \
                 where you can"
            ),
        }
    }
}

/// The name before the colon, if `part` is `name:value` with a name as programs have them.
fn name_of(part: &str) -> Option<&str> {
    let (name, _) = part.split_once(':')?;
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_name.then_some(name)
}

/// Columns that hold one item each: their common name, and the places (from 0) of the first and of
/// the last.
pub fn numbered(header: &[String]) -> Vec<(String, usize, usize)> {
    let mut found: Vec<(String, usize, usize)> = Vec::new();
    let mut next = 1;
    for (place, name) in header.iter().enumerate() {
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let number: Option<u64> = name[stem.len()..].parse().ok();
        let folded = text::fold(stem);
        if !["item", "lineitem", "orderitem", "product"].contains(&folded.as_str()) {
            continue;
        }
        match (found.last_mut(), number) {
            (Some((known, _, last)), Some(number)) if known == stem && number == next => {
                *last = place;
            }
            (_, Some(1)) => found.push((stem.to_owned(), place, place)),
            _ => continue,
        }
        next = number.map_or(1, |number| number + 1);
    }
    found.retain(|(_, first, last)| last > first);
    found
}

/// Looks at the rows of an input for what is packed.
#[derive(Debug)]
pub struct Watch {
    header: Vec<String>,
    found: Vec<Option<Packed>>,
    rows: u64,
}

impl Watch {
    /// Over an input with this header.
    pub fn new(header: &[String]) -> Self {
        Self { header: header.to_vec(), found: vec![None; header.len()], rows: 0 }
    }

    /// Looks at a row, as long as it is one of the first.
    pub fn look(&mut self, row: &Row) {
        if self.rows == MOST_ROWS {
            return;
        }
        self.rows += 1;
        for (cell, found) in row.cells().zip(&mut self.found) {
            if found.is_none() {
                *found = Packed::of(cell);
            }
        }
    }

    /// What a person should know: which column it is, and what can be done.
    pub fn remarks(&self) -> Vec<String> {
        let column = |place: usize| {
            format!("{} ({})", text::quoted(&self.header[place]), text::column_letter(place))
        };
        let packed = self
            .found
            .iter()
            .enumerate()
            .filter_map(|(place, found)| Some(found.as_ref()?.remark(&column(place))));
        let beside = numbered(&self.header).into_iter().map(|(_, first, last)| {
            format!(
                "columns {} to {} hold one item each: a template \"{{{}}} {{{}}}\" puts some of them into one field; a mapping \
                 makes no shipment of each",
                column(first),
                column(last),
                self.header[first],
                self.header[first + 1]
            )
        });
        packed.chain(beside).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_cells_are_told_from_text_with_colons() {
        for (cell, packed) in [
            (
                "Product ID: 7, Product Qty: 2, Product Name: Mug, blue, Product Weight: 1|Product ID: 8",
                Some(Packed::Named),
            ),
            ("id:1|name:Mug|quantity:2;id:2|name:Lid|quantity:1", Some(Packed::Paired)),
            (
                "tracking_provider:ups|custom_tracking_provider:|tracking_number:1Z|;",
                Some(Packed::Parcels),
            ),
            ("[{\"id\":1}]", Some(Packed::Json)),
            ("https://example.com/a|b", None),
            ("10:15:30", None),
            ("note: ring twice", None),
            ("Product name: a", None),
        ] {
            assert_eq!(Packed::of(cell), packed, "{cell}");
        }
    }

    #[test]
    fn numbered_columns_are_items_only_in_a_row_from_one() {
        let header =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let items = header(&["order", "order_item_1", "order_item_2", "order_item_3"]);
        assert_eq!(numbered(&items), [("order_item_".to_owned(), 1, 3)]);
        assert_eq!(numbered(&header(&["Address 1", "Address 2", "Item 1", "Product"])), []);
    }

    #[test]
    fn a_remark_names_the_column_and_its_letter() {
        let mut watch = Watch::new(&["a".to_owned(), "line_items".to_owned()]);
        let mut row = Row::at(0, 1, 2);
        row.push("x");
        row.push("id:1|name:Mug;id:2|name:Lid");
        watch.look(&row);
        let remarks = watch.remarks();
        assert!(
            matches!(remarks.as_slice(), [remark] if remark.contains("\"line_items\" (B)")),
            "{remarks:?}"
        );
    }
}
