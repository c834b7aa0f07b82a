//! Something of one service, and the states it was asked to take on.

use anyhow::{Context as _, bail, ensure};
use dossier_proto::feedback::v1 as feedback;
use dossier_proto::interaction::v1 as interaction;
use dossier_proto::profile::v1 as profile;
use dossier_proto::segmentation::v1 as segmentation;
use dossier_testkit::{Clients, build, cursor_of};
use prost_types::FieldMask;
use tonic::{Code, Response, Status};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Created, then renamed.
    Customer,
    /// Recorded.
    Interaction,
    /// Opened, then replied to.
    Case,
    /// Created, published, somebody invited, answered.
    Survey,
    /// Created, then renamed, for ever.
    Segment,
}

impl Kind {
    pub const fn service(self) -> &'static str {
        match self {
            Self::Customer => "profile",
            Self::Interaction => "interaction",
            Self::Case | Self::Survey => "feedback",
            Self::Segment => "segmentation",
        }
    }

    pub const fn states_max(self) -> usize {
        match self {
            Self::Customer | Self::Survey => 4,
            Self::Interaction => 1,
            Self::Case => 3,
            Self::Segment => usize::MAX,
        }
    }
}

pub struct Thing {
    pub kind: Kind,
    /// No other thing of its kind has it.
    pub key: String,
    /// Whom it is about.
    pub customer: String,
    /// `customers/…`, known once the first state is acknowledged.
    pub name: String,
    /// In the order in which they were asked for.
    pub states: Vec<State>,
    invitation: String,
}

pub struct State {
    /// No other state of the thing has it.
    pub text: String,
    pub request_id: String,
    /// When it was acknowledged, in the book's marks.
    pub acknowledged: Option<u64>,
}

pub struct Answer {
    pub name: String,
    pub cursor: String,
}

impl Thing {
    pub fn new(kind: Kind, key: String, customer: String) -> Self {
        Self {
            kind,
            key,
            customer,
            name: String::new(),
            states: Vec::new(),
            invitation: String::new(),
        }
    }

    /// Adds the next state.
    pub fn plan(&mut self) {
        self.states.push(State {
            text: format!("{} {}", self.key, self.states.len()),
            request_id: build::request_id(),
            acknowledged: None,
        });
    }

    /// Asks for a state; all before it are acknowledged.
    pub async fn ask(&mut self, clients: &Clients, index: usize) -> Result<Answer, Status> {
        let mut clients = clients.clone();
        let State {
            text, request_id, ..
        } = &self.states[index];
        let (text, request_id) = (text.clone(), request_id.clone());
        let name = self.name.clone();
        match (self.kind, index) {
            (Kind::Customer, 0) => {
                let customer = Some(build::person(&text, &self.key));
                let request = profile::CreateCustomerRequest {
                    customer,
                    request_id,
                    ..Default::default()
                };
                answer(clients.customers.create_customer(request).await?, |made| {
                    made.name
                })
            }
            (Kind::Customer, _) => {
                let customer = profile::Customer {
                    name,
                    display_name: text,
                    ..Default::default()
                };
                let request = profile::UpdateCustomerRequest {
                    customer: Some(customer),
                    update_mask: display_name(),
                    request_id,
                    ..Default::default()
                };
                answer(clients.customers.update_customer(request).await?, |made| {
                    made.name
                })
            }
            (Kind::Interaction, _) => {
                let event = build::purchase(&self.customer, "book", &self.key, SECOND, 100);
                let request = interaction::RecordInteractionRequest {
                    interaction: Some(event),
                    request_id,
                    ..Default::default()
                };
                let recorded = clients.interactions.record_interaction(request).await?;
                answer(recorded, |made| made.interaction.unwrap_or_default().name)
            }
            (Kind::Case, 0) => {
                let case = feedback::Case {
                    customer: self.customer.clone(),
                    r#type: feedback::CaseType::Question.into(),
                    subject: self.key.clone(),
                    ..Default::default()
                };
                let case = Some(case);
                let request = feedback::OpenCaseRequest {
                    case,
                    request_id,
                    ..Default::default()
                };
                answer(clients.cases.open_case(request).await?, |made| made.name)
            }
            (Kind::Case, _) => {
                let request = feedback::ReplyToCaseRequest {
                    name,
                    text,
                    request_id,
                };
                answer(clients.cases.reply_to_case(request).await?, |made| {
                    made.name
                })
            }
            (Kind::Survey, _) => self.ask_survey(clients, index, request_id).await,
            (Kind::Segment, 0) => {
                let request = segmentation::CreateSegmentRequest {
                    segment: Some(build::segment(&text, "count(purchase) >= 20")),
                    request_id,
                    ..Default::default()
                };
                answer(clients.segments.create_segment(request).await?, |made| {
                    made.name
                })
            }
            (Kind::Segment, _) => {
                let segment = segmentation::Segment {
                    name,
                    display_name: text,
                    ..Default::default()
                };
                let request = segmentation::UpdateSegmentRequest {
                    segment: Some(segment),
                    update_mask: display_name(),
                    request_id,
                };
                answer(clients.segments.update_segment(request).await?, |made| {
                    made.name
                })
            }
        }
    }

    async fn ask_survey(
        &mut self,
        mut clients: Clients,
        index: usize,
        request_id: String,
    ) -> Result<Answer, Status> {
        let name = self.name.clone();
        match index {
            0 => {
                let question = feedback::Question {
                    question_id: "recommend".to_owned(),
                    r#type: feedback::QuestionType::Nps.into(),
                    text: "How likely are you to recommend us?".to_owned(),
                    required: true,
                };
                let survey = feedback::Survey {
                    display_name: self.key.clone(),
                    questions: vec![question],
                    ..Default::default()
                };
                let survey = Some(survey);
                let request = feedback::CreateSurveyRequest {
                    survey,
                    request_id,
                    ..Default::default()
                };
                answer(clients.surveys.create_survey(request).await?, |made| {
                    made.name
                })
            }
            1 => {
                let request = feedback::PublishSurveyRequest { name, request_id };
                answer(clients.surveys.publish_survey(request).await?, |made| {
                    made.name
                })
            }
            2 => {
                let request = feedback::CreateInvitationRequest {
                    survey: name.clone(),
                    customer: self.customer.clone(),
                    request_id,
                    ..Default::default()
                };
                let invited = clients.surveys.create_invitation(request).await?;
                self.invitation.clone_from(&invited.get_ref().name);
                answer(invited, |_| name)
            }
            _ => {
                let score = feedback::Answer {
                    question_id: "recommend".to_owned(),
                    value: Some(feedback::answer::Value::Score(9)),
                };
                let request = feedback::SubmitResponseRequest {
                    invitation: self.invitation.clone(),
                    answers: vec![score],
                    request_id,
                };
                answer(clients.surveys.submit_response(request).await?, |_| name)
            }
        }
    }

    /// Which state it is in now; `None` where it is not there. An error where it is in a state that
    /// nobody asked for.
    pub async fn look(&self, clients: &Clients) -> anyhow::Result<Option<usize>> {
        let mut clients = clients.clone();
        let name = self.name.clone();
        let state = match self.kind {
            Kind::Customer => {
                let request = profile::GetCustomerRequest {
                    name,
                    ..Default::default()
                };
                there(clients.customers.get_customer(request).await)?
                    .map(|found| self.state_of(&found.display_name))
            }
            Kind::Interaction => {
                let request = interaction::GetInteractionRequest { name };
                there(clients.interactions.get_interaction(request).await)?
                    .map(|found| self.is(0, found.event_id == self.key))
            }
            Kind::Case => {
                let request = feedback::GetCaseRequest { name };
                there(clients.cases.get_case(request).await)?.map(|found| {
                    let replies = found.replies.iter().map(|reply| &reply.text);
                    let asked = self.states[1..].iter().map(|state| &state.text);
                    let count = found.replies.len();
                    let same = found.subject == self.key && replies.eq(asked.take(count));
                    self.is(count, same)
                })
            }
            Kind::Survey => self.look_at_survey(clients).await?,
            Kind::Segment => {
                let request = segmentation::GetSegmentRequest { name };
                there(clients.segments.get_segment(request).await)?
                    .map(|found| self.state_of(&found.display_name))
            }
        };
        state.transpose()
    }

    async fn look_at_survey(
        &self,
        mut clients: Clients,
    ) -> anyhow::Result<Option<anyhow::Result<usize>>> {
        let name = self.name.clone();
        let request = feedback::GetSurveyRequest { name: name.clone() };
        let Some(survey) = there(clients.surveys.get_survey(request).await)? else {
            return Ok(None);
        };
        if survey.state() == feedback::SurveyState::Draft {
            return Ok(Some(Ok(0)));
        }
        let request = feedback::GetSurveyReportRequest { survey: name };
        let report = clients
            .surveys
            .get_survey_report(request)
            .await?
            .into_inner();
        let (invited, answered) = (report.invitation_count, report.response_count);
        if invited > 1 || answered > invited {
            bail!(
                "{} has {invited} invitations and {answered} responses: doubled",
                self.key
            );
        }
        Ok(Some(
            self.is(usize::try_from(1 + invited + answered)?, true),
        ))
    }

    fn state_of(&self, text: &str) -> anyhow::Result<usize> {
        let found = self.states.iter().position(|state| state.text == text);
        found.with_context(|| format!("{} ({}) is {text:?}, as nobody asked", self.key, self.name))
    }

    fn is(&self, state: usize, same: bool) -> anyhow::Result<usize> {
        ensure!(
            same && state < self.states.len(),
            "{} ({}) is in state {state}, as nobody asked",
            self.key,
            self.name
        );
        Ok(state)
    }
}

/// When everything occurs.
const SECOND: i64 = 1_700_000_000;

fn display_name() -> Option<FieldMask> {
    Some(FieldMask {
        paths: vec!["display_name".to_owned()],
    })
}

fn answer<T>(answer: Response<T>, name: impl FnOnce(T) -> String) -> Result<Answer, Status> {
    let cursor = cursor_of(&answer);
    let name = name(answer.into_inner());
    Ok(Answer { name, cursor })
}

/// `None` where there is no such thing.
fn there<T>(answer: Result<Response<T>, Status>) -> Result<Option<T>, Status> {
    match answer {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status),
    }
}
