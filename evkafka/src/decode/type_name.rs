use std::fmt;

/// A type's name as people write it: `Option<Order>` for `core::option::Option<billing::events::Order>`.
pub(super) struct Short(pub(super) &'static str);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut short = String::with_capacity(self.0.len());
        // Where the path that is being read begins.
        let mut path = 0;
        let mut rest = self.0;
        while let Some(next) = rest.chars().next() {
            if rest.starts_with("::") && path < short.len() {
                short.truncate(path);
                rest = &rest[2..];
                continue;
            }
            short.push(next);
            if !(next.is_alphanumeric() || next == '_') {
                path = short.len();
            }
            rest = &rest[next.len_utf8()..];
        }
        f.write_str(&short)
    }
}

#[cfg(test)]
mod tests {
    use std::any::type_name;

    use super::*;
    use crate::handle::extract::Raw;

    #[test]
    fn a_types_name_has_no_paths() {
        for (full, short) in [
            ("u64", "u64"),
            ("core::option::Option<alloc::string::String>", "Option<String>"),
            ("app::OrderPaid<'_>", "OrderPaid<'_>"),
            ("&[(a::b::C, [u8; 4])]", "&[(C, [u8; 4])]"),
            ("alloc::boxed::Box<dyn core::fmt::Debug>", "Box<dyn Debug>"),
            ("app::größe::Größe", "Größe"),
            ("<app::A as app::B>::C", "<A as B>::C"),
            ("", ""),
        ] {
            assert_eq!(Short(full).to_string(), short);
        }
        assert!(Short(type_name::<Raw<'_>>()).to_string().starts_with("Raw"));
    }
}
