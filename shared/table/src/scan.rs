//! Reads one record by its shape: where in the bytes each wanted value stands. Values that go into one column, of a
//! table that takes every record, are put there at once.
//!
//! Keys come in nearly the same order in every record. The scanner remembers the steps in which it read the last ones,
//! so the next key is guessed and compared at once; a wrong guess searches and learns.

use std::ops::Range;

use crate::bad::{Bad, Reason};
use crate::column::Column;
use crate::found::{Found, Home, Kind, LONGEST, NotedMember, OUTSIDE, Slot};
use crate::row::{Rows, Source};
use crate::shape::{Filled, ListId, Node, NodeId, RECORD, Shape, SlotId, Target};
use crate::steps::{self, Step, Wanted};
use crate::value::{any, first, plain, text};
use json::blanks;

/// How deeply objects and lists may stand in each other.
pub(crate) const DEPTH: usize = 128;
/// Longer keys, quotes and colon included, are not remembered.
const LONGEST_LEARNED: usize = 64;

/// Reads records of one shape and remembers the order of their keys.
#[derive(Debug)]
pub(crate) struct Scanner {
    /// For each node the steps in which its object is read.
    steps: Vec<Vec<Step>>,
    /// What is to be learned when the record is read.
    misses: Vec<Miss>,
    /// So many records are not tried straight.
    doubted: u32,
}

/// What does not fit often comes in many records: behind one, so many are not tried straight.
const DOUBTED: u32 = 16;

/// A key that was not known where it stood.
#[derive(Debug)]
struct Miss {
    /// The node whose steps lack it, and the step that it came before.
    node: NodeId,
    place: usize,
    text: Range<usize>,
    wanted: Wanted,
}

impl Scanner {
    pub fn new(shape: &Shape) -> Self {
        Scanner {
            steps: shape.nodes.iter().map(|_| Vec::new()).collect(),
            misses: Vec::new(),
            doubted: 0,
        }
    }

    /// Reads the record that starts at `at`; `source` is the page as text, if it is one. What went straight into `rows`
    /// counts only if the answer says so; if nothing did, all is found.
    pub fn record(
        &mut self,
        shape: &Shape,
        bytes: &[u8],
        source: Option<Source<'_>>,
        at: usize,
        found: &mut Found,
        rows: &mut [Rows],
    ) -> Result<Read, Bad> {
        if source.is_some() && self.doubted == 0 {
            let read = self.pass::<true>(shape, bytes, source, at, found, rows)?;
            if read.is_straight {
                return Ok(read);
            }
            // Some value does not fit its column: columns are filled by what is found.
            rows.iter_mut().for_each(Rows::take_back);
            self.doubted = DOUBTED;
        } else {
            self.doubted = self.doubted.saturating_sub(1);
        }
        self.pass::<false>(shape, bytes, source, at, found, rows)
    }

    fn pass<const STRAIGHT: bool>(
        &mut self,
        shape: &Shape,
        bytes: &[u8],
        source: Option<Source<'_>>,
        at: usize,
        found: &mut Found,
        rows: &mut [Rows],
    ) -> Result<Read, Bad> {
        found.clear();
        let home = found.open(RECORD, OUTSIDE, 0);
        let mut pass = Pass::<STRAIGHT> {
            bytes,
            source,
            shape,
            steps: &self.steps,
            misses: &mut self.misses,
            found,
            rows,
            depth: 0,
            home,
            filled: Filled::default(),
            is_straight: STRAIGHT,
        };
        let end = pass.value(at, 0);
        pass.end_row();
        let is_straight = pass.is_straight;
        if !self.misses.is_empty() {
            self.learn(bytes);
        }
        end.map(|end| Read { end, is_straight })
    }

    #[cold]
    fn learn(&mut self, bytes: &[u8]) {
        // From behind, so that each place is still what it was.
        self.misses.sort_by_key(|miss| miss.place);
        for miss in self.misses.drain(..).rev() {
            let steps = &mut self.steps[miss.node as usize];
            let key = Step::key(&bytes[miss.text], miss.wanted);
            steps::learn(steps, miss.node, miss.place, key);
        }
    }
}

/// A record that was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Read {
    pub end: usize,
    /// Whether all that goes straight into a column has gone there; else nothing has.
    pub is_straight: bool,
}

/// A key that was read.
#[derive(Clone, Copy)]
struct Key {
    wanted: Wanted,
    start: usize,
    /// Where its colon ends.
    end: usize,
}

/// What was found where another key was guessed.
struct Missed {
    /// Where reading goes on: at a key that is the next step, or behind a value.
    at: usize,
    is_at_key: bool,
    /// The step that comes next, and whether a key may come twice from now on.
    next: usize,
    is_careful: bool,
}

/// Where the comma or the bracket stands behind a member and blanks.
#[inline(never)]
fn ended(bytes: &[u8], at: usize) -> Result<usize, Bad> {
    let at = blanks(bytes, at);
    match bytes.get(at) {
        Some(b',' | b'}') => Ok(at),
        Some(_) => Err(Bad::at(at, Reason::NoCommaInObject)),
        None => Err(Bad::at(at, Reason::EndsEarly)),
    }
}

#[inline(never)]
fn skip(bytes: &[u8], at: usize) -> Result<usize, Bad> {
    any(bytes, at)
}

/// Whether an object ends there that has just begun.
fn is_empty(bytes: &[u8], at: usize) -> bool {
    bytes.get(at) == Some(&b'}') && bytes[..at].trim_ascii_end().last() == Some(&b'{')
}

/// Which of the object's steps is the key that stands there. Often the one that came next last time is left out now, and
/// it is one of those after it.
fn ahead(bytes: &[u8], at: usize, steps: &[Step]) -> Option<usize> {
    steps::own(steps).find(|place| steps[*place].is_at(bytes, at))
}

/// One reading of a record. `STRAIGHT` is whether values go straight into their columns.
struct Pass<'a, const STRAIGHT: bool> {
    bytes: &'a [u8],
    source: Option<Source<'a>>,
    shape: &'a Shape,
    steps: &'a [Vec<Step>],
    misses: &'a mut Vec<Miss>,
    found: &'a mut Found,
    rows: &'a mut [Rows],
    /// How many objects and lists are open.
    depth: usize,
    /// The element that values are found for, and which columns of rows have been filled.
    home: Home,
    filled: Filled,
    /// Not once a value did not fit its column.
    is_straight: bool,
}

impl<'a, const STRAIGHT: bool> Pass<'a, STRAIGHT> {
    /// Reads a value of which something inside may be wanted.
    #[inline]
    fn value(&mut self, at: usize, id: NodeId) -> Result<usize, Bad> {
        let shape = self.shape;
        let node = &shape.nodes[id as usize];
        let (at, first) = first(self.bytes, at)?;
        let (end, kind) = match first {
            b'{' if node.opens_object() => (self.object(at, id)?, Kind::Object),
            b'[' if node.opens_list() => (self.list(at, id)?, Kind::List),
            first => plain(self.bytes, at, first)?,
        };
        if let Some(slot) = node.slot {
            self.set(slot, at, end, kind)?;
        }
        if !node.is_leaf && node.is_missed_by(kind) {
            let shown = end.min(at + LONGEST - 1);
            self.block(id, Slot::new(at, shown, kind));
        }
        Ok(end)
    }

    #[inline(always)]
    fn set(&mut self, slot: SlotId, start: usize, end: usize, kind: Kind) -> Result<Slot, Bad> {
        let value = Slot::checked(start, end, kind)?;
        self.found.set(self.home, slot, value);
        Ok(value)
    }

    /// Reads an object, and the objects in it of which nothing but members is wanted.
    #[inline(never)]
    fn object(&mut self, start: usize, id: NodeId) -> Result<usize, Bad> {
        let bytes = self.bytes;
        let steps: &'a [Step] = &self.steps[id as usize];
        let mut coming = steps;
        // Whether a key came that stood further ahead last time, or was not known: only then can one come twice. Also where
        // all members are noted.
        let mut is_careful = self.shape.nodes[id as usize].notes_members;
        let mut at = self.enter(start)?;
        loop {
            // Here a key begins.
            match coming.split_first() {
                Some((step, after)) if !is_careful && step.is_at(bytes, at) => {
                    let end = at + step.text.len();
                    coming = after;
                    match &step.wanted {
                        Wanted::Members(slot, _) if bytes.get(end) == Some(&b'{') => {
                            at = self.enter_member(end, *slot)?;
                            continue;
                        }
                        Wanted::Members(_, child) => {
                            at = self.value(end, *child)?;
                            coming = &after[step.inner as usize..];
                        }
                        wanted => at = self.member(wanted, end)?,
                    }
                }
                _ => {
                    let missed = self.miss(at, id, steps.len() - coming.len(), is_careful)?;
                    (at, is_careful) = (missed.at, missed.is_careful);
                    coming = &steps[missed.next..];
                    if missed.is_at_key {
                        continue;
                    }
                }
            }
            // Here a value has ended.
            while bytes.get(at) != Some(&b',') {
                if bytes.get(at) != Some(&b'}') {
                    at = ended(bytes, at)?;
                    continue;
                }
                at += 1;
                self.depth -= 1;
                coming = match coming.split_first() {
                    Some((step, after)) if step.is_end() => after,
                    _ => match steps::behind(coming) {
                        Some(behind) => &coming[behind..],
                        None => return Ok(at),
                    },
                };
            }
            at += 1;
        }
    }

    /// Begins to read an object or a list; answers what is behind its bracket.
    fn enter(&mut self, start: usize) -> Result<usize, Bad> {
        if self.depth >= DEPTH {
            return Err(Bad::at(start, Reason::TooDeep));
        }
        self.depth += 1;
        Ok(start + 1)
    }

    #[inline(never)]
    fn enter_member(&mut self, start: usize, slot: SlotId) -> Result<usize, Bad> {
        // Found, should it come again; where it ends matters to nobody.
        self.set(slot, start, start + 1, Kind::Object)?;
        self.enter(start)
    }

    /// Where another key was guessed, at the step `place`: steps over blanks and keys that were left out, or reads a member
    /// that is not one of those that come, or which may be there for the second time.
    #[inline(never)]
    fn miss(
        &mut self,
        at: usize,
        root: NodeId,
        place: usize,
        is_careful: bool,
    ) -> Result<Missed, Bad> {
        let bytes = self.bytes;
        let steps: &'a [Step] = &self.steps[root as usize];
        let start = blanks(bytes, at);
        let mut missed = Missed {
            at: start,
            is_at_key: start > at,
            next: place,
            is_careful,
        };
        if missed.is_at_key || is_empty(bytes, start) {
            return Ok(missed);
        }
        if !is_careful && let Some(ahead) = ahead(bytes, start, &steps[place..]) {
            missed.next = place + ahead;
            missed.is_at_key = true;
            return Ok(missed);
        }
        let (begin, id) = steps::around(steps, root, place);
        let found = ahead(bytes, start, &steps[begin..]).map(|found| begin + found);
        missed.is_careful |= found.is_none_or(|found| found < place);
        let key = match found {
            Some(found) => {
                let step = &steps[found];
                missed.next = found + 1 + step.inner as usize;
                Key {
                    wanted: step.wanted,
                    start,
                    end: start + step.text.len(),
                }
            }
            None => self.search_key(start, id, root, place)?,
        };
        if self.is_seen(key.wanted) {
            return Err(Bad::at(key.start, Reason::KeyTwice));
        }
        missed.at = self.member(&key.wanted, key.end)?;
        let node = &self.shape.nodes[id as usize];
        if node.notes_members {
            self.note_member(node, key.wanted, key.start..missed.at);
        }
        Ok(missed)
    }

    /// Reads the value of a member and answers where it ends.
    #[inline(always)]
    fn member(&mut self, wanted: &Wanted, at: usize) -> Result<usize, Bad> {
        match *wanted {
            Wanted::Straight(take, slot, target) if STRAIGHT => {
                let column = self.rows[usize::from(target.table)].column(target);
                if let Some(end) = take(column, self.bytes, at) {
                    self.filled.note(target);
                    return Ok(end);
                }
                self.unusual(at, slot, target)
            }
            Wanted::Nothing | Wanted::End => skip(self.bytes, at),
            Wanted::Plain(slot) | Wanted::Straight(_, slot, _) => {
                self.plain(at, slot).map(Slot::end)
            }
            Wanted::Members(_, child) | Wanted::Inside(_, child) => self.value(at, child),
        }
    }

    /// A value of which nothing inside is wanted.
    #[inline(never)]
    fn plain(&mut self, at: usize, slot: SlotId) -> Result<Slot, Bad> {
        let (at, first) = first(self.bytes, at)?;
        let (end, kind) = plain(self.bytes, at, first)?;
        self.set(slot, at, end, kind)
    }

    /// A value that is not of the kind and layout that is usual for its column, or is looked at for others too.
    #[inline(never)]
    fn unusual(&mut self, at: usize, slot: SlotId, target: Target) -> Result<usize, Bad> {
        let value = self.plain(at, slot)?;
        self.filled.note(target);
        let rows = &mut self.rows[usize::from(target.table)];
        self.is_straight &= self
            .source
            .is_some_and(|source| rows.push_straight(target, source, value));
        Ok(value.end())
    }

    /// Ends the row of an element: columns that were given nothing get null.
    #[inline]
    fn end_row(&mut self) {
        if !self.is_straight {
            return;
        }
        let list = &self.shape.lists[usize::from(self.home.list)];
        self.filled.misses(&list.filled, |number| {
            let target = self.shape.targets[number];
            let rows = &mut self.rows[usize::from(target.table)];
            rows.column(target).push_null();
        });
        for target in &list.required {
            let column = self.rows[usize::from(target.table)].column(*target);
            self.is_straight &= !column.is_null(column.rows() - 1);
        }
    }

    fn is_seen(&self, wanted: Wanted) -> bool {
        match wanted {
            Wanted::Straight(_, _, target) if STRAIGHT => self.filled.has(target),
            wanted => wanted
                .slot()
                .is_some_and(|slot| self.found.is_set(self.home, slot)),
        }
    }

    #[inline(never)]
    fn note_member(&mut self, node: &Node, wanted: Wanted, at: Range<usize>) {
        let slot = wanted.slot();
        let member = slot.and_then(|slot| node.member_of_slot(&self.shape.nodes, slot));
        self.found.members.push(NotedMember {
            list: self.home.list,
            element: self.home.element,
            member,
            start: at.start as u32,
            end: at.end as u32,
        });
    }

    #[cold]
    fn search_key(
        &mut self,
        at: usize,
        id: NodeId,
        root: NodeId,
        place: usize,
    ) -> Result<Key, Bad> {
        let shape = self.shape;
        if self.bytes.get(at) != Some(&b'"') {
            return Err(match self.bytes.get(at) {
                Some(_) => Bad::at(at, Reason::NoKey),
                None => Bad::at(at, Reason::EndsEarly),
            });
        }
        let (end, escaped) = text(self.bytes, at)?;
        let key = &self.bytes[at + 1..end - 1];
        let node = &shape.nodes[id as usize];
        let member = if escaped {
            let key = str::from_utf8(key).ok().and_then(json::unescape);
            let key = key.ok_or(Bad::at(at, Reason::KeyEscape))?;
            node.member(key.as_bytes())
        } else {
            node.member(key)
        };
        let colon = blanks(self.bytes, end);
        if self.bytes.get(colon) != Some(&b':') {
            return Err(Bad::at(colon, Reason::NoColon));
        }
        let wanted = self.wanted(node, member);
        // The blanks before the value are learned with the key.
        let value = blanks(self.bytes, colon + 1);
        let text = at..value;
        if !escaped && colon == end && text.len() <= LONGEST_LEARNED {
            self.misses.push(Miss {
                node: root,
                place,
                text,
                wanted,
            });
        }
        Ok(Key {
            wanted,
            start: at,
            end: value,
        })
    }

    fn wanted(&self, node: &Node, member: Option<u16>) -> Wanted {
        let Some(member) = member else {
            return Wanted::Nothing;
        };
        let id = node.members[usize::from(member)].node;
        let child = &self.shape.nodes[id as usize];
        match child.slot {
            Some(slot) if child.is_leaf => match child.target {
                // What is looked at for others has to be found too.
                Some((_, target)) if child.is_read => {
                    Wanted::Straight(Column::take_word, slot, target)
                }
                Some((take, target)) => Wanted::Straight(take, slot, target),
                None => Wanted::Plain(slot),
            },
            Some(slot) if child.is_plain_object() && !child.is_read && !node.notes_members => {
                Wanted::Members(slot, id)
            }
            Some(slot) => Wanted::Inside(slot, id),
            None => Wanted::Nothing,
        }
    }

    #[inline(never)]
    fn list(&mut self, start: usize, id: NodeId) -> Result<usize, Bad> {
        let at = self.enter(start)?;
        let end = self.elements(at, id)?;
        self.depth -= 1;
        Ok(end)
    }

    fn elements(&mut self, at: usize, id: NodeId) -> Result<usize, Bad> {
        let node = &self.shape.nodes[id as usize];
        let mut at = blanks(self.bytes, at);
        if self.bytes.get(at) == Some(&b']') {
            return Ok(at + 1);
        }
        for ordinal in 0.. {
            let mut end = None;
            if let Some(list) = node.list {
                end = Some(self.element(list, at, ordinal)?);
            }
            for (_, item) in node
                .items
                .iter()
                .filter(|(index, _)| *index == ordinal as usize)
            {
                end = Some(self.value(at, *item)?);
            }
            at = match end {
                Some(end) => end,
                None => any(self.bytes, at)?,
            };
            at = blanks(self.bytes, at);
            match self.bytes.get(at) {
                Some(b',') => at = blanks(self.bytes, at + 1),
                Some(b']') => return Ok(at + 1),
                Some(_) => return Err(Bad::at(at, Reason::NoCommaInList)),
                None => break,
            }
        }
        Err(Bad::at(at, Reason::EndsEarly))
    }

    /// Reads an element of a list whose elements become rows.
    fn element(&mut self, list: ListId, at: usize, ordinal: u32) -> Result<usize, Bad> {
        let home = self.found.open(list, self.home, ordinal);
        let outer = std::mem::replace(&mut self.home, home);
        let list = &self.shape.lists[usize::from(list)];
        self.filled.forget(&list.filled);
        let end = self.value(at, list.element)?;
        self.end_row();
        self.home = outer;
        Ok(end)
    }

    /// Marks what was looked for inside of a value that is of another kind.
    #[cold]
    fn block(&mut self, id: NodeId, value: Slot) {
        self.is_straight = false;
        let shape = self.shape;
        let node = &shape.nodes[id as usize];
        let mut missed: Vec<NodeId> = Vec::new();
        if value.kind() != Kind::Object {
            missed.extend(node.members.iter().map(|member| member.node));
        }
        if value.kind() != Kind::List {
            missed.extend(node.items.iter().map(|(_, item)| *item));
            if let Some(list) = node.list {
                self.found.lists[usize::from(list)].blocked = Some(value);
            }
        }
        for child in missed {
            if let Some(slot) = shape.nodes[child as usize].slot {
                self.found.set(self.home, slot, value.blocked());
            }
            self.block(child, value.blocked());
        }
    }
}
