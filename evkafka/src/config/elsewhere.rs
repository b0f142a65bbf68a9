//! Values that are not in the configuration itself: `sasl.password.file`, `sasl.password.env`.

use std::{env, fs};

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
    (known::find(name).is_none() && known::find(property).is_some()).then_some(Elsewhere { property, place })
}

impl Elsewhere<'_> {
    /// Reads the value.
    ///
    /// # Errors
    /// With what is wrong, without anything of the value.
    pub(super) fn read(&self, location: &str) -> Result<String, String> {
        match self.place {
            Place::File => {
                let mut value = fs::read_to_string(location)
                    .map_err(|error| format!("names the file `{location}`, which cannot be read: {error}"))?;
                // Editors and `echo` end a file with a line break, which belongs to no password.
                value.truncate(value.trim_end_matches(['\n', '\r']).len());
                Ok(value)
            }
            Place::Environment => env::var(location).map_err(|error| {
                let why = match error {
                    env::VarError::NotPresent => "is not set",
                    env::VarError::NotUnicode(_) => "is not UTF-8",
                };
                format!("names the environment variable `{location}`, which {why}")
            }),
        }
    }
}

#[cfg(test)]
mod tests {
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
