/// The name that someone who wrote `text` probably meant.
pub(crate) fn nearest<'n>(text: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let (distance, name) = names.map(|name| (distance(text, name), name)).min()?;
    (distance <= 1 + name.len() / 4).then_some(name)
}

/// The Levenshtein distance: how many characters have to be inserted, removed or replaced.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_typo_and_leaves_other_words_alone() {
        let find = |text| nearest(text, ["event", "fallback", "crate"].into_iter());
        assert_eq!(find("events"), Some("event"));
        assert_eq!(find("evnt"), Some("event"));
        assert_eq!(find("fall_back"), Some("fallback"));
        assert_eq!(find("OrderCreated"), None);
        assert_eq!(find("topic"), None);
    }

    #[test]
    fn counts_insertions_removals_and_replacements() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
