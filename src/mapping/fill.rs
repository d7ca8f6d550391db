//! `fill_down`: empty cells that take the value of the row above, within one order.
//!
//! Exports with one line per item often write the order's own cells in its first line only. What a
//! row inherits is written into the row itself, so that a failed-rows file can be imported on its
//! own.

use super::cells::Cells;
use crate::row::Row;

/// What the next row can inherit.
#[derive(Debug)]
pub(super) struct FillDown {
    columns: Vec<usize>,
    /// The column that tells orders apart, where there is one.
    key: Option<usize>,
    /// The cells above as they stood there, one for each of `columns`.
    above: Vec<String>,
    above_key: String,
    input: usize,
}

impl FillDown {
    /// Fills `columns`; a row whose cell in `key` is filled and differs from the row above inherits
    /// nothing.
    pub(super) fn new(columns: Vec<usize>, key: Option<usize>) -> Self {
        let above = vec![String::new(); columns.len()];
        Self { columns, key, above, above_key: String::new(), input: 0 }
    }

    /// Fills the empty cells of a row, and remembers its filled ones.
    pub(super) fn fill(&mut self, row: &mut Row, empty: &[String]) {
        if self.columns.is_empty() {
            return;
        }
        if row.input != self.input {
            self.input = row.input;
            self.forget();
        }
        if let Some(key) = self.key {
            let cell = Cells::new(row, empty).get(key);
            if !cell.is_empty() && cell != self.above_key {
                for above in &mut self.above {
                    above.clear();
                }
                self.above_key.clear();
                self.above_key.push_str(cell);
            }
        }
        for (&column, above) in self.columns.iter().zip(&mut self.above) {
            if !Cells::new(row, empty).get(column).is_empty() {
                above.clear();
                above.push_str(row.get(column));
            } else if !above.is_empty() {
                row.set(column, above);
            }
        }
    }

    /// Forgets the row above: after one that cannot be trusted, the next inherits nothing.
    pub(super) fn forget(&mut self) {
        self.above_key.clear();
        for above in &mut self.above {
            above.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(rows: &[[&str; 3]], key: Option<usize>) -> Vec<String> {
        let mut fill = FillDown::new(vec![0, 1], key);
        rows.iter()
            .map(|cells| {
                let mut row = Row::default();
                for cell in cells {
                    row.push(cell);
                }
                fill.fill(&mut row, &["-".to_owned()]);
                row.cells().collect::<Vec<_>>().join("|")
            })
            .collect()
    }

    #[test]
    fn a_row_inherits_within_its_order_and_never_from_another() {
        let rows =
            [["1", " ada ", "x"], ["", "-", "y"], ["1", "", "z"], ["2", "", "v"], ["", "", "w"]];
        assert_eq!(filled(&rows, Some(0)), ["1| ada |x", "1| ada |y", "1| ada |z", "2||v", "2||w"]);
    }

    #[test]
    fn without_a_key_every_row_inherits() {
        assert_eq!(filled(&[["1", "a", ""], ["2", "", ""]], None), ["1|a|", "2|a|"]);
    }

    #[test]
    fn nothing_is_inherited_from_another_input_or_from_a_row_that_is_flawed() {
        let mut fill = FillDown::new(vec![0], None);
        let mut fill_row = |input, cell: &str, flawed: bool| {
            let mut row = Row::default();
            row.input = input;
            row.push(cell);
            if flawed {
                fill.forget();
            } else {
                fill.fill(&mut row, &[]);
            }
            row.get(0).to_owned()
        };
        assert_eq!(fill_row(0, "a", false), "a");
        assert_eq!(fill_row(0, "", false), "a");
        assert_eq!(fill_row(1, "", false), "");
        assert_eq!(fill_row(1, "b", false), "b");
        fill_row(1, "?", true);
        assert_eq!(fill_row(1, "", false), "");
    }
}
