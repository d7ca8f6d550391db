//! Real outages of twelve seconds in their three forms: no row fails, and a dead endpoint gets few
//! requests.

use std::fmt::Write;
use std::time::Duration;

use crate::support::Workdir;
use crate::support::faults::{Fault, Faults};
use crate::support::server::TestServer;

const CONCURRENCY: usize = 8;

fn survives(name: &str, outage: Fault) {
    let workdir = Workdir::new();
    let mut orders = "Order,Tracking\n".to_owned();
    for row in 1..=600 {
        let _ = writeln!(orders, "{row},T{row}");
    }
    workdir.write("orders.csv", orders);
    workdir.write(
        "map.toml",
        "[fields]\norder_no = \"Order\"\ntrackingnumber = \"Tracking\"\ncarrier_type = { value = \"UPS\" }\n",
    );
    let server = TestServer::with_faults(Faults::new(1, [outage]));
    let url = server.url();
    let arguments = [
        "import",
        "orders.csv",
        "-m",
        "map.toml",
        "--endpoint",
        &url,
        "--rate",
        "100/s",
        "--concurrency",
        "8",
    ];
    let run = workdir
        .launch(&arguments)
        .credentials("ops@example.com", "key-1")
        .limit(Duration::from_secs(120))
        .run();
    run.assert_code(0);
    assert!(
        run.stderr.contains("waiting for the endpoint") && run.stderr.contains("answers again"),
        "{name}: {}",
        run.stderr
    );
    let rows = workdir.results("orders.results.csv");
    assert!(rows.iter().all(|row| row["status"] == "sent"), "{name}");
    let met = server.log().iter().filter(|entry| !entry.accepted).count();
    assert!(met > 0, "{name}: the outage was never met");
    assert!(met <= 30 + CONCURRENCY, "{name}: {met} requests to a dead endpoint");
}

#[test]
fn slow_outage_of_twelve_seconds_costs_no_row_whatever_its_form() {
    let (first, lasts) = (200, Duration::from_secs(12));
    let outages = [
        ("503", Fault::status(503).window(first, lasts)),
        ("resets", Fault::reset().window(first, lasts)),
        ("refused connections", Fault::refuse(first, lasts)),
    ];
    std::thread::scope(|scope| {
        for (name, outage) in outages {
            scope.spawn(move || survives(name, outage));
        }
    });
}
