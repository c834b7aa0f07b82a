//! The ledger of consents, over gRPC.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use wire::check_consent_request::Who;
use wire::watch_customers_response::Item;

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

/// `privacy`: marketing, and sharing, which demands a separate consent.
pub async fn publish(client: &mut Consents) -> wire::ConsentNotice {
    let purpose = |purpose: &str, reasons: &[wire::SeparateConsentReason]| wire::ConsentPurpose {
        purpose: purpose.to_owned(),
        separate_reasons: reasons.iter().map(|reason| (*reason).into()).collect(),
    };
    let notice = wire::ConsentNotice {
        texts: vec![wire::ConsentNoticeText {
            language_code: "en".to_owned(),
            title: "News".to_owned(),
            body: "We send you news.".to_owned(),
        }],
        purposes: vec![
            purpose("marketing", &[]),
            purpose("sharing", &[wire::SeparateConsentReason::ThirdParty]),
        ],
        ..Default::default()
    };
    let request = wire::CreateConsentNoticeRequest {
        consent_notice: Some(notice),
        consent_notice_id: "privacy".to_owned(),
        request_id: request_id(),
    };
    let made = client.create_consent_notice(request).await;
    made.expect("published").into_inner()
}

pub fn grant(purpose: &str, channel: &str) -> wire::Consent {
    wire::Consent {
        decision: wire::ConsentDecision::Granted.into(),
        purpose: purpose.to_owned(),
        channel: channel.to_owned(),
        kind: wire::ConsentKind::General.into(),
        legal_basis: wire::LegalBasis::Consent.into(),
        notice: "consentNotices/privacy".to_owned(),
        ..Default::default()
    }
}

/// Needs no notice.
fn contract(purpose: &str) -> wire::Consent {
    wire::Consent {
        kind: wire::ConsentKind::Unspecified.into(),
        legal_basis: wire::LegalBasis::Contract.into(),
        notice: String::new(),
        ..grant(purpose, "")
    }
}

pub async fn record(
    client: &mut Consents,
    customer: &str,
    consent: wire::Consent,
) -> Result<wire::Consent, Status> {
    let request = wire::RecordConsentRequest {
        customer: customer.to_owned(),
        consent: Some(consent),
        request_id: request_id(),
    };
    Ok(client.record_consent(request).await?.into_inner())
}

pub async fn withdraw(client: &mut Consents, customer: &str, purpose: &str, channel: &str) {
    let request = wire::WithdrawConsentRequest {
        customer: customer.to_owned(),
        purpose: purpose.to_owned(),
        channel: channel.to_owned(),
        ..Default::default()
    };
    client.withdraw_consent(request).await.expect("withdrawn");
}

pub fn question(customer: &str, purpose: &str, channel: &str) -> wire::CheckConsentRequest {
    wire::CheckConsentRequest {
        who: Some(Who::Customer(customer.to_owned())),
        purpose: purpose.to_owned(),
        channel: channel.to_owned(),
        read_time: None,
    }
}

pub async fn check(
    client: &mut Consents,
    question: wire::CheckConsentRequest,
) -> wire::ConsentStatus {
    let status = client.check_consent(question).await;
    status.expect("answers").into_inner()
}

pub async fn reason(
    client: &mut Consents,
    customer: &str,
    purpose: &str,
    channel: &str,
) -> &'static str {
    let status = check(client, question(customer, purpose, channel)).await;
    why(&status)
}

/// `IN_FORCE`
pub fn why(status: &wire::ConsentStatus) -> &'static str {
    let name = status.reason().as_str_name();
    name.trim_start_matches("CONSENT_REASON_")
}

#[tokio::test]
async fn a_withdrawal_is_effective_with_its_answer_and_the_past_stays() {
    for house in House::each().await {
        let (mut customers, mut consents) = (house.customers(), house.consents());
        publish(&mut consents).await;
        let made = create(&mut customers, known("1")).await;
        let name = made.name.as_str();
        assert_eq!(
            reason(&mut consents, name, "marketing", "email").await,
            "NOTHING_RECORDED"
        );
        let mut consent = grant("marketing", "");
        consent.evidence = " ticked\r\nthe box ".to_owned();
        let kept = record(&mut consents, name, consent)
            .await
            .expect("recorded");
        assert_eq!(
            (kept.evidence.as_str(), kept.notice_version),
            ("ticked\nthe box", 1)
        );
        assert_eq!(kept.actor, "service:test");
        let status = check(&mut consents, question(name, "marketing", "email")).await;
        assert!(status.state() == wire::ConsentState::Granted);
        assert_eq!(status.consent, kept.name);

        house.pass(DAY);
        withdraw(&mut consents, name, "marketing", "email").await;
        assert_eq!(
            reason(&mut consents, name, "marketing", "email").await,
            "WITHDRAWN"
        );
        assert_eq!(
            reason(&mut consents, name, "marketing", "sms").await,
            "IN_FORCE"
        );
        let mut yesterday = question(name, "marketing", "email");
        yesterday.read_time = kept.occur_time;
        assert_eq!(why(&check(&mut consents, yesterday).await), "IN_FORCE");

        let request = wire::ListConsentsRequest {
            customer: name.to_owned(),
            page_size: 1,
            ..Default::default()
        };
        let page = consents
            .list_consents(request.clone())
            .await
            .expect("lists")
            .into_inner();
        assert_eq!(page.statuses[0].channel, "");
        let request = wire::ListConsentsRequest {
            page_token: page.next_page_token,
            ..request
        };
        let page = consents
            .list_consents(request)
            .await
            .expect("lists")
            .into_inner();
        assert!(page.statuses[0].state() == wire::ConsentState::Withdrawn);
        assert!(page.next_page_token.is_empty());
        let request = wire::ListConsentEntriesRequest {
            customer: name.to_owned(),
            ..Default::default()
        };
        let ledger = consents
            .list_consent_entries(request)
            .await
            .expect("lists")
            .into_inner();
        assert_eq!(ledger.consents.len(), 2);
        assert_eq!(ledger.consents[0].evidence, "ticked\nthe box");
        // The file itself did not change.
        assert_eq!(
            get(&mut customers, name).await.expect("there").etag,
            made.etag
        );
    }
}

#[tokio::test]
async fn what_a_purpose_and_an_age_demand_is_looked_at() {
    for house in House::each().await {
        let (mut customers, mut consents) = (house.customers(), house.consents());
        publish(&mut consents).await;
        let child = wire::Customer {
            birth_date: Some(common::Date {
                year: 2015,
                month: 6,
                day: 1,
            }),
            ..known("child")
        };
        let child = create(&mut customers, child).await.name;
        let grown = create(&mut customers, known("grown")).await.name;
        use wire::ConsentKind as Kind;
        for (customer, purpose, kind, wanted) in [
            (&grown, "marketing", Kind::General, "IN_FORCE"),
            (&grown, "sharing", Kind::General, "NEEDS_SEPARATE"),
            (&grown, "sharing", Kind::Separate, "IN_FORCE"),
            (&child, "marketing", Kind::General, "NEEDS_GUARDIAN"),
            (&child, "sharing", Kind::Separate, "NEEDS_GUARDIAN"),
            (&child, "sharing", Kind::Guardian, "IN_FORCE"),
        ] {
            let mut consent = grant(purpose, "");
            consent.kind = kind.into();
            record(&mut consents, customer, consent)
                .await
                .expect("recorded");
            assert_eq!(
                reason(&mut consents, customer, purpose, "").await,
                wanted,
                "{purpose} {}",
                kind.as_str_name()
            );
            house.pass(DAY);
        }
    }
}

#[tokio::test]
async fn many_are_asked_at_once_by_name_and_by_identifier() {
    for house in House::each().await {
        let (mut customers, mut consents) = (house.customers(), house.consents());
        publish(&mut consents).await;
        let shared = || wire::Customer {
            contact_points: vec![email("family@example.com")],
            ..person("Wang")
        };
        let mut names = Vec::new();
        for _ in 0..2 {
            names.push(create(&mut customers, shared()).await.name);
        }
        let theirs = create(&mut house.customers_of("other"), shared())
            .await
            .name;
        let by_email = |value: &str| wire::CheckConsentRequest {
            who: Some(Who::Key(common::CustomerKey {
                key: Some(common::customer_key::Key::Email(value.to_owned())),
                ..Default::default()
            })),
            ..question("", "marketing", "email")
        };
        let questions = || wire::BatchCheckConsentRequest {
            requests: vec![
                by_email("Family@example.com"),
                question(&names[0], "marketing", "email"),
                by_email("nobody@example.com"),
                by_email("no address"),
                question(&theirs, "marketing", "email"),
            ],
        };
        for (who, first) in [(&names[0], "NOTHING_RECORDED"), (&names[1], "IN_FORCE")] {
            record(&mut consents, who, grant("marketing", "email"))
                .await
                .expect("recorded");
            let answer = consents
                .batch_check_consent(questions())
                .await
                .expect("answers");
            let answer = answer.into_inner().statuses;
            let reasons: Vec<&str> = answer.iter().map(why).collect();
            let nobody = "UNKNOWN_CUSTOMER";
            assert_eq!(reasons, [first, "IN_FORCE", nobody, nobody, nobody]);
        }
    }
}

#[tokio::test]
async fn a_request_that_is_wrong_is_told_everything_and_strangers_are_not_found() {
    for house in House::each().await {
        let (mut customers, mut consents) = (house.customers(), house.consents());
        let name = create(&mut customers, known("1")).await.name;
        let wrong = wire::Consent {
            decision: wire::ConsentDecision::Withdrawn.into(),
            channel: "E-Mail".to_owned(),
            notice_version: -1,
            ..Default::default()
        };
        let refused = refusal(&status_of(record(&mut consents, &name, wrong).await));
        let fields = ["consent.purpose", "consent.channel", "consent.decision"];
        let fields = fields
            .into_iter()
            .chain(["consent.legal_basis", "consent.notice_version"]);
        assert_eq!(refused.fields, fields.collect::<Vec<_>>());
        let none = record(&mut consents, &name, grant("marketing", "")).await;
        assert_eq!(refused_with(none), Code::NotFound);
        publish(&mut consents).await;
        let mut early = grant("profiling", "");
        early.occur_time = Some(prost_types::Timestamp {
            seconds: 1_600_000_000,
            nanos: 0,
        });
        early.notice_version = 1;
        let refused = refusal(&status_of(record(&mut consents, &name, early).await));
        assert_eq!(
            refused.fields,
            ["consent.notice_version", "consent.purpose"]
        );
        let mut theirs = house.consents_of("other");
        let foreign = record(&mut theirs, &name, contract("delivery")).await;
        assert_eq!(refused_with(foreign), Code::NotFound);
        let list = wire::ListConsentsRequest {
            customer: name.clone(),
            ..Default::default()
        };
        assert_eq!(
            refused_with(theirs.list_consents(list).await),
            Code::NotFound
        );
        let get = wire::GetConsentNoticeRequest {
            name: "consentNotices/privacy".to_owned(),
            version: 0,
        };
        assert_eq!(
            refused_with(theirs.get_consent_notice(get).await),
            Code::NotFound
        );
        let delete = wire::DeleteCustomerRequest {
            name: name.clone(),
            ..Default::default()
        };
        customers.delete_customer(delete).await.expect("deleted");
        let late = record(&mut consents, &name, contract("delivery")).await;
        assert_eq!(refused_with(late), Code::FailedPrecondition);
        assert_eq!(
            reason(&mut consents, &name, "delivery", "").await,
            "UNKNOWN_CUSTOMER"
        );
    }
}

fn refused_with<T>(answer: Result<T, Status>) -> Code {
    refused(answer).0
}

#[tokio::test]
async fn a_repeat_has_one_effect_and_followers_are_told() {
    for house in House::each().await {
        let (mut customers, mut consents) = (house.customers(), house.consents());
        let name = create(&mut customers, known("1")).await.name;
        let request = wire::WatchCustomersRequest::default();
        let watch = customers.watch_customers(request).await.expect("watches");
        let mut watch = watch.into_inner();
        // The first message says that the stream has caught up.
        watch
            .message()
            .await
            .expect("goes on")
            .expect("a heartbeat");
        let request = wire::RecordConsentRequest {
            customer: name.clone(),
            consent: Some(wire::Consent {
                evidence: "on the phone".to_owned(),
                ..contract("delivery")
            }),
            request_id: request_id(),
        };
        let first = consents
            .record_consent(request.clone())
            .await
            .expect("recorded");
        house.pass(DAY);
        let again = consents.record_consent(request).await.expect("answers");
        assert!(first.into_inner() == again.into_inner());
        let told = loop {
            let message = watch.message().await.expect("goes on").expect("a message");
            if let Some(Item::Change(change)) = message.item {
                break change;
            }
        };
        assert_eq!(told.changed_fields.expect("names it").paths, ["consents"]);
        let request = wire::ListConsentEntriesRequest {
            customer: name,
            ..Default::default()
        };
        let ledger = consents.list_consent_entries(request).await.expect("lists");
        assert_eq!(ledger.into_inner().consents.len(), 1);
    }
}

#[tokio::test]
async fn a_full_ledger_takes_withdrawals_alone() {
    for house in House::each().await {
        let (mut customers, mut consents) = (house.customers(), house.consents());
        let name = create(&mut customers, known("1")).await.name;
        for _ in 0..1_000 {
            record(&mut consents, &name, contract("delivery"))
                .await
                .expect("recorded");
        }
        let past = status_of(record(&mut consents, &name, contract("delivery")).await);
        assert_eq!(
            (past.code(), fact(&past, "limit").as_str()),
            (Code::OutOfRange, "1000")
        );
        withdraw(&mut consents, &name, "delivery", "").await;
        assert_eq!(
            reason(&mut consents, &name, "delivery", "").await,
            "WITHDRAWN"
        );
    }
}

#[tokio::test]
async fn a_notice_has_so_many_versions_and_no_more() {
    for house in House::each().await {
        let mut consents = house.consents();
        let mut last = publish(&mut consents).await;
        let next = |notice: &wire::ConsentNotice| wire::CreateConsentNoticeRequest {
            consent_notice: Some(wire::ConsentNotice {
                name: String::new(),
                ..notice.clone()
            }),
            consent_notice_id: "privacy".to_owned(),
            request_id: String::new(),
        };
        while last.version < 1_000 {
            let made = consents.create_consent_notice(next(&last)).await;
            let made = made.expect("published").into_inner();
            assert_eq!(made.version, last.version + 1);
            last = made;
        }
        let past = status_of(consents.create_consent_notice(next(&last)).await);
        assert_eq!(
            (past.code(), fact(&past, "limit").as_str()),
            (Code::OutOfRange, "1000")
        );
        for (version, wanted) in [(0, 1_000), (1, 1), (700, 700)] {
            let get = wire::GetConsentNoticeRequest {
                name: last.name.clone(),
                version,
            };
            let found = consents.get_consent_notice(get).await.expect("there");
            assert_eq!(found.into_inner().version, wanted);
        }
        let list = wire::ListConsentNoticesRequest {
            page_size: 999,
            ..Default::default()
        };
        let page = consents
            .list_consent_notices(list.clone())
            .await
            .expect("lists")
            .into_inner();
        let list = wire::ListConsentNoticesRequest {
            page_token: page.next_page_token,
            ..list
        };
        let rest = consents
            .list_consent_notices(list)
            .await
            .expect("lists")
            .into_inner();
        assert_eq!(
            (page.consent_notices.len(), rest.consent_notices.len()),
            (999, 1)
        );
    }
}

#[tokio::test]
async fn a_purge_takes_the_ledger_along() {
    for house in House::each().await {
        let (mut customers, mut consents) = (house.customers(), house.consents());
        let id = uuid::Uuid::now_v7();
        let create_again = || wire::CreateCustomerRequest {
            customer: Some(known("1")),
            customer_id: id.to_string(),
            ..Default::default()
        };
        let made = customers
            .create_customer(create_again())
            .await
            .expect("created");
        let name = made.into_inner().name;
        record(&mut consents, &name, contract("delivery"))
            .await
            .expect("recorded");
        let delete = wire::DeleteCustomerRequest {
            name: name.clone(),
            ..Default::default()
        };
        customers.delete_customer(delete).await.expect("deleted");
        house.pass(30 * DAY);
        assert_eq!(house.profile.purge_customers().await.expect("sweeps"), 1);
        assert_eq!(house.erase().await, 1);
        // Under the same id there is nothing left of it.
        customers
            .create_customer(create_again())
            .await
            .expect("created");
        let request = wire::ListConsentEntriesRequest {
            customer: name,
            ..Default::default()
        };
        let ledger = consents.list_consent_entries(request).await.expect("lists");
        assert!(ledger.into_inner().consents.is_empty());
    }
}

/// What happens to a ledger: a decision, by which channel, how many seconds ago.
fn history() -> impl Strategy<Value = Vec<(u8, &'static str, i64)>> {
    let channel = prop_oneof![Just(""), Just("email"), Just("sms")];
    proptest::collection::vec((0..3_u8, channel, 0..8_i64), 1..10)
}

/// Random histories, recorded in any order: the state is the fold of the ledger in order of
/// occurrence; of one instant a denial comes after grants, and a withdrawal after both.
#[tokio::test]
async fn the_state_is_a_fold_of_the_ledger_on_both_backends() {
    let mut runner = TestRunner::deterministic();
    for house in House::each().await {
        let (mut customers, mut consents) = (house.customers(), house.consents());
        for number in 0..20 {
            let events = history()
                .new_tree(&mut runner)
                .expect("a history")
                .current();
            let name = create(&mut customers, known(&number.to_string()))
                .await
                .name;
            for (decision, channel, ago) in &events {
                let (seconds, nanos) = NOW
                    .minus(Duration::from_secs(ago.unsigned_abs()))
                    .to_secs_nanos();
                let occur_time = Some(prost_types::Timestamp { seconds, nanos });
                if *decision == 2 {
                    let request = wire::WithdrawConsentRequest {
                        customer: name.clone(),
                        purpose: "delivery".to_owned(),
                        channel: (*channel).to_owned(),
                        occur_time,
                        ..Default::default()
                    };
                    consents.withdraw_consent(request).await.expect("withdrawn");
                    continue;
                }
                let decided = [
                    wire::ConsentDecision::Granted,
                    wire::ConsentDecision::Denied,
                ];
                let consent = wire::Consent {
                    decision: decided[usize::from(*decision)].into(),
                    channel: (*channel).to_owned(),
                    occur_time,
                    ..contract("delivery")
                };
                record(&mut consents, &name, consent)
                    .await
                    .expect("recorded");
            }
            let mut ordered = events;
            ordered.sort_by_key(|(decision, _, ago)| (-ago, *decision));
            for asked in ["", "email", "sms"] {
                let folded = ordered.iter().fold(None, |state, (decision, channel, _)| {
                    let reaches = channel.is_empty() || *channel == asked;
                    if reaches { Some(*decision) } else { state }
                });
                let wanted = match folded {
                    None => "NOTHING_RECORDED",
                    Some(0) => "IN_FORCE",
                    Some(1) => "REFUSED",
                    Some(_) => "WITHDRAWN",
                };
                let found = reason(&mut consents, &name, "delivery", asked).await;
                assert_eq!(found, wanted, "{asked} of {ordered:?}");
            }
        }
    }
}
