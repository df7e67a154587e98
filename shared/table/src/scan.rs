//! Reads one record by its shape: where in the bytes each wanted value stands. Nothing is converted here.
//!
//! Keys come in nearly the same order in every record. Each place of the shape remembers the keys in the order
//! seen last, so the next key is guessed and compared at once; a wrong guess searches and learns.

use std::fmt;

use crate::lanes::Lanes;
use crate::shape::{ListId, NodeId, RECORD, Shape, SlotId};
use crate::skip;

/// How deeply objects and lists may stand in each other.
pub(crate) const DEPTH: usize = 128;
/// How many keys of one place are remembered.
const LEARNED: usize = 128;

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
        self.start() + (self.0 as u32 >> 4) as usize
    }

    fn blocked(self) -> Self {
        Slot::new(self.start(), self.end(), Kind::Blocked)
    }
}

/// The elements of one list of a record.
#[derive(Debug, Default)]
pub(crate) struct Elements {
    width: usize,
    /// The slots of all elements, one element after the other.
    slots: Vec<Slot>,
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
            lists: shape.lists.iter().map(elements).collect(),
            members: Vec::new(),
        }
    }

    pub fn slot(&self, list: ListId, element: u32, slot: SlotId) -> Slot {
        let elements = &self.lists[usize::from(list)];
        elements.slots[element as usize * elements.width + usize::from(slot)]
    }

    fn clear(&mut self) {
        for list in &mut self.lists {
            list.slots.clear();
            list.elements.clear();
            list.blocked = None;
        }
        self.members.clear();
    }

    fn open(&mut self, list: ListId, element: Element) -> u32 {
        let elements = &mut self.lists[usize::from(list)];
        let number = elements.elements.len();
        elements.elements.push(element);
        elements
            .slots
            .resize((number + 1) * elements.width, Slot::default());
        number as u32
    }

    fn set(&mut self, home: Home, slot: SlotId, value: Slot) {
        let elements = &mut self.lists[usize::from(home.list)];
        elements.slots[home.element as usize * elements.width + usize::from(slot)] = value;
    }
}

/// The element that values are found for.
#[derive(Debug, Clone, Copy)]
struct Home {
    list: ListId,
    element: u32,
}

/// Reads records of one shape and remembers the order of their keys.
#[derive(Debug)]
pub(crate) struct Scanner {
    learned: Vec<Vec<LearnedKey>>,
}

/// A key with its quotes and colon, as it was seen last.
#[derive(Debug)]
struct LearnedKey {
    head: u128,
    mask: u128,
    text: Box<[u8]>,
    member: Option<u16>,
}

impl LearnedKey {
    fn new(text: &[u8], member: Option<u16>) -> Self {
        let mut head = [0; 16];
        let mut mask = [0; 16];
        let short = text.len().min(16);
        head[..short].copy_from_slice(&text[..short]);
        mask[..short].fill(0xff);
        LearnedKey {
            head: u128::from_le_bytes(head),
            mask: u128::from_le_bytes(mask),
            text: text.into(),
            member,
        }
    }

    #[inline]
    fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        let Some(rest) = bytes.get(at..) else {
            return false;
        };
        let Some(head) = rest.first_chunk() else {
            return rest.starts_with(&self.text);
        };
        (u128::from_le_bytes(*head) ^ self.head) & self.mask == 0
            && (self.text.len() <= 16 || rest[16..].starts_with(&self.text[16..]))
    }
}

impl Scanner {
    pub fn new(shape: &Shape) -> Self {
        Scanner {
            learned: shape.nodes.iter().map(|_| Vec::new()).collect(),
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
        let element = Element {
            parent_list: RECORD,
            parent: 0,
            ordinal: 0,
        };
        let home = Home {
            list: RECORD,
            element: found.open(RECORD, element),
        };
        let mut pass = Pass {
            shape,
            bytes,
            learned: &mut self.learned,
            found,
        };
        pass.value(at, 0, home, 0)
    }
}

/// Which members of an object were seen; an object of up to 64 wanted members needs no memory for it.
#[derive(Default)]
struct Seen {
    few: u64,
    many: Vec<u16>,
}

impl Seen {
    /// Whether it was new.
    fn insert(&mut self, member: u16) -> bool {
        if member < 64 {
            let bit = 1 << member;
            let new = self.few & bit == 0;
            self.few |= bit;
            return new;
        }
        let new = !self.many.contains(&member);
        self.many.push(member);
        new
    }
}

struct Pass<'a> {
    shape: &'a Shape,
    bytes: &'a [u8],
    learned: &'a mut [Vec<LearnedKey>],
    found: &'a mut Found,
}

impl Pass<'_> {
    /// Reads a value. What is plain is read where the value stands, so that only nesting costs a call.
    #[inline(always)]
    fn value(&mut self, at: usize, id: NodeId, home: Home, depth: usize) -> Result<usize, Bad> {
        let shape = self.shape;
        let node = &shape.nodes[id as usize];
        let (end, kind) = match self.bytes.get(at) {
            Some(b'"') => {
                let (end, escaped) = text(self.bytes, at)?;
                (end, if escaped { Kind::Escaped } else { Kind::Text })
            }
            Some(b'{') if node.opens_object() => {
                (self.object(at, id, home, depth + 1)?, Kind::Object)
            }
            Some(b'[') if node.opens_list() => (self.list(at, id, home, depth + 1)?, Kind::List),
            Some(b'{') => (skip::container(self.bytes, at)?, Kind::Object),
            Some(b'[') => (skip::container(self.bytes, at)?, Kind::List),
            Some(b'-' | b'0'..=b'9') => (scalar(self.bytes, at), Kind::Number),
            Some(b'n') => (word(self.bytes, at, b"null")?, Kind::Null),
            Some(b't') => (word(self.bytes, at, b"true")?, Kind::True),
            Some(b'f') => (word(self.bytes, at, b"false")?, Kind::False),
            Some(_) => return Err(Bad::at(at, Reason::NoValue)),
            None => return Err(Bad::at(at, Reason::EndsEarly)),
        };
        if let Some(slot) = node.slot {
            if end - at >= LONGEST {
                return Err(Bad::at(at, Reason::ValueTooLong));
            }
            self.found.set(home, slot, Slot::new(at, end, kind));
        }
        let object_missed = kind != Kind::Object && !node.members.is_empty();
        let list_missed = kind != Kind::List && node.opens_list();
        if (object_missed || list_missed) && kind != Kind::Null {
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
        let node = &self.shape.nodes[id as usize];
        let mut at = blanks(self.bytes, start + 1);
        if self.bytes.get(at) == Some(&b'}') {
            return Ok(at + 1);
        }
        let mut seen = Seen::default();
        let mut guess = 0;
        loop {
            let key_at = at;
            let (member, after) = self.key(at, id, &mut guess)?;
            at = blanks(self.bytes, after);
            at = match member {
                Some(member) if !seen.insert(member) => {
                    return Err(Bad::at(key_at, Reason::KeyTwice));
                }
                Some(member) => {
                    let child = node.members[usize::from(member)].node;
                    self.value(at, child, home, depth)?
                }
                None => any(self.bytes, at)?,
            };
            if node.notes_members {
                self.found.members.push(NotedMember {
                    list: home.list,
                    element: home.element,
                    member,
                    start: key_at as u32,
                    end: at as u32,
                });
            }
            at = blanks(self.bytes, at);
            match self.bytes.get(at) {
                Some(b',') => at = blanks(self.bytes, at + 1),
                Some(b'}') => return Ok(at + 1),
                Some(_) => return Err(Bad::at(at, Reason::NoCommaInObject)),
                None => return Err(Bad::at(at, Reason::EndsEarly)),
            }
        }
    }

    /// The number of the member whose key stands at `at`, and where its colon ends.
    fn key(
        &mut self,
        at: usize,
        id: NodeId,
        guess: &mut usize,
    ) -> Result<(Option<u16>, usize), Bad> {
        // The key that came next last time; or, where that one is left out now, the one after it.
        let learned = &self.learned[id as usize];
        for (ahead, key) in learned.iter().skip(*guess).take(3).enumerate() {
            if key.is_at(self.bytes, at) {
                *guess += ahead + 1;
                return Ok((key.member, at + key.text.len()));
            }
        }
        self.search_key(at, id, guess)
    }

    #[cold]
    fn search_key(
        &mut self,
        at: usize,
        id: NodeId,
        guess: &mut usize,
    ) -> Result<(Option<u16>, usize), Bad> {
        if self.bytes.get(at) != Some(&b'"') {
            return Err(match self.bytes.get(at) {
                Some(_) => Bad::at(at, Reason::NoKey),
                None => Bad::at(at, Reason::EndsEarly),
            });
        }
        let (end, escaped) = text(self.bytes, at)?;
        let key = &self.bytes[at + 1..end - 1];
        let node = &self.shape.nodes[id as usize];
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
        if !escaped && colon == end {
            self.learn(id, guess, at..colon + 1, member);
        }
        Ok((member, colon + 1))
    }

    fn learn(
        &mut self,
        id: NodeId,
        guess: &mut usize,
        key: std::ops::Range<usize>,
        member: Option<u16>,
    ) {
        let text = &self.bytes[key];
        let learned = &mut self.learned[id as usize];
        if let Some(known) = learned.iter().position(|known| *known.text == *text) {
            *guess = known + 1;
        } else if learned.len() < LEARNED && text.len() <= 64 {
            let place = (*guess).min(learned.len());
            learned.insert(place, LearnedKey::new(text, member));
            *guess = place + 1;
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
                let element = Element {
                    parent_list: home.list,
                    parent: home.element,
                    ordinal,
                };
                let home = Home {
                    list,
                    element: self.found.open(list, element),
                };
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
pub(crate) fn any(bytes: &[u8], at: usize) -> Result<usize, Bad> {
    match bytes.get(at) {
        Some(b'"') => text(bytes, at).map(|(end, _)| end),
        Some(b'{' | b'[') => skip::container(bytes, at),
        Some(b'-' | b'0'..=b'9') => Ok(scalar(bytes, at)),
        Some(b'n') => word(bytes, at, b"null"),
        Some(b't') => word(bytes, at, b"true"),
        Some(b'f') => word(bytes, at, b"false"),
        Some(_) => Err(Bad::at(at, Reason::NoValue)),
        None => Err(Bad::at(at, Reason::EndsEarly)),
    }
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

fn word(bytes: &[u8], at: usize, word: &[u8]) -> Result<usize, Bad> {
    if bytes[at..].starts_with(word) {
        return Ok(at + word.len());
    }
    Err(Bad::at(at, Reason::NoValue))
}

/// The end of the text whose quote stands at `at`, and whether it has escapes.
#[inline]
pub(crate) fn text(bytes: &[u8], at: usize) -> Result<(usize, bool), Bad> {
    let mut at = at + 1;
    let mut escaped = false;
    loop {
        while let Some(lanes) = Lanes::at(bytes, at) {
            let stops = lanes.stop_text();
            if stops != 0 {
                at += stops.trailing_zeros() as usize;
                break;
            }
            at += 16;
        }
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
    }
}
