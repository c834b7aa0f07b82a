//! The package: parts in a zip, each bounded while it is unpacked.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::rc::Rc;

use dossier_kernel::{Error, Reason, Result, Violation};
use quick_xml::Reader;
use quick_xml::events::Event;
use zip::ZipArchive;

use crate::limits::{
    CONTENTS_BYTES_MAX, PART_BYTES_MIN, PARTS_MAX, RATIO_MAX, ROW_BYTES_MAX, file_exceeded,
};

/// An open workbook.
pub struct Package<R> {
    zip: ZipArchive<Rationed<R>>,
}

impl<R: Read + Seek> Package<R> {
    pub fn open(file: R) -> Result<Self> {
        // The table of contents is read as a whole before anybody can ask how long it is.
        let left = Rc::new(Cell::new(CONTENTS_BYTES_MAX));
        let rationed = Rationed {
            inner: file,
            left: Rc::clone(&left),
        };
        let cure = "Save it anew with a spreadsheet program.";
        let zip = ZipArchive::new(rationed).map_err(|_| match left.get() {
            0 => file_exceeded("bytes of contents", CONTENTS_BYTES_MAX as u64, cure),
            _ => no_workbook("it is no zip"),
        })?;
        left.set(usize::MAX);
        if zip.len() > PARTS_MAX {
            return Err(file_exceeded("parts", PARTS_MAX as u64, cure));
        }
        Ok(Self { zip })
    }

    /// The part as a stream of XML; `None` when the workbook has none of that name.
    pub fn part(&mut self, name: &str) -> Result<Option<Xml<impl Metered>>> {
        let Some(index) = self.zip.index_for_name(name) else {
            return Ok(None);
        };
        let part = self
            .zip
            .by_index(index)
            .map_err(|_| no_workbook("a part of it cannot be unpacked"))?;
        let most = part.compressed_size().saturating_mul(RATIO_MAX);
        let bounded = Bounded {
            inner: BufReader::with_capacity(32 * 1024, part),
            left: most.max(PART_BYTES_MIN),
            event_bytes: 0,
        };
        Ok(Some(Xml::new(bounded)))
    }
}

/// Reads so many bytes and no more.
struct Rationed<R> {
    inner: R,
    /// [`usize::MAX`] is no limit.
    left: Rc<Cell<usize>>,
}

impl<R: Read> Read for Rationed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == usize::MAX {
            return self.inner.read(buffer);
        }
        if left == 0 {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let length = buffer.len().min(left);
        let read = self.inner.read(&mut buffer[..length])?;
        self.left.set(left - read);
        Ok(read)
    }
}

impl<R: Seek> Seek for Rationed<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// What keeps a small file from becoming a large one: the part as a whole, and one event of it,
/// which the parser holds in memory.
struct Bounded<R> {
    inner: R,
    left: u64,
    event_bytes: u64,
}

/// A cell is at most a row, and every character may be written as a reference.
const EVENT_BYTES_MAX: u64 = 2 * ROW_BYTES_MAX as u64;

impl<R: BufRead> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let there = self.fill_buf()?;
        let length = there.len().min(buffer.len());
        buffer[..length].copy_from_slice(&there[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 || self.event_bytes > EVENT_BYTES_MAX {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, length: usize) {
        self.left = self.left.saturating_sub(length as u64);
        self.event_bytes += length as u64;
        self.inner.consume(length);
    }
}

/// Resets what is counted between events.
pub trait Metered: BufRead {
    fn begin_event(&mut self);
}

impl<R: BufRead> Metered for Bounded<R> {
    fn begin_event(&mut self) {
        self.event_bytes = 0;
    }
}

/// Events of a part.
pub struct Xml<R> {
    reader: Reader<R>,
    buffer: Vec<u8>,
}

impl<R: Metered> Xml<R> {
    fn new(input: R) -> Self {
        let mut reader = Reader::from_reader(input);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = true;
        Self {
            reader,
            buffer: Vec::new(),
        }
    }
}

impl<R: Metered> Xml<R> {
    /// The next event; the end of the part is [`Event::Eof`]. Document types are refused: they
    /// define what is expanded.
    pub fn next(&mut self) -> Result<Event<'_>> {
        self.buffer.clear();
        self.reader.get_mut().begin_event();
        match self.reader.read_event_into(&mut self.buffer) {
            Ok(Event::DocType(_)) => Err(no_workbook("it has a document type")),
            Ok(event) => Ok(event),
            Err(quick_xml::Error::Io(error)) if error.kind() == io::ErrorKind::FileTooLarge => {
                let message = "A part of the workbook unpacks to far more than it is packed to, or \
                               has a cell that is too long. Save the table as CSV.";
                let error = Error::new(Reason::LimitExceeded, message);
                Err(error.with("limit", RATIO_MAX.to_string()))
            }
            Err(_) => Err(no_workbook("its XML cannot be read")),
        }
    }
}

/// `why` ends a sentence.
pub fn no_workbook(why: &str) -> Error {
    let words = format!("is no XLSX workbook: {why}; save the table as XLSX or CSV");
    Error::invalid(vec![Violation::new("chunk", words)])
}
