//! Reads one record by its shape: where in the bytes each wanted value stands. Nothing is converted here.
//!
//! Keys come in nearly the same order in every record. Each place of the shape remembers the keys in the order
//! seen last, so the next key is guessed and compared at once; a wrong guess searches and learns.

use crate::shape::{ListId, NodeId, RECORD, Shape, SlotId};
use crate::skip;

/// How deeply objects and lists may stand in each other.
pub(crate) const DEPTH: usize = 128;
/// How many keys of one place are remembered.
const LEARNED: usize = 128;

/// Why bytes are not a record, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bad {
    pub at: usize,
    pub reason: &'static str,
}

impl Bad {
    pub fn at(at: usize, reason: &'static str) -> Self {
        Bad { at, reason }
    }
}

/// What stands in a slot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: the record has no such member.
    #[default]
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

/// Where a value stands in the page, quotes and brackets included.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slot {
    pub start: u32,
    pub end: u32,
    pub kind: Kind,
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
            Some(_) => return Err(Bad::at(at, "a value is expected here")),
            None => return Err(Bad::at(at, "ends early")),
        };
        let value = Slot {
            start: at as u32,
            end: end as u32,
            kind,
        };
        if let Some(slot) = node.slot {
            self.found.set(home, slot, value);
        }
        if kind != Kind::Null {
            self.block_others(id, home, value);
        }
        Ok(end)
    }

    fn object(&mut self, start: usize, id: NodeId, home: Home, depth: usize) -> Result<usize, Bad> {
        if depth > DEPTH {
            return Err(Bad::at(start, "nested too deeply"));
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
                    return Err(Bad::at(key_at, "a key occurs twice"));
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
                Some(_) => return Err(Bad::at(at, "`,` or `}` is expected here")),
                None => return Err(Bad::at(at, "ends early")),
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
                Some(_) => Bad::at(at, "a key is expected here"),
                None => Bad::at(at, "ends early"),
            });
        }
        let (end, escaped) = text(self.bytes, at)?;
        let key = &self.bytes[at + 1..end - 1];
        let node = &self.shape.nodes[id as usize];
        let member = if escaped {
            let key = str::from_utf8(key).ok().and_then(crate::text::unescape);
            let key = key.ok_or(Bad::at(at, "a key has an escape that is no character"))?;
            node.member(key.as_bytes())
        } else {
            node.member(key)
        };
        let colon = blanks(self.bytes, end);
        if self.bytes.get(colon) != Some(&b':') {
            return Err(Bad::at(colon, "`:` is expected here"));
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

    fn list(&mut self, start: usize, id: NodeId, home: Home, depth: usize) -> Result<usize, Bad> {
        if depth > DEPTH {
            return Err(Bad::at(start, "nested too deeply"));
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
                Some(_) => return Err(Bad::at(at, "`,` or `]` is expected here")),
                None => break,
            }
        }
        Err(Bad::at(at, "ends early"))
    }

    /// Marks what was looked for inside of a value that is of another kind.
    #[inline]
    fn block_others(&mut self, id: NodeId, home: Home, value: Slot) {
        let node = &self.shape.nodes[id as usize];
        let object_missed = value.kind != Kind::Object && !node.members.is_empty();
        let list_missed = value.kind != Kind::List && node.opens_list();
        if object_missed || list_missed {
            self.block(id, home, value);
        }
    }

    #[cold]
    fn block(&mut self, id: NodeId, home: Home, value: Slot) {
        let shape = self.shape;
        let node = &shape.nodes[id as usize];
        let members = node.members.iter().map(|member| member.node);
        let items = node.items.iter().map(|(_, item)| *item);
        let mut missed: Vec<NodeId> = Vec::new();
        if value.kind != Kind::Object {
            missed.extend(members);
        }
        if value.kind != Kind::List {
            missed.extend(items);
            if let Some(list) = node.list {
                self.found.lists[usize::from(list)].blocked = Some(value);
            }
        }
        for child in missed {
            if let Some(slot) = shape.nodes[child as usize].slot {
                let kind = Kind::Blocked;
                self.found.set(home, slot, Slot { kind, ..value });
            }
            let blocked = Slot {
                kind: Kind::Blocked,
                ..value
            };
            self.block(child, home, blocked);
        }
    }
}

/// The next byte that is not white space.
#[inline]
pub(crate) fn blanks(bytes: &[u8], mut at: usize) -> usize {
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
        Some(_) => Err(Bad::at(at, "a value is expected here")),
        None => Err(Bad::at(at, "ends early")),
    }
}

/// The end of the number that starts at `at`; whether it is one is seen when it is converted.
#[inline]
fn scalar(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') = bytes.get(at) {
        at += 1;
    }
    at
}

fn word(bytes: &[u8], at: usize, word: &[u8]) -> Result<usize, Bad> {
    if bytes[at..].starts_with(word) {
        return Ok(at + word.len());
    }
    Err(Bad::at(at, "a value is expected here"))
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The end of the text whose quote stands at `at`, and whether it has escapes.
#[inline]
pub(crate) fn text(bytes: &[u8], at: usize) -> Result<(usize, bool), Bad> {
    let mut at = at + 1;
    let mut escaped = false;
    loop {
        while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
            let stops = stops(u64::from_le_bytes(*eight));
            if stops != 0 {
                at += stops.trailing_zeros() as usize / 8;
                break;
            }
            at += 8;
        }
        match bytes.get(at) {
            Some(b'"') => return Ok((at + 1, escaped)),
            Some(b'\\') => {
                escaped = true;
                at += 2;
            }
            Some(byte) if *byte < b' ' => {
                return Err(Bad::at(at, "a control character stands in a text"));
            }
            Some(_) => at += 1,
            None => return Err(Bad::at(bytes.len(), "ends early")),
        }
    }
}

/// The high bits of the bytes that end a run of plain characters: quote, backslash, control characters. The
/// lowest one set is exact.
#[inline]
fn stops(word: u64) -> u64 {
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = zero(word ^ (ONES * b'"' as u64));
    let backslash = zero(word ^ (ONES * b'\\' as u64));
    let control = word.wrapping_sub(ONES * b' ' as u64) & !word;
    (quote | backslash | control) & HIGHS
}
