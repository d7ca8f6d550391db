//! What all comparisons share: the folder, the programs, the data, nginx, and the commands of the
//! contestants.

use std::cell::OnceCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::child::{Measured, measure};
use super::contest::{Contestant, say};
use super::servers::{Nginx, Sink};
use super::{Outcome, data};

/// Requests in flight at once, for everybody.
pub(crate) const CONCURRENCY: &str = "64";
/// Nobody's account.
pub(crate) const ACCOUNT: [(&str, &str); 2] =
    [("LATESHIPMENT_EMAIL", "bench@example.com"), ("LATESHIPMENT_API_KEY", "bench-key")];

/// The folder and the programs of one run of the benchmark; servers start when they are first
/// needed.
pub(crate) struct Stage {
    // Before the folder, for nginx writes into it until it ends.
    nginx: OnceCell<Nginx>,
    folder: TempDir,
    pub(crate) lateship: PathBuf,
    oha: Option<PathBuf>,
    pub(crate) rounds: u32,
    pub(crate) rows: u64,
    body: OnceCell<String>,
}

impl Stage {
    /// Finds the programs and makes the folder.
    pub(crate) fn new(
        lateship: Option<PathBuf>,
        oha: Option<PathBuf>,
        rounds: u32,
        rows: u64,
    ) -> Outcome<Self> {
        let lateship = match lateship {
            Some(path) => path,
            None => beside()?,
        };
        let lateship = lateship.canonicalize().map_err(|error| {
            format!("{}: {error}; build it first: cargo build --release", lateship.display())
        })?;
        let folder = tempfile::Builder::new().prefix("lateship-bench").tempdir()?;
        fs::write(folder.path().join("map.toml"), data::mapping())?;
        let oha = oha.or_else(|| find("oha"));
        Ok(Self {
            nginx: OnceCell::new(),
            folder,
            lateship,
            oha,
            rounds,
            rows,
            body: OnceCell::new(),
        })
    }

    /// A line on what was measured where.
    pub(crate) fn about(&self) -> String {
        let processors = std::thread::available_parallelism().map_or(0, usize::from);
        let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        format!(
            "lateship {}, {} rounds, {} rows; {processors} x {}, shared with the server\n",
            env!("CARGO_PKG_VERSION"),
            self.rounds,
            self.rows,
            model.map_or("unknown processor", |(_, model)| model.trim())
        )
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An export of so many rows, made when it is first needed.
    pub(crate) fn export(&self, rows: u64) -> io::Result<PathBuf> {
        let path = self.path(&format!("orders-{rows}.csv"));
        data::export(&path, rows)?;
        Ok(path)
    }

    /// The sink, started when it is first needed.
    pub(crate) fn nginx(&self) -> Outcome<&Nginx> {
        if let Some(nginx) = self.nginx.get() {
            return Ok(nginx);
        }
        let program =
            find("nginx").ok_or("nginx is not installed (Debian's nginx-light has it)")?;
        let nginx = Nginx::start(&program, &self.path("nginx"))?;
        Ok(self.nginx.get_or_init(|| nginx))
    }

    /// A fresh folder for the files of a run.
    pub(crate) fn fresh(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.path(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir(&folder)?;
        Ok(folder)
    }

    /// `lateship`, with the account and nothing of the user's own: neither settings nor state.
    pub(crate) fn lateship(&self) -> Command {
        let mut command = Command::new(&self.lateship);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LATESHIP") {
                command.env_remove(name);
            }
        }
        command
            .envs(ACCOUNT)
            .env("HOME", self.folder.path())
            .env("XDG_STATE_HOME", self.path("state"));
        command.stdout(Stdio::null());
        command
    }

    /// An import as fast as it goes, with results; `flags` say what else.
    pub(crate) fn import_command(&self, input: &Path, url: &str, folder: &Path) -> Command {
        let mut command = self.lateship();
        command.arg("import").arg(input).arg("-m").arg(self.path("map.toml"));
        command.arg("-o").arg(folder.join("orders.results.csv"));
        command.args(["--endpoint", url, "--concurrency", CONCURRENCY]);
        command
    }

    /// What a row becomes on the wire, as `lateship` sends it.
    pub(crate) fn body(&self) -> Outcome<&str> {
        if let Some(body) = self.body.get() {
            return Ok(body);
        }
        let sink = Sink::start()?;
        let folder = self.fresh("body")?;
        let mut command = self.import_command(&self.export(1)?, &sink.url, &folder);
        measure(command.args(["--no-ledger", "--rate", "unlimited"]))?.accepted()?;
        let body = String::from_utf8(sink.arrivals.recv()?.body)?;
        say(format_args!("the body of a request has {} bytes", body.len()))?;
        Ok(self.body.get_or_init(|| body))
    }

    /// oha with the same body; `None`, and a word on it, where it is not installed.
    pub(crate) fn oha<'a>(&'a self, url: &'a str, count: u64) -> Outcome<Option<Contestant<'a>>> {
        let Some(program) = &self.oha else { return missing("oha") };
        let body = self.body()?;
        Ok(Some(Contestant::new("oha", move || {
            let told = self.path("oha.json");
            let mut command = Command::new(program);
            command.args([
                "-n",
                &count.to_string(),
                "-c",
                CONCURRENCY,
                "-m",
                "POST",
                "-T",
                "application/json",
            ]);
            for (header, (_, value)) in ["X-Auth-Email", "X-Auth-Key"].iter().zip(ACCOUNT) {
                command.args(["-H", &format!("{header}: {value}")]);
            }
            command.args(["-d", body, "--no-tui", "--output-format", "json", "--insecure", url]);
            let measured = measure(command.stdout(fs::File::create(&told)?))?.accepted()?;
            let told: serde_json::Value = serde_json::from_str(&fs::read_to_string(told)?)?;
            let accepted = &told["statusCodeDistribution"]["200"];
            if *accepted != count {
                return Err(format!("{accepted} of {count} requests were accepted").into());
            }
            Ok(measured)
        })))
    }
}

/// Says that somebody is not installed, and leaves the contestant out.
pub(crate) fn missing<T>(name: &str) -> Outcome<Option<T>> {
    say(format_args!("{name} is not installed: left out"))?;
    Ok(None)
}

/// An import that must have sent every one of so many rows.
pub(crate) fn sent(
    command: &mut Command,
    folder: &Path,
    rows: u64,
    status: &str,
) -> Outcome<Measured> {
    let measured = measure(command)?.accepted()?;
    let summary: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.join("orders.results.json"))?)?;
    let count = &summary["counts"][status];
    if *count != rows {
        return Err(format!("{count} of {rows} rows are {status}").into());
    }
    Ok(measured)
}

/// A program on the PATH, or where a system keeps its servers.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// `lateship` of the same profile: `target/<profile>/examples/bench` lies in a folder beside it.
fn beside() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(Path::parent).unwrap_or(&own);
    Ok(folder.join("lateship"))
}
