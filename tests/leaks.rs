//! Programs that must not compile, each with the compiler's words beside it: ways to send what was not cleared for its hop.
//!
//! `TRYBUILD=overwrite cargo test --test main leaks::` writes the words anew; a change in them is reviewed like code.

//= PRIV-027 type=test
//= TRUST-010 type=test
#[test]
fn no_program_sends_what_was_not_cleared_for_its_hop() {
    trybuild::TestCases::new().compile_fail("tests/leaks/*.rs");
}
