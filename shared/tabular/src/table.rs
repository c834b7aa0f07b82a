//! Rows of cells to records, whatever file they come from: the first row is the header.

use dossier_kernel::{Error, Result, Violation};

use crate::columns::{Columns, Mapping};
use crate::row::Record;

/// A table that is being read.
pub struct Table {
    mapping: Mapping,
    /// `None` until the header row was read.
    columns: Option<Columns>,
    count: u64,
}

impl Table {
    pub fn new(mapping: Mapping) -> Self {
        Self {
            mapping,
            columns: None,
            count: 0,
        }
    }

    pub fn columns(&self) -> Option<&Columns> {
        self.columns.as_ref()
    }

    /// The number of the row that comes next: 0 is the header.
    pub fn next_number(&self) -> u64 {
        match self.columns {
            Some(_) => self.count + 1,
            None => 0,
        }
    }

    /// How many columns the header has, once it was read.
    pub fn width(&self) -> Option<usize> {
        self.columns.as_ref().map(|columns| columns.fields.len())
    }

    /// Takes one row in; `None` cells say nothing.
    pub fn row(&mut self, cells: &[Option<&str>]) -> Result<Option<Record>> {
        let Some(columns) = &self.columns else {
            let header = cells
                .iter()
                .map(|cell| cell.unwrap_or_default().trim().to_owned());
            self.columns = Some(Columns::read(header.collect(), &self.mapping)?);
            return Ok(None);
        };
        self.count += 1;
        Ok(Some(Record::read(self.count, cells, columns)))
    }

    /// Takes one row in that is wrong as a whole.
    pub fn wrong_row(&mut self, words: impl Into<String>) -> Result<Option<Record>> {
        if self.columns.is_none() {
            let words = format!("the header row {}", words.into());
            return Err(Error::invalid(vec![Violation::new("chunk", words)]));
        }
        self.count += 1;
        Ok(Some(Record::wrong(self.count, words)))
    }

    /// A file without a header is none.
    pub fn finish(&self) -> Result<()> {
        match self.columns {
            Some(_) => Ok(()),
            None => Err(Error::invalid(vec![Violation::new(
                "chunk",
                "the file is empty",
            )])),
        }
    }
}
