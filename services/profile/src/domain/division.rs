//! The administrative divisions of China by their codes (GB/T 2260): 省, 市, 区 and 县.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Source, date and licence: `data/README.md`.
static NAMES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let rows = include_str!("../../data/divisions-cn.tsv").lines();
    rows.filter_map(|row| row.split_once('\t')).collect()
});

/// Beijing, Tianjin, Shanghai and Chongqing: their districts lie directly below them.
const MUNICIPALITIES: [&str; 4] = ["11", "12", "31", "50"];

pub const CODE_WORDS: &str =
    "must be a code of a Chinese division that is in force, six digits such as 110105 (GB/T 2260)";

/// What a division and those above it are called, as far down as its code goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DivisionNames {
    pub province: &'static str,
    /// Also a county-level city that is no city's, such as 仙桃市; the municipality itself in a
    /// municipality.
    pub city: Option<&'static str>,
    pub district: Option<&'static str>,
}

/// `None` for a code that is not in force.
pub fn names(code: &str) -> Option<DivisionNames> {
    let name = *NAMES.get(code)?;
    let above = |prefix: usize| {
        let code = format!("{:0<6}", code.get(..prefix)?);
        NAMES.get(code.as_str()).copied()
    };
    let province = above(2)?;
    let (city, district) = if code.ends_with("0000") {
        (None, None)
    } else if code.ends_with("00") {
        (Some(name), None)
    } else if let Some(city) = above(4) {
        (Some(city), Some(name))
    } else if MUNICIPALITIES.iter().any(|prefix| code.starts_with(prefix)) {
        (Some(province), Some(name))
    } else {
        (Some(name), None)
    };
    Some(DivisionNames {
        province,
        city,
        district,
    })
}

/// Whether a province has a code that begins with these two digits.
pub fn is_province(prefix: &str) -> bool {
    prefix.len() == 2 && NAMES.contains_key(format!("{prefix}0000").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(code: &str) -> Option<(&str, Option<&str>, Option<&str>)> {
        names(code).map(|names| (names.province, names.city, names.district))
    }

    #[test]
    fn the_table_is_whole_and_every_division_has_names_above_it() {
        let count = |level: fn(&str) -> bool| NAMES.keys().filter(|code| level(code)).count();
        let provinces = count(|code| code.ends_with("0000"));
        let cities = count(|code| code.ends_with("00") && !code.ends_with("0000"));
        assert_eq!(
            (provinces, cities, NAMES.len()),
            (34, 333, 34 + 333 + 2_847)
        );
        for (code, name) in &*NAMES {
            let digits = code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit());
            let found = names(code).unwrap_or_else(|| panic!("{code} has no province"));
            let lowest = found.district.or(found.city).unwrap_or(found.province);
            assert!(digits && lowest == *name, "{code} {name}");
        }
    }

    #[test]
    fn codes_are_completed_to_names() {
        assert_eq!(
            all("440305"),
            Some(("广东省", Some("深圳市"), Some("南山区")))
        );
        assert_eq!(
            all("110105"),
            Some(("北京市", Some("北京市"), Some("朝阳区")))
        );
        assert_eq!(
            all("500235"),
            Some(("重庆市", Some("重庆市"), Some("云阳县")))
        );
        assert_eq!(all("429004"), Some(("湖北省", Some("仙桃市"), None)));
        assert_eq!(all("441900"), Some(("广东省", Some("东莞市"), None)));
        assert_eq!(all("540000"), Some(("西藏自治区", None, None)));
        for gone in ["110103", "999999", "1101", "", "110105000000", "十一"] {
            assert_eq!(all(gone), None, "{gone}");
        }
    }
}
