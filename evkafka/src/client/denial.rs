//! What librdkafka says when a cluster does not let a client in.

use rdkafka::error::RDKafkaErrorCode;

use super::kafka_error::{Access, Fault};

/// Why a cluster does not let a client in. It does not pass by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    /// SASL: the mechanism, or the credentials.
    Credentials,
    /// TLS: the cluster's certificate, or the client's.
    Certificate,
}

impl Denial {
    /// Takes a denial from among the client's troubles. A connection that was merely closed is none: brokers close them
    /// when they restart, too.
    pub(crate) fn find(code: RDKafkaErrorCode, reason: &str) -> Option<Self> {
        match Fault::of(code).for_connecting() {
            Access::Credentials => Some(Self::Credentials),
            Access::Certificate if !reason.contains("Disconnected") => Some(Self::Certificate),
            // With TLS 1.3 a broker refuses the client's certificate after the handshake, as librdkafka sees it. And a certificate that the
            // client refuses is now and then a connection that was closed: whichever it sees first.
            Access::Closed if is_of_tls(reason) && !reason.contains("Disconnected") => {
                Some(Self::Certificate)
            }
            Access::Certificate | Access::Closed | Access::Silent => None,
        }
    }

    /// What to do about it: a clause of its own.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::Credentials => "check `sasl.mechanism`, `sasl.username` and `sasl.password`",
            Self::Certificate => {
                "check `security.protocol`, `ssl.ca.location` and, if the cluster demands a certificate of its \
                 clients, `ssl.certificate.location` and `ssl.key.location`"
            }
        }
    }
}

fn is_of_tls(reason: &str) -> bool {
    ["SSL alert", "certificate verify failed"].iter().any(|sign| reason.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_denial_from_a_cluster_that_is_away() {
        use RDKafkaErrorCode as E;
        let find = Denial::find;
        assert_eq!(find(E::Authentication, "SASL authentication error"), Some(Denial::Credentials));
        assert_eq!(find(E::SSL, "certificate verify failed"), Some(Denial::Certificate));
        let refused = "Receive failed: SSL routines::sslv3 alert bad certificate: SSL alert number 42";
        assert_eq!(find(E::BrokerTransportFailure, refused), Some(Denial::Certificate));
        let unknown =
            "error:0A000086:SSL routines::certificate verify failed (after 3ms in state SSL_HANDSHAKE)";
        assert_eq!(find(E::BrokerTransportFailure, unknown), Some(Denial::Certificate));
        assert_eq!(find(E::SSL, "SSL handshake failed: Disconnected: SSL connection closed by peer"), None);
        assert_eq!(find(E::BrokerTransportFailure, "Connection refused"), None);
    }
}
