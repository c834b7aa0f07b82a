//! Entries to a file, as they come.

use dossier_kernel::Result;

use crate::entry::Entry;
use crate::layout::Layout;
use crate::vcard::write_card;
use crate::xlsx::WorkbookWriter;
use crate::{Format, csv};

/// Spreadsheets take a CSV file for UTF-8 when it begins so.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Writes a file of entries. Equal entries in equal order make equal files.
pub struct Writer {
    shape: Shape,
}

enum Shape {
    Csv(Layout),
    Xlsx(Layout, Box<WorkbookWriter>),
    Vcard,
}

impl Writer {
    /// Appends the beginning of the file. `attributes` are the ids of the attributes that entries
    /// may have.
    pub fn begin(format: Format, attributes: Vec<String>, file: &mut Vec<u8>) -> Self {
        let shape = match format {
            Format::Csv => {
                let layout = Layout::new(attributes);
                file.extend_from_slice(BYTE_ORDER_MARK);
                csv::write_row(layout.header().iter().map(|name| Some(name.as_str())), file);
                Shape::Csv(layout)
            }
            Format::Xlsx => {
                let layout = Layout::new(attributes);
                let workbook = WorkbookWriter::new(layout.header().to_vec());
                Shape::Xlsx(layout, Box::new(workbook))
            }
            Format::Vcard => Shape::Vcard,
        };
        Self { shape }
    }

    /// Appends what there is of the file with one entry more. Only XLSX refuses any: with a cell
    /// that Excel could not show.
    pub fn write(&mut self, entry: &Entry, file: &mut Vec<u8>) -> Result<()> {
        match &mut self.shape {
            Shape::Csv(layout) => {
                csv::write_row(layout.cells(entry).iter().map(Option::as_deref), file);
            }
            Shape::Xlsx(layout, workbook) => {
                let cells = layout.cells(entry);
                let cells: Vec<Option<&str>> = cells.iter().map(Option::as_deref).collect();
                workbook.write_row(&cells, file)?;
            }
            Shape::Vcard => write_card(entry, file),
        }
        Ok(())
    }

    /// Appends the rest of the file.
    pub fn finish(self, file: &mut Vec<u8>) -> Result<()> {
        match self.shape {
            Shape::Xlsx(_, workbook) => workbook.finish(file),
            Shape::Csv(_) | Shape::Vcard => Ok(()),
        }
    }
}
