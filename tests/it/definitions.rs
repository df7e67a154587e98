//! What a person reads who made a mistake in a definition: the golden one, broken one fragment at a time.
//!
//! Each message has to stand on its own: the exact place, the fact, the remedy. The snapshots are read in review.

use std::fs;
use std::path::Path;

use edge::definitions::Definitions;
use serde_json::json;

use crate::support::house;
use crate::support::world::{Ended, World};

/// A mistake: what it is, and the fragments of the golden definition that are written otherwise.
type Mistake = (&'static str, &'static [(&'static str, &'static str)]);

/// The golden definition's folder, copied below `folder` with the mistake in it.
fn write(folder: &Path, fragments: &[(&str, &str)]) {
    let golden = house::root().join("tests/fixtures/golden");
    copy(&golden, &folder.join("golden"));
    let mut text = house::read("tests/fixtures/golden/pipeline.yaml");
    for (from, to) in fragments {
        assert_eq!(text.matches(from).count(), 1, "`{from}` has to occur once");
        text = text.replace(from, to);
    }
    fs::write(folder.join("golden/pipeline.yaml"), text).expect("written");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("readable").flatten() {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("copied")),
        }
    }
}

/// What is said of the golden definition with the mistake in it.
fn said(fragments: &[(&str, &str)]) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), fragments);
    let definitions = Definitions::below(directory.path());
    let bundle = definitions.load("golden").expect("a definition");
    match bundle.check() {
        Ok(_) => "no problem found\n".to_owned(),
        Err(problems) => problems.render("pipeline.yaml", &bundle.text),
    }
}

/// Every mistake with all that is said of it.
fn all(mistakes: &[Mistake]) -> String {
    let mut shown = String::new();
    for (what, fragments) in mistakes {
        let said = said(fragments);
        assert!(said.contains("pipeline.yaml:"), "{what} goes through");
        shown += &format!("── {what}\n{said}\n");
    }
    shown
}

#[test]
fn the_golden_definition_is_right() {
    assert_eq!(said(&[]), "no problem found\n");
}

#[test]
fn text_that_is_no_yaml() {
    insta::assert_snapshot!(all(&[
        (
            "a bracket is left open",
            &[("include: [fees, boat] }", "include: [fees, boat }")]
        ),
        (
            "a line stands too far left",
            &[("    path: /boats\n", "  path: /boats\n")]
        ),
        (
            "a tab indents",
            &[(
                "  base_url: \"{base_url}\"\n",
                "\tbase_url: \"{base_url}\"\n"
            )]
        ),
        (
            "a key comes twice",
            &[("version: 1\n", "version: 1\nversion: 1\n")]
        ),
        (
            "a column comes twice",
            &[("      name: { from: $.name", "      id: { from: $.name")]
        ),
        (
            "an alias has no anchor",
            &[("    columns: infer", "    columns: *boat")]
        ),
        (
            "a colon in plain text",
            &[(
                "description: What a visit cost.",
                "description: Fees: what a visit cost."
            )]
        ),
    ]));
}

#[test]
fn shapes_that_do_not_fit() {
    insta::assert_snapshot!(all(&[
        ("another version", &[("version: 1", "version: 2")]),
        (
            "an unknown key",
            &[("description: Who came", "descripton: Who came")]
        ),
        (
            "an unknown key far inside",
            &[(
                "berth: { from: $.berth, type: string }",
                "berth: { from: $.berth, type: string, requierd: true }"
            )]
        ),
        ("a missing key", &[("    path: /moorings/search\n", "")]),
        ("a missing section", &[("resources:\n", "resurces:\n")]),
        ("text for a number", &[("lag: 1", "lag: one")]),
        (
            "a number for text",
            &[("description: What a visit cost.", "description: 7")]
        ),
        (
            "a map for a list",
            &[("key: [visit_id, position]", "key: { visit_id: position }")]
        ),
        (
            "nothing for something",
            &[("database: harbour\n", "database:\n")]
        ),
        (
            "an unknown kind",
            &[("auth: { bearer: {", "auth: { barer: {")]
        ),
        (
            "two kinds",
            &[(
                "auth: { bearer: { token: { secret: harbour/token } } }",
                "auth: { bearer: { token: { secret: harbour/token } }, none: }"
            )]
        ),
        (
            "no kind",
            &[(
                "paginate: { next_link: { path: $.links.next } }",
                "paginate: {}"
            )]
        ),
        (
            "an unknown value of a few",
            &[("per: second", "per: seconds")]
        ),
        (
            "a check of two kinds",
            &[(
                "not_null: [boat_id], severity",
                "not_null: [boat_id], unique: [id], severity"
            )]
        ),
        (
            "a check of no kind",
            &[("row_count: { at_least: 1 }", "severity: error")]
        ),
        (
            "a check of an unknown kind",
            &[("row_count: { at_least: 1 }", "row_cuont: { at_least: 1 }")]
        ),
    ]));
}

#[test]
fn values_that_break_a_rule() {
    insta::assert_snapshot!(all(&[
        (
            "a name with capitals",
            &[
                ("  moorings:\n", "  Moorings:\n"),
                ("moorings: create_only, ", "")
            ]
        ),
        ("a cron of five fields", &[("15 6 * * ? *", "15 6 * * *")]),
        (
            "an hour that does not exist",
            &[("15 6 * * ? *", "15 26 * * ? *")]
        ),
        (
            "an unknown time zone",
            &[(
                "timezone: Europe/Lisbon, window",
                "timezone: Europe/Lisboa, window"
            )]
        ),
        (
            "a share without per cent",
            &[("at_most: 0.5%", "at_most: 0.005")]
        ),
        (
            "a share of something else",
            &[(
                "column: country, at_most: 5%",
                "column: country, at_most: few"
            )]
        ),
        ("a rate of nothing", &[("requests: 5", "requests: 0")]),
        ("a rate below nothing", &[("requests: 5", "requests: -5")]),
        ("no time at all", &[("idle: 30", "idle: 0")]),
        (
            "a path that begins nowhere",
            &[("path: /boats\n", "path: boats\n")]
        ),
        (
            "a path with its query",
            &[("path: /boats\n", "path: /boats?kind=all\n")]
        ),
        (
            "a path into records that is none",
            &[("records: $.moorings", "records: moorings")]
        ),
        (
            "a template with a lone brace",
            &[(
                "day: \"{window.date}\", include",
                "day: \"{window.date\", include"
            )]
        ),
        (
            "a status with two meanings",
            &[("wait: [202]", "wait: [404]")]
        ),
        ("an unknown type", &[("\"decimal(12,2)\"", "decimal")]),
        (
            "a decimal too large",
            &[("\"decimal(12,2)\"", "\"decimal(60,2)\"")]
        ),
        (
            "an unknown function",
            &[("apply: [trim, lower,", "apply: [strip, lower,")]
        ),
        (
            "a format that is none",
            &[("\"%Y-%m-%d %H:%M\"", "\"%Y-%m-%d %K\"")]
        ),
        (
            "a range upside down",
            &[("range: [0, 366]", "range: [366, 0]")]
        ),
        (
            "a file outside the folder",
            &[("sql: models/ranking.sql", "sql: ../models/ranking.sql")]
        ),
        (
            "a delimiter of two characters",
            &[("delimiter: \";\"", "delimiter: \";;\"")]
        ),
        (
            "a reference to no column",
            &[("references: visits.id", "references: visits")]
        ),
    ]));
}

#[test]
fn credentials_in_plain_text() {
    insta::assert_snapshot!(all(&[
        (
            "the token itself",
            &[("token: { secret: harbour/token }", "token: hunter2-hunter2")]
        ),
        (
            "the token for its name",
            &[("secret: harbour/token", "secret: \"hunter2=hunter2\"")]
        ),
        (
            "a header that carries one",
            &[("Accept-Language: en", "Authorization: Bearer hunter2")]
        ),
        (
            "an address that carries one",
            &[(
                "default: https://api.harbour.example/v2",
                "default: https://harbour:hunter2@api.harbour.example/v2"
            )]
        ),
    ]));
}

#[test]
fn names_that_lead_nowhere() {
    insta::assert_snapshot!(all(&[
        (
            "a resource",
            &[("    from: search\n", "    from: serach\n")]
        ),
        (
            "a resource that lists ids",
            &[("resource: fleet", "resource: flet")]
        ),
        (
            "a reference table",
            &[("reference: flags,", "reference: flag,")]
        ),
        (
            "a column of a reference table",
            &[("take: country }", "take: contry }")]
        ),
        (
            "a column that a lookup matches",
            &[("match: { code: flag }", "match: { iso: flag }")]
        ),
        (
            "a column of this table",
            &[("match: { code: flag }", "match: { code: flagg }")]
        ),
        (
            "a column that stands further down",
            &[("match: { code: flag }", "match: { code: day }")]
        ),
        ("a column in a key", &[("key: [code]", "key: [cod]")]),
        (
            "a column in a filter",
            &[("drop_when: { column: kind", "drop_when: { column: kinds")]
        ),
        (
            "a column in a check",
            &[("not_null: [boat_id]", "not_null: [boat]")]
        ),
        (
            "a column in a foreign key",
            &[("references: visits.id", "references: visits.visit_id")]
        ),
        (
            "a column in an export",
            &[(
                "columns: [id, country, nights]",
                "columns: [id, county, nights]"
            )]
        ),
        (
            "a column to rename",
            &[(
                "rename: { nights: night_count }",
                "rename: { night: night_count }"
            )]
        ),
        (
            "a table in a check",
            &[("{ table: fees, range", "{ table: fee, range")]
        ),
        (
            "a table in an export",
            &[("table: by_country, path", "table: by_contry, path")]
        ),
        ("a table to write", &[("flags: replace,", "flag: replace,")]),
        (
            "a parameter in the address",
            &[(
                "  base_url: \"{base_url}\"\n",
                "  base_url: \"{base_ur}\"\n"
            )]
        ),
        (
            "a parameter in a path",
            &[("/harbours/{harbour}/visits", "/harbours/{harbor}/visits")]
        ),
        (
            "a part of the window",
            &[(
                "day: { value: \"{window.date}\"",
                "day: { value: \"{window.day}\""
            )]
        ),
        (
            "a part of the window in a partition",
            &[(
                "visit_date: \"{window.date}\"",
                "visit_date: \"{window.dat}\""
            )]
        ),
        (
            "a part of the window in an export",
            &[("visits/{window.date}.csv", "visits/{window.dat}.csv")]
        ),
        (
            "the id of nothing",
            &[("path: /boats\n", "path: /boats/{id}\n")]
        ),
        (
            "a table in SQL",
            &[("models/ranking.sql", "models/unknown_ref.sql")]
        ),
        (
            "a value in SQL",
            &[("models/ranking.sql", "models/unknown_value.sql")]
        ),
        (
            "a table in the SQL of a check",
            &[("checks/twice_at_once.sql", "models/unknown_ref.sql")]
        ),
        (
            "a file of SQL",
            &[("models/ranking.sql", "models/rankings.sql")]
        ),
        (
            "a file of SQL of a check",
            &[("checks/twice_at_once.sql", "checks/twice.sql")]
        ),
        (
            "a file of a reference table",
            &[("reference/flags.csv", "reference/flag.csv")]
        ),
    ]));
}

#[test]
fn what_does_not_fit_together() {
    insta::assert_snapshot!(all(&[
        (
            "a key that may be null",
            &[(
                "visit_id: { from: $record.id, type: int64, required: true }",
                "visit_id: { from: $record.id, type: int64 }"
            )]
        ),
        (
            "duplicates without a key",
            &[("    key: [id]\n    duplicates", "    duplicates")]
        ),
        (
            "windows without a partition",
            &[("    partition: { visit_date: \"{window.date}\" }\n", "")]
        ),
        (
            "a partition that is always the same",
            &[("visit_date: \"{window.date}\"", "visit_date: today")]
        ),
        (
            "a list of ids that is itself listed",
            &[(
                "    records: $.data\n    form: list\n",
                "    records: $.data\n    for_each: { listing: { resource: boats, id: $.id } }\n"
            )]
        ),
        (
            "a resource that lists itself",
            &[("resource: fleet", "resource: boats")]
        ),
        (
            "an id that no request holds",
            &[("path: /boats/{id}", "path: /boat")]
        ),
        (
            "a default that is not allowed",
            &[("default: listing", "default: all")]
        ),
        (
            "a column from two places",
            &[("day: { value:", "day: { from: $.day, value:")]
        ),
        (
            "a column from nowhere",
            &[(
                "day: { value: \"{window.date}\", type: date }",
                "day: { type: date }"
            )]
        ),
        (
            "an ordinal without a list",
            &[("berth: { from: $.berth", "berth: { from: $ordinal")]
        ),
        (
            "no columns",
            &[(
                "    columns:\n      berth: { from: $.berth, type: string }\n      boat_id: { from: $.boat, type: int64 }\n",
                "    columns: {}\n"
            )]
        ),
        (
            "a range of text",
            &[(
                "berth: { from: $.berth, type: string }",
                "berth: { from: $.berth, type: string, range: [1, 2] }"
            )]
        ),
        (
            "required, and null on error",
            &[(
                "masts: { from: $.masts, type: int16 }",
                "masts: { from: $.masts, type: int16, required: true, on_error: \"null\" }"
            )]
        ),
        (
            "a rest after every record",
            &[("    when: { path: $.kind, equals: sail }\n", "")]
        ),
        (
            "two filters of one name",
            &[(
                "in: [cancelled, void] } }\n",
                "in: [cancelled, void] } }\n      - { name: cancelled, drop_when: { column: id, is: \"null\" } }\n"
            )]
        ),
        (
            "a column for the rest that is taken",
            &[("extra: other", "extra: name")]
        ),
        (
            "a body that a GET would carry",
            &[("    method: post_repeatable\n", "")]
        ),
        ("pages that end by size without one", &[("size: 100, ", "")]),
        (
            "two files of one name",
            &[("path: by_country.csv", "path: \"visits/{window.date}.csv\"")]
        ),
        (
            "a model that is its own source",
            &[("models/by_country.sql", "models/circle.sql")]
        ),
        (
            "a model in the way of a table",
            &[("  ranking: { sql", "  fees: { sql")]
        ),
        (
            "a resource and a reference of one name",
            &[
                ("  search:\n", "  flags:\n"),
                ("    from: search\n", "    from: flags\n")
            ]
        ),
    ]));
}

#[test]
fn pages_parents_windows_and_bookmarks_that_cannot_work() {
    const PAGES: &str = "paginate: { page_number: { parameter: page, size_parameter: per_page, size: 100, stop: short_page } }";
    const FOR_EACH: &str =
        "for_each: { listing: { resource: fleet, id: $.id, enumerate: \"{detail}\" } }";
    const WINDOW: &str = "window: day, lag: 1";
    insta::assert_snapshot!(all(&[
        (
            "a cursor from nowhere",
            &[(PAGES, "paginate: { cursor: { parameter: after } }")]
        ),
        (
            "a cursor in a body that is not there",
            &[(
                PAGES,
                "paginate: { cursor: { parameter: $.after, path: $.next } }"
            )]
        ),
        (
            "a key without a path",
            &[(PAGES, "paginate: { keyset: { parameter: after, key: id } }")]
        ),
        (
            "slices of pages whose number is not known",
            &[(
                PAGES,
                "paginate: { page_number: { parameter: page, size: 100, pages_per_slice: 10 } }"
            )]
        ),
        (
            "smaller pages without a size",
            &[(
                PAGES,
                "paginate: { page_number: { parameter: page, smaller: { on: [413] } } }"
            )]
        ),
        (
            "a window in halves that no request tells",
            &[(PAGES, "split_window: { on: [413] }")]
        ),
        (
            "a parent that is not there",
            &[(
                FOR_EACH,
                "for_each: { parents: { of: [{ resource: flet, take: { id: $.id } }] } }"
            )]
        ),
        (
            "a parent of itself",
            &[(
                FOR_EACH,
                "for_each: { parents: { of: [{ resource: boats, take: { id: $.id } }] } }"
            )]
        ),
        (
            "a parent that no request holds",
            &[(
                FOR_EACH,
                "for_each: { parents: { of: [{ resource: fleet, take: { id: $.id } }] } }"
            )]
        ),
        (
            "a list without a name",
            &[(
                FOR_EACH,
                "for_each: { parents: { of: [{ list: [a, b] }] } }"
            )]
        ),
        (
            "two values of one name",
            &[
                (
                    FOR_EACH,
                    "for_each: { parents: { of: [{ list: [a], as: id }, { resource: fleet, take: { id: $.id } }] } }"
                ),
                ("path: /boats/{id}", "path: \"/boats/{parent.id}\"")
            ]
        ),
        (
            "a batch of nothing",
            &[
                (
                    FOR_EACH,
                    "for_each: { parents: { of: [{ resource: fleet, take: { id: $.id } }], batch: { size: 0 } } }"
                ),
                ("path: /boats/{id}", "path: \"/boats/{parent.id}\"")
            ]
        ),
        (
            "windows that do not divide a day",
            &[(WINDOW, "window: { every: 7h }")]
        ),
        (
            "named windows that overlap",
            &[(
                WINDOW,
                "window: { named: [{ name: a, from: 2026-01-01, to: 2026-06-30 }, { name: b, from: 2026-06-30, to: 2026-12-31 }] }"
            )]
        ),
        (
            "a start that is no window",
            &[(WINDOW, "window: month, start: May")]
        ),
        ("a snapshot with a start", &[(WINDOW, "start: 2026-01-01")]),
        (
            "a bookmark that no request holds",
            &[(
                PAGES,
                "bookmark: { from: $.id, order: number, start: \"0\" }"
            )]
        ),
        (
            "a bookmark that would pass over what a failed slice lacks",
            &[
                (
                    PAGES,
                    "bookmark: { from: $.id, order: number, start: \"0\" }\n    failed_slices: { at_most: 1% }"
                ),
                ("include: [fees, boat]", "since: \"{bookmark}\"")
            ]
        ),
        (
            "a bookmark that does not begin",
            &[
                (PAGES, "bookmark: { from: $.at, order: time, start: soon }"),
                ("include: [fees, boat]", "since: \"{bookmark}\"")
            ]
        ),
    ]));
}

#[test]
fn one_mistake_hides_no_other() {
    insta::assert_snapshot!(all(&[(
        "six at once",
        &[
            ("15 6 * * ? *", "15 6 * * *"),
            ("requests: 5", "reqests: 5"),
            ("resource: fleet", "resource: flet"),
            ("type: \"decimal(12,2)\"", "type: money"),
            ("key: [code]", "key: [cod]"),
            ("models/ranking.sql", "models/unknown_ref.sql"),
        ],
    )]));
}

/// What `lakehead check` says of the golden definition with the mistake in it.
fn check(fragments: &[(&str, &str)], more: &[&str]) -> Ended {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), fragments);
    let folder = directory.path().display().to_string();
    let mut arguments = vec!["check", "golden", "--pipelines", &folder];
    arguments.extend(more);
    World::new().bare(&arguments)
}

const TWO: [(&str, &str); 2] = [("requests: 5", "reqests: 5"), ("key: [code]", "key: [cod]")];

#[test]
fn a_wrong_definition_is_wrong_usage_of_the_command() {
    let right = check(&[], &[]);
    assert_eq!(
        (right.code, right.stdout.as_str()),
        (Some(0), "golden: no problem found\n")
    );
    let wrong = check(&TWO, &[]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    for part in [
        "golden/pipeline.yaml:17:11: unknown key `reqests`\n",
        "golden/pipeline.yaml:98:11: there is no column `cod`\n",
        "golden: 2 problems\n",
    ] {
        assert!(wrong.stdout.contains(part), "{part} in {}", wrong.stdout);
    }
}

#[test]
fn programs_read_the_problems_as_json() {
    let wrong = check(&TWO, &["--format", "json"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    let answer = wrong.json();
    assert_eq!(answer[0]["pipeline"], "golden");
    assert_eq!(
        answer[0]["problems"],
        json!([
            { "line": 17, "column": 11, "message": "unknown key `reqests`", "remedy": "did you mean `requests`?" },
            { "line": 98, "column": 11, "message": "there is no column `cod`", "remedy": "did you mean `code`?" },
        ])
    );
    let right = check(&[], &["--format", "json"]);
    assert_eq!(right.json()[0]["problems"], json!([]));
}

#[test]
fn a_wrong_definition_is_not_run() {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), &TWO);
    let folder = directory.path().display().to_string();
    let world = World::new();
    for command in ["run", "plan"] {
        let ended = world.lakehead(&[command, "golden", "--pipelines", &folder]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(
            ended.stderr.contains(":17:11: unknown key"),
            "{}",
            ended.stderr
        );
    }
    assert!(!world.root().exists(), "nothing was begun");
}
