//! Reads one record by its shape: where in the bytes each wanted value stands. Values that go into one column, of a
//! table that takes every record, are put there at once.
//!
//! Keys come in nearly the same order in every record. Each place of the shape remembers the keys in the order
//! seen last, so the next key is guessed and compared at once; a wrong guess searches and learns.

use std::ops::Range;

use crate::bad::{Bad, Reason};
use crate::found::{Found, Home, Kind, LONGEST, NotedMember, OUTSIDE, Slot};
use crate::key::{LearnedKey, Wanted};
use crate::row::{Rows, Source};
use crate::shape::{Node, NodeId, RECORD, Shape, SlotId, Target};
use crate::value::{any, first, plain, text};
use json::blanks;

/// How deeply objects and lists may stand in each other.
pub(crate) const DEPTH: usize = 128;
/// How many keys of one place are remembered.
const LEARNED: usize = 128;
/// Longer keys, quotes and colon included, are not remembered.
const LONGEST_LEARNED: usize = 64;

/// Reads records of one shape and remembers the order of their keys.
#[derive(Debug)]
pub(crate) struct Scanner {
    /// For each node its keys, in the order in which they come next.
    learned: Vec<Vec<LearnedKey>>,
    /// What is to be learned when the record is read.
    misses: Vec<Miss>,
}

/// A key that was not known where it stood.
#[derive(Debug)]
struct Miss {
    node: NodeId,
    place: usize,
    text: Range<usize>,
    wanted: Wanted,
}

impl Scanner {
    pub fn new(shape: &Shape) -> Self {
        Scanner {
            learned: shape.nodes.iter().map(|_| Vec::new()).collect(),
            misses: Vec::new(),
        }
    }

    /// Reads the record that starts at `at`; `source` is the page as text, if it is one. What went straight into `rows`
    /// counts only if the answer says so.
    pub fn record(
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
        let mut pass = Pass {
            bytes,
            source,
            shape,
            learned: &self.learned,
            misses: &mut self.misses,
            found,
            rows,
            is_straight: source.is_some(),
        };
        let end = pass.value(at, 0, home, 0);
        pass.end_row(home);
        let is_straight = pass.is_straight;
        if !self.misses.is_empty() {
            self.learn(bytes);
        }
        end.map(|end| Read { end, is_straight })
    }

    #[cold]
    fn learn(&mut self, bytes: &[u8]) {
        for miss in self.misses.drain(..) {
            let learned = &mut self.learned[miss.node as usize];
            let key = LearnedKey::new(&bytes[miss.text], miss.wanted);
            // A key near the end of a page was not told where it stood. Known twice, it could come twice unseen.
            let is_known = learned.iter().any(|known| known.is_same(&key));
            if learned.len() < LEARNED && !is_known {
                learned.insert(miss.place.min(learned.len()), key);
            }
        }
    }
}

/// A record that was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Read {
    pub end: usize,
    /// Whether all that goes straight into a column has gone there.
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

/// Where an object stands in the order of its keys.
#[derive(Clone, Copy, Default)]
struct Order {
    /// Which key comes next, if this object has the order of the last ones.
    next: usize,
    missed: usize,
    /// Whether a key came that stood further ahead last time, or was not known: only then can one come twice. Also where
    /// all members are noted.
    is_careful: bool,
}

/// What stands behind a member.
enum Ended {
    /// The end of the object.
    Object(usize),
    /// Another member.
    Member(usize),
}

#[inline(always)]
fn ended(bytes: &[u8], at: usize) -> Result<Ended, Bad> {
    let at = blanks(bytes, at);
    match bytes.get(at) {
        Some(b',') => Ok(Ended::Member(at + 1)),
        Some(b'}') => Ok(Ended::Object(at + 1)),
        Some(_) => Err(Bad::at(at, Reason::NoCommaInObject)),
        None => Err(Bad::at(at, Reason::EndsEarly)),
    }
}

/// The place of a key that did not come next last time. Often the one that did is left out now, and it is one of
/// those after it.
#[inline(never)]
fn ahead(bytes: &[u8], at: usize, learned: &[LearnedKey], next: usize) -> Option<usize> {
    let mut places = (next..learned.len()).chain(0..next.min(learned.len()));
    places.find(|place| learned[*place].is_at(bytes, at))
}

struct Pass<'a> {
    bytes: &'a [u8],
    source: Option<Source<'a>>,
    shape: &'a Shape,
    learned: &'a [Vec<LearnedKey>],
    misses: &'a mut Vec<Miss>,
    found: &'a mut Found,
    rows: &'a mut [Rows],
    /// Not once a value did not fit its column: then columns are filled by what was found.
    is_straight: bool,
}

impl Pass<'_> {
    /// Reads a value of which something inside may be wanted.
    #[inline]
    fn value(&mut self, at: usize, id: NodeId, home: Home, depth: usize) -> Result<usize, Bad> {
        let shape = self.shape;
        let node = &shape.nodes[id as usize];
        let (at, first) = first(self.bytes, at)?;
        let (end, kind) = match first {
            b'{' if node.opens_object() => (self.object(at, id, home, depth + 1)?, Kind::Object),
            b'[' if node.opens_list() => (self.list(at, id, home, depth + 1)?, Kind::List),
            first => plain(self.bytes, at, first)?,
        };
        if let Some(slot) = node.slot {
            self.found.set(home, slot, Slot::checked(at, end, kind)?);
        }
        if !node.is_leaf && node.is_missed_by(kind) {
            let shown = end.min(at + LONGEST - 1);
            self.block(id, home, Slot::new(at, shown, kind));
        }
        Ok(end)
    }

    #[inline(never)]
    fn object(&mut self, start: usize, id: NodeId, home: Home, depth: usize) -> Result<usize, Bad> {
        if depth > DEPTH {
            return Err(Bad::at(start, Reason::TooDeep));
        }
        let (bytes, shape) = (self.bytes, self.shape);
        let node = &shape.nodes[id as usize];
        let mut at = blanks(bytes, start + 1);
        if bytes.get(at) == Some(&b'}') {
            return Ok(at + 1);
        }
        let learned = self.learned[id as usize].as_slice();
        let mut order = Order {
            is_careful: node.notes_members,
            ..Order::default()
        };
        loop {
            let is_next = |known: &LearnedKey| known.is_at(bytes, at);
            if !learned.get(order.next).is_some_and(is_next) {
                at = blanks(bytes, at);
                let Some(place) = ahead(bytes, at, learned, order.next) else {
                    (at, order) = self.unknown_member(at, id, home, depth, order)?;
                    match ended(bytes, at)? {
                        Ended::Object(end) => return Ok(end),
                        Ended::Member(next) => at = next,
                    }
                    continue;
                };
                order.is_careful |= place < order.next;
                order.next = place;
            }
            let known = &learned[order.next];
            order.next += 1;
            let start = at;
            let end = start + known.length as usize;
            if order.is_careful && self.is_seen(home, known.wanted) {
                return Err(Bad::at(start, Reason::KeyTwice));
            }
            at = self.member(bytes, known.wanted, end, home, depth)?;
            if order.is_careful && node.notes_members {
                self.note_member(node, home, known.wanted, start..at);
            }
            if bytes.get(at) == Some(&b',') {
                at += 1;
                continue;
            }
            match ended(bytes, at)? {
                Ended::Object(end) => return Ok(end),
                Ended::Member(next) => at = next,
            }
        }
    }

    /// Reads the value of a member and answers where it ends.
    #[inline(always)]
    fn member(
        &mut self,
        bytes: &[u8],
        wanted: Wanted,
        at: usize,
        home: Home,
        depth: usize,
    ) -> Result<usize, Bad> {
        match wanted {
            Wanted::Straight(slot, target) => {
                let (at, first) = first(bytes, at)?;
                let column = self.rows[usize::from(target.table)].column(target);
                if let Some((end, kind)) = column.take(bytes, at, first) {
                    self.found.set(home, slot, Slot::new(at, end, kind));
                    return Ok(end);
                }
                self.unusual(at, first, home, slot, target)
            }
            Wanted::Nothing => any(bytes, at),
            Wanted::Plain(slot) => {
                let (at, first) = first(bytes, at)?;
                let (end, kind) = plain(bytes, at, first)?;
                self.found.set(home, slot, Slot::checked(at, end, kind)?);
                Ok(end)
            }
            Wanted::Members(slot, child) if bytes.get(at) == Some(&b'{') => {
                let end = self.object(at, child, home, depth + 1)?;
                let value = Slot::checked(at, end, Kind::Object)?;
                self.found.set(home, slot, value);
                Ok(end)
            }
            Wanted::Members(_, child) | Wanted::Inside(_, child) => {
                self.value(at, child, home, depth)
            }
        }
    }

    /// Reads a member whose key was not seen before, or has escapes or blanks, and answers where it ends.
    #[cold]
    fn unknown_member(
        &mut self,
        at: usize,
        id: NodeId,
        home: Home,
        depth: usize,
        order: Order,
    ) -> Result<(usize, Order), Bad> {
        let (key, order) = self.search_key(at, id, order)?;
        if self.is_seen(home, key.wanted) {
            return Err(Bad::at(key.start, Reason::KeyTwice));
        }
        let end = self.member(self.bytes, key.wanted, key.end, home, depth)?;
        let node = &self.shape.nodes[id as usize];
        if node.notes_members {
            self.note_member(node, home, key.wanted, key.start..end);
        }
        Ok((end, order))
    }

    /// A value that is not of the kind and layout that is usual for its column.
    #[inline(never)]
    fn unusual(
        &mut self,
        at: usize,
        first: u8,
        home: Home,
        slot: SlotId,
        target: Target,
    ) -> Result<usize, Bad> {
        let (end, kind) = plain(self.bytes, at, first)?;
        let value = Slot::checked(at, end, kind)?;
        self.found.set(home, slot, value);
        let rows = &mut self.rows[usize::from(target.table)];
        self.is_straight &= self
            .source
            .is_some_and(|source| rows.push_straight(target, source, value));
        Ok(end)
    }

    /// Ends the row of an element: columns that were given nothing get null.
    fn end_row(&mut self, home: Home) {
        let list = &self.shape.lists[usize::from(home.list)];
        for (target, slot) in list
            .targets
            .iter()
            .zip(self.found.slots_from(home.first_slot))
        {
            if let (Kind::Absent, Some(target)) = (slot.kind(), target) {
                self.rows[usize::from(target.table)]
                    .column(*target)
                    .push_null();
            }
        }
        for slot in &list.required {
            let kind = self.found.get(home, *slot).kind();
            self.is_straight &= !matches!(kind, Kind::Absent | Kind::Null);
        }
    }

    fn is_seen(&self, home: Home, wanted: Wanted) -> bool {
        wanted
            .slot()
            .is_some_and(|slot| self.found.is_set(home, slot))
    }

    #[inline(never)]
    fn note_member(&mut self, node: &Node, home: Home, wanted: Wanted, at: Range<usize>) {
        let slot = wanted.slot();
        let member = slot.and_then(|slot| node.member_of_slot(&self.shape.nodes, slot));
        self.found.members.push(NotedMember {
            list: home.list,
            element: home.element,
            member,
            start: at.start as u32,
            end: at.end as u32,
        });
    }

    #[cold]
    fn search_key(&mut self, at: usize, id: NodeId, mut order: Order) -> Result<(Key, Order), Bad> {
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
        order.is_careful = true;
        let text = at..colon + 1;
        if !escaped && colon == end && text.len() <= LONGEST_LEARNED && order.missed < LEARNED {
            self.misses.push(Miss {
                node: id,
                place: order.next + order.missed,
                text,
                wanted,
            });
            order.missed += 1;
        }
        let key = Key {
            wanted,
            start: at,
            end: colon + 1,
        };
        Ok((key, order))
    }

    fn wanted(&self, node: &Node, member: Option<u16>) -> Wanted {
        let Some(member) = member else {
            return Wanted::Nothing;
        };
        let id = node.members[usize::from(member)].node;
        let child = &self.shape.nodes[id as usize];
        match child.slot {
            Some(slot) if child.is_leaf => match child.target {
                Some(target) => Wanted::Straight(slot, target),
                None => Wanted::Plain(slot),
            },
            Some(slot) if child.is_plain_object() => Wanted::Members(slot, id),
            Some(slot) => Wanted::Inside(slot, id),
            None => Wanted::Nothing,
        }
    }

    #[inline(never)]
    fn list(&mut self, start: usize, id: NodeId, home: Home, depth: usize) -> Result<usize, Bad> {
        if depth > DEPTH {
            return Err(Bad::at(start, Reason::TooDeep));
        }
        let node = &self.shape.nodes[id as usize];
        let mut at = blanks(self.bytes, start + 1);
        if self.bytes.get(at) == Some(&b']') {
            return Ok(at + 1);
        }
        for ordinal in 0.. {
            let mut end = None;
            if let Some(list) = node.list {
                let home = self.found.open(list, home, ordinal);
                let element = self.shape.lists[usize::from(list)].element;
                end = Some(self.value(at, element, home, depth)?);
                self.end_row(home);
            }
            for (_, item) in node
                .items
                .iter()
                .filter(|(index, _)| *index == ordinal as usize)
            {
                end = Some(self.value(at, *item, home, depth)?);
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

    /// Marks what was looked for inside of a value that is of another kind.
    #[cold]
    fn block(&mut self, id: NodeId, home: Home, value: Slot) {
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
                self.found.set(home, slot, value.blocked());
            }
            self.block(child, home, value.blocked());
        }
    }
}
