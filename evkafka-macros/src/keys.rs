use proc_macro2::Ident;
use syn::ext::IdentExt;

use crate::{ctxt::Ctxt, nearest::nearest};

/// One row of the table of the keys that a macro knows.
pub(crate) struct Key<K: 'static> {
    pub(crate) name: &'static str,
    pub(crate) key: K,
    /// Whether it may be given more than once.
    pub(crate) repeats: bool,
}

/// The keys of one call of a macro: what is known, and what was given already.
pub(crate) struct Keys<K: 'static> {
    /// How messages call the macro.
    owner: &'static str,
    table: &'static [Key<K>],
    given: Vec<&'static str>,
    strange: bool,
}

impl<K: Copy> Keys<K> {
    pub(crate) fn new(owner: &'static str, table: &'static [Key<K>]) -> Self {
        Self { owner, table, given: Vec::new(), strange: false }
    }

    /// The key of this name. An unknown one is a fault and gives `None`. A repeated one is a fault as well, and is
    /// told on the later of the two.
    pub(crate) fn accept(&mut self, cx: &Ctxt, name: &Ident) -> Option<K> {
        let text = name.unraw().to_string();
        let Some(row) = self.table.iter().find(|row| row.name == text) else {
            self.strange = true;
            cx.error(name, self.unknown(&text));
            return None;
        };
        if !row.repeats && self.given.contains(&row.name) {
            cx.error(name, format_args!("`{text}` is given twice; {} takes it once", self.owner));
        }
        self.given.push(row.name);
        Some(row.key)
    }

    /// Whether a key was given, rightly or wrongly.
    pub(crate) fn given(&self, name: &str) -> bool {
        self.given.contains(&name)
    }

    /// Whether the name is none of the known ones, nor a misspelt one.
    pub(crate) fn is_far_from_known(&self, name: &Ident) -> bool {
        nearest(&name.unraw().to_string(), self.table.iter().map(|row| row.name)).is_none()
    }

    /// Notes that something stood there in place of a key.
    pub(crate) fn stranger(&mut self) {
        self.strange = true;
    }

    /// Whether a key is really missing. Where something unknown was given, that has been told, and it may well have
    /// been meant as this key.
    pub(crate) fn misses(&self, name: &str) -> bool {
        !self.strange && !self.given(name)
    }

    fn unknown(&self, text: &str) -> String {
        let known: Vec<_> = self.table.iter().map(|row| format!("`{}`", row.name)).collect();
        let hint = match nearest(text, self.table.iter().map(|row| row.name)) {
            Some(name) => format!("; did you mean `{name}`?"),
            None => String::new(),
        };
        format!("unknown key `{text}`{hint} ({} takes {})", self.owner, known.join(", "))
    }
}
