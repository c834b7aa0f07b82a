//! Which entry of a ledger decides, and for whom.

use wire::check_consent_request::Who;

use super::consents::{check, grant, publish, question, reason, record, why, withdraw};
use super::sights::{OWNERS, owned};
use super::*;

#[tokio::test]
async fn of_one_moment_the_later_entry_decides_and_a_newer_notice_is_not_passed_by() {
    for house in House::each().await {
        let (mut customers, mut consents) = (house.customers(), house.consents());
        publish(&mut consents).await;
        let name = create(&mut customers, known("1")).await.name;
        let grant_again = async |consents: &mut Consents| {
            let kept = record(consents, &name, grant("marketing", "")).await;
            kept.expect("recorded");
        };
        grant_again(&mut consents).await;
        withdraw(&mut consents, &name, "marketing", "").await;
        let why = reason(&mut consents, &name, "marketing", "").await;
        assert_eq!(why, "WITHDRAWN");
        grant_again(&mut consents).await;
        let why = reason(&mut consents, &name, "marketing", "").await;
        assert_eq!(why, "IN_FORCE");

        let mut request = wire::CreateConsentNoticeRequest {
            consent_notice: Some(publish(&mut consents).await),
            consent_notice_id: "privacy".to_owned(),
            request_id: request_id(),
        };
        let notice = request.consent_notice.as_mut().expect("one");
        (notice.name, notice.version) = (String::new(), 0);
        (notice.create_time, notice.effective_time) = (None, None);
        let separate = wire::SeparateConsentReason::ThirdParty.into();
        notice.purposes[0].separate_reasons = vec![separate];
        let newer = consents.create_consent_notice(request).await;
        newer.expect("published");
        let old = wire::Consent {
            notice_version: 1,
            ..grant("marketing", "")
        };
        let kept = record(&mut consents, &name, old).await;
        kept.expect("recorded");
        let why = reason(&mut consents, &name, "marketing", "").await;
        assert_eq!(why, "NEEDS_SEPARATE");
    }
}

#[tokio::test]
async fn who_shares_an_identifier_unseen_has_not_agreed() {
    for house in House::each().await {
        let house = house.under(OWNERS).await;
        let mut customers = house.customers();
        let shared = |key: &str, owner: &str| wire::Customer {
            contact_points: vec![email("family@example.com")],
            ..owned(key, owner)
        };
        let mut consents = house.consents();
        publish(&mut consents).await;
        let mine = create(&mut customers, shared("1", "person:amy")).await.name;
        let kept = record(&mut consents, &mine, grant("marketing", "")).await;
        kept.expect("recorded");
        let by_email = || wire::CheckConsentRequest {
            who: Some(Who::Key(common::CustomerKey {
                key: Some(common::customer_key::Key::Email(
                    "family@example.com".to_owned(),
                )),
                ..Default::default()
            })),
            ..question("", "marketing", "email")
        };
        let mut agent = house.consents_as(amy(Role::Agent));
        assert_eq!(why(&check(&mut agent, by_email()).await), "IN_FORCE");
        let theirs = create(&mut customers, shared("2", "person:bob")).await.name;
        for _ in 0..2 {
            let status = check(&mut agent, by_email()).await;
            assert_eq!(why(&status), "UNKNOWN_CUSTOMER");
            assert_eq!(status.consent, "");
            let kept = record(&mut consents, &theirs, grant("marketing", "")).await;
            kept.expect("recorded");
        }
        assert_eq!(why(&check(&mut consents, by_email()).await), "IN_FORCE");
    }
}
