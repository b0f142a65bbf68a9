//! Puts a secret wherever in a configuration a secret may stand.

use serde_json::Value;

/// The secret. No key and no other value has it in it.
pub const SECRET: &str = "hunter2~hunter2";
/// An environment variable that has it.
pub const VARIABLE: &str = "EVKAFKA_FUZZ_SECRET";

/// Parts of the names of librdkafka's properties whose values nobody may see.
const SECRETIVE: &[&str] =
    &["password", "secret", "username", "ssl.key.pem", "oauthbearer.config", "passphrase", "private.key"];

/// Replaces the values that are to be kept secret, below names that are `path` up to here. `false` if the configuration would have
/// files read whose names nobody has chosen.
pub fn plant(path: &str, value: &mut Value) -> bool {
    if let Value::Object(table) = value {
        return table.iter_mut().all(|(name, value)| plant(&join(path, name), value));
    }
    if let Value::Array(list) = value {
        return list.iter_mut().all(|value| plant(path, value));
    }
    if path.ends_with(".file") || path.ends_with("location") {
        return false;
    }
    let is_address = path == "bootstrap_servers" && value.as_str().is_some_and(|text| text.contains('@'));
    let is_secret = SECRETIVE.iter().any(|part| path.to_lowercase().contains(part));
    if is_secret && path.ends_with(".env") {
        *value = VARIABLE.into();
    } else if is_secret && !value.is_null() {
        *value = SECRET.into();
    } else if is_address {
        *value = format!("alice:{SECRET}@kafka:9092").into();
    }
    true
}

/// Properties may stand in a table of their own.
fn join(path: &str, name: &str) -> String {
    match path {
        "" | "properties" => name.to_owned(),
        _ => format!("{path}.{name}"),
    }
}
