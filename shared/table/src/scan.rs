//! Reads one record by its shape: where in the bytes each wanted value stands. Nothing is converted here.
//!
//! Keys come in nearly the same order in every record. Each place of the shape remembers the keys in the order
//! seen last, so the next key is guessed and compared at once; a wrong guess searches and learns.

use std::fmt;
use std::ops::Range;

use crate::lanes::Lanes;
use crate::shape::{ListId, Node, NodeId, RECORD, Shape, SlotId};
use crate::skip;

/// How deeply objects and lists may stand in each other.
pub(crate) const DEPTH: usize = 128;
/// How many keys of one place are remembered.
const LEARNED: usize = 128;
/// Longer keys, quotes and colon included, are not remembered.
const LONGEST_LEARNED: usize = 64;

/// Why bytes are not a record, and where. Small, because every value is answered with one or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bad {
    at: u32,
    pub reason: Reason,
}

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    EndsEarly,
    NoValue,
    NoKey,
    NoColon,
    NoCommaInObject,
    NoCommaInList,
    NoRecords,
    NoObject,
    NoList,
    PathToNothing,
    SomethingFollows,
    KeyTwice,
    RecordsTwice,
    ControlCharacter,
    KeyEscape,
    TooDeep,
    ValueTooLong,
    PageTooLong,
}

impl Bad {
    pub fn at(at: usize, reason: Reason) -> Self {
        Bad {
            at: at as u32,
            reason,
        }
    }

    pub fn place(self) -> usize {
        self.at as usize
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Reason::EndsEarly => "ends early",
            Reason::NoValue => "a value is expected here",
            Reason::NoKey => "a key is expected here",
            Reason::NoColon => "`:` is expected here",
            Reason::NoCommaInObject => "`,` or `}` is expected here",
            Reason::NoCommaInList => "`,` or `]` is expected here",
            Reason::NoRecords => "a list of records or a record is expected here",
            Reason::NoObject => "an object is expected here",
            Reason::NoList => "a list is expected here",
            Reason::PathToNothing => "the path of the records leads to nothing here",
            Reason::SomethingFollows => "something follows the page's value",
            Reason::KeyTwice => "a key occurs twice",
            Reason::RecordsTwice => "the key of the records occurs twice",
            Reason::ControlCharacter => "a control character stands in a text",
            Reason::KeyEscape => "a key has an escape that is no character",
            Reason::TooDeep => "nested too deeply",
            Reason::ValueTooLong => "a value is too long",
            Reason::PageTooLong => "a page has to be smaller than 4 GiB",
        })
    }
}

/// What stands in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: the record has no such member.
    Absent,
    Null,
    True,
    False,
    Number,
    /// A text without escapes.
    Text,
    /// A text with escapes.
    Escaped,
    List,
    Object,
    /// The way to the value is blocked: another kind of value stands on it.
    Blocked,
}

/// The kinds by their number, filled up to what four bits can say.
const KINDS: [Kind; 16] = {
    let mut kinds = [Kind::Absent; 16];
    let all = [
        Kind::Absent,
        Kind::Null,
        Kind::True,
        Kind::False,
        Kind::Number,
        Kind::Text,
        Kind::Escaped,
        Kind::List,
        Kind::Object,
        Kind::Blocked,
    ];
    let mut index = 0;
    while index < all.len() {
        kinds[all[index] as usize] = all[index];
        index += 1;
    }
    kinds
};

/// Where a value stands in the page, quotes and brackets included: start, length and kind in one word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Slot(u64);

/// A single value is shorter than this.
const LONGEST: usize = 1 << 28;

impl Slot {
    #[inline]
    fn new(start: usize, end: usize, kind: Kind) -> Self {
        Slot((start as u64) << 32 | ((end - start) as u64) << 4 | kind as u64)
    }

    #[inline(always)]
    fn checked(start: usize, end: usize, kind: Kind) -> Result<Self, Bad> {
        if end - start >= LONGEST {
            return Err(Bad::at(start, Reason::ValueTooLong));
        }
        Ok(Slot::new(start, end, kind))
    }

    #[inline]
    pub fn kind(self) -> Kind {
        KINDS[(self.0 & 15) as usize]
    }

    #[inline]
    pub fn start(self) -> usize {
        (self.0 >> 32) as usize
    }

    #[inline]
    pub fn end(self) -> usize {
        self.start() + self.length()
    }

    #[inline]
    pub fn length(self) -> usize {
        (self.0 as u32 >> 4) as usize
    }

    fn blocked(self) -> Self {
        Slot::new(self.start(), self.end(), Kind::Blocked)
    }
}

/// The elements of one list of a record.
#[derive(Debug, Default)]
pub(crate) struct Elements {
    width: usize,
    pub elements: Vec<Element>,
    /// A value that stands where the list should be.
    pub blocked: Option<Slot>,
}

/// One element of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element {
    pub parent_list: ListId,
    pub parent: u32,
    pub ordinal: u32,
    /// Where its slots begin among those of the record.
    first_slot: u32,
}

/// A member of an element, its key included; noted where the members that no column takes are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NotedMember {
    pub list: ListId,
    pub element: u32,
    /// Its number in the shape, if it is wanted.
    pub member: Option<u16>,
    pub start: u32,
    pub end: u32,
}

/// Everything that was found in one record.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The slots of all elements of all lists, as they were opened.
    slots: Vec<Slot>,
    pub lists: Vec<Elements>,
    pub members: Vec<NotedMember>,
}

impl Found {
    pub fn new(shape: &Shape) -> Self {
        let elements = |list: &crate::shape::List| Elements {
            width: usize::from(list.width),
            ..Elements::default()
        };
        Found {
            slots: Vec::new(),
            lists: shape.lists.iter().map(elements).collect(),
            members: Vec::new(),
        }
    }

    pub fn slot(&self, list: ListId, element: u32, slot: SlotId) -> Slot {
        let element = self.lists[usize::from(list)].elements[element as usize];
        self.slots_of(element)[usize::from(slot)]
    }

    /// The slots of an element, those of its list first.
    #[inline(always)]
    pub fn slots_of(&self, element: Element) -> &[Slot] {
        &self.slots[element.first_slot as usize..]
    }

    fn clear(&mut self) {
        self.slots.clear();
        for list in &mut self.lists {
            list.elements.clear();
            list.blocked = None;
        }
        self.members.clear();
    }

    fn open(&mut self, list: ListId, parent: Home, ordinal: u32) -> Home {
        let elements = &mut self.lists[usize::from(list)];
        let home = Home {
            list,
            element: elements.elements.len() as u32,
            first_slot: self.slots.len() as u32,
        };
        elements.elements.push(Element {
            parent_list: parent.list,
            parent: parent.element,
            ordinal,
            first_slot: home.first_slot,
        });
        let end = self.slots.len() + elements.width;
        self.slots.resize(end, Slot::default());
        home
    }

    #[inline(always)]
    fn is_set(&self, home: Home, slot: SlotId) -> bool {
        self.slots[home.first_slot as usize + usize::from(slot)] != Slot::default()
    }

    #[inline(always)]
    fn set(&mut self, home: Home, slot: SlotId, value: Slot) {
        self.slots[home.first_slot as usize + usize::from(slot)] = value;
    }
}

/// The element that values are found for.
#[derive(Debug, Clone, Copy)]
struct Home {
    list: ListId,
    element: u32,
    first_slot: u32,
}

/// What holds the record, which is a list of one.
const OUTSIDE: Home = Home {
    list: RECORD,
    element: 0,
    first_slot: 0,
};

/// Reads records of one shape and remembers the order of their keys.
#[derive(Debug)]
pub(crate) struct Scanner {
    /// For each node its keys, in the order in which they come next.
    learned: Vec<Vec<LearnedKey>>,
    /// What is to be learned when the record is read.
    misses: Vec<Miss>,
}

/// A key with its quotes and colon, and what is wanted of its value.
#[derive(Debug)]
struct LearnedKey {
    head: Lanes,
    /// The lanes that are not of the key: they may hold anything.
    free: u32,
    /// The key's length, quotes and colon included.
    length: u32,
    wanted: Wanted,
    /// What does not fit into the head.
    tail: Box<[u8]>,
}

/// What is wanted of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Nothing,
    /// Its value alone.
    Plain(SlotId),
    /// Its members.
    Members(SlotId, NodeId),
    /// Something inside of it.
    Inside(SlotId, NodeId),
}

impl Wanted {
    fn slot(self) -> Option<SlotId> {
        match self {
            Wanted::Nothing => None,
            Wanted::Plain(slot) | Wanted::Members(slot, _) | Wanted::Inside(slot, _) => Some(slot),
        }
    }
}

/// A key that was not known where it stood.
#[derive(Debug)]
struct Miss {
    node: NodeId,
    place: usize,
    text: Range<usize>,
    wanted: Wanted,
}

impl LearnedKey {
    fn new(text: &[u8], wanted: Wanted) -> Self {
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

    /// Whether the key stands there. Not told near the end of a page, where a search finds it.
    #[inline(always)]
    fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        let Some(head) = Lanes::at(bytes, at) else {
            return false;
        };
        head.agree(self.head) | self.free == !0
            && (self.length <= 16 || bytes[at + 16..].starts_with(&self.tail))
    }
}

impl Scanner {
    pub fn new(shape: &Shape) -> Self {
        Scanner {
            learned: shape.nodes.iter().map(|_| Vec::new()).collect(),
            misses: Vec::new(),
        }
    }

    /// Reads the record that starts at `at` and answers where it ends.
    pub fn record(
        &mut self,
        shape: &Shape,
        bytes: &[u8],
        at: usize,
        found: &mut Found,
    ) -> Result<usize, Bad> {
        found.clear();
        let home = found.open(RECORD, OUTSIDE, 0);
        let mut pass = Pass {
            bytes,
            shape,
            learned: &self.learned,
            misses: &mut self.misses,
            found,
        };
        let end = pass.value(at, 0, home, 0);
        if !self.misses.is_empty() {
            self.learn(bytes);
        }
        end
    }

    #[cold]
    fn learn(&mut self, bytes: &[u8]) {
        for miss in self.misses.drain(..) {
            let learned = &mut self.learned[miss.node as usize];
            let start = miss.text.start;
            let is_known = |key: &LearnedKey| {
                key.length as usize == miss.text.len() && key.is_at(bytes, start)
            };
            if learned.len() < LEARNED && !learned.iter().any(is_known) {
                let place = miss.place.min(learned.len());
                learned.insert(place, LearnedKey::new(&bytes[miss.text], miss.wanted));
            }
        }
    }
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
    /// Whether a key came that stood further ahead last time, or was not known: only then can one come twice.
    is_mixed: bool,
}

struct Pass<'a> {
    bytes: &'a [u8],
    shape: &'a Shape,
    learned: &'a [Vec<LearnedKey>],
    misses: &'a mut Vec<Miss>,
    found: &'a mut Found,
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
        let mut order = Order::default();
        loop {
            let key = match learned.get(order.next) {
                Some(known) if known.is_at(bytes, at) => {
                    order.next += 1;
                    Key {
                        wanted: known.wanted,
                        start: at,
                        end: at + known.length as usize,
                    }
                }
                _ => {
                    let (key, now) = self.other_key(at, id, order)?;
                    order = now;
                    key
                }
            };
            if order.is_mixed && self.is_seen(home, key.wanted) {
                return Err(Bad::at(key.start, Reason::KeyTwice));
            }
            at = match key.wanted {
                Wanted::Nothing => any(bytes, key.end)?,
                Wanted::Plain(slot) => {
                    let (at, first) = first(bytes, key.end)?;
                    let (end, kind) = plain(bytes, at, first)?;
                    self.found.set(home, slot, Slot::checked(at, end, kind)?);
                    end
                }
                Wanted::Members(slot, child) if bytes.get(key.end) == Some(&b'{') => {
                    let end = self.object(key.end, child, home, depth + 1)?;
                    self.found
                        .set(home, slot, Slot::checked(key.end, end, Kind::Object)?);
                    end
                }
                Wanted::Members(_, child) | Wanted::Inside(_, child) => {
                    self.value(key.end, child, home, depth)?
                }
            };
            if node.notes_members {
                self.note_member(node, home, key, at);
            }
            if bytes.get(at) != Some(&b',') {
                at = blanks(bytes, at);
                match bytes.get(at) {
                    Some(b',') => {}
                    Some(b'}') => return Ok(at + 1),
                    Some(_) => return Err(Bad::at(at, Reason::NoCommaInObject)),
                    None => return Err(Bad::at(at, Reason::EndsEarly)),
                }
            }
            at += 1;
        }
    }

    fn is_seen(&self, home: Home, wanted: Wanted) -> bool {
        wanted
            .slot()
            .is_some_and(|slot| self.found.is_set(home, slot))
    }

    #[inline(never)]
    fn note_member(&mut self, node: &Node, home: Home, key: Key, end: usize) {
        let slot = key.wanted.slot();
        let member = slot.and_then(|slot| node.member_of_slot(&self.shape.nodes, slot));
        self.found.members.push(NotedMember {
            list: home.list,
            element: home.element,
            member,
            start: key.start as u32,
            end: end as u32,
        });
    }

    /// A key that did not come next last time, perhaps behind blanks.
    #[inline(never)]
    fn other_key(&mut self, at: usize, id: NodeId, mut order: Order) -> Result<(Key, Order), Bad> {
        let start = blanks(self.bytes, at);
        let learned = &self.learned[id as usize];
        // Often the one that came next is left out now, and it is one of those after it.
        let ahead = (order.next..learned.len()).chain(0..order.next.min(learned.len()));
        for place in ahead {
            let key = &learned[place];
            if key.is_at(self.bytes, start) {
                order.is_mixed |= place < order.next;
                order.next = place + 1;
                let key = Key {
                    wanted: key.wanted,
                    start,
                    end: start + key.length as usize,
                };
                return Ok((key, order));
            }
        }
        self.search_key(start, id, order)
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
            let key = str::from_utf8(key).ok().and_then(crate::text::unescape);
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
        order.is_mixed = true;
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
            Some(slot) if child.is_leaf => Wanted::Plain(slot),
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

/// Where a value begins, and with which byte.
#[inline(always)]
fn first(bytes: &[u8], at: usize) -> Result<(usize, u8), Bad> {
    match bytes.get(at) {
        Some(byte) if *byte > b' ' => Ok((at, *byte)),
        _ => first_behind_blanks(bytes, at),
    }
}

#[inline(never)]
fn first_behind_blanks(bytes: &[u8], at: usize) -> Result<(usize, u8), Bad> {
    let at = blanks(bytes, at);
    match bytes.get(at) {
        Some(byte) => Ok((at, *byte)),
        None => Err(Bad::at(at, Reason::EndsEarly)),
    }
}

/// The next byte that is not white space.
#[inline(always)]
pub(crate) fn blanks(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(byte) if *byte > b' ' => at,
        _ => more_blanks(bytes, at),
    }
}

#[inline(never)]
fn more_blanks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\t' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The end of whatever value starts at `at`.
#[inline(always)]
pub(crate) fn any(bytes: &[u8], at: usize) -> Result<usize, Bad> {
    let (at, first) = first(bytes, at)?;
    plain(bytes, at, first).map(|(end, _)| end)
}

/// The end and kind of a value of which nothing inside is wanted.
#[inline(always)]
fn plain(bytes: &[u8], at: usize, first: u8) -> Result<(usize, Kind), Bad> {
    match first {
        b'"' => {
            let (end, escaped) = text(bytes, at)?;
            Ok((end, if escaped { Kind::Escaped } else { Kind::Text }))
        }
        b'-' | b'0'..=b'9' => Ok((scalar(bytes, at), Kind::Number)),
        _ => word_or_container(bytes, at, first),
    }
}

#[inline(never)]
fn word_or_container(bytes: &[u8], at: usize, first: u8) -> Result<(usize, Kind), Bad> {
    Ok(match first {
        b'n' => (word(bytes, at, b"null")?, Kind::Null),
        b't' => (word(bytes, at, b"true")?, Kind::True),
        b'f' => (word(bytes, at, b"false")?, Kind::False),
        b'{' => (skip::container(bytes, at)?, Kind::Object),
        b'[' => (skip::container(bytes, at)?, Kind::List),
        _ => return Err(Bad::at(at, Reason::NoValue)),
    })
}

/// The end of the number that starts at `at`; whether it is one is seen when it is converted.
#[inline]
fn scalar(bytes: &[u8], mut at: usize) -> usize {
    while let Some(lanes) = Lanes::at(bytes, at) {
        let stops = lanes.stop_number();
        if stops != 0 {
            return at + stops.trailing_zeros() as usize;
        }
        at += 16;
    }
    while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') = bytes.get(at) {
        at += 1;
    }
    at
}

#[inline(always)]
fn word<const LENGTH: usize>(bytes: &[u8], at: usize, word: &[u8; LENGTH]) -> Result<usize, Bad> {
    if bytes[at..].first_chunk() == Some(word) {
        return Ok(at + word.len());
    }
    Err(Bad::at(at, Reason::NoValue))
}

/// The end of the text whose quote stands at `at`, and whether it has escapes.
#[inline(always)]
pub(crate) fn text(bytes: &[u8], at: usize) -> Result<(usize, bool), Bad> {
    let mut at = at + 1;
    while let Some(lanes) = Lanes::at(bytes, at) {
        let stops = lanes.stop_text();
        if stops != 0 {
            at += stops.trailing_zeros() as usize;
            if bytes[at] == b'"' {
                return Ok((at + 1, false));
            }
            break;
        }
        at += 16;
    }
    unusual_text(bytes, at)
}

/// The end of a text from one of its bytes on.
#[inline(never)]
fn unusual_text(bytes: &[u8], mut at: usize) -> Result<(usize, bool), Bad> {
    let mut escaped = false;
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok((at + 1, escaped)),
            Some(b'\\') => {
                escaped = true;
                at += 2;
            }
            Some(byte) if *byte < b' ' => {
                return Err(Bad::at(at, Reason::ControlCharacter));
            }
            Some(_) => at += 1,
            None => return Err(Bad::at(bytes.len(), Reason::EndsEarly)),
        }
        while let Some(lanes) = Lanes::at(bytes, at) {
            let stops = lanes.stop_text();
            at += stops.trailing_zeros().min(16) as usize;
            if stops != 0 {
                break;
            }
        }
    }
}
