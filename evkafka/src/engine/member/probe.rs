//! What is said before anything is consumed: whether the cluster answers, and whether the topics exist.

use std::{
    thread,
    time::{Duration, Instant},
};

use rdkafka::{ClientConfig, config::RDKafkaLogLevel, error::KafkaError};

use super::patterns::Patterns;
use crate::{
    client::{ClientLog, Denial, Fault, TopicAnswer},
    config::STATISTICS_INTERVAL,
    engine::deadline::after,
    native::{ClientFailure, Event, OwnedClient, metadata},
};

/// A topic that was just created may be unknown to some brokers for a moment; and where one broker denies access, another may
/// still grant it.
const SETTLES: Duration = Duration::from_secs(2);
/// There may be many reports.
const REPORTS: Duration = Duration::from_millis(50);
const RETRY: Duration = Duration::from_millis(100);
/// How long a cluster has to answer at first, and later on.
const SHORTEST_GLANCE: Duration = Duration::from_secs(1);
const LONGEST_GLANCE: Duration = Duration::from_secs(10);

/// What a look at the cluster found.
#[derive(Debug)]
pub(super) enum Finding {
    /// The cluster answers and has the topics, with so many partitions each. (Where a pattern cannot be judged, all topics.)
    Ready { topics: Vec<(String, usize)> },
    /// The cluster does not answer. The last that the client said of it is in the error.
    Unreachable(KafkaError, Option<String>),
    /// The cluster does not let the client in, for this reason.
    Denied(Denial, String),
    /// The cluster answers and lacks these topics.
    Missing(Vec<String>),
    /// The cluster does not let the user use this topic, which is read, or else written to.
    Forbidden { topic: String, is_read: bool },
    /// The cluster answers and refuses.
    Refused(KafkaError),
    /// Nobody wants to know any more.
    CalledOff,
}

/// Looks at the cluster with a client of its own, for at most about `timeout`. Names that begin with `^` are patterns, of
/// which any number of topics may match, none too. Topics that are `written` to must exist as well. It is given up soon after
/// `called_off` says so.
pub(super) fn look(
    config: &ClientConfig,
    log: &ClientLog,
    topics: &[String],
    written: &[String],
    timeout: Duration,
    called_off: impl Fn() -> bool,
) -> Finding {
    let mut config = config.clone();
    // Without a group the client can be dropped at once: there is nothing to leave.
    config.remove("group.id").remove("group.instance.id").remove(STATISTICS_INTERVAL);
    let client = match OwnedClient::new(&config) {
        Ok(client) => client,
        Err(error) => return Finding::Refused(error),
    };
    let mut trouble = Trouble::default();
    let begun = Instant::now();
    let deadline = after(begun, timeout);
    let settled = begun + SETTLES.min(timeout);
    loop {
        // It cannot be interrupted, so it is short at first, and longer for a cluster that is slow to answer.
        let glance = begun.elapsed().clamp(SHORTEST_GLANCE, LONGEST_GLANCE);
        let until = deadline.min(Instant::now() + glance);
        let finding = look_once(&client, log, &mut trouble, topics, written, until);
        match &finding {
            _ if called_off() => return Finding::CalledOff,
            Finding::Missing(_) | Finding::Denied(..) | Finding::Forbidden { .. }
                if Instant::now() < settled =>
            {
                thread::sleep(RETRY)
            }
            Finding::Unreachable(..) if Instant::now() + RETRY < deadline => thread::sleep(RETRY),
            _ => return finding,
        }
    }
}

fn look_once(
    client: &OwnedClient,
    log: &ClientLog,
    trouble: &mut Trouble,
    topics: &[String],
    written: &[String],
    deadline: Instant,
) -> Finding {
    let mut missing = Vec::new();
    let mut found = Vec::new();
    let patterns = Patterns::among(topics);
    let read =
        topics.iter().filter(|topic| !topic.starts_with('^')).map(|topic| (Some(topic.as_str()), true));
    let written = written.iter().map(|topic| (Some(topic.as_str()), false));
    let all = (!patterns.is_empty()).then_some((None, false));
    let is_matched = |topic: &str| patterns.may_match(topic) && !topics.iter().any(|name| name == topic);
    for (name, is_read) in read.chain(written).chain(all) {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let metadata = match metadata(client.handle(), name, left) {
            Ok(metadata) => metadata,
            Err(code) => {
                // The client's reports say why it cannot connect.
                while let Some(event) = client.poll(REPORTS) {
                    trouble.hear(log, event);
                }
                return trouble.explain(KafkaError::MetadataFetch(code));
            }
        };
        for topic in metadata.topics {
            // Of all the topics of the cluster, those that a pattern does not match are none of ours.
            let is_read = is_read || (name.is_none() && is_matched(&topic.name));
            match topic.partitions {
                // Nobody asked for this one.
                Err(_) if name.is_none() => {}
                Err(code) => match Fault::of(code).for_topic() {
                    TopicAnswer::Missing => missing.push(topic.name),
                    TopicAnswer::Final if Fault::of(code) == Fault::TopicForbidden => {
                        return Finding::Forbidden { topic: topic.name, is_read };
                    }
                    TopicAnswer::Final => return Finding::Refused(KafkaError::MetadataFetch(code)),
                    TopicAnswer::Passing => {}
                },
                Ok(count) if is_read => found.push((topic.name, count)),
                Ok(_) => {}
            }
        }
    }
    if missing.is_empty() { Finding::Ready { topics: found } } else { Finding::Missing(missing) }
}

/// What the client said last about its troubles.
#[derive(Default)]
struct Trouble {
    error: Option<(Option<Denial>, String)>,
    /// A server closed the connection before it had answered anything.
    hung_up: bool,
}

impl Trouble {
    fn hear(&mut self, log: &ClientLog, event: Event) {
        match event {
            Event::Error(ClientFailure { code, .. }) if Fault::of(code).says_nothing_new() => {}
            Event::Error(ClientFailure { code, reason, .. }) => {
                self.error = Some((Denial::find(code, &reason), log.shown(&reason).into_owned()));
            }
            // The error that the look ends with says it all.
            Event::Log { facility, message, .. } => {
                // librdkafka reports it as no error, because a broker that goes away looks the same.
                if facility == "FAIL" && message.contains("in state APIVERSION_QUERY") {
                    self.hung_up = true;
                }
                log.line(RDKafkaLogLevel::Debug, &facility, &message);
            }
            _ => {}
        }
    }

    /// Why there is no answer.
    fn explain(&self, error: KafkaError) -> Finding {
        match self.error.clone() {
            Some((Some(denial), reason)) => Finding::Denied(denial, reason),
            // Said in more than one way by librdkafka, and not always with what may be wrong.
            Some((None, reason)) if reason.contains("in state SSL_HANDSHAKE") => {
                Finding::Unreachable(error, Some(format!("{reason}; {NO_TLS}")))
            }
            Some((None, reason)) => {
                let detail = match stranger(&reason) {
                    Some(who) => format!("{reason}; {who}"),
                    None => reason,
                };
                Finding::Unreachable(error, Some(detail))
            }
            None => Finding::Unreachable(error, self.hung_up.then(|| HUNG_UP.to_owned())),
        }
    }
}

/// Who answers if no broker does, by the first four bytes of the answer: librdkafka takes them for its size.
fn stranger(reason: &str) -> Option<&'static str> {
    let (_, size) = reason.split_once("Invalid response size ")?;
    let digits = size.find(|c: char| !c.is_ascii_digit()).unwrap_or(size.len());
    let bytes = size[..digits].parse::<u32>().ok()?.to_be_bytes();
    // What TLS answers is too short for librdkafka to say anything of it.
    (&bytes == b"HTTP").then_some("that is an HTTP server: check the port in `bootstrap_servers`")
}

const HUNG_UP: &str =
    "a server closed the connection at once; it may demand TLS or SASL: check `security.protocol`";

const NO_TLS: &str = "it may not use TLS: check `security.protocol`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_no_broker_is_known_by_its_first_bytes() {
        let said = |bytes: &[u8; 4]| {
            let size = u32::from_be_bytes(*bytes);
            stranger(&format!(
                "a:80/bootstrap: Receive failed: Invalid response size {size} (0..100000000): increase"
            ))
        };
        assert!(said(b"HTTP").is_some_and(|who| who.contains("HTTP server")));
        assert_eq!((said(b"SSH-"), stranger("Connection refused")), (None, None));
    }
}
