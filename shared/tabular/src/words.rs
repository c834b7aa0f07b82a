//! Words of people and of other programs, in the words of the contract.

use std::collections::HashMap;
use std::sync::LazyLock;

/// CLDR 44: code, English name, Chinese name; one region a line.
const REGIONS: &str = include_str!("regions.tsv");

/// Names that files use beside CLDR's.
const OTHER_NAMES: [(&str, &str); 26] = [
    ("usa", "US"),
    ("u.s.a.", "US"),
    ("united states of america", "US"),
    ("uk", "GB"),
    ("great britain", "GB"),
    ("england", "GB"),
    ("scotland", "GB"),
    ("wales", "GB"),
    ("hong kong", "HK"),
    ("香港", "HK"),
    ("macao", "MO"),
    ("macau", "MO"),
    ("澳门", "MO"),
    ("korea", "KR"),
    ("republic of korea", "KR"),
    ("russian federation", "RU"),
    ("viet nam", "VN"),
    ("turkey", "TR"),
    ("czech republic", "CZ"),
    ("the netherlands", "NL"),
    ("holland", "NL"),
    ("people's republic of china", "CN"),
    ("p.r. china", "CN"),
    ("中华人民共和国", "CN"),
    ("中国大陆", "CN"),
    ("chn", "CN"),
];

static BY_NAME: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let cldr = REGIONS.lines().flat_map(|line| {
        let mut cells = line.split('\t');
        let code = cells.next().unwrap_or_default();
        cells.map(move |name| (name.to_lowercase(), code))
    });
    let others = OTHER_NAMES.map(|(name, code)| (name.to_owned(), code));
    cldr.chain(others).collect()
});

/// A region's code, from the code or the name in English or Chinese; what is neither stays.
pub fn region(text: &str) -> String {
    let text = text.trim();
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return match text.eq_ignore_ascii_case("uk") {
            true => "GB".to_owned(),
            false => text.to_ascii_uppercase(),
        };
    }
    let code = BY_NAME.get(&text.to_lowercase());
    code.map_or_else(|| text.to_owned(), |code| (*code).to_owned())
}

/// `PERSON` or `ORGANIZATION`.
pub fn kind(text: &str) -> Option<&'static str> {
    Some(match text.trim().to_lowercase().as_str() {
        "person" | "individual" | "contact" | "个人" | "个人客户" | "自然人" => "PERSON",
        "organization" | "organisation" | "company" | "account" | "org" | "企业" | "企业客户"
        | "公司" | "机构" | "单位" => "ORGANIZATION",
        _ => return None,
    })
}

/// `FEMALE`, `MALE` or `OTHER`.
pub fn gender(text: &str) -> Option<&'static str> {
    Some(match text.trim().to_lowercase().as_str() {
        "female" | "f" | "woman" | "女" | "女性" | "女士" => "FEMALE",
        "male" | "m" | "man" | "男" | "男性" | "先生" => "MALE",
        "other" | "o" | "non-binary" | "nonbinary" | "其他" | "其它" => "OTHER",
        _ => return None,
    })
}

/// A date as `2026-01-31`, where only one date can be meant: the year comes first.
pub fn date(text: &str) -> Option<String> {
    let text = text.trim();
    // The time of day of programs that know no dates; XML Schema's dates may end in a Z.
    let day = text.split(['T', ' ']).next()?.trim_end_matches('Z');
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()) && !part.is_empty();
    let parts: Vec<&str> = match day.len() {
        8 if digits(day) => vec![&day[..4], &day[4..6], &day[6..]],
        _ => day
            .trim_end_matches('日')
            .split(['-', '/', '.', '年', '月'])
            .collect(),
    };
    let [year, month, day] = parts.as_slice() else {
        return None;
    };
    if year.len() != 4
        || month.len() > 2
        || day.len() > 2
        || ![year, month, day].iter().all(|p| digits(p))
    {
        return None;
    }
    let month_number = time::Month::try_from(month.parse::<u8>().ok()?).ok()?;
    let date = time::Date::from_calendar_date(year.parse().ok()?, month_number, day.parse().ok()?);
    let date = date.ok().filter(|date| date.year() >= 1)?;
    Some(format!(
        "{:04}-{:02}-{:02}",
        date.year(),
        u8::from(date.month()),
        date.day()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_have_names_in_two_languages() {
        for (text, code) in [
            ("cn", "CN"),
            ("United States", "US"),
            ("美国", "US"),
            ("Hong Kong", "HK"),
            ("UK", "GB"),
            (" 中国 ", "CN"),
            ("Nowhere", "Nowhere"),
        ] {
            assert_eq!(region(text), code);
        }
        assert_eq!(REGIONS.lines().count(), 249);
    }

    #[test]
    fn dates_begin_with_the_year() {
        for text in [
            "1990-01-31",
            "1990/1/31",
            "1990.01.31",
            "19900131",
            "1990年1月31日",
            "1990-01-31T00:00:00Z",
            "1990-01-31Z",
        ] {
            assert_eq!(date(text).as_deref(), Some("1990-01-31"), "{text}");
        }
        for text in [
            "31/01/1990",
            "01/02/1990",
            "1990-02-30",
            "0000-01-01",
            "90-01-31",
            "x",
            "--01-31",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn words_are_read_in_two_languages() {
        assert_eq!(
            (gender("女"), gender("Male")),
            (Some("FEMALE"), Some("MALE"))
        );
        assert_eq!(
            (kind("企业"), kind("person")),
            (Some("ORGANIZATION"), Some("PERSON"))
        );
        assert_eq!((gender("cat"), kind("cat")), (None, None));
    }
}
