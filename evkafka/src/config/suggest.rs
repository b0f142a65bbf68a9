//! Which name was meant.

use super::known::{Kind, PROPERTIES};
use super::owned;
use super::side::Side;

/// The setting or property nearest to a name that is neither. A property that would be refused is not suggested.
pub(super) fn setting_or_property(side: Side, name: &str) -> Option<&'static str> {
    let properties = PROPERTIES
        .iter()
        .filter(|property| side.judge_role(property).is_none() && property.kind != Kind::Callback)
        .map(|property| property.name)
        .filter(|name| owned::find(side, name).is_none());
    nearest(name, side.settings().iter().copied().chain(properties))
}

/// The one of a few settings that was meant. They may have a word in front that is easily left out.
pub(super) fn among(name: &str, settings: &'static [&'static str]) -> Option<&'static str> {
    let last = |setting: &'static str| setting.split_once('_').map_or(setting, |(_, last)| last);
    nearest(name, settings.iter().copied()).or_else(|| {
        let meant = nearest(name, settings.iter().map(|setting| last(setting)))?;
        settings.iter().copied().find(|setting| last(setting) == meant)
    })
}

/// The first of the nearest candidates, if one is near: at most a third of the name was mistyped. Separators and
/// case make no difference, so that `fetch_min_bytes` finds `fetch.min.bytes`.
pub(crate) fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    const LONGEST: usize = 80;
    let name: Vec<char> = normalised(name).take(LONGEST + 1).collect();
    if name.len() > LONGEST {
        return None;
    }
    candidates
        .map(|candidate| (distance(&name, &normalised(candidate).collect::<Vec<_>>()), candidate))
        .filter(|(distance, _)| *distance <= name.len().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn normalised(name: &str) -> impl Iterator<Item = char> {
    name.chars().map(|c| if matches!(c, '.' | '-' | ' ') { '_' } else { c.to_ascii_lowercase() })
}

/// How many characters must be inserted, removed or replaced to make one word of the other (Levenshtein).
pub(crate) fn distance(from: &[char], to: &[char]) -> usize {
    // One row of the table of distances between all beginnings of the two words, for ever longer beginnings of `from`.
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn between(from: &str, to: &str) -> usize {
        distance(&from.chars().collect::<Vec<_>>(), &to.chars().collect::<Vec<_>>())
    }

    fn for_consumer(name: &str) -> Option<&'static str> {
        setting_or_property(Side::Consumer, name)
    }

    #[test]
    fn counts_edits() {
        assert_eq!(between("", ""), 0);
        assert_eq!(between("", "abc"), 3);
        assert_eq!(between("kitten", "sitting"), 3);
        assert_eq!(between("flaw", "lawn"), 2);
    }

    #[test]
    fn suggests_the_name_that_was_meant() {
        assert_eq!(for_consumer("topcis"), Some("topics"));
        assert_eq!(for_consumer("group.idd"), Some("group_id"));
        assert_eq!(for_consumer("bootstrap.server"), Some("bootstrap_servers"));
        assert_eq!(for_consumer("fetch_min_bytes"), Some("fetch.min.bytes"));
        assert_eq!(for_consumer("sasl.passwort"), Some("sasl.password"));
    }

    #[test]
    fn suggests_to_a_producer_what_producers_have() {
        let for_producer = |name| setting_or_property(Side::Producer, name);
        assert_eq!(for_producer("delivery.timeout"), Some("delivery_timeout"));
        assert_eq!(for_producer("batch_siz"), Some("batch.size"));
        for others in ["group_idd", "fetch.min.byte", "transactional.i"] {
            assert_eq!(for_producer(others), None, "{others}");
        }
    }

    #[test]
    fn suggests_nothing_that_is_far_away_or_would_be_refused() {
        assert_eq!(for_consumer("colour"), None);
        assert_eq!(for_consumer(""), None);
        assert_eq!(for_consumer(&"x".repeat(10_000)), None);
        assert_eq!(for_consumer("linger.m"), None);
        assert_eq!(for_consumer("rebalance_c"), None);
        assert_eq!(for_consumer("enable.auto.offset.stor"), None);
    }

    proptest! {
        #[test]
        fn a_distance_is_one_of_a_metric(a in "[ab]{0,6}", b in "[ab]{0,6}", c in "[ab]{0,6}") {
            prop_assert_eq!(between(&a, &b) == 0, a == b);
            prop_assert_eq!(between(&a, &b), between(&b, &a));
            prop_assert!(between(&a, &c) <= between(&a, &b) + between(&b, &c));
        }
    }
}
