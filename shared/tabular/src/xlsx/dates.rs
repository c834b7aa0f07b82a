//! Which cells are dates, and which dates: days since 1900, in a format that shows days.

use std::collections::HashMap;
use std::io::{Read, Seek};

use dossier_kernel::Result;
use quick_xml::events::Event;

use super::package::Package;
use super::parts::attribute;
use crate::limits::{FORMATS_MAX, file_exceeded};

/// Which of the workbook's cell formats show dates.
#[derive(Default)]
pub struct DateFormats {
    dated: Vec<bool>,
}

impl DateFormats {
    pub fn read<R: Read + Seek>(package: &mut Package<R>, part: Option<&str>) -> Result<Self> {
        let mut formats = Self::default();
        let Some(part) = part else { return Ok(formats) };
        let Some(mut xml) = package.part(part)? else {
            return Ok(formats);
        };
        let mut codes: HashMap<u32, bool> = HashMap::new();
        let mut inside = false;
        loop {
            match xml.next()? {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "numFmt" => {
                        let id = attribute(&tag, "numFmtId").and_then(|id| id.parse().ok());
                        let code = attribute(&tag, "formatCode").unwrap_or_default();
                        if let Some(id) = id {
                            codes.insert(id, shows_days(&code));
                        }
                    }
                    "cellXfs" => inside = true,
                    "xf" if inside => {
                        let id = attribute(&tag, "numFmtId").and_then(|id| id.parse().ok());
                        let id: u32 = id.unwrap_or_default();
                        let own = codes.get(&id).copied();
                        formats.dated.push(own.unwrap_or_else(|| is_builtin(id)));
                    }
                    _ => {}
                },
                Event::End(tag) if tag.local_name().as_ref() == "cellXfs" => inside = false,
                Event::Eof => return Ok(formats),
                _ => {}
            }
            if codes.len() > FORMATS_MAX || formats.dated.len() > FORMATS_MAX {
                let cure = "Save the table as CSV.";
                return Err(file_exceeded("formats", FORMATS_MAX as u64, cure));
            }
        }
    }

    pub fn is_dated(&self, style: usize) -> bool {
        self.dated.get(style).copied().unwrap_or_default()
    }
}

/// ECMA-376, part 1, section 18.8.30, with those of East Asian languages.
const fn is_builtin(id: u32) -> bool {
    matches!(id, 14..=17 | 22 | 27..=31 | 36 | 50..=54 | 57 | 58)
}

/// Whether a format has a year or a day outside of quotes and brackets.
fn shows_days(code: &str) -> bool {
    let mut chars = code.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => drop(chars.by_ref().find(|other| *other == '"')),
            '[' => drop(chars.by_ref().find(|other| *other == ']')),
            '\\' | '_' | '*' => drop(chars.next()),
            'y' | 'Y' | 'd' | 'D' => return true,
            _ => {}
        }
    }
    false
}

/// The date of a count of days; with the time of day where there is one. `None` when there is no
/// such day.
pub fn date(days: f64, since_1904: bool) -> Option<String> {
    if !(1.0..2_958_466.0).contains(&days) {
        return None;
    }
    let whole = days.floor();
    let seconds = ((days - whole) * 86_400.0).round();
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    let (whole, seconds) = (whole as i64, seconds as i64);
    let epoch = time::Date::from_calendar_date(1899, time::Month::December, 30).ok()?;
    // Excel counts a 29 February 1900 that never was: days before it are one later.
    let shift = match (since_1904, whole < 61) {
        (true, _) => 1_462,
        (false, true) => 1,
        (false, false) => 0,
    };
    let date = epoch.checked_add(time::Duration::days(whole + shift))?;
    let date = date
        .midnight()
        .checked_add(time::Duration::seconds(seconds))?;
    let day = format!(
        "{:04}-{:02}-{:02}",
        date.year(),
        u8::from(date.month()),
        date.day()
    );
    Some(match seconds {
        0 => day,
        _ => format!(
            "{day}T{:02}:{:02}:{:02}Z",
            date.hour(),
            date.minute(),
            date.second()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        assert_eq!(date(32_904.0, false).as_deref(), Some("1990-01-31"));
        assert_eq!(date(1.0, false).as_deref(), Some("1900-01-01"));
        assert_eq!(date(61.0, false).as_deref(), Some("1900-03-01"));
        assert_eq!(
            date(32_904.0 - 1_462.0, true).as_deref(),
            Some("1990-01-31")
        );
        assert_eq!(
            date(32_904.5, false).as_deref(),
            Some("1990-01-31T12:00:00Z")
        );
        assert_eq!(date(f64::NAN, false), None);
        assert_eq!(date(1e300, false), None);
    }

    #[test]
    fn formats_with_a_day_or_a_year_are_dates() {
        assert!(shows_days("yyyy\\-mm\\-dd"));
        assert!(shows_days("[$-409]d-mmm-yy;@"));
        assert!(!shows_days("#,##0.00\" days\""));
        assert!(!shows_days("[Red]0.00"));
        assert!(!shows_days("General"));
    }
}
