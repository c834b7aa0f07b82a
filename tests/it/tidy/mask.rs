//! Rust text with parts blanked, line by line as before: what is left is what the compiler acts on.

/// Blanks comments and the contents of strings and characters; the quotes stay.
pub fn without_words(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let previous = at.checked_sub(1).map(|before| chars[before]);
        let blank = match rest {
            ['/', '/', ..] => line_length(rest),
            ['/', '*', ..] => block_length(rest),
            _ => 0,
        };
        if blank > 0 {
            push_blank(&mut masked, &rest[..blank]);
            at += blank;
        } else if let Some((open, length)) = string_span(rest, previous) {
            masked.extend(&rest[..open]);
            push_blank(&mut masked, &rest[open..length - 1]);
            masked.push(rest[length - 1]);
            at += length;
        } else {
            masked.push(rest[0]);
            at += 1;
        }
    }
    masked
}

/// Blanks what `#[cfg(test)]` stands before, in text from [`without_words`].
pub fn without_tests(masked: &str) -> String {
    let mut left = masked.to_owned();
    while let Some(start) = left.find("#[cfg(test)]") {
        let end = start + item_length(&left[start..]);
        let mut blank = String::new();
        push_blank(&mut blank, &left[start..end].chars().collect::<Vec<_>>());
        left.replace_range(start..end, &blank);
    }
    left
}

fn push_blank(masked: &mut String, chars: &[char]) {
    masked.extend(chars.iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
}

fn line_length(rest: &[char]) -> usize {
    rest.iter().position(|&c| c == '\n').unwrap_or(rest.len())
}

fn block_length(rest: &[char]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (at, depth) = (at + 2, depth + 1),
            ['*', '/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length up to and with the opening quote, and the whole length, of a string or character.
fn string_span(rest: &[char], previous: Option<char>) -> Option<(usize, usize)> {
    let inside_name = previous.is_some_and(|c| c.is_alphanumeric() || c == '_');
    match rest {
        ['"', ..] => Some((1, quoted_length(rest, 1, '"'))),
        ['r', '"' | '#', ..] if !inside_name => raw_span(rest, 1),
        ['b', 'r', '"' | '#', ..] if !inside_name => raw_span(rest, 2),
        ['\'', '\\', ..] => Some((1, quoted_length(rest, 1, '\''))),
        ['\'', _, '\'', ..] => Some((1, 3)),
        _ => None,
    }
}

fn quoted_length(rest: &[char], open: usize, quote: char) -> usize {
    let mut at = open;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_span(rest: &[char], prefix: usize) -> Option<(usize, usize)> {
    let hashes = rest[prefix..].iter().take_while(|&&c| c == '#').count();
    let open = prefix + hashes + 1;
    if rest.get(open - 1) != Some(&'"') {
        return None;
    }
    let closes = |at: usize| {
        rest[at] == '"'
            && rest[at + 1..]
                .iter()
                .take(hashes)
                .filter(|&&c| c == '#')
                .count()
                == hashes
    };
    let end = (open..rest.len())
        .find(|&at| closes(at))
        .unwrap_or(rest.len() - 1);
    // The closing hashes stay visible; they mean nothing to any rule.
    Some((open, end + 1))
}

/// The length of an item with its attributes: to its `;`, or to the end of its braces.
fn item_length(text: &str) -> usize {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => continue,
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

#[test]
fn words_are_blanked_and_code_stays() {
    let text =
        "let a = \"tonic\"; // redis\nlet b = r#\"x\"tokio\"#; /* a /* b */ c */ call('\"', 'x);";
    let masked = without_words(text);
    for gone in ["tonic", "redis", "tokio", "a /*", "c */"] {
        assert!(!masked.contains(gone), "{gone} is left: {masked}");
    }
    assert!(
        masked.contains("let b = r#\"") && masked.contains("call('"),
        "{masked}"
    );
    assert_eq!(masked.lines().count(), text.lines().count());
}

#[test]
fn tests_are_blanked_and_what_follows_stays() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { x.unwrap(); } }\nfn c() {}\n#[cfg(test)]\nmod d;\nfn e() {}";
    let left = without_tests(text);
    assert!(
        !left.contains("unwrap") && !left.contains("mod d"),
        "{left}"
    );
    assert!(left.contains("fn c()") && left.contains("fn e()"), "{left}");
}
