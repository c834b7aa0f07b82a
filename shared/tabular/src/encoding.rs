//! Bytes in any encoding to UTF-8, in pieces of any size.

use encoding_rs::{DecoderResult, GB18030, UTF_16BE, UTF_16LE};

/// What a file's bytes mean. Not declared, a byte order mark decides, and without one it is UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
    /// GB 18030-2022, which holds GBK and GB 2312. Has no mark, so that it must be declared.
    Gb18030,
}

impl Encoding {
    /// The names that [`Encoding::parse`] reads, for messages.
    pub const NAMES: &str = "UTF-8, UTF-16LE, UTF-16BE, GB18030";

    /// Reads the name in the registry of IANA, in any case; GBK and GB2312 are GB18030's subsets.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Self::Utf8,
            "utf-16le" => Self::Utf16Le,
            "utf-16be" => Self::Utf16Be,
            "gb18030" | "gbk" | "gb2312" => Self::Gb18030,
            _ => return None,
        })
    }

    fn marked(head: &[u8]) -> Option<Self> {
        match head {
            [0xef, 0xbb, 0xbf, ..] => Some(Self::Utf8),
            [0xff, 0xfe, ..] => Some(Self::Utf16Le),
            [0xfe, 0xff, ..] => Some(Self::Utf16Be),
            _ => None,
        }
    }

    /// UTF-8 needs no decoder.
    fn decoder(self) -> Option<encoding_rs::Decoder> {
        Some(match self {
            Self::Utf8 => return None,
            Self::Utf16Le => UTF_16LE.new_decoder_with_bom_removal(),
            Self::Utf16Be => UTF_16BE.new_decoder_with_bom_removal(),
            Self::Gb18030 => GB18030.new_decoder_with_bom_removal(),
        })
    }
}

/// The longest byte order mark.
const MARK_BYTES: usize = 3;
/// Stands for what is no text in the file's encoding. It is none in UTF-8 either, so that whoever
/// reads on finds the row it is in.
const NO_TEXT: u8 = 0xff;

/// Turns a file into UTF-8.
pub struct Decoder {
    declared: Option<Encoding>,
    /// The file's first bytes, until it is known what they are.
    head: Option<Vec<u8>>,
    coded: Option<encoding_rs::Decoder>,
}

impl Decoder {
    pub fn new(declared: Option<Encoding>) -> Self {
        Self {
            declared,
            head: Some(Vec::with_capacity(MARK_BYTES)),
            coded: None,
        }
    }

    /// Appends the text of the next bytes to `text`; `last` says that none follow.
    pub fn push(&mut self, mut bytes: &[u8], last: bool, text: &mut Vec<u8>) {
        if let Some(mut head) = self.head.take() {
            let (first, rest) = bytes.split_at(bytes.len().min(MARK_BYTES - head.len()));
            head.extend_from_slice(first);
            if head.len() < MARK_BYTES && !last {
                self.head = Some(head);
                return;
            }
            bytes = rest;
            let encoding = self.declared.or_else(|| Encoding::marked(&head));
            self.coded = encoding.and_then(Encoding::decoder);
            let marked = Encoding::marked(&head) == Some(Encoding::Utf8);
            let skipped = if marked && self.coded.is_none() {
                MARK_BYTES
            } else {
                0
            };
            self.decode(&head[skipped..], last && bytes.is_empty(), text);
        }
        self.decode(bytes, last, text);
    }

    fn decode(&mut self, mut bytes: &[u8], last: bool, text: &mut Vec<u8>) {
        let Some(decoder) = &mut self.coded else {
            text.extend_from_slice(bytes);
            return;
        };
        let mut piece = [0; 4 * 1024];
        loop {
            let (result, read, written) =
                decoder.decode_to_utf8_without_replacement(bytes, &mut piece, last);
            bytes = &bytes[read..];
            text.extend_from_slice(&piece[..written]);
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => text.push(NO_TEXT),
            }
        }
        if last {
            // A decoder that has finished must not be asked again.
            self.coded = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(declared: Option<Encoding>, chunks: &[&[u8]]) -> Vec<u8> {
        let mut decoder = Decoder::new(declared);
        let mut text = Vec::new();
        for chunk in chunks {
            decoder.push(chunk, false, &mut text);
        }
        decoder.push(&[], true, &mut text);
        text
    }

    #[test]
    fn marks_decide_where_nothing_is_declared() {
        let wang = "王,ok";
        assert_eq!(decoded(None, &[wang.as_bytes()]), wang.as_bytes());
        assert_eq!(
            decoded(None, &[b"\xef\xbb", b"\xbf", wang.as_bytes()]),
            wang.as_bytes()
        );
        let little: Vec<u8> = "\u{feff}王,ok"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let big: Vec<u8> = "\u{feff}王,ok"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        assert_eq!(decoded(None, &[&little]), wang.as_bytes());
        for cut in 0..big.len() {
            let (head, tail) = big.split_at(cut);
            assert_eq!(decoded(None, &[head, tail]), wang.as_bytes(), "{cut}");
        }
    }

    #[test]
    fn gb18030_is_read_where_it_is_declared() {
        let (bytes, _, _) = GB18030.encode("姓名,手机\n王小明,13800000000\n");
        let text = decoded(Encoding::parse("gbk"), &[&bytes[..3], &bytes[3..]]);
        assert_eq!(text, "姓名,手机\n王小明,13800000000\n".as_bytes());
    }

    #[test]
    fn what_is_no_text_stays_none() {
        let broken = [b'a', 0xff, b'\n', b'b'];
        let text = decoded(Some(Encoding::Gb18030), &[&broken]);
        assert!(std::str::from_utf8(&text).is_err());
        assert!(text.ends_with(b"\nb"));
        // Half a character at the end.
        assert!(std::str::from_utf8(&decoded(Some(Encoding::Utf16Le), &[b"a\0b"])).is_err());
    }
}
