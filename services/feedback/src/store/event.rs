//! What the feed says about feedback: JSON of these structures. No free text and no names.

use dossier_kernel::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{AnswerValue, Case, Response};

/// A body of the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackEvent {
    Response(ResponseEvent),
    Case(CaseEvent),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseEvent {
    pub response_id: Uuid,
    pub survey_id: Uuid,
    pub survey_version: i32,
    pub customer_id: Uuid,
    pub invitation_id: Uuid,
    pub create_time: Timestamp,
    /// Question and score; text answers are left out.
    pub scores: Vec<(String, i32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseEvent {
    pub case_id: Uuid,
    pub revision: i64,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
    pub customer_id: Uuid,
    pub case_type: String,
    pub channel: Option<String>,
    pub state: String,
    pub replies: Vec<Told>,
    pub resolve_time: Option<Timestamp>,
    pub close_time: Option<Timestamp>,
}

/// That the customer was told something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub create_time: Timestamp,
    pub author: String,
}

impl FeedbackEvent {
    pub fn of_response(response: &Response) -> Self {
        let Response {
            id,
            survey,
            survey_version,
            customer,
            invitation,
            create_time,
            answers,
            masked: _,
        } = response;
        let scores = answers.iter().filter_map(|answer| match &answer.value {
            AnswerValue::Score(score) => Some((answer.question_id.clone(), *score)),
            AnswerValue::Text(_) => None,
        });
        Self::Response(ResponseEvent {
            response_id: id.uuid(),
            survey_id: survey.uuid(),
            survey_version: *survey_version,
            customer_id: customer.uuid(),
            invitation_id: invitation.uuid(),
            create_time: *create_time,
            scores: scores.collect(),
        })
    }

    pub fn of_case(case: &Case) -> Self {
        let Case {
            id,
            revision,
            create_time,
            update_time,
            customer,
            case_type,
            subject: _,
            description: _,
            channel,
            state,
            replies,
            resolution: _,
            resolve_time,
            close_time,
            masked: _,
        } = case;
        let replies = replies.iter().map(|reply| Told {
            create_time: reply.create_time,
            author: reply.author.clone(),
        });
        Self::Case(CaseEvent {
            case_id: id.uuid(),
            revision: *revision,
            create_time: *create_time,
            update_time: *update_time,
            customer_id: customer.uuid(),
            case_type: case_type.as_str().to_owned(),
            channel: channel.clone(),
            state: state.as_str().to_owned(),
            replies: replies.collect(),
            resolve_time: *resolve_time,
            close_time: *close_time,
        })
    }

    /// Changes of one customer stay in order.
    pub fn subject(&self) -> Uuid {
        match self {
            Self::Response(response) => response.customer_id,
            Self::Case(case) => case.customer_id,
        }
    }

    pub fn encode(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(Error::internal)
    }

    pub fn decode(body: &[u8]) -> Result<Self> {
        serde_json::from_slice(body).map_err(Error::internal)
    }
}
