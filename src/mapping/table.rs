//! Another table that rows are joined to: only the cells that the mapping reads, found by their
//! key.
//!
//! Keys are compared without case, spaces and a leading `#`. All cells lie in one arena and rows
//! are found by the sorted hashes of their keys, eight bytes for each row, so that millions of rows
//! fit. Which rows were found is remembered, and the table is shared by all who read at once.
//! `inputs` builds it, a `Bound` asks it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use xxhash_rust::xxh3::xxh3_64;

use super::guard;
use crate::row::{Reading, Row};
use crate::text;

/// The bits of an index entry that say where in the arena a row's cells are: a tebibyte, more than
/// memory holds. Those above are of its key's hash, so that sorted entries stand by hash and then
/// as the file has them.
const PLACE: u64 = (1 << 40) - 1;

/// A table as it is read.
#[derive(Debug)]
pub struct TableBuilder {
    file: String,
    header: Vec<String>,
    /// The columns that are kept, those of the key first.
    kept: Vec<usize>,
    keys: usize,
    empty: Vec<String>,
    arena: Vec<u8>,
    index: Vec<u64>,
    key: String,
    flawed: Option<(u64, u64)>,
    keyless: u64,
}

/// A table in which rows are found by their key.
#[derive(Debug)]
pub struct Table {
    file: String,
    header: Vec<String>,
    kept: Vec<usize>,
    keys: usize,
    arena: Vec<u8>,
    /// Of each row some bits of its key's hash, and the place of its cells in the arena; sorted.
    index: Vec<u64>,
    found: Vec<AtomicU64>,
    /// Whether any was.
    is_found: AtomicBool,
    remarks: Vec<String>,
    /// The first key that was asked for.
    asked: OnceLock<String>,
}

/// The tables of the other files that a mapping reads.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// What `[join]` joins.
    pub join: Option<Arc<Table>>,
    /// The lookups that are files, by name.
    pub lookups: HashMap<String, Arc<Table>>,
}

/// A row of a table.
#[derive(Debug, Clone)]
pub(super) struct Found<'a> {
    /// Its number in the file, from 1.
    pub(super) number: u64,
    /// The cells that are kept.
    pub(super) cells: Vec<&'a str>,
}

/// Rows of a table that nothing asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// How many.
    pub count: u64,
    /// The number of the first, from 1.
    pub row: u64,
    /// What it has in the columns of the key, with their names.
    pub key: String,
}

impl TableBuilder {
    /// A table of the columns `keys` and `read` (places in `header`); cells equal to one of `empty`
    /// count as empty.
    pub(super) fn new(
        file: &str,
        header: &[String],
        keys: &[usize],
        read: &[usize],
        empty: &[String],
    ) -> Self {
        let mut kept = keys.to_vec();
        for column in read {
            if !kept.contains(column) {
                kept.push(*column);
            }
        }
        Self {
            file: text::printable(file),
            header: header.to_vec(),
            kept,
            keys: keys.len(),
            empty: empty.to_vec(),
            arena: Vec::new(),
            index: Vec::new(),
            key: String::new(),
            flawed: None,
            keyless: 0,
        }
    }

    /// Takes the next row.
    pub fn push(&mut self, row: &Row) {
        match row.reading {
            Reading::Data => {}
            Reading::Skip(_) => return,
            Reading::Flawed(_) => {
                self.flawed.get_or_insert((0, row.number)).0 += 1;
                return;
            }
        }
        let at = self.arena.len();
        put_number(&mut self.arena, row.number);
        self.key.clear();
        let mut filled = false;
        for (slot, column) in self.kept.iter().enumerate() {
            let mut cell = guard::peel(row.get(*column));
            if self.empty.iter().any(|empty| empty == cell) {
                cell = "";
            }
            if slot < self.keys {
                filled |= add_key(&mut self.key, cell);
            }
            put_number(&mut self.arena, cell.len() as u64);
            self.arena.extend_from_slice(cell.as_bytes());
        }
        if filled {
            self.index.push(hash_of(&self.key) | at as u64);
        } else {
            self.keyless += 1;
            self.arena.truncate(at);
        }
    }

    /// The whole table; rows that say the same count once.
    pub fn finish(mut self) -> Table {
        self.index.sort_unstable();
        let repeated = drop_repeated(&mut self.index, &self.arena, self.kept.len());
        let mut remarks = Vec::new();
        if let Some((count, first)) = self.flawed {
            let rows = text::counted(count, "row");
            remarks.push(format!(
                "{}: {rows} cannot be read and are left out, the first: row {first}",
                self.file
            ));
        }
        if self.keyless > 0 {
            let (rows, key) = (text::counted(self.keyless, "row"), self.names());
            remarks.push(format!("{}: {rows} left out, since {key} is empty there", self.file));
        }
        if repeated > 0 {
            let rows = text::counted(repeated, "row");
            remarks.push(format!("{}: {rows} left out that another one says already", self.file));
        }
        let found = std::iter::repeat_with(|| AtomicU64::new(0))
            .take(self.index.len().div_ceil(64))
            .collect();
        Table {
            file: self.file,
            header: self.header,
            kept: self.kept,
            keys: self.keys,
            arena: self.arena,
            index: self.index,
            found,
            is_found: AtomicBool::new(false),
            remarks,
            asked: OnceLock::new(),
        }
    }

    fn names(&self) -> String {
        names(&self.header, &self.kept[..self.keys])
    }
}

impl Table {
    /// Its file, printable.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What an operator should know of it.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// How many rows can be found.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no row can be found.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The names of the columns of its key.
    pub fn key_names(&self) -> String {
        names(&self.header, &self.kept[..self.keys])
    }

    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    /// Where among the cells that are kept the column at `place` of its header is.
    pub(super) fn slot(&self, place: usize) -> Option<usize> {
        self.kept.iter().position(|kept| *kept == place)
    }

    /// The columns that are kept, as places in its header.
    pub(super) fn kept(&self) -> &[usize] {
        &self.kept
    }

    /// The rows with this key (one cell for each of its columns), in the order of the file, up to
    /// `most` of them; all that have it count as found.
    pub(super) fn find<'t>(&'t self, cells: &[&str], most: usize) -> Vec<Found<'t>> {
        let mut key = String::new();
        let mut filled = false;
        for cell in cells {
            filled |= add_key(&mut key, cell);
        }
        if !filled {
            return Vec::new();
        }
        if self.asked.get().is_none() {
            let _ = self.asked.set(cells.join(", "));
        }
        let hash = hash_of(&key);
        let from = self.index.partition_point(|entry| entry & !PLACE < hash);
        let mut rows = Vec::new();
        let mut theirs = String::new();
        for (place, entry) in self.index.iter().enumerate().skip(from) {
            if entry & !PLACE != hash {
                break;
            }
            let row = self.row(entry & PLACE);
            theirs.clear();
            for cell in &row.cells[..self.keys] {
                add_key(&mut theirs, cell);
            }
            if theirs != key {
                continue;
            }
            let bit = 1 << (place % 64);
            let is_known = self.found[place / 64].fetch_or(bit, Ordering::Relaxed) & bit != 0;
            self.is_found.store(true, Ordering::Relaxed);
            if rows.len() < most {
                rows.push(row);
            } else if is_known {
                // Who asked before marked the others too: a key that millions of rows have costs
                // that much once.
                break;
            }
        }
        rows
    }

    /// Whether some row was found.
    pub fn is_found(&self) -> bool {
        self.is_found.load(Ordering::Relaxed)
    }

    /// The first key that was asked for; `None` where none was.
    pub fn first_asked(&self) -> Option<&str> {
        self.asked.get().map(String::as_str)
    }

    /// The key of its first row.
    pub fn first_key(&self) -> Option<String> {
        let at = self.index.iter().map(|entry| entry & PLACE).min()?;
        Some(self.row(at).cells[..self.keys].join(", "))
    }

    /// The rows that nothing asked for; `None` where all were found.
    pub fn unmatched(&self) -> Option<Unmatched> {
        let is_found =
            |place: usize| self.found[place / 64].load(Ordering::Relaxed) >> (place % 64) & 1 == 1;
        let (mut count, mut first) = (0, u64::MAX);
        for (_, entry) in self.index.iter().enumerate().filter(|(place, _)| !is_found(*place)) {
            count += 1;
            first = first.min(entry & PLACE);
        }
        if count == 0 {
            return None;
        }
        let row = self.row(first);
        let named = |slot: usize| {
            format!(
                "{} {}",
                text::printable(&self.header[self.kept[slot]]),
                text::printable(row.cells[slot])
            )
        };
        let key = (0..self.keys).map(named).collect::<Vec<_>>().join(", ");
        Some(Unmatched { count, row: row.number, key })
    }

    fn row(&self, at: u64) -> Found<'_> {
        let mut rest = &self.arena[usize::try_from(at).unwrap_or(usize::MAX)..];
        let number = take_number(&mut rest);
        let mut cell = || {
            let len = usize::try_from(take_number(&mut rest)).unwrap_or(0);
            let (cell, behind) = rest.split_at(len);
            rest = behind;
            std::str::from_utf8(cell).unwrap_or_default()
        };
        Found { number, cells: (0..self.kept.len()).map(|_| cell()).collect() }
    }
}

/// Adds a cell to a key, without case, spaces and a leading `#`; whether anything of it is left.
fn add_key(key: &mut String, cell: &str) -> bool {
    let before = key.len();
    let cell = cell.trim_start().trim_start_matches('#');
    key.extend(cell.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase));
    let filled = key.len() > before;
    key.push('\u{1F}');
    filled
}

/// The bits of a key's hash that an index entry has, in their place.
fn hash_of(key: &str) -> u64 {
    xxh3_64(key.as_bytes()) & !PLACE
}

/// Leaves one of several rows that have the same cells, the first; how many went.
fn drop_repeated(index: &mut Vec<u64>, arena: &[u8], cells: usize) -> u64 {
    let before = index.len();
    let (mut from, mut kept) = (0, 0);
    while let Some(first) = index.get(from) {
        let hash = first & !PLACE;
        let end = from + index[from..].iter().take_while(|entry| *entry & !PLACE == hash).count();
        // Anew for each hash: emptying one that a single key made huge takes as long as it is
        // large.
        let mut seen: HashSet<&[u8]> = HashSet::new();
        for place in from..end {
            if end - from == 1 || seen.insert(cells_at(arena, index[place] & PLACE, cells)) {
                index[kept] = index[place];
                kept += 1;
            }
        }
        from = end;
    }
    index.truncate(kept);
    (before - kept) as u64
}

/// The bytes of a row's cells, without its number.
fn cells_at(arena: &[u8], at: u64, cells: usize) -> &[u8] {
    let mut rest = &arena[usize::try_from(at).unwrap_or(usize::MAX)..];
    take_number(&mut rest);
    let whole = rest;
    for _ in 0..cells {
        let len = usize::try_from(take_number(&mut rest)).unwrap_or(0);
        rest = &rest[len..];
    }
    &whole[..whole.len() - rest.len()]
}

fn put_number(arena: &mut Vec<u8>, mut number: u64) {
    while number > 0x7F {
        arena.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    arena.push((number & 0x7F) as u8);
}

fn take_number(rest: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    while let Some((byte, behind)) = rest.split_first() {
        *rest = behind;
        number |= u64::from(byte & 0x7F) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

fn names(header: &[String], places: &[usize]) -> String {
    places.iter().map(|place| text::printable(&header[*place])).collect::<Vec<_>>().join(", ")
}
