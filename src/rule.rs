//! Requirement ids as values.
