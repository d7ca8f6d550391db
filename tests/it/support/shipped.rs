//! The examples that are shipped: inputs in `examples/` and the mappings that read them.

use std::fs;
use std::path::Path;

use lateship::mapping::builtin;

use super::Workdir;

/// An example input.
pub(crate) struct Example {
    /// Its file's name without the ending.
    pub(crate) name: &'static str,
    /// The built-in mapping that reads it.
    pub(crate) mapping: &'static str,
    /// The exit code of its import.
    pub(crate) code: i32,
}

/// Examples that are not named after their mapping, or leave rows behind.
const OTHERS: [Example; 4] = [
    Example { name: "orders", mapping: "orders", code: 0 },
    Example { name: "bestellungen", mapping: "erp-de", code: 0 },
    Example { name: "orders-with-faults", mapping: "orders", code: 1 },
    Example { name: "amazon-new-orders", mapping: "amazon-orders", code: 0 },
];

/// The built-in mappings of no platform, which are there to start from.
const TO_START_FROM: [&str; 2] = ["orders", "erp-de"];

/// The built-in mappings that have an example of the same name: all but those to start from.
pub(crate) fn platforms() -> impl Iterator<Item = &'static str> {
    builtin::all().map(|(name, _)| name).filter(|name| !TO_START_FROM.contains(name))
}

/// All examples.
pub(crate) fn examples() -> impl Iterator<Item = Example> {
    let platforms = platforms().map(|name| Example { name, mapping: name, code: 0 });
    OTHERS.into_iter().chain(platforms)
}

impl Example {
    /// The input.
    pub(crate) fn input(&self) -> String {
        format!("{}.csv", self.name)
    }

    /// The export of shipments that is joined, where the mapping needs one.
    pub(crate) fn join(&self) -> Option<String> {
        let name = format!("{}-shipments.csv", self.name);
        repository("examples").join(&name).exists().then_some(name)
    }

    /// Puts the input, and what is joined, into a folder.
    pub(crate) fn put_into(&self, workdir: &Workdir) {
        for name in [Some(self.input()), self.join()].into_iter().flatten() {
            workdir.write(&name, bytes(&format!("examples/{name}")));
        }
    }

    /// The arguments of a command that reads the input with a mapping.
    pub(crate) fn arguments(&self, command: &str, mapping: &str, flags: &[&str]) -> Vec<String> {
        let mut arguments: Vec<String> =
            [command, &self.input(), "-m", mapping].map(str::to_owned).into();
        arguments.extend(self.join().into_iter().flat_map(|name| ["--join".to_owned(), name]));
        arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
        arguments
    }
}

fn repository(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A file as it is shipped: an example has its platform's encoding.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    fs::read(repository(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A shipped file that is UTF-8.
pub(crate) fn text(name: &str) -> String {
    String::from_utf8(bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
