//! The sandbox over real sockets, with a client that doesn't use hyper.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::*;
use crate::secret::{Credentials, Secret};

const GOOD: &str = r#"{"order_no":"1001","trackingnumber":"1Z999AA10123456784","carrier_type":"UPS","quantity":"2"}"#;

/// A connection, and what was read beyond the last answer.
struct Client(TcpStream, Vec<u8>);

/// An answer: head and body.
#[derive(Debug)]
struct Seen {
    status: u16,
    head: String,
    body: String,
}

impl Client {
    fn new(sandbox: &Sandbox) -> Self {
        let stream = TcpStream::connect(address_of(sandbox)).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time limit");
        Self(stream, Vec::new())
    }

    /// Sends a request as it should be, but for its body.
    fn post(&mut self, body: &str) -> std::io::Result<Seen> {
        self.send(
            "POST",
            PATH,
            &["Content-Type: application/json", "X-Auth-Email: a@example.com", "X-Auth-Key: k"],
            body,
        )
    }

    fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &str,
    ) -> std::io::Result<Seen> {
        let headers: String = headers.iter().flat_map(|line| [line, "\r\n"]).collect();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        self.0.write_all(request.as_bytes())?;
        self.answer()
    }

    fn answer(&mut self) -> std::io::Result<Seen> {
        let head_end = loop {
            if let Some(at) = memchr::memmem::find(&self.1, b"\r\n\r\n") {
                break at + 4;
            }
            self.fill()?;
        };
        let head = String::from_utf8_lossy(&self.1[..head_end]).to_lowercase();
        let length: usize =
            value(&head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        while self.1.len() < head_end + length {
            self.fill()?;
        }
        let body = String::from_utf8_lossy(&self.1[head_end..head_end + length]).into_owned();
        self.1.drain(..head_end + length);
        let status = head[9..12].parse().expect("a status line");
        Ok(Seen { status, head, body })
    }

    fn fill(&mut self) -> std::io::Result<()> {
        let mut piece = [0; 4096];
        let count = self.0.read(&mut piece)?;
        self.1.extend_from_slice(&piece[..count]);
        if count == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

fn address_of(sandbox: &Sandbox) -> SocketAddr {
    let url = sandbox.url();
    let address = url.strip_prefix("http://").and_then(|rest| rest.strip_suffix(PATH));
    address.and_then(|address| address.parse().ok()).expect("an address")
}

fn value<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn start(settings: SandboxSettings) -> Sandbox {
    Sandbox::start(SocketAddr::from(([127, 0, 0, 1], 0)), settings).expect("a sandbox")
}

fn status(counts: &SandboxCounts, status: u16) -> u64 {
    counts.statuses.get(&status).copied().unwrap_or(0)
}

fn message(text: &str) -> String {
    format!(r#"{{"message":"{text}","status":"Error"}}"#)
}

/// Waits for a condition, but not forever.
fn until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "the condition never held");
        std::thread::yield_now();
    }
}

#[test]
fn response_table_matches_the_webhooks_guide() {
    let sandbox = start(SandboxSettings::default());
    let mut client = Client::new(&sandbox);
    let (json, email, key) =
        ("Content-Type: application/json", "X-Auth-Email: a@example.com", "X-Auth-Key: k");
    let (empty, invalid) =
        ("Order Number, Tracking Number, Carrier Type must not be empty", "Invalid JSON format");
    let (content, missing) = (
        "Only application/json content-type is accepted",
        "Authorization Email and API Key are required",
    );
    let cases: &[(&[&str], &str, u16, &str)] = &[
        (
            &[json, email, key],
            r#"{"order_no":"1","trackingnumber":"2","carrier_type":""}"#,
            409,
            empty,
        ),
        (&[json, email, key], r#"{"order_no":"1","trackingnumber":"2"}"#, 409, empty),
        (&[json, email, key], "{}", 409, empty),
        (&[json, email, key], "", 409, invalid),
        (
            &[json, email, key],
            r#"{"order_no":1001,"trackingnumber":"2","carrier_type":"UPS"}"#,
            409,
            invalid,
        ),
        (&[json, email, key], "order_no=1001", 409, invalid),
        (&[email, key], GOOD, 400, content),
        (&["Content-Type: text/json", email, key], GOOD, 400, content),
        (&["Content-Type: application/jsonp"], "", 400, content),
        (&[json, key], GOOD, 400, missing),
        (&[json, email], GOOD, 400, missing),
        (&[json, email, "X-Auth-Key:  "], "", 400, missing),
    ];
    for (headers, body, status, text) in cases {
        let seen = client.send("POST", PATH, headers, body).expect("an answer");
        assert_eq!((seen.status, seen.body), (*status, message(text)), "{headers:?} {body}");
    }
    for content_type in ["application/json; charset=utf-8", "Application/JSON"] {
        let headers =
            [&format!("content-type: {content_type}"), "x-auth-email: a", "x-auth-key: k"];
        let seen = client.send("POST", PATH, &headers, GOOD).expect("an answer");
        let body = r#"{"message":"Request Received Successfully","status":"Success"}"#;
        assert_eq!((seen.status, seen.body.as_str()), (200, body));
        assert_eq!(value(&seen.head, "content-type"), Some("application/json"));
        assert!(value(&seen.head, "date").is_some(), "{}", seen.head);
    }
    let counts = sandbox.stop();
    assert_eq!((status(&counts, 409), status(&counts, 400), counts.accepted), (6, 6, 2));
    assert_eq!((counts.connections, counts.requests), (1, 14));
}

#[test]
fn credentials_are_compared_before_the_body() {
    let secret = |value| Secret::new(value).expect("a secret");
    let credentials = Some(Credentials::new(secret("ops@example.com"), secret("s3cret")));
    let sandbox = start(SandboxSettings { credentials, ..SandboxSettings::default() });
    let mut client = Client::new(&sandbox);
    let mut send = |email: &str, key: &str| {
        let (email, key) = (format!("X-Auth-Email: {email}"), format!("X-Auth-Key: {key}"));
        client
            .send("POST", PATH, &["Content-Type: application/json", &email, &key], "{")
            .expect("an answer")
    };
    for (email, key) in [
        ("ops@example.com", "S3cret"),
        ("Ops@example.com", "s3cret"),
        ("s3cret", "ops@example.com"),
    ] {
        let seen = send(email, key);
        let wanted = message("Authorization Header Error. Check your email and API key");
        assert_eq!((seen.status, seen.body), (401, wanted));
    }
    assert_eq!(send("ops@example.com", "s3cret").status, 409);
}

#[test]
fn path_and_method_are_checked() {
    let sandbox = start(SandboxSettings { errors: 1.0, ..SandboxSettings::default() });
    let mut client = Client::new(&sandbox);
    for path in ["/", "/genericwebhook/webhookapi.php", "/Genericwebhook/webhookapi.php/"] {
        assert_eq!(client.send("POST", path, &[], GOOD).expect("an answer").status, 404, "{path}");
    }
    for method in ["GET", "PUT", "DELETE"] {
        let seen = client.send(method, PATH, &[], "").expect("an answer");
        assert_eq!((seen.status, value(&seen.head, "allow")), (405, Some("post")), "{method}");
    }
    assert_eq!(
        client.send("POST", &format!("{PATH}?a=b"), &[], "").expect("an answer").status,
        500
    );
}

#[test]
fn random_faults_come_in_their_shares_and_are_counted() {
    let settings = SandboxSettings {
        errors: 0.2,
        throttled: 0.1,
        resets: 0.1,
        seed: 11,
        ..SandboxSettings::default()
    };
    let sandbox = start(settings.clone());
    let run = |sandbox: &Sandbox| {
        let mut client = Client::new(sandbox);
        let mut seen: Vec<u16> = Vec::new();
        for _ in 0..2_000 {
            match client.post(GOOD) {
                Ok(answer) => {
                    assert_eq!(value(&answer.head, "retry-after").is_some(), answer.status == 429);
                    seen.push(answer.status);
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                    seen.push(0);
                    client = Client::new(sandbox);
                }
            }
        }
        seen
    };
    let seen = run(&sandbox);
    let count = |status| seen.iter().filter(|&&one| one == status).count() as u64;
    assert!((150..250).contains(&count(0)), "{} resets", count(0));
    assert!((150..250).contains(&count(429)), "{} throttled", count(429));
    assert!((340..460).contains(&count(500)), "{} errors", count(500));

    let counts = sandbox.stop();
    assert_eq!((counts.requests, counts.connections), (2_000, 1 + count(0)));
    assert_eq!(
        (counts.resets, status(&counts, 429), status(&counts, 500)),
        (count(0), count(429), count(500))
    );
    let lost = counts.accepted - status(&counts, 200);
    assert!(
        (1..counts.resets).contains(&lost),
        "{lost} of {} resets had been accepted",
        counts.resets
    );

    assert_eq!(run(&start(settings)), seen, "the same seed, the same faults");
}

#[test]
fn rate_limit_throttles_what_exceeds_it() {
    let sandbox =
        start(SandboxSettings { rate_limit: NonZeroU32::new(3), ..SandboxSettings::default() });
    let mut client = Client::new(&sandbox);
    let answers: Vec<_> = (0..5).map(|_| client.post(GOOD).expect("an answer")).collect();
    let counts = sandbox.stop();
    // On a machine so slow that this takes a second, the limit frees places again.
    if counts.peak_per_second == 5 {
        assert_eq!(
            answers.iter().map(|answer| answer.status).collect::<Vec<_>>(),
            [200, 200, 200, 429, 429]
        );
        assert_eq!(value(&answers[4].head, "retry-after"), Some("1"));
    }
    assert_eq!(counts.requests, 5);
}

#[test]
fn connection_carries_a_thousand_requests() {
    let sandbox = start(SandboxSettings::default());
    let mut client = Client::new(&sandbox);
    for _ in 0..1_000 {
        assert_eq!(client.post(GOOD).expect("an answer").status, 200);
    }
    let counts = sandbox.stop();
    assert_eq!((counts.connections, counts.accepted, status(&counts, 200)), (1, 1_000, 1_000));
    assert_eq!((counts.in_flight, counts.peak_in_flight), (0, 1));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let sandbox =
        start(SandboxSettings { latency: Duration::from_millis(2), ..SandboxSettings::default() });
    let mut client = Client::new(&sandbox);
    let request = format!("POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    let other = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.0.write_all([request.as_str(), other, &request].concat().as_bytes()).expect("sent");
    let statuses = [(); 3].map(|()| client.answer().expect("an answer").status);
    assert_eq!(statuses, [400, 404, 400]);
}

#[test]
fn body_in_many_pieces_is_joined_and_a_huge_one_refused() {
    let sandbox = start(SandboxSettings::default());
    let mut client = Client::new(&sandbox);
    let body = format!(
        r#"{{"order_no":"1","trackingnumber":"2","carrier_type":"UPS","product":"{}"}}"#,
        "x".repeat(900_000)
    );
    assert_eq!(client.post(&body).expect("an answer").status, 200);
    assert_eq!(client.post(&"x".repeat(5_000_000)).expect("an answer").status, 413);
    assert_eq!(client.post(GOOD).expect("an answer").status, 200);
}

#[test]
fn bad_http_closes_only_its_connection() {
    let sandbox = start(SandboxSettings::default());
    let mut client = Client::new(&sandbox);
    client.0.write_all(b"\x16\x03\x01 this is no request\r\n\r\n").expect("sent");
    let mut rest = Vec::new();
    client.0.read_to_end(&mut rest).expect("closed");
    assert!(
        rest.is_empty() || rest.starts_with(b"HTTP/1.1 400"),
        "{}",
        String::from_utf8_lossy(&rest)
    );
    assert_eq!(Client::new(&sandbox).post(GOOD).expect("an answer").status, 200);
    assert_eq!(sandbox.stop().requests, 1);
}

#[test]
fn acceptance_does_not_depend_on_the_clients_patience() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("requests");
    let sandbox = start(SandboxSettings {
        latency: Duration::from_secs(600),
        log: Some(log.clone()),
        ..SandboxSettings::default()
    });
    let mut client = Client::new(&sandbox);
    client.0.set_read_timeout(Some(Duration::from_millis(1))).expect("a time limit");
    assert!(client.post(GOOD).is_err());
    until(|| sandbox.counts().accepted == 1);
    assert_eq!(sandbox.counts().in_flight, 1);
    drop(client);
    until(|| sandbox.counts().in_flight == 0);
    assert_eq!(LogEntry::read_all(&log).expect("a log").len(), 1);
}

#[test]
fn log_has_a_line_for_each_request_before_its_response() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("requests");
    let sandbox = start(SandboxSettings {
        resets: 0.5,
        seed: 5,
        log: Some(path.clone()),
        ..SandboxSettings::default()
    });
    for number in 1..=40 {
        let body = format!(
            r#"{{"order_no":"{number}","trackingnumber":"t{number}","carrier_type":"UPS"}}"#
        );
        let seen = Client::new(&sandbox).post(&body).map(|seen| seen.status).ok();
        let entries = LogEntry::read_all(&path).expect("a log");
        let entry = &entries[number - 1];
        assert_eq!(
            (entry.order_no.clone(), entry.trackingnumber.clone()),
            (number.to_string(), format!("t{number}"))
        );
        assert_eq!(entry.payload, format!("{:032x}", xxhash_rust::xxh3::xxh3_128(body.as_bytes())));
        assert_eq!((entry.answered, entry.answered.then_some(200)), (seen.is_some(), seen));
    }
    let entries = LogEntry::read_all(&path).expect("a log");
    let counts = sandbox.stop();
    let accepted = entries.iter().filter(|entry| entry.status == Some(200)).count() as u64;
    assert_eq!(
        (entries.len() as u64, accepted, counts.log_lines_lost),
        (counts.requests, counts.accepted, 0)
    );
    assert!(entries.iter().any(|entry| entry.status.is_none()));
    assert!(entries.iter().any(|entry| entry.status.is_some() && !entry.answered));
}

#[test]
fn start_is_refused_beyond_loopback_and_on_a_taken_port() {
    let sandbox = start(SandboxSettings::default());
    assert_eq!(sandbox.url(), format!("http://127.0.0.1:{}{PATH}", address_of(&sandbox).port()));
    let taken = Sandbox::start(address_of(&sandbox), SandboxSettings::default())
        .expect_err("the port is taken");
    assert!(
        matches!(taken, Error::PortInUse(address) if address == address_of(&sandbox)),
        "{taken}"
    );
    assert!(taken.to_string().contains("choose another port"), "{taken}");
    for address in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"] {
        let error =
            Sandbox::start(address.parse().expect("an address"), SandboxSettings::default())
                .expect_err("refused");
        assert!(matches!(error, Error::NotLoopback(_)), "{error}");
    }
    let log = Some("no such folder/log".into());
    let error = Sandbox::start(
        SocketAddr::from(([127, 0, 0, 1], 0)),
        SandboxSettings { log, ..SandboxSettings::default() },
    );
    assert!(matches!(error, Err(Error::Log { .. })));
}

#[test]
fn stop_ends_connections_and_frees_the_port() {
    let sandbox =
        start(SandboxSettings { latency: Duration::from_secs(600), ..SandboxSettings::default() });
    let address = address_of(&sandbox);
    let mut client = Client::new(&sandbox);
    client.0.set_read_timeout(Some(Duration::from_millis(1))).expect("a time limit");
    assert!(client.post(GOOD).is_err());
    client.0.set_read_timeout(Some(Duration::from_secs(10))).expect("a time limit");
    drop(sandbox);
    assert!(matches!(
        client.answer().map_err(|error| error.kind()),
        Err(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset)
    ));
    drop(client);
    assert_eq!(
        Sandbox::start(address, SandboxSettings::default()).map(|again| address_of(&again)).ok(),
        Some(address)
    );
}

#[test]
fn outage_resets_open_connections_and_the_port_comes_back() {
    let outage = OutageWindow { start: OutageStart::Requests(1), duration: Duration::from_secs(1) };
    let folder = tempfile::tempdir().expect("a folder");
    let log = Some(folder.path().join("log"));
    let sandbox =
        start(SandboxSettings { outage: Some(outage), log, ..SandboxSettings::default() });
    let mut client = Client::new(&sandbox);
    assert_eq!(client.post(GOOD).expect("a response").status, 200);
    let reset = client.post(GOOD).expect_err("reset");
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
    let address = address_of(&sandbox);
    let kind = || TcpStream::connect(address).err().map(|error| error.kind());
    until(|| kind() == Some(ErrorKind::ConnectionRefused));
    until(|| kind().is_none());
    assert_eq!(Client::new(&sandbox).post(GOOD).expect("a response").status, 200);
    let entries = LogEntry::read_all(&folder.path().join("log")).expect("a log");
    let seen: Vec<_> = entries.iter().map(|entry| (entry.status, entry.answered)).collect();
    assert_eq!(seen, [(Some(200), true), (None, false), (Some(200), true)]);
    assert_eq!(sandbox.stop().resets, 1);
}

#[test]
fn revoke_after_answers_as_for_wrong_credentials() {
    let sandbox = start(SandboxSettings { revoke_after: Some(2), ..SandboxSettings::default() });
    let mut client = Client::new(&sandbox);
    let statuses = [(); 4].map(|()| client.post(GOOD).expect("a response").status);
    assert_eq!(statuses, [200, 200, 401, 401]);
}

#[test]
fn slow_responses_are_late_and_their_payloads_accepted() {
    let slow = Some(SlowResponses { share: 1.0, time: Duration::from_secs(600) });
    let sandbox = start(SandboxSettings { slow, ..SandboxSettings::default() });
    let mut client = Client::new(&sandbox);
    client.0.set_read_timeout(Some(Duration::from_millis(1))).expect("a time limit");
    assert!(client.post(GOOD).is_err());
    until(|| sandbox.counts().accepted == 1);
    assert_eq!(sandbox.counts().in_flight, 1);
}
