//! NDJSON: one JSON value a line (RFC 8259), in chunks of any size. What the value is, its reader
//! knows: of customers the contract's protobuf JSON is the one form that holds everything.

use dossier_kernel::Result;

use crate::encoding::{Decoder, Encoding};
use crate::limits::{ROW_BYTES_MAX, exceeded};

/// Lines as they come, whole or in pieces. Memory holds one line.
pub struct LineReader {
    decoder: Decoder,
    text: Vec<u8>,
    /// The beginning of a line whose end has not come yet.
    begun: Vec<u8>,
    count: u64,
}

impl LineReader {
    /// Without an encoding a byte order mark decides.
    pub fn new(encoding: Option<Encoding>) -> Self {
        Self {
            decoder: Decoder::new(encoding),
            text: Vec::new(),
            begun: Vec::new(),
            count: 0,
        }
    }

    /// Hands every line that has ended to `take`, with its number, counted from 1. Blank lines are
    /// not counted.
    pub fn read(&mut self, chunk: &[u8], take: &mut dyn FnMut(u64, &[u8])) -> Result<()> {
        self.push(chunk, false, take)
    }

    /// The file has ended: so has a last line without a line break.
    pub fn finish(&mut self, take: &mut dyn FnMut(u64, &[u8])) -> Result<()> {
        self.push(&[], true, take)?;
        let last = std::mem::take(&mut self.begun);
        self.line(&last, take);
        Ok(())
    }

    fn push(&mut self, chunk: &[u8], last: bool, take: &mut dyn FnMut(u64, &[u8])) -> Result<()> {
        let mut text = std::mem::take(&mut self.text);
        self.decoder.push(chunk, last, &mut text);
        let mut lines = text.split(|byte| *byte == b'\n');
        let mut line = lines.next().unwrap_or_default();
        for next in lines {
            match self.begun.is_empty() {
                true => self.line(line, take),
                false => {
                    self.begun.extend_from_slice(line);
                    let whole = std::mem::take(&mut self.begun);
                    self.line(&whole, take);
                }
            }
            line = next;
        }
        self.begun.extend_from_slice(line);
        text.clear();
        self.text = text;
        match self.begun.len() > ROW_BYTES_MAX {
            true => Err(exceeded(
                "bytes",
                ROW_BYTES_MAX,
                self.count + 1,
                "Write one JSON object a line, with a line break after each.",
            )),
            false => Ok(()),
        }
    }

    fn line(&mut self, line: &[u8], take: &mut dyn FnMut(u64, &[u8])) {
        let line = line.trim_ascii();
        // Files that were put together from several have marks in their middle.
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if line.is_empty() {
            return;
        }
        self.count += 1;
        take(self.count, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: &[&[u8]]) -> Result<Vec<(u64, Vec<u8>)>> {
        let mut reader = LineReader::new(None);
        let mut lines = Vec::new();
        let mut take = |number, line: &[u8]| lines.push((number, line.to_vec()));
        for chunk in chunks {
            reader.read(chunk, &mut take)?;
        }
        reader.finish(&mut take)?;
        Ok(lines)
    }

    #[test]
    fn lines_may_straddle_chunks_and_be_blank() {
        let lines = read(&[b"\xef\xbb\xbf{\"a\":", b"1}\r\n\n\xef\xbb\xbf{}", b" \n[]"]);
        let wanted = [
            (1, b"{\"a\":1}".to_vec()),
            (2, b"{}".to_vec()),
            (3, b"[]".to_vec()),
        ];
        assert_eq!(lines.expect("short lines"), wanted);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let long = vec![b'a'; ROW_BYTES_MAX + 1];
        assert!(read(&[&long]).is_err());
        assert!(read(&[&long[1..]]).is_ok());
    }
}
