//! Whether a property of librdkafka can be set, and to that value.

use rdkafka::config::{ClientConfig, NativeClientConfig};
use rdkafka::error::KafkaError;

use super::known::{self, Kind};
use super::mechanism;
use super::secret::is_secret;
use super::side::Side;
use super::{elsewhere, owned, suggest};

/// What is wrong with the name of a property, if anything. A name with a fault is never given to librdkafka.
pub(super) fn judge_name(side: Side, name: &str) -> Option<String> {
    let name = elsewhere::find(name).map_or(name, |elsewhere| elsewhere.property);
    // librdkafka takes a prefix off the names of topic properties. It is no way around a refusal.
    let bare = name.strip_prefix("topic.");
    if let Some(owned) = owned::find(side, bare.unwrap_or(name)) {
        return Some(format!("is evkafka's to set: {}", owned.instead));
    }
    if let Some(bare) = bare.filter(|bare| known::find(bare).is_some()) {
        return Some(format!("must be written without the prefix: `{bare}`"));
    }
    match known::find(name) {
        Some(property) => side.judge_role(property),
        None if known::is_known_to_librdkafka(name) => None,
        None => Some(unknown("property", suggest::setting_or_property(side, name))),
    }
}

/// The fault of a name that is none.
pub(super) fn unknown(what: &str, suggestion: Option<&str>) -> String {
    match suggestion {
        Some(suggestion) => format!("is an unknown {what}; did you mean `{suggestion}`?"),
        None => format!("is an unknown {what}"),
    }
}

/// A value as librdkafka understands it: numbers, booleans and choices in librdkafka's own spelling, so that whoever compares
/// them compares what counts. The name must have been [judged](judge_name).
///
/// # Errors
/// With what is wrong. librdkafka's words may repeat the value, so those about a secret are left out.
pub(super) fn judge_value(name: &str, value: &str) -> Result<String, String> {
    if value.contains('\0') {
        return Err("must not contain a NUL character".to_owned());
    }
    if value.trim().is_empty() {
        return Err("must not be empty; leave it out for the default".to_owned());
    }
    let native =
        ClientConfig::new().set(name, value).create_native_config().map_err(|error| match error {
            KafkaError::ClientConfig(_, reason, ..) => refusal(name, &reason),
            _ => REFUSED_SECRET.to_owned(),
        })?;
    let is_mechanism = known::canonical(name) == "sasl.mechanisms";
    if let Some(feature) = is_mechanism.then(|| mechanism::missing_feature(value)).flatten() {
        return Err(format!(
            "needs a feature that this build of librdkafka lacks: enable evkafka's feature `{feature}`"
        ));
    }
    understood(name, value, &native)
}

/// librdkafka's reading of a value that it has accepted. It takes `10s` for 10, and `010` for 8.
fn understood(name: &str, value: &str, native: &NativeClientConfig) -> Result<String, String> {
    let kind = known::find(name).map(|property| property.kind);
    let reading = match kind {
        Some(Kind::Integer | Kind::Boolean | Kind::Enumeration) => native.get(name).ok(),
        _ => None,
    };
    match reading {
        Some(reading) if kind == Some(Kind::Integer) && reading != value.trim() => {
            Err("must be a whole number, with neither a unit nor leading zeros".to_owned())
        }
        Some(reading) => Ok(reading),
        None => Ok(value.to_owned()),
    }
}

/// librdkafka's reason, as far as it may be shown.
fn refusal(name: &str, reason: &str) -> String {
    match left_out_of_build(reason) {
        Some(missing) if missing.contains("libcurl") => {
            format!("needs a feature that this build of librdkafka lacks: {missing}; {CURL}")
        }
        Some(missing) => {
            format!("needs a feature that this build of librdkafka lacks: {missing}; {FEATURES}")
        }
        None if is_secret(name) => REFUSED_SECRET.to_owned(),
        None => format!("has a value that librdkafka refuses: {}", reason.trim()),
    }
}

const REFUSED_SECRET: &str = "has a value that librdkafka refuses (not shown, since it may be secret)";
const CURL: &str = "enable the feature `curl` of the crate `rdkafka`";
const FEATURES: &str = "evkafka has Cargo features for it: `tls`, and `sasl` for Kerberos";

/// What librdkafka was built without, if that is why it refuses a value: the last part of "...: OpenSSL not available
/// at build time", which does not repeat the value.
fn left_out_of_build(reason: &str) -> Option<&str> {
    reason.ends_with(" at build time").then(|| reason.rsplit(": ").next().unwrap_or(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn does_not_repeat_a_reason_that_may_have_a_secret_in_it() {
        let reason = "Invalid value \"hunter2\" for configuration property";
        assert_eq!(refusal("sasl.password", reason), REFUSED_SECRET);
        assert_eq!(refusal("sasl.oauthbearer.assertion.algorithm", reason), REFUSED_SECRET);
        assert!(refusal("group.protocol", reason).ends_with(reason));
    }

    #[test]
    fn names_the_feature_that_fetches_tokens() {
        let reason = "Configuration property \"sasl.oauthbearer.client.id\" not supported in this build: OAuth/OIDC depends \
                      on libcurl and OpenSSL which were not available at build time";
        assert!(
            refusal("sasl.oauthbearer.client.id", reason)
                .ends_with("the feature `curl` of the crate `rdkafka`")
        );
    }

    #[test]
    fn tells_a_wrong_value_from_a_library_that_was_left_out() {
        let reason = "Unsupported value \"hunter2\" for configuration property \"security.protocol\": OpenSSL not \
                      available at build time";
        let refusal = refusal("security.protocol", reason);
        assert!(
            refusal.contains(": OpenSSL not available at build time; evkafka has Cargo features"),
            "{refusal}"
        );
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
}
