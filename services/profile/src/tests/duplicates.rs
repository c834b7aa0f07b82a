//! Who is in the files twice: found, decided about and forgotten, over gRPC.

use dossier_kernel::CustomerId;
use tonic::Code;
use wire::{DuplicatePair, DuplicatePairState as State, DuplicateScanState};

use super::privacy_requests::ask;
use super::*;

const GIVEN: [&str; 10] = [
    "Amelia", "Boris", "Chiara", "Dmitri", "Edith", "Farid", "Greta", "Hamish", "Ingrid", "Jorge",
];
const FAMILY: [&str; 10] = [
    "Lindqvist",
    "Okafor",
    "Petrov",
    "Quintana",
    "Rasmussen",
    "Sørensen",
    "Takahashi",
    "Ulrich",
    "Vasquez",
    "Whitfield",
];

/// Somebody like nobody else of the first hundred.
pub fn somebody(number: usize) -> wire::Customer {
    let (given, family) = (GIVEN[number % 10], FAMILY[number / 10 % 10]);
    let day = i32::try_from(number % 28).expect("small") + 1;
    wire::Customer {
        given_name: given.to_owned(),
        family_name: family.to_owned(),
        birth_date: Some(common::Date {
            year: 1950 + i32::try_from(number * 7 % 50).expect("small"),
            month: i32::try_from(number * 5 % 12).expect("small") + 1,
            day,
        }),
        contact_points: vec![
            email(&format!("{given}.{number}@example.com")),
            phone(&format!("+86138{:08}", number * 7_919 % 100_000_000)),
        ],
        ..person("")
    }
}

/// The same person as somebody else wrote her down.
pub fn again(number: usize) -> wire::Customer {
    let mut other = somebody(number);
    other.given_name.remove(1);
    other.contact_points.remove(1);
    other
}

pub async fn populate(customers: &mut Customers, count: usize) -> Vec<String> {
    let mut names = Vec::with_capacity(count);
    for number in 0..count {
        names.push(create(customers, somebody(number)).await.name);
    }
    names
}

pub async fn start(client: &mut Duplicates) -> wire::DuplicateScan {
    let request = wire::StartDuplicateScanRequest {
        request_id: request_id(),
        ..Default::default()
    };
    let scan = client.start_duplicate_scan(request).await;
    scan.expect("started").into_inner()
}

/// Runs a scan to its end.
pub async fn scan(house: &House) -> wire::DuplicateScan {
    let mut client = house.duplicates();
    let name = start(&mut client).await.name;
    house.profile.scan_duplicates().await.expect("scans");
    read(&mut client, &name).await
}

pub async fn read(client: &mut Duplicates, name: &str) -> wire::DuplicateScan {
    let request = wire::GetDuplicateScanRequest {
        name: name.to_owned(),
    };
    let scan = client.get_duplicate_scan(request).await;
    scan.expect("there").into_inner()
}

pub async fn pairs(client: &mut Duplicates, state: State) -> Vec<DuplicatePair> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = wire::ListDuplicatePairsRequest {
            state: state.into(),
            page_size: 2,
            page_token,
            ..Default::default()
        };
        let page = client.list_duplicate_pairs(request).await;
        let page = page.expect("lists").into_inner();
        all.extend(page.duplicate_pairs);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

/// Whose pairs, in the order of their names.
pub fn couples(pairs: &[DuplicatePair]) -> Vec<[String; 2]> {
    let couple = |pair: &DuplicatePair| [pair.customer.clone(), pair.other_customer.clone()];
    let mut couples: Vec<_> = pairs.iter().map(couple).collect();
    couples.sort();
    couples
}

pub fn couple(one: &str, other: &str) -> [String; 2] {
    let mut couple = [one.to_owned(), other.to_owned()];
    couple.sort();
    couple
}

fn dismissal(name: &str) -> wire::DismissDuplicatePairRequest {
    wire::DismissDuplicatePairRequest {
        name: name.to_owned(),
        request_id: request_id(),
    }
}

fn reopening(name: &str) -> wire::ReopenDuplicatePairRequest {
    wire::ReopenDuplicatePairRequest {
        name: name.to_owned(),
        request_id: request_id(),
    }
}

#[tokio::test]
async fn a_scan_finds_who_is_there_twice_and_nobody_else() {
    for house in House::each().await {
        let (mut customers, mut duplicates) = (house.customers(), house.duplicates());
        let names = populate(&mut customers, 60).await;
        let mut planted = Vec::new();
        for number in [3, 17, 42] {
            let twin = create(&mut customers, again(number)).await.name;
            planted.push(couple(&names[number], &twin));
        }
        // A firm is nobody's twin, whatever it is called; of two firms one is.
        let firm = |phones: &[&str]| wire::Customer {
            r#type: wire::CustomerType::Organization.into(),
            contact_points: phones.iter().map(|number| phone(number)).collect(),
            ..person("Amelia Lindqvist Forestry")
        };
        let one = create(&mut customers, firm(&["+862112345678"])).await.name;
        let other = create(&mut customers, firm(&["+862112345678"])).await.name;
        planted.push(couple(&one, &other));
        let mut gone = customers.clone();
        let twin = create(&mut customers, again(5)).await.name;
        let delete = wire::DeleteCustomerRequest {
            name: twin,
            ..Default::default()
        };
        gone.delete_customer(delete).await.expect("deleted");
        create(&mut house.customers_of("other"), again(7)).await;
        planted.sort();

        let done = scan(&house).await;
        assert!(
            done.state() == DuplicateScanState::Succeeded,
            "{}",
            done.failure
        );
        assert_eq!(
            (done.done_customer_count, done.total_customer_count),
            (65, 65)
        );
        assert_eq!(done.pair_count, 4);
        let found = pairs(&mut duplicates, State::Open).await;
        assert_eq!(couples(&found), planted);
        for pair in &found {
            assert!((500..=1_000).contains(&pair.score_per_mille));
            let sum: f64 = pair.evidence.iter().map(|one| one.weight_bits).sum();
            // The rest is the odds of two customers picked blindly.
            assert!(pair.weight_bits < sum && pair.weight_bits > 0.0);
            assert_eq!(pair.duplicate_scan, done.name);
        }
        let twins = found.iter().find(|pair| pair.customer == names[3]);
        let said = &twins.expect("found").evidence;
        let fields: Vec<&str> = said.iter().map(|one| one.field.as_str()).collect();
        assert_eq!(
            fields,
            ["name", "email", "birth_date"],
            "phones say nothing"
        );
        assert_eq!(said[1].agreement, "equal");
        assert_ne!(said[0].agreement, "equal");
        let text = said
            .iter()
            .map(|one| format!("{}{}", one.field, one.agreement));
        let text: String = text.collect();
        assert!(!text.contains("Dmitri") && !text.contains("example.com"));

        assert_eq!(
            pairs(&mut house.duplicates_of("other"), State::Open)
                .await
                .len(),
            0
        );
        let before: Vec<_> = found
            .into_iter()
            .map(|pair| (pair.name, pair.weight_bits))
            .collect();
        scan(&house).await;
        let after = pairs(&mut duplicates, State::Open).await.into_iter();
        let after: Vec<_> = after.map(|pair| (pair.name, pair.weight_bits)).collect();
        assert_eq!(before, after, "the same customers, the same pairs");
    }
}

#[tokio::test]
async fn who_is_dismissed_stays_so_until_opened_again() {
    for house in House::each().await {
        let (mut customers, mut duplicates) = (house.customers(), house.duplicates());
        populate(&mut customers, 30).await;
        create(&mut customers, again(3)).await;
        create(&mut customers, again(9)).await;
        scan(&house).await;
        let found = pairs(&mut duplicates, State::Open).await;
        assert_eq!(found.len(), 2);
        let request = dismissal(&found[0].name);
        let dismissed = duplicates.dismiss_duplicate_pair(request.clone()).await;
        let dismissed = dismissed.expect("dismissed").into_inner();
        assert!(dismissed.state() == State::Dismissed && dismissed.decide_time.is_some());
        assert_eq!(dismissed.decider, "service:test");
        house.pass(Duration::from_secs(1));
        for request in [request.clone(), dismissal(&found[0].name)] {
            let same = duplicates.dismiss_duplicate_pair(request).await;
            assert!(same.expect("answers").into_inner() == dismissed);
        }
        let other = dismissal(&found[1].name);
        let reused = wire::DismissDuplicatePairRequest {
            request_id: request.request_id,
            ..other
        };
        let refusal = refused(duplicates.dismiss_duplicate_pair(reused).await);
        assert_eq!(refusal.1, "REQUEST_ID_REUSED");

        let done = scan(&house).await;
        assert_eq!(done.pair_count, 2);
        let open = pairs(&mut duplicates, State::Open).await;
        assert_eq!(couples(&open), couples(&found[1..]));
        let kept = pairs(&mut duplicates, State::Dismissed).await;
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].decide_time, dismissed.decide_time);
        assert_eq!(kept[0].duplicate_scan, done.name, "judged anew");
        // It stays also where it would not be found any more.
        let renamed = wire::Customer {
            name: kept[0].other_customer.clone(),
            given_name: "Zoltan".to_owned(),
            family_name: "Xanthopoulos".to_owned(),
            ..somebody(97)
        };
        let request = wire::UpdateCustomerRequest {
            customer: Some(renamed),
            request_id: request_id(),
            ..Default::default()
        };
        customers.update_customer(request).await.expect("changed");
        assert_eq!(scan(&house).await.pair_count, 1);
        let kept = pairs(&mut duplicates, State::Dismissed).await;
        assert_eq!(couples(&kept), couples(&found[..1]));

        let opened = duplicates
            .reopen_duplicate_pair(reopening(&kept[0].name))
            .await;
        assert!(opened.expect("opened").into_inner().state() == State::Open);
        // Nobody decided about it any more, and it is not found.
        scan(&house).await;
        let open = pairs(&mut duplicates, State::Open).await;
        assert_eq!(couples(&open), couples(&found[1..]));
        let nobody = duplicates
            .dismiss_duplicate_pair(dismissal(&found[0].name))
            .await;
        assert_eq!(refused(nobody).0, Code::NotFound);
    }
}

#[tokio::test]
async fn pairs_are_listed_by_customer_and_score_and_what_is_wrong_is_named() {
    for house in House::each().await {
        let (mut customers, mut duplicates) = (house.customers(), house.duplicates());
        let names = populate(&mut customers, 30).await;
        create(&mut customers, again(3)).await;
        create(&mut customers, again(9)).await;
        scan(&house).await;
        let list = |customer: &str, score_min_per_mille| wire::ListDuplicatePairsRequest {
            customer: customer.to_owned(),
            score_min_per_mille,
            ..Default::default()
        };
        for (customer, score, count) in [
            ("", 0, 2),
            (names[3].as_str(), 0, 1),
            (names[4].as_str(), 0, 0),
            ("", 500, 2),
        ] {
            let page = duplicates.list_duplicate_pairs(list(customer, score)).await;
            let found = page.expect("lists").into_inner().duplicate_pairs;
            assert_eq!(found.len(), count, "{customer} {score}");
            assert!(found.iter().all(|pair| pair.score_per_mille >= score));
        }
        let nobody = CustomerId::generate().to_name();
        let refusal = refused(duplicates.list_duplicate_pairs(list(&nobody, 0)).await);
        assert_eq!(refusal.0, Code::NotFound);
        let mut wrong = list("Amelia", 1_001);
        wrong.page_size = -1;
        let wrong = status_of(duplicates.list_duplicate_pairs(wrong).await);
        let fields = refusal_fields(&wrong);
        assert_eq!(fields, ["customer", "score_min_per_mille", "page_size"]);
        let wrong = status_of(
            duplicates
                .dismiss_duplicate_pair(dismissal("pairs/1"))
                .await,
        );
        assert_eq!(refusal_fields(&wrong), ["name"]);
        let page = wire::ListDuplicatePairsRequest {
            page_size: 1,
            ..list("", 0)
        };
        let first = duplicates.list_duplicate_pairs(page.clone()).await;
        let first = first.expect("lists").into_inner();
        let mixed = wire::ListDuplicatePairsRequest {
            page_token: first.next_page_token,
            score_min_per_mille: 900,
            ..page
        };
        let mixed = status_of(duplicates.list_duplicate_pairs(mixed).await);
        assert_eq!(refusal_fields(&mixed), ["page_token"]);
    }
}

fn refusal_fields(status: &Status) -> Vec<String> {
    refusal(status).fields
}

#[tokio::test]
async fn nobody_sees_a_pair_of_customers_they_do_not_see() {
    let policies = r#"
        @id("amy") @description("Managers see their team's customers.")
        permit (principal in Role::"manager", action, resource)
        when { resource has team && resource.team == Team::"south" };
    "#;
    for house in House::each().await {
        let mut customers = house.customers();
        populate(&mut customers, 30).await;
        let of_team = |team: &str, customer: wire::Customer| wire::Customer {
            team: team.to_owned(),
            ..customer
        };
        for (number, teams) in [(40, ["south", "south"]), (51, ["south", "north"])] {
            create(&mut customers, of_team(teams[0], somebody(number))).await;
            create(&mut customers, of_team(teams[1], again(number))).await;
        }
        scan(&house).await;
        let all = pairs(&mut house.duplicates(), State::Open).await;
        assert_eq!(all.len(), 2);
        let narrow = house.under(policies).await;
        let mut amys = narrow.duplicates_as(amy(Role::Manager));
        let seen = pairs(&mut amys, State::Open).await;
        assert_eq!(seen.len(), 1);
        let unseen = all.iter().find(|pair| pair.name != seen[0].name);
        let unseen = unseen.expect("another one");
        let refusal = refused(amys.dismiss_duplicate_pair(dismissal(&unseen.name)).await);
        assert_eq!(refusal.0, Code::NotFound);
        let theirs = house
            .duplicates_of("other")
            .dismiss_duplicate_pair(dismissal(&unseen.name))
            .await;
        assert_eq!(refused(theirs).0, Code::NotFound);
        let still = pairs(&mut house.duplicates(), State::Open).await;
        assert_eq!(still.len(), 2);
        amys.dismiss_duplicate_pair(dismissal(&seen[0].name))
            .await
            .expect("sees both");
    }
}

#[tokio::test]
async fn pairs_of_the_deleted_are_hidden_and_those_of_the_erased_are_gone() {
    for house in House::each().await {
        let (mut customers, mut duplicates) = (house.customers(), house.duplicates());
        populate(&mut customers, 30).await;
        create(&mut customers, again(3)).await;
        create(&mut customers, again(9)).await;
        scan(&house).await;
        let found = pairs(&mut duplicates, State::Open).await;
        duplicates
            .dismiss_duplicate_pair(dismissal(&found[1].name))
            .await
            .expect("dismissed");
        // The one side of one pair, the other side of the other.
        let (low, high) = (&found[0].customer, &found[1].other_customer);
        let delete = wire::DeleteCustomerRequest {
            name: low.clone(),
            ..Default::default()
        };
        customers.delete_customer(delete).await.expect("deleted");
        assert_eq!(pairs(&mut duplicates, State::Open).await.len(), 0);
        let refusal = refused(
            duplicates
                .dismiss_duplicate_pair(dismissal(&found[0].name))
                .await,
        );
        assert_eq!(refusal.0, Code::NotFound);
        let undelete = wire::UndeleteCustomerRequest {
            name: low.clone(),
            ..Default::default()
        };
        customers.undelete_customer(undelete).await.expect("back");
        assert_eq!(pairs(&mut duplicates, State::Open).await.len(), 1);

        let mut privacy = house.privacy_requests();
        for name in [low, high] {
            let erase = wire::PrivacyRequestType::Erase;
            ask(&mut privacy, name, erase).await.expect("asked");
        }
        assert_eq!(pairs(&mut duplicates, State::Open).await.len(), 0);
        assert_eq!(pairs(&mut duplicates, State::Dismissed).await.len(), 0);
        assert_eq!(house.erase().await, 2);
        let tenant = TenantId::embedded_default();
        let any = crate::app::WhichPairs {
            customer: None,
            state: None,
            score_min: 0,
        };
        let reader = house.db.db.reader_of(&tenant);
        let (left, _) = store::duplicate_pair::page(&reader, &tenant, any, None, 10)
            .await
            .expect("reads");
        assert_eq!(left, []);
        assert_eq!(scan(&house).await.pair_count, 0);
    }
}

#[test]
fn only_those_whose_work_it_is_look_for_duplicates() {
    let access = Access::shipped(DESCRIPTORS).expect("valid policies");
    let lets = |role: Role, method: &str| {
        let method = format!("dossier.profile.v1.DuplicateService/{method}");
        let explained = access.explain(&amy(role), &method, Default::default());
        explained.expect("known").allowed
    };
    for (role, scans, lists, dismisses) in [
        (Role::Viewer, false, false, false),
        (Role::Agent, false, false, false),
        (Role::Analyst, false, false, false),
        (Role::Manager, false, true, false),
        (Role::Steward, true, true, true),
        (Role::Admin, true, true, true),
    ] {
        assert_eq!(lets(role, "StartDuplicateScan"), scans, "{role:?}");
        assert_eq!(lets(role, "ListDuplicatePairs"), lists, "{role:?}");
        assert_eq!(lets(role, "DismissDuplicatePair"), dismisses, "{role:?}");
    }
}
