//! Limits on what is said of consents, relationships and tags.

use serde_json::{Value, json};

use super::ground::unique;
use super::table::{limit, many, x};
use super::{Expected, Limit};

use Expected::Invalid;

const NOTICE: &str = "dossier.profile.v1.ConsentService/CreateConsentNotice";
const RELATE: &str = "dossier.profile.v1.RelationshipService/CreateRelationship";
const SEARCH: &str = "dossier.profile.v1.SearchService/SearchCustomers";
const TREE: &str = "dossier.profile.v1.RelationshipService/GetOrganizationTree";

pub fn limits() -> Vec<Limit> {
    vec![
        limit(
            "characters of a search",
            SEARCH,
            200,
            Invalid("query"),
            |_, n| vec![json!({"query": x(n)})],
        ),
        limit("words of a search", SEARCH, 8, Invalid("query"), |_, n| {
            vec![json!({"query": vec!["x"; n].join(" ")})]
        }),
        limit(
            "texts of a consent notice",
            NOTICE,
            20,
            Invalid("consent_notice.texts"),
            |_, n| {
                let languages = ('a'..='z').map(|letter| format!("q{letter}"));
                let texts: Vec<Value> = languages
                    .take(n)
                    .map(|code| text(&code, "T", "B"))
                    .collect();
                notice(json!(texts), 1)
            },
        ),
        limit(
            "title of a consent notice",
            NOTICE,
            256,
            Invalid("consent_notice.texts[0].title"),
            |_, n| notice(json!([text("en", &x(n), "B")]), 1),
        ),
        limit(
            "body of a consent notice",
            NOTICE,
            16_384,
            Invalid("consent_notice.texts[0].body"),
            |_, n| notice(json!([text("en", "T", &x(n))]), 1),
        ),
        limit(
            "purposes of a consent notice",
            NOTICE,
            50,
            Invalid("consent_notice.purposes"),
            |_, n| notice(json!([text("en", "T", "B")]), n),
        ),
        limit(
            "evidence of a consent",
            "dossier.profile.v1.ConsentService/RecordConsent",
            4_096,
            Invalid("consent.evidence"),
            |ground, n| {
                let consent = json!({
                    "decision": "CONSENT_DECISION_GRANTED",
                    "purpose": "delivery",
                    "legal_basis": "LEGAL_BASIS_CONTRACT",
                    "evidence": x(n),
                });
                vec![json!({"customer": ground.customer, "consent": consent})]
            },
        ),
        limit(
            "questions of a consent check",
            "dossier.profile.v1.ConsentService/BatchCheckConsent",
            500,
            Expected::Limit,
            |ground, n| {
                let question = |_| json!({"customer": ground.customer, "purpose": "delivery"});
                vec![json!({"requests": many(n, question)})]
            },
        ),
        limit(
            "label of a relationship",
            RELATE,
            64,
            Invalid("relationship.label"),
            |ground, n| {
                let relationship = json!({
                    "from": ground.customer,
                    "to": ground.relative,
                    "type": "RELATIONSHIP_TYPE_FRIEND",
                    "label": x(n),
                });
                vec![json!({"relationship": relationship})]
            },
        ),
        limit(
            "levels of an organization tree's answer",
            TREE,
            100,
            Invalid("depth_max"),
            |ground, n| vec![json!({"customer": ground.organization, "depth_max": n})],
        ),
        limit(
            "organizations of an organization tree's answer",
            TREE,
            1_000,
            Invalid("node_count_max"),
            |ground, n| vec![json!({"customer": ground.organization, "node_count_max": n})],
        ),
        limit(
            "tags of a merger",
            "dossier.profile.v1.TagService/MergeTags",
            50,
            Invalid("tags"),
            |_, n| {
                let tags = many(n, |number| json!(format!("tag {number}")));
                vec![json!({"tags": tags, "into_tag": "limits"})]
            },
        ),
        limit(
            "least score of a scan for duplicates",
            "dossier.profile.v1.DuplicateService/StartDuplicateScan",
            999,
            Invalid("duplicate_scan.score_min_per_mille"),
            |_, n| vec![json!({"duplicate_scan": {"score_min_per_mille": n}})],
        ),
        limit(
            "least score of listed duplicate pairs",
            "dossier.profile.v1.DuplicateService/ListDuplicatePairs",
            1_000,
            Invalid("score_min_per_mille"),
            |_, n| vec![json!({"score_min_per_mille": n})],
        ),
        limit(
            "new name of a tag",
            "dossier.profile.v1.TagService/RenameTag",
            64,
            Invalid("new_tag"),
            |_, n| vec![json!({"tag": unique(), "new_tag": unique() + &x(n - unique().len())})],
        ),
    ]
}

fn text(language: &str, title: &str, body: &str) -> Value {
    json!({"language_code": language, "title": title, "body": body})
}

fn notice(texts: Value, purposes: usize) -> Vec<Value> {
    let purposes = many(
        purposes,
        |number| json!({"purpose": format!("purpose_{number}")}),
    );
    vec![json!({
        "consent_notice": {"texts": texts, "purposes": purposes},
        "consent_notice_id": format!("n{}", unique()),
    })]
}
