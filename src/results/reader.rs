//! Reads RESULTS again: for `retry`, the report, and a ledger that adopts what was accepted.
//!
//! Columns are found by their names, so that results of a later version with more columns are read
//! too, and so are those that a spreadsheet saved with another delimiter. A line that says
//! something else than results can say is an error and never guessed at, since on it hangs whether
//! a shipment is sent again.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use csv::StringRecord;

use super::line::is_results;
use super::{Error, Labels};
use crate::outcome::Outcome;
use crate::row::RESULTS_COLUMNS;

/// One line of RESULTS, read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The input's name.
    pub file: String,
    /// The row's number in it, from 1.
    pub row: u64,
    /// The physical line at which the row starts, from 1.
    pub line: u64,
    /// The order's number.
    pub order_no: String,
    /// The parcel's tracking number.
    pub trackingnumber: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The hash of the row's cells.
    pub fingerprint: u64,
    /// The shipment's number within its row, from 1; 0 where the row made none.
    pub shipment: u32,
    /// The payload's hash.
    pub payload: Option<u128>,
}

impl Entry {
    /// What it says of the shipment itself, to be expected again.
    pub fn labels(&self) -> Labels<'_> {
        Labels {
            order_no: &self.order_no,
            trackingnumber: &self.trackingnumber,
            payload: self.payload,
        }
    }
}

/// A place in RESULTS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// The byte, from 0.
    pub byte: u64,
    /// The physical line, from 1.
    pub line: u64,
}

/// The lines of RESULTS, in their order.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    csv: csv::Reader<BufReader<File>>,
    record: StringRecord,
    /// Where each of [`RESULTS_COLUMNS`] stands.
    places: [usize; RESULTS_COLUMNS.len()],
}

impl Reader {
    /// Opens the results at `path`.
    ///
    /// # Errors
    /// [`Error::Read`] when the file cannot be read or is not RESULTS.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let read = |source| Error::Read { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(read)?;
        let mut start = Vec::new();
        (&mut file).take(4096).read_to_end(&mut start).map_err(read)?;
        if !is_results(&start) {
            return Err(read(io::Error::other("these are no results of an import")));
        }
        let delimiter = start.iter().copied().find(|byte| b",;\t".contains(byte)).unwrap_or(b',');
        file.rewind().map_err(read)?;
        let mut csv =
            csv::ReaderBuilder::new().delimiter(delimiter).from_reader(BufReader::new(file));
        let header = csv.headers().map_err(|error| read(error.into()))?;
        let mut places = [0; RESULTS_COLUMNS.len()];
        for (place, column) in places.iter_mut().zip(RESULTS_COLUMNS) {
            let found = header.iter().position(|name| name == column);
            *place = found
                .ok_or_else(|| read(io::Error::other(format!("the column {column} is missing"))))?;
        }
        Ok(Self { path: path.to_owned(), csv, record: StringRecord::new(), places })
    }

    /// Where the line stands that was read last.
    pub fn spot(&self) -> Spot {
        self.record
            .position()
            .map_or(Spot { byte: 0, line: 0 }, |at| Spot { byte: at.byte(), line: at.line() })
    }

    /// Goes on with the line at `spot`, which was a [`spot`](Self::spot) of these results.
    ///
    /// # Errors
    /// [`Error::Read`] when the file cannot be read there.
    pub fn seek(&mut self, spot: Spot) -> Result<(), Error> {
        let mut position = csv::Position::new();
        position.set_byte(spot.byte).set_line(spot.line);
        self.csv
            .seek(position)
            .map_err(|error| Error::Read { path: self.path.clone(), source: error.into() })
    }

    fn next_line(&mut self) -> Result<Option<Entry>, Error> {
        let read = self.csv.read_record(&mut self.record).map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            Error::Altered {
                path: self.path.clone(),
                line,
                what: crate::text::printable(&error.to_string()),
            }
        });
        if !read? {
            return Ok(None);
        }
        let cell = |column: usize| self.record.get(self.places[column]).unwrap_or_default();
        let line = Entry {
            file: cell(0).to_owned(),
            row: self.number(1)?,
            line: self.number(2)?,
            order_no: cell(3).to_owned(),
            trackingnumber: cell(4).to_owned(),
            outcome: Outcome {
                status: self.number(5)?,
                http_status: self.optional(6)?,
                attempts: self.optional(7)?.unwrap_or(0),
                message: cell(8).to_owned(),
                finished_at: self.optional(9)?,
                duration: self.optional(10)?.map(Duration::from_millis),
            },
            fingerprint: u64::from_str_radix(cell(11), 16).map_err(|_| self.altered(11))?,
            shipment: self.optional(12)?.unwrap_or(0),
            payload: match cell(13) {
                "" => None,
                hex => Some(u128::from_str_radix(hex, 16).map_err(|_| self.altered(13))?),
            },
        };
        Ok(Some(line))
    }

    fn number<T: FromStr>(&self, column: usize) -> Result<T, Error> {
        let cell = self.record.get(self.places[column]).unwrap_or_default();
        cell.parse().map_err(|_| self.altered(column))
    }

    fn optional<T: FromStr>(&self, column: usize) -> Result<Option<T>, Error> {
        match self.record.get(self.places[column]) {
            None | Some("") => Ok(None),
            Some(_) => self.number(column).map(Some),
        }
    }

    fn altered(&self, column: usize) -> Error {
        let cell = self.record.get(self.places[column]).unwrap_or_default();
        let line = self.record.position().map_or(0, csv::Position::line);
        let what = format!("{} is no {}", crate::text::quoted(cell), RESULTS_COLUMNS[column]);
        Error::Altered { path: self.path.clone(), line, what }
    }
}

impl Iterator for Reader {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_line().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Status;
    use crate::results::{Paths, Results, Terms};
    use crate::row::{Dialect, Row};
    use std::fs;

    fn row(number: u64, fingerprint: u64) -> Row {
        let mut row = Row::default();
        (row.number, row.line, row.fingerprint) = (number, number + 1, fingerprint);
        row
    }

    fn write(paths: &Paths, lines: &[Entry]) {
        let header = ["Order".to_owned()];
        let inputs = ["orders.csv".to_owned()];
        let mut results =
            Results::create(paths, &header, Dialect::default(), &inputs, Terms::default())
                .expect("nothing in the way");
        for line in lines {
            let ticket =
                results.expect(row(line.row, line.fingerprint), line.labels(), line.shipment);
            results.settle(ticket, &line.outcome, None).expect("written");
        }
        results.finish().expect("written");
    }

    #[test]
    fn results_that_are_carried_over_do_not_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = Paths::beside(&folder.path().join("orders.csv"));
        let line = |row: u64, status| Entry {
            file: "orders.csv".to_owned(),
            row,
            line: row + 1,
            order_no: "10\"01".to_owned(),
            trackingnumber: "1Z".to_owned(),
            outcome: Outcome::unsent(status, "=why, \"so\""),
            fingerprint: u64::MAX,
            shipment: 1,
            payload: Some(u128::MAX),
        };
        let mut lines: Vec<Entry> =
            (1..).zip(Status::ALL).map(|(row, status)| line(row, status)).collect();
        lines[0].outcome = Outcome {
            http_status: Some(200),
            attempts: 3,
            finished_at: Some("2026-11-24T03:41:07.042Z".parse().expect("a time")),
            duration: Some(Duration::from_millis(142)),
            ..lines[0].outcome.clone()
        };
        (lines[2].shipment, lines[2].payload) = (0, None);
        write(&paths, &lines);
        let first = fs::read(&paths.results).expect("there");

        let read: Vec<Entry> = Reader::open(&paths.results)
            .expect("results")
            .collect::<Result<_, _>>()
            .expect("whole");
        for line in &mut lines {
            line.outcome.message.insert(0, '\'');
        }
        assert_eq!(read, lines);
        write(&paths, &read);
        assert_eq!(fs::read(&paths.results).expect("there"), first);

        let saved = String::from_utf8(first)
            .expect("UTF-8")
            .replace(",\"'=why, \"\"so\"\"\",", ",,")
            .replace(',', ";");
        fs::write(&paths.results, saved).expect("written");
        assert_eq!(
            Reader::open(&paths.results).expect("results").filter_map(Result::ok).count(),
            lines.len()
        );
    }

    #[test]
    fn what_is_no_result_is_told_with_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out.csv");
        fs::write(&path, "Order,Name\n1,2\n").expect("written");
        assert!(matches!(Reader::open(&path), Err(Error::Read { .. })));

        let line = "orders.csv,1,2,1001,1Z,maybe,,,,,,00,1,\n";
        fs::write(&path, RESULTS_COLUMNS.join(",") + "\n" + line).expect("written");
        let told = Reader::open(&path)
            .expect("results")
            .next()
            .expect("a line")
            .expect_err("no status")
            .to_string();
        assert!(
            told.ends_with(
                "out.csv, line 2: \"maybe\" is no status; results must not be edited where they are to be read again"
            ),
            "{told}"
        );
    }
}
