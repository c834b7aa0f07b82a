//! What requests at their limits refer to.

use anyhow::Context as _;
use dossier_testkit::{Caller, Example, Rpc};
use serde_json::{Value, json};

pub struct Ground {
    pub caller: Caller,
    /// `customers/{customer}`
    pub customer: String,
    /// Another person.
    pub relative: String,
    pub organization: String,
    /// `segments/{segment}`
    pub segment: String,
    pub invitation: String,
    /// `cases/{case}`
    pub case: String,
    /// `privacyRequests/{privacy_request}`, pending.
    pub privacy_request: String,
}

impl Ground {
    pub async fn make(caller: Caller) -> anyhow::Result<Self> {
        let create = "dossier.profile.v1.CustomerService/CreateCustomer";
        let body = json!({"customer": person()});
        let customer = name(&caller, create, body, "name").await?;
        let relative = name(&caller, create, json!({"customer": person()}), "name").await?;
        let mut organization = person();
        organization["type"] = json!("CUSTOMER_TYPE_ORGANIZATION");
        let body = json!({"customer": organization});
        let organization = name(&caller, create, body, "name").await?;
        for (id, kind) in [
            ("limits_text", "ATTRIBUTE_TYPE_STRING"),
            ("limits_list", "ATTRIBUTE_TYPE_STRING_LIST"),
        ] {
            let define = "dossier.profile.v1.AttributeDefinitionService/CreateAttributeDefinition";
            let definition = json!({"type": kind, "data_class": "DATA_CLASS_QUASI"});
            let body = json!({"attribute_definition": definition, "attribute_definition_id": id});
            name(&caller, define, body, "name").await?;
        }
        let create = "dossier.segmentation.v1.SegmentService/CreateSegment";
        let body = json!({"segment": {"display_name": unique(), "rule": "count(purchase) >= 1"}});
        let segment = name(&caller, create, body, "name").await?;

        let survey = json!({"display_name": "Limits", "questions": [question(0, "Why?")]});
        let create = "dossier.feedback.v1.SurveyService/CreateSurvey";
        let survey = name(&caller, create, json!({"survey": survey}), "name").await?;
        let publish = "dossier.feedback.v1.SurveyService/PublishSurvey";
        let survey = name(&caller, publish, json!({"name": survey}), "name").await?;
        let invite = "dossier.feedback.v1.SurveyService/CreateInvitation";
        let body = json!({"survey": survey, "customer": customer});
        let invitation = name(&caller, invite, body, "name").await?;
        let open = "dossier.feedback.v1.CaseService/OpenCase";
        let case = name(&caller, open, json!({"case": case(&customer)}), "name").await?;
        let ask = "dossier.profile.v1.PrivacyRequestService/CreatePrivacyRequest";
        let asked = json!({"customer": relative, "type": "PRIVACY_REQUEST_TYPE_ACCESS"});
        let body = json!({"privacy_request": asked});
        let privacy_request = name(&caller, ask, body, "name").await?;
        Ok(Self {
            caller,
            customer,
            relative,
            organization,
            segment,
            invitation,
            case,
            privacy_request,
        })
    }
}

/// Calls, and reads one field of the answer.
async fn name(caller: &Caller, rpc: &str, body: Value, field: &str) -> anyhow::Result<String> {
    let rpc = Rpc::named(rpc)?;
    let example = Example::from_json(&rpc, vec![body])?;
    let answer = caller.call(&example).await.context(rpc.name.clone())?;
    let answer = answer.first(&rpc)?;
    let value = answer.get_field_by_name(field).context("has a name")?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

/// A name nobody has yet.
pub fn unique() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

pub fn person() -> Value {
    json!({"type": "CUSTOMER_TYPE_PERSON", "display_name": unique()})
}

pub fn case(customer: &str) -> Value {
    json!({"customer": customer, "type": "CASE_TYPE_QUESTION", "subject": "?"})
}

pub fn question(number: usize, text: &str) -> Value {
    json!({
        "question_id": format!("question_{number}"),
        "type": "QUESTION_TYPE_TEXT",
        "text": text,
    })
}

pub fn interaction(ground: &Ground) -> Value {
    json!({
        "customer": ground.customer,
        "source": "limits",
        "event_id": unique(),
        "occur_time": "2026-01-02T03:04:05Z",
    })
}
