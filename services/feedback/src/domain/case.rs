//! Something a customer wants answered: open → resolved → closed, and never closed in silence.

use dossier_kernel::id::CaseId;
use dossier_kernel::{CustomerId, Error, Pii, Reason, Result, Timestamp, Violations};

const SUBJECT_MAX: usize = 256;
const TEXT_MAX: usize = 16_384;
const REPLIES_MAX: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaseType {
    Complaint,
    Suggestion,
    Question,
}

impl CaseType {
    pub const ALL: [Self; 3] = [Self::Complaint, Self::Suggestion, Self::Question];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complaint => "COMPLAINT",
            Self::Suggestion => "SUGGESTION",
            Self::Question => "QUESTION",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == word)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaseState {
    Open,
    Resolved,
    Closed,
}

impl CaseState {
    pub const ALL: [Self; 3] = [Self::Open, Self::Resolved, Self::Closed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Resolved => "RESOLVED",
            Self::Closed => "CLOSED",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub id: CaseId,
    /// Counts the writes, from 1; the etag.
    pub revision: i64,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
    pub customer: CustomerId,
    pub case_type: CaseType,
    pub subject: Pii<String>,
    pub description: Option<Pii<String>>,
    pub channel: Option<String>,
    pub state: CaseState,
    pub replies: Vec<Reply>,
    pub resolution: Option<Pii<String>>,
    pub resolve_time: Option<Timestamp>,
    pub close_time: Option<Timestamp>,
    /// The words were left out unlooked at, because the reader may not see them.
    pub masked: bool,
}

/// What the customer was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub create_time: Timestamp,
    /// The principal who told them.
    pub author: String,
    pub text: Pii<String>,
}

/// What a caller says a case is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseDraft {
    pub case_type: Option<CaseType>,
    pub subject: Pii<String>,
    pub description: Option<Pii<String>>,
    pub channel: Option<String>,
}

impl CaseDraft {
    /// Everything wrong with it at once; its type where all is well.
    pub fn check(&self) -> Result<CaseType> {
        let mut violations = Violations::default();
        let Self {
            case_type,
            subject,
            description,
            channel,
        } = self;
        if case_type.is_none() {
            violations.add(
                "case.type",
                "is required: COMPLAINT, SUGGESTION or QUESTION",
            );
        }
        violations.required_label("case.subject", subject.expose(), SUBJECT_MAX);
        if let Some(description) = description {
            violations.text("case.description", description.expose(), TEXT_MAX);
        }
        if let Some(channel) = channel {
            violations.code("case.channel", channel);
        }
        violations.into_result()?;
        case_type.ok_or_else(|| Error::internal("a case without a type passed its check"))
    }
}

impl Case {
    pub fn open(
        id: CaseId,
        customer: CustomerId,
        draft: CaseDraft,
        now: Timestamp,
    ) -> Result<Self> {
        let case_type = draft.check()?;
        let CaseDraft {
            case_type: _,
            subject,
            description,
            channel,
        } = draft;
        Ok(Self {
            id,
            revision: 1,
            create_time: now,
            update_time: now,
            customer,
            case_type,
            subject,
            description,
            channel,
            state: CaseState::Open,
            replies: Vec::new(),
            resolution: None,
            resolve_time: None,
            close_time: None,
            masked: false,
        })
    }

    pub fn etag(&self) -> String {
        self.revision.to_string()
    }

    /// Records what the customer was told; possible until the case is closed.
    pub fn reply(&mut self, author: String, text: Pii<String>, now: Timestamp) -> Result<()> {
        if self.state == CaseState::Closed {
            return Err(self.refuse("The case is closed; open a new one."));
        }
        if self.replies.len() >= REPLIES_MAX {
            return Err(Error::new(
                Reason::LimitExceeded,
                "A case holds at most 100 replies; open a new one.",
            )
            .with("limit", REPLIES_MAX.to_string()));
        }
        check_text("text", &text)?;
        self.replies.push(Reply {
            create_time: now,
            author,
            text,
        });
        self.touch(now);
        Ok(())
    }

    /// Says how it was solved.
    pub fn resolve(&mut self, resolution: Pii<String>, now: Timestamp) -> Result<()> {
        if self.state != CaseState::Open {
            return Err(self.refuse("Only an open case can be resolved."));
        }
        check_text("resolution", &resolution)?;
        self.resolution = Some(resolution);
        self.resolve_time = Some(now);
        self.state = CaseState::Resolved;
        self.touch(now);
        Ok(())
    }

    /// Ends it, once it is resolved and the customer was answered.
    pub fn close(&mut self, now: Timestamp) -> Result<()> {
        if self.state != CaseState::Resolved {
            return Err(self.refuse("Only a resolved case can be closed; call ResolveCase first."));
        }
        if self.replies.is_empty() {
            return Err(self.refuse(
                "The customer was not answered yet; record the answer with ReplyToCase, then close.",
            ));
        }
        self.state = CaseState::Closed;
        self.close_time = Some(now);
        self.touch(now);
        Ok(())
    }

    fn refuse(&self, message: &str) -> Error {
        Error::new(Reason::FailedPrecondition, message)
            .with("state", self.state.as_str())
            .with("reply_count", self.replies.len().to_string())
    }

    fn touch(&mut self, now: Timestamp) {
        self.revision += 1;
        self.update_time = now;
    }
}

fn check_text(field: &str, text: &Pii<String>) -> Result<()> {
    let mut violations = Violations::default();
    if text.expose().trim().is_empty() {
        violations.add(field, "is required, 1 to 16,384 characters");
    }
    violations.text(field, text.expose(), TEXT_MAX);
    violations.into_result()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn draft() -> CaseDraft {
        CaseDraft {
            case_type: Some(CaseType::Complaint),
            subject: Pii::from("Parcel arrived broken"),
            description: None,
            channel: Some("hotline".to_owned()),
        }
    }

    fn case() -> Case {
        Case::open(CaseId::generate(), CustomerId::generate(), draft(), NOW).expect("valid")
    }

    #[test]
    fn a_case_closes_only_after_it_is_resolved_and_answered() {
        let mut case = case();
        assert!(case.close(NOW).is_err(), "open");
        case.resolve(Pii::from("Sent a new one"), NOW)
            .expect("open");
        let silent = case.close(NOW).expect_err("nobody told the customer");
        assert_eq!(silent.reason(), Reason::FailedPrecondition);
        assert_eq!(silent.metadata()["reply_count"], "0");
        case.reply(
            "person:li".to_owned(),
            Pii::from("A new one is on its way"),
            NOW,
        )
        .expect("resolved");
        case.close(NOW).expect("answered");
        assert_eq!(
            (case.state, case.close_time),
            (CaseState::Closed, Some(NOW))
        );
        assert!(
            case.reply("person:li".to_owned(), Pii::from("…"), NOW)
                .is_err()
        );
        assert!(case.resolve(Pii::from("…"), NOW).is_err());
    }

    #[test]
    fn an_empty_reply_or_resolution_is_no_answer() {
        let mut case = case();
        assert!(
            case.reply("person:li".to_owned(), Pii::from("  "), NOW)
                .is_err()
        );
        assert!(case.resolve(Pii::from(""), NOW).is_err());
        assert_eq!(case.revision, 1);
    }

    #[test]
    fn everything_wrong_with_a_draft_is_said_at_once() {
        let bad = CaseDraft {
            case_type: None,
            subject: Pii::from(""),
            description: Some(Pii::new("x".repeat(TEXT_MAX + 1))),
            channel: Some("Hot Line".to_owned()),
        };
        let error = bad.check().expect_err("four faults");
        assert_eq!(error.violations().len(), 4);
    }
}
