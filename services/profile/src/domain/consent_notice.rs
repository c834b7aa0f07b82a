//! What customers are told before they decide.

use std::collections::BTreeSet;

use dossier_kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Violations, is_attribute_id, normalize};

/// The most versions of one notice.
pub const VERSIONS_MAX: i32 = 1_000;
const TEXTS_MAX: usize = 20;
const TITLE_MAX: usize = 256;
const BODY_MAX: usize = 16_384;
const PURPOSES_MAX: usize = 50;

/// One version of a notice; it never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentNotice {
    pub id: String,
    /// Counted from 1.
    pub version: i32,
    pub texts: Vec<NoticeText>,
    pub purposes: Vec<NoticePurpose>,
    pub effective_time: Timestamp,
    pub create_time: Timestamp,
}

/// Its serde form is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeText {
    pub language_code: String,
    pub title: String,
    pub body: String,
}

/// Its serde form is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticePurpose {
    pub purpose: String,
    /// Why a general consent is not enough; empty where it is.
    pub separate: Vec<SeparateReason>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SeparateReason {
    SensitiveData,
    ThirdParty,
    CrossBorder,
    Publication,
}

/// A version as a caller states it.
#[derive(Clone, Debug)]
pub struct NewConsentNotice {
    pub id: String,
    pub texts: Vec<NoticeText>,
    /// `None` where a reason is not known.
    pub purposes: Vec<(String, Vec<Option<SeparateReason>>)>,
    pub effective_time: Option<Timestamp>,
}

impl ConsentNotice {
    pub fn to_name(&self) -> String {
        format!("consentNotices/{}", self.id)
    }

    pub fn purpose(&self, purpose: &str) -> Option<&NoticePurpose> {
        self.purposes.iter().find(|one| one.purpose == purpose)
    }
}

impl NewConsentNotice {
    /// The version, its number aside; `problems` names everything that is wrong.
    pub fn check(self, now: Timestamp, problems: &mut Violations) -> ConsentNotice {
        if !is_attribute_id(&self.id) {
            let words = "must have 1 to 63 characters of a-z, 0-9 and '_', beginning with a letter";
            problems.add_to_request("consent_notice_id", words);
        }
        ConsentNotice {
            texts: check_texts(self.texts, problems),
            purposes: check_purposes(self.purposes, problems),
            effective_time: self.effective_time.unwrap_or(now),
            create_time: now,
            version: 0,
            id: self.id,
        }
    }
}

fn check_texts(texts: Vec<NoticeText>, problems: &mut Violations) -> Vec<NoticeText> {
    if !(1..=TEXTS_MAX).contains(&texts.len()) {
        let words = "must have 1 to 20 texts, one a language";
        problems.add_to_request("consent_notice.texts", words);
        return Vec::new();
    }
    let mut languages = BTreeSet::new();
    let checked = texts.into_iter().enumerate().map(|(index, text)| {
        let mut say = |field: &str, words: &str| {
            problems.add_to_request(format!("consent_notice.texts[{index}].{field}"), words);
        };
        let language = normalize::language_code(&text.language_code);
        match &language {
            None => say("language_code", "must be a BCP-47 language such as zh-CN"),
            Some(code) if !languages.insert(code.clone()) => {
                say(
                    "language_code",
                    "is that of another text; give each language once",
                );
            }
            Some(_) => {}
        }
        let title = normalize::text(&text.title);
        if !(1..=TITLE_MAX).contains(&title.chars().count()) {
            say("title", "must have 1 to 256 characters");
        }
        let body = normalize::prose(&text.body);
        if !(1..=BODY_MAX).contains(&body.chars().count()) {
            say("body", "must have 1 to 16,384 characters");
        }
        NoticeText {
            language_code: language.unwrap_or_default(),
            title,
            body,
        }
    });
    checked.collect()
}

fn check_purposes(
    purposes: Vec<(String, Vec<Option<SeparateReason>>)>,
    problems: &mut Violations,
) -> Vec<NoticePurpose> {
    if !(1..=PURPOSES_MAX).contains(&purposes.len()) {
        let words = "must have 1 to 50 purposes";
        problems.add_to_request("consent_notice.purposes", words);
        return Vec::new();
    }
    let mut names = BTreeSet::new();
    let checked = purposes.into_iter().enumerate();
    let checked = checked.map(|(index, (purpose, reasons))| {
        let path = format!("consent_notice.purposes[{index}]");
        problems.check_own_name(format!("{path}.purpose"), &purpose);
        if !names.insert(purpose.clone()) {
            problems.add_to_request(format!("{path}.purpose"), "stands twice; give each once");
        }
        if reasons.iter().any(Option::is_none) {
            let words = "are SENSITIVE_DATA, THIRD_PARTY, CROSS_BORDER and PUBLICATION";
            problems.add_to_request(format!("{path}.separate_reasons"), words);
        }
        let separate: BTreeSet<SeparateReason> = reasons.into_iter().flatten().collect();
        NoticePurpose {
            purpose,
            separate: separate.into_iter().collect(),
        }
    });
    checked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(language: &str) -> NoticeText {
        NoticeText {
            language_code: language.to_owned(),
            title: " Privacy  policy".to_owned(),
            body: "We send you news.\r\n".to_owned(),
        }
    }

    #[test]
    fn a_version_is_normalised_and_everything_wrong_is_named() {
        let now = Timestamp::from_secs(1_790_000_000);
        let reasons = vec![
            Some(SeparateReason::ThirdParty),
            Some(SeparateReason::ThirdParty),
        ];
        let mut problems = Violations::default();
        let notice = NewConsentNotice {
            id: "privacy".to_owned(),
            texts: vec![text("ZH-cn"), text("en")],
            purposes: vec![("sharing".to_owned(), reasons)],
            effective_time: None,
        };
        let notice = notice.check(now, &mut problems);
        assert!(problems.is_empty());
        assert_eq!(notice.texts[0].language_code, "zh-CN");
        assert_eq!(notice.texts[0].title, "Privacy policy");
        assert_eq!(notice.texts[0].body, "We send you news.");
        let sharing = notice.purpose("sharing").expect("covered");
        assert_eq!(sharing.separate, [SeparateReason::ThirdParty]);
        assert_eq!((notice.effective_time, notice.create_time), (now, now));

        let wrong = NewConsentNotice {
            id: "Privacy".to_owned(),
            texts: vec![text("en"), text("en"), text("?")],
            purposes: vec![("a b".to_owned(), vec![None])],
            effective_time: None,
        };
        wrong.check(now, &mut problems);
        let error = problems.into_result().expect_err("is wrong");
        let fields: Vec<&str> = error
            .violations()
            .iter()
            .map(|one| one.field.as_str())
            .collect();
        assert_eq!(
            fields,
            [
                "consent_notice_id",
                "consent_notice.texts[1].language_code",
                "consent_notice.texts[2].language_code",
                "consent_notice.purposes[0].purpose",
                "consent_notice.purposes[0].separate_reasons",
            ]
        );
    }
}
