//! What was said or written: free text about people, and therefore personal.

use std::collections::BTreeMap;

use dossier_kernel::Pii;

/// The free text of an interaction. Kept apart from [`super::Details`], so that what needs no
/// cryptography pays for none and what must not show it cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Of an e-mail or a meeting.
    pub subject: Option<Pii<String>>,
    /// The body, notes or text, whichever the kind calls it.
    pub text: Option<Pii<String>>,
    /// The texts of a kind of the tenant's own, by name.
    pub fields: BTreeMap<String, Pii<String>>,
    /// They were not looked at, because the reader may not see them.
    pub masked: bool,
}

impl Words {
    /// What a reader gets who may not see them.
    pub fn unseen() -> Self {
        Self {
            masked: true,
            ..Self::default()
        }
    }

    /// Only a text, as most kinds have it; an empty one is none.
    pub fn of_text(text: String) -> Self {
        Self {
            text: given(text),
            ..Self::default()
        }
    }

    pub fn of_subject_and_text(subject: String, text: String) -> Self {
        Self {
            subject: given(subject),
            text: given(text),
            ..Self::default()
        }
    }

    pub fn of_fields(fields: BTreeMap<String, String>) -> Self {
        let fields = fields
            .into_iter()
            .map(|(name, text)| (name, Pii::new(text)))
            .collect();
        Self {
            fields,
            ..Self::default()
        }
    }

    pub fn is_empty(&self) -> bool {
        self.subject.is_none() && self.text.is_none() && self.fields.is_empty()
    }
}

fn given(text: String) -> Option<Pii<String>> {
    (!text.is_empty()).then(|| Pii::new(text))
}
