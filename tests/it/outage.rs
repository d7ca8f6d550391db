//! Real outages of twelve seconds, in the three forms they have: no row fails, and a dead endpoint
//! is left alone.

use std::fmt::Write;
use std::time::Duration;

use lateship::sandbox::{Does, Entry, Fault, Sandbox, Script, Settings};

use crate::support::Workdir;

const CONCURRENCY: usize = 8;

fn survives(name: &str, fault: Fault) {
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
    let log = workdir.path("arrived.log");
    let settings = Settings {
        script: Some(Script::new([fault])),
        log: Some(log.clone()),
        ..Settings::default()
    };
    let sandbox = Sandbox::start(([127, 0, 0, 1], 0).into(), settings).expect("a sandbox");
    let url = sandbox.url();
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
    let met = Entry::read_all(&log)
        .expect("the log")
        .iter()
        .filter(|entry| entry.fault.is_some())
        .count();
    assert!(met <= 30 + CONCURRENCY, "{name}: {met} requests were thrown at a dead endpoint");
}

#[test]
fn slow_outage_of_twelve_seconds_costs_no_row_whatever_its_form() {
    let window = || 2.0..14.0;
    let outages = [
        ("503", Fault::status(503).seconds(window())),
        ("resets", Fault::new(Does::Reset).seconds(window())),
        ("refused connections", Fault::new(Does::Refuse).seconds(window())),
    ];
    std::thread::scope(|scope| {
        for (name, fault) in outages {
            scope.spawn(move || survives(name, fault));
        }
    });
}
