//! A fresh folder for a test, and the real program run in it.
//!
//! The program gets an environment of ours alone: a home inside the test's folder, no proxies, no
//! settings and no credentials but those that a test gives it. It is killed when it runs too long,
//! so that no test hangs.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a program may run, unless a test says otherwise.
const DEFAULT_LIMIT: Duration = Duration::from_secs(60);

/// A fresh folder, which goes when it is dropped.
pub(crate) struct Workdir {
    folder: TempDir,
}

impl Workdir {
    /// Makes the folder, with a home beside it for what the program keeps of a user.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for part in ["work", "home"] {
            std::fs::create_dir(folder.path().join(part)).expect("a folder");
        }
        Self { folder }
    }

    /// Where a file of that name is, or would be.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("work").join(name)
    }

    /// The user's home.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Writes a file, over what was there, and gives its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content)
            .unwrap_or_else(|error| panic!("cannot write {name}: {error}"));
        path
    }

    /// A file's text.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name))
            .unwrap_or_else(|error| panic!("cannot read {name}: {error}"))
    }

    /// The names of all files, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("")).expect("a folder");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// A CSV file's records, by their columns' names.
    pub(crate) fn results(&self, name: &str) -> Vec<HashMap<String, String>> {
        csv::Reader::from_path(self.path(name))
            .unwrap_or_else(|error| panic!("cannot read {name}: {error}"))
            .into_deserialize()
            .collect::<Result<_, _>>()
            .unwrap_or_else(|error| panic!("{name} is no CSV of equal rows: {error}"))
    }

    /// Runs the program with these arguments, to its end.
    pub(crate) fn lateship(&self, arguments: &[impl AsRef<OsStr>]) -> Run {
        self.launch(arguments).run()
    }

    /// The program with these arguments, to be run.
    pub(crate) fn launch(&self, arguments: &[impl AsRef<OsStr>]) -> Launch {
        self.launch_program(env!("CARGO_BIN_EXE_lateship"), arguments)
    }

    /// The same with every signal as it is by default, or with `ignored` ignored, however the tests
    /// themselves were started (under `nohup`, say).
    pub(crate) fn launch_with_signals(&self, ignored: Option<&str>, arguments: &[&str]) -> Launch {
        let signals = ignored
            .map_or("--default-signal".to_owned(), |ignored| format!("--ignore-signal={ignored}"));
        let mut words = vec![signals.as_str(), env!("CARGO_BIN_EXE_lateship")];
        words.extend(arguments);
        self.launch_program("env", &words)
    }

    fn launch_program(&self, program: &str, arguments: &[impl AsRef<OsStr>]) -> Launch {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.path("")).env_clear();
        command.env("HOME", self.home()).env("TMPDIR", self.folder.path());
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8");
        Launch { command, stdin: None, limit: DEFAULT_LIMIT }
    }
}

/// The program, about to be run.
pub(crate) struct Launch {
    command: Command,
    stdin: Option<Vec<u8>>,
    limit: Duration,
}

impl Launch {
    /// With more arguments.
    pub(crate) fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// With a variable in its environment.
    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// With credentials in its environment.
    pub(crate) fn credentials(self, email: &str, api_key: &str) -> Self {
        self.env("LATESHIPMENT_EMAIL", email).env("LATESHIPMENT_API_KEY", api_key)
    }

    /// With something on its standard input, which is empty else.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// With another time limit.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Run {
        self.spawn().wait()
    }

    /// Starts it.
    pub(crate) fn spawn(mut self) -> Running {
        let stdin = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        let mut child = self
            .command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {:?}: {error}", self.command));
        if let (Some(bytes), Some(mut pipe)) = (self.stdin, child.stdin.take()) {
            // A program may end without reading all of it.
            std::thread::spawn(move || pipe.write_all(&bytes));
        }
        let said = Arc::default();
        let outputs = [
            drain(child.stdout.take(), Arc::default()),
            drain(child.stderr.take(), Arc::clone(&said)),
        ];
        Running { child, outputs: Some(outputs), said, deadline: Instant::now() + self.limit }
    }
}

/// Reads a pipe to its end on another thread, so that the program never waits for us; `said` shows
/// what came so far.
fn drain(pipe: Option<impl Read + Send + 'static>, said: Arc<Mutex<String>>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        if let Some(mut pipe) = pipe {
            while let Ok(count @ 1..) = pipe.read(&mut chunk) {
                bytes.extend_from_slice(&chunk[..count]);
                said.lock()
                    .expect("no holder panics")
                    .push_str(&String::from_utf8_lossy(&chunk[..count]));
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The program, running. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    outputs: Option<[JoinHandle<String>; 2]>,
    /// What came on standard error so far.
    said: Arc<Mutex<String>>,
    deadline: Instant,
}

impl Running {
    /// Sends a signal: `TERM`, `INT`, `HUP`, `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "cannot send SIG{name}");
    }

    /// Watches it until it ends or is about to, and gives the most memory it held at once
    /// (resident, in KiB).
    pub(crate) fn peak_memory_kib(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let mut peak = 0;
        // Ends when the program is a zombie, which has no memory to show.
        while let Ok(text) = std::fs::read_to_string(&status) {
            let shown = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let Some(kib) =
                shown.and_then(|shown| shown.trim().trim_end_matches(" kB").parse().ok())
            else {
                break;
            };
            peak = kib;
            std::thread::sleep(Duration::from_millis(1));
        }
        peak
    }

    /// Whether it said that it heard the first signal, and waits for what is in flight.
    pub(crate) fn is_draining(&self) -> bool {
        self.said.lock().expect("no reader panics").contains("stopping")
    }

    /// Kills it (SIGKILL), and waits for its end.
    pub(crate) fn kill(mut self) -> Run {
        self.child.kill().expect("killed");
        self.wait()
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Run {
        let mut late = false;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                break status;
            }
            if !late && Instant::now() > self.deadline {
                late = true;
                self.child.kill().expect("killed");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let outputs = self.outputs.take().expect("waited for only once, since it takes self");
        let [stdout, stderr] = outputs.map(|thread| thread.join().expect("reading can't panic"));
        let run = Run { code: status.code(), signal: status.signal(), stdout, stderr };
        assert!(!late, "it ran too long and was killed\n{}", run.shown());
        run
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After its end these do nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a run of the program left.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code; `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Run {
    /// Fails the test, showing all output, unless the exit code is this one.
    #[track_caller]
    pub(crate) fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}", self.shown());
        self
    }

    fn shown(&self) -> String {
        let Self { code, signal, stdout, stderr } = self;
        format!("code {code:?}, signal {signal:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_runs_in_the_folder_with_nothing_of_our_environment() {
        let workdir = Workdir::new();
        workdir.write("in.csv", "a,b\n1,\"2\n3\"\n");
        let script = r"cat; pwd; env | cut -d= -f1 | sort | tr '\n' ' '; cp in.csv out.csv; echo oops >&2; exit 3";
        let launch =
            workdir.launch_program("sh", &["-c", script]).stdin("typed\n").env("EXTRA", "1");
        let run = launch.credentials("ops@example.com", "k").run();
        let lines: Vec<_> = run.assert_code(3).stdout.lines().collect();
        assert_eq!((lines[0], run.stderr.as_str()), ("typed", "oops\n"));
        assert_eq!(
            PathBuf::from(lines[1]).canonicalize().ok(),
            workdir.path("").canonicalize().ok()
        );
        let variables: Vec<_> = lines[2]
            .split(' ')
            .filter(|name| !["", "PWD", "OLDPWD", "SHLVL", "_"].contains(name))
            .collect();
        assert_eq!(
            variables,
            [
                "EXTRA",
                "HOME",
                "LANG",
                "LATESHIPMENT_API_KEY",
                "LATESHIPMENT_EMAIL",
                "PATH",
                "TMPDIR",
                "TZ",
            ]
        );
        assert_eq!(workdir.names(), ["in.csv", "out.csv"]);
        assert_eq!(workdir.read("out.csv"), "a,b\n1,\"2\n3\"\n");
        assert_eq!(workdir.results("out.csv")[0]["b"], "2\n3");
    }

    #[test]
    fn signals_reach_the_program_and_so_does_its_killing() {
        let workdir = Workdir::new();
        let running = workdir.launch_program("sleep", &["600"]).spawn();
        running.signal("TERM");
        assert_eq!(running.wait().signal, Some(15));
        assert_eq!(workdir.launch_program("sleep", &["600"]).spawn().kill().signal, Some(9));
    }

    #[test]
    #[should_panic(expected = "it ran too long")]
    fn a_program_that_never_ends_fails_the_test() {
        Workdir::new().launch_program("sleep", &["600"]).limit(Duration::from_millis(10)).run();
    }
}
