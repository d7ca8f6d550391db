//! Credentials: read once, sent in headers, and shown nowhere.
//!
//! They come from the environment or from a file that only its owner can read, never from
//! arguments, which every user of a machine can list. [`Secret`] shows `(redacted)` in place of its
//! text; no error of this module quotes a value or the line that holds it. `options` reads them,
//! `delivery` sends them and passes foreign text (an answer may echo a request) through
//! [`Credentials::redact`].

mod error;
mod redact;

pub use error::Error;

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use toml::de::{DeTable, DeValue};

/// The environment variable that holds the account's e-mail address.
pub const EMAIL_VARIABLE: &str = "LATESHIPMENT_EMAIL";
/// The environment variable that holds the API key.
pub const API_KEY_VARIABLE: &str = "LATESHIPMENT_API_KEY";

/// What stands in place of a secret.
const REDACTED: &str = "(redacted)";
/// The most bytes of a credentials file that are read.
const MAX_FILE: u64 = 64 * 1024;
/// The most characters of a credential; servers refuse longer headers.
const MAX_LENGTH: usize = 4096;

/// A text that no log, error, result or panic shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text that is printable ASCII between blanks and line ends, which are cut off.
    ///
    /// # Errors
    /// Nothing in it, something in it that cannot travel in a header, or a sign that it was pasted
    /// with more than itself.
    pub fn new(text: &str) -> Result<Self, Flaw> {
        let text = text.trim();
        let quotes = |c: char| matches!(c, '"' | '\'' | '`' | '“' | '”' | '‘' | '’');
        if text.is_empty() {
            Err(Flaw::Empty)
        } else if text.contains(['\n', '\r']) {
            Err(Flaw::LineBreak)
        } else if text.chars().any(char::is_control) {
            Err(Flaw::ControlCharacter)
        } else if text.starts_with(quotes) || text.ends_with(quotes) {
            Err(Flaw::Quotes)
        } else if text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer ")) {
            Err(Flaw::Bearer)
        } else if !text.is_ascii() {
            Err(Flaw::NotAscii)
        } else if text.contains(' ') {
            Err(Flaw::Blank)
        } else if text.len() > MAX_LENGTH {
            Err(Flaw::TooLong)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The text itself, for the header that carries it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// What is wrong with a credential's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Nothing but blanks.
    #[error("is empty")]
    Empty,
    /// A line break inside.
    #[error("has a line break in it; give it on one line")]
    LineBreak,
    /// A NUL, tab or other control character inside.
    #[error("has a control character in it; copy it anew")]
    ControlCharacter,
    /// Quotes around it that are not part of it.
    #[error("has quotes around it; give it without them")]
    Quotes,
    /// The word of another kind of header before it.
    #[error("starts with \"Bearer\"; give it without that word")]
    Bearer,
    /// A character beyond ASCII inside.
    #[error("has a letter or sign in it that is not plain ASCII; copy it anew")]
    NotAscii,
    /// A blank inside.
    #[error("has a blank in it; copy it anew")]
    Blank,
    /// Longer than any key.
    #[error("is longer than {MAX_LENGTH} characters")]
    TooLong,
}

/// Shorter texts are not looked for in foreign ones.
const SHORTEST_NEEDLE: usize = 6;

/// What the webhook asks for in its two headers.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The account's e-mail address (`X-Auth-Email`).
    pub email: Secret,
    /// The API key (`X-Auth-Key`).
    pub api_key: Secret,
    /// The texts that [`Credentials::redact`] looks for, longest first.
    needles: Vec<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials {REDACTED}")
    }
}

impl Credentials {
    /// Both values together.
    pub fn new(email: Secret, api_key: Secret) -> Self {
        let mut needles: Vec<String> = [&email, &api_key]
            .into_iter()
            .flat_map(|secret| redact::forms(secret.expose()))
            .collect();
        // A few characters would be found in any text, and cover what the operator has to read.
        needles.retain(|needle| needle.len() >= SHORTEST_NEEDLE);
        needles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        needles.dedup();
        Self { email, api_key, needles }
    }

    /// Reads [`EMAIL_VARIABLE`] and [`API_KEY_VARIABLE`].
    ///
    /// # Errors
    /// A variable that is not set, or that cannot be a credential (an empty one cannot).
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    pub(crate) fn from_variables(read: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let value = |variable| {
            let Some(value) = read(variable) else { return Ok(None) };
            let flaw = |flaw| Error::Variable { variable, flaw };
            let value = value.to_str().ok_or_else(|| flaw(Flaw::NotAscii))?;
            Secret::new(value).map(Some).map_err(flaw)
        };
        match (value(EMAIL_VARIABLE)?, value(API_KEY_VARIABLE)?) {
            (Some(email), Some(api_key)) => Ok(Self::new(email, api_key)),
            (None, None) => Err(Error::Missing),
            (Some(_), None) => Err(Error::Half { missing: API_KEY_VARIABLE, set: EMAIL_VARIABLE }),
            (None, Some(_)) => Err(Error::Half { missing: EMAIL_VARIABLE, set: API_KEY_VARIABLE }),
        }
    }

    /// Reads a TOML file with `email` and `api_key`.
    ///
    /// # Errors
    /// A file that is missing, open to others than its owner, not TOML, or holds anything else than
    /// two credentials.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
        let not_text = || Error::NotText { path: path.to_owned() };
        // A pipe would be waited for without a word, and a folder has no rights that could be
        // mended.
        if path.exists() && !path.is_file() {
            return Err(not_text());
        }
        let file = File::open(path).map_err(unreadable)?;
        // Asked of the open file, so that nobody can put another one in its place between the look
        // and the reading.
        check_mode(path, &file.metadata().map_err(unreadable)?)?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(not_text());
        }
        let text = String::from_utf8(bytes).map_err(|_| not_text())?;
        Self::from_toml(path, &text)
    }

    fn from_toml(path: &Path, text: &str) -> Result<Self, Error> {
        let table = DeTable::parse(text).map_err(|error| {
            let (line, column) = place(text, error.span().map_or(0, |span| span.start));
            Error::Syntax { path: path.to_owned(), line, column }
        })?;
        let (mut email, mut api_key) = (None, None);
        for (name, value) in table.get_ref() {
            let (slot, key) = match name.get_ref().as_ref() {
                "email" => (&mut email, "email"),
                "api_key" => (&mut api_key, "api_key"),
                _ => {
                    return Err(Error::UnknownKey {
                        path: path.to_owned(),
                        line: place(text, name.span().start).0,
                    });
                }
            };
            let DeValue::String(value) = value.get_ref() else {
                return Err(Error::NotAString {
                    path: path.to_owned(),
                    key,
                    line: place(text, name.span().start).0,
                });
            };
            *slot = Some(Secret::new(value).map_err(|flaw| Error::Value {
                path: path.to_owned(),
                key,
                flaw,
            })?);
        }
        let absent = |key| Error::Absent { path: path.to_owned(), key };
        Ok(Self::new(
            email.ok_or_else(|| absent("email"))?,
            api_key.ok_or_else(|| absent("api_key"))?,
        ))
    }

    /// `text` with both values replaced, also where they are escaped for a URL, JSON or HTML, or
    /// lie within base64. To be called before the text is cut or made printable: half a key would
    /// no longer be found.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for needle in &self.needles {
            if text.contains(needle.as_str()) {
                text = text.replace(needle.as_str(), REDACTED);
            }
        }
        text
    }
}

#[cfg(unix)]
fn check_mode(path: &Path, metadata: &std::fs::Metadata) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    const OTHERS: u32 = 0o077;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS == 0 { Ok(()) } else { Err(Error::Exposed { path: path.to_owned(), mode }) }
}

/// Other systems guard files by lists of rights, which the standard library cannot read.
#[cfg(not(unix))]
fn check_mode(_: &Path, _: &std::fs::Metadata) -> Result<(), Error> {
    Ok(())
}

/// Line and column (both from 1, the column in characters) of the byte at `offset`.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const KEY: &str = "SECRETKEY-7f3a";

    fn from_toml(text: &str) -> Result<Credentials, Error> {
        Credentials::from_toml(Path::new("credentials.toml"), text)
    }

    pub(crate) fn from_variables(
        email: Option<&str>,
        key: Option<&str>,
    ) -> Result<Credentials, Error> {
        Credentials::from_variables(|name| {
            if name == EMAIL_VARIABLE { email } else { key }.map(OsString::from)
        })
    }

    #[test]
    fn a_secret_is_never_shown() {
        let credentials = from_variables(Some("ops@example.com"), Some(KEY)).expect("credentials");
        for shown in [
            format!("{credentials:?}"),
            format!("{:#?}", credentials.api_key),
            credentials.api_key.to_string(),
        ] {
            assert!(
                shown.contains("(redacted)")
                    && !shown.contains("SECRETKEY")
                    && !shown.contains("ops"),
                "{shown}"
            );
        }
        assert_eq!(credentials.api_key.expose(), KEY);
    }

    #[test]
    fn blanks_around_a_value_are_cut_off_and_everything_else_is_refused() {
        assert_eq!(
            Secret::new(" SECRETKEY\r\n").map(|secret| secret.0),
            Ok("SECRETKEY".to_owned())
        );
        for (text, flaw) in [
            ("", Flaw::Empty),
            (" \n", Flaw::Empty),
            ("SECRET\nKEY", Flaw::LineBreak),
            ("SECRET\rKEY", Flaw::LineBreak),
            ("SECRET\0KEY", Flaw::ControlCharacter),
            ("SECRET\tKEY", Flaw::ControlCharacter),
            ("\"SECRETKEY\"", Flaw::Quotes),
            ("'SECRETKEY'", Flaw::Quotes),
            ("“SECRETKEY”", Flaw::Quotes),
            ("Bearer SECRETKEY", Flaw::Bearer),
            ("bearer SECRETKEY", Flaw::Bearer),
            ("SECRETKEY\u{e9}", Flaw::NotAscii),
            ("\u{200b}SECRETKEY", Flaw::NotAscii),
            ("SECRET KEY", Flaw::Blank),
        ] {
            assert_eq!(Secret::new(text), Err(flaw), "{text:?}");
        }
    }

    #[test]
    fn a_variable_that_is_missing_is_named() {
        assert!(matches!(from_variables(None, None), Err(Error::Missing)));
        assert!(matches!(
            from_variables(Some("a@example.com"), None),
            Err(Error::Half { missing: API_KEY_VARIABLE, .. })
        ));
        assert!(matches!(
            from_variables(None, Some(KEY)),
            Err(Error::Half { missing: EMAIL_VARIABLE, .. })
        ));
        let empty = from_variables(Some("a@example.com"), Some("")).expect_err("an empty key");
        assert_eq!(empty.to_string(), "the variable LATESHIPMENT_API_KEY is empty");
        let hint = Error::Missing.hint().expect("a hint");
        for word in [EMAIL_VARIABLE, API_KEY_VARIABLE, "--credentials", "--sandbox"] {
            assert!(hint.contains(word), "{hint}");
        }
    }

    #[test]
    fn a_file_holds_email_and_api_key_and_no_error_quotes_it() {
        let good = from_toml("# mine\nemail = \"ops@example.com\"\napi_key = 'SECRETKEY\\x'\n")
            .expect("credentials");
        assert_eq!(
            (good.email.expose(), good.api_key.expose()),
            ("ops@example.com", "SECRETKEY\\x")
        );
        for (text, says) in [
            ("email = \"a@example.com\"\napi_key = SECRETKEY", "line 2, column"),
            ("api_key = \"SECRETKEY", "line 1, column"),
            ("SECRETKEY", "line 1, column"),
            ("email = \"a@example.com\"\n\nSECRETKEY = \"x\"", "line 3: only email and api_key"),
            ("email = \"a@example.com\"\napi_key = 12345678", "line 2: api_key is not a text"),
            ("api_key = \"SECRETKEY\"", "has no email"),
            ("email = \"a@example.com\"", "has no api_key"),
            ("email = \"a@example.com\"\napi_key = \"SECRET KEY\"", "api_key has a blank"),
            ("api_key = \"SECRETKEY\"\napi_key = \"SECRETKEY\"", "line 2, column"),
        ] {
            let error = from_toml(text).expect_err(text);
            let shown = format!("{error} {error:?} {:?}", error.hint());
            assert!(shown.contains(says), "{shown}");
            assert!(!shown.contains("SECRET") && !shown.contains("12345678"), "{shown}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_command_that_closes_it() {
        use std::os::unix::fs::PermissionsExt;
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(b"\xEF\xBB\xBFemail = \"ops@example.com\"\napi_key = \"SECRETKEY\"\n")
            .expect("written");
        for (mode, fits) in [
            (0o600, true),
            (0o400, true),
            (0o640, false),
            (0o604, false),
            (0o644, false),
            (0o620, false),
        ] {
            file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).expect("a mode");
            match Credentials::from_file(file.path()) {
                Ok(credentials) => {
                    assert!(fits && credentials.api_key.expose() == "SECRETKEY", "{mode:o}");
                }
                Err(error) => {
                    assert!(!fits, "{mode:o}: {error}");
                    assert!(
                        error.hint().is_some_and(|hint| hint.contains("chmod 600 ")),
                        "{error}"
                    );
                }
            }
        }
        assert!(matches!(
            Credentials::from_file(Path::new("/nonexistent/credentials")),
            Err(Error::Unreadable { .. })
        ));
    }

    #[test]
    fn an_answer_that_repeats_the_request_shows_neither_value() {
        let credentials = from_variables(Some("ops@example.com"), Some("SECRET/KEY+7f3a\"&="))
            .expect("credentials");
        let told = credentials.redact(
            r#"{"key":"SECRET\/KEY+7f3a\"&=","user":"ops@example.com"} SECRET/KEY+7f3a"&="#,
        );
        assert_eq!(told, r#"{"key":"(redacted)","user":"(redacted)"} (redacted)"#);
        assert_eq!(credentials.redact("nothing of it"), "nothing of it");
    }
}
