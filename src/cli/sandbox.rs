//! `lateship sandbox`: a local endpoint that answers as the webhook does, until it is interrupted.

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::{parse_share, typed};
use super::{Surroundings, print};
use crate::Error;
use crate::error::exit;
use crate::limits::{parse_duration, whole_number};
use crate::sandbox::{
    self, Counts, DEFAULT_ERRORS, DEFAULT_LATENCY, DEFAULT_PORT, DEFAULT_RESETS, DEFAULT_SEED,
    DEFAULT_THROTTLED, Sandbox, Script, Settings,
};
use crate::secret::{API_KEY_VARIABLE, Credentials, EMAIL_VARIABLE};
use crate::text;

const LONG_ABOUT: &str = "\
Run a local endpoint that answers as the webhook does.

It listens on this machine only (127.0.0.1), checks requests as the webhook's guide describes, and answers with the \
same status and message. Faults come on request: by chance but reproducibly (the same seed gives the same faults), or \
by a script that says which request meets which fault, like an outage of twelve seconds after the hundredth request. It \
prints its address, runs until Ctrl-C or SIGTERM, and then prints what it has seen. It forgets everything when it ends.";

/// Run a local endpoint that answers as the webhook does
#[derive(Debug, Args)]
#[command(long_about = LONG_ABOUT, after_long_help = AFTER_LONG_HELP)]
pub(super) struct Flags {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_PORT)]
    port: u16,
    #[arg(
        long,
        value_name = "TIME",
        value_parser = parse_duration,
        help = format!("The time before each answer [default: {}]", typed(DEFAULT_LATENCY))
    )]
    latency: Option<Duration>,
    /// The share of requests answered with 500, like 0.1 or 10%
    #[arg(long, value_name = "SHARE", value_parser = parse_share, default_value_t = DEFAULT_ERRORS)]
    errors: f64,
    /// The share of requests answered with 429 and Retry-After: 1
    #[arg(long, value_name = "SHARE", value_parser = parse_share, default_value_t = DEFAULT_THROTTLED)]
    throttled: f64,
    /// The share of requests whose connection is reset in place of an answer; about half of them
    /// were accepted before
    #[arg(long, value_name = "SHARE", value_parser = parse_share, default_value_t = DEFAULT_RESETS)]
    resets: f64,
    /// Requests let through in any one second; more are answered with 429 [default: no limit]
    #[arg(long, value_name = "N", value_parser = whole_number::<NonZeroU32>(1..=u32::MAX.into()))]
    rate_limit: Option<NonZeroU32>,
    /// A file of faults by number, time or order; its language stands below [default: none]
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Where the drawing of faults starts
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED)]
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
  lateship sandbox --latency 200ms --errors 5% --throttled 5% --resets 1%
  lateship sandbox --port 0 --rate-limit 10 --log requests.jsonl
  lateship sandbox --script faults.toml

In another terminal (any e-mail and key will do):
  export LATESHIPMENT_EMAIL=test@example.com LATESHIPMENT_API_KEY=test
  lateship import orders.csv -m shop.toml --endpoint http://127.0.0.1:PORT/Genericwebhook/webhookapi.php

For a rehearsal alone, `lateship import --sandbox` starts one of its own.

Shares are fractions from 0 to 1 or per cent, and make 1 together at most. The log holds what was sent: give it a path \
that only you can read.

The script is TOML, a [[fault]] for each fault: `answer` says what becomes of a request, the other keys of which \
request. Of several that fit, the first counts; refuse and reset-unread come before all others. What meets none of \
them meets --rate-limit and the shares.

  answer = 503              a status from 200 to 599; with it, if wanted:
                            retry_after = 7, to = \"URL\", body = '{\"message\":\"…\"}'
  answer = \"html\"           200 with a page of HTML
  answer = \"empty\"          200 without a body
  answer = \"revoked\"        401, as the webhook answers wrong credentials
  answer = \"reset\"          the connection is reset in place of an answer
  answer = \"reset-unread\"   it is reset before the body is read
  answer = \"refuse\"         nobody listens: connections are refused, open ones reset
  answer = \"mute\"           nothing comes until the client leaves
  answer = \"half\"           the answer is cut: bytes = 40 (0 to 160), end = \"rst\" or \"fin\"
  answer = \"endless\"        200 with a body that never ends
  answer = \"slow\"           the right answer, late: latency = \"2s\", or drip = \"50ms\" a byte

  requests = \"100-200\"      only these requests, counted from 1; also \"100-\" and 100
  seconds = \"5-17\"          only so many seconds after the first; also \"60-\"
  lasts = \"12s\"             once met it goes on for so long (requests and seconds then
                            only say where it may begin)
  order = \"1007\"            only this order
  order_matches = '^10'     only orders in which this regular expression is found
  tries = \"1-2\"             only the first two tries of each order
  share = \"10%\"             only this share of the requests, by chance
  judged = true             what is judged may be accepted, though its answer is lost;
                            also false or a share; half and slow answers are judged
  latency, drip             also go with other answers than \"slow\"

The log has a line for each request: its order, whether it was accepted, whether its answer was given, and which fault \
of the script it met.

Exit codes: 0 when it was ended by a signal, 2 when it could not start.";

impl Flags {
    pub(super) fn run(self, around: &Surroundings<'_>) -> Result<u8, Error> {
        let credentials = match &self.credentials {
            Some(path) => {
                let Credentials { email, api_key, .. } = &Credentials::from_file(path)?;
                Some((email.expose().to_owned(), api_key.expose().to_owned()))
            }
            None => None,
        };
        let any = credentials.is_none();
        let script =
            self.script.as_deref().map(Script::load).transpose().map_err(sandbox::Error::from)?;
        let settings = Settings {
            latency: self.latency.unwrap_or(DEFAULT_LATENCY),
            errors: self.errors,
            throttled: self.throttled,
            resets: self.resets,
            rate_limit: self.rate_limit,
            credentials,
            seed: self.seed,
            log: self.log,
            script,
            ..Settings::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::Runtime)?;
        // Signals are heard before the address is told: whoever reads it may send one at once.
        let mut signals = {
            let _inside = runtime.enter();
            Signals::listen().map_err(Error::Runtime)?
        };
        let sandbox = Sandbox::start(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)), settings)?;
        print(&format!("{}\n", sandbox.url()))?;
        around.screen.say(&advice(&sandbox.url(), any));
        runtime.block_on(signals.first());
        let counts = sandbox.stop();
        around.screen.say(&told(&counts));
        Ok(exit::OK)
    }
}

/// The signals that end a sandbox.
#[cfg(unix)]
struct Signals([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Signals {
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
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn first(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

fn advice(url: &str, any: bool) -> String {
    let account = if any {
        format!("  export {EMAIL_VARIABLE}=test@example.com {API_KEY_VARIABLE}=test\n")
    } else {
        String::new()
    };
    format!(
        "The sandbox answers there as the webhook does, until Ctrl-C. In another terminal:\n{account}  \
         lateship import orders.csv -m shop.toml --endpoint {url}"
    )
}

fn told(counts: &Counts) -> String {
    let mut told = format!(
        "{} on {}: {} accepted",
        text::counted(counts.requests, "request"),
        text::counted(counts.connections, "connection"),
        text::thousands(counts.accepted)
    );
    for (status, count) in &counts.statuses {
        _ = write!(told, "\n  {status}: {}", text::thousands(*count));
    }
    if counts.resets > 0 {
        _ = write!(told, "\n  ended in place of an answer: {}", text::thousands(counts.resets));
    }
    _ = write!(
        told,
        "\nAt most {} in flight at once, and {} in one second.",
        text::thousands(counts.peak_in_flight),
        text::thousands(counts.peak_per_second)
    );
    if counts.log_lines_lost > 0 {
        _ = write!(
            told,
            "\n{} could not be written to the log.",
            text::counted(counts.log_lines_lost, "line")
        );
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_told_by_status() {
        let counts = Counts {
            connections: 4,
            requests: 1200,
            accepted: 1100,
            statuses: [(200, 1099), (500, 100)].into(),
            resets: 1,
            peak_in_flight: 16,
            peak_per_second: 300,
            ..Counts::default()
        };
        let told = told(&counts);
        assert!(
            told.starts_with(
                "1,200 requests on 4 connections: 1,100 accepted\n  200: 1,099\n  500: 100\n"
            ),
            "{told}"
        );
        assert!(told.contains("ended in place of an answer: 1\n"), "{told}");
        assert!(!told.contains("log"), "{told}");
    }

    #[test]
    fn the_advice_names_credentials_only_where_any_will_do() {
        assert!(advice("http://127.0.0.1:1/x", true).contains(EMAIL_VARIABLE));
        assert!(!advice("http://127.0.0.1:1/x", false).contains(EMAIL_VARIABLE));
    }
}
