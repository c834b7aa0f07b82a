//! A survey whose answers are generated, and say so.

use dossier_proto::feedback::v1::answer::Value;
use dossier_proto::feedback::v1::survey_service_client::SurveyServiceClient;
use dossier_proto::feedback::v1::{
    Answer, CreateInvitationRequest, CreateSurveyRequest, GetSurveyReportRequest,
    PublishSurveyRequest, Question, QuestionType, SubmitResponseRequest, Survey, SurveyReport,
};
use futures::{TryStreamExt, stream};
use uuid::Uuid;

use crate::connect::Wire;
use crate::demo::cdnow::{self, Line};
use crate::failure::Result;

/// Customers that are asked.
const INVITED: usize = 300;
/// Of ten invited, so many answer.
const ANSWERING_OF_TEN: usize = 7;
/// Calls under way at once.
const CONCURRENCY: usize = 32;

pub(crate) const TITLE: &str = "How are we doing? (generated answers)";

/// Publishes the survey, invites the first customers of the file and answers for most of them.
pub(crate) async fn run(wire: &Wire, lines: &[Line]) -> Result<SurveyReport> {
    let mut client = SurveyServiceClient::new(wire.clone());
    let request = CreateSurveyRequest {
        survey: Some(Survey {
            display_name: TITLE.to_owned(),
            questions: vec![
                question(
                    "recommend",
                    QuestionType::Nps,
                    "How likely are you to recommend us?",
                    true,
                ),
                question(
                    "satisfied",
                    QuestionType::Csat,
                    "How satisfied are you?",
                    true,
                ),
                question(
                    "words",
                    QuestionType::Text,
                    "What should we do better?",
                    false,
                ),
            ],
            ..Survey::default()
        }),
        request_id: request_id(),
        ..CreateSurveyRequest::default()
    };
    let survey = client.create_survey(request).await?.into_inner().name;
    client
        .publish_survey(PublishSurveyRequest {
            name: survey.clone(),
            request_id: request_id(),
        })
        .await?;

    let ids = cdnow::ids(lines);
    let asked = ids.iter().take(INVITED).enumerate();
    stream::iter(asked.map(Ok))
        .try_for_each_concurrent(CONCURRENCY, |(index, id)| {
            let (client, survey) = (client.clone(), survey.clone());
            let orders = lines.iter().filter(|line| line.id == **id).count();
            async move { ask(client, survey, id, index, orders).await }
        })
        .await?;
    Ok(client
        .get_survey_report(GetSurveyReportRequest { survey })
        .await?
        .into_inner())
}

async fn ask(
    mut client: SurveyServiceClient<Wire>,
    survey: String,
    id: &str,
    index: usize,
    orders: usize,
) -> Result<()> {
    let request = CreateInvitationRequest {
        survey,
        customer_key: Some(cdnow::key(id)),
        request_id: request_id(),
        ..CreateInvitationRequest::default()
    };
    let invitation = client.create_invitation(request).await?.into_inner().name;
    if index % 10 >= ANSWERING_OF_TEN {
        return Ok(());
    }
    let (recommend, satisfied) = scores(index, orders);
    let mut answers = vec![
        answer("recommend", Value::Score(recommend)),
        answer("satisfied", Value::Score(satisfied)),
    ];
    if index.is_multiple_of(5) {
        answers.push(answer(
            "words",
            Value::Text("A generated answer.".to_owned()),
        ));
    }
    let request = SubmitResponseRequest {
        invitation,
        answers,
        request_id: request_id(),
    };
    client.submit_response(request).await?;
    Ok(())
}

/// Made up, the same in every run: those who bought more often are happier.
fn scores(index: usize, orders: usize) -> (i32, i32) {
    let mood = [10, 9, 9, 8, 10, 7, 6, 9, 8, 3][index * 7 % 10];
    let loyalty = i32::from(orders >= 3);
    let recommend = (mood + loyalty).min(10);
    (recommend, (recommend / 2).clamp(1, 5))
}

fn question(id: &str, kind: QuestionType, text: &str, required: bool) -> Question {
    Question {
        question_id: id.to_owned(),
        r#type: kind.into(),
        text: text.to_owned(),
        required,
    }
}

fn answer(id: &str, value: Value) -> Answer {
    Answer {
        question_id: id.to_owned(),
        value: Some(value),
    }
}

fn request_id() -> String {
    Uuid::now_v7().to_string()
}
