//! What happened, kind by kind, without free text (see [`super::Words`] for that).

use super::{Purchase, Violations, Words};
use dossier_kernel::violations::is_own_name;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Details {
    Purchase(Purchase),
    PageView {
        page: String,
        product_id: String,
        duration_seconds: i32,
    },
    Call {
        duration_seconds: i32,
        outcome: String,
    },
    Email,
    Meeting {
        duration_seconds: i32,
    },
    Visit {
        place_id: String,
    },
    Social {
        network: String,
        action: String,
    },
    Message {
        medium: String,
    },
    Service {
        topic: String,
        outcome: String,
    },
    Custom {
        custom_type: String,
    },
}

/// Which of the [`Details`] it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Purchase,
    PageView,
    Call,
    Email,
    Meeting,
    Visit,
    Social,
    Message,
    Service,
    Custom,
}

impl Kind {
    pub const ALL: [Self; 10] = [
        Self::Purchase,
        Self::PageView,
        Self::Call,
        Self::Email,
        Self::Meeting,
        Self::Visit,
        Self::Social,
        Self::Message,
        Self::Service,
        Self::Custom,
    ];

    /// The name in filters and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Purchase => "PURCHASE",
            Self::PageView => "PAGE_VIEW",
            Self::Call => "CALL",
            Self::Email => "EMAIL",
            Self::Meeting => "MEETING",
            Self::Visit => "VISIT",
            Self::Social => "SOCIAL",
            Self::Message => "MESSAGE",
            Self::Service => "SERVICE",
            Self::Custom => "CUSTOM",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

const LABEL_CHARS_MAX: usize = 64;
const ID_CHARS_MAX: usize = 128;
const PAGE_CHARS_MAX: usize = 2_048;
const SUBJECT_CHARS_MAX: usize = 998;
const TEXT_CHARS_MAX: usize = 16_384;
const BODY_CHARS_MAX: usize = 65_536;
const FIELDS_MAX: usize = 50;
const FIELD_CHARS_MAX: usize = 4_096;

impl Details {
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Purchase(_) => Kind::Purchase,
            Self::PageView { .. } => Kind::PageView,
            Self::Call { .. } => Kind::Call,
            Self::Email => Kind::Email,
            Self::Meeting { .. } => Kind::Meeting,
            Self::Visit { .. } => Kind::Visit,
            Self::Social { .. } => Kind::Social,
            Self::Message { .. } => Kind::Message,
            Self::Service { .. } => Kind::Service,
            Self::Custom { .. } => Kind::Custom,
        }
    }

    /// Judges the details together with the words that came with them. `amounts_read`: see
    /// [`Purchase::check`].
    pub(super) fn check(&self, words: &Words, amounts_read: bool, violations: &mut Violations) {
        match self {
            Self::Purchase(purchase) => purchase.check(amounts_read, violations),
            Self::PageView {
                page,
                product_id,
                duration_seconds,
            } => {
                violations.required_label("interaction.page_view.page", page, PAGE_CHARS_MAX);
                if page.contains('?') {
                    violations.add(
                        "interaction.page_view.page",
                        "must not carry a query: leave out what follows the question mark",
                    );
                }
                violations.label("interaction.page_view.product_id", product_id, ID_CHARS_MAX);
                violations
                    .not_negative("interaction.page_view.duration_seconds", *duration_seconds);
            }
            Self::Call {
                duration_seconds,
                outcome,
            } => {
                violations.not_negative("interaction.call.duration_seconds", *duration_seconds);
                violations.label("interaction.call.outcome", outcome, LABEL_CHARS_MAX);
                words.check_text("interaction.call.notes", TEXT_CHARS_MAX, violations);
            }
            Self::Email => {
                words.check_subject("interaction.email.subject", violations);
                words.check_text("interaction.email.body", BODY_CHARS_MAX, violations);
            }
            Self::Meeting { duration_seconds } => {
                words.check_subject("interaction.meeting.subject", violations);
                violations.not_negative("interaction.meeting.duration_seconds", *duration_seconds);
                words.check_text("interaction.meeting.notes", TEXT_CHARS_MAX, violations);
            }
            Self::Visit { place_id } => {
                violations.label("interaction.visit.place_id", place_id, ID_CHARS_MAX);
                words.check_text("interaction.visit.notes", TEXT_CHARS_MAX, violations);
            }
            Self::Social { network, action } => {
                violations.required_label("interaction.social.network", network, LABEL_CHARS_MAX);
                violations.label("interaction.social.action", action, LABEL_CHARS_MAX);
                words.check_text("interaction.social.text", TEXT_CHARS_MAX, violations);
            }
            Self::Message { medium } => {
                violations.label("interaction.message.medium", medium, LABEL_CHARS_MAX);
                words.check_text("interaction.message.text", TEXT_CHARS_MAX, violations);
            }
            Self::Service { topic, outcome } => {
                violations.required_label("interaction.service.topic", topic, LABEL_CHARS_MAX);
                violations.label("interaction.service.outcome", outcome, LABEL_CHARS_MAX);
                words.check_text("interaction.service.notes", TEXT_CHARS_MAX, violations);
            }
            Self::Custom { custom_type } => {
                violations.own_name("interaction.custom.type", custom_type);
                words.check_fields(violations);
            }
        }
    }
}

impl Words {
    fn check_subject(&self, field: &str, violations: &mut Violations) {
        if let Some(subject) = &self.subject {
            violations.text(field, subject.expose(), SUBJECT_CHARS_MAX);
        }
    }

    fn check_text(&self, field: &str, max: usize, violations: &mut Violations) {
        if let Some(text) = &self.text {
            violations.text(field, text.expose(), max);
        }
    }

    /// A field's name that is not well formed may be anything, so it is not repeated in the path.
    fn check_fields(&self, violations: &mut Violations) {
        if self.fields.len() > FIELDS_MAX {
            violations.add("interaction.custom.fields", "must be at most 50 fields");
            return;
        }
        for (name, text) in &self.fields {
            if is_own_name(name) {
                let field = format!("interaction.custom.fields[\"{name}\"]");
                violations.text(&field, text.expose(), FIELD_CHARS_MAX);
            } else {
                violations.own_name("interaction.custom.fields (a name)", name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn check(details: &Details, words: &Words) -> Vec<String> {
        let mut violations = Violations::default();
        details.check(words, true, &mut violations);
        match violations.into_result() {
            Ok(()) => Vec::new(),
            Err(error) => error.violations().iter().map(|v| v.field.clone()).collect(),
        }
    }

    #[test]
    fn kinds_are_read_back_from_their_names() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::parse("purchase"), None);
    }

    #[test]
    fn a_page_carries_no_query() {
        let view = |page: &str| Details::PageView {
            page: page.into(),
            product_id: String::new(),
            duration_seconds: 0,
        };
        assert!(check(&view("/products/12"), &Words::default()).is_empty());
        for bad in ["/search?q=wang", ""] {
            assert_eq!(
                check(&view(bad), &Words::default()),
                ["interaction.page_view.page"]
            );
        }
    }

    #[test]
    fn the_body_of_a_mail_may_be_longer_than_notes() {
        let words = Words::of_text("x".repeat(TEXT_CHARS_MAX + 1));
        assert!(check(&Details::Email, &words).is_empty());
        let call = Details::Call {
            duration_seconds: -1,
            outcome: "x".repeat(65),
        };
        assert_eq!(
            check(&call, &words),
            [
                "interaction.call.duration_seconds",
                "interaction.call.outcome",
                "interaction.call.notes"
            ]
        );
    }

    #[test]
    fn fields_of_a_custom_kind_are_named_in_the_path_only_when_well_formed() {
        let custom = Details::Custom {
            custom_type: "Trade-in".into(),
        };
        let fields = BTreeMap::from([
            ("王小明".to_owned(), "x".to_owned()),
            ("grade".to_owned(), "x".repeat(FIELD_CHARS_MAX + 1)),
        ]);
        let wrong = check(&custom, &Words::of_fields(fields));
        assert_eq!(
            wrong,
            [
                "interaction.custom.type",
                "interaction.custom.fields[\"grade\"]",
                "interaction.custom.fields (a name)"
            ]
        );
    }
}
