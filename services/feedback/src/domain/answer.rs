//! Answers, and whether they fit the questions.

use std::collections::HashSet;

use dossier_kernel::id::{InvitationId, ResponseId, SurveyId};
use dossier_kernel::{CustomerId, Pii, Result, Timestamp, Violations};

use super::{Question, QuestionType};

const TEXT_MAX: usize = 4_096;
/// As many as a survey has questions.
const ANSWERS_MAX: usize = 50;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub question_id: String,
    pub value: AnswerValue,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerValue {
    Score(i32),
    Text(Pii<String>),
}

/// One set of answers, as submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub id: ResponseId,
    pub survey: SurveyId,
    pub survey_version: i32,
    pub customer: CustomerId,
    pub invitation: InvitationId,
    pub create_time: Timestamp,
    /// In the order of the survey's questions.
    pub answers: Vec<Answer>,
    /// Texts were left out unlooked at, because the reader may not see them.
    pub masked: bool,
}

/// Checks answers against the frozen questions and puts them into the questions' order.
pub fn check_answers(questions: &[Question], mut answers: Vec<Answer>) -> Result<Vec<Answer>> {
    let mut violations = Violations::default();
    if answers.len() > ANSWERS_MAX {
        violations.add("answers", "must be at most 50, one per question");
        return violations.into_result().map(|()| Vec::new());
    }
    let mut seen = HashSet::new();
    for (index, answer) in answers.iter().enumerate() {
        let path = |field: &str| format!("answers[{index}].{field}");
        let Some(question) = questions
            .iter()
            .find(|q| q.question_id == answer.question_id)
        else {
            violations.add(path("question_id"), "names no question of the survey");
            continue;
        };
        if !seen.insert(answer.question_id.as_str()) {
            violations.add(path("question_id"), "is answered by an earlier answer");
        }
        check_value(question.question_type, &answer.value, path, &mut violations);
    }
    for question in questions.iter().filter(|q| q.required) {
        if !seen.contains(question.question_id.as_str()) {
            violations.add(
                "answers",
                format!("must answer the required question {}", question.question_id),
            );
        }
    }
    violations.into_result()?;
    let place = |answer: &Answer| {
        questions
            .iter()
            .position(|q| q.question_id == answer.question_id)
    };
    answers.sort_by_key(place);
    Ok(answers)
}

fn check_value(
    question_type: QuestionType,
    value: &AnswerValue,
    path: impl Fn(&str) -> String,
    violations: &mut Violations,
) {
    match (question_type, value) {
        (QuestionType::Nps, AnswerValue::Score(0..=10))
        | (QuestionType::Csat, AnswerValue::Score(1..=5)) => {}
        (QuestionType::Nps, _) => {
            violations.add(path("score"), "must be 0 to 10 for an NPS question")
        }
        (QuestionType::Csat, _) => {
            violations.add(path("score"), "must be 1 to 5 for a CSAT question")
        }
        (QuestionType::Text, AnswerValue::Score(_)) => {
            violations.add(
                path("text"),
                "must be text, 1 to 4,096 characters, for a TEXT question",
            );
        }
        (QuestionType::Text, AnswerValue::Text(text)) => {
            let text = text.expose();
            if text.is_empty() {
                violations.add(
                    path("text"),
                    "must have 1 to 4,096 characters; leave the answer out instead",
                );
            }
            violations.text(&path("text"), text, TEXT_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn questions() -> Vec<Question> {
        let question = |id: &str, question_type, required| Question {
            question_id: id.to_owned(),
            question_type,
            text: "?".to_owned(),
            required,
        };
        vec![
            question("nps", QuestionType::Nps, true),
            question("csat", QuestionType::Csat, false),
            question("why", QuestionType::Text, false),
        ]
    }

    fn score(id: &str, score: i32) -> Answer {
        Answer {
            question_id: id.to_owned(),
            value: AnswerValue::Score(score),
        }
    }

    fn text(id: &str, text: &str) -> Answer {
        Answer {
            question_id: id.to_owned(),
            value: AnswerValue::Text(Pii::from(text)),
        }
    }

    #[test]
    fn good_answers_come_back_in_the_order_of_the_questions() {
        let answers = vec![text("why", "慢"), score("nps", 10)];
        let checked = check_answers(&questions(), answers).expect("fit");
        assert_eq!(checked, vec![score("nps", 10), text("why", "慢")]);
    }

    #[test]
    fn every_misfit_is_named() {
        let answers = vec![
            score("csat", 6),
            score("csat", 5),
            score("why", 1),
            score("unknown", 1),
            text("why", ""),
        ];
        let error = check_answers(&questions(), answers).expect_err("misfits");
        let fields: Vec<&str> = error
            .violations()
            .iter()
            .map(|v| v.field.as_str())
            .collect();
        let expected = [
            "answers[0].score",
            "answers[1].question_id",
            "answers[2].text",
            "answers[3].question_id",
            "answers[4].question_id",
            "answers[4].text",
            "answers",
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn too_many_answers_are_refused_once() {
        let answers = vec![score("unknown", 1); ANSWERS_MAX + 1];
        let error = check_answers(&questions(), answers).expect_err("too many");
        let fields: Vec<_> = error.violations().iter().map(|v| &v.field).collect();
        assert_eq!(fields, ["answers"]);
    }

    #[test]
    fn the_ends_of_the_scales_are_inside() {
        let nps = |value| check_answers(&questions(), vec![score("nps", value)]);
        let csat = |value| check_answers(&questions(), vec![score("nps", 0), score("csat", value)]);
        assert!(nps(0).is_ok() && nps(10).is_ok() && csat(1).is_ok() && csat(5).is_ok());
        assert!(nps(-1).is_err() && nps(11).is_err() && csat(0).is_err() && csat(6).is_err());
    }
}
