//! How deep lists and objects of an answer lie in each other, found by looking at its bytes once.

use crate::fault::Fault;

/// Refuses an answer whose lists and objects lie deeper in each other than `most`.
///
/// It need not be JSON: whatever it is, nothing deeper reaches a reader that recurses.
pub fn check(body: &[u8], most: u32) -> Result<(), Fault> {
    let mut depth = 0u32;
    let mut in_text = false;
    let mut escaped = false;
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > most {
            return Err(too_deep(most));
        }
    }
    Ok(())
}

pub(crate) fn too_deep(most: u32) -> Fault {
    Fault::rejected(format!(
        "the answer has lists or objects more than {most} deep in each other; raise `depth` under `limits` if that is right"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_depth_counts() {
        for (body, depth) in [
            ("7", 0),
            ("[[{}],[[]]]", 3),
            (r#"["[[[[\"[[[", "\\", [1]]"#, 2),
            ("}}}}[[", 2),
            ("", 0),
        ] {
            assert!(check(body.as_bytes(), depth).is_ok(), "{body}");
            assert!(
                depth == 0 || check(body.as_bytes(), depth - 1).is_err(),
                "{body}"
            );
        }
        assert!(check("[".repeat(1_000_000).as_bytes(), 100).is_err());
    }
}
