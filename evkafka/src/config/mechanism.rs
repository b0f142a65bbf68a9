//! What a SASL mechanism needs of librdkafka.

use rdkafka::config::ClientConfig;

/// Mechanisms that librdkafka can be built without: how their names begin, what `builtin.features` lists if they are there, and
/// the Cargo feature that has them built. It takes any name, and says "no provider" when it starts.
const NEEDS: &[(&str, &str, &str)] = &[
    ("GSSAPI", "sasl_gssapi", "sasl"),
    ("SCRAM-", "sasl_scram", "tls"),
    ("OAUTHBEARER", "sasl_oauthbearer", "tls"),
];

/// The Cargo feature without which this mechanism cannot be used, if it is missing.
pub(super) fn missing_feature(mechanism: &str) -> Option<&'static str> {
    let (_, needed, feature) = NEEDS.iter().find(|(start, ..)| mechanism.starts_with(start))?;
    let built_in = ClientConfig::new().create_native_config().ok()?.get("builtin.features").ok()?;
    (!built_in.split(',').any(|name| name == *needed)).then_some(feature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_passwords_need_nothing() {
        assert_eq!(missing_feature("PLAIN"), None);
    }

    #[test]
    fn what_is_built_in_is_what_the_features_say() {
        let kerberos = cfg!(any(feature = "sasl", feature = "sasl-vendored"));
        let tls = cfg!(any(feature = "tls", feature = "tls-vendored")) || kerberos;
        assert_eq!(missing_feature("SCRAM-SHA-512"), (!tls).then_some("tls"));
        assert_eq!(missing_feature("GSSAPI"), (!kerberos).then_some("sasl"));
    }
}
