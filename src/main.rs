//! The program: parse, run, print one error, return the exit code.

use std::io::Write;
use std::process::ExitCode;

use lateship::Error;

fn main() -> ExitCode {
    let code = lateship::cli::run(std::env::args_os()).unwrap_or_else(|error| {
        report(&error);
        error.exit_code()
    });
    ExitCode::from(code)
}

/// Prints what went wrong, and what to do about it. A standard error that is closed changes nothing
/// about the exit code.
fn report(error: &Error) {
    let mut stderr = anstream::stderr().lock();
    let _ = if error.has_headings() {
        writeln!(stderr, "{error}")
    } else {
        writeln!(stderr, "\x1b[1;31merror:\x1b[0m {error}")
    };
    for line in error.hint().iter().flat_map(|hint| hint.lines()) {
        let _ = writeln!(stderr, "\x1b[1;36mhint:\x1b[0m {line}");
    }
    let _ = stderr.flush();
}
