//! Scripted faults over real sockets: what a client sees, and what the log tells of it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::*;

/// A sandbox with a script, and the folder of its log.
struct Scene {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new(faults: impl Into<Vec<Fault>>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Some(folder.path().join("log"));
        let settings = Settings { script: Some(Script::new(faults)), log, ..Settings::default() };
        let sandbox =
            Sandbox::start(SocketAddr::from(([127, 0, 0, 1], 0)), settings).expect("a sandbox");
        Self { sandbox, folder }
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.sandbox.address())?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(stream)
    }

    /// Sends an order on a connection of its own, and reads what comes until the connection ends.
    fn post(&self, order: &str) -> (String, io::Result<()>) {
        self.read(order, u64::MAX)
    }

    /// The same, but reads only so many bytes.
    fn read(&self, order: &str, bytes: u64) -> (String, io::Result<()>) {
        let mut stream = match self.connect() {
            Ok(stream) => stream,
            Err(error) => return (String::new(), Err(error)),
        };
        let body =
            format!(r#"{{"order_no":"{order}","trackingnumber":"1Z","carrier_type":"UPS"}}"#);
        let request = format!(
            "POST {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             X-Auth-Email: a\r\nX-Auth-Key: k\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut seen = Vec::new();
        let done = stream
            .write_all(request.as_bytes())
            .and_then(|()| stream.take(bytes).read_to_end(&mut seen));
        (String::from_utf8_lossy(&seen).into_owned(), done.map(drop))
    }

    fn log(&self) -> Vec<Entry> {
        Entry::read_all(&self.folder.path().join("log")).expect("a log")
    }

    /// What the log tells of each request: status, accepted, answered, fault.
    fn told(&self) -> Vec<(Option<u16>, bool, bool, Option<usize>)> {
        self.log()
            .iter()
            .map(|entry| (entry.status, entry.accepted, entry.answered, entry.fault))
            .collect()
    }
}

fn refused(done: &io::Result<()>) -> bool {
    done.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

fn reset(done: &io::Result<()>) -> bool {
    done.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
}

#[test]
fn a_status_comes_with_what_the_script_gives_it_and_may_hide_an_acceptance() {
    let does = Does::Status {
        status: 302,
        retry_after: None,
        to: Some("https://www.example.com/".into()),
        body: None,
    };
    let scene = Scene::new([
        Fault::status_with_retry_after(429, "soon").requests(1..=1),
        Fault::status(504).judged(1.0).requests(2..=2),
        Fault::new(does).requests(3..=3),
        Fault::new(Does::Html).judged(1.0).requests(4..=4),
        Fault::new(Does::Empty).requests(5..=5),
        Fault::new(Does::Revoked).requests(6..=6),
    ]);
    let seen: Vec<String> = (1..=7).map(|order| scene.post(&order.to_string()).0).collect();
    for (seen, parts) in seen.iter().zip([
        &[
            "HTTP/1.1 429 ",
            "retry-after: soon",
            r#"{"message":"Too Many Requests","status":"Error"}"#,
        ][..],
        &["HTTP/1.1 504 ", "application/json"],
        &["HTTP/1.1 302 ", "location: https://www.example.com/"],
        &["HTTP/1.1 200 ", "text/html", "<title>"],
        &["HTTP/1.1 200 ", "content-length: 0"],
        &["HTTP/1.1 401 ", "Authorization Header Error"],
        &["HTTP/1.1 200 ", "Request Received Successfully"],
    ]) {
        assert!(parts.iter().all(|part| seen.contains(part)), "{parts:?} in {seen}");
    }
    assert_eq!(
        scene.told(),
        [
            (Some(429), false, true, Some(1)),
            (Some(504), true, false, Some(2)),
            (Some(302), false, true, Some(3)),
            (Some(200), true, false, Some(4)),
            (Some(200), false, true, Some(5)),
            (Some(401), false, true, Some(6)),
            (Some(200), true, true, None),
        ]
    );
    assert_eq!(scene.sandbox.counts().accepted, 3);
}

#[test]
fn connections_end_before_and_after_a_request_is_read_and_within_its_answer() {
    let half = |bytes, end| Fault::new(Does::Half { bytes, end });
    let scene = Scene::new([
        Fault::new(Does::ResetUnread).requests(1..=1),
        Fault::new(Does::Reset).requests(2..=2),
        Fault::new(Does::Reset).judged(1.0).requests(3..=3),
        half(MAX_HALF, End::Fin).requests(4..=4),
        half(30, End::Reset).judged(0.0).requests(5..=5),
        half(0, End::Fin).requests(6..=6),
    ]);
    let seen: Vec<(String, io::Result<()>)> =
        (1..=6).map(|order| scene.post(&order.to_string())).collect();
    for (text, done) in &seen[..3] {
        assert!(text.is_empty() && reset(done), "{text} {done:?}");
    }
    assert!(
        seen[3].0.starts_with("HTTP/1.1 200 OK") && seen[3].0.len() == 160 && seen[3].1.is_ok(),
        "{:?}",
        seen[3]
    );
    // The reset may overtake the bytes before it.
    assert!(seen[4].0.len() <= 30 && reset(&seen[4].1), "{:?}", seen[4]);
    assert!(seen[5].0.is_empty() && seen[5].1.is_ok(), "{:?}", seen[5]);
    assert_eq!(
        scene.told(),
        [
            (None, false, false, Some(1)),
            (None, false, false, Some(2)),
            (Some(200), true, false, Some(3)),
            (Some(200), true, false, Some(4)),
            (None, false, false, Some(5)),
            (Some(200), true, false, Some(6)),
        ]
    );
    assert_eq!((scene.log()[0].order_no.as_str(), scene.log()[1].order_no.as_str()), ("", "2"));
}

#[test]
fn the_shortest_whole_answer_is_longer_than_the_longest_half() {
    let scene = Scene::new([]);
    let (whole, _) = scene.post("1");
    let connection = "connection: close\r\n".len();
    assert!((whole.len() - connection) as u64 > MAX_HALF, "{} bytes", whole.len());
}

#[test]
fn an_endless_body_goes_on_for_as_long_as_it_is_read_and_a_mute_one_never_begins() {
    let scene = Scene::new([
        Fault::new(Does::Endless).requests(1..=1),
        Fault::new(Does::Mute).judged(1.0).requests(2..=2),
        Fault::new(Does::Slow).drip(Duration::from_micros(10)).requests(3..=3),
    ]);
    let (seen, done) = scene.read("1", 1_000_000);
    assert!(seen.len() == 1_000_000 && done.is_ok() && seen.starts_with("HTTP/1.1 200 OK"));

    let mut stream = scene.connect().expect("connected");
    let body = r#"{"order_no":"2","trackingnumber":"1Z","carrier_type":"UPS"}"#;
    let head = "Content-Type: application/json\r\nX-Auth-Email: a\r\nX-Auth-Key: k";
    let request =
        format!("POST {PATH} HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).expect("sent");
    while scene.sandbox.counts().accepted == 0 {
        std::thread::yield_now();
    }
    stream.set_read_timeout(Some(Duration::from_millis(5))).expect("a time limit");
    let silence = stream.read(&mut [0; 1]).map_err(|error| error.kind());
    assert!(matches!(silence, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "{silence:?}");

    let (seen, done) = scene.post("3");
    assert!(seen.ends_with("\"Success\"}") && done.is_ok(), "{seen}");
    assert_eq!(
        scene.told(),
        [
            (Some(200), false, false, Some(1)),
            (Some(200), true, false, Some(2)),
            (Some(200), true, true, Some(3))
        ]
    );
}

#[test]
fn a_shipment_can_be_chosen_by_its_order_and_its_try() {
    let pattern = regex::Regex::new("^10").expect("a pattern");
    let scene = Scene::new([
        Fault::status(500).order("1007"),
        Fault::status(403).order_matches(pattern).tries(2..=2),
    ]);
    for order in ["1007", "1001", "2001", "1007", "1001", "1001"] {
        scene.post(order).1.expect("an answer");
    }
    let statuses: Vec<_> = scene.log().iter().filter_map(|entry| entry.status).collect();
    assert_eq!(statuses, [500, 200, 200, 500, 403, 200]);
}

#[test]
fn nobody_listens_during_an_outage_and_the_same_port_comes_back() {
    let outage = Fault::new(Does::Refuse).requests(2..=2).lasts(Duration::from_millis(200));
    let scene = Scene::new([outage]);
    assert!(scene.post("1").0.starts_with("HTTP/1.1 200 "));
    let (seen, done) = scene.post("2");
    assert!(seen.is_empty() && reset(&done), "{seen} {done:?}");
    let mut refusals = 0;
    let answer = loop {
        match scene.post("3") {
            (_, done) if refused(&done) => refusals += 1,
            // It was waiting to be taken when the listener closed, or met it before.
            (_, Err(error)) if error.kind() == ErrorKind::ConnectionReset => {}
            (seen, _) => break seen,
        }
        std::thread::yield_now();
    };
    assert!(refusals > 0 && answer.starts_with("HTTP/1.1 200 "), "{refusals} {answer}");
    let told = scene.told();
    assert_eq!(
        (told[1], told[told.len() - 1]),
        ((None, false, false, Some(1)), (Some(200), true, true, None))
    );
}

#[test]
fn the_example_has_each_key_and_each_answer() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/faults.toml");
    let script = Script::load(&path).expect("a script");
    assert!(script.faults().len() > 15);
    let text = std::fs::read_to_string(path).expect("read");
    for key in script_file::KEYS {
        assert!(
            text.lines().any(|line| line.starts_with(&format!("{key} = "))),
            "{key} has no example"
        );
    }
    for name in script_file::NAMES {
        assert!(text.contains(&format!("answer = \"{name}\"")), "{name} has no example");
    }
    Settings { script: Some(script), ..Settings::default() }
        .check()
        .expect("shares that are fractions");
}

#[test]
fn a_script_that_is_missing_is_named() {
    let error =
        Script::load(Path::new("no such folder/faults.toml")).expect_err("no file").to_string();
    assert!(error.starts_with("cannot read the script \"no such folder/faults.toml\""), "{error}");
}
