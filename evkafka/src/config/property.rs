//! Whether a property of librdkafka can be set, and to that value.

use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;

use super::known::{self, Role};
use super::mechanism;
use super::secret::is_secret;
use super::{elsewhere, owned, suggest};

/// What is wrong with a property, if anything.
pub(super) fn judge_property(name: &str, value: &str) -> Option<String> {
    // librdkafka takes a prefix off the names of topic properties. It is no way around a refusal.
    let bare = name.strip_prefix("topic.");
    if let Some(owned) = owned::find(bare.unwrap_or(name)) {
        return Some(format!("is evkafka's to set: {}", owned.instead));
    }
    if let Some(bare) = bare.filter(|bare| known::find(bare).is_some()) {
        return Some(format!("is to be written without the prefix: `{bare}`"));
    }
    match known::find(name) {
        Some(property) if property.role == Role::Producer => {
            Some("is a property of producers, and of no use to a consumer; leave it out".to_owned())
        }
        Some(_) => judge_value(name, value),
        None if known::is_known_to_librdkafka(name) => judge_value(name, value),
        None => match elsewhere::find(name) {
            Some(elsewhere) => match elsewhere.read(value) {
                Ok(value) => judge_property(elsewhere.property, &value),
                Err(fault) => Some(fault),
            },
            None => Some(unknown("property", suggest::setting_or_property(name))),
        },
    }
}

/// The fault of a name that is none.
pub(super) fn unknown(what: &str, suggestion: Option<&str>) -> String {
    match suggestion {
        Some(suggestion) => format!("is no {what}; did you mean `{suggestion}`?"),
        None => format!("is no {what}"),
    }
}

/// What librdkafka has against a value. Its words may repeat the value, so those about a secret are left out.
fn judge_value(name: &str, value: &str) -> Option<String> {
    if value.contains('\0') {
        return Some("must not contain a NUL character".to_owned());
    }
    match ClientConfig::new().set(name, value).create_native_config() {
        Ok(_) if matches!(name, "sasl.mechanism" | "sasl.mechanisms") => mechanism::missing_feature(value)
            .map(|feature| {
                format!("needs what is not in this build of librdkafka: enable evkafka's feature `{feature}`")
            }),
        Ok(_) => None,
        Err(KafkaError::ClientConfig(_, reason, ..)) => Some(refusal(name, &reason)),
        Err(_) => Some(REFUSED_SECRET.to_owned()),
    }
}

/// librdkafka's reason, as far as it may be shown.
fn refusal(name: &str, reason: &str) -> String {
    match left_out_of_build(reason) {
        Some(missing) => format!("needs what is not in this build of librdkafka: {missing}; {FEATURES}"),
        None if is_secret(name) => REFUSED_SECRET.to_owned(),
        None => format!("has a value that librdkafka refuses: {}", reason.trim()),
    }
}

const REFUSED_SECRET: &str = "has a value that librdkafka refuses (not shown, since it may be secret)";
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
