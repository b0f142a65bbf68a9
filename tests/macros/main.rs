//! The macros: what they accept, what they refuse and in which words, and what their expansions do.
//!
//! One folder for each topic. `pass/*.rs` compile without a warning and run; `fail/*.rs` do not compile, and what the
//! compiler says stands beside them. After a change of the messages `TRYBUILD=overwrite cargo test -p evkafka-tests
//! --test macros` writes them anew, to be read as a user would read them.

mod behaviour;

#[test]
#[cfg_attr(not(pinned_compiler), ignore = "the messages are those of the compiler that `build.rs` names")]
fn accepts_and_refuses_in_these_words() {
    let cases = trybuild::TestCases::new();
    cases.pass("macros/*/pass/*.rs");
    cases.compile_fail("macros/*/fail/*.rs");
}
