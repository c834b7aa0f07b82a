//! Who belongs to whom, over gRPC.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use wire::RelationshipType as Type;

use super::*;

const YEAR: Duration = Duration::from_secs(365 * 86_400);

fn company(name: &str) -> wire::Customer {
    wire::Customer {
        r#type: wire::CustomerType::Organization.into(),
        ..person(name)
    }
}

async fn companies(house: &House, count: usize) -> Vec<String> {
    let mut customers = house.customers();
    let mut names = Vec::with_capacity(count);
    for number in 0..count {
        let made = create(&mut customers, company(&format!("company {number}"))).await;
        names.push(made.name);
    }
    names
}

fn between(from: &str, kind: Type, to: &str) -> wire::Relationship {
    wire::Relationship {
        from: from.to_owned(),
        to: to.to_owned(),
        r#type: kind.into(),
        ..Default::default()
    }
}

/// From so many years before now until so many years before now.
fn dated(one: wire::Relationship, from: u32, until: u32) -> wire::Relationship {
    wire::Relationship {
        start_time: Some(ago(from)),
        end_time: Some(ago(until)),
        ..one
    }
}

fn ago(years: u32) -> prost_types::Timestamp {
    let (seconds, nanos) = NOW.minus(YEAR * years).to_secs_nanos();
    prost_types::Timestamp { seconds, nanos }
}

async fn relate(
    house: &House,
    relationship: wire::Relationship,
) -> Result<wire::Relationship, Status> {
    let request = wire::CreateRelationshipRequest {
        relationship: Some(relationship),
        request_id: request_id(),
    };
    let related = house.relationships().create_relationship(request).await?;
    Ok(related.into_inner())
}

async fn list(house: &House, customer: &str, at: Option<u32>) -> Vec<wire::Relationship> {
    let request = wire::ListRelationshipsRequest {
        customer: customer.to_owned(),
        read_time: at.map(ago),
        ..Default::default()
    };
    let listed = house.relationships().list_relationships(request).await;
    listed.expect("lists").into_inner().relationships
}

async fn tree(
    house: &House,
    customer: &str,
    caps: (i32, i32),
    at: Option<u32>,
) -> wire::OrganizationTree {
    let request = wire::GetOrganizationTreeRequest {
        customer: customer.to_owned(),
        read_time: at.map(ago),
        depth_max: caps.0,
        node_count_max: caps.1,
    };
    let found = house.relationships().get_organization_tree(request).await;
    found.expect("a tree").into_inner()
}

#[tokio::test]
async fn a_relationship_is_seen_from_both_sides_and_ends() {
    for house in House::each().await {
        let mut customers = house.customers();
        let mother = create(&mut customers, known("mother")).await.name;
        let son = create(&mut customers, known("son")).await.name;
        let told = relate(&house, between(&son, Type::Child, &mother))
            .await
            .expect("made");
        assert!(told.from == son && told.r#type() == Type::Child);
        let of_son = list(&house, &son, None).await;
        assert!(of_son == [told.clone()]);
        let of_mother = list(&house, &mother, None).await;
        assert!(of_mother[0].from == mother && of_mother[0].r#type() == Type::Parent);
        // The same, told from the other side.
        let again = relate(&house, between(&mother, Type::Parent, &son)).await;
        let taken = status_of(again);
        assert_eq!(
            (taken.code(), fact(&taken, "resource")),
            (Code::AlreadyExists, told.name.clone())
        );

        let end = wire::EndRelationshipRequest {
            name: told.name.clone(),
            end_time: Some(ago(1)),
            request_id: request_id(),
        };
        let mut client = house.relationships();
        let ended = client
            .end_relationship(end.clone())
            .await
            .expect("ends")
            .into_inner();
        assert_eq!((ended.end_time, ended.etag.as_str()), (Some(ago(1)), "2"));
        let repeated = client
            .end_relationship(end)
            .await
            .expect("answers")
            .into_inner();
        assert!(repeated == ended);
        assert_eq!(list(&house, &son, Some(2)).await.len(), 1);
        assert!(list(&house, &son, Some(1)).await.is_empty());
        assert_eq!(list(&house, &son, None).await.len(), 1);
        // Once it has ended there is room for the same.
        let now = wire::Relationship {
            start_time: Some(ago(0)),
            ..between(&mother, Type::Parent, &son)
        };
        relate(&house, now).await.expect("made");
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_everything_wrong_is_named() {
    for house in House::each().await {
        let mut customers = house.customers();
        let wang = create(&mut customers, known("wang")).await.name;
        let shop = create(&mut customers, company("shop")).await.name;
        let wrong = wire::Relationship {
            label: "x".repeat(65),
            ..dated(between(&wang, Type::Unspecified, &wang), 1, 2)
        };
        let refused = refusal(&status_of(relate(&house, wrong).await));
        let fields =
            ["to", "type", "end_time", "label"].map(|field| format!("relationship.{field}"));
        assert_eq!(refused.fields, fields);
        let married = relate(&house, between(&wang, Type::Spouse, &shop)).await;
        assert_eq!(refusal(&status_of(married)).fields, ["relationship.type"]);
        let theirs = create(&mut house.customers_of("other"), known("li"))
            .await
            .name;
        let foreign = relate(&house, between(&wang, Type::Spouse, &theirs)).await;
        assert_eq!(super::refused(foreign).0, Code::NotFound);
        let end = wire::EndRelationshipRequest {
            name: format!("relationships/{}", uuid::Uuid::now_v7()),
            ..Default::default()
        };
        let none = house.relationships().end_relationship(end).await;
        assert_eq!(super::refused(none).0, Code::NotFound);
        let person = wire::GetOrganizationTreeRequest {
            customer: wang,
            ..Default::default()
        };
        let refused = house.relationships().get_organization_tree(person).await;
        assert_eq!(refusal(&status_of(refused)).fields, ["customer"]);
    }
}

#[tokio::test]
async fn what_a_deleted_household_holds_can_be_ended() {
    for house in House::each().await {
        let mut customers = house.customers();
        let home = create(&mut customers, company("Wang family")).await.name;
        let other = create(&mut customers, company("Li family")).await.name;
        let father = create(&mut customers, known("father")).await.name;
        let member = |whose: &str| between(&father, Type::HouseholdMember, whose);
        let made = relate(&house, member(&home)).await.expect("made");
        let request = wire::DeleteCustomerRequest {
            name: home,
            ..Default::default()
        };
        customers.delete_customer(request).await.expect("deleted");
        let second = relate(&house, member(&other)).await;
        assert_eq!(
            refused(second.map(tonic::Response::new)).0,
            Code::FailedPrecondition
        );
        let request = wire::EndRelationshipRequest {
            name: made.name,
            end_time: None,
            request_id: request_id(),
        };
        house.pass(YEAR);
        let ended = house.relationships().end_relationship(request).await;
        ended.expect("ended");
        let (seconds, nanos) = NOW.plus(YEAR).to_secs_nanos();
        let since = wire::Relationship {
            start_time: Some(prost_types::Timestamp { seconds, nanos }),
            ..member(&other)
        };
        relate(&house, since).await.expect("moved");
    }
}

#[tokio::test]
async fn a_household_has_the_members_of_its_time() {
    for house in House::each().await {
        let mut customers = house.customers();
        let home = create(&mut customers, company("Wang family")).await.name;
        let other = create(&mut customers, company("Li family")).await.name;
        let father = create(&mut customers, known("father")).await.name;
        let daughter = create(&mut customers, known("daughter")).await.name;
        let member = |who: &str, whose: &str| between(who, Type::HouseholdMember, whose);
        let household = async |customer: &str, at: u32| {
            let request = wire::GetHouseholdRequest {
                customer: customer.to_owned(),
                read_time: Some(ago(at)),
            };
            house.relationships().get_household(request).await
        };
        relate(&house, dated(member(&father, &home), 9, 0))
            .await
            .expect("made");
        relate(&house, dated(member(&daughter, &home), 9, 3))
            .await
            .expect("made");
        let second = relate(&house, dated(member(&daughter, &other), 4, 1)).await;
        assert_eq!(refused(second).0, Code::FailedPrecondition);
        relate(&house, dated(member(&daughter, &other), 3, 1))
            .await
            .expect("made");

        let found = household(&daughter, 4).await.expect("one").into_inner();
        assert_eq!(
            (found.customer.as_str(), found.members.len()),
            (home.as_str(), 2)
        );
        let found = household(&home, 2).await.expect("one").into_inner();
        assert!(found.members.len() == 1 && found.members[0].from == father);
        let found = household(&daughter, 2).await.expect("one").into_inner();
        assert_eq!(found.customer, other);
        assert_eq!(refused(household(&daughter, 1).await).0, Code::NotFound);
    }
}

#[tokio::test]
async fn a_tree_is_whole_and_what_is_cut_off_is_said() {
    for house in House::each().await {
        let names = companies(&house, 6).await;
        let [root, left, right, below, deep, late] = names.as_slice() else {
            panic!("six");
        };
        for (above, kind, under) in [
            (root, Type::ParentOrganization, left),
            (root, Type::HeadOffice, right),
            (right, Type::ParentOrganization, below),
            (below, Type::ParentOrganization, deep),
        ] {
            relate(&house, between(above, kind, under))
                .await
                .expect("made");
        }
        relate(&house, dated(between(late, Type::Subsidiary, left), 5, 1))
            .await
            .expect("made");
        let shown = |tree: &wire::OrganizationTree| -> Vec<(String, i32)> {
            let nodes = tree.nodes.iter();
            nodes
                .map(|node| (node.customer.clone(), node.depth))
                .collect()
        };
        let whole = tree(&house, below, (0, 0), None).await;
        let all = [(root, 0), (left, 1), (right, 1), (below, 2), (deep, 3)];
        assert_eq!(
            shown(&whole),
            all.map(|(name, depth)| (name.clone(), depth))
        );
        assert!(whole.nodes[2].r#type() == Type::Branch && whole.nodes[2].superior == *root);
        assert_eq!(whole.path, [root, right, below].map(String::clone));
        assert!(!whole.truncated);
        assert_eq!(tree(&house, root, (0, 0), Some(2)).await.nodes.len(), 6);
        for caps in [(2, 0), (0, 4)] {
            let cut = tree(&house, deep, caps, None).await;
            assert_eq!(shown(&cut), shown(&whole)[..4]);
            assert!(cut.truncated);
            assert_eq!(cut.path.len(), 4);
        }
        // A superior at a time.
        let second = relate(&house, between(left, Type::HeadOffice, deep)).await;
        assert_eq!(refused(second).0, Code::FailedPrecondition);

        let mut customers = house.customers();
        let delete = wire::DeleteCustomerRequest {
            name: right.clone(),
            ..Default::default()
        };
        customers.delete_customer(delete).await.expect("deleted");
        let rest = tree(&house, deep, (0, 0), None).await;
        assert_eq!(rest.path, [below, deep].map(String::clone));
        assert_eq!(list(&house, below, None).await.len(), 1);
        // Hidden, but there: the tree stays without circles when it comes back.
        let around = relate(&house, between(deep, Type::ParentOrganization, root)).await;
        assert_eq!(refused(around).0, Code::FailedPrecondition);
        let undelete = wire::UndeleteCustomerRequest {
            name: right.clone(),
            ..Default::default()
        };
        customers.undelete_customer(undelete).await.expect("back");
        assert_eq!(tree(&house, deep, (0, 0), None).await.path.len(), 4);

        let delete = wire::DeleteCustomerRequest {
            name: right.clone(),
            ..Default::default()
        };
        customers.delete_customer(delete).await.expect("deleted");
        house.pass(Duration::from_secs(30 * 86_400));
        assert_eq!(house.profile.purge_customers().await.expect("sweeps"), 1);
        assert_eq!(house.erase().await, 1);
        // With it went what bound the two together.
        relate(&house, between(deep, Type::ParentOrganization, root))
            .await
            .expect("made");
    }
}

#[tokio::test]
async fn an_organization_is_put_under_so_many_and_no_more() {
    for house in House::each().await {
        let names = companies(&house, 102).await;
        for pair in names.windows(2).take(100) {
            relate(
                &house,
                between(&pair[0], Type::ParentOrganization, &pair[1]),
            )
            .await
            .expect("made");
        }
        let past = relate(
            &house,
            between(&names[100], Type::ParentOrganization, &names[101]),
        )
        .await;
        let past = status_of(past);
        assert_eq!(
            (past.code(), fact(&past, "limit").as_str()),
            (Code::OutOfRange, "100")
        );
        let whole = tree(&house, &names[100], (100, 1_000), None).await;
        assert_eq!(
            (whole.nodes.len(), whole.path.len(), whole.truncated),
            (101, 101, false)
        );
    }
}

/// Each of them alone could be; both would be above each other.
#[tokio::test]
async fn of_two_that_close_a_circle_together_one_is_refused() {
    for house in House::each().await {
        for _ in 0..10 {
            let names = companies(&house, 4).await;
            for (above, under) in [(0, 1), (2, 3)] {
                let one = between(&names[above], Type::ParentOrganization, &names[under]);
                relate(&house, one).await.expect("made");
            }
            let closing = [(1, 2), (3, 0)].map(|(above, under)| {
                relate(
                    &house,
                    between(&names[above], Type::HeadOffice, &names[under]),
                )
            });
            let made = join_all(closing).await;
            assert_eq!(made.iter().filter(|one| one.is_ok()).count(), 1);
            let refused = made
                .into_iter()
                .find_map(Result::err)
                .expect("one is refused");
            assert_eq!(refusal(&refused).reason, "FAILED_PRECONDITION");
        }
    }
}

/// Edges between six organisations: from whom to whom, and when, in years before now.
fn edges() -> impl Strategy<Value = Vec<(usize, usize, u32, u32)>> {
    let edge = (0..6_usize, 0..6_usize, 0..6_u32, 1..6_u32);
    let edge = edge.prop_map(|(above, under, until, years)| (above, under, until + years, until));
    proptest::collection::vec(edge, 6..24)
}

/// Whoever writes what at the same moment: at every time everybody has one superior at most, and
/// nobody is above themselves.
#[tokio::test]
async fn trees_stay_without_circles() {
    let mut runner = TestRunner::deterministic();
    for house in House::each().await {
        for _ in 0..6 {
            let names = companies(&house, 6).await;
            let edges = edges().new_tree(&mut runner).expect("edges").current();
            let writing = edges.iter().map(|(above, under, from, until)| {
                let one = between(&names[*above], Type::ParentOrganization, &names[*under]);
                relate(&house, dated(one, *from, *until))
            });
            let made = join_all(writing).await;
            assert!(made.iter().any(Result::is_ok));
            for at in 0..12 {
                let mut superiors: BTreeMap<String, String> = BTreeMap::new();
                for name in &names {
                    for one in list(&house, name, Some(at)).await {
                        if one.r#type() == Type::Subsidiary {
                            let other = superiors.insert(name.clone(), one.to);
                            assert!(other.is_none(), "two superiors at {at} of {edges:?}");
                        }
                    }
                }
                for name in &names {
                    let mut above = BTreeSet::new();
                    let mut at_name = name;
                    while let Some(superior) = superiors.get(at_name) {
                        assert!(above.insert(superior), "a circle at {at} of {edges:?}");
                        at_name = superior;
                    }
                }
            }
        }
    }
}
