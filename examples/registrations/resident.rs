//! What a process holds in memory.

/// Bytes of this one resident now.
pub fn bytes() -> usize {
    bytes_of(std::process::id())
}

/// The same of another.
pub fn bytes_of(process: u32) -> usize {
    const PAGE_BYTES: usize = 4096;
    let statm = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * PAGE_BYTES
}
