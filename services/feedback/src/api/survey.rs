//! Surveys, invitations and responses on the wire.

use dossier_kernel::{Pii, Result};
use dossier_proto::feedback::v1 as wire;

use super::decode::{field_mask, invalid, wire_time};
use crate::app::Report;
use crate::domain::report::Score;
use crate::domain::{
    Answer, AnswerValue, Invitation, Question, QuestionType, Response, Survey, SurveyDraft,
    SurveyPatch, SurveyState,
};

pub fn decode_draft(survey: Option<wire::Survey>) -> Result<SurveyDraft> {
    let survey = survey.ok_or_else(|| invalid("survey", "is required"))?;
    if !survey.name.is_empty() {
        return Err(invalid(
            "survey.name",
            "must be empty; choose an id with survey_id",
        ));
    }
    Ok(SurveyDraft {
        display_name: survey.display_name,
        questions: decode_questions(survey.questions)?,
    })
}

/// The fields named by the mask, or those that are set where there is none.
pub fn decode_patch(
    survey: wire::Survey,
    mask: Option<prost_types::FieldMask>,
) -> Result<SurveyPatch> {
    let mut patch = SurveyPatch::default();
    let paths = mask.map(|mask| mask.paths).unwrap_or_default();
    let all_set = paths.is_empty();
    let named = |field: &str, set: bool| (all_set && set) || paths.iter().any(|path| path == field);
    if named("display_name", !survey.display_name.is_empty()) {
        patch.display_name = Some(survey.display_name);
    }
    if named("questions", !survey.questions.is_empty()) {
        patch.questions = Some(decode_questions(survey.questions)?);
    }
    match paths
        .iter()
        .find(|path| !["display_name", "questions"].contains(&path.as_str()))
    {
        Some(_) => Err(invalid(
            "update_mask",
            "may name display_name and questions",
        )),
        None => Ok(patch),
    }
}

fn decode_questions(questions: Vec<wire::Question>) -> Result<Vec<Question>> {
    let decode = |(index, question): (usize, wire::Question)| {
        let question_type = match question.r#type() {
            wire::QuestionType::Nps => QuestionType::Nps,
            wire::QuestionType::Csat => QuestionType::Csat,
            wire::QuestionType::Text => QuestionType::Text,
            wire::QuestionType::Unspecified => {
                let field = format!("survey.questions[{index}].type");
                return Err(invalid(&field, "is required: NPS, CSAT or TEXT"));
            }
        };
        let wire::Question {
            question_id,
            r#type: _,
            text,
            required,
        } = question;
        Ok(Question {
            question_id,
            question_type,
            text,
            required,
        })
    };
    questions.into_iter().enumerate().map(decode).collect()
}

pub fn decode_answers(answers: Vec<wire::Answer>) -> Result<Vec<Answer>> {
    let decode = |(index, answer): (usize, wire::Answer)| {
        let value = match answer.value {
            Some(wire::answer::Value::Score(score)) => AnswerValue::Score(score),
            Some(wire::answer::Value::Text(text)) => AnswerValue::Text(Pii::new(text)),
            None => {
                return Err(invalid(
                    &format!("answers[{index}]"),
                    "must have a score or a text",
                ));
            }
        };
        Ok(Answer {
            question_id: answer.question_id,
            value,
        })
    };
    answers.into_iter().enumerate().map(decode).collect()
}

pub fn encode_survey(survey: Survey) -> wire::Survey {
    let etag = survey.etag();
    let Survey {
        id,
        revision: _,
        create_time,
        update_time,
        display_name,
        questions,
        state,
        version,
        publish_time,
    } = survey;
    let state = match state {
        SurveyState::Draft => wire::SurveyState::Draft,
        SurveyState::Published => wire::SurveyState::Published,
        SurveyState::Closed => wire::SurveyState::Closed,
    };
    wire::Survey {
        name: id.to_name(),
        uid: id.to_string(),
        etag,
        create_time: wire_time(create_time),
        update_time: wire_time(update_time),
        display_name,
        questions: questions.into_iter().map(encode_question).collect(),
        state: state.into(),
        version,
        publish_time: publish_time.and_then(wire_time),
    }
}

fn encode_question(question: Question) -> wire::Question {
    let Question {
        question_id,
        question_type,
        text,
        required,
    } = question;
    wire::Question {
        question_id,
        r#type: encode_type(question_type).into(),
        text,
        required,
    }
}

const fn encode_type(question_type: QuestionType) -> wire::QuestionType {
    match question_type {
        QuestionType::Nps => wire::QuestionType::Nps,
        QuestionType::Csat => wire::QuestionType::Csat,
        QuestionType::Text => wire::QuestionType::Text,
    }
}

pub fn encode_invitation(invitation: Invitation) -> wire::Invitation {
    let Invitation {
        id,
        survey,
        customer,
        create_time,
        expire_time,
        use_time,
    } = invitation;
    wire::Invitation {
        name: id.to_name(),
        survey: survey.to_name(),
        customer: customer.to_name(),
        create_time: wire_time(create_time),
        expire_time: wire_time(expire_time),
        use_time: use_time.and_then(wire_time),
    }
}

pub fn encode_response(response: Response) -> wire::Response {
    let Response {
        id,
        survey,
        survey_version,
        customer,
        invitation,
        create_time,
        answers,
        masked,
    } = response;
    let answers = answers
        .into_iter()
        .map(|Answer { question_id, value }| wire::Answer {
            question_id,
            value: Some(match value {
                AnswerValue::Score(score) => wire::answer::Value::Score(score),
                AnswerValue::Text(text) => wire::answer::Value::Text(text.expose().clone()),
            }),
        });
    wire::Response {
        name: id.to_name(),
        survey: survey.to_name(),
        survey_version,
        customer: customer.to_name(),
        invitation: invitation.to_name(),
        create_time: wire_time(create_time),
        answers: answers.collect(),
        masked_fields: masked.then(|| field_mask(&["answers.text"])),
    }
}

pub fn encode_report(report: Report) -> wire::SurveyReport {
    let Report {
        survey,
        invitation_count,
        response_count,
        questions,
    } = report;
    let questions = questions
        .into_iter()
        .map(|(question, counts, score)| wire::QuestionReport {
            question_id: question.question_id,
            r#type: encode_type(question.question_type).into(),
            answer_count: counts.total(),
            score: score.map(|Score { value, .. }| value),
            score_lower: score.map(|Score { lower, .. }| lower),
            score_upper: score.map(|Score { upper, .. }| upper),
            scores: counts
                .scores
                .into_iter()
                .map(|(score, answer_count)| wire::ScoreCount {
                    score,
                    answer_count,
                })
                .collect(),
        });
    wire::SurveyReport {
        survey: survey.id.to_name(),
        survey_version: survey.version,
        invitation_count,
        response_count,
        questions: questions.collect(),
    }
}
