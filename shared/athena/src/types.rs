//! Types by their names in definitions, in the catalogue (Hive's) and in results (Trino's).

/// The types that the catalogue and definitions know by different names.
const NAMES: [(&str, &str); 8] = [
    ("bool", "boolean"),
    ("int8", "tinyint"),
    ("int16", "smallint"),
    ("int32", "int"),
    ("int64", "bigint"),
    ("float32", "float"),
    ("float64", "double"),
    ("json", "string"),
];

/// Those that both know by the same name. The catalogue's `timestamp` has no zone: an instant is shown in UTC.
const SAME: [&str; 4] = ["string", "date", "timestamp", "binary"];

/// The catalogue's name of a type. None for one that Athena does not read from Parquet, which `time` is.
pub(crate) fn to_hive(name: &str) -> Option<String> {
    if let Some((_, hive)) = NAMES.iter().find(|(ours, _)| *ours == name) {
        return Some((*hive).to_owned());
    }
    // What has parts is known by the name that the catalogue itself gave.
    let has_parts = name.contains('<');
    let known = SAME.contains(&name) || has_parts || digits(name).is_some();
    known.then(|| name.replace(' ', ""))
}

/// The name in definitions of a type that the catalogue or a result names.
pub(crate) fn from_hive(hive: &str) -> String {
    let hive = hive.to_lowercase();
    let plain = hive.split('(').next().unwrap_or_default();
    match plain {
        "varchar" | "char" | "string" | "json" => return "string".to_owned(),
        "integer" => return "int32".to_owned(),
        "real" => return "float32".to_owned(),
        "varbinary" => return "binary".to_owned(),
        "timestamp" => return "timestamp".to_owned(),
        _ => {}
    }
    let ours = NAMES.iter().find(|(_, name)| *name == hive);
    ours.map_or_else(|| hive.replace(' ', ""), |(ours, _)| (*ours).to_owned())
}

/// The digits of a decimal number, all and those after the point.
fn digits(name: &str) -> Option<(u8, u8)> {
    let inner = name.strip_prefix("decimal(")?.strip_suffix(')')?;
    let (precision, scale) = inner.split_once(',')?;
    let precision: u8 = precision.trim().parse().ok()?;
    let scale: u8 = scale.trim().parse().ok()?;
    ((1..=38).contains(&precision) && scale <= precision).then_some((precision, scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_a_definition_has_a_name_in_the_catalogue_or_none() {
        for (ours, hive) in [
            ("string", Some("string")),
            ("json", Some("string")),
            ("bool", Some("boolean")),
            ("int16", Some("smallint")),
            ("int32", Some("int")),
            ("int64", Some("bigint")),
            ("float64", Some("double")),
            ("decimal(12,2)", Some("decimal(12,2)")),
            ("decimal(12, 2)", Some("decimal(12,2)")),
            ("decimal(39,2)", None),
            ("date", Some("date")),
            ("timestamp", Some("timestamp")),
            ("time", None),
            ("array<bigint>", Some("array<bigint>")),
            ("list(int64)", None),
        ] {
            assert_eq!(to_hive(ours).as_deref(), hive, "{ours}");
        }
    }

    #[test]
    fn a_name_of_the_catalogue_is_read_back() {
        for (hive, ours) in [
            ("varchar(7)", "string"),
            ("varchar", "string"),
            ("integer", "int32"),
            ("int", "int32"),
            ("real", "float32"),
            ("double", "float64"),
            ("decimal(12,2)", "decimal(12,2)"),
            ("timestamp(3)", "timestamp"),
            ("varbinary", "binary"),
            ("array<int>", "array<int>"),
        ] {
            assert_eq!(from_hive(hive), ours);
        }
    }
}
