//! What the answers to a survey say.

use dossier_proto::feedback::v1::{QuestionType, SurveyReport};

use crate::format::{Sheet, count};

pub(crate) fn survey(report: &SurveyReport) -> String {
    let mut sheet = Sheet::new(
        &["question", "measure", "answers", "score", "95 % interval"],
        2,
    );
    for question in &report.questions {
        let measure = match question.r#type() {
            QuestionType::Unspecified => "–",
            QuestionType::Nps => "NPS",
            QuestionType::Csat => "CSAT %",
            QuestionType::Text => "text",
        };
        let interval = match (question.score_lower, question.score_upper) {
            (Some(lower), Some(upper)) => format!("{lower:.1} … {upper:.1}"),
            _ => "–".to_owned(),
        };
        sheet.row(vec![
            question.question_id.clone(),
            measure.to_owned(),
            count(question.answer_count),
            question
                .score
                .map_or_else(|| "–".to_owned(), |score| format!("{score:.1}")),
            interval,
        ]);
    }
    let responses = count(report.response_count);
    let invitations = count(report.invitation_count);
    format!("{responses} responses to {invitations} invitations\n{sheet}\n")
}
