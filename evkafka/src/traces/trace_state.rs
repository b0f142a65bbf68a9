//! What vendors say of a trace, as the header `tracestate` has it.

/// The name of the header.
pub(crate) const NAME: &str = "tracestate";

/// What everybody has to pass on; what is longer is dropped as a whole.
const MOST_BYTES: usize = 512;

const MOST_MEMBERS: usize = 32;

/// The longest key, and the longest value.
const MOST_CHARACTERS: usize = 256;

/// The header's value, if it is one: a list of at most 32 members `key=value`, of the characters that each may have. `None` is as if there
/// were none: the `traceparent` holds all the same.
pub(crate) fn checked(value: &[u8]) -> Option<&str> {
    let value = str::from_utf8(value).ok().filter(|value| value.len() <= MOST_BYTES)?;
    let members = || value.split(',').map(|member| member.trim_matches([' ', '\t']));
    let are_valid = members().filter(|member| !member.is_empty()).all(is_member);
    (are_valid && members().count() <= MOST_MEMBERS).then_some(value)
}

fn is_member(member: &str) -> bool {
    member.split_once('=').is_some_and(|(key, value)| is_key(key) && is_value(value))
}

/// `vendor`, or `tenant@system`.
fn is_key(key: &str) -> bool {
    let is_part = |part: &str, most: usize| {
        let begins = |first: &u8| first.is_ascii_lowercase() || first.is_ascii_digit();
        let may_follow = |other: &u8| begins(other) || b"_-*/".contains(other);
        part.len() <= most
            && part.as_bytes().first().is_some_and(begins)
            && part.bytes().all(|it| may_follow(&it))
    };
    match key.split_once('@') {
        None => is_part(key, MOST_CHARACTERS),
        Some((tenant, system)) => is_part(tenant, 241) && is_part(system, 14),
    }
}

fn is_value(value: &str) -> bool {
    let may_stand = |it: u8| (b' '..=b'~').contains(&it) && it != b'=';
    !value.is_empty() && value.len() <= MOST_CHARACTERS && value.bytes().all(may_stand)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_are_taken_or_refused_as_a_whole() {
        let members = |count: usize| (0..count).map(|i| format!("k{i}=v")).collect::<Vec<_>>().join(",");
        let (most, more) = (members(32), members(33));
        let (long, longer) = (format!("k={}", "v".repeat(256)), format!("k={}", "v".repeat(257)));
        for value in [
            "",
            "a=1",
            "congo=t61rcWkgMzE,rojo=00f067aa",
            "a=1 , b=2,\tc=3",
            "a=1,,b=2",
            "t@s=v",
            "0-_*/=x y",
            "a=1;b",
            &most,
            &long,
        ] {
            assert_eq!(checked(value.as_bytes()), Some(value));
        }
        for value in [
            "a", "a=", "=1", "A=1", "a=1=2", "a= 1é", "a@=1", "@s=1", "a@b@c=1", "_a=1", "a=\u{7f}", &more,
            &longer,
        ] {
            assert_eq!(checked(value.as_bytes()), None, "{value:?}");
        }
        assert_eq!(checked(b"a=\xff"), None);
        assert_eq!(
            checked(format!("a={},b={}", "v".repeat(255), "v".repeat(255)).as_bytes()),
            None,
            "too long"
        );
    }

    proptest! {
        #[test]
        fn what_is_taken_is_within_the_limits(value in "[a-c=, @\\t~]{0,600}") {
            if let Some(taken) = checked(value.as_bytes()) {
                prop_assert!(taken.len() <= MOST_BYTES && taken.split(',').count() <= MOST_MEMBERS);
                prop_assert!(taken.split(',').all(|member| member.trim().is_empty() || member.matches('=').count() == 1));
            }
        }
    }
}
