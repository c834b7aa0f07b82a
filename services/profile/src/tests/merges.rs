//! Several customers become one, and several again.

use dossier_proto::common::v1::customer_key::Key;
use wire::{MergeState as State, PrivacyRequestType, Survivorship};

use super::privacy_requests::{ask, read};
use super::*;

pub fn spec(survivor: &str, others: &[&str]) -> wire::MergeSpec {
    wire::MergeSpec {
        survivor: survivor.to_owned(),
        others: others.iter().map(|&name| name.to_owned()).collect(),
        ..wire::MergeSpec::default()
    }
}

pub async fn plan(
    merges: &mut Merges,
    spec: wire::MergeSpec,
) -> Result<wire::PlanMergeResponse, Status> {
    let request = wire::PlanMergeRequest { merge: Some(spec) };
    Ok(merges.plan_merge(request).await?.into_inner())
}

/// Twice, as somebody repeats it who did not hear the answer.
pub async fn merge(
    merges: &mut Merges,
    spec: wire::MergeSpec,
) -> Result<wire::MergeRecord, Status> {
    let request = wire::MergeCustomersRequest {
        merge: Some(spec),
        plan_hash: String::new(),
        request_id: request_id(),
    };
    let first = merges.merge_customers(request.clone()).await?.into_inner();
    let again = merges.merge_customers(request).await?.into_inner();
    assert_eq!(first.name, again.name, "one merge");
    Ok(first)
}

pub async fn unmerge(merges: &mut Merges, name: &str) -> Result<wire::MergeRecord, Status> {
    let request = wire::UnmergeCustomerRequest {
        name: name.to_owned(),
        request_id: request_id(),
    };
    let first = merges.unmerge_customer(request.clone()).await?.into_inner();
    let again = merges.unmerge_customer(request).await?.into_inner();
    assert!(first.unmerge_time == again.unmerge_time);
    Ok(first)
}

async fn state(merges: &mut Merges, name: &str) -> State {
    let request = wire::GetMergeRecordRequest {
        name: name.to_owned(),
    };
    let found = merges.get_merge_record(request).await.expect("there");
    found.into_inner().state()
}

/// Customer, origin and how many have it.
pub async fn who(client: &mut Customers, key: Key) -> (String, String, i32) {
    let key = common::CustomerKey {
        key: Some(key),
        region_code: String::new(),
    };
    let request = wire::LookupCustomersRequest {
        keys: vec![key],
        names: Vec::new(),
    };
    let answer = client.lookup_customers(request).await.expect("answered");
    let mut results = answer.into_inner().results;
    let found = results.pop().expect("one answer");
    (found.customer, found.origin, found.match_count)
}

pub fn by_id(value: &str) -> Key {
    Key::ExternalId(id("crm", value))
}

pub async fn update(
    client: &mut Customers,
    customer: wire::Customer,
    fields: &[&str],
) -> Result<wire::Customer, Status> {
    let request = wire::UpdateCustomerRequest {
        customer: Some(customer),
        update_mask: mask(fields),
        ..Default::default()
    };
    Ok(client.update_customer(request).await?.into_inner())
}

/// What of a file an unmerge must give back.
pub fn content(customer: wire::Customer) -> wire::Customer {
    wire::Customer {
        etag: String::new(),
        update_time: None,
        ..customer
    }
}

async fn listed(client: &mut Customers, show_deleted: bool) -> Vec<String> {
    let request = wire::ListCustomersRequest {
        show_deleted,
        ..Default::default()
    };
    let page = client.list_customers(request).await.expect("lists");
    let mut names: Vec<String> = page
        .into_inner()
        .customers
        .into_iter()
        .map(|one| one.name)
        .collect();
    names.sort_unstable();
    names
}

fn wang() -> wire::Customer {
    wire::Customer {
        gender: wire::Gender::Female.into(),
        contact_points: vec![email("home@example.cn")],
        tags: vec!["vip".to_owned()],
        ..known("wang")
    }
}

fn double() -> wire::Customer {
    wire::Customer {
        gender: wire::Gender::Male.into(),
        region_code: "CN".to_owned(),
        contact_points: vec![email("home@example.cn"), email("work@example.cn")],
        tags: vec!["shop".to_owned()],
        ..known("double")
    }
}

#[tokio::test]
async fn two_are_one_by_every_name_and_then_two_again_as_they_were() {
    for house in House::each().await {
        let (mut client, mut merges) = (house.customers(), house.merges());
        let one = create(&mut client, wang()).await;
        let two = create(&mut client, double()).await;
        let (first, second) = (one.name.clone(), two.name.clone());

        let planned = plan(&mut merges, spec(&first, &[&second])).await;
        let planned = planned.expect("planned");
        let fields: Vec<&str> = planned
            .conflicts
            .iter()
            .map(|conflict| conflict.field.as_str())
            .collect();
        assert_eq!(fields, ["display_name", "gender"]);
        assert_eq!(planned.conflicts[1].differing, [second.as_str()]);
        assert_eq!(listed(&mut client, false).await.len(), 2, "nothing is kept");
        let request = wire::MergeCustomersRequest {
            merge: Some(spec(&first, &[&second])),
            plan_hash: planned.plan_hash,
            request_id: String::new(),
        };
        let record = merges.merge_customers(request).await.expect("merged");
        assert!(record.metadata().get("dossier-cursor").is_some());
        let record = record.into_inner();
        assert_eq!(record.others, [second.as_str()]);
        assert!(record.state() == State::Merging);

        let file = get(&mut client, &first).await.expect("there");
        assert!(
            content(planned.customer.expect("a file")) == content(file.clone()),
            "as planned"
        );
        assert_eq!(file.contact_points.len(), 2);
        assert_eq!(file.external_ids.len(), 2);
        assert_eq!(file.tags, ["shop", "vip"]);
        assert_eq!(file.region_code, "CN");
        assert!(get(&mut client, &second).await.expect("answers") == file);
        for show_deleted in [false, true] {
            assert_eq!(listed(&mut client, show_deleted).await, [first.as_str()]);
        }
        let found = who(&mut client, by_id("double")).await;
        assert_eq!(found, (first.clone(), second.clone(), 1));
        let shared = who(&mut client, Key::Email("home@example.cn".to_owned())).await;
        assert_eq!(shared, (first.clone(), first.clone(), 1));
        let stale = update(
            &mut client,
            wire::Customer {
                tags: Vec::new(),
                ..two.clone()
            },
            &["tags"],
        );
        let stale = status_of(stale.await);
        assert_eq!(stale.code(), Code::FailedPrecondition);
        assert_eq!(fact(&stale, "customer"), first);

        // Found by what the other brought, and changed.
        let upsert = wire::UpsertCustomerRequest {
            customer: Some(wire::Customer {
                team: "north".to_owned(),
                ..known("double")
            }),
            update_mask: mask(&["team"]),
            ..Default::default()
        };
        let upserted = client.upsert_customer(upsert).await.expect("upserted");
        let upserted = upserted.into_inner().customer.expect("a customer");
        assert_eq!(upserted.name, first);

        assert_eq!(house.profile.tell_merges().await.expect("tells"), 1);
        assert!(state(&mut merges, &record.name).await == State::Merged);
        let undone = unmerge(&mut merges, &record.name).await.expect("unmerged");
        assert_eq!(undone.kept_fields, ["team"]);
        let back = get(&mut client, &second).await.expect("there");
        assert!(content(back) == content(two.clone()));
        let back = get(&mut client, &first).await.expect("there");
        assert_eq!(back.team, "north");
        assert!(
            content(wire::Customer {
                team: String::new(),
                ..back
            }) == content(one)
        );
        let found = who(&mut client, by_id("double")).await;
        assert_eq!(found, (second.clone(), second.clone(), 1));
        let shared = who(&mut client, Key::Email("home@example.cn".to_owned())).await;
        assert_eq!(shared, (first.clone(), first.clone(), 2));
        house.profile.tell_merges().await.expect("tells");
        assert!(state(&mut merges, &record.name).await == State::Unmerged);
        unmerge(&mut merges, &record.name).await.expect("again");
    }
}

#[tokio::test]
async fn what_hangs_on_those_who_were_merged_hangs_on_the_survivor_meanwhile() {
    for house in House::each().await {
        let (mut client, mut merges) = (house.customers(), house.merges());
        let (mut consents, mut relationships) = (house.consents(), house.relationships());
        let first = create(&mut client, wang()).await.name;
        let second = create(&mut client, double()).await.name;
        let sister = create(&mut client, known("sister")).await.name;
        let relate = wire::CreateRelationshipRequest {
            relationship: Some(wire::Relationship {
                from: second.clone(),
                to: sister.clone(),
                r#type: wire::RelationshipType::Sibling.into(),
                ..Default::default()
            }),
            request_id: String::new(),
        };
        relationships
            .create_relationship(relate)
            .await
            .expect("related");
        let grant = |customer: &str, purpose: &str| wire::RecordConsentRequest {
            customer: customer.to_owned(),
            consent: Some(wire::Consent {
                decision: wire::ConsentDecision::Granted.into(),
                purpose: purpose.to_owned(),
                legal_basis: wire::LegalBasis::Contract.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        consents
            .record_consent(grant(&second, "delivery"))
            .await
            .expect("recorded");

        let record = merge(&mut merges, spec(&first, &[&second]))
            .await
            .expect("merged");
        // By the old name, while they are one.
        consents
            .record_consent(grant(&second, "support"))
            .await
            .expect("recorded");
        house.profile.tell_merges().await.expect("tells");
        for (who, merged) in [
            (&first, true),
            (&second, true),
            (&first, false),
            (&second, false),
        ] {
            if !merged && who == &first {
                unmerge(&mut merges, &record.name).await.expect("unmerged");
            }
            let has = merged || who == &second;
            for purpose in ["delivery", "support"] {
                let check = wire::CheckConsentRequest {
                    purpose: purpose.to_owned(),
                    who: Some(wire::check_consent_request::Who::Customer(who.clone())),
                    ..Default::default()
                };
                let verdict = consents.check_consent(check).await.expect("answered");
                let granted = verdict.into_inner().state() == wire::ConsentState::Granted;
                assert_eq!(granted, has, "{purpose} {merged}");
            }
            let list = wire::ListRelationshipsRequest {
                customer: who.clone(),
                ..Default::default()
            };
            let page = relationships.list_relationships(list).await.expect("lists");
            assert_eq!(page.into_inner().relationships.len(), usize::from(has));
            let list = wire::ListConsentEntriesRequest {
                customer: who.clone(),
                ..Default::default()
            };
            let page = consents.list_consent_entries(list).await.expect("lists");
            let entries = page.into_inner().consents.len();
            assert_eq!(entries, if has { 2 } else { 0 });
        }
        let list = wire::ListRelationshipsRequest {
            customer: sister,
            ..Default::default()
        };
        let page = relationships.list_relationships(list).await.expect("lists");
        assert_eq!(page.into_inner().relationships[0].to, second);
    }
}

#[tokio::test]
async fn an_identifier_that_is_taken_away_from_the_survivor_finds_nobody_and_comes_back() {
    for house in House::each().await {
        let (mut client, mut merges) = (house.customers(), house.merges());
        let first = create(&mut client, wang()).await.name;
        let second = create(&mut client, double()).await.name;
        let record = merge(&mut merges, spec(&first, &[&second]))
            .await
            .expect("merged");
        house.profile.tell_merges().await.expect("tells");
        let without = wire::Customer {
            name: first.clone(),
            external_ids: vec![id("crm", "wang")],
            ..wire::Customer::default()
        };
        update(&mut client, without, &["external_ids"])
            .await
            .expect("updated");
        let nobody = (String::new(), String::new(), 0);
        assert_eq!(who(&mut client, by_id("double")).await, nobody);

        let third = create(&mut client, known("double")).await.name;
        let refused = status_of(unmerge(&mut merges, &record.name).await);
        assert_eq!(refused.code(), Code::AlreadyExists);
        assert_eq!(fact(&refused, "resource"), third);
        let rid = wire::Customer {
            name: third,
            external_ids: vec![id("crm", "third")],
            ..wire::Customer::default()
        };
        update(&mut client, rid, &["external_ids"])
            .await
            .expect("updated");
        let undone = unmerge(&mut merges, &record.name).await.expect("unmerged");
        assert_eq!(undone.kept_fields, ["external_ids"]);
        let found = who(&mut client, by_id("double")).await;
        assert_eq!(found, (second.clone(), second, 1));
        let found = who(&mut client, by_id("wang")).await;
        assert_eq!(found, (first.clone(), first, 1));
    }
}

#[tokio::test]
async fn merges_of_merges_are_taken_back_from_the_last() {
    for house in House::each().await {
        let (mut client, mut merges) = (house.customers(), house.merges());
        let mut names = Vec::new();
        for value in ["a", "b", "c"] {
            names.push(create(&mut client, known(value)).await.name);
        }
        let [a, b, c] = &names[..] else {
            unreachable!("three")
        };
        let inner = merge(&mut merges, spec(b, &[c])).await.expect("merged");
        let early = refused(merge(&mut merges, spec(a, &[b])).await);
        assert_eq!(early.0, Code::FailedPrecondition, "one after the other");
        house.profile.tell_merges().await.expect("tells");
        let outer = merge(&mut merges, spec(a, &[b])).await.expect("merged");
        house.profile.tell_merges().await.expect("tells");
        for name in &names {
            assert_eq!(get(&mut client, name).await.expect("answers").name, *a);
        }
        assert_eq!(
            who(&mut client, by_id("c")).await,
            (a.clone(), c.clone(), 1)
        );
        let early = refused(unmerge(&mut merges, &inner.name).await);
        assert_eq!(early.0, Code::FailedPrecondition);
        let list = wire::ListMergeRecordsRequest {
            customer: c.clone(),
            ..Default::default()
        };
        let listed = merges.list_merge_records(list).await.expect("lists");
        let listed = listed.into_inner().merge_records;
        let listed: Vec<&str> = listed.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(listed, [outer.name.as_str(), inner.name.as_str()]);

        unmerge(&mut merges, &outer.name).await.expect("unmerged");
        for (name, speaker) in [(a, a), (b, b), (c, b)] {
            assert_eq!(
                get(&mut client, name).await.expect("answers").name,
                *speaker
            );
        }
        assert_eq!(
            who(&mut client, by_id("c")).await,
            (b.clone(), c.clone(), 1)
        );
        house.profile.tell_merges().await.expect("tells");
        unmerge(&mut merges, &inner.name).await.expect("unmerged");
        assert_eq!(get(&mut client, c).await.expect("there").name, *c);
        assert_eq!(
            get(&mut client, c).await.expect("there").external_ids.len(),
            1
        );
    }
}

#[tokio::test]
async fn who_may_not_be_merged_is_told_why() {
    for house in House::each().await {
        let (mut client, mut merges) = (house.customers(), house.merges());
        let first = create(&mut client, wang()).await.name;
        let second = create(&mut client, double()).await.name;
        let company = wire::Customer {
            r#type: wire::CustomerType::Organization.into(),
            ..known("company")
        };
        let company = create(&mut client, company).await.name;
        let nobody = format!("customers/{}", uuid::Uuid::new_v4());
        for (spec, code) in [
            (spec(&first, &[&nobody]), Code::NotFound),
            (spec(&nobody, &[&first]), Code::NotFound),
            (spec(&first, &[&company]), Code::FailedPrecondition),
        ] {
            assert_eq!(refused(plan(&mut merges, spec.clone()).await).0, code);
            assert_eq!(refused(merge(&mut merges, spec).await).0, code);
        }
        let mut foreign = house.merges_of("other");
        let elsewhere = merge(&mut foreign, spec(&first, &[&second])).await;
        assert_eq!(refused(elsewhere).0, Code::NotFound);

        let rule =
            |field: &str, survivorship: Survivorship, customer: &str| wire::SurvivorshipRule {
                field: field.to_owned(),
                survivorship: survivorship.into(),
                customer: customer.to_owned(),
            };
        let wrong = wire::MergeSpec {
            survivorship: Survivorship::Customer.into(),
            rules: vec![
                rule("contact_points", Survivorship::Newest, ""),
                rule("gender", Survivorship::Customer, &nobody),
                rule("gender", Survivorship::Newest, &first),
            ],
            ..spec(&first, &[&second, &second, "nobody"])
        };
        let wrong = refusal(&status_of(merge(&mut merges, wrong).await));
        assert_eq!(wrong.code, Code::InvalidArgument);
        assert_eq!(
            wrong.fields,
            [
                "merge.others[1]",
                "merge.others[2]",
                "merge.survivorship",
                "merge.rules[0].field",
                "merge.rules[1].customer",
                "merge.rules[2].customer",
                "merge.rules[2].field",
            ]
        );

        let planned = plan(&mut merges, spec(&first, &[&second])).await;
        let late = wire::Customer {
            name: second.clone(),
            team: "south".to_owned(),
            ..wire::Customer::default()
        };
        update(&mut client, late, &["team"]).await.expect("updated");
        let request = wire::MergeCustomersRequest {
            merge: Some(spec(&first, &[&second])),
            plan_hash: planned.expect("planned").plan_hash,
            request_id: String::new(),
        };
        let outdated = refused(merges.merge_customers(request).await);
        assert_eq!(outdated, (Code::Aborted, "ETAG_MISMATCH".to_owned()));

        let hold = wire::SetLegalHoldRequest {
            customer: second.clone(),
            reason: "case 4711".to_owned(),
            request_id: String::new(),
        };
        let mut privacy = house.privacy_requests();
        privacy.set_legal_hold(hold).await.expect("held");
        let held = refused(merge(&mut merges, spec(&first, &[&second])).await);
        assert_eq!(held.0, Code::FailedPrecondition);
        let delete = wire::DeleteCustomerRequest {
            name: first.clone(),
            ..Default::default()
        };
        client.delete_customer(delete).await.expect("deleted");
        let deleted = refused(merge(&mut merges, spec(&first, &[&second])).await);
        assert_eq!(deleted.0, Code::FailedPrecondition);
        let unknown = format!("mergeRecords/{}", uuid::Uuid::new_v4());
        assert_eq!(
            refused(unmerge(&mut merges, &unknown).await).0,
            Code::NotFound
        );
    }
}

#[tokio::test]
async fn who_is_erased_is_erased_with_all_who_were_merged_and_who_is_held_with_none() {
    for house in House::each().await {
        let (mut client, mut merges) = (house.customers(), house.merges());
        let mut privacy = house.privacy_requests();
        let first = create(&mut client, wang()).await.name;
        let second = create(&mut client, double()).await.name;
        let record = merge(&mut merges, spec(&first, &[&second]))
            .await
            .expect("merged");
        house.profile.tell_merges().await.expect("tells");
        let hold = wire::SetLegalHoldRequest {
            customer: second.clone(),
            reason: "case 4711".to_owned(),
            request_id: String::new(),
        };
        let held = privacy.set_legal_hold(hold).await.expect("held");
        assert_eq!(held.into_inner().customer, first);
        let asked = ask(&mut privacy, &second, PrivacyRequestType::Erase).await;
        assert_eq!(refused(asked).0, Code::FailedPrecondition);
        let stays = refused(unmerge(&mut merges, &record.name).await);
        assert_eq!(stays.0, Code::FailedPrecondition);
        let release = wire::ReleaseLegalHoldRequest {
            customer: first.clone(),
            request_id: String::new(),
        };
        privacy.release_legal_hold(release).await.expect("released");

        // By the old name.
        let asked = ask(&mut privacy, &second, PrivacyRequestType::Erase).await;
        let asked = asked.expect("asked");
        assert_eq!(asked.customer, first);
        assert_eq!(house.erase().await, 2);
        let request = wire::GetErasureCertificateRequest {
            name: read(&mut privacy, &asked.name).await.name,
        };
        let certificate = privacy.get_erasure_certificate(request).await;
        let certificate = certificate.expect("certified").into_inner().certificate;
        assert!(
            certificate.contains("\"operation_customer_count\": 2"),
            "{certificate}"
        );
        for name in [&first, &second] {
            assert_eq!(refused(get(&mut client, name).await).0, Code::NotFound);
        }
        let get = wire::GetMergeRecordRequest { name: record.name };
        assert_eq!(
            refused(merges.get_merge_record(get).await).0,
            Code::NotFound
        );
        let (ids, tenant) = ([&first, &second], TenantId::embedded_default());
        let ids = ids.map(|name| dossier_kernel::CustomerId::from_name(name).expect("a name"));
        let db = house.db.reopen().await;
        let held = store::HELD.count(&db, &tenant, &ids).await;
        let held = held.expect("counts");
        assert!(held.iter().all(|(_, rows)| *rows == 0), "{held:?}");
        db.close().await;
    }
}
