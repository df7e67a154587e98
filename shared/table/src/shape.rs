//! The places in a record that columns want, compiled from their paths into one tree for all tables of a resource.

use pipeline::path::{Path, Segment};
use pipeline::table::each::Each;

use crate::column::Take;
use crate::found::Kind;

/// Where a value of a record or of a list's element is kept while its record is read.
pub(crate) type SlotId = u16;
/// A list whose elements become rows; 0 is the record itself, a list of one.
pub(crate) type ListId = u16;
pub(crate) type NodeId = u32;

/// The column into which a value goes straight from the record, by its places among tables and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub table: u16,
    pub column: u16,
    /// Its number among all columns that values go straight into.
    pub number: u8,
}

/// As many columns take values straight from a record.
const TARGETS: usize = 256;

/// Which columns of the rows in hand have been filled, by their number.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Filled([u64; TARGETS / 64]);

impl Filled {
    #[inline(always)]
    pub fn note(&mut self, target: Target) {
        self.0[usize::from(target.number / 64)] |= 1 << (target.number % 64);
    }

    pub fn has(&self, target: Target) -> bool {
        self.0[usize::from(target.number / 64)] >> (target.number % 64) & 1 == 1
    }

    /// Forgets those among `all`.
    #[inline(always)]
    pub fn forget(&mut self, all: &Filled) {
        for (filled, all) in self.0.iter_mut().zip(all.0) {
            *filled &= !all;
        }
    }

    /// Calls `miss` with the numbers of those among `all` that have not been.
    #[inline(always)]
    pub fn misses(&self, all: &Filled, mut miss: impl FnMut(usize)) {
        for (word, (filled, all)) in self.0.iter().zip(all.0).enumerate() {
            let mut missing = all & !filled;
            while missing != 0 {
                miss(64 * word + missing.trailing_zeros() as usize);
                missing &= missing - 1;
            }
        }
    }
}

/// A value that goes straight into a column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Straight {
    pub slot: SlotId,
    pub table: u16,
    pub column: u16,
    pub take: Take,
    pub is_required: bool,
}

/// The list of one that is the record itself.
pub(crate) const RECORD: ListId = 0;

/// The tree of wanted places.
#[derive(Debug)]
pub(crate) struct Shape {
    pub nodes: Vec<Node>,
    pub lists: Vec<List>,
    /// The columns that values go straight into.
    pub targets: Vec<Target>,
}

/// A place in a record.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Where its value is kept. Only what is reached without a key can go without.
    pub slot: Option<SlotId>,
    /// The column that its value goes straight into, and how that takes it.
    pub target: Option<(Take, Target)>,
    /// Whether its value is looked at for others even then.
    pub is_read: bool,
    /// The wanted members, if it is an object.
    pub members: Vec<Member>,
    /// The members' numbers, sorted by key.
    pub by_key: Vec<u16>,
    /// The wanted elements by position, if it is a list.
    pub items: Vec<(usize, NodeId)>,
    /// The list whose elements become rows, if it is one.
    pub list: Option<ListId>,
    /// Whether the spans of all members are noted.
    pub notes_members: bool,
    /// Whether nothing inside of it is wanted.
    pub is_leaf: bool,
}

#[derive(Debug)]
pub(crate) struct Member {
    pub key: Box<[u8]>,
    pub node: NodeId,
}

/// A list whose elements become rows.
#[derive(Debug)]
pub(crate) struct List {
    /// What an element looks like.
    pub element: NodeId,
    /// How many slots an element has.
    pub width: SlotId,
    /// The list in which it is found; for a tree the one in which its first level is found.
    pub parent: ListId,
    /// The way from the parent's element to the list.
    pub path: Path,
    /// Whether it is found again in its own elements.
    pub is_tree: bool,
    /// The columns that values of an element go straight into.
    pub filled: Filled,
    /// Those among them that may not be empty.
    pub required: Vec<Target>,
}

impl Node {
    fn new() -> Self {
        Node {
            is_leaf: true,
            ..Node::default()
        }
    }

    pub fn member(&self, key: &[u8]) -> Option<u16> {
        self.by_key
            .binary_search_by(|member| (*self.members[*member as usize].key).cmp(key))
            .ok()
            .map(|found| self.by_key[found])
    }

    /// The number of the member whose value is kept in a slot.
    pub fn member_of_slot(&self, nodes: &[Node], slot: SlotId) -> Option<u16> {
        let is_it = |member: &Member| nodes[member.node as usize].slot == Some(slot);
        self.members
            .iter()
            .position(is_it)
            .map(|found| found as u16)
    }

    /// Whether something inside an object is wanted.
    pub fn opens_object(&self) -> bool {
        !self.members.is_empty() || self.notes_members
    }

    /// Whether the wanted insides of it are not in a value of this kind; null holds nothing that could be missed.
    pub fn is_missed_by(&self, kind: Kind) -> bool {
        let object_missed = kind != Kind::Object && !self.members.is_empty();
        let list_missed = kind != Kind::List && self.opens_list();
        kind != Kind::Null && (object_missed || list_missed)
    }

    /// Whether it is an object of which nothing but members is wanted.
    pub fn is_plain_object(&self) -> bool {
        !self.members.is_empty() && !self.opens_list()
    }

    /// Whether something inside a list is wanted.
    pub fn opens_list(&self) -> bool {
        self.list.is_some() || !self.items.is_empty()
    }
}

impl Shape {
    pub fn new() -> Self {
        let record = List {
            element: 0,
            width: 0,
            parent: RECORD,
            path: Path::root(),
            is_tree: false,
            filled: Filled::default(),
            required: Vec::new(),
        };
        Shape {
            nodes: vec![Node::new()],
            lists: vec![record],
            targets: Vec::new(),
        }
    }

    /// The list that `each` leads to; the same one for the same way.
    pub fn each(&mut self, each: Option<&Each>) -> ListId {
        match each {
            None => RECORD,
            Some(Each::Lists(paths)) => paths
                .iter()
                .fold(RECORD, |parent, path| self.list(parent, path, false)),
            Some(Each::Tree(path)) => self.list(RECORD, path, true),
        }
    }

    fn list(&mut self, parent: ListId, path: &Path, is_tree: bool) -> ListId {
        let known = self.lists.iter().skip(1).position(|list| {
            list.parent == parent && list.path == *path && list.is_tree == is_tree
        });
        if let Some(known) = known {
            return known as ListId + 1;
        }
        let element = self.add_node();
        let id = self.lists.len() as ListId;
        self.lists.push(List {
            element,
            width: 0,
            parent,
            path: path.clone(),
            is_tree,
            filled: Filled::default(),
            required: Vec::new(),
        });
        let start = self.lists[parent as usize].element;
        let holder = self.node(start, path);
        self.open(holder, id);
        if is_tree {
            let again = self.node(element, path);
            self.open(again, id);
        }
        id
    }

    fn open(&mut self, holder: NodeId, list: ListId) {
        let holder = &mut self.nodes[holder as usize];
        holder.list = Some(list);
        holder.is_leaf = false;
    }

    /// The slot of the value to which `path` leads from an element of `list`.
    pub fn slot(&mut self, list: ListId, path: &Path) -> SlotId {
        let node = self.node(self.lists[list as usize].element, path);
        if let Some(slot) = self.nodes[node as usize].slot {
            return slot;
        }
        let slot = self.lists[list as usize].width;
        self.lists[list as usize].width += 1;
        self.nodes[node as usize].slot = Some(slot);
        slot
    }

    /// Gives every wanted member a slot: what is set already is seen for the second time.
    pub fn finish(&mut self) {
        for list in 0..self.lists.len() {
            let mut open = vec![self.lists[list].element];
            while let Some(node) = open.pop() {
                let node = &self.nodes[node as usize];
                open.extend(node.items.iter().map(|(_, item)| *item));
                let members: Vec<NodeId> = node.members.iter().map(|member| member.node).collect();
                for member in &members {
                    let width = &mut self.lists[list].width;
                    self.nodes[*member as usize].slot.get_or_insert_with(|| {
                        *width += 1;
                        *width - 1
                    });
                }
                open.extend(members);
            }
        }
    }

    /// Lets the value of a slot go straight into a column. Only what is reached by its key can, as a whole, and once.
    pub fn straighten(&mut self, list: ListId, straight: Straight) -> bool {
        if self.lists[usize::from(list)].is_tree {
            return false;
        }
        let Some(node) = self.member_in(list, straight.slot) else {
            return false;
        };
        let node = &mut self.nodes[node as usize];
        let list = &mut self.lists[usize::from(list)];
        if !node.is_leaf || node.target.is_some() || self.targets.len() == TARGETS {
            return false;
        }
        let target = Target {
            table: straight.table,
            column: straight.column,
            number: self.targets.len() as u8,
        };
        node.target = Some((straight.take, target));
        self.targets.push(target);
        list.filled.note(target);
        if straight.is_required {
            list.required.push(target);
        }
        true
    }

    /// Notes that the value of a slot is looked at.
    pub fn read(&mut self, list: ListId, slot: SlotId) {
        if let Some(node) = self.member_in(list, slot) {
            self.nodes[node as usize].is_read = true;
        }
    }

    /// The member whose value an element of the list has in a slot.
    fn member_in(&self, list: ListId, slot: SlotId) -> Option<NodeId> {
        let mut open = vec![self.lists[usize::from(list)].element];
        while let Some(id) = open.pop() {
            let node = &self.nodes[id as usize];
            open.extend(node.items.iter().map(|(_, item)| *item));
            for member in &node.members {
                if self.nodes[member.node as usize].slot == Some(slot) {
                    return Some(member.node);
                }
                open.push(member.node);
            }
        }
        None
    }

    fn node(&mut self, start: NodeId, path: &Path) -> NodeId {
        path.segments()
            .iter()
            .fold(start, |node, segment| match segment {
                Segment::Key(key) => self.member(node, key.as_bytes()),
                Segment::Index(index) => self.item(node, *index),
            })
    }

    fn member(&mut self, node: NodeId, key: &[u8]) -> NodeId {
        if let Some(member) = self.nodes[node as usize].member(key) {
            return self.nodes[node as usize].members[member as usize].node;
        }
        let child = self.add_node();
        let node = &mut self.nodes[node as usize];
        node.is_leaf = false;
        node.members.push(Member {
            key: key.into(),
            node: child,
        });
        let members = &node.members;
        node.by_key = (0..members.len() as u16).collect();
        node.by_key
            .sort_by(|a, b| members[*a as usize].key.cmp(&members[*b as usize].key));
        child
    }

    fn item(&mut self, node: NodeId, index: usize) -> NodeId {
        let items = &self.nodes[node as usize].items;
        if let Some((_, child)) = items.iter().find(|(known, _)| *known == index) {
            return *child;
        }
        let child = self.add_node();
        self.nodes[node as usize].is_leaf = false;
        self.nodes[node as usize].items.push((index, child));
        child
    }

    fn add_node(&mut self) -> NodeId {
        self.nodes.push(Node::new());
        self.nodes.len() as NodeId - 1
    }
}
