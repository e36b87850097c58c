//! Text as a policy: it is read, or every finding about it can be printed.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match sipveil::config::read(text, "fuzz.toml") {
        Ok((_, warnings)) => warnings.iter().for_each(|finding| drop(finding.to_string())),
        Err(findings) => {
            assert!(!findings.is_empty(), "refused without a word");
            findings.iter().for_each(|finding| drop(finding.to_string()));
        }
    }
});
