//! What is sent to: nginx with and without TLS, the sandbox of `lateship`, and a tiny sink that
//! notes arrivals.
//!
//! All of them on loopback and free ports; each ends with its guard.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use lateship::sandbox::PATH;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::child::Running;

/// The webhook's acceptance.
const ACCEPTED: &str = r#"{"message":"Request Received Successfully","status":"Success"}"#;

/// nginx as a sink: it accepts whatever comes, with and without TLS.
pub(crate) struct Nginx {
    http: u16,
    tls: u16,
    /// The certificate of the test authority that signed the one for `localhost`.
    pub(crate) authority: PathBuf,
    _running: Running,
}

impl Nginx {
    /// Starts it with a folder of its own, and waits until it listens.
    pub(crate) fn start(program: &Path, folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let authority = certificates(folder).map_err(io::Error::other)?;
        let (http, tls) = (free_port()?, free_port()?);
        let settings = folder.join("nginx.conf");
        fs::write(&settings, configuration(folder, http, tls))?;
        let log = folder.join("error.log");
        let running = Running::start(
            Command::new(program)
                .arg("-p")
                .arg(folder)
                .arg("-c")
                .arg(&settings)
                .args(["-e", "stderr"])
                .stdout(Stdio::null())
                .stderr(File::create(&log)?),
        )?;
        for port in [http, tls] {
            wait_for(port).map_err(|error| {
                let said = fs::read_to_string(&log).unwrap_or_default();
                io::Error::other(format!("nginx does not listen: {error}\n{said}"))
            })?;
        }
        Ok(Self { http, tls, authority, _running: running })
    }

    /// The endpoint without TLS.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.http)
    }

    /// The endpoint with TLS.
    pub(crate) fn tls_url(&self) -> String {
        format!("https://localhost:{}{PATH}", self.tls)
    }
}

/// One process, so that nothing is left when it is killed; no file of its own outside of the
/// folder.
fn configuration(folder: &Path, http: u16, tls: u16) -> String {
    let folder = folder.display();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log stderr warn;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n  access_log off;\n  keepalive_requests 1000000000;\n  keepalive_timeout 1h;\n  \
         client_max_body_size 1m;\n  client_body_temp_path {folder}/body;\n  proxy_temp_path {folder}/proxy;\n  \
         fastcgi_temp_path {folder}/fastcgi;\n  uwsgi_temp_path {folder}/uwsgi;\n  scgi_temp_path {folder}/scgi;\n  \
         server {{\n    listen 127.0.0.1:{http} backlog=1024;\n    listen 127.0.0.1:{tls} ssl backlog=1024;\n    \
         ssl_certificate {folder}/localhost.pem;\n    ssl_certificate_key {folder}/localhost.key;\n    \
         location / {{\n      default_type application/json;\n      return 200 '{ACCEPTED}';\n    }}\n  }}\n}}\n"
    )
}

/// Writes a certificate for `localhost` with its key, and that of the authority that signed it,
/// whose path is given back.
fn certificates(folder: &Path) -> Result<PathBuf, Box<dyn std::error::Error + Send + Sync>> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &authority)?;
    fs::write(folder.join("localhost.pem"), leaf.pem())?;
    fs::write(folder.join("localhost.key"), key.serialize_pem())?;
    let path = folder.join("authority.pem");
    fs::write(&path, authority.pem())?;
    Ok(path)
}

/// A port that nobody listens on just now.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn wait_for(port: u16) -> io::Result<()> {
    let began = Instant::now();
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(()),
            Err(error) if began.elapsed() > Duration::from_secs(5) => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// `lateship sandbox`, which answers late.
pub(crate) struct Sandbox {
    /// Its endpoint.
    pub(crate) url: String,
    _running: Running,
}

impl Sandbox {
    /// Starts it, and waits until it has told its address.
    pub(crate) fn start(lateship: &Path, latency: &str, log: Option<&Path>) -> io::Result<Self> {
        let mut command = Command::new(lateship);
        command.args(["sandbox", "--port", "0", "--latency", latency, "--quiet"]);
        if let Some(log) = log {
            command.arg("--log").arg(log);
        }
        let mut running = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::null()))?;
        let stdout = running
            .0
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("the sandbox has no standard output"))?;
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url)?;
        let url = url.trim().to_owned();
        if url.is_empty() {
            return Err(io::Error::other("the sandbox did not start"));
        }
        Ok(Self { url, _running: running })
    }
}

/// A request that came to the [`Sink`].
pub(crate) struct Arrival {
    /// When its first bytes were read.
    pub(crate) at: Instant,
    pub(crate) body: Vec<u8>,
}

/// A server of this process that accepts everything and tells when it came. Not built for speed.
pub(crate) struct Sink {
    /// Its endpoint.
    pub(crate) url: String,
    /// The requests, in the order of their arrival.
    pub(crate) arrivals: Receiver<Arrival>,
}

impl Sink {
    /// Starts it; its threads end with the process.
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let url = format!("http://127.0.0.1:{}{PATH}", listener.local_addr()?.port());
        let (sender, arrivals) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                // An error is the client's end of the connection.
                std::thread::spawn(move || drop(converse(stream, &sender)));
            }
        });
        Ok(Self { url, arrivals })
    }
}

fn converse(mut stream: TcpStream, sender: &Sender<Arrival>) -> io::Result<()> {
    let reply = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{ACCEPTED}",
        ACCEPTED.len()
    );
    let mut seen = Vec::new();
    let mut at = None;
    loop {
        let mut part = [0; 8192];
        let count = stream.read(&mut part)?;
        if count == 0 {
            return Ok(());
        }
        let at_first = *at.get_or_insert_with(Instant::now);
        seen.extend_from_slice(&part[..count]);
        let Some(head) = memchr::memmem::find(&seen, b"\r\n\r\n") else { continue };
        let length = content_length(&String::from_utf8_lossy(&seen[..head]));
        if seen.len() < head + 4 + length {
            continue;
        }
        let body = seen[head + 4..head + 4 + length].to_vec();
        let _ = sender.send(Arrival { at: at_first, body });
        stream.write_all(reply.as_bytes())?;
        seen.drain(..head + 4 + length);
        at = None;
    }
}

fn content_length(head: &str) -> usize {
    let value = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    };
    head.lines().find_map(value).unwrap_or(0)
}
