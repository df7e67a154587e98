//! Finds the records of a page: the envelope is walked along the declared path, the rest of it stepped over.

use pipeline::path::{Path, Segment};

use crate::bad::{Bad, Reason};
use crate::reject::push_pointer;
use crate::value;
use json::blanks;
use json::unescape;

/// Calls `read` for each record of a page: with the JSON pointer of what holds the records, the record's position
/// in its list (none for a value that is one record) and its start. It has to answer the record's end.
pub(crate) fn records<E: From<Bad>>(
    bytes: &[u8],
    paths: &[Path],
    read: &mut impl FnMut(&str, Option<u64>, usize) -> Result<usize, E>,
) -> Result<(), E> {
    // Places are numbers of 32 bits.
    if u32::try_from(bytes.len()).is_err() {
        return Err(Bad::at(0, Reason::PageTooLong).into());
    }
    let start = blanks(bytes, 0);
    let path = chosen(bytes, start, paths)?;
    let mut walk = Walk {
        bytes,
        holder: String::new(),
        read,
    };
    let end = blanks(bytes, walk.follow(start, path)?);
    if end < bytes.len() {
        return Err(Bad::at(end, Reason::SomethingFollows).into());
    }
    Ok(())
}

/// The first of the paths that leads to something in this page; the last one if none does.
fn chosen<'p>(bytes: &[u8], start: usize, paths: &'p [Path]) -> Result<&'p [Segment], Bad> {
    let mut chosen: &[Segment] = &[];
    for (index, path) in paths.iter().enumerate() {
        chosen = path.segments();
        if index + 1 == paths.len() || find(bytes, start, chosen)?.is_some() {
            break;
        }
    }
    Ok(chosen)
}

struct Walk<'a, R> {
    bytes: &'a [u8],
    holder: String,
    read: &'a mut R,
}

impl<R> Walk<'_, R> {
    /// Reads the records under a path and answers where the value ends at which the path started.
    fn follow<E>(&mut self, start: usize, segments: &[Segment]) -> Result<usize, E>
    where
        E: From<Bad>,
        R: FnMut(&str, Option<u64>, usize) -> Result<usize, E>,
    {
        let Some((segment, rest)) = segments.split_first() else {
            return self.records(start);
        };
        let mut reached = false;
        let mut members = Members::of(self.bytes, start, segment)?;
        while let Some(member) = members.next()? {
            if member.is_wanted && reached {
                return Err(Bad::at(member.start, Reason::RecordsTwice).into());
            }
            members.at = if member.is_wanted {
                reached = true;
                match segment {
                    Segment::Key(key) => push_pointer(&mut self.holder, key),
                    Segment::Index(index) => push_pointer(&mut self.holder, &index.to_string()),
                }
                self.follow(member.start, rest)?
            } else {
                value::any(self.bytes, member.start)?
            };
        }
        if !reached {
            return Err(Bad::at(start, Reason::PathToNothing).into());
        }
        Ok(members.at)
    }

    fn records<E>(&mut self, start: usize) -> Result<usize, E>
    where
        E: From<Bad>,
        R: FnMut(&str, Option<u64>, usize) -> Result<usize, E>,
    {
        let bytes = self.bytes;
        match bytes.get(start) {
            Some(b'[') => {}
            Some(b'n') => return Ok(value::any(bytes, start)?),
            Some(b'{') => return (self.read)(&self.holder, None, start),
            _ => {
                return Err(Bad::at(start, Reason::NoRecords).into());
            }
        }
        let mut at = blanks(bytes, start + 1);
        if bytes.get(at) == Some(&b']') {
            return Ok(at + 1);
        }
        for position in 0.. {
            at = blanks(bytes, (self.read)(&self.holder, Some(position), at)?);
            match bytes.get(at) {
                Some(b',') => at = blanks(bytes, at + 1),
                Some(b']') => return Ok(at + 1),
                Some(_) => return Err(Bad::at(at, Reason::NoCommaInList).into()),
                None => break,
            }
        }
        Err(Bad::at(at, Reason::EndsEarly).into())
    }
}

/// Where the value starts that a path leads to, null included; none if it leads to nothing.
pub(crate) fn find(bytes: &[u8], start: usize, segments: &[Segment]) -> Result<Option<usize>, Bad> {
    let Some((segment, rest)) = segments.split_first() else {
        return Ok(Some(start));
    };
    let fits = match segment {
        Segment::Key(_) => b'{',
        Segment::Index(_) => b'[',
    };
    if bytes.get(start) != Some(&fits) {
        return Ok(None);
    }
    let mut members = Members::of(bytes, start, segment)?;
    while let Some(member) = members.next()? {
        if member.is_wanted {
            return find(bytes, member.start, rest);
        }
        members.at = value::any(bytes, member.start)?;
    }
    Ok(None)
}

/// Goes over the members of an object, or the elements of a list, outside of records. After each, `at` has to be
/// set to the value's end.
struct Members<'b, 's> {
    bytes: &'b [u8],
    wanted: &'s Segment,
    at: usize,
    position: usize,
    is_over: bool,
}

struct Member {
    start: usize,
    is_wanted: bool,
}

impl<'b, 's> Members<'b, 's> {
    fn of(bytes: &'b [u8], start: usize, wanted: &'s Segment) -> Result<Self, Bad> {
        let reason = match (wanted, bytes.get(start)) {
            (Segment::Key(_), Some(b'{')) | (Segment::Index(_), Some(b'[')) => {
                return Ok(Members {
                    bytes,
                    wanted,
                    at: start + 1,
                    position: 0,
                    is_over: false,
                });
            }
            (_, None) => Reason::EndsEarly,
            (Segment::Key(_), _) => Reason::NoObject,
            (Segment::Index(_), _) => Reason::NoList,
        };
        Err(Bad::at(start, reason))
    }

    fn next(&mut self) -> Result<Option<Member>, Bad> {
        if self.is_over {
            return Ok(None);
        }
        let mut at = blanks(self.bytes, self.at);
        let close = match self.wanted {
            Segment::Key(_) => b'}',
            Segment::Index(_) => b']',
        };
        match self.bytes.get(at) {
            // A comma has to be followed by something, so a list closes only after a value or at once.
            Some(byte) if *byte == close => {
                self.at = at + 1;
                self.is_over = true;
                return Ok(None);
            }
            Some(b',') if self.position > 0 => at = blanks(self.bytes, at + 1),
            Some(_) if self.position == 0 => {}
            Some(_) => return Err(Bad::at(at, self.no_comma())),
            None => return Err(Bad::at(at, Reason::EndsEarly)),
        }
        let (is_wanted, start) = match self.wanted {
            Segment::Index(index) => (*index == self.position, at),
            Segment::Key(key) => self.key(at, key)?,
        };
        self.position += 1;
        Ok(Some(Member { start, is_wanted }))
    }

    fn no_comma(&self) -> Reason {
        match self.wanted {
            Segment::Key(_) => Reason::NoCommaInObject,
            Segment::Index(_) => Reason::NoCommaInList,
        }
    }

    fn key(&self, at: usize, wanted: &str) -> Result<(bool, usize), Bad> {
        if self.bytes.get(at) != Some(&b'"') {
            return Err(Bad::at(at, Reason::NoKey));
        }
        let (end, escaped) = value::text(self.bytes, at)?;
        let key = &self.bytes[at + 1..end - 1];
        let is_wanted = if escaped {
            let key = str::from_utf8(key).ok().and_then(unescape);
            key.as_deref() == Some(wanted)
        } else {
            key == wanted.as_bytes()
        };
        let colon = blanks(self.bytes, end);
        if self.bytes.get(colon) != Some(&b':') {
            return Err(Bad::at(colon, Reason::NoColon));
        }
        Ok((is_wanted, blanks(self.bytes, colon + 1)))
    }
}
