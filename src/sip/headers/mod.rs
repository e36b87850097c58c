//! A typed value a file. Each parses from the bytes of one header value, borrows from them, and keeps their offsets.
