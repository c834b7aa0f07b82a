//! Numbers of the Chinese resident identity card (居民身份证), GB 11643-1999.

use super::{Date, division, normalize};

/// What the first 17 digits weigh (ISO 7064, MOD 11-2).
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
/// The check character by the remainder of the weighed sum.
const CHECKS: [u8; 11] = *b"10X98765432";
/// Residents of Taiwan hold cards of the mainland under this code, which GB/T 2260 does not list.
const TAIWAN_RESIDENTS: &str = "83";

const FORM_WORDS: &str = "must have 18 characters, 17 digits and a last one of 0-9 or X (GB 11643), \
    or the 15 digits of a card from before 1999; type it again from the card";
const REGION_WORDS: &str = "must begin with the code of a province (GB/T 2260); compare the first \
    two digits with the card";
const DATE_WORDS: &str = "must hold a birth date that exists (GB 11643); compare the digits of \
    year, month and day with the card";
const CHECK_WORDS: &str = "must end in the check character of its digits (ISO 7064, MOD 11-2), so \
    that one of them is mistyped; compare all with the card";

/// The 18 characters; those of old cards, with 15 digits, are upgraded: their century is 19. Errors
/// are the words of a violation.
///
/// Of the region only the province is looked at: cards keep the code of the county where they were
/// first issued, and hundreds of those have gone since.
pub fn normalize(text: &str) -> Result<String, &'static str> {
    let text = normalize::code(text);
    let text = match text.len() {
        15 if is_digits(&text) => upgrade(&text),
        _ => text,
    };
    let Some((digits, last)) = text
        .split_at_checked(17)
        .filter(|(digits, _)| is_digits(digits))
    else {
        return Err(FORM_WORDS);
    };
    let &[last] = last.as_bytes() else {
        return Err(FORM_WORDS);
    };
    if !last.is_ascii_digit() && last != b'X' {
        return Err(FORM_WORDS);
    }
    let province = &digits[..2];
    if !division::is_province(province) && province != TAIWAN_RESIDENTS {
        return Err(REGION_WORDS);
    }
    if !is_birth_date(&digits[6..14]) {
        return Err(DATE_WORDS);
    }
    if check_character(digits) != last {
        return Err(CHECK_WORDS);
    }
    Ok(text)
}

fn upgrade(old: &str) -> String {
    let (region, rest) = old.split_at(6);
    let digits = format!("{region}19{rest}");
    let check = char::from(check_character(&digits));
    format!("{digits}{check}")
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn is_birth_date(digits: &str) -> bool {
    let part = |range: std::ops::Range<usize>| digits.get(range)?.parse().ok();
    let date = || Date::from_year_month_day(part(0..4)?, part(4..6)?, part(6..8)?);
    matches!(&digits[..2], "18" | "19" | "20") && date().is_some()
}

fn check_character(digits: &str) -> u8 {
    let weighed = digits.bytes().zip(WEIGHTS);
    let sum: u32 = weighed
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    CHECKS[sum as usize % CHECKS.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        // The examples of GB 11643-1999.
        for given in [
            "11010519491231002X",
            " 11010519491231002x ",
            "110105 19491231 002X",
        ] {
            assert_eq!(
                normalize(given).as_deref(),
                Ok("11010519491231002X"),
                "{given}"
            );
        }
        assert_eq!(
            normalize("440524188001010014").as_deref(),
            Ok("440524188001010014")
        );
        assert_eq!(
            normalize("４４０５２４１８８００１０１００１４").as_deref(),
            Ok("440524188001010014")
        );
    }

    #[test]
    fn old_cards_are_upgraded() {
        assert_eq!(
            normalize("110105491231002").as_deref(),
            Ok("11010519491231002X")
        );
        assert_eq!(normalize("110105491331002"), Err(DATE_WORDS));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (given, words) in [
            ("", FORM_WORDS),
            ("11010519491231002", FORM_WORDS),
            ("11010519491231002Y", FORM_WORDS),
            ("1101051949123100AX", FORM_WORDS),
            ("11010519491231002X0", FORM_WORDS),
            ("身份证", FORM_WORDS),
            ("99010519491231002X", REGION_WORDS),
            ("110105194902310027", DATE_WORDS),
            ("110105224912310027", DATE_WORDS),
            ("110105194912310021", CHECK_WORDS),
        ] {
            assert_eq!(normalize(given), Err(words), "{given}");
        }
    }

    proptest! {
        /// MOD 11-2 finds every single mistyped digit and every swap of neighbours.
        #[test]
        fn one_mistake_is_found(
            (sequence, day) in (0..1000_u32, 1..29_u32),
            (at, other) in (6..17_usize, 0..10_u8),
        ) {
            let digits = format!("110105194901{day:02}{sequence:03}");
            let number = format!("{digits}{}", char::from(check_character(&digits)));
            prop_assert_eq!(normalize(&number), Ok(number.clone()));
            let mut wrong = number.clone().into_bytes();
            wrong[at] = b'0' + other;
            let mut swapped = number.clone().into_bytes();
            swapped.swap(at, at - 1);
            for bytes in [wrong, swapped] {
                let text = String::from_utf8(bytes).expect("ASCII");
                prop_assert_eq!(normalize(&text).is_ok(), text == number);
            }
        }
    }
}
