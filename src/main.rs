//! Arguments, a command, an exit code.

use std::process::ExitCode;

/// Half the cost of the system's allocator when many small messages come and go.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sipveil::cli::main()
}
