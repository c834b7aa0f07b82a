//! Requests to profile.

use anyhow::Context as _;
use serde_json::{Value, json};

use uuid::Uuid;

use super::{Example, Scene, duplicate, merge, privacy_request};
use crate::contract::Rpc;

const CREATE: &str = "dossier.profile.v1.CustomerService/CreateCustomer";
const UPDATE: &str = "dossier.profile.v1.CustomerService/UpdateCustomer";
const IMPORT: &str = "dossier.profile.v1.CustomerService/ImportCustomers";
const DELETE: &str = "dossier.profile.v1.CustomerService/DeleteCustomer";
const DEFINE: &str = "dossier.profile.v1.AttributeDefinitionService/CreateAttributeDefinition";
const NOTICE: &str = "dossier.profile.v1.ConsentService/CreateConsentNotice";
const RECORD: &str = "dossier.profile.v1.ConsentService/RecordConsent";
const RELATE: &str = "dossier.profile.v1.RelationshipService/CreateRelationship";

pub(super) async fn bodies(scene: &Scene, method: &str) -> anyhow::Result<Option<Vec<Value>>> {
    let method = method.trim_start_matches("dossier.profile.v1.");
    let body = match method {
        "CustomerService/CreateCustomer" => json!({"customer": person(scene).await?}),
        "CustomerService/GetCustomer" => json!({"name": scene.made(CREATE).await?}),
        "CustomerService/BatchGetCustomers" => {
            json!({"names": [scene.made(CREATE).await?, scene.made(CREATE).await?]})
        }
        "CustomerService/ListCustomers" => {
            scene.made(CREATE).await?;
            json!({"page_size": 5, "order_by": "create_time desc"})
        }
        "CustomerService/UpdateCustomer" => {
            let name = scene.made(CREATE).await?;
            json!({
                "customer": {"name": name, "display_name": scene.words("renamed")},
                "update_mask": "displayName",
            })
        }
        "CustomerService/DeleteCustomer" => json!({"name": scene.made(CREATE).await?}),
        "CustomerService/UndeleteCustomer" => json!({"name": scene.made(DELETE).await?}),
        "CustomerService/UpsertCustomer" => json!({"customer": person(scene).await?}),
        "CustomerService/LookupCustomers" => {
            let email = format!("{}@example.com", scene.word());
            let customer = json!({
                "type": "CUSTOMER_TYPE_PERSON",
                "display_name": scene.words("looked up"),
                "contact_points": [{"type": "CONTACT_POINT_TYPE_EMAIL", "value": email}],
            });
            scene.call(CREATE, json!({"customer": customer})).await?;
            json!({"keys": [{"email": email}]})
        }
        "CustomerService/AddTags" | "CustomerService/RemoveTags" => {
            json!({"name": scene.made(CREATE).await?, "tags": ["vip", "regular"]})
        }
        "CustomerService/ImportCustomers" => {
            let rows = [person(scene).await?, person(scene).await?];
            return Ok(Some(vec![
                json!({"header": {"format": "IMPORT_FORMAT_ROWS"}}),
                json!({"rows": {"customers": rows}}),
            ]));
        }
        "ImportService/GetImport" | "ImportService/UndoImport" => {
            json!({"name": imported(scene).await?})
        }
        "ImportService/ListImports" => {
            imported(scene).await?;
            json!({"page_size": 5})
        }
        "CustomerService/ExportCustomers" => json!({"format": "EXPORT_FORMAT_CSV"}),
        "CustomerService/WatchCustomers" => json!({"include_snapshot": true}),
        "RevisionService/ListRevisions" => json!({"parent": changed(scene).await?}),
        "RevisionService/GetProvenance" => json!({"name": changed(scene).await?}),
        "RevisionService/RollbackCustomer" => json!({"name": changed(scene).await?, "revision": 1}),
        "AttributeDefinitionService/CreateAttributeDefinition" => {
            let id = format!("field_{}", scene.number());
            definition(&id, "ATTRIBUTE_TYPE_STRING", "DATA_CLASS_DIRECT")
        }
        "AttributeDefinitionService/UpdateAttributeDefinition" => {
            let name = scene.made(DEFINE).await?;
            json!({
                "attribute_definition": {"name": name, "description": "An example"},
                "update_mask": "description",
            })
        }
        "AttributeDefinitionService/GetAttributeDefinition"
        | "AttributeDefinitionService/DeprecateAttributeDefinition" => {
            json!({"name": scene.made(DEFINE).await?})
        }
        "AttributeDefinitionService/ListAttributeDefinitions" => json!({"page_size": 5}),
        "ConsentService/CreateConsentNotice" => notice(scene),
        "ConsentService/GetConsentNotice" => json!({"name": scene.made(NOTICE).await?}),
        "ConsentService/ListConsentNotices" => {
            scene.made(NOTICE).await?;
            json!({"page_size": 5})
        }
        "ConsentService/RecordConsent" => consent(scene, &scene.made(CREATE).await?).await?,
        "ConsentService/WithdrawConsent" => json!({
            "customer": agreed(scene).await?,
            "purpose": "marketing",
            "channel": "email",
            "evidence": scene.words("no more of this"),
        }),
        "ConsentService/CheckConsent" => {
            json!({"customer": agreed(scene).await?, "purpose": "marketing", "channel": "email"})
        }
        "ConsentService/BatchCheckConsent" => json!({"requests": [
            {"customer": agreed(scene).await?, "purpose": "marketing", "channel": "sms"},
            {"key": {"email": format!("{}@example.com", scene.word())}, "purpose": "marketing"},
        ]}),
        "ConsentService/ListConsents" | "ConsentService/ListConsentEntries" => {
            json!({"customer": agreed(scene).await?, "page_size": 5})
        }
        "RelationshipService/CreateRelationship" => {
            let (from, to) = (scene.made(CREATE).await?, scene.made(CREATE).await?);
            relationship(&from, &to, "SIBLING")
        }
        "RelationshipService/EndRelationship" => json!({"name": scene.made(RELATE).await?}),
        "RelationshipService/ListRelationships" => {
            let (from, to) = (scene.made(CREATE).await?, scene.made(CREATE).await?);
            scene
                .call(RELATE, relationship(&from, &to, "PARENT"))
                .await?;
            json!({"customer": to, "page_size": 5})
        }
        "RelationshipService/GetHousehold" => {
            let (member, household) = (scene.made(CREATE).await?, organization(scene).await?);
            let body = relationship(&member, &household, "HOUSEHOLD_MEMBER");
            scene.call(RELATE, body).await?;
            json!({"customer": member})
        }
        "RelationshipService/GetOrganizationTree" => {
            let (parent, child) = (organization(scene).await?, organization(scene).await?);
            let body = relationship(&child, &parent, "SUBSIDIARY");
            scene.call(RELATE, body).await?;
            json!({"customer": child})
        }
        "SearchService/SearchCustomers" => {
            scene.made(CREATE).await?;
            json!({"query": "王小", "page_size": 5})
        }
        "TagService/ListTags" => {
            scene.made(CREATE).await?;
            json!({"page_size": 5})
        }
        "TagService/RenameTag" => {
            let number = tagged(scene).await?;
            json!({"tag": format!("tag {number}"), "new_tag": format!("renamed {number}")})
        }
        "TagService/MergeTags" => {
            let number = tagged(scene).await?;
            json!({"tags": [format!("tag {number}")], "into_tag": "merged"})
        }
        _ => match elsewhere(scene, method).await? {
            Some(body) => body,
            None => return Ok(None),
        },
    };
    Ok(Some(vec![body]))
}

async fn elsewhere(scene: &Scene, method: &str) -> anyhow::Result<Option<Value>> {
    match method.split_once('/') {
        Some(("PrivacyRequestService", method)) => privacy_request::body(scene, method).await,
        Some(("DuplicateService", method)) => duplicate::body(scene, method).await,
        Some(("MergeService", method)) => merge::body(scene, method).await,
        _ => Ok(None),
    }
}

/// A customer with two revisions.
async fn changed(scene: &Scene) -> anyhow::Result<String> {
    scene.made(UPDATE).await
}

/// A file with a value in nearly every field.
async fn person(scene: &Scene) -> anyhow::Result<Value> {
    let defined = scene.0.attributes.get_or_try_init(|| define(scene));
    defined.await?;
    let number = scene.number();
    Ok(json!({
        "type": "CUSTOMER_TYPE_PERSON",
        "display_name": scene.words("王小明"),
        "given_name": scene.words("小明"),
        "family_name": scene.words("王"),
        "gender": "GENDER_FEMALE",
        "birth_date": {"year": 1990, "month": 2, "day": 3},
        "region_code": "CN",
        "language_code": "zh-CN",
        "time_zone": "Asia/Shanghai",
        "contact_points": [
            {"type": "CONTACT_POINT_TYPE_EMAIL", "value": format!("{}@example.com", scene.word())},
            {"type": "CONTACT_POINT_TYPE_PHONE", "value": format!("+861380{number:07}")},
        ],
        "external_ids": [{"namespace": "example", "value": scene.word()}],
        "addresses": [{
            "region_code": "CN",
            "postal_code": "200000",
            "locality": "上海市",
            "address_lines": [scene.words("人民路 1 号")],
        }],
        "tags": ["vip"],
        "attributes": {
            "example_health": {"string_value": scene.words("asthma")},
            "example_plate": {"string_value": scene.words("plate")},
            "example_level": {"int_value": number.to_string()},
        },
    }))
}

fn notice(scene: &Scene) -> Value {
    json!({
        "consent_notice": {
            "texts": [{"language_code": "en", "title": "News", "body": "We send you news."}],
            "purposes": [
                {"purpose": "marketing"},
                {
                    "purpose": "sharing",
                    "separate_reasons": ["SEPARATE_CONSENT_REASON_THIRD_PARTY"],
                },
            ],
            // What is recorded now happened after it.
            "effective_time": "2020-01-01T00:00:00Z",
        },
        "consent_notice_id": format!("notice_{}", scene.number()),
    })
}

async fn consent(scene: &Scene, customer: &str) -> anyhow::Result<Value> {
    Ok(json!({
        "customer": customer,
        "consent": {
            "decision": "CONSENT_DECISION_GRANTED",
            "purpose": "marketing",
            "channel": "email",
            "kind": "CONSENT_KIND_GENERAL",
            "legal_basis": "LEGAL_BASIS_CONSENT",
            "notice": scene.made(NOTICE).await?,
            "evidence": scene.words("ticked the box"),
            "collected_through": "web.checkout",
        },
    }))
}

/// A customer with an entry in the ledger.
async fn agreed(scene: &Scene) -> anyhow::Result<String> {
    let customer = scene.made(CREATE).await?;
    scene.call(RECORD, consent(scene, &customer).await?).await?;
    Ok(customer)
}

fn relationship(from: &str, to: &str, kind: &str) -> Value {
    let kind = format!("RELATIONSHIP_TYPE_{kind}");
    // What ends now began before.
    let start = "2020-01-01T00:00:00Z";
    json!({"relationship": {"from": from, "to": to, "type": kind, "start_time": start}})
}

async fn organization(scene: &Scene) -> anyhow::Result<String> {
    let customer = json!({
        "type": "CUSTOMER_TYPE_ORGANIZATION",
        "display_name": scene.words("有限公司"),
    });
    let made = scene.call(CREATE, json!({"customer": customer})).await?;
    super::name(&made).context("a customer has a name")
}

/// An import: its name. It has no rows, so that nothing goes on when it is undone.
async fn imported(scene: &Scene) -> anyhow::Result<String> {
    let import = Uuid::now_v7();
    let header = json!({"format": "IMPORT_FORMAT_ROWS", "import_id": import.to_string()});
    let example = Example::from_json(&Rpc::named(IMPORT)?, vec![json!({"header": header})])?;
    scene.caller().call(&example).await?;
    Ok(format!("imports/{import}"))
}

/// Somebody has a tag that nobody else has: its number.
async fn tagged(scene: &Scene) -> anyhow::Result<u64> {
    let number = scene.number();
    let mut customer = person(scene).await?;
    customer["tags"] = json!([format!("tag {number}")]);
    scene.call(CREATE, json!({"customer": customer})).await?;
    Ok(number)
}

/// The tenant's own fields that [`person`] fills: one of each class that holds text, and a number.
async fn define(scene: &Scene) -> anyhow::Result<()> {
    for (id, kind, class) in [
        (
            "example_health",
            "ATTRIBUTE_TYPE_STRING",
            "DATA_CLASS_SENSITIVE",
        ),
        (
            "example_plate",
            "ATTRIBUTE_TYPE_STRING",
            "DATA_CLASS_DIRECT",
        ),
        ("example_level", "ATTRIBUTE_TYPE_INT", "DATA_CLASS_QUASI"),
    ] {
        match scene.call(DEFINE, definition(id, kind, class)).await {
            Ok(_) => {}
            // Another scene of the same tenant was first.
            Err(error) if is_taken(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_taken(error: &anyhow::Error) -> bool {
    let status = error.downcast_ref::<tonic::Status>();
    status.is_some_and(|status| status.code() == tonic::Code::AlreadyExists)
}

fn definition(id: &str, kind: &str, class: &str) -> Value {
    json!({
        "attribute_definition": {"type": kind, "data_class": class, "display_name": "Example"},
        "attribute_definition_id": id,
    })
}
