//! The unified social credit code of Chinese organisations (统一社会信用代码), GB 32100-2015.

use super::normalize;

/// A character's value is its place; I, O, S, V and Z are left out because they look like others.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

const FORM_WORDS: &str = "must have 18 characters of 0-9 and A-Z without I, O, S, V and Z, the \
    third to eighth digits (GB 32100); type it again from the licence";
const CHECK_WORDS: &str = "must end in the check character of the others (GB 32100, MOD 31), so \
    that one of them is mistyped; compare all with the licence";

/// The 18 characters in capitals. Errors are the words of a violation.
pub fn normalize(text: &str) -> Result<String, &'static str> {
    let code = normalize::code(text);
    let values: Option<Vec<usize>> = code.bytes().map(value).collect();
    let Some([body @ .., last]) = values.as_deref().filter(|values| values.len() == 18) else {
        return Err(FORM_WORDS);
    };
    if !body[2..8].iter().all(|digit| *digit < 10) {
        return Err(FORM_WORDS);
    }
    match check_value(body) == *last {
        true => Ok(code),
        false => Err(CHECK_WORDS),
    }
}

fn value(character: u8) -> Option<usize> {
    ALPHABET.iter().position(|known| *known == character)
}

/// Weights are the powers of 3.
fn check_value(body: &[usize]) -> usize {
    let weights = std::iter::successors(Some(1), |weight| Some(weight * 3 % 31));
    let sum: usize = body
        .iter()
        .zip(weights)
        .map(|(value, weight)| value * weight)
        .sum();
    (31 - sum % 31) % 31
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_are_read_as_people_write_them() {
        for given in [
            "91350100M000100Y43",
            " 91350100m000100y43",
            "９１３５０１００M000100Y43",
        ] {
            assert_eq!(
                normalize(given).as_deref(),
                Ok("91350100M000100Y43"),
                "{given}"
            );
        }
        // Registered companies: Baidu, Huawei, Tencent.
        for known in [
            "91110000802100433B",
            "914403001922038216",
            "9144030071526726XG",
        ] {
            assert_eq!(normalize(known).as_deref(), Ok(known));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (given, words) in [
            ("", FORM_WORDS),
            ("91350100M000100Y4", FORM_WORDS),
            ("91350100M000100Y433", FORM_WORDS),
            ("91350100MOOO100Y43", FORM_WORDS),
            ("9135010AM000100Y43", FORM_WORDS),
            ("信用代码", FORM_WORDS),
            ("91350100M000100Y44", CHECK_WORDS),
        ] {
            assert_eq!(normalize(given), Err(words), "{given}");
        }
    }

    proptest! {
        #[test]
        fn one_mistyped_character_is_found(
            head in "[0-9A-HJ-NPQRTUWXY]{2}",
            region in "[0-9]{6}",
            body in "[0-9A-HJ-NPQRTUWXY]{9}",
            (at, other) in (0..18_usize, 0..31_usize),
        ) {
            let body = format!("{head}{region}{body}");
            let values: Vec<usize> = body.bytes().filter_map(value).collect();
            let code = format!("{body}{}", char::from(ALPHABET[check_value(&values)]));
            prop_assert_eq!(normalize(&code), Ok(code.clone()));
            let mut wrong = code.clone().into_bytes();
            wrong[at] = ALPHABET[other];
            let wrong = String::from_utf8(wrong).expect("ASCII");
            prop_assert_eq!(normalize(&wrong).is_ok(), wrong == code);
        }
    }
}
