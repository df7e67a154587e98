//! The steps in which an object was read before: its keys, and those of the objects in it, in the order in which they
//! came. The next one is guessed and compared at once, quotes and colon included.

use crate::column::Take;
use crate::shape::{NodeId, SlotId, Target};
use json::Lanes;

/// A key with its quotes, its colon and the blanks behind it; or the end of an object.
#[derive(Debug)]
pub(crate) struct Step {
    head: Lanes,
    /// The lanes that are not of the key: they may hold anything.
    free: u32,
    /// The key, with all that.
    pub text: Box<[u8]>,
    pub wanted: Wanted,
    /// How many steps are inside of the member, its end included.
    pub inner: u32,
}

/// What is wanted of a member.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted {
    Nothing,
    /// Its value alone.
    Plain(SlotId),
    /// Its value alone, which goes straight into a column.
    Straight(Take, SlotId, Target),
    /// Its members, and nothing else.
    Members(SlotId, NodeId),
    /// Something inside of it.
    Inside(SlotId, NodeId),
    /// There is no member: the object ends.
    End,
}

impl Wanted {
    pub fn slot(self) -> Option<SlotId> {
        match self {
            Wanted::Nothing | Wanted::End => None,
            Wanted::Plain(slot)
            | Wanted::Straight(_, slot, _)
            | Wanted::Members(slot, _)
            | Wanted::Inside(slot, _) => Some(slot),
        }
    }
}

impl Step {
    pub fn key(text: &[u8], wanted: Wanted) -> Self {
        let mut head = [0; 16];
        let short = text.len().min(16);
        head[..short].copy_from_slice(&text[..short]);
        Step {
            head: Lanes::of(&head),
            free: !0 << short,
            text: text.into(),
            wanted,
            inner: 0,
        }
    }

    pub fn end() -> Self {
        Step {
            // Sixteen lanes never agree with all of these bits.
            free: 0,
            ..Step::key(b"", Wanted::End)
        }
    }

    pub fn is_end(&self) -> bool {
        matches!(self.wanted, Wanted::End)
    }

    /// Whether the two are the same key, whatever blanks follow.
    pub fn is_same(&self, other: &Step) -> bool {
        self.text.trim_ascii_end() == other.text.trim_ascii_end()
    }

    /// Whether the key stands there. Not told near the end of a page, where a search finds it.
    #[inline(always)]
    pub fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        let Some(head) = Lanes::at(bytes, at) else {
            return false;
        };
        if head.agree(self.head) | self.free != !0 {
            return false;
        }
        self.text.len() <= 16 || bytes[at..].starts_with(&self.text)
    }
}

/// The places of an object's own keys among steps that begin with some of them.
pub(crate) fn own(steps: &[Step]) -> impl Iterator<Item = usize> {
    let mut place = 0;
    std::iter::from_fn(move || {
        let step = steps.get(place).filter(|step| !step.is_end())?;
        let own = place;
        place += 1 + step.inner as usize;
        Some(own)
    })
}

/// Where the steps go on behind the end of the object of which they are the rest; none if nothing is around it.
#[inline(never)]
pub(crate) fn behind(steps: &[Step]) -> Option<usize> {
    let end = own(steps)
        .last()
        .map_or(0, |last| last + 1 + steps[last].inner as usize);
    (end < steps.len()).then_some(end + 1)
}

/// The object that the step at `place` belongs to: where its steps begin, and its node, which is `root` at the outermost.
pub(crate) fn around(steps: &[Step], root: NodeId, place: usize) -> (usize, NodeId) {
    let (mut begin, mut node, mut at) = (0, root, 0);
    while at < place {
        let inner = steps[at].inner as usize;
        match steps[at].wanted {
            Wanted::Members(_, child) if place <= at + inner => {
                at += 1;
                (begin, node) = (at, child);
            }
            _ => at += 1 + inner,
        }
    }
    (begin, node)
}

/// Adds a key that came before the step at `place`, unless its object has it or too many.
pub(crate) fn learn(steps: &mut Vec<Step>, root: NodeId, place: usize, key: Step) {
    let (begin, _) = around(steps, root, place);
    let of_object = &steps[begin..];
    let is_known = own(of_object).any(|own| of_object[own].is_same(&key));
    if is_known || own(of_object).count() >= MOST {
        return;
    }
    let end = matches!(key.wanted, Wanted::Members(..)).then(Step::end);
    steps.splice(place..place, [key].into_iter().chain(end));
    // What is inside of each is counted anew.
    let mut open = Vec::new();
    for place in 0..steps.len() {
        match steps[place].wanted {
            Wanted::Members(..) => open.push(place),
            Wanted::End => {
                if let Some(begin) = open.pop() {
                    steps[begin].inner = (place - begin) as u32;
                }
            }
            _ => {}
        }
    }
}

/// As many keys of one object are remembered.
const MOST: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        for (place, key) in text.char_indices() {
            let wanted = match key {
                '}' => continue,
                'A'..='Z' => Wanted::Members(0, key as u32),
                _ => Wanted::Nothing,
            };
            learn(&mut steps, 0, place, Step::key(&[key as u8], wanted));
        }
        steps
    }

    fn shown(steps: &[Step]) -> String {
        let key = |step: &Step| match step.is_end() {
            true => '}',
            false => char::from(step.text[0]),
        };
        steps.iter().map(key).collect()
    }

    #[test]
    fn steps_know_their_object() {
        let steps = steps("aBcDe}f}g");
        assert_eq!(shown(&steps), "aBcDe}f}g");
        assert_eq!(own(&steps).collect::<Vec<_>>(), [0, 1, 8]);
        assert_eq!(own(&steps[2..]).collect::<Vec<_>>(), [0, 1, 4]);
        for (place, begin, node) in [
            (0, 0, 0),
            (1, 0, 0),
            (2, 2, 'B' as u32),
            (4, 4, 'D' as u32),
            (5, 4, 'D' as u32),
            (6, 2, 'B' as u32),
            (7, 2, 'B' as u32),
            (8, 0, 0),
            (9, 0, 0),
        ] {
            assert_eq!(around(&steps, 0, place), (begin, node), "{place}");
        }
        for (place, after) in [(2, 8), (4, 6), (5, 6), (6, 8), (7, 8)] {
            assert_eq!(behind(&steps[place..]), Some(after - place), "{place}");
        }
        assert_eq!(behind(&steps), None);
        assert_eq!(behind(&steps[8..]), None);
    }

    #[test]
    fn a_key_is_learned_once_in_each_object() {
        let mut steps = steps("aB}");
        learn(&mut steps, 0, 2, Step::key(b"a", Wanted::Nothing));
        learn(&mut steps, 0, 4, Step::key(b"a", Wanted::Nothing));
        learn(&mut steps, 0, 0, Step::key(b"B  ", Wanted::Nothing));
        assert_eq!(shown(&steps), "aBa}");
        for key in 0..2 * MOST {
            let key = format!("\"{key}\":");
            learn(&mut steps, 0, 4, Step::key(key.as_bytes(), Wanted::Nothing));
        }
        assert_eq!(own(&steps).count(), MOST);
    }
}
