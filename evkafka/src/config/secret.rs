//! Values that must not be printed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use rdkafka::config::ClientConfig;

use super::known::{self, Kind};

/// What stands in a log in place of a secret.
const REDACTED: &str = "…";

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

/// A list of servers as it may be printed: a password in an address is a fault, but it is not to be shown for that.
pub(super) fn shown_servers(list: &str) -> &str {
    if list.contains('@') { REDACTED } else { list }
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

/// The secrets of one client, which are taken out of what librdkafka says of it. librdkafka hides only some of them.
pub(crate) struct Secrets(Vec<String>);

/// Shorter ones are taken out only where they are words of their own: a user may be called `app`.
const LONG: usize = 8;

impl Secrets {
    /// Everything in a client's configuration that may be secret.
    pub(crate) fn of(client: &ClientConfig) -> Self {
        // `config_map` shows no secret itself.
        let names: Vec<&str> = client.config_map().into_keys().filter(|name| may_be_said(name)).collect();
        let mut secrets: Vec<String> =
            names.into_iter().flat_map(|name| parts(name, client.get(name).unwrap_or_default())).collect();
        // A part of a secret must not keep the rest of it from being found.
        secrets.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        secrets.dedup();
        Self(secrets)
    }

    /// A line of librdkafka's log without the secrets. With the facility `CONF` it tells the value of a property.
    pub(crate) fn redact_line<'t>(&self, facility: &str, line: &'t str) -> Cow<'t, str> {
        if facility == "CONF"
            && let Some((before, _)) = line.split_once(" = ")
            && before.split_whitespace().next_back().is_some_and(is_secret)
        {
            return format!("{before} = {REDACTED}").into();
        }
        self.redact(line)
    }

    /// A text without the secrets.
    pub(crate) fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for secret in &self.0 {
            if let Some(redacted) = without(&text, secret) {
                text = redacted.into();
            }
        }
        text
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

/// Whether a property has a secret that may turn up in the middle of a text. Paths of files are none, and an error is of little use
/// without them; nor are numbers and choices, which would be found everywhere.
fn may_be_said(name: &str) -> bool {
    let is_text = known::find(name).is_none_or(|property| property.kind == Kind::Text);
    is_secret(name) && is_text && !name.ends_with(".location") && !name.ends_with(".file")
}

/// A secret, and the parts of it that librdkafka may tell one by one: lines of a key; words of a command, which it renders first,
/// and of the settings of a token, which it explains.
fn parts(name: &str, secret: &str) -> Vec<String> {
    let words = ["kinit", "oauthbearer.config", "extensions"].iter().any(|part| name.contains(part));
    let words = secret
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '%' | '{' | '}'))
        .filter(|_| words)
        .map(|word| word.rsplit('=').next().unwrap_or(word));
    let lines = secret.lines().map(str::trim);
    let parts = lines.chain(words).filter(|part| part.len() > 3);
    parts.chain([secret]).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// `text` without `secret`; `None` if it is not in it. librdkafka cuts what is long, so the text may end within the secret.
fn without(text: &str, secret: &str) -> Option<String> {
    let mut shown = String::new();
    let mut rest = text;
    let mut previous = None;
    while let Some(start) = rest.find(secret) {
        let (before, after) = (&rest[..start], &rest[start + secret.len()..]);
        let neighbours = [before.chars().next_back().or(previous), after.chars().next()];
        let is_found = secret.len() >= LONG || !neighbours.into_iter().flatten().any(char::is_alphanumeric);
        shown.push_str(before);
        shown.push_str(if is_found { REDACTED } else { secret });
        previous = secret.chars().next_back();
        rest = after;
    }
    let cut = (LONG..secret.len())
        .rev()
        .find(|&end| secret.is_char_boundary(end) && rest.ends_with(&secret[..end]));
    match cut {
        Some(end) => {
            shown.push_str(&rest[..rest.len() - end]);
            shown.push_str(REDACTED);
        }
        None => shown.push_str(rest),
    }
    (shown != text).then_some(shown)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    use proptest::prelude::*;
    use rdkafka::client::ClientContext;
    use rdkafka::config::RDKafkaLogLevel;
    use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};

    use super::*;

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

    fn secrets(properties: &[(&str, &str)]) -> Secrets {
        let mut client = ClientConfig::new();
        client.extend(properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Secrets::of(&client)
    }

    #[test]
    fn what_librdkafka_tells_of_a_setting_is_hidden_by_the_name_of_the_setting() {
        let none = secrets(&[]);
        for (line, shown) in [
            (
                "[thrd:app]:   sasl.kerberos.kinit.cmd = kinit hunter2 = 3",
                "[thrd:app]:   sasl.kerberos.kinit.cmd = …",
            ),
            (
                "[thrd:app]:   ssl.certificate.pem = ---\nhunter2\n---",
                "[thrd:app]:   ssl.certificate.pem = …",
            ),
            ("[thrd:app]:   a.later.secret = hunter2", "[thrd:app]:   a.later.secret = …"),
            ("[thrd:app]:   fetch.min.bytes = 1", "[thrd:app]:   fetch.min.bytes = 1"),
        ] {
            assert_eq!(none.redact_line("CONF", line), shown);
        }
    }

    /// What librdkafka writes to its log.
    #[derive(Default)]
    struct Lines(Mutex<Vec<(String, String)>>);

    impl ClientContext for Lines {
        fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
            self.0.lock().unwrap().push((facility.to_owned(), message.to_owned()));
        }
    }

    impl ConsumerContext for Lines {}

    #[test]
    fn nothing_that_librdkafka_tells_of_its_settings_shows_a_secret() {
        let mut client = ClientConfig::new();
        client.set("debug", "all");
        let mut given = Vec::new();
        let texts = known::PROPERTIES.iter().filter(|property| property.kind == Kind::Text);
        for (number, property) in texts.filter(|property| is_secret(property.name)).enumerate() {
            // Not the names of files, which are read. What is not in this build of librdkafka is refused.
            let value = format!("hunter-{number}-{number}");
            let mut with = client.clone();
            with.set(property.name, &value);
            if may_be_said(property.name) && with.create_native_config().is_ok() {
                client = with;
                given.push(value);
            }
        }
        let consumer: BaseConsumer<Lines> = client.create_with_context(Lines::default()).unwrap();
        let is_told =
            |lines: &[(String, String)]| lines.iter().any(|(_, line)| line.contains("kinit.cmd = hunter-"));
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_told(&consumer.context().0.lock().unwrap()) {
            assert!(Instant::now() < deadline, "librdkafka tells nothing");
            assert!(consumer.poll(Duration::from_millis(10)).is_none(), "it has no servers");
        }
        let secrets = Secrets::of(&client);
        for (facility, line) in &*consumer.context().0.lock().unwrap() {
            let shown = secrets.redact_line(facility, line);
            assert!(!given.iter().any(|secret| shown.contains(secret)), "{facility}: {shown}");
        }
    }

    #[test]
    fn a_secret_is_hidden_wherever_it_stands() {
        let long = secrets(&[("sasl.password", "hunter2hunter2"), ("client.id", "billing")]);
        assert_eq!(long.redact("user:hunter2hunter2@billing, xhunter2hunter2y"), "user:…@billing, x…y");
        assert_eq!(long.redact("cut in the middle of hunter2hun"), "cut in the middle of …");
        assert_eq!(long.redact("a hunter2 of somebody else's"), "a hunter2 of somebody else's");
        assert!(!format!("{long:?}").contains("hunter"));
    }

    #[test]
    fn a_short_secret_is_hidden_as_a_word() {
        let short = secrets(&[("sasl.username", "app"), ("ssl.key.password", "é")]);
        assert_eq!(short.redact("app: happy apps, (app) é née"), "…: happy apps, (…) … née");
        assert_eq!(secrets(&[("ssl.key.password", "aa")]).redact("aaaa aa"), "aaaa …");
    }

    #[test]
    fn parts_of_a_secret_are_hidden_where_librdkafka_tells_them() {
        let rendered = secrets(&[("sasl.kerberos.kinit.cmd", "kinit hunter2 -p %{sasl.kerberos.principal}")]);
        assert_eq!(rendered.redact("with command: kinit hunter2 -p me"), "with command: … … -p me");
        let token = secrets(&[("sasl.oauthbearer.config", "principal=hunter2 scope=a,hunter3")]);
        assert_eq!(
            token.redact("unrecognized content at: scope=a,hunter3"),
            "unrecognized content at: scope=a,…"
        );
        let key = secrets(&[("ssl.key.pem", "-----BEGIN KEY-----\nMIIEhunter2\n-----END KEY-----\n")]);
        assert_eq!(key.redact("bad line MIIEhunter2"), "bad line …");
    }

    #[test]
    fn what_an_error_needs_is_not_hidden() {
        let secrets = secrets(&[
            ("ssl.key.location", "/etc/kafka/client.key"),
            ("sasl.oauthbearer.assertion.claim.exp.seconds", "300"),
            ("sasl.oauthbearer.assertion.algorithm", "RS256"),
        ]);
        let error = "ssl.key.location failed: /etc/kafka/client.key (RS256, after 300 ms)";
        assert_eq!(secrets.redact(error), error);
    }

    proptest! {
        #[test]
        fn no_text_shows_a_long_secret(secret in ".{8,40}", before in ".{0,20}", after in ".{0,20}", cut in 0usize..100) {
            prop_assume!(secret.len() >= LONG && !secret.trim().is_empty());
            let mut text = format!("{before}{secret}{after}{secret}");
            let cut = text.len() - cut.min(text.len());
            text.truncate((0..=cut).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0));
            let shown = secrets(&[("sasl.password", &secret)]).redact(&text).into_owned();
            prop_assert!(!shown.contains(&secret), "{shown:?}");
        }

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
