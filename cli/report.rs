//! A run's report as a person reads it.

use std::fmt::Write;

use pipeline::data_check::{CheckResult, Status};
use pipeline::report::{RunReport, TableReport};

/// The report as text.
pub fn text(report: &RunReport) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} {} in {:.1} s  (run {})",
        report.pipeline, report.status, report.seconds, report.run_id
    );
    windows(&mut out, report);
    tables(&mut out, report);
    source(&mut out, report);
    checks(&mut out, &report.checks);
    for destination in &report.destinations {
        let line = format!(
            "  {:<9} {}  {}",
            destination.destination, destination.status, destination.message
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    if let Some(fault) = &report.fault {
        let _ = writeln!(out, "\n{}: {}", fault.kind, fault.message);
    }
    out
}

fn windows(out: &mut String, report: &RunReport) {
    if report.windows.len() > 1 {
        for window in &report.windows {
            let _ = writeln!(out, "  {:<14} {}", window.window, window.status);
        }
    }
}

fn tables(out: &mut String, report: &RunReport) {
    if report.tables.is_empty() {
        return;
    }
    let name = |name: &String, table: &TableReport| match name.contains('.') {
        true => name.clone(),
        false => format!("{}.{name}", table.database),
    };
    let widest = report
        .tables
        .iter()
        .map(|(n, table)| name(n, table).len())
        .max();
    let width = widest.unwrap_or(0).max(5);
    let _ = writeln!(
        out,
        "\n  {:<width$} {:>10} {:>9} {:>9} {:>10}",
        "table", "rows", "rejected", "filtered", "duplicates"
    );
    for (key, table) in &report.tables {
        // Of the periods of a model, the first and how many there are say enough.
        if let Some(model) = &table.period_of {
            let of_it = |other: &&TableReport| other.period_of.as_ref() == Some(model);
            let is_first = report.tables.iter().find(|(_, other)| of_it(other));
            if is_first.is_some_and(|(first, _)| first == key) {
                let periods = report.tables.values().filter(of_it).count();
                let _ = writeln!(out, "  {} and so on, {periods} periods", name(key, table));
            }
            continue;
        }
        let counted = |count: u64| match table.derived {
            true => "-".to_owned(),
            false => thousands(count),
        };
        let _ = writeln!(
            out,
            "  {:<width$} {:>10} {:>9} {:>9} {:>10}",
            name(key, table),
            thousands(table.rows),
            counted(table.rejected),
            counted(table.filtered),
            counted(table.duplicates)
        );
    }
    for (key, table) in &report.tables {
        if !table.kept_windows.is_empty() {
            let windows = table.kept_windows.join(", ");
            let _ = writeln!(
                out,
                "    {key}: rows not published, as others are there that they may not replace: {windows}"
            );
        }
        let notes = [
            ("left out", &table.filters),
            ("set aside", &table.rejects),
            ("made null", &table.nulled),
            ("not found by look-up", &table.unmatched),
        ];
        for (what, counts) in notes {
            for (reason, count) in counts {
                let _ = writeln!(out, "    {key}: {} {what}: {reason}", thousands(*count));
            }
        }
    }
}

fn source(out: &mut String, report: &RunReport) {
    let requests = &report.requests;
    let _ = writeln!(
        out,
        "\n  requests  {} sent, {} retried, {} missing",
        thousands(requests.sent),
        thousands(requests.retried),
        thousands(requests.missing)
    );
    for (resource, records) in &report.resources {
        let aside = records.unparsable + records.unrouted;
        let _ = writeln!(
            out,
            "  records   {} of {resource}, {} set aside as a whole",
            thousands(records.records),
            thousands(aside)
        );
        for place in &records.rejects {
            let _ = writeln!(out, "            rejects in {place}");
        }
        if records.failed_slices > 0 {
            let failed = thousands(records.failed_slices);
            let _ = writeln!(
                out,
                "            {failed} slices of {resource} failed, and what they have is not published"
            );
        }
    }
}

/// How much of a row is shown that a check found; all of it is in the report as JSON.
const CELLS: usize = 8;

fn checks(out: &mut String, checks: &[CheckResult]) {
    if checks.is_empty() {
        return;
    }
    let count = |status: Status| checks.iter().filter(|check| check.status == status).count();
    let _ = writeln!(
        out,
        "  checks    {} passed, {} warned, {} failed",
        count(Status::Passed),
        count(Status::Warned),
        count(Status::Failed)
    );
    for check in checks {
        let word = match check.status {
            Status::Passed => continue,
            Status::Warned => "warned",
            Status::Failed => "FAILED",
        };
        let _ = writeln!(
            out,
            "    {word}: {} ({}): {}",
            check.name, check.table, check.message
        );
        for row in check.sample.iter().take(3) {
            let cells = row.iter().take(CELLS);
            let cells: Vec<String> = cells
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let more = match row.len().saturating_sub(CELLS) {
                0 => String::new(),
                more => format!(" and {more} columns more"),
            };
            let _ = writeln!(out, "      {}{more}", cells.join(" "));
        }
    }
}

/// A count with its thousands apart: `8,437`.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(thousands(count), text);
        }
    }
}
