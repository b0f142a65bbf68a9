use regex_lite::Regex;

/// A regular expression that stands for the topics that it matches, as far as that can be told without librdkafka.
///
/// librdkafka has the platform's extended regular expressions, which take most patterns as [`Regex`] does; about an escaped letter or
/// digit they differ.
#[derive(Debug)]
pub(crate) struct TopicPattern(Option<Regex>);

impl TopicPattern {
    /// The pattern of this name in a list of topics; `None` if that is a topic's name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        if !name.starts_with('^') {
            return None;
        }
        let mut escaped = name.match_indices('\\').filter_map(|(at, _)| name[at + 1..].chars().next());
        let means_the_same = !escaped.any(char::is_alphanumeric);
        Some(Self(Regex::new(name).ok().filter(|_| means_the_same)))
    }

    /// Whether it matches a topic; `None` if that cannot be told.
    pub(crate) fn matches(&self, topic: &str) -> Option<bool> {
        self.0.as_ref().map(|regex| regex.is_match(topic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_judged_where_it_means_the_same_everywhere() {
        for (pattern, topic, expected) in [
            ("^t.*", "t.dead", Some(true)),
            ("^t", "t.dead", Some(true)),
            ("^t$", "t.dead", Some(false)),
            (r"^t\.dead$", "t.dead", Some(true)),
            (r"^t\.dead$", "t-dead", Some(false)),
            ("^(orders|refunds)(\\.dead)?$", "refunds.dead", Some(true)),
            ("^[[:alpha:]]+$", "orders", Some(true)),
            ("^[[:alpha:]]+$", "orders.dead", Some(false)),
            ("^[^.]+$", "orders.dead", Some(false)),
            ("^t{2}$", "tt", Some(true)),
            (r"^\d+$", "7", None),
            (r"^(t)\1$", "tt", None),
            ("^(t", "t", None),
        ] {
            let judged = TopicPattern::of(pattern).expect("a pattern");
            assert_eq!(judged.matches(topic), expected, "{pattern} {topic}");
        }
    }

    #[test]
    fn a_name_is_no_pattern() {
        assert!(TopicPattern::of("orders").is_none());
    }
}
