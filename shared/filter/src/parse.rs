//! Tokens to the typed tree: recursive descent over the grammar in the crate's README.

use crate::lex::{self, Kind, Token};
use crate::literal::{self, Literal};
use crate::node::{Node, Target};
use crate::problem::{Problem, shown, suggest};
use crate::restriction;
use crate::{Arg, Call, Filter, MAX_COST, MAX_DEPTH, MAX_TEXT_BYTES, Schema};

pub(crate) fn parse(text: &str, schema: &dyn Schema) -> Result<Filter, Problem> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(too_long("the filter"));
    }
    let tokens = lex::tokens(text)?;
    if matches!(
        tokens.as_slice(),
        [Token {
            kind: Kind::End,
            ..
        }]
    ) {
        return Ok(Filter::everything());
    }
    let mut parser = Parser {
        tokens: &tokens,
        next: 0,
        schema,
    };
    let root = parser.expression(0)?;
    parser.expect_end()?;
    let filter = Filter { root };
    if filter.root.depth() > MAX_DEPTH {
        return Err(too_deep(Problem::whole));
    }
    if filter.cost() > MAX_COST {
        return Err(Problem::whole(format!(
            "it costs {} and at most {MAX_COST} is allowed (a comparison costs 1, a prefix or \
             member 2, a function 10); split it or use fewer conditions",
            filter.cost()
        )));
    }
    // The canonical text is what gets stored; it must be readable again.
    if filter.to_string().len() > MAX_TEXT_BYTES {
        return Err(too_long("the filter in its canonical form"));
    }
    Ok(filter)
}

fn too_long(what: &str) -> Problem {
    Problem::whole(format!(
        "{what} is longer than {MAX_TEXT_BYTES} bytes; shorten it"
    ))
}

fn too_deep(problem: impl Fn(String) -> Problem) -> Problem {
    problem(format!(
        "conditions nest deeper than {MAX_DEPTH}; use fewer parentheses"
    ))
}

#[derive(Default)]
struct Path {
    names: Vec<String>,
    /// Some of the names stood in quotes.
    quoted: bool,
}

struct Parser<'a> {
    /// Ends with [`Kind::End`], which is never consumed.
    tokens: &'a [Token],
    next: usize,
    schema: &'a dyn Schema,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> &'a Token {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> &'a Token {
        let token = self.peek();
        self.next += 1;
        token
    }

    fn take_if(&mut self, kind: &Kind) -> bool {
        let found = self.peek().kind == *kind;
        if found {
            self.next += 1;
        }
        found
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(&self.peek().kind, Kind::Word(word) if word == keyword);
        if found {
            self.next += 1;
        }
        found
    }

    fn expression(&mut self, depth: usize) -> Result<Node, Problem> {
        let mut all = vec![self.factor(depth)?];
        while self.take_keyword("AND") {
            all.push(self.factor(depth)?);
        }
        Ok(join(all, Node::And, |node| match node {
            Node::And(children) => Ok(children),
            other => Err(other),
        }))
    }

    fn factor(&mut self, depth: usize) -> Result<Node, Problem> {
        let mut any = vec![self.term(depth)?];
        while self.take_keyword("OR") {
            any.push(self.term(depth)?);
        }
        Ok(join(any, Node::Or, |node| match node {
            Node::Or(children) => Ok(children),
            other => Err(other),
        }))
    }

    fn term(&mut self, depth: usize) -> Result<Node, Problem> {
        let negated = self.take_keyword("NOT") || self.take_if(&Kind::Minus);
        let node = if self.peek().kind == Kind::Open {
            let open = self.take();
            if depth >= MAX_DEPTH {
                return Err(too_deep(|words| Problem::at(open.at, words)));
            }
            let inner = self.expression(depth + 1)?;
            if !self.take_if(&Kind::Close) {
                return Err(self.unexpected("the parenthesis is not closed here"));
            }
            inner
        } else {
            self.restriction()?
        };
        Ok(if negated {
            Node::Not(Box::new(node))
        } else {
            node
        })
    }

    fn restriction(&mut self) -> Result<Node, Problem> {
        let start = self.peek();
        let target = match &start.kind {
            Kind::Word(word) if lex::is_keyword(word) => {
                return Err(Problem::at(
                    start.at,
                    format!("a condition is missing before {word}"),
                ));
            }
            Kind::Word(_) | Kind::Text(_) => self.target()?,
            Kind::End => return Err(Problem::at(start.at, "a condition is missing at the end")),
            _ => {
                return Err(Problem::at(
                    start.at,
                    "a condition begins with a field name",
                ));
            }
        };
        let comparator = self.peek();
        match comparator.kind {
            Kind::Compare(op) => {
                self.take();
                let value = self.value()?;
                restriction::compare(target, op, comparator.at, &value)
            }
            Kind::Has => {
                self.take();
                let value = self.value()?;
                restriction::has(target, &value)
            }
            _ => Err(Problem::at(
                comparator.at,
                "an operator is missing (=, !=, <, <=, >, >= or :); bare words are not searched",
            )),
        }
    }

    fn target(&mut self) -> Result<Target, Problem> {
        let start = self.peek().at;
        let Path {
            names: path,
            quoted,
        } = self.path()?;
        if self.peek().kind != Kind::Open {
            // What a comparison lacks is the better news than that its bare word is no field.
            let compared = matches!(self.peek().kind, Kind::Compare(_) | Kind::Has);
            return match self.schema.field(&path) {
                Some(kind) => Ok(Target::Field { path, kind }),
                None if !compared => Err(Problem::at(
                    start,
                    "bare words are not searched; write a condition such as field = \"text\"",
                )),
                None => Err(self.unknown("field", start, &path.join("."), quoted)),
            };
        }
        let [name] = path.as_slice() else {
            return Err(Problem::at(start, "a function has a name of one word"));
        };
        if quoted || !lex::is_plain_name(name) {
            return Err(Problem::at(
                start,
                "the name of a function stands without quotes",
            ));
        }
        let call = Call {
            name: name.clone(),
            args: self.arguments()?,
        };
        match self.schema.function(&call) {
            Some(Ok(kind)) => Ok(Target::Call { call, kind }),
            Some(Err(words)) => Err(Problem::at(start, words)),
            None => Err(self.unknown("function", start, &format!("{}()", call.name), false)),
        }
    }

    /// What is quoted, or no word of letters, may be a value on the wrong side: it is not repeated.
    fn unknown(&self, what: &str, at: usize, name: &str, quoted: bool) -> Problem {
        let suggestion = suggest(name, &self.schema.known());
        let begins_as_name = name.chars().next().is_some_and(|c| !c.is_numeric());
        let words = match begins_as_name && !quoted {
            true => format!("unknown {what} `{}`{suggestion}", shown(name)),
            false => format!("unknown {what}{suggestion}"),
        };
        Problem::at(at, words)
    }

    fn path(&mut self) -> Result<Path, Problem> {
        let mut path = Path::default();
        loop {
            let token = self.take();
            path.quoted |= matches!(token.kind, Kind::Text(_));
            match &token.kind {
                Kind::Word(name) | Kind::Text(name) => path.names.push(name.clone()),
                _ => {
                    return Err(Problem::at(
                        token.at,
                        "a field name is missing after the dot",
                    ));
                }
            }
            if !self.take_if(&Kind::Dot) {
                return Ok(path);
            }
        }
    }

    fn arguments(&mut self) -> Result<Vec<Arg>, Problem> {
        self.take();
        let mut args = Vec::new();
        if self.take_if(&Kind::Close) {
            return Ok(args);
        }
        loop {
            args.push(self.argument()?);
            if self.take_if(&Kind::Close) {
                return Ok(args);
            }
            if !self.take_if(&Kind::Comma) {
                return Err(self.unexpected("a comma or a closing parenthesis is missing here"));
            }
        }
    }

    fn argument(&mut self) -> Result<Arg, Problem> {
        let token = self.peek();
        match &token.kind {
            Kind::Text(text) => {
                let text = text.clone();
                self.take();
                Ok(Arg::Text(text))
            }
            Kind::Minus => {
                let value = self.value()?;
                literal::number(&value).map(Arg::Number)
            }
            Kind::Word(word) if word.starts_with(|c: char| c.is_ascii_digit()) => {
                self.take();
                literal::number_or_duration(word, token.at)
            }
            Kind::Word(_) => self.path().map(|path| Arg::Path(path.names)),
            _ => Err(Problem::at(
                token.at,
                "an argument is a field, a duration such as 30d, a number or quoted text",
            )),
        }
    }

    /// The right side of a comparison, not typed yet.
    fn value(&mut self) -> Result<Literal, Problem> {
        let token = self.take();
        let mut literal = Literal::new(token.at);
        match &token.kind {
            Kind::Text(text) => {
                literal.text.clone_from(text);
                literal.quoted = true;
            }
            Kind::Word(word) => {
                literal.text.clone_from(word);
                if self.peek().kind == Kind::Star && self.peek().adjacent {
                    self.take();
                    literal.star = true;
                }
            }
            Kind::Star => literal.star = true,
            Kind::Minus => match &self.peek().kind {
                Kind::Word(word) if self.peek().adjacent => {
                    literal.text = format!("-{word}");
                    self.take();
                }
                _ => return Err(Problem::at(token.at, "a number is missing after the minus")),
            },
            _ => {
                let words = "a value is missing here; text belongs in double quotes";
                return Err(Problem::at(token.at, words));
            }
        }
        match self.peek().kind {
            Kind::Dot | Kind::Open if self.peek().adjacent => Err(Problem::at(
                literal.at,
                "a value is a literal, not a field or a function; text belongs in double quotes",
            )),
            _ => Ok(literal),
        }
    }

    fn expect_end(&self) -> Result<(), Problem> {
        match self.peek().kind {
            Kind::End => Ok(()),
            Kind::Close => Err(self.unexpected("this parenthesis closes nothing")),
            _ => Err(self.unexpected("AND or OR is missing between two conditions")),
        }
    }

    fn unexpected(&self, words: &str) -> Problem {
        let token = self.peek();
        let words = match &token.kind {
            Kind::Word(word)
                if !lex::is_keyword(word) && lex::is_keyword(&word.to_ascii_uppercase()) =>
            {
                "AND, OR and NOT are written in capitals"
            }
            Kind::Word(word) if word == "NOT" => "AND or OR is missing before NOT",
            Kind::Word(_) | Kind::Text(_) | Kind::Open | Kind::Minus
                if words.starts_with("the parenthesis") =>
            {
                "AND or OR is missing between two conditions"
            }
            _ => words,
        };
        Problem::at(token.at, words)
    }
}

/// One node stands for itself; children of the same kind are lifted, so that `(a AND b) AND c` and
/// `a AND b AND c` are one tree.
fn join(
    nodes: Vec<Node>,
    make: impl Fn(Vec<Node>) -> Node,
    children: impl Fn(Node) -> Result<Vec<Node>, Node>,
) -> Node {
    let mut flat = Vec::with_capacity(nodes.len());
    for node in nodes {
        match children(node) {
            Ok(inner) => flat.extend(inner),
            Err(other) => flat.push(other),
        }
    }
    if flat.len() == 1 {
        flat.remove(0)
    } else {
        make(flat)
    }
}
