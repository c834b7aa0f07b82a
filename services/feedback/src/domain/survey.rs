//! A set of questions: draft, published with frozen questions, closed.

use std::collections::HashSet;

use dossier_kernel::id::SurveyId;
use dossier_kernel::{Error, Reason, Result, Timestamp, Violations};
use serde::{Deserialize, Serialize};

const QUESTIONS_MAX: usize = 50;
const QUESTION_TEXT_MAX: usize = 1_024;
const DISPLAY_NAME_MAX: usize = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SurveyState {
    Draft,
    Published,
    Closed,
}

impl SurveyState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Published => "PUBLISHED",
            Self::Closed => "CLOSED",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Draft, Self::Published, Self::Closed]
            .into_iter()
            .find(|s| s.as_str() == word)
    }
}

/// What a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum QuestionType {
    /// 0 to 10.
    Nps,
    /// 1 to 5.
    Csat,
    Text,
}

/// One question. Also how it is stored, inside the survey's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub question_id: String,
    pub question_type: QuestionType,
    pub text: String,
    pub required: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    pub id: SurveyId,
    /// Counts the writes, from 1; the etag.
    pub revision: i64,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
    pub display_name: String,
    pub questions: Vec<Question>,
    pub state: SurveyState,
    /// 0 while a draft; what responses answer.
    pub version: i32,
    pub publish_time: Option<Timestamp>,
}

/// What a caller says a survey shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyDraft {
    pub display_name: String,
    pub questions: Vec<Question>,
}

/// What a caller changes of a draft; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SurveyPatch {
    pub display_name: Option<String>,
    pub questions: Option<Vec<Question>>,
}

impl SurveyPatch {
    /// The contract's names of what it changes.
    pub fn fields(&self) -> Vec<&'static str> {
        let Self {
            display_name,
            questions,
        } = self;
        let named = [
            ("display_name", display_name.is_some()),
            ("questions", questions.is_some()),
        ];
        let named = named.into_iter().filter(|(_, changed)| *changed);
        named.map(|(name, _)| name).collect()
    }
}

impl SurveyDraft {
    fn check(&self) -> Result<()> {
        let mut violations = Violations::default();
        violations.required_label("survey.display_name", &self.display_name, DISPLAY_NAME_MAX);
        if self.questions.is_empty() || self.questions.len() > QUESTIONS_MAX {
            violations.add("survey.questions", "must be 1 to 50 questions");
            return violations.into_result();
        }
        let mut seen = HashSet::new();
        for (index, question) in self.questions.iter().enumerate() {
            let path = |field: &str| format!("survey.questions[{index}].{field}");
            let Question {
                question_id,
                question_type: _,
                text,
                required: _,
            } = question;
            if !is_question_id(question_id) {
                violations.add(
                    path("question_id"),
                    "must have 1 to 63 characters of a-z, 0-9 and '_'",
                );
            } else if !seen.insert(question_id.as_str()) {
                violations.add(
                    path("question_id"),
                    "is used by an earlier question of the survey",
                );
            }
            violations.required_label(&path("text"), text, QUESTION_TEXT_MAX);
        }
        violations.into_result()
    }
}

impl Survey {
    pub fn create(id: SurveyId, draft: SurveyDraft, now: Timestamp) -> Result<Self> {
        draft.check()?;
        let SurveyDraft {
            display_name,
            questions,
        } = draft;
        Ok(Self {
            id,
            revision: 1,
            create_time: now,
            update_time: now,
            display_name,
            questions,
            state: SurveyState::Draft,
            version: 0,
            publish_time: None,
        })
    }

    pub fn etag(&self) -> String {
        self.revision.to_string()
    }

    /// Changes a draft. An empty `etag` accepts any.
    pub fn update(&mut self, patch: SurveyPatch, etag: &str, now: Timestamp) -> Result<()> {
        if !etag.is_empty() && etag != self.etag() {
            return Err(Error::new(
                Reason::EtagMismatch,
                "The survey was changed meanwhile; read it and write again.",
            )
            .with("etag", self.etag()));
        }
        if self.state != SurveyState::Draft {
            return Err(
                self.refuse("A published survey's questions are frozen; create a new survey.")
            );
        }
        let draft = SurveyDraft {
            display_name: patch
                .display_name
                .unwrap_or_else(|| self.display_name.clone()),
            questions: patch.questions.unwrap_or_else(|| self.questions.clone()),
        };
        draft.check()?;
        self.display_name = draft.display_name;
        self.questions = draft.questions;
        self.touch(now);
        Ok(())
    }

    /// Freezes the questions; false when they were frozen already.
    pub fn publish(&mut self, now: Timestamp) -> Result<bool> {
        match self.state {
            SurveyState::Published => Ok(false),
            SurveyState::Closed => Err(self.refuse("A closed survey cannot be published again.")),
            SurveyState::Draft => {
                self.state = SurveyState::Published;
                self.version = 1;
                self.publish_time = Some(now);
                self.touch(now);
                Ok(true)
            }
        }
    }

    /// Ends it; false when it had ended already.
    pub fn close(&mut self, now: Timestamp) -> Result<bool> {
        match self.state {
            SurveyState::Closed => Ok(false),
            SurveyState::Draft => Err(self.refuse("A draft cannot be closed; publish it first.")),
            SurveyState::Published => {
                self.state = SurveyState::Closed;
                self.touch(now);
                Ok(true)
            }
        }
    }

    /// Whether customers may be invited and may answer.
    pub fn check_published(&self) -> Result<()> {
        match self.state {
            SurveyState::Published => Ok(()),
            SurveyState::Draft => Err(self.refuse("The survey is a draft; publish it first.")),
            SurveyState::Closed => Err(self.refuse("The survey is closed.")),
        }
    }

    fn refuse(&self, message: &str) -> Error {
        Error::new(Reason::FailedPrecondition, message).with("state", self.state.as_str())
    }

    fn touch(&mut self, now: Timestamp) {
        self.revision += 1;
        self.update_time = now;
    }
}

fn is_question_id(id: &str) -> bool {
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    !id.is_empty() && id.len() <= 63 && id.bytes().all(fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn question(id: &str) -> Question {
        Question {
            question_id: id.to_owned(),
            question_type: QuestionType::Nps,
            text: "How likely are you to recommend us?".to_owned(),
            required: true,
        }
    }

    fn survey() -> Survey {
        let draft = SurveyDraft {
            display_name: "After sales".into(),
            questions: vec![question("nps")],
        };
        Survey::create(SurveyId::generate(), draft, NOW).expect("valid")
    }

    #[test]
    fn everything_wrong_with_a_draft_is_said_at_once() {
        let questions = vec![question("a"), question("a"), question("No!")];
        let draft = SurveyDraft {
            display_name: String::new(),
            questions,
        };
        let error = Survey::create(SurveyId::generate(), draft, NOW).expect_err("three faults");
        let fields: Vec<&str> = error
            .violations()
            .iter()
            .map(|v| v.field.as_str())
            .collect();
        let expected = [
            "survey.display_name",
            "survey.questions[1].question_id",
            "survey.questions[2].question_id",
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn too_many_questions_are_refused_once() {
        for count in [0, QUESTIONS_MAX + 1] {
            let draft = SurveyDraft {
                display_name: "After sales".into(),
                questions: vec![question("No!"); count],
            };
            let error = Survey::create(SurveyId::generate(), draft, NOW).expect_err("too many");
            assert_eq!(error.violations().len(), 1, "{count}");
        }
    }

    #[test]
    fn publishing_freezes_the_questions_and_closing_ends_the_survey() {
        let mut survey = survey();
        assert!(survey.check_published().is_err());
        assert!(survey.close(NOW).is_err());
        assert!(survey.publish(NOW).expect("first time"));
        assert_eq!((survey.version, survey.publish_time), (1, Some(NOW)));
        let again = survey.revision;
        assert!(!survey.publish(NOW).expect("nothing changes"));
        assert_eq!(survey.revision, again);
        let frozen = survey
            .update(SurveyPatch::default(), "", NOW)
            .expect_err("frozen");
        assert_eq!(frozen.reason(), Reason::FailedPrecondition);
        assert!(survey.close(NOW).expect("closes"));
        assert!(survey.publish(NOW).is_err());
        assert!(survey.check_published().is_err());
    }

    #[test]
    fn a_stale_etag_is_refused_with_the_current_one() {
        let mut survey = survey();
        let stale = survey.etag();
        let rename = || SurveyPatch {
            display_name: Some("New".into()),
            questions: None,
        };
        survey.update(rename(), &stale, NOW).expect("current");
        let error = survey.update(rename(), &stale, NOW).expect_err("stale");
        assert_eq!(error.reason(), Reason::EtagMismatch);
        assert_eq!(error.metadata()["etag"], survey.etag());
    }
}
