//! Makes the pages of a workload: the same for the same number of records, whatever the machine.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use jiff::civil::{DateTime, date};
use jiff::{SignedDuration, Span};

use crate::workload::Workload;

/// Writes the pages `page-00000.json` and so on, and the records one a line, if that is asked for. Answers the bytes
/// of the pages.
///
/// # Errors
/// What the file system says.
pub fn generate(
    workload: Workload,
    records: u64,
    pages: &Path,
    lines: Option<&Path>,
) -> io::Result<u64> {
    fs::create_dir_all(pages)?;
    let mut lines = match lines {
        Some(path) => Some(BufWriter::with_capacity(1 << 20, File::create(path)?)),
        None => None,
    };
    let mut bytes = 0;
    let size = workload.page_size();
    let (mut page, mut record) = (String::new(), String::new());
    for number in 0..records.div_ceil(size) {
        let mut chance = Chance(number.wrapping_mul(0x9e37_79b9) ^ 0xb00c);
        page.clear();
        page.push_str(workload.before_records());
        for position in number * size..records.min((number + 1) * size) {
            record.clear();
            workload.record(&mut record, position, &mut chance);
            if !page.ends_with(['[']) {
                page.push(',');
            }
            page.push_str(&record);
            if let Some(lines) = &mut lines {
                writeln!(lines, "{record}")?;
            }
        }
        workload.after_records(&mut page, number, records);
        bytes += page.len() as u64;
        fs::write(crate::serve::page_path(pages, number), &page)?;
    }
    lines.map_or(Ok(()), |mut lines| lines.flush())?;
    Ok(bytes)
}

/// Chance that repeats itself: splitmix64.
pub struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn between(&mut self, start: u64, end: u64) -> u64 {
        start + self.below(end - start)
    }

    fn is(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// From 0 to 1.
    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

const FIRST: &[&str] = &[
    "Amina",
    "Björn",
    "Chloé",
    "Dmitri",
    "Élodie",
    "Farid",
    "Günther",
    "Hiroshi",
    "Ingrid",
    "João",
    "Katarzyna",
    "Łukasz",
    "Mårten",
    "Nguyễn",
    "Óscar",
    "Priya",
    "Quentin",
    "Renée",
    "Søren",
    "Tomáš",
    "Ülkü",
    "Violeta",
    "Wei",
    "Xiomara",
    "Yūki",
    "Zoë",
    "李",
    "Олена",
    "محمد",
    "Γιώργος",
];
const LAST: &[&str] = &[
    "Smith",
    "Müller",
    "García",
    "Østergård",
    "Kowalczyk",
    "Nakamura",
    "O'Brien",
    "Šimková",
    "Dupont",
    "Öztürk",
    "Иванов",
    "王",
    "Andersson",
    "Rossi",
    "de la Cruz",
    "McDonald",
    "Fernández",
    "van den Berg",
    "Nováková",
    "Petrov",
];
const PLACES: &[(&str, &str, &str)] = &[
    ("Berlin", "DE", "Germany"),
    ("München", "DE", "Germany"),
    ("Zürich", "CH", "Switzerland"),
    ("Paris", "FR", "France"),
    ("Málaga", "ES", "Spain"),
    ("Kraków", "PL", "Poland"),
    ("New York", "US", "United States"),
    ("San José", "CR", "Costa Rica"),
    ("東京", "JP", "Japan"),
    ("Århus", "DK", "Denmark"),
    ("London", "GB", "United Kingdom"),
    ("São Paulo", "BR", "Brazil"),
    ("İstanbul", "TR", "Türkiye"),
    ("Wien", "AT", "Austria"),
];
const ZONES: &[(&str, &str)] = &[
    ("Europe/Berlin", "+02:00"),
    ("Europe/London", "+01:00"),
    ("America/New_York", "-04:00"),
    ("Asia/Tokyo", "+09:00"),
    ("Asia/Kolkata", "+05:30"),
    ("America/Sao_Paulo", "-03:00"),
    ("UTC", "Z"),
];
const STATUS: &[&str] = &[
    "confirmed",
    "confirmed",
    "confirmed",
    "confirmed",
    "pending",
    "cancelled",
    "no_show",
    "completed",
    "completed",
];
const CHANNELS: &[&str] = &[
    "web",
    "web",
    "web",
    "ios",
    "android",
    "partner_api",
    "phone",
    "walk_in",
];
const CURRENCIES: &[&str] = &["EUR", "EUR", "EUR", "USD", "GBP", "CHF", "JPY"];
const TITLES: &[&str] = &[
    "Haircut & styling",
    "Initial consultation",
    "Follow-up: 30 min",
    "Yoga – Morgenflow",
    "Car service \\\"Premium\\\"",
    "Büro-Besichtigung",
    "Deep tissue massage",
    "Zahnreinigung",
    "Photo shoot (studio A)",
    "Private lesson — piano",
];
const WORDS: &[&str] = &[
    "please",
    "call",
    "before",
    "arrival",
    "bringe",
    "bitte",
    "den",
    "Ausweis",
    "mit",
    "allergic",
    "to",
    "nuts",
    "late",
    "possible",
    "zweite",
    "Etage",
    "parking",
    "needed",
    "follow-up",
    "with",
    "manager",
    "préférence",
    "côté",
    "fenêtre",
    "楽しみにしています",
    "confirm",
    "via",
    "email",
    "gift",
    "card",
    "payment",
    "invoice",
    "company",
    "window",
    "seat",
    "quiet",
    "room",
];
const STREETS: &[&str] = &["Hauptstr.", "Main St", "Rue de l’Église", "Calle Mayor"];
const SOURCES: &[&str] = &[
    "google",
    "newsletter",
    "facebook",
    "direct",
    "bing",
    "partner-42",
    "instagram",
];

/// An instant of the year 2024, to the millisecond.
fn instant(chance: &mut Chance, milliseconds: u64) -> DateTime {
    let after = SignedDuration::from_millis(chance.below(milliseconds) as i64);
    date(2024, 1, 1).at(0, 0, 0, 0) + after
}

fn stamp(time: DateTime, offset: &str) -> String {
    format!(
        "\"{}.{:03}{offset}\"",
        time.strftime("%Y-%m-%dT%H:%M:%S"),
        time.millisecond()
    )
}

fn or_null(value: Option<String>) -> String {
    value.unwrap_or_else(|| "null".to_owned())
}

fn cents(amount: u64) -> String {
    format!("{}.{:02}", amount / 100, amount % 100)
}

/// Every character past ASCII as escapes, as some sources write them.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            let _ = match unit {
                0..0x80 => write!(escaped, "{}", *unit as u8 as char),
                unit => write!(escaped, "\\u{unit:04x}"),
            };
        }
    }
    escaped
}

fn note(chance: &mut Chance) -> String {
    let words = chance.between(4, 31);
    let words: Vec<&str> = (0..words).map(|_| chance.of(WORDS)).collect();
    let mut note = words.join(" ");
    if chance.is(20) {
        note.push_str(r#"\nline 2\t\"ok\""#);
    }
    let note = if chance.is(50) { escaped(&note) } else { note };
    format!("\"{note}\"")
}

/// A booking of four levels, about 1.8 KB.
#[allow(clippy::too_many_lines)]
pub(crate) fn booking(out: &mut String, number: u64, chance: &mut Chance) {
    let (zone, offset) = chance.of(ZONES);
    let created = stamp(instant(chance, 31_536_000_000), offset);
    let updated = instant(chance, 31_536_000_000);
    let start =
        date(2024, 1, 1).at(0, 0, 0, 0) + Span::new().minutes(15 * chance.below(35_040) as i64);
    let end = start + Span::new().minutes(chance.of(&[15, 30, 45, 60, 90, 120]));
    let (first, last) = (chance.of(FIRST), chance.of(LAST));
    let (city, country, country_name) = chance.of(PLACES);
    let customer = chance.below(200_000);
    let net = chance.between(100, 500_000);
    let (rate, per_mille) = chance.of(&[
        ("0.19", 190),
        ("0.2", 200),
        ("0.077", 77),
        ("0.05", 50),
        ("0.0", 0),
    ]);
    let tax = net * per_mille / 1000;
    let status = chance.of(STATUS);
    let is_cancelled = status == "cancelled";
    let (building, room) = (chance.below(40), chance.below(400));
    let phone = (!chance.is(30)).then(|| {
        let (country, area) = (chance.between(1, 99), chance.between(100, 999));
        format!(
            "\"+{country} {area} {}\"",
            chance.between(1_000_000, 9_999_999)
        )
    });
    let notes = chance.is(30).then(|| note(chance));
    let (high, low) = (chance.next(), chance.next());
    let id = 10_000_000 + number;
    let _ = write!(
        out,
        r#"{{"id":{id},"uid":"{:08x}-{:04x}-{:04x}-{:04x}-{:012x}","status":"{status}","title":"{}","created_at":{created},"updated_at":{},"#,
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff,
        chance.of(TITLES),
        stamp(updated, "Z"),
    );
    let _ = write!(
        out,
        r#""start":{{"dateTime":{},"timeZone":"{zone}","date":"{}"}},"end":{{"dateTime":{},"timeZone":"{zone}","date":"{}"}},"#,
        stamp(start, offset),
        start.date(),
        stamp(end, offset),
        end.date(),
    );
    let _ = write!(
        out,
        r#""customer":{{"id":{customer},"name":{{"first":"{first}","last":"{last}","display":"{first} {last}"}},"email":"user{customer}@example.com","phone":{},"address":{{"street":"{} {}","city":"{city}","postal_code":"{:05}","country":{{"code":"{country}","name":"{country_name}"}},"geo":{{"lat":{:.6},"lng":{:.6}}}}},"vip":{},"#,
        or_null(phone),
        chance.of(STREETS),
        chance.between(1, 300),
        chance.between(1000, 99_999),
        chance.part() * 180.0 - 90.0,
        chance.part() * 360.0 - 180.0,
        chance.is(10),
    );
    if chance.is(75) {
        let tier = chance.of(&["bronze", "silver", "gold", "platinum"]);
        let _ = write!(
            out,
            r#""loyalty":{{"tier":"{tier}","points":{}}},"#,
            chance.below(90_000)
        );
    }
    let discount = chance.is(20).then(|| {
        let percent = chance.between(1, 50);
        format!(
            r#"{{"code":"SAVE{}","percent":{}}}"#,
            chance.between(1, 50),
            percent as f64 / 2.0
        )
    });
    let _ = write!(
        out,
        r#""tags":["t{}","t{}"]}},"pricing":{{"currency":"{}","net":"{}","tax":{{"rate":{rate},"amount":"{}"}},"gross":"{}","discount":{}}},"#,
        chance.below(50),
        chance.below(50),
        chance.of(CURRENCIES),
        cents(net),
        cents(tax),
        cents(net + tax),
        or_null(discount),
    );
    let floor = (!chance.is(20)).then(|| (room % 9).to_string());
    let _ = write!(
        out,
        r#""resource":{{"id":{room},"name":"Room {room}","location":{{"id":{},"name":"Floor {}","floor":{},"building":{{"code":"B{building:02}","name":"Building {building}","opened":"{}-{:02}-{:02}"}}}}}},"#,
        room / 10,
        room % 9,
        or_null(floor),
        1950 + building,
        1 + building % 12,
        1 + building % 28,
    );
    let _ = write!(
        out,
        r#""source":{{"channel":"{}","campaign":null,"utm":{{"source":"{}","medium":"cpc","content":null}}}},"attendees":["#,
        chance.of(CHANNELS),
        chance.of(SOURCES),
    );
    for position in 0..chance.of(&[0, 0, 1, 1, 1, 2, 2, 3, 4, 5]) {
        let comma = if position > 0 { "," } else { "" };
        let responded = (!chance.is(40)).then(|| stamp(updated, offset));
        let score = chance.is(50).then(|| format!("{:.2}", chance.part() * 5.0));
        let diet = chance.is(30).then(|| "\"vegan\"".to_owned());
        let _ = write!(
            out,
            r#"{comma}{{"id":{},"name":"{} {}","email":"guest.{}@example.{}","status":"{}","responded_at":{},"is_host":{},"answers":{{"dietary":{},"score":{}}}}}"#,
            number * 8 + position,
            chance.of(FIRST),
            chance.of(LAST),
            chance.below(1_000_000),
            chance.of(&["com", "org", "de"]),
            chance.of(&["accepted", "declined", "tentative", "needs_action"]),
            or_null(responded),
            position == 0,
            or_null(diet),
            or_null(score),
        );
    }
    let cancelled = is_cancelled.then(|| stamp(updated, "Z"));
    let cancellation = is_cancelled.then(|| {
        format!(r#"{{"reason":"customer request","by":{{"id":{customer},"type":"user"}}}}"#)
    });
    let _ = write!(
        out,
        r#"],"notes":{},"metadata":{{"trace_id":"{high:016x}","version":3,"flags":{{"beta":{},"ab":"{}","retries":{}}}}},"links":{{"self":"https://api.example.com/v2/bookings/{id}","ics":null}},"cancelled_at":{},"cancellation":{}}}"#,
        or_null(notes),
        chance.is(50),
        chance.of(&["A", "B"]),
        chance.below(3),
        or_null(cancelled),
        or_null(cancellation),
    );
}

/// A trip with a long way that no column wants, about 2.9 KB.
pub(crate) fn trip(out: &mut String, number: u64, chance: &mut Chance) {
    let start = instant(chance, 31_536_000_000);
    let end = start + Span::new().seconds(chance.between(120, 7200) as i64);
    let _ = write!(
        out,
        r#"{{"trip_id":"T-{number:09}","vehicle":{{"id":{},"vin":"WVWZZZ{:011}","model":{{"make":"{}","name":"{}"}}}},"started_at":{},"ended_at":{},"route":{{"type":"Feature","geometry":{{"type":"LineString","coordinates":["#,
        chance.below(5000),
        chance.below(100_000_000_000),
        chance.of(&["VW", "Škoda", "Renault"]),
        chance.of(&["Golf", "Octavia", "Mégane"]),
        stamp(start, "Z"),
        stamp(end, "Z"),
    );
    let (mut longitude, mut latitude) = (chance.part() * 30.0 - 10.0, 40.0 + chance.part() * 15.0);
    for point in 0..100 {
        longitude += (chance.part() - 0.5) * 0.004;
        latitude += (chance.part() - 0.5) * 0.004;
        let comma = if point > 0 { "," } else { "" };
        let _ = write!(
            out,
            "{comma}[{longitude:.6},{latitude:.6},{}]",
            chance.below(300)
        );
    }
    let rating = (!chance.is(10)).then(|| format!("{:.2}", 3.0 + chance.part() * 2.0));
    let _ = write!(
        out,
        r#"]}},"properties":{{"surface":"asphalt","toll":{}}}}},"distance_m":{:.1},"fare":{{"amount":"{}","currency":"EUR"}},"driver":{{"id":{},"rating":{}}},"electric":{}}}"#,
        chance.is(50),
        500.0 + chance.part() * 89_500.0,
        cents(chance.between(300, 20_000)),
        chance.below(9000),
        or_null(rating),
        chance.is(50),
    );
}
