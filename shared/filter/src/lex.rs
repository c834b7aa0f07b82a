//! Characters to tokens.

use crate::node::Op;
use crate::problem::Problem;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub kind: Kind,
    /// Characters before the token.
    pub at: usize,
    /// No white space stands before the token.
    pub adjacent: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// A name, a number, a keyword, a date: what needs no quotes.
    Word(String),
    /// Quoted text, without its quotes and escapes.
    Text(String),
    Open,
    Close,
    Comma,
    Dot,
    Star,
    Minus,
    Compare(Op),
    Has,
    End,
}

/// The tokens of `text`, the last one [`Kind::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, Problem> {
    let chars: Vec<char> = text.chars().collect();
    let mut lexer = Lexer {
        chars: &chars,
        at: 0,
    };
    let mut tokens: Vec<Token> = Vec::new();
    loop {
        let before = lexer.at;
        lexer.skip_space();
        let at = lexer.at;
        let after_dot = tokens.last().is_some_and(|token| token.kind == Kind::Dot);
        let kind = lexer.next(after_dot)?;
        let end = kind == Kind::End;
        tokens.push(Token {
            kind,
            at,
            adjacent: at == before,
        });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn skip_space(&mut self) {
        while self.peek(0).is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn next(&mut self, after_dot: bool) -> Result<Kind, Problem> {
        let Some(first) = self.peek(0) else {
            return Ok(Kind::End);
        };
        if first.is_alphanumeric() || first == '_' {
            return Ok(Kind::Word(self.word(after_dot)));
        }
        if first == '"' || first == '\'' {
            return self.quoted(first);
        }
        let equals = self.peek(1) == Some('=');
        let (kind, width) = match first {
            '(' => (Kind::Open, 1),
            ')' => (Kind::Close, 1),
            ',' => (Kind::Comma, 1),
            '.' => (Kind::Dot, 1),
            '*' => (Kind::Star, 1),
            '-' => (Kind::Minus, 1),
            ':' => (Kind::Has, 1),
            '<' if equals => (Kind::Compare(Op::LessOrEqual), 2),
            '>' if equals => (Kind::Compare(Op::GreaterOrEqual), 2),
            '!' if equals => (Kind::Compare(Op::NotEqual), 2),
            '<' => (Kind::Compare(Op::Less), 1),
            '>' => (Kind::Compare(Op::Greater), 1),
            '=' => (Kind::Compare(Op::Equal), 1),
            '!' => {
                return Err(Problem::at(
                    self.at,
                    "`!` alone means nothing; write NOT or !=",
                ));
            }
            '&' | '|' => {
                return Err(Problem::at(
                    self.at,
                    "conditions are joined with AND and OR",
                ));
            }
            _ => {
                let words = "this character has no meaning here; text belongs in double quotes";
                return Err(Problem::at(self.at, words));
            }
        };
        self.at += width;
        Ok(kind)
    }

    /// A word that begins with a digit may be a decimal and then holds its point; a name after a
    /// dot never does, so that `a.1.b` stays three names.
    fn word(&mut self, after_dot: bool) -> String {
        let start = self.at;
        let number = self.peek(0).is_some_and(|c| c.is_ascii_digit()) && !after_dot;
        while let Some(c) = self.peek(0) {
            let point = number && c == '.' && self.peek(1).is_some_and(|d| d.is_ascii_digit());
            if !(is_name_char(c) || point) {
                break;
            }
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    fn quoted(&mut self, quote: char) -> Result<Kind, Problem> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match c {
                '\0' => {
                    return Err(Problem::at(
                        self.at - 1,
                        "text must not hold the character U+0000",
                    ));
                }
                '\\' => text.push(self.escape()?),
                c if c == quote => return Ok(Kind::Text(text)),
                c => text.push(c),
            }
        }
        Err(Problem::at(
            start,
            "the quoted text that begins here has no closing quote",
        ))
    }

    fn escape(&mut self) -> Result<char, Problem> {
        let escaped = match self.peek(0) {
            Some(c @ ('\\' | '"' | '\'')) => c,
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            _ => {
                let words = r#"a backslash stands before \, ", ', n, r or t only; double it"#;
                return Err(Problem::at(self.at - 1, words));
            }
        };
        self.at += 1;
        Ok(escaped)
    }
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

/// Whether a name can stand without quotes and is read back as one word.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|c| c == '_' || (c.is_alphanumeric() && !c.is_numeric()))
        && chars.all(is_name_char)
        && !is_keyword(name)
}

pub(crate) fn is_keyword(word: &str) -> bool {
    matches!(word, "AND" | "OR" | "NOT")
}
