//! A calendar date without a time zone.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::Month;

/// Days since 1970-01-01 in the proleptic Gregorian calendar, years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Date(i32);

const EPOCH_JULIAN_DAY: i32 = 2_440_588;

impl Date {
    /// `None` when there is no such day.
    pub fn from_year_month_day(year: i32, month: i32, day: i32) -> Option<Self> {
        let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
        let date = time::Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()?;
        (1..=9999)
            .contains(&year)
            .then(|| Self(date.to_julian_day() - EPOCH_JULIAN_DAY))
    }

    /// `None` outside the years 1 to 9999.
    pub fn from_days(days: i32) -> Option<Self> {
        let date = time::Date::from_julian_day(days.checked_add(EPOCH_JULIAN_DAY)?).ok()?;
        (1..=9999).contains(&date.year()).then_some(Self(days))
    }

    /// Reads `2026-01-31`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let mut next = |digits: usize| {
            let part = parts.next()?;
            let fine = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
            part.parse().ok().filter(|_| fine)
        };
        Self::from_year_month_day(next(4)?, next(2)?, next(2)?)
    }

    pub const fn days(self) -> i32 {
        self.0
    }

    pub fn to_year_month_day(self) -> (i32, i32, i32) {
        let date = time::Date::from_julian_day(self.0 + EPOCH_JULIAN_DAY);
        date.map_or((1970, 1, 1), |date| {
            (
                date.year(),
                i32::from(u8::from(date.month())),
                i32::from(date.day()),
            )
        })
    }
}

/// As [`Date::parse`] reads it.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.to_year_month_day();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_days_that_exist_are_read() {
        assert_eq!(Date::parse("1970-01-01").map(Date::days), Some(0));
        assert_eq!(
            Date::parse("2000-02-29").map(Date::to_year_month_day),
            Some((2000, 2, 29))
        );
        for bad in [
            "1900-02-29",
            "2000-2-01",
            "2000-02",
            "0000-01-01",
            "x",
            "2000-01-01T",
            "+200-01-01",
        ] {
            assert_eq!(Date::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn days_round_trip(days in -719_162..2_932_896_i32) {
            let date = Date::from_days(days).expect("in range");
            let (year, month, day) = date.to_year_month_day();
            prop_assert_eq!(Date::from_year_month_day(year, month, day), Some(date));
            prop_assert_eq!(Date::parse(&date.to_string()), Some(date));
        }
    }
}
