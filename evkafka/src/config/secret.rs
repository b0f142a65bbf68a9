//! Values that must not be printed.

use std::collections::BTreeMap;
use std::fmt;

use super::known;

/// What stands in a log in place of a secret.
pub(super) const REDACTED: &str = "…";

/// Parts of names whose values librdkafka marks as sensitive, or that may hold something sensitive.
const SENSITIVE: &[&str] = &[
    "assertion",
    "credential",
    "extensions",
    "jaas",
    "kinit",
    "oauthbearer.config",
    "passphrase",
    "password",
    "pem",
    "private",
    "secret",
    "ssl.key",
    "ssl_key",
    "token",
    "username",
];

/// Whether the value of a property may be a secret. In doubt it is: a name that librdkafka does not document may be
/// that of a secret, mistyped.
pub(super) fn is_secret(name: &str) -> bool {
    known::find(name).is_none() || SENSITIVE.iter().any(|part| name.contains(part))
}

/// Shows properties without their secrets.
pub(super) struct Redacted<'a>(pub(super) &'a BTreeMap<String, String>);

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value): (&'_ String, &'_ String)| {
            (name.clone(), if is_secret(name) { REDACTED.to_owned() } else { value.clone() })
        };
        f.debug_map().entries(self.0.iter().map(shown)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_librdkafka_marks_as_sensitive_is_secret() {
        // `_RK_SENSITIVE` in librdkafka 2.12's rdkafka_conf.c.
        for name in [
            "sasl.oauthbearer.assertion.private.key.file",
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "sasl.oauthbearer.assertion.private.key.pem",
            "sasl.oauthbearer.client.credentials.client.secret",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.config",
            "sasl.password",
            "sasl.username",
            "ssl.ca.pem",
            "ssl.key.location",
            "ssl.key.password",
            "ssl.key.pem",
            "ssl.keystore.password",
            "ssl_key",
        ] {
            assert!(is_secret(name), "{name}");
        }
    }

    #[test]
    fn unknown_names_are_secret() {
        assert!(is_secret("sasl.pasword"));
        assert!(is_secret("SASL.MECHANISM"));
        assert!(is_secret(""));
    }

    #[test]
    fn what_helps_to_understand_a_consumer_is_not_secret() {
        for name in ["fetch.min.bytes", "security.protocol", "sasl.mechanism", "ssl.ca.location", "client.id"]
        {
            assert!(!is_secret(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn debug_hides_the_value_of_a_secret(
            name in prop_oneof![
                "[a-z.]{0,8}(password|secret|token|pem|private|jaas)[a-z.]{0,8}",
                ".{0,12}",
            ],
            secret in "[A-Z0-9]{12}",
        ) {
            prop_assume!(is_secret(&name) && !name.contains(&secret));
            let properties = BTreeMap::from([(name, secret.clone())]);
            let shown = [format!("{:?}", Redacted(&properties)), format!("{:#?}", Redacted(&properties))];
            prop_assert!(!shown.concat().contains(&secret));
        }
    }
}
