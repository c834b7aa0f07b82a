//! From a field of a customer back to the column of the file.

use std::collections::HashMap;
use std::sync::Arc;

/// Where the fields of one row come from. The default is for rows that are messages: there the
/// field itself is the column.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    pub header: Option<Arc<HeaderNames>>,
    /// The column of each contact point of the entry.
    pub contact_points: Vec<usize>,
    /// The column of each external id of the entry.
    pub external_ids: Vec<usize>,
    /// For each address of the entry, one column that it has or is in.
    pub addresses: Vec<usize>,
}

/// The columns of a file.
#[derive(Debug, Default)]
pub struct HeaderNames {
    /// As the file names them.
    pub columns: Vec<String>,
    /// Fields that have one column: the field and the column's index.
    pub by_field: HashMap<String, usize>,
}

impl Origin {
    /// The file's column of a field such as `contact_points[1].value`.
    pub fn column_of(&self, field: &str) -> String {
        let Some(header) = &self.header else {
            return field.to_owned();
        };
        let indexed = |list: &str, columns: &[usize]| {
            let rest = field.strip_prefix(list)?.strip_prefix('[')?;
            let (index, _) = rest.split_once(']')?;
            columns.get(index.parse::<usize>().ok()?).copied()
        };
        let column = indexed("contact_points", &self.contact_points)
            .or_else(|| indexed("external_ids", &self.external_ids))
            .or_else(|| indexed("addresses", &self.addresses))
            .or_else(|| header.by_field.get(field).copied())
            // Of a list in one column, such as `tags[1]`.
            .or_else(|| header.by_field.get(field.split('[').next()?).copied());
        match column.and_then(|index| header.columns.get(index)) {
            Some(name) => name.clone(),
            // A field that no column has is wrong because it is missing: its own name says which.
            None => field.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_as_the_file_names_them() {
        let header = HeaderNames {
            columns: ["Name", "Mail", "Tel", "Marks", "City"]
                .map(str::to_owned)
                .to_vec(),
            by_field: [("display_name".to_owned(), 0), ("tags".to_owned(), 3)].into(),
        };
        let origin = Origin {
            header: Some(Arc::new(header)),
            contact_points: vec![2],
            external_ids: Vec::new(),
            addresses: vec![4],
        };
        assert_eq!(origin.column_of("display_name"), "Name");
        assert_eq!(origin.column_of("contact_points[0].value"), "Tel");
        assert_eq!(origin.column_of("addresses[0].region_code"), "City");
        assert_eq!(origin.column_of("tags[4]"), "Marks");
        assert_eq!(origin.column_of("type"), "type");
        assert_eq!(Origin::default().column_of("tags[4]"), "tags[4]");
    }
}
