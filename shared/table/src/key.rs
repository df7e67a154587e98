//! Keys as they were seen before: the next one is guessed and compared at once, quotes and colon included.

use crate::shape::{NodeId, SlotId, Target};
use json::Lanes;

/// A key with its quotes and colon, and what is wanted of its value.
#[derive(Debug)]
pub(crate) struct LearnedKey {
    head: Lanes,
    /// The lanes that are not of the key: they may hold anything.
    free: u32,
    /// The key's length, quotes and colon included.
    pub length: u32,
    pub wanted: Wanted,
    /// What does not fit into the head.
    tail: Box<[u8]>,
}

/// What is wanted of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Nothing,
    /// Its value alone.
    Plain(SlotId),
    /// Its value alone, which goes straight into a column.
    Straight(SlotId, Target),
    /// Its members.
    Members(SlotId, NodeId),
    /// Something inside of it.
    Inside(SlotId, NodeId),
}

impl Wanted {
    pub fn slot(self) -> Option<SlotId> {
        match self {
            Wanted::Nothing => None,
            Wanted::Plain(slot)
            | Wanted::Straight(slot, _)
            | Wanted::Members(slot, _)
            | Wanted::Inside(slot, _) => Some(slot),
        }
    }
}

impl LearnedKey {
    pub fn new(text: &[u8], wanted: Wanted) -> Self {
        let mut head = [0; 16];
        let short = text.len().min(16);
        head[..short].copy_from_slice(&text[..short]);
        LearnedKey {
            head: Lanes::of(&head),
            free: !0 << short,
            length: text.len() as u32,
            wanted,
            tail: text[short..].into(),
        }
    }

    /// Whether the two have the same text.
    pub fn is_same(&self, other: &LearnedKey) -> bool {
        let is_head = self.head.agree(other.head) == 0xffff;
        is_head && self.length == other.length && self.tail == other.tail
    }

    /// Whether the key stands there. Not told near the end of a page, where a search finds it.
    #[inline(always)]
    pub fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        let Some(head) = Lanes::at(bytes, at) else {
            return false;
        };
        head.agree(self.head) | self.free == !0
            && (self.length <= 16 || bytes[at + 16..].starts_with(&self.tail))
    }
}
