use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{LazyLock, Mutex, PoisonError},
};

/// The name of a topic's spans, `process {topic}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// Kept for as long as the process lives: OpenTelemetry takes a text by reference only if it is static, and a copy for each record
    /// would be felt.
    Kept(&'static str),
    Copied(String),
}

/// How many are kept: more topics than a service reads, and little memory, whatever a pattern matches.
const MOST: usize = 4096;

static KEPT: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);

impl Name {
    pub(super) fn of(topic: &str) -> Self {
        let name = format!("process {topic}");
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = kept.get(&*name) {
            return Self::Kept(name);
        }
        if kept.len() >= MOST {
            return Self::Copied(name);
        }
        let name: &'static str = name.leak();
        kept.insert(name);
        Self::Kept(name)
    }

    #[inline]
    pub(super) fn to_cow(&self) -> Cow<'static, str> {
        match self {
            Self::Kept(name) => Cow::Borrowed(name),
            Self::Copied(name) => Cow::Owned(name.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_has_one_name_and_of_many_topics_not_all_are_kept() {
        let first = Name::of("orders");
        let (Name::Kept(once), Name::Kept(again)) = (&first, Name::of("orders")) else { panic!("{first:?}") };
        assert!(std::ptr::eq(*once, again));
        let names: Vec<_> = (0..=MOST).map(|number| Name::of(&format!("topic-{number}"))).collect();
        assert_eq!(names.last(), Some(&Name::Copied(format!("process topic-{MOST}"))));
        assert_eq!(names[0].to_cow(), "process topic-0");
        assert_eq!(Name::of("orders"), first);
    }
}
