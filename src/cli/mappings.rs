//! `lateship mappings`: what is built in, and each mapping's text to start from.

use std::fmt::Write as _;

use clap::Args;

use super::print;
use crate::Error;
use crate::error::exit;
use crate::mapping::builtin::{self, Head};

/// The most columns of a header that the list shows.
const COLUMNS_SHOWN: usize = 5;

/// List the built-in mappings, or print one
///
/// A built-in mapping serves the export of one platform as it comes. The list says of each where
/// its file comes from, how that file's header begins, and whether the tracking numbers stand in
/// another file that is joined.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  lateship mappings                                         all of them
  lateship check orders.csv -m wix                          used by its name
  lateship import orders.csv -m shopify --join shipments.csv

To change something, extend it in a file of your own that holds only what is different:
  extends = \"shopify\"
  [fields]
  carrier_type = { value = \"UPS\" }

or copy it as a whole:
  lateship mappings shopify > shop.toml
  lateship check orders.csv -m shop.toml

Exit codes: 0, or 2 when there is no such mapping or standard output cannot be written.")]
pub(super) struct Flags {
    /// The mapping to print; all are listed without it
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

impl Flags {
    pub(super) fn run(self) -> Result<u8, Error> {
        match self.name {
            Some(name) => print(builtin::find(&name)?)?,
            None => print(&list())?,
        }
        Ok(exit::OK)
    }
}

fn list() -> String {
    let mut list = String::new();
    for (name, text) in builtin::all() {
        let Head { title, header, from, join } = builtin::head(text);
        _ = writeln!(list, "{name}: {title}");
        let mut line = |what: &str, value: &str| _ = writeln!(list, "    {what:<7} {value}");
        if let Some(from) = from {
            line("from", from);
        }
        line("columns", &beginning(header));
        if let Some(join) = join {
            line("join", join);
        }
    }
    list.push_str(
        "\nlateship mappings NAME prints one. Other files: start from orders, whose comments teach the language.\n",
    );
    list
}

/// The first columns of a header.
fn beginning(header: &str) -> String {
    let delimiter =
        [';', '|', '\t'].into_iter().find(|delimiter| header.contains(*delimiter)).unwrap_or(',');
    let columns: Vec<&str> = header.split(delimiter).filter(|name| !name.is_empty()).collect();
    let mut shown = columns.iter().take(COLUMNS_SHOWN).copied().collect::<Vec<_>>().join(", ");
    if columns.len() > COLUMNS_SHOWN {
        shown.push_str(", …");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_mapping_is_listed_with_its_columns() {
        let list = list();
        for (name, text) in builtin::all() {
            assert!(list.contains(&format!("{name}: {}", builtin::head(text).title)), "{name}");
        }
        assert!(
            list.contains("    columns Order ID, Created, First Name, Last Name, Email, …"),
            "{list}"
        );
    }

    #[test]
    fn a_tab_stands_between_columns_too() {
        assert_eq!(beginning("order-id\tsku\t"), "order-id, sku");
    }
}
