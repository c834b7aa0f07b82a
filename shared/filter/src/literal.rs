//! The right side of a condition and the arguments of a call: text to a typed value.

use std::time::Duration;

use dossier_kernel::Timestamp;
use dossier_kernel::money::parse_decimal_micros;
use time::Date;
use time::format_description::FormatItem;
use time::macros::format_description;
use uuid::Uuid;

use crate::problem::Problem;
use crate::{Arg, FieldType, Value};

pub(crate) const DATE: &[FormatItem<'_>] = format_description!("[year]-[month]-[day]");
const EPOCH: Date = time::macros::date!(1970 - 01 - 01);

/// A literal before its type is known.
pub(crate) struct Literal {
    pub at: usize,
    /// With its minus, without its quotes.
    pub text: String,
    pub quoted: bool,
    /// An unquoted `*` follows the text, or stands alone.
    pub star: bool,
}

impl Literal {
    pub(crate) const fn new(at: usize) -> Self {
        Self {
            at,
            text: String::new(),
            quoted: false,
            star: false,
        }
    }

    /// `*`, quoted or not.
    pub(crate) fn is_any(&self) -> bool {
        (self.star && self.text.is_empty()) || (self.quoted && self.text == "*")
    }

    fn wrong(&self, words: impl Into<String>) -> Problem {
        Problem::at(self.at, words)
    }
}

/// The value of a literal for a target of type `kind`.
pub(crate) fn read(literal: &Literal, kind: &FieldType) -> Result<Value, Problem> {
    if literal.star {
        return Err(literal.wrong("`*` is understood after `:` only, and only for text"));
    }
    let text = literal.text.as_str();
    let value = match kind {
        FieldType::String => Some(Value::String(text.to_owned())),
        FieldType::Int => text
            .parse()
            .ok()
            .filter(|_| !literal.quoted)
            .map(Value::Int),
        FieldType::Decimal => parse_decimal_micros(text)
            .filter(|_| !literal.quoted)
            .map(Value::Decimal),
        FieldType::Bool => match text {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        FieldType::Enum(names) => {
            return if names.iter().any(|name| name == text) {
                Ok(Value::String(text.to_owned()))
            } else {
                Err(literal.wrong(format!("the value must be one of {}", names.join(", "))))
            };
        }
        FieldType::Time => time(text).map(Value::Time),
        FieldType::Date => date(text).map(Value::Date),
        FieldType::Id => Uuid::try_parse(text).ok().map(Value::Id),
        FieldType::StringSet => None,
    };
    value.ok_or_else(|| literal.wrong(format!("the value must be {}", expected(kind))))
}

const fn expected(kind: &FieldType) -> &'static str {
    match kind {
        FieldType::Int => "a whole number without quotes, such as 3",
        FieldType::Decimal => "a number without quotes and of at most six decimals, such as 29.33",
        FieldType::Bool => "true or false",
        FieldType::Time => "a time such as \"2026-01-31T10:00:00Z\" or a date, in quotes",
        FieldType::Date => "a date such as \"2026-01-31\"",
        FieldType::Id => "a UUID",
        FieldType::String | FieldType::Enum(_) | FieldType::StringSet => kind.describe(),
    }
}

/// The member that `set:literal` asks for.
pub(crate) fn member(literal: &Literal) -> Result<String, Problem> {
    if literal.star || literal.text.ends_with('*') {
        return Err(literal.wrong("members of a set are compared whole; leave the `*` away"));
    }
    Ok(literal.text.clone())
}

/// What stands before the `*` of `text:literal`; `None` when the whole text is meant.
pub(crate) fn prefix(literal: &Literal) -> Result<Option<String>, Problem> {
    let prefix = if literal.star {
        Some(literal.text.as_str())
    } else {
        literal.text.strip_suffix('*').filter(|_| literal.quoted)
    };
    if prefix.unwrap_or(&literal.text).contains('*') {
        let words = "`*` is understood at the end only; use = to compare it as a character";
        return Err(literal.wrong(words));
    }
    Ok(prefix.map(str::to_owned))
}

/// Years 1 to 9999 in UTC, which is what can be written down again.
fn time(text: &str) -> Option<Timestamp> {
    let at = Timestamp::parse(text)?;
    let (secs, nanos) = at.to_secs_nanos();
    Timestamp::from_secs_nanos(secs, nanos)
}

fn date(text: &str) -> Option<i32> {
    // The parser of `time` would also take signs and more digits.
    let shaped = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let date = Date::parse(text, DATE).ok().filter(|_| shaped)?;
    Some(date.to_julian_day() - EPOCH.to_julian_day())
}

/// The date as it is written; days that are no date of the years 0 to 9999 have no text.
pub(crate) fn date_text(days: i32) -> Option<String> {
    let julian = days.checked_add(EPOCH.to_julian_day())?;
    Date::from_julian_day(julian).ok()?.format(DATE).ok()
}

/// A number among a call's arguments, in millionths.
pub(crate) fn number(literal: &Literal) -> Result<i64, Problem> {
    parse_decimal_micros(&literal.text)
        .filter(|_| !literal.star)
        .ok_or_else(|| literal.wrong("a number has at most six decimals, such as 29.33"))
}

pub(crate) fn number_or_duration(word: &str, at: usize) -> Result<Arg, Problem> {
    if let Some(micros) = parse_decimal_micros(word) {
        return Ok(Arg::Number(micros));
    }
    duration(word).map(Arg::Duration).ok_or_else(|| {
        let words = "this is no number and no duration; a duration is written 30d, 12h, 45m or 30s";
        Problem::at(at, words)
    })
}

/// At most about 2,700 years, so that instants minus a duration stay in range.
fn duration(word: &str) -> Option<Duration> {
    const SECS_MAX: u64 = 1_000_000 * 86_400;
    let (digits, unit) = word.split_at_checked(word.len().checked_sub(1)?)?;
    let secs = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let total = digits.parse::<u64>().ok()?.checked_mul(secs)?;
    (total <= SECS_MAX).then(|| Duration::from_secs(total))
}

/// Units from the largest to the smallest, with their seconds.
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// The duration in the largest unit that divides it.
pub(crate) fn duration_text(duration: Duration) -> String {
    let secs = duration.as_secs();
    let fits = |unit: u64| secs.is_multiple_of(unit) && (secs > 0 || unit == 1);
    let (name, unit) = UNITS
        .into_iter()
        .find(|(_, unit)| fits(*unit))
        .unwrap_or(("s", 1));
    format!("{}{name}", secs / unit)
}

/// Millionths as the shortest decimal.
pub(crate) fn decimal_text(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let magnitude = micros.unsigned_abs();
    let (whole, fraction) = (magnitude / 1_000_000, magnitude % 1_000_000);
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let fraction = format!("{fraction:06}");
    format!("{sign}{whole}.{}", fraction.trim_end_matches('0'))
}
