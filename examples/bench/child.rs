//! Runs a program and takes its measure: time, processor, memory.
//!
//! Every child is killed when its guard goes, on every way out. Processor time is read from `/proc`
//! while the child is a zombie, after its end and before it is waited for: then it is whole, and no
//! system call of our own is needed.

use std::fs;
use std::io::{self, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// The kernel's unit of processor time in `/proc/PID/stat`, on every Linux that is in use.
const TICK: Duration = Duration::from_millis(10);
/// How often the peak of memory is looked at; a look costs some 30 µs.
const LOOK: Duration = Duration::from_millis(10);

/// A child that does not outlive its guard.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{program}: {error}"));
        command.stdin(Stdio::null()).spawn().map(Self).map_err(named)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only where it has ended and been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a run took.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// From just before its start to its end.
    pub(crate) wall: Duration,
    /// User and system time of it, and of the children it waited for.
    pub(crate) cpu: Duration,
    /// The most memory that was in use at once (`VmHWM`), in KiB.
    pub(crate) peak_kib: u64,
    /// Its exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    /// What it wrote to standard error.
    pub(crate) said: String,
}

impl Measured {
    /// The same, or an error with its last words where it ended with another code than 0.
    pub(crate) fn accepted(self) -> io::Result<Self> {
        if self.code == Some(0) {
            return Ok(self);
        }
        let lines: Vec<&str> = self.said.trim_end().lines().collect();
        let last = lines[lines.len().saturating_sub(15)..].join("\n");
        Err(io::Error::other(format!("ended with {:?}:\n{last}", self.code)))
    }
}

/// Runs it to its end. Standard output goes where the command says.
pub(crate) fn measure(command: &mut Command) -> io::Result<Measured> {
    command.stderr(Stdio::piped());
    let began = Instant::now();
    let mut running = Running::start(command)?;
    let process = running.0.id();
    let mut stderr =
        running.0.stderr.take().ok_or_else(|| io::Error::other("no standard error"))?;
    let (sender, ended) = mpsc::channel();
    // The end of standard error is the end of the program, to the microsecond.
    let reader = std::thread::spawn(move || {
        let mut said = Vec::new();
        let read = stderr.read_to_end(&mut said);
        let _ = sender.send((Instant::now(), String::from_utf8_lossy(&said).into_owned()));
        read
    });
    let mut peak_kib = 0;
    let (end, said) = loop {
        match ended.recv_timeout(LOOK) {
            Ok(found) => break found,
            Err(RecvTimeoutError::Timeout) => peak_kib = peak_kib.max(peak(process)),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(io::Error::other("standard error was lost"));
            }
        }
    };
    reader.join().map_err(|_| io::Error::other("the reader of standard error panicked"))??;
    let cpu = loop {
        let (state, cpu) = stat(process)?;
        if state == "Z" {
            break cpu;
        }
        peak_kib = peak_kib.max(peak(process));
        std::thread::sleep(Duration::from_micros(200));
    };
    let code = running.0.wait()?.code();
    Ok(Measured { wall: end - began, cpu, peak_kib, code, said })
}

/// `VmHWM`; 0 where the process is at its end.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The state's letter, and the processor time so far.
fn stat(process: u32) -> io::Result<(String, Duration)> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may hold anything, so it is skipped from behind.
    let rest = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let words: Vec<&str> = rest.split(' ').collect();
    // Of the manual's fields 14 to 17: utime, stime, cutime, cstime; the state is field 3.
    let ticks = words
        .get(11..15)
        .into_iter()
        .flatten()
        .filter_map(|word| word.parse::<u32>().ok())
        .sum::<u32>();
    Ok((words.first().copied().unwrap_or_default().to_owned(), TICK * ticks))
}
