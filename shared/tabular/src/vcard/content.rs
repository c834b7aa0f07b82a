//! Content lines: `group.NAME;PARAM=value:text`.

/// One line, unfolded.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'l> {
    /// In capitals, without the group.
    pub name: String,
    /// Names in capitals.
    params: Vec<(String, String)>,
    /// As written: still escaped.
    pub value: &'l str,
}

impl<'l> Line<'l> {
    /// `None` where there is no value.
    pub fn parse(text: &'l str) -> Option<Self> {
        let mut quoted = false;
        let mut parts = Vec::new();
        let mut begin = 0;
        let mut colon = None;
        for (place, byte) in text.bytes().enumerate() {
            match byte {
                b'"' => quoted = !quoted,
                b';' if !quoted => {
                    parts.push(&text[begin..place]);
                    begin = place + 1;
                }
                b':' if !quoted => {
                    colon = Some(place);
                    break;
                }
                _ => {}
            }
        }
        let colon = colon?;
        parts.push(&text[begin..colon]);
        let mut parts = parts.into_iter();
        let name = parts.next()?;
        let name = name.rsplit_once('.').map_or(name, |(_, name)| name);
        let params = parts.flat_map(|part| match part.split_once('=') {
            Some((name, values)) => {
                let name = name.trim().to_ascii_uppercase();
                let values = values_of(values).into_iter();
                values
                    .map(|value| (name.clone(), value))
                    .collect::<Vec<_>>()
            }
            // A bare type, as vCard 2.1 has them and many programs still write.
            None => vec![("TYPE".to_owned(), part.trim().to_owned())],
        });
        Some(Self {
            name: name.trim().to_ascii_uppercase(),
            params: params.collect(),
            value: &text[colon + 1..],
        })
    }

    /// The first value of a parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        let found = self.params.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        let of_name = self.params.iter().filter(move |(other, _)| other == name);
        of_name.map(|(_, value)| value.as_str())
    }

    /// The text.
    pub fn text(&self) -> String {
        unescaped(self.value)
    }

    /// The parts between `between`, each unescaped.
    pub fn parts(&self, between: char) -> Vec<String> {
        split(self.value, between)
            .into_iter()
            .map(unescaped)
            .collect()
    }
}

/// Parts of a value between delimiters that are not escaped; still escaped themselves.
pub fn split(value: &str, between: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut begin, mut escaped) = (0, false);
    for (place, c) in value.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == between {
            parts.push(&value[begin..place]);
            begin = place + c.len_utf8();
        }
    }
    parts.push(&value[begin..]);
    parts
}

/// RFC 6350, section 3.4.
pub fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n' | 'N') => text.push('\n'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            other => text.push(other),
        }
    }
    text
}

/// Carriage returns have no escape of their own: they become line breaks.
pub fn escaped(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\n' => value.push_str("\\n"),
            ',' | ';' | '\\' => {
                value.push('\\');
                value.push(c);
            }
            other => value.push(other),
        }
    }
    value
}

/// The values of a parameter, split at commas outside of quotes.
fn values_of(values: &str) -> Vec<String> {
    let mut list = vec![String::new()];
    let mut quoted = false;
    let mut chars = values.chars();
    while let Some(c) = chars.next() {
        let Some(last) = list.last_mut() else { break };
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => list.push(String::new()),
            '^' => match chars.clone().next() {
                Some(code @ ('n' | '\'' | '^')) => {
                    chars.next();
                    last.push(match code {
                        'n' => '\n',
                        '\'' => '"',
                        _ => '^',
                    });
                }
                _ => last.push('^'),
            },
            other => last.push(other),
        }
    }
    list
}

/// `;NAME="value"`, in the characters of RFC 6868.
pub fn write_param(name: &str, value: &str, line: &mut String) {
    line.push(';');
    line.push_str(name);
    line.push_str("=\"");
    for c in value.chars() {
        match c {
            '\n' | '\r' => line.push_str("^n"),
            '"' => line.push_str("^'"),
            '^' => line.push_str("^^"),
            other => line.push(other),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_have_groups_parameters_and_quotes() {
        let line = Line::parse("item1.tel;TYPE=CELL,VOICE;x-label=\"a;b:c\";PREF=1:tel:+86-10")
            .expect("a line");
        assert_eq!(line.name, "TEL");
        assert_eq!(line.all("TYPE").collect::<Vec<_>>(), ["CELL", "VOICE"]);
        assert_eq!(line.param("X-LABEL"), Some("a;b:c"));
        assert_eq!(line.value, "tel:+86-10");
        assert_eq!(
            Line::parse("EMAIL;INTERNET:a")
                .expect("a line")
                .param("TYPE"),
            Some("INTERNET")
        );
        assert_eq!(Line::parse("no value"), None);
    }

    proptest! {
        #[test]
        fn texts_and_parameters_come_back(text in r#"[,;\\n\n"^'a:王=]{0,8}"#) {
            prop_assert_eq!(unescaped(&escaped(&text)), text.clone());
            let mut line = "X".to_owned();
            write_param("P", &text, &mut line);
            line.push_str(":v");
            let line = Line::parse(&line).expect("a line");
            prop_assert_eq!(line.param("P"), Some(text.as_str()));
        }

        #[test]
        fn no_line_is_too_strange(text in r#"[;:,"^=\\.a-c王]{0,20}"#) {
            if let Some(line) = Line::parse(&text) {
                line.parts(';');
                line.text();
            }
        }
    }
}
