//! Throws changed pages at the decoder for a time: `fuzz SECONDS [SEED]`, best in the profile `dev`, which checks
//! arithmetic. Nothing may panic; the rows have to balance, which `finish` refuses otherwise; and what was read
//! before may not change what becomes of a page. Prints how many pages were read.

use std::io;
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use pipeline::decode::decode;
use pipeline::name::Name;
use pipeline::path::Path;
use pipeline::problem::Located;
use pipeline::table::TableDefinition;
use table::{Compiled, Outcome, References, Reject, Sinks, Sizes};

const TABLES: &str = r#"
bookings:
  from: bookings
  extra: rest
  columns:
    id: { from: $.id, type: int64, on_error: "null" }
    code: { from: $.id, type: string, on_error: "null" }
    small: { from: $.id, type: int16, on_error: "null" }
    net: { from: $.pricing.net, type: "decimal(12,2)" }
    wide: { from: $.pricing.net, type: "decimal(38,6)", on_error: "null" }
    rate: { from: $.pricing.rate, type: float64 }
    at: { from: $.start.at, type: timestamp, timezone: Europe/London }
    day: { from: $.start.day, type: date }
    open: { from: $.open, type: bool }
    flags: { from: $.flags, type: json }
    second: { from: "$.tags[1]", type: string }
    name: { from: $.name, type: string, apply: [trim] }
guests:
  from: bookings
  each: $.guests
  columns:
    booking: { from: $parent.id, type: int64, on_error: "null" }
    place: { from: $ordinal, type: int64 }
    name: { from: $.name, type: string }
    score: { from: $.answers.score, type: float64 }
    all: { from: $, type: json }
"#;

const SEEDS: [&str; 3] = [
    r#"{"bookings":[{"id":10000001,"name":" Zoë \u00e9\ud83d\ude00 ","start":{"at":"2024-03-26T09:00:00.123+01:00","day":"2024-03-26"},"pricing":{"net":"1234.56","rate":0.077},"open":true,"flags":{"beta":false,"n":[1,2.50]},"tags":["a","b\"c"],"guests":[{"name":"李","answers":{"score":4.25}},{"name":null,"answers":{"score":null}}]},{"id":10000002,"name":"x","start":{"at":"2024-03-26T09:00","day":null},"pricing":{"net":12.5,"rate":1e2},"open":null,"flags":null,"tags":[],"guests":[]}],"page":0}"#,
    r#"{"bookings":[ {"guests": [ {"answers": {}, "name": "a long name that takes more than thirty-two bytes"} ], "a key that no column wants": {"deep": [[[["}{"]]]]}, "id": "007", "pricing": {"rate": 0.1, "net": "-0.01"}, "start": {} } ] }"#,
    r#"{"bookings":[]}"#,
];

const PIECES: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0000",
    "\\ud83d",
    "null",
    "true",
    "-",
    "0",
    "99999999999999999999",
    "1e400",
    "1.",
    "\"id\":1,",
    "\"guests\":[",
    "\u{7f}",
    "\n",
    "é",
    "2024-02-30",
    "                ",
];

#[derive(Default)]
struct Memory(Vec<String>);

impl Sinks for Memory {
    type Part = Vec<u8>;

    fn part(&mut self, _table: &Name, _number: u32) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn reject(&mut self, reject: &Reject<'_>) -> io::Result<()> {
        let Reject {
            page,
            pointer,
            reason,
            ..
        } = reject;
        self.0.push(format!("{page} {pointer} {reason}"));
        Ok(())
    }
}

/// Chance that repeats itself: splitmix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % end.max(1)
    }
}

fn changed(chance: &mut Chance) -> Vec<u8> {
    let mut page = SEEDS[chance.below(SEEDS.len())].as_bytes().to_vec();
    for _ in 0..chance.below(5) {
        let at = chance.below(page.len());
        let end = (at + chance.below(40)).min(page.len());
        match chance.below(5) {
            0 if !page.is_empty() => page[at] = chance.below(256) as u8,
            1 => drop(page.drain(at..end)),
            2 => {
                let piece = page[at..end].to_vec();
                let to = chance.below(page.len());
                page.splice(to..to, piece);
            }
            3 => page.truncate(page.len() - chance.below(page.len()) / 8),
            _ => {
                let piece = PIECES[chance.below(PIECES.len())].bytes();
                page.splice(at..at, piece);
            }
        }
    }
    page
}

/// What becomes of the last of the pages: its rejects, and how many rows are kept of all.
fn read(compiled: &Compiled, sizes: Sizes, pages: &[&[u8]]) -> (Vec<String>, Vec<u64>) {
    let mut writer = compiled.writer(sizes, Memory::default());
    for page in pages {
        writer.page(0, page).expect("no fault");
    }
    let Outcome { tables, sinks, .. } = writer.finish().expect("the rows balance");
    let kept = tables.values().map(|table| table.counts.kept);
    (sinks.0, kept.collect())
}

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|argument| argument.parse::<u64>());
    let seconds = arguments.next().and_then(Result::ok).unwrap_or(10);
    let mut chance = Chance(arguments.next().and_then(Result::ok).unwrap_or(1));
    let tables = decode::<IndexMap<Name, Located<TableDefinition>>>(TABLES);
    assert!(
        tables.problems.is_empty(),
        "{}",
        tables.problems.render("tables", TABLES)
    );
    let tables = tables.value.expect("tables");
    let named = tables.iter().map(|(name, table)| (name, &table.value));
    let records = [Path::try_from("$.bookings".to_owned()).expect("a path")];
    let compiled = Compiled::new(named, &records, &References::default(), |_| None).expect("fits");
    let sizes = Sizes {
        cores: 1,
        ..Sizes::default()
    };
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut pages = 0u64;
    while Instant::now() < until {
        let (first, second) = (changed(&mut chance), changed(&mut chance));
        let alone = [
            read(&compiled, sizes, &[&first]),
            read(&compiled, sizes, &[&second]),
        ];
        let (rejects, kept) = read(&compiled, sizes, &[&first, &second]);
        let shown = || {
            (
                String::from_utf8_lossy(&first),
                String::from_utf8_lossy(&second),
            )
        };
        assert_eq!(
            rejects,
            [alone[0].0.as_slice(), &alone[1].0].concat(),
            "{:?}",
            shown()
        );
        let sums: Vec<u64> = alone[0]
            .1
            .iter()
            .zip(&alone[1].1)
            .map(|(one, two)| one + two)
            .collect();
        assert_eq!(kept, sums, "{:?}", shown());
        pages += 4;
    }
    println!("{pages} pages were read");
}
