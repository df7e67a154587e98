//! A model as a view of PostgreSQL.

use super::Role;
use crate::model::PlannedModel;
use crate::sql::{identifiers, text};

/// How a view is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewStatements {
    /// Makes it, or changes it where its columns stay: what stands on it stays too.
    pub replace: String,
    /// Takes it away, where its columns do not stay; refused while something stands on it.
    pub drop: String,
    /// Comments and grants.
    pub after: Vec<String>,
}

/// The statements for a model that is kept as a view.
pub fn view(model: &PlannedModel, readers: &[Role]) -> ViewStatements {
    let name = model.relation.quoted();
    let mut after = Vec::new();
    if let Some(description) = &model.description {
        after.push(format!("COMMENT ON VIEW {name} IS {}", text(description)));
    }
    for (column, description) in &model.columns {
        let column = crate::sql::identifier(column);
        after.push(format!(
            "COMMENT ON COLUMN {name}.{column} IS {}",
            text(description)
        ));
    }
    if !readers.is_empty() {
        after.push(format!(
            "GRANT SELECT ON {name} TO {}",
            identifiers(readers)
        ));
    }
    ViewStatements {
        replace: format!("CREATE OR REPLACE VIEW {name} AS\n{}", model.sql),
        drop: format!("DROP VIEW {name}"),
        after,
    }
}
