//! What was found in a record: where each wanted value stands, element by element.

use crate::bad::{Bad, Reason};
use crate::shape::{ListId, RECORD, Shape, SlotId};

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
pub(crate) const LONGEST: usize = 1 << 28;

impl Slot {
    #[inline]
    pub fn new(start: usize, end: usize, kind: Kind) -> Self {
        Slot((start as u64) << 32 | ((end - start) as u64) << 4 | kind as u64)
    }

    #[inline(always)]
    pub fn checked(start: usize, end: usize, kind: Kind) -> Result<Self, Bad> {
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

    pub fn blocked(self) -> Self {
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

    /// The slots of an element, and then those of others.
    #[inline(always)]
    pub fn slots_of(&self, element: Element) -> &[Slot] {
        &self.slots[element.first_slot as usize..]
    }

    pub fn clear(&mut self) {
        self.slots.clear();
        for list in &mut self.lists {
            list.elements.clear();
            list.blocked = None;
        }
        self.members.clear();
    }

    #[inline(always)]
    pub fn open(&mut self, list: ListId, parent: Home, ordinal: u32) -> Home {
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
    pub fn get(&self, home: Home, slot: SlotId) -> Slot {
        self.slots[home.first_slot as usize + usize::from(slot)]
    }

    #[inline(always)]
    pub fn is_set(&self, home: Home, slot: SlotId) -> bool {
        self.get(home, slot) != Slot::default()
    }

    #[inline(always)]
    pub fn set(&mut self, home: Home, slot: SlotId, value: Slot) {
        self.slots[home.first_slot as usize + usize::from(slot)] = value;
    }
}

/// The element that values are found for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Home {
    pub list: ListId,
    pub element: u32,
    pub first_slot: u32,
}

/// What holds the record, which is a list of one.
pub(crate) const OUTSIDE: Home = Home {
    list: RECORD,
    element: 0,
    first_slot: 0,
};
