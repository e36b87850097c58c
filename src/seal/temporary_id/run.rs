//! Runs of a process: what one of them called a place is told from what another did.

/// Runs whose IDs open, this one included.
pub const RUNS_MAX: usize = 4;

/// One run, from its start to its end, however that came. Its number tells which of two came later; what was drawn for it goes into
/// its keys, so that nothing of a run opens of which nothing was kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub number: u32,
    pub drawn: [u8; 16],
}

impl Run {
    /// Of who keeps nothing, and draws its secret anew each time.
    pub const FIRST: Run = Run {
        number: 0,
        drawn: [0; 16],
    };

    /// What a key of this run is derived by.
    pub(super) fn label(&self, label: &[u8]) -> Vec<u8> {
        match self.number {
            0 => label.to_vec(),
            _ => [label, b" ", &self.drawn].concat(),
        }
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
