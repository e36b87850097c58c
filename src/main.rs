//! Arguments, a command, an exit code.

use std::process::ExitCode;

/// Half the cost of the system's allocator when many small messages come and go. It stands in for `malloc` itself: asked by its
/// own name, it would be told an alignment each time, and check it.
#[cfg(feature = "mimalloc")]
use mimalloc as _;

fn main() -> ExitCode {
    sipveil::cli::main()
}
