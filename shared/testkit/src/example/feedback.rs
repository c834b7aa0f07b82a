//! Requests to feedback.

use serde_json::{Value, json};

use super::Scene;

const CUSTOMER: &str = "dossier.profile.v1.CustomerService/CreateCustomer";
const SURVEY: &str = "dossier.feedback.v1.SurveyService/CreateSurvey";
const PUBLISH: &str = "dossier.feedback.v1.SurveyService/PublishSurvey";
const INVITE: &str = "dossier.feedback.v1.SurveyService/CreateInvitation";
const SUBMIT: &str = "dossier.feedback.v1.SurveyService/SubmitResponse";
const OPEN: &str = "dossier.feedback.v1.CaseService/OpenCase";
const REPLY: &str = "dossier.feedback.v1.CaseService/ReplyToCase";
const RESOLVE: &str = "dossier.feedback.v1.CaseService/ResolveCase";

pub(super) async fn bodies(scene: &Scene, method: &str) -> anyhow::Result<Option<Vec<Value>>> {
    let method = method.trim_start_matches("dossier.feedback.v1.");
    let body = match method {
        "SurveyService/CreateSurvey" => json!({"survey": survey(scene)}),
        "SurveyService/GetSurvey" | "SurveyService/PublishSurvey" => {
            json!({"name": scene.made(SURVEY).await?})
        }
        "SurveyService/ListSurveys" => json!({"page_size": 5}),
        "SurveyService/UpdateSurvey" => json!({
            "survey": {
                "name": scene.made(SURVEY).await?,
                "display_name": format!("Renamed {}", scene.number()),
            },
            "update_mask": "displayName",
        }),
        "SurveyService/CloseSurvey" => json!({"name": scene.made(PUBLISH).await?}),
        "SurveyService/CreateInvitation" => json!({
            "survey": scene.made(PUBLISH).await?,
            "customer": scene.made(CUSTOMER).await?,
        }),
        "SurveyService/SubmitResponse" => json!({
            "invitation": scene.made(INVITE).await?,
            "answers": answers(scene),
        }),
        "SurveyService/ListResponses" | "SurveyService/GetSurveyReport" => {
            let survey = scene.made(PUBLISH).await?;
            let customer = scene.made(CUSTOMER).await?;
            let invite = json!({"survey": survey, "customer": customer});
            let invitation = scene.call(INVITE, invite).await?;
            let submit = json!({
                "invitation": super::name(&invitation),
                "answers": answers(scene),
            });
            scene.call(SUBMIT, submit).await?;
            json!({"survey": survey})
        }
        "CaseService/OpenCase" => json!({"case": {
            "customer": scene.made(CUSTOMER).await?,
            "type": "CASE_TYPE_COMPLAINT",
            "subject": scene.words("坏了"),
            "description": scene.words("到货时已经坏了。"),
            "channel": "hotline",
        }}),
        "CaseService/GetCase" => json!({"name": scene.made(OPEN).await?}),
        "CaseService/ListCases" => {
            scene.made(OPEN).await?;
            json!({"page_size": 5})
        }
        "CaseService/ReplyToCase" => {
            json!({"name": scene.made(OPEN).await?, "text": scene.words("对不起。")})
        }
        "CaseService/ResolveCase" => {
            json!({"name": scene.made(REPLY).await?, "resolution": scene.words("换新。")})
        }
        "CaseService/CloseCase" => json!({"name": scene.made(RESOLVE).await?}),
        "FeedbackService/WatchFeedback" => json!({"include_snapshot": true}),
        _ => return Ok(None),
    };
    Ok(Some(vec![body]))
}

fn survey(scene: &Scene) -> Value {
    json!({
        "display_name": format!("Example {}", scene.number()),
        "questions": [
            {
                "question_id": "recommend",
                "type": "QUESTION_TYPE_NPS",
                "text": "会推荐吗？",
                "required": true,
            },
            {"question_id": "why", "type": "QUESTION_TYPE_TEXT", "text": "为什么？"},
        ],
    })
}

fn answers(scene: &Scene) -> Value {
    json!([
        {"question_id": "recommend", "score": 9},
        {"question_id": "why", "text": scene.words("很好")},
    ])
}
