//! Values that are not in the configuration itself: `sasl.password.file`, `sasl.password.env`.

use std::fs::File;
use std::io::{self, Read};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, fmt, thread};

use super::known;

/// Says where the value of a property is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Elsewhere<'n> {
    /// The property that gets the value.
    pub(super) property: &'n str,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    File,
    Environment,
}

/// What a name means, if it means that. librdkafka has properties of its own whose names end with `.file`; these are meant
/// as they stand.
pub(super) fn find(name: &str) -> Option<Elsewhere<'_>> {
    let (property, suffix) = name.rsplit_once('.')?;
    let place = match suffix {
        "file" => Place::File,
        "env" => Place::Environment,
        _ => return None,
    };
    let is_property = |name| known::find(name).is_some() || known::is_known_to_librdkafka(name);
    (!is_property(name) && is_property(property)).then_some(Elsewhere { property, place })
}

/// More than any secret has. What is longer is no file with a value in it, and may have no end.
const LONGEST: u64 = 1 << 20;

/// How long a file is waited for. A start must not hang because it is a pipe to which nobody writes, or on a server that is gone.
const PATIENCE: Duration = Duration::from_secs(5);

impl Elsewhere<'_> {
    /// Whether there can be anything at `location`, as far as that shows without looking.
    ///
    /// # Errors
    /// With what is wrong.
    pub(super) fn check(&self, location: &str) -> Result<(), String> {
        match self.place {
            _ if !location.trim().is_empty() => Ok(()),
            Place::File => Err("must not be empty: it names the file that has the value in it".to_owned()),
            Place::Environment => {
                Err("must not be empty: it names the environment variable that has the value".to_owned())
            }
        }
    }

    /// Reads the value.
    ///
    /// # Errors
    /// With what is wrong, without anything of the value.
    pub(super) fn read(&self, location: &str) -> Result<String, String> {
        let value = match self.place {
            Place::File => {
                read_file(location).map_err(|error| self.fault(location, "cannot be read", &error))?
            }
            Place::Environment => env::var(location).map_err(|error| match error {
                env::VarError::NotPresent => self.fault(location, "is not set", &""),
                env::VarError::NotUnicode(_) => self.fault(location, "is not UTF-8", &""),
            })?,
        };
        if value.is_empty() { Err(self.fault(location, "is empty", &"")) } else { Ok(value) }
    }

    /// "names the file `/run/secrets/kafka`, which cannot be read: permission denied". What does not look like a location may be
    /// the value itself, in the wrong place.
    fn fault(&self, location: &str, which: &str, why: &dyn fmt::Display) -> String {
        let (place, is_likely) = match self.place {
            Place::File => ("file", location.starts_with(['/', '.']) || location.contains(":\\")),
            Place::Environment => {
                let is_usual = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
                ("environment variable", location.chars().all(is_usual))
            }
        };
        let location = if is_likely { format!(" `{location}`") } else { format!(" ({HIDDEN})") };
        let why = why.to_string();
        let why = if why.is_empty() { why } else { format!(": {why}") };
        format!("names the {place}{location}, which {which}{why}")
    }
}

const HIDDEN: &str = "not shown, since it may be the value itself";

/// The text of a file, which is read on a thread of its own: neither opening nor reading it can be interrupted.
fn read_file(path: &str) -> io::Result<String> {
    let (sender, text) = mpsc::channel();
    let path = path.to_owned();
    thread::Builder::new().name("evkafka-file".to_owned()).spawn(move || sender.send(read_text(&path)))?;
    text.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        let why = format!("nothing could be read from it within {PATIENCE:?}");
        Err(io::Error::new(io::ErrorKind::TimedOut, why))
    })
}

/// Editors and `echo` end a file with a line break, which belongs to no password, and some begin it with a byte order mark.
fn read_text(path: &str) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 1 MiB"));
    }
    let value = text.trim_end_matches(['\n', '\r']);
    Ok(value.strip_prefix('\u{feff}').unwrap_or(value).to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn tells_places_from_properties() {
        assert_eq!(
            find("sasl.password.file"),
            Some(Elsewhere { property: "sasl.password", place: Place::File })
        );
        assert_eq!(
            find("ssl.key.password.env"),
            Some(Elsewhere { property: "ssl.key.password", place: Place::Environment })
        );
        for name in
            ["sasl.oauthbearer.assertion.private.key.file", "sasl.pasword.file", "file", "sasl.password"]
        {
            assert_eq!(find(name), None, "{name}");
        }
    }

    #[test]
    fn reads_a_file_without_its_last_line_break_and_says_what_is_missing() {
        let path = env::temp_dir().join(format!("evkafka-secret-{}", std::process::id()));
        fs::write(&path, " hunter2 \r\n").unwrap();
        let read = find("sasl.password.file").unwrap().read(path.to_str().unwrap());
        fs::remove_file(&path).unwrap();
        assert_eq!(read.as_deref(), Ok(" hunter2 "));
        let fault = find("sasl.password.file").unwrap().read("/no/such/file").unwrap_err();
        assert!(fault.contains("`/no/such/file`, which cannot be read"), "{fault}");
        let fault = find("sasl.password.env").unwrap().read("EVKAFKA_NO_SUCH_VARIABLE").unwrap_err();
        assert!(fault.contains("`EVKAFKA_NO_SUCH_VARIABLE`, which is not set"), "{fault}");
    }
}
