//! A judgement is not changed afterwards.

use sipveil::trust::{Origin, Standing};

fn promoted(mut origin: Origin) -> Origin {
    origin.standing = Standing::Trusted;
    origin
}

fn main() {}
