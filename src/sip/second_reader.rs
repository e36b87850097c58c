//! second_reader
