//! Golden files of what users see: help, listings, summaries, reports, and the messages of typical
//! mistakes. Each test owns a folder of `tests/snapshots/`.

mod help;
mod listings;
mod mistakes;
mod reports;
mod summaries;

use std::fmt::Write;

use crate::support::Workdir;
use crate::support::golden::lasting;
use crate::support::workdir::Run;

/// A mapping for [`orders`].
const MAPPING: &str = r#"
[fields]
order_no = "Order"
trackingnumber = "Tracking"
carrier_type = { value = "UPS" }
order_date = { column = "Date", date = "%d.%m.%Y" }
"#;

/// An export of so many orders: 1, 2, …
fn orders(count: usize) -> String {
    let rows = (1..=count).map(|row| format!("{row},TRACK{row:05},24.11.2026\n"));
    format!("Order,Tracking,Date\n{}", rows.collect::<String>())
}

/// A folder with five orders and a mapping for them.
fn workdir() -> Workdir {
    let workdir = Workdir::new();
    workdir.write("orders.csv", orders(5));
    workdir.write("map.toml", MAPPING);
    workdir
}

/// What a terminal would show of a command, without what differs from run to run.
fn transcript(workdir: &Workdir, arguments: &[&str], run: &Run) -> String {
    let code = run.code.map_or("none".to_owned(), |code| code.to_string());
    let mut text = format!("$ lateship {}\nexit code {code}\n", arguments.join(" "));
    for (name, output) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
        if !output.is_empty() {
            let _ = write!(text, "--- {name}\n{output}");
        }
    }
    assert!(!run.stderr.contains("panicked"), "{text}");
    lasting(workdir, &text)
}

/// Runs a command to its end, with credentials, and gives its transcript.
fn shown(workdir: &Workdir, arguments: &[&str]) -> String {
    let run = workdir.launch(arguments).credentials("ops@example.com", "key-1").run();
    transcript(workdir, arguments, &run)
}
