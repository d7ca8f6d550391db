//! Disks that fill up, on a real small file system. Where none can be mounted (the tests do not run
//! as root) there is nothing to be seen.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use crate::support::server::TestServer;
use crate::support::tmpfs::Tmpfs;
use crate::support::workdir::Run;
use crate::support::{Answer, Workdir};

const ROWS: usize = 1500;
const CONCURRENCY: usize = 8;

struct Shop {
    workdir: Workdir,
    server: TestServer,
    disk: Tmpfs,
}

impl Shop {
    fn new(bytes: u64) -> Option<Self> {
        let disk = Tmpfs::mount(bytes)?;
        let workdir = Workdir::new();
        let mut orders = "Order,Tracking\n".to_owned();
        for row in 1..=ROWS {
            let _ = writeln!(orders, "{row},T{row}-with-a-number-long-enough-to-fill-a-disk-soon");
        }
        workdir.write("orders.csv", orders);
        workdir.write(
            "map.toml",
            "[fields]\norder_no = \"Order\"\ntrackingnumber = \"Tracking\"\ncarrier_type = { value = \"UPS\" }\n",
        );
        let server =
            TestServer::answering(|_| Answer::accepted().delayed(Duration::from_millis(1)));
        Some(Self { workdir, server, disk })
    }

    fn import(&self, results: &str, ledger: &str) -> Run {
        let url = self.server.url();
        let arguments = [
            "import",
            "orders.csv",
            "-m",
            "map.toml",
            "--endpoint",
            &url,
            "--rate",
            "unlimited",
            "--concurrency",
            "8",
            "-o",
            results,
            "--ledger",
            ledger,
        ];
        self.workdir.launch(&arguments).credentials("ops@example.com", "key-1").run()
    }

    fn repeated(&self) -> usize {
        let mut arrived: HashMap<String, usize> = HashMap::new();
        for request in self.server.requests() {
            *arrived.entry(request.field("order_no")).or_default() += 1;
        }
        assert_eq!(arrived.len(), ROWS, "every row arrived");
        arrived.values().map(|times| times - 1).sum()
    }

    fn path(&self, name: &str) -> String {
        self.disk.join(name).to_string_lossy().into_owned()
    }
}

#[test]
fn results_on_a_full_disk_stop_the_run_and_the_same_command_elsewhere_finishes_it() {
    let Some(shop) = Shop::new(96 * 1024) else { return };
    let ledger = shop.workdir.path("ledger.db").to_string_lossy().into_owned();
    let run = shop.import(&shop.path("out.csv"), &ledger);
    run.assert_code(3);
    assert!(run.stderr.contains("no space"), "{}", run.stderr);
    assert!(run.stderr.contains("sent"), "how far it came is said: {}", run.stderr);
    assert!(shop.server.requests().len() < ROWS);
    shop.import("elsewhere.csv", &ledger).assert_code(0);
    assert!(shop.repeated() <= CONCURRENCY, "{} sent again", shop.repeated());
}

#[test]
fn a_ledger_on_a_full_disk_stops_the_run_and_what_it_knew_is_kept() {
    let Some(shop) = Shop::new(256 * 1024) else { return };
    let ledger = shop.path("ledger.db");
    let run = shop.import("out.csv", &ledger);
    run.assert_code(3);
    assert!(run.stderr.contains("no space"), "{}", run.stderr);
    let before = shop.server.requests().len();
    assert!(before < ROWS);
    let rows = shop.workdir.results("out.csv");
    assert_eq!(rows.len(), ROWS, "the results are whole all the same");
    assert_eq!(rows[ROWS - 1]["status"], "not_attempted");
    let elsewhere = shop.workdir.path("ledger.db");
    // The ledger is all files whose names begin with its own.
    for file in std::fs::read_dir(shop.disk.join("")).expect("a folder") {
        let (from, name) = file.map(|file| (file.path(), file.file_name())).expect("a file");
        if name.to_string_lossy().starts_with("ledger.db") {
            std::fs::copy(from, elsewhere.with_file_name(name)).expect("copied");
        }
    }
    shop.import("out.csv", &elsewhere.to_string_lossy()).assert_code(0);
    assert!(shop.repeated() <= CONCURRENCY, "{} sent again", shop.repeated());
}
