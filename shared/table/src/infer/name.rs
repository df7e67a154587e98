//! Names for columns from the names of members: safe in SQL, each once, the same for the same members.

use std::collections::BTreeSet;

use pipeline::name::Name;

/// The longest name of a column.
const LONGEST: usize = 63;

/// A name for each member. Members whose names can stay keep them, whatever comes before; `reserved` is taken.
pub(super) fn of_members<'m>(
    members: impl Iterator<Item = &'m String> + Clone,
    reserved: Option<&str>,
) -> Vec<Name> {
    let mut taken: BTreeSet<String> = reserved.map(str::to_owned).into_iter().collect();
    let can_stay = |member: &str| Name::new(member).is_ok() && Some(member) != reserved;
    taken.extend(members.clone().filter(|member| can_stay(member)).cloned());
    let name = |member: &String| match can_stay(member) {
        true => member.clone(),
        false => free(&snake_case(member), &mut taken),
    };
    let names = members.map(name);
    let valid = |name| Name::new(name).expect("a name made of safe characters only");
    names.map(valid).collect()
}

/// The name, or the first of `name_2`, `name_3` … that is free; it is taken then.
fn free(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut free = name.to_owned();
    let mut number = 2;
    while !taken.insert(free.clone()) {
        let end = format!("_{number}");
        let room = name.len().min(LONGEST - end.len());
        free = format!("{}{end}", &name[..room]);
        number += 1;
    }
    free
}

/// `Miles_per_Gallon` and `milesPerGallon` become `miles_per_gallon`.
fn snake_case(member: &str) -> String {
    let mut name = String::new();
    let mut before = ' ';
    let mut letters = member.chars().peekable();
    while let Some(letter) = letters.next() {
        if !letter.is_ascii_alphanumeric() {
            before = ' ';
            continue;
        }
        let after = letters.peek().copied().unwrap_or(' ');
        let begins_word = before == ' '
            || letter.is_ascii_uppercase()
                && (!before.is_ascii_uppercase() || after.is_ascii_lowercase());
        if begins_word && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
        before = letter;
    }
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        name.insert_str(0, if name.is_empty() { "column" } else { "column_" });
    }
    name.truncate(LONGEST);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(members: &[&str], reserved: Option<&str>) -> Vec<String> {
        let members: Vec<String> = members.iter().map(|member| (*member).to_owned()).collect();
        let names = of_members(members.iter(), reserved).into_iter();
        names.map(String::from).collect()
    }

    #[test]
    fn names_become_snake_case() {
        for (member, name) in [
            ("Miles_per_Gallon", "miles_per_gallon"),
            ("milesPerGallon", "miles_per_gallon"),
            ("HTTPServer", "http_server"),
            ("userID", "user_id"),
            ("ID", "id"),
            ("a__b", "a__b"),
            ("A__b", "a_b"),
            ("_id", "id"),
            ("$type", "type"),
            ("price (EUR)", "price_eur"),
            ("Größe", "gr_e"),
            ("2020", "column_2020"),
            ("", "column"),
            ("名前", "column"),
            ("x\"; DROP TABLE t; --", "x_drop_table_t"),
        ] {
            assert_eq!(names(&[member], None), [name], "{member}");
        }
        assert_eq!(names(&[&"X".repeat(99)], None), ["x".repeat(63)]);
    }

    #[test]
    fn every_name_is_given_once_and_what_can_stay_stays() {
        assert_eq!(
            names(&["A", "a", "a_2", "Á", "á"], None),
            ["a_3", "a", "a_2", "column", "column_2"]
        );
        assert_eq!(names(&["rest", "Rest"], Some("rest")), ["rest_2", "rest_3"]);
        let long = "x".repeat(64);
        let longer = "x".repeat(65);
        assert_eq!(
            names(&[&long, &longer], None),
            ["x".repeat(63), format!("{}_2", "x".repeat(61))]
        );
    }
}
