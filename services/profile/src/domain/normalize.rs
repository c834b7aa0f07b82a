//! One spelling of the same thing. Every function gives back its own results unchanged.
//!
//! Errors are the words of a violation: what would be right, never the value.

use email_address::{EmailAddress, Options};
use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};
use unicode_normalization::UnicodeNormalization;

pub const REGION_CODE_WORDS: &str = "must be a CLDR region of two letters, such as CN";
pub const LANGUAGE_CODE_WORDS: &str = "must be a BCP-47 language, such as zh-CN";
pub const TIME_ZONE_WORDS: &str = "must be an IANA time zone, such as Asia/Shanghai";

/// RFC 5321, section 4.5.3.1.3, without the angle brackets.
const EMAIL_BYTES_MAX: usize = 254;

/// Names, labels and tags: Unicode NFKC, which also folds full and half width; white space and
/// control characters become single spaces, none at the ends; what nobody sees is left out.
pub fn text(text: &str) -> String {
    // Most texts need nothing; composing them anew would cost more than looking.
    if unicode_normalization::is_nfkc(text) && is_tidy(text) {
        return text.to_owned();
    }
    let composed: String = visible(text).nfkc().collect();
    let words = composed.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Text of several lines: Unicode NFC, because full width is good style in Chinese prose; lines end
/// in `\n`, nothing blank stands at the ends, what nobody sees is left out.
pub fn prose(text: &str) -> String {
    let composed: String = visible(text).nfc().collect();
    composed.replace("\r\n", "\n").trim().to_owned()
}

/// Codes that people type: NFKC in capitals, without white space and what nobody sees.
pub fn code(text: &str) -> String {
    let letters = visible(text).nfkc().filter(|c| !c.is_whitespace());
    // What a space held apart can compose.
    letters.nfkc().collect::<String>().to_ascii_uppercase()
}

/// What was typed, without white space around it and what nobody sees: as long as it looks.
pub fn typed(text: &str) -> String {
    let seen: String = visible(text).collect();
    seen.trim().to_owned()
}

/// The characters that can be seen or hold others together. What word processors and address books
/// leave behind (soft hyphens, zero width spaces, marks of direction) would make two of one name.
fn visible(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !is_invisible(*c))
}

/// The joiners U+200C and U+200D are not among them: scripts and emoji need those.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}'
    )
}

/// `text` after the first round: nothing that splitting at white space would change.
fn is_tidy(text: &str) -> bool {
    let odd = |c: char| c != ' ' && (c.is_whitespace() || c.is_control() || is_invisible(c));
    !text.contains(odd) && !text.contains("  ") && text.trim_matches(' ').len() == text.len()
}

/// E-mail addresses: trimmed, NFKC, lower case. What mail providers treat as equal beyond that
/// (dots, `+` suffixes) differs between them and is left alone.
pub fn email(address: &str) -> Result<String, &'static str> {
    const WORDS: &str = "must be an e-mail address, such as name@example.com";
    let composed: String = visible(address).nfkc().collect();
    let lower = composed.trim().to_lowercase();
    // Lower case of a composed letter can be one that composes.
    let folded: String = lower.nfkc().collect();
    if folded.len() > EMAIL_BYTES_MAX {
        return Err("must have at most 254 bytes");
    }
    let options = Options::default()
        .without_display_text()
        .without_domain_literal()
        .with_required_tld();
    match EmailAddress::parse_with_options(&folded, options) {
        Ok(_) => Ok(folded),
        Err(_) => Err(WORDS),
    }
}

/// Phone numbers: E.164 (ITU-T). `region` reads national forms. A number counts when its length
/// is possible where it belongs; whether it was ever assigned is not asked, because lists of
/// assigned ranges age.
pub fn phone(number: &str, region: Option<&str>) -> Result<String, &'static str> {
    const WORDS: &str = "must be a phone number in E.164, such as +8613800000000, or in the national form of \
                         the customer's region_code";
    let composed: String = visible(number).nfkc().collect();
    let digits = composed.trim();
    if digits.len() > 64 {
        return Err(WORDS);
    }
    let region = region.and_then(|code| Region::from_code(code).ok());
    let parsed = PHONE_NUMBER_UTIL.parse(digits, region).map_err(|_| WORDS)?;
    match PHONE_NUMBER_UTIL.is_possible_number_with_reason(&parsed) {
        Ok(NumberLengthType::IsPossible) => {}
        Ok(NumberLengthType::IsPossibleLocalOnly) | Err(_) => return Err(WORDS),
    }
    Ok(PHONE_NUMBER_UTIL
        .format(&parsed, PhoneNumberFormat::E164)
        .into_owned())
}

/// CLDR region: two capital letters; small ones are folded.
pub fn region_code(code: &str) -> Option<String> {
    let code = code.trim();
    let letters = code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic());
    letters.then(|| code.to_ascii_uppercase())
}

/// BCP-47 (RFC 5646, section 2.1.1): language small, script with a capital, region in capitals.
/// The form is checked, not whether the language is registered.
pub fn language_code(code: &str) -> Option<String> {
    let code = code.trim();
    let mut subtags = code.split(['-', '_']);
    let language = subtags.next()?;
    let alphabetic = language.bytes().all(|b| b.is_ascii_alphabetic());
    if !alphabetic || !matches!(language.len(), 2..=3 | 5..=8) || code.len() > 35 {
        return None;
    }
    let mut folded = language.to_ascii_lowercase();
    for subtag in subtags {
        let legal = subtag.bytes().all(|b| b.is_ascii_alphanumeric());
        if !legal || !(1..=8).contains(&subtag.len()) {
            return None;
        }
        folded.push('-');
        let small = subtag.to_ascii_lowercase();
        let letters = subtag.bytes().all(|b| b.is_ascii_alphabetic());
        match subtag.len() {
            2 if letters => folded.push_str(&small.to_ascii_uppercase()),
            4 if letters => {
                folded.push_str(&small[..1].to_ascii_uppercase());
                folded.push_str(&small[1..]);
            }
            _ => folded.push_str(&small),
        }
    }
    Some(folded)
}

/// IANA time zone. The form is checked, not whether this year's database has it.
pub fn time_zone(zone: &str) -> Option<String> {
    let zone = zone.trim();
    let legal = |part: &str| {
        let first = part.bytes().next().is_some_and(|b| b.is_ascii_uppercase());
        let rest = |b: u8| b.is_ascii_alphanumeric() || b"_+-".contains(&b);
        first && part.bytes().all(rest)
    };
    let one_word = || matches!(zone, "UTC" | "GMT");
    let fine =
        zone.len() <= 64 && (one_word() || (zone.contains('/') && zone.split('/').all(legal)));
    fine.then(|| zone.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn full_width_and_odd_spaces_are_folded() {
        assert_eq!(text(" Ｗａｎｇ\u{3000}小明\t"), "Wang 小明");
        assert_eq!(text("ｱｲｳ"), "アイウ");
        assert_eq!(text("e\u{301}"), "é");
    }

    #[test]
    fn what_nobody_sees_is_left_out() {
        assert_eq!(text("\u{feff}王\u{200b}小\u{ad}明\u{200e}"), "王小明");
        assert_eq!(
            text("e\u{200b}\u{301}"),
            "é",
            "composed when nothing stands between"
        );
        assert_eq!(
            text("👩\u{200d}🔬"),
            "👩\u{200d}🔬",
            "joined emoji stay one"
        );
        assert_eq!(
            email("a\u{200b}@example.com\u{feff}").as_deref(),
            Ok("a@example.com")
        );
        let copied = "\u{202d}+86 138 0000 0000\u{202c}";
        assert_eq!(phone(copied, None).as_deref(), Ok("+8613800000000"));
        for c in (char::MIN..=char::MAX).filter(|c| !is_invisible(*c)) {
            let alone = std::iter::once(c);
            assert!(!alone.nfkc().any(is_invisible), "{}", c.escape_unicode());
        }
    }

    #[test]
    fn prose_keeps_its_lines_and_its_width() {
        assert_eq!(prose("\n第一行，\r\n第二行\u{200b} "), "第一行，\n第二行");
        assert_eq!(prose("e\u{301}"), "é");
    }

    #[test]
    fn codes_lose_what_was_typed_between_them() {
        assert_eq!(code(" １1 a\u{a0}b\u{feff}"), "11AB");
    }

    #[test]
    fn emails_are_folded_or_refused() {
        assert_eq!(
            email(" Li.Na@Example.COM ").as_deref(),
            Ok("li.na@example.com")
        );
        assert_eq!(email("用户@例子.中国").as_deref(), Ok("用户@例子.中国"));
        assert_eq!(email("ａ@example.com").as_deref(), Ok("a@example.com"));
        for bad in [
            "",
            "a",
            "a@",
            "@b.cn",
            "a b@c.cn",
            "a@b",
            "A <a@b.cn>",
            "a@[1.2.3.4]",
            "a@b.cn,c@d.cn",
        ] {
            assert!(email(bad).is_err(), "{bad}");
        }
        assert!(email(&format!("{}@example.com", "a".repeat(300))).is_err());
    }

    #[test]
    fn phones_become_e164_in_the_customers_region() {
        for (given, region, wanted) in [
            ("+86 138-0000-0000", None, "+8613800000000"),
            ("138 0000 0000", Some("CN"), "+8613800000000"),
            ("０１３８００００００００", Some("CN"), "+8613800000000"),
            ("(0)20 7031 3000", Some("GB"), "+442070313000"),
            ("+1 (555) 010-9999", None, "+15550109999"),
        ] {
            assert_eq!(phone(given, region).as_deref(), Ok(wanted), "{given}");
        }
        for (bad, region) in [
            ("13800000000", None),
            ("12", Some("CN")),
            ("", Some("CN")),
            ("+86 1", None),
            ("call me", Some("US")),
        ] {
            assert!(phone(bad, region).is_err(), "{bad}");
        }
    }

    #[test]
    fn codes_are_folded_to_their_standard_case() {
        assert_eq!(region_code("cn").as_deref(), Some("CN"));
        assert_eq!(region_code("CHN"), None);
        assert_eq!(language_code("ZH_hans-cn").as_deref(), Some("zh-Hans-CN"));
        assert_eq!(language_code("es-419").as_deref(), Some("es-419"));
        assert_eq!(language_code("c"), None);
        assert_eq!(language_code("en-"), None);
        assert_eq!(
            time_zone("America/Argentina/Buenos_Aires").as_deref(),
            Some("America/Argentina/Buenos_Aires")
        );
        assert_eq!(time_zone("Etc/GMT+8").as_deref(), Some("Etc/GMT+8"));
        assert_eq!(time_zone("Beijing"), None);
        assert_eq!(time_zone("Asia/"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn normalising_text_twice_is_normalising_it_once(given in any::<String>()) {
            let once = text(&given);
            prop_assert_eq!(text(&once), once);
        }

        #[test]
        fn normalising_prose_or_a_code_twice_is_normalising_it_once(given in any::<String>()) {
            let once = prose(&given);
            prop_assert_eq!(prose(&once), once);
            let once = code(&given);
            prop_assert_eq!(code(&once), once);
        }

        #[test]
        fn normalising_an_email_twice_is_normalising_it_once(given in "\\PC{1,12}@[\\pL\\pN.]{1,12}") {
            if let Ok(once) = email(&given) {
                prop_assert_eq!(email(&once), Ok(once));
            }
        }

        #[test]
        fn a_normalised_phone_needs_no_region(given in "[+0-9 ()-]{1,20}", region in "[A-Z]{2}") {
            if let Ok(once) = phone(&given, Some(&region)) {
                prop_assert_eq!(phone(&once, None), Ok(once.clone()));
                prop_assert_eq!(phone(&once, Some(&region)), Ok(once));
            }
        }

        #[test]
        fn codes_keep_their_own_results(given in "[a-zA-Z0-9_-]{1,12}") {
            if let Some(once) = language_code(&given) {
                prop_assert_eq!(language_code(&once), Some(once));
            }
            if let Some(once) = region_code(&given) {
                prop_assert_eq!(region_code(&once), Some(once));
            }
        }
    }
}
