//! Lookups that are files beside the mapping.

use crate::support::Answer;
use crate::support::Workdir;
use crate::support::server::TestServer;

const MAPPING: &str = r#"
[fields]
order_no = "Order"
trackingnumber = { column = "Order", lookup = "tracking" }
carrier_type = { value = "UPS" }

[lookups.tracking]
file = "../shipments.csv"
key = "Order"
value = "Tracking"
"#;

fn workdir() -> Workdir {
    let workdir = Workdir::new();
    std::fs::create_dir(workdir.path("maps")).expect("made");
    workdir.write("maps/shop.toml", MAPPING);
    workdir.write("orders.csv", "Order\nA-1\nA-2\n");
    workdir.write("shipments.csv", "Tracking;Order\nT1;A-1\n");
    workdir
}

#[test]
fn a_lookup_file_lies_beside_the_mapping_that_says_it_and_a_retry_reads_it_anew() {
    let (workdir, server) = (workdir(), TestServer::answering(|_| Answer::accepted()));
    workdir.write(
        "mine.toml",
        "extends = \"maps/shop.toml\"\n[fields]\nproduct = { value = \"Mug\" }\n",
    );
    let url = server.url();
    let import =
        ["import", "orders.csv", "-m", "mine.toml", "--rate", "unlimited", "--endpoint", &url];
    workdir.launch(&import).credentials("ops@example.com", "key-1").run().assert_code(1);
    let left = &workdir.results("orders.results.csv")[1];
    assert_eq!(left["status"], "invalid");
    assert!(
        left["message"].contains("\"A-2\" is not in maps/../shipments.csv ([lookups.tracking])"),
        "{left:?}"
    );

    workdir.write("shipments.csv", "Tracking;Order\nT1;A-1\nT2;A-2\n");
    let retry = ["retry", "orders.results.csv", "--rate", "unlimited"];
    workdir.launch(&retry).credentials("ops@example.com", "key-1").run().assert_code(0);
    let arrived: Vec<String> =
        server.requests().iter().map(|request| request.field("trackingnumber")).collect();
    assert_eq!(arrived, ["T1", "T2"]);
}

#[test]
fn results_are_never_written_over_the_file_of_a_lookup() {
    let workdir = workdir();
    let run = workdir.lateship(&[
        "import",
        "orders.csv",
        "-m",
        "maps/shop.toml",
        "--sandbox",
        "-o",
        "shipments.csv",
    ]);
    run.assert_code(2);
    assert_eq!(workdir.read("shipments.csv"), "Tracking;Order\nT1;A-1\n");
}
