//! `lateship sandbox`: a local test server that responds like the webhook, until it is interrupted.

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{Surroundings, print};
use crate::Error;
use crate::error::exit;
use crate::limits::{Unfit, parse_duration, whole_number};
use crate::sandbox::{
    OutageStart, OutageWindow, Sandbox, SandboxCounts, SandboxSettings, SlowResponses,
};
use crate::secret::{API_KEY_VARIABLE, Credentials, EMAIL_VARIABLE};
use crate::text;

const LONG_ABOUT: &str = "\
Run a local test server that responds like the webhook.

It listens on this machine only (127.0.0.1), checks requests as the webhook's guide describes, and responds with the \
same status and message. Faults come on request. It prints its address, runs until Ctrl-C or SIGTERM, and then prints \
what it has seen. It keeps nothing when it ends.";

/// Run a local test server that responds like the webhook
#[derive(Debug, Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub(super) struct Flags {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8765)]
    port: u16,
    /// The time before each response
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "0s")]
    latency: Duration,
    /// The share of requests answered with 500, like 0.1 or 10%
    #[arg(long, value_name = "SHARE", value_parser = parse_share, default_value = "0")]
    errors: f64,
    /// The share of requests answered with 429 and Retry-After: 1
    #[arg(long, value_name = "SHARE", value_parser = parse_share, default_value = "0")]
    throttled: f64,
    /// The share of requests whose connection is reset instead of a response; about half of them
    /// are accepted all the same
    #[arg(long, value_name = "SHARE", value_parser = parse_share, default_value = "0")]
    resets: f64,
    /// The share of responses that come so much later; their payloads are accepted [default: none]
    #[arg(long, value_name = "SHARE:TIME", value_parser = parse_slow)]
    slow: Option<SlowResponses>,
    /// Requests allowed in any one second; more are answered with 429 [default: no limit]
    #[arg(long, value_name = "N", value_parser = whole_number::<NonZeroU32>(1..=u32::MAX.into()))]
    rate_limit: Option<NonZeroU32>,
    /// Refuse connections for the time FOR, beginning AFTER the first request (a time like 30s) or
    /// after so many requests (a number) [default: never]
    #[arg(long, value_name = "AFTER:FOR", value_parser = parse_outage)]
    outage: Option<OutageWindow>,
    /// Answer 401, as for wrong credentials, from request N+1 on [default: never]
    #[arg(long, value_name = "N", value_parser = whole_number::<u64>(0..=u64::MAX))]
    revoke_after: Option<u64>,
    /// Selects which requests meet a random fault
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// A file to which a line of JSON is added for each request [default: none]
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Accept only the e-mail and the key of this file [default: any that are not empty]
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
}

const AFTER_LONG_HELP: &str = "\
Examples:
  lateship sandbox
  lateship sandbox --latency 200ms --errors 5% --throttled 5% --resets 1% --slow 2%:5s
  lateship sandbox --port 0 --rate-limit 10 --log requests.jsonl
  lateship sandbox --outage 30s:2m     an outage of 2 minutes, 30 seconds after the first request
  lateship sandbox --outage 100:12s    an outage of 12 seconds after the hundredth request
  lateship sandbox --revoke-after 50   the key is revoked after 50 requests

In another terminal (any e-mail and key will do):
  export LATESHIPMENT_EMAIL=test@example.com LATESHIPMENT_API_KEY=test
  lateship import orders.csv -m shop.toml --endpoint http://127.0.0.1:PORT/Genericwebhook/webhookapi.php

`lateship import --sandbox` starts its own test server, without faults.

Shares are fractions from 0 to 1 or percentages, and at most 1 together: a request meets one random fault at most. The \
same seed gives the same faults to the same requests by number. Only requests to the webhook's path are numbered. During \
an outage nothing listens on the port, and a request on an open connection is reset before it is read.

The log has a line for each request: its order, whether it was accepted, and whether its response was sent. It holds \
what was sent: give it a path that only you can read.

Exit codes: 0 when it was ended by a signal, 2 when it could not start.";

/// Reads `AFTER:FOR`, like `30s:2m` or `100:12s`.
fn parse_outage(typed: &str) -> Result<OutageWindow, String> {
    let expected = "expected AFTER:FOR, like 30s:2m (a time after the first request) or 100:12s (a number of requests)";
    let (after, duration) = typed.split_once(':').ok_or(expected)?;
    let duration = parse_duration(duration).map_err(|error| error.to_string())?;
    let start = match after.trim().parse() {
        Ok(count) => OutageStart::Requests(count),
        Err(_) => OutageStart::Time(parse_duration(after).map_err(|_| expected)?),
    };
    Ok(OutageWindow { start, duration })
}

/// Reads `SHARE:TIME`, like `5%:20s`.
fn parse_slow(typed: &str) -> Result<SlowResponses, String> {
    let (share, time) = typed.split_once(':').ok_or("expected SHARE:TIME, like 5%:20s")?;
    let share = parse_share(share).map_err(|error| error.to_string())?;
    let time = parse_duration(time).map_err(|error| error.to_string())?;
    Ok(SlowResponses { share, time })
}

impl Flags {
    pub(super) fn run(self, around: &Surroundings<'_>) -> Result<u8, Error> {
        let credentials = self.credentials.as_deref().map(Credentials::from_file).transpose()?;
        let accepts_any = credentials.is_none();
        let settings = SandboxSettings {
            latency: self.latency,
            errors: self.errors,
            throttled: self.throttled,
            resets: self.resets,
            slow: self.slow,
            rate_limit: self.rate_limit,
            outage: self.outage,
            revoke_after: self.revoke_after,
            credentials,
            seed: self.seed,
            log: self.log,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::Runtime)?;
        // Before the address is printed: its reader may send a signal at once.
        let mut signals = {
            let _inside = runtime.enter();
            EndSignals::listen().map_err(Error::Runtime)?
        };
        let sandbox = Sandbox::start(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)), settings)?;
        print(&format!("{}\n", sandbox.url()))?;
        around.screen.say(&advice(&sandbox.url(), accepts_any));
        runtime.block_on(signals.first());
        let counts = sandbox.stop();
        around.screen.say(&describe(&counts));
        Ok(exit::OK)
    }
}

/// The signals that end a sandbox.
#[cfg(unix)]
struct EndSignals([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl EndSignals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn first(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct EndSignals;

#[cfg(not(unix))]
impl EndSignals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn first(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

fn advice(url: &str, accepts_any: bool) -> String {
    let account = if accepts_any {
        format!("  export {EMAIL_VARIABLE}=test@example.com {API_KEY_VARIABLE}=test\n")
    } else {
        String::new()
    };
    format!(
        "The sandbox runs until Ctrl-C. In another terminal:\n{account}  \
         lateship import orders.csv -m shop.toml --endpoint {url}"
    )
}

fn describe(counts: &SandboxCounts) -> String {
    let mut text = format!(
        "{} on {}: {} accepted",
        text::counted(counts.requests, "request"),
        text::counted(counts.connections, "connection"),
        text::thousands(counts.accepted)
    );
    for (status, count) in &counts.statuses {
        _ = write!(text, "\n  {status}: {}", text::thousands(*count));
    }
    if counts.resets > 0 {
        _ = write!(text, "\n  reset without a response: {}", text::thousands(counts.resets));
    }
    _ = write!(
        text,
        "\nAt most {} in flight at once, and {} in one second.",
        text::thousands(counts.peak_in_flight),
        text::thousands(counts.peak_per_second)
    );
    if counts.log_lines_lost > 0 {
        _ = write!(
            text,
            "\n{} could not be written to the log.",
            text::counted(counts.log_lines_lost, "line")
        );
    }
    text
}

/// Reads a share: `0.1` or `10%`.
fn parse_share(typed: &str) -> Result<f64, Unfit> {
    let (number, unit) = typed.strip_suffix('%').map_or((typed, 1.0), |percent| (percent, 100.0));
    let share = number.trim().parse::<f64>().ok().map(|number| number / unit);
    share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| {
        Unfit::new("expected a share of the requests from 0 to 1, or in per cent, like 0.1 or 10%")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outage_begins_after_a_time_or_a_number_of_requests() {
        let (start, duration) =
            (OutageStart::Time(Duration::from_secs(30)), Duration::from_secs(120));
        assert_eq!(parse_outage("30s:2m"), Ok(OutageWindow { start, duration }));
        let (start, duration) = (OutageStart::Requests(100), Duration::from_secs(12));
        assert_eq!(parse_outage("100:12s"), Ok(OutageWindow { start, duration }));
        for (typed, says) in [
            ("5", "30s:2m"),
            ("30s", "30s:2m"),
            ("soon:2m", "30s:2m"),
            ("-1:2m", "30s:2m"),
            ("30s:", "a length of time"),
            ("30s:2", "a length of time"),
            ("30s:2m:1", "a length of time"),
        ] {
            let error = parse_outage(typed).expect_err(typed);
            assert!(error.contains(says), "{typed}: {error}");
        }
    }

    #[test]
    fn slow_takes_a_share_and_a_time() {
        let slow = SlowResponses { share: 0.05, time: Duration::from_secs(20) };
        assert_eq!(parse_slow("5%:20s"), Ok(slow));
        for (typed, says) in [
            ("5%", "SHARE:TIME"),
            ("20s", "SHARE:TIME"),
            ("2:1s", "0.1 or 10%"),
            (":1s", "0.1 or 10%"),
            ("0.5:1", "a length of time"),
        ] {
            let error = parse_slow(typed).expect_err(typed);
            assert!(error.contains(says), "{typed}: {error}");
        }
    }

    #[test]
    fn counts_are_described_by_status() {
        let counts = SandboxCounts {
            connections: 4,
            requests: 1200,
            accepted: 1100,
            statuses: [(200, 1099), (500, 100)].into(),
            resets: 1,
            peak_in_flight: 16,
            peak_per_second: 300,
            ..SandboxCounts::default()
        };
        let text = describe(&counts);
        assert!(
            text.starts_with(
                "1,200 requests on 4 connections: 1,100 accepted\n  200: 1,099\n  500: 100\n"
            ),
            "{text}"
        );
        assert!(text.contains("reset without a response: 1\n"), "{text}");
        assert!(!text.contains("log"), "{text}");
    }

    #[test]
    fn advice_names_credentials_only_where_any_are_accepted() {
        assert!(advice("http://127.0.0.1:1/x", true).contains(EMAIL_VARIABLE));
        assert!(!advice("http://127.0.0.1:1/x", false).contains(EMAIL_VARIABLE));
    }
}
