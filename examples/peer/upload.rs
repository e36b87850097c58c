//! What a peer answers to another: each question by itself, nothing is kept of who asked.

use std::sync::Arc;

use super::content::Whole;
use super::frame::{Ask, Frame};
use super::run;

/// A content that is served. An answer is as long as a run at most.
#[derive(Clone)]
pub struct Upload {
    pub content: Arc<Whole>,
    /// Told to who asks for the map.
    pub ticket: Option<String>,
    /// To be caught at it: of so many leaves one is altered.
    pub alters_one_in: Option<u32>,
}

impl Upload {
    pub fn answers(&self, frame: &Frame) -> Vec<Frame> {
        match frame {
            Frame::AskMap => {
                let ticket = self.ticket.clone().map(Frame::Ticket);
                [Frame::Map(self.content.map())].into_iter().chain(ticket).collect()
            }
            Frame::Ask(ask) => self.run(ask),
            Frame::Map(_) | Frame::Hashes(_) | Frame::Leaf { .. } | Frame::Ticket(_) | Frame::Hello { .. } => {
                Vec::new()
            }
        }
    }

    fn run(&self, ask: &Ask) -> Vec<Frame> {
        let Some(hashes) = self.content.hashes(ask.run) else {
            return Vec::new();
        };
        let leaves = run::leaves_of(self.content.tree().shape(), ask.run);
        let wanted = leaves
            .clone()
            .filter(|leaf| ask.wanted & 1 << (leaf - leaves.start) != 0);
        let leaf = |leaf: u32| {
            let mut bytes = self.content.leaf(leaf)?;
            if self.alters_one_in.is_some_and(|of| leaf % of.max(1) == of.max(1) - 1) {
                bytes[0] ^= 1;
            }
            Some(Frame::Leaf { leaf, bytes })
        };
        let hashes = ask.hashes.then_some(Frame::Hashes(hashes));
        hashes.into_iter().chain(wanted.filter_map(leaf)).collect()
    }
}
