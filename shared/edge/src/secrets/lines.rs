//! A file of secrets, as a person or a shell writes it.

use std::collections::BTreeMap;

use pipeline::fault::Fault;
use pipeline::secret::Secret;

/// The lines of a file: `NAME=value`, with `export` before and quotes around where a shell wants them; `#`
/// begins a comment. Nothing of a line is ever shown.
pub(crate) fn parse(text: &str) -> Result<BTreeMap<String, Secret>, Fault> {
    let mut secrets = BTreeMap::new();
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let refused = |why: &str| Fault::bad_definition(format!("line {} {why}", number + 1));
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| refused("is not `NAME=value`"))?;
        let name = name.trim();
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(good) {
            return Err(refused(
                "has a name with other characters than letters, digits and `_`",
            ));
        }
        let value =
            unquoted(value.trim()).ok_or_else(|| refused("has a quote that does not end"))?;
        if secrets
            .insert(name.to_owned(), Secret::new(value))
            .is_some()
        {
            return Err(refused("names what an earlier line names; keep one"));
        }
    }
    Ok(secrets)
}

fn unquoted(value: &str) -> Option<String> {
    if let Some(inner) = value.strip_prefix('\'') {
        return inner.strip_suffix('\'').map(str::to_owned);
    }
    let Some(inner) = value.strip_prefix('"') else {
        return Some(value.to_owned());
    };
    let mut unquoted = String::new();
    let mut rest = inner.chars();
    loop {
        match rest.next()? {
            '"' => return rest.as_str().is_empty().then_some(unquoted),
            '\\' => unquoted.push(match rest.next()? {
                'n' => '\n',
                other => other,
            }),
            plain => unquoted.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_is_refused_without_showing_it() {
        for text in [
            "hunter2",
            "A-B=hunter2",
            "A='hunter2",
            "A=\"hunter2",
            "A=\"hunter2\" more",
            "A=hunter2\nA=hunter2",
        ] {
            let fault = parse(text).expect_err(text);
            assert!(
                fault.message.starts_with("line ") && !fault.message.contains("hunter2"),
                "{fault}"
            );
        }
    }
}
