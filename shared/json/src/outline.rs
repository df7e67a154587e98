//! Where the large values of a text end, noted while it was checked: whoever looks for something in it later need not
//! read over them again.

use std::ops::Range;

use crate::check::Notes;

/// Smaller values are read over in no time.
const LARGE: usize = 4096;
/// Further in, values are only noted as part of those around them.
const DEPTH: usize = 4;

/// Where the outer large objects and lists of a text begin and end, but for those that hold nothing. The empty outline is right for every text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// In the order of their beginnings.
    large: Vec<Large>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Large {
    begin: usize,
    end: usize,
    commas: usize,
}

impl Outline {
    pub(crate) const EMPTY: Outline = Outline { large: Vec::new() };

    /// The end of the object or list that begins there, if it is known.
    pub(crate) fn end(&self, begin: usize) -> Option<usize> {
        self.at(begin).map(|large| large.end)
    }

    /// How many elements the list has that stands there, or members the object, if it is known.
    #[must_use]
    pub fn elements(&self, value: &Range<usize>) -> Option<usize> {
        self.at(value.start).map(|large| large.commas + 1)
    }

    fn at(&self, begin: usize) -> Option<&Large> {
        let found = self.large.binary_search_by_key(&begin, |large| large.begin);
        found.ok().map(|place| &self.large[place])
    }
}

/// Makes an outline while a text is read.
#[derive(Default)]
pub(crate) struct Outliner {
    open: [(usize, usize); DEPTH],
    large: Vec<Large>,
}

impl Notes for Outliner {
    #[inline]
    fn open(&mut self, depth: usize, begin: usize) {
        if let Some(open) = self.open.get_mut(depth - 1) {
            *open = (begin, 0);
        }
    }

    #[inline]
    fn comma(&mut self, depth: usize) {
        if let Some((_, commas)) = self.open.get_mut(depth - 1) {
            *commas += 1;
        }
    }

    #[inline]
    fn close(&mut self, depth: usize, end: usize) {
        if let Some(&(begin, commas)) = self.open.get(depth - 1)
            && end - begin >= LARGE
        {
            self.large.push(Large { begin, end, commas });
        }
    }
}

impl Outliner {
    /// The outline.
    pub fn finish(mut self) -> Outline {
        self.large.sort_unstable_by_key(|large| large.begin);
        Outline { large: self.large }
    }
}
