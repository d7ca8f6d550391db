//! What the parts of a run cost, each for itself and without a network:
//! `cargo bench --bench parts`.
//!
//! All work on the rows of the whole program's benchmark (`examples/bench`). Each says its
//! throughput in items (rows, shipments, keys), and in bytes where these are what it works on. A
//! verdict is the engine's own affair, so it is measured as a part of the engine, with a transport
//! that answers at once.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use jiff::Timestamp;
use lateship::delivery::{
    Admission, Engine, Metrics, Recorder, Response, Task, TaskQueue, Transport, TransportError,
    stop_channel,
};
use lateship::ledger::{Key, Ledger, Scope};
use lateship::limits::{Limits, Rate};
use lateship::mapping::{Bound, Mapping};
use lateship::outcome::{Conclusion, Outcome, Status, Ticket};
use lateship::packed::Watch;
use lateship::results::{Labels, Paths, Results, Terms};
use lateship::row::{Dialect, Form, Row};
use lateship::shipment::{Field, Payload, Shipment, Wire, check};
use lateship::source::Source;
use lateship::survey::Survey;
use tempfile::TempDir;
use tokio::runtime::Runtime;

#[path = "../examples/bench/data.rs"]
mod data;

/// Rows of the export.
const ROWS: u64 = 10_000;
/// Requests in flight at once; as many shipments are recorded in the ledger together.
const IN_FLIGHT: usize = 64;
/// Batches of a measurement in which each key may be met only once.
const BATCHES: u32 = 100;

fn main() {
    divan::main();
}

/// The export, read once.
struct Export {
    /// Keeps the file.
    _folder: TempDir,
    path: PathBuf,
    bytes: u64,
    header: Vec<String>,
    rows: Vec<Row>,
}

impl Export {
    fn get() -> &'static Self {
        static EXPORT: OnceLock<Export> = OnceLock::new();
        EXPORT.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("orders.csv");
            data::export(&path, ROWS).expect("a file in a fresh folder");
            let mut source =
                Source::open(0, &path, "orders.csv", &Form::default()).expect("a table");
            let mut rows = Vec::new();
            let mut row = Row::default();
            while source.read(&mut row).expect("a row") {
                rows.push(row.clone());
            }
            Self {
                path,
                bytes: source.about().size(),
                header: source.about().header().to_vec(),
                rows,
                _folder: folder,
            }
        })
    }

    fn bind(&self) -> Bound {
        let mapping = Mapping::parse("map.toml", &data::mapping()).expect("a mapping");
        mapping.bind("orders.csv", &self.header, &[]).expect("a header that fits")
    }

    fn shipments(&self) -> Vec<Shipment> {
        let mut bound = self.bind();
        let mut found = Vec::new();
        for row in &self.rows {
            bound.push(row.clone());
            let unit = bound.pop().expect("a unit");
            found.extend(unit.shipments().cloned());
        }
        found
    }
}

/// An input opened for the first time: what it is is found by looking through all of it.
#[divan::bench]
fn open(bencher: Bencher<'_, '_>) {
    let export = Export::get();
    let counted = bencher.counter(ItemsCount::new(ROWS)).counter(BytesCount::new(export.bytes));
    counted
        .bench(|| Source::open(0, &export.path, "orders.csv", &Form::default()).expect("a table"));
}

/// The bytes of an input that was opened before to rows, in memory that is reused.
#[divan::bench]
fn read(bencher: Bencher<'_, '_>) {
    let export = Export::get();
    let found = Source::open(0, &export.path, "orders.csv", &Form::default())
        .expect("a table")
        .about()
        .found();
    let again = || {
        Source::open_again(0, &export.path, "orders.csv", &Form::default(), Some(&found))
            .expect("a table")
    };
    let counted = bencher.counter(ItemsCount::new(ROWS)).counter(BytesCount::new(export.bytes));
    counted.with_inputs(again).bench_local_values(|mut source| {
        let mut row = Row::default();
        let mut count = 0_u64;
        while source.read(&mut row).expect("a row") {
            count += 1;
        }
        (count, source)
    });
}

/// The hash of a row's cells, by which a retry knows the row again.
#[divan::bench]
fn fingerprint(bencher: Bencher<'_, '_>) {
    let export = Export::get();
    let bytes: usize = export.rows.iter().map(Row::bytes).sum();
    let counted = bencher.counter(ItemsCount::new(ROWS)).counter(BytesCount::new(bytes));
    counted.bench(|| export.rows.iter().fold(0, |all, row| all ^ black_box(row).hash_cells()));
}

/// A mapping's text to a mapping, and this to a header.
#[divan::bench]
fn parse_and_bind(bencher: Bencher<'_, '_>) {
    let export = Export::get();
    bencher.bench(|| export.bind());
}

/// Rows to shipments: fields made and looked at, body and hashes included.
#[divan::bench]
fn map_and_encode(bencher: Bencher<'_, '_>) {
    let export = Export::get();
    let inputs =
        bencher.counter(ItemsCount::new(ROWS)).with_inputs(|| (export.bind(), export.rows.clone()));
    inputs.bench_local_values(|(mut bound, rows)| {
        for row in rows {
            bound.push(row);
            black_box(bound.pop());
        }
        bound
    });
}

/// What `check` does with what was mapped.
#[divan::bench]
fn survey(bencher: Bencher<'_, '_>) {
    let export = Export::get();
    let mut bound = export.bind();
    let units: Vec<_> = export
        .rows
        .iter()
        .map(|row| {
            bound.push(row.clone());
            bound.pop().expect("a unit")
        })
        .collect();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let (mut survey, mut watch) = (Survey::default(), Watch::new(&export.header));
        for unit in &units {
            survey.add(unit);
            unit.members.iter().for_each(|member| watch.look(&member.row));
        }
        survey
    });
}

/// The values of one shipment to its JSON, to the hash of its identity, and looked at for what is
/// odd.
mod payload {
    use super::{Bencher, BytesCount, Field, ItemsCount, Payload, Wire, black_box, check};

    fn filled() -> Payload {
        let mut payload = Payload::default();
        Field::all().for_each(|field| payload.set(field, field.spec().example));
        payload
    }

    #[divan::bench]
    fn encode(bencher: Bencher<'_, '_>) {
        let (wire, payload, mut body) = (Wire::new(false, &[]), filled(), Vec::new());
        wire.encode(&payload, &mut body);
        bencher.counter(ItemsCount::new(1_u32)).counter(BytesCount::new(body.len())).bench_local(
            || {
                body.clear();
                wire.encode(black_box(&payload), &mut body);
                body.len()
            },
        );
    }

    #[divan::bench]
    fn identity(bencher: Bencher<'_, '_>) {
        let payload = filled();
        let fields = [Field::ORDER_NO, Field::TRACKINGNUMBER];
        bencher.counter(ItemsCount::new(1_u32)).bench(|| black_box(&payload).identity(&fields));
    }

    #[divan::bench]
    fn warnings(bencher: Bencher<'_, '_>) {
        let payload = filled();
        bencher.counter(ItemsCount::new(1_u32)).bench(|| {
            let mut count = 0;
            check::warnings(black_box(&payload), |_, _| count += 1);
            count
        });
    }
}

/// The ledger, through its thread and its commits.
mod ledger {
    use futures::future::join_all;

    use super::{
        BATCHES, Bencher, Conclusion, IN_FLIGHT, ItemsCount, Key, Ledger, Runtime, Scope, TempDir,
    };

    /// A ledger with so many shipments accepted by an earlier run.
    struct Opened {
        ledger: Ledger,
        runtime: Runtime,
        folder: TempDir,
    }

    fn key(number: u64) -> Key {
        // Spread like the hashes of a run.
        let spread =
            |seed: u64| u128::from(number.wrapping_add(seed).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        Key { identity: spread(1) << 64 | spread(2), payload: spread(3) << 64 | spread(4) }
    }

    fn ledger_in(folder: &TempDir) -> Ledger {
        let scope = Scope {
            endpoint: "https://shop.example.com/hook".into(),
            query_hash: None,
            account: "ops@example.com".into(),
        };
        Ledger::open(&folder.path().join("ledger.db"), &scope, "orders.csv").expect("a ledger")
    }

    impl Opened {
        fn with(accepted: u64) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let opened = Self { ledger: ledger_in(&folder), runtime, folder };
            let keys: Vec<Key> = (0..accepted).map(key).collect();
            keys.chunks(IN_FLIGHT).for_each(|group| opened.send(group));
            opened.ledger.close().expect("closed");
            Self { ledger: ledger_in(&opened.folder), ..opened }
        }

        /// As many shipments sent and accepted at the same time.
        fn send(&self, keys: &[Key]) {
            self.runtime.block_on(join_all(keys.iter().map(async |key| {
                let begun = self.ledger.begin(*key, "100000001", "1Z999AA10123456784");
                begun.await.expect("recorded");
                self.ledger.end(*key, Conclusion::Accepted).await.expect("recorded");
            })));
        }

        fn look_up(&self, keys: &[Key]) {
            self.runtime.block_on(join_all(keys.iter().map(async |key| {
                self.ledger.history(*key).await.expect("a history");
            })));
        }
    }

    fn bench(bencher: Bencher<'_, '_>, mut work: impl FnMut(&[Key])) {
        let mut numbers = 0..;
        let group = move || numbers.by_ref().take(IN_FLIGHT).map(key).collect::<Vec<_>>();
        let inputs = bencher.counter(ItemsCount::new(IN_FLIGHT)).with_inputs(group);
        inputs.bench_local_values(|keys| work(&keys));
    }

    /// Begin and end of new shipments.
    #[divan::bench(sample_count = BATCHES, sample_size = 1)]
    fn send(bencher: Bencher<'_, '_>) {
        let opened = Opened::with(0);
        bench(bencher, |keys| opened.send(keys));
    }

    /// Look-ups of unknown shipments.
    #[divan::bench(sample_count = BATCHES, sample_size = 1)]
    fn look_up_new(bencher: Bencher<'_, '_>) {
        let opened = Opened::with(0);
        bench(bencher, |keys| opened.look_up(keys));
    }

    /// Look-ups of shipments that an earlier run has sent, which marks them as seen.
    #[divan::bench(sample_count = BATCHES, sample_size = 1)]
    fn look_up_known(bencher: Bencher<'_, '_>) {
        let opened = Opened::with(IN_FLIGHT as u64 * u64::from(BATCHES));
        bench(bencher, |keys| opened.look_up(keys));
    }
}

/// Rows and outcomes to lines, in the order of the input; to the system, not to the disk.
#[divan::bench]
fn results(bencher: Bencher<'_, '_>) {
    let export = Export::get();
    let outcome = Outcome {
        status: Status::Sent,
        http_status: Some(200),
        attempts: 1,
        message: "Request Received Successfully".to_owned(),
        finished_at: Some(Timestamp::UNIX_EPOCH),
        duration: Some(std::time::Duration::from_millis(12)),
    };
    let begin = || {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = Paths::from_results(&folder.path().join("orders.results.csv"));
        let inputs = ["orders.csv".to_owned()];
        let results =
            Results::create(&paths, &export.header, Dialect::default(), &inputs, Terms::default());
        let rows: Vec<_> = export.rows.iter().cloned().map(Arc::new).collect();
        (results.expect("files in a fresh folder"), rows, folder)
    };
    bencher.counter(ItemsCount::new(ROWS)).with_inputs(begin).bench_local_values(
        |(mut results, rows, folder)| {
            let labels = Labels {
                order_no: "100000001",
                trackingnumber: "1Z999AA10123456784",
                payload: Some(7),
            };
            let mut waiting = VecDeque::with_capacity(IN_FLIGHT);
            for row in rows {
                waiting.push_back(results.expect(row, labels, 1));
                if waiting.len() == IN_FLIGHT
                    && let Some(ticket) = waiting.pop_front()
                {
                    results.settle(ticket, &outcome, None).expect("written");
                }
            }
            for ticket in waiting {
                results.settle(ticket, &outcome, None).expect("written");
            }
            (results, folder)
        },
    );
}

/// The engine from a shipment to its outcome: order, verdict and metrics, with an answer that is
/// there at once.
#[divan::bench]
fn engine(bencher: Bencher<'_, '_>) {
    let shipments = Export::get().shipments();
    let limits = Limits {
        concurrency: NonZeroUsize::new(IN_FLIGHT).expect("not zero"),
        rate: Rate::Unlimited,
        ..Limits::default()
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let waiting = || {
        let task =
            |(ticket, shipment)| Task { shipment, lines: [Ticket(ticket)].into(), previous: None };
        Waiting((0..).zip(shipments.iter().cloned()).map(task).collect::<VecDeque<_>>().into())
    };
    bencher.counter(ItemsCount::new(ROWS)).with_inputs(waiting).bench_local_values(|tasks| {
        let (metrics, (_handle, stop)) = (Metrics::default(), stop_channel());
        let engine = Engine {
            limits: &limits,
            transport: &AtOnce,
            queue: &tasks,
            recorder: &tasks,
            stop,
            metrics: &metrics,
            seed: 1,
        };
        runtime.block_on(engine.run()).map(drop)
    });
}

/// Shipments that wait; their outcomes are only checked.
struct Waiting(RefCell<VecDeque<Task>>);

impl TaskQueue for Waiting {
    type Error = Infallible;

    async fn next(&self) -> Result<Option<Task>, Infallible> {
        Ok(self.0.borrow_mut().pop_front())
    }

    fn settle(&self, _: Task, outcome: &Outcome) -> Result<(), Infallible> {
        assert_eq!(outcome.status, Status::Sent);
        Ok(())
    }
}

impl Recorder for Waiting {
    type Error = Infallible;

    async fn admit(&self, _: &Shipment) -> Result<Admission, Infallible> {
        Ok(Admission::Send { tainted: false })
    }

    async fn begin(&self, _: &Shipment) -> Result<(), Infallible> {
        Ok(())
    }

    async fn end(&self, _: &Shipment, _: Conclusion) -> Result<(), Infallible> {
        Ok(())
    }
}

/// An endpoint that accepts everything without a delay.
struct AtOnce;

impl Transport for AtOnce {
    async fn send(&self, body: Arc<[u8]>) -> Result<Response, TransportError> {
        black_box(body);
        let body = r#"{"message":"Request Received Successfully","status":"Success"}"#.to_owned();
        Ok(Response { status: 200, body, ..Response::default() })
    }
}
