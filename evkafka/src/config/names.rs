//! What can be the name of something: a topic, a group, a header, a server.
//!
//! Each function says what is wrong with a name, if anything; it goes on from the name of the setting.

use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;

/// The most bytes that Kafka's protocol has for a text.
const LONGEST_TEXT: usize = 32_767;

/// The most bytes of a topic's name, and of a static member's: the brokers' own limit.
const LONGEST_NAME: usize = 249;

/// The names that a server may have in front, and librdkafka's names for them.
const PROTOCOLS: &[&str] = &["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"];

/// Of a text that is compared with others, letter by letter.
pub(crate) fn judge_text(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return Some("must not be empty".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Some("must not contain control characters, such as line breaks".to_owned());
    }
    if text.trim() != text {
        return Some("must not begin or end with white space".to_owned());
    }
    (text.len() > LONGEST_TEXT).then(|| format!("must not be longer than {LONGEST_TEXT} bytes"))
}

/// Of something that brokers hold to the rules for topics.
pub(super) fn judge_legal(name: &str, what: &str) -> Option<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.trim().is_empty() {
        return Some("must not be empty".to_owned());
    }
    let is_legal = name.len() <= LONGEST_NAME && name != "." && name != ".." && name.chars().all(legal);
    (!is_legal).then(|| {
        format!(
            "has `{name}`, which is not the name of a {what}: use up to {LONGEST_NAME} letters (a-z), digits, `.`, `_` and `-`"
        )
    })
}

/// Of a topic that is read; what starts with `^` is a pattern.
pub(super) fn judge_topic(topic: &str) -> Option<String> {
    if topic.contains('\0') {
        return Some("must not contain a NUL character".to_owned());
    }
    if topic.starts_with('^') {
        return judge_pattern(topic);
    }
    if topic.trim().is_empty() {
        return Some("has an empty name in it".to_owned());
    }
    judge_legal(topic, "topic").map(|fault| format!("{fault} (a regular expression starts with `^`)"))
}

/// librdkafka compiles the patterns of this property as it does those of topics, and says so before there is a client. It takes the
/// property for a list with commas; a pattern with one in it is judged when the consumer starts.
fn judge_pattern(pattern: &str) -> Option<String> {
    if let Some(fault) = judge_escapes(pattern) {
        return Some(fault);
    }
    if pattern.contains(',') {
        return None;
    }
    let reason = match ClientConfig::new().set("topic.blacklist", pattern).create_native_config() {
        Ok(_) => return None,
        Err(KafkaError::ClientConfig(_, reason, ..)) => {
            reason.rsplit("\": ").next().unwrap_or(&reason).trim().to_owned()
        }
        Err(error) => error.to_string(),
    };
    let perl = if pattern.contains("(?") { ", which have no `(?…)`" } else { "" };
    Some(format!(
        "has `{pattern}`, which is not a regular expression: {reason} (they are POSIX extended ones{perl})"
    ))
}

/// librdkafka has the platform's extended regular expressions, to which `\d` is the letter d.
fn judge_escapes(pattern: &str) -> Option<String> {
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        let write = match (character, (character == '\\').then(|| characters.next()).flatten()) {
            ('\\', Some('d')) => r"`[0-9]` in place of `\d`",
            ('\\', Some('D')) => r"`[^0-9]` in place of `\D`",
            _ => continue,
        };
        return Some(format!(
            "has `{pattern}`, which would match the letter, and no digit: topics are matched by POSIX extended regular \
             expressions; write {write}"
        ));
    }
    None
}

/// The servers of a list, without white space around them. librdkafka takes no notice of empty ones.
pub(crate) fn servers(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|server| !server.is_empty())
}

/// Of one server: `[protocol://]host[:port]`. librdkafka would pass over it, or take another port.
pub(super) fn judge_server(server: &str) -> Option<String> {
    let (protocol, address) = server.split_once("://").unwrap_or(("plaintext", server));
    if !PROTOCOLS.contains(&protocol.to_ascii_lowercase().as_str()) {
        let address = address.trim_end_matches('/');
        let meant = if judge_server(address).is_none() { address } else { "host:port" };
        return Some(format!(
            "has `{server}`: write `{meant}`, without `{protocol}://` (how to connect is set by the property \
             `security.protocol`)"
        ));
    }
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        // An IPv6 address by itself.
        _ => (address, None),
    };
    let has_host = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == '/');
    let is_number = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port {
        _ if !has_host => {}
        Some(port) if port.parse::<u16>().is_ok_and(|port| port > 0) => return None,
        Some(port) if is_number(port) => {
            return Some(format!(
                "has `{server}`, whose port is not from 1 to 65535 (Kafka's default is 9092)"
            ));
        }
        Some(_) => {}
        None => return None,
    }
    Some(format!("has `{server}`, which is not `host:port`, such as `localhost:9092`"))
}

/// Of one server beside the protocol that the client uses: librdkafka passes over servers of another.
pub(super) fn judge_protocol(server: &str, used: &str) -> Option<String> {
    let (protocol, _) = server.split_once("://")?;
    let is_another =
        PROTOCOLS.contains(&protocol.to_ascii_lowercase().as_str()) && !protocol.eq_ignore_ascii_case(used);
    is_another.then(|| format!("has `{server}`, but the property `security.protocol` is `{used}`"))
}
