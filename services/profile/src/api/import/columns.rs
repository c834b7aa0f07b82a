//! What the columns of a file were taken for, as a message.

use std::collections::BTreeMap;

use dossier_proto::profile::v1::{ImportColumn, ImportColumnSource, ImportColumns};
use dossier_tabular::{Columns, Why};

pub fn encode(columns: &Columns) -> ImportColumns {
    let each = columns.names.columns.iter().zip(&columns.meanings);
    let each = each.map(|(column, meaning)| {
        let source = match meaning.why {
            Why::Mapped => ImportColumnSource::Mapping,
            Why::OurName => ImportColumnSource::Name,
            Why::Recognised => ImportColumnSource::Program,
            Why::Unknown => ImportColumnSource::Unknown,
        };
        ImportColumn {
            column: column.clone(),
            field: meaning.field.clone(),
            source: source.into(),
        }
    });
    ImportColumns {
        columns: each.collect(),
        program: columns.dialect.unwrap_or_default().to_owned(),
    }
}

/// Properties of cards for which a customer's file has no place.
pub fn encode_unheld(properties: &BTreeMap<String, u64>) -> ImportColumns {
    let each = properties.keys().map(|name| ImportColumn {
        column: name.clone(),
        field: String::new(),
        source: ImportColumnSource::Unknown.into(),
    });
    ImportColumns {
        columns: each.collect(),
        program: String::new(),
    }
}
