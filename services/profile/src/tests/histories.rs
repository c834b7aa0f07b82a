//! Laws of histories, over random lives of customers: what was read at an instant is read as of it for
//! ever, the changes in order are the file, and a rollback gives what was there.

use std::collections::BTreeMap;

use dossier_proto::common::v1::DataClass;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::TestRunner;
use tonic::Code;
use wire::attribute_value::Kind;

use super::*;

/// Lives of one customer on each backend.
const LIVES: u32 = 24;

/// Something that happens to a customer.
#[derive(Clone, Debug)]
enum Event {
    Update {
        fields: Vec<&'static str>,
        seed: u8,
    },
    AddTag(u8),
    RemoveTag(u8),
    Delete,
    Undelete,
    /// To one of the revisions that there are.
    Rollback {
        to: prop::sample::Index,
        fields: Vec<&'static str>,
    },
}

const FIELDS: [&str; 14] = [
    "display_name",
    "given_name",
    "gender",
    "birth_date",
    "region_code",
    "contact_points",
    "external_ids",
    "addresses",
    "tags",
    "owner",
    "team",
    "attributes.points",
    "attributes.note",
    "attributes.health",
];

fn event() -> impl Strategy<Value = Event> {
    let fields = || subsequence(FIELDS.to_vec(), 0..4);
    prop_oneof![
        6 => (subsequence(FIELDS.to_vec(), 1..5), 0..4_u8)
            .prop_map(|(fields, seed)| Event::Update { fields, seed }),
        1 => (0..3_u8).prop_map(Event::AddTag),
        1 => (0..3_u8).prop_map(Event::RemoveTag),
        1 => Just(Event::Delete),
        2 => Just(Event::Undelete),
        3 => (any::<prop::sample::Index>(), fields())
            .prop_map(|(to, fields)| Event::Rollback { to, fields }),
    ]
}

/// A file whose every field is made of a number; of 0 there is little.
fn file(seed: u8) -> wire::Customer {
    let some = seed > 0;
    let text = |word: &str| format!("{word} {seed}");
    let number = i32::from(seed);
    let attribute = |kind| wire::AttributeValue { kind: Some(kind) };
    let attributes = [
        ("points", Kind::IntValue(number.into())),
        ("note", Kind::StringValue(text("note"))),
        ("health", Kind::StringValue(text("health"))),
    ];
    let attributes = attributes.map(|(id, kind)| (id.to_owned(), attribute(kind)));
    wire::Customer {
        given_name: if some { text("Amy") } else { String::new() },
        gender: number,
        birth_date: some.then_some(common::Date {
            year: 1990,
            month: 1,
            day: number,
        }),
        region_code: if some { "CN".to_owned() } else { String::new() },
        contact_points: (0..seed)
            .map(|one| email(&format!("{one}@example.cn")))
            .collect(),
        external_ids: (0..seed)
            .map(|one| id("shop", &format!("{seed}-{one}")))
            .collect(),
        addresses: (0..seed)
            .map(|one| wire::Address {
                region_code: "CN".to_owned(),
                locality: format!("city {one}"),
                address_lines: vec![format!("road {}", one + seed)],
                ..wire::Address::default()
            })
            .collect(),
        tags: (0..seed).map(|one| format!("tag{one}")).collect(),
        owner: if some {
            format!("person:{seed}")
        } else {
            String::new()
        },
        team: if some {
            format!("team{seed}")
        } else {
            String::new()
        },
        attributes: match some {
            true => attributes.into(),
            false => BTreeMap::new(),
        },
        ..person(&text("name"))
    }
}

/// Gives `to` what `from` has of a field; `false` where there is no such field.
fn take(to: &mut wire::Customer, from: &wire::Customer, field: &str) -> bool {
    let from = from.clone();
    match field {
        "type" => to.r#type = from.r#type,
        "display_name" => to.display_name = from.display_name,
        "given_name" => to.given_name = from.given_name,
        "gender" => to.gender = from.gender,
        "birth_date" => to.birth_date = from.birth_date,
        "region_code" => to.region_code = from.region_code,
        "contact_points" => to.contact_points = from.contact_points,
        "external_ids" => to.external_ids = from.external_ids,
        "addresses" => to.addresses = from.addresses,
        "tags" => to.tags = from.tags,
        "owner" => to.owner = from.owner,
        "team" => to.team = from.team,
        "delete_time" => to.delete_time = from.delete_time,
        "purge_time" => to.purge_time = from.purge_time,
        _ => {
            let Some(id) = field.strip_prefix("attributes.") else {
                return false;
            };
            match from.attributes.get(id) {
                Some(value) => to.attributes.insert(id.to_owned(), value.clone()),
                None => to.attributes.remove(id),
            };
        }
    }
    true
}

/// A customer's life so far.
struct Life<'h> {
    house: &'h House,
    client: Customers,
    revisions: Revisions,
    name: String,
    /// What was answered last at each instant.
    seen: BTreeMap<i64, wire::Customer>,
    /// What each revision was, in their order.
    states: Vec<wire::Customer>,
}

impl<'h> Life<'h> {
    async fn begin(house: &'h House) -> Self {
        let mut client = house.customers();
        let made = create(&mut client, file(1)).await;
        let mut life = Self {
            house,
            client,
            revisions: house.revisions(),
            name: made.name.clone(),
            seen: BTreeMap::new(),
            states: vec![made],
        };
        life.look().await;
        life
    }

    /// One event; whether it is allowed depends on what is there.
    async fn live(&mut self, event: Event) {
        let (name, live) = (self.name.clone(), self.states.last().expect("one").clone());
        let deleted = live.delete_time.is_some();
        let mut expected = None;
        let answer = match event {
            Event::Update { fields, seed } => {
                let customer = Some(wire::Customer { name, ..file(seed) });
                let update_mask = mask(&fields);
                let request = wire::UpdateCustomerRequest {
                    customer,
                    update_mask,
                    ..Default::default()
                };
                self.client.update_customer(request).await
            }
            Event::AddTag(tag) => {
                let (tags, request_id) = (vec![format!("more{tag}")], String::new());
                let request = wire::AddTagsRequest {
                    name,
                    tags,
                    request_id,
                };
                self.client.add_tags(request).await
            }
            Event::RemoveTag(tag) => {
                let (tags, request_id) = (vec![format!("tag{tag}")], String::new());
                let request = wire::RemoveTagsRequest {
                    name,
                    tags,
                    request_id,
                };
                self.client.remove_tags(request).await
            }
            Event::Delete => {
                let request = wire::DeleteCustomerRequest {
                    name,
                    ..Default::default()
                };
                let answer = self.client.delete_customer(request).await;
                self.keep(answer.expect("deletes, or is deleted").into_inner());
                return;
            }
            Event::Undelete => {
                let request = wire::UndeleteCustomerRequest {
                    name,
                    ..Default::default()
                };
                match self.client.undelete_customer(request).await {
                    Ok(answer) => self.keep(answer.into_inner()),
                    Err(status) => assert!(!deleted, "{status:?}"),
                }
                return;
            }
            Event::Rollback { to, fields } => {
                let to = to.index(self.states.len());
                let mut wanted = live.clone();
                let all: Vec<&str> = match fields.is_empty() {
                    true => FIELDS.to_vec(),
                    false => fields.clone(),
                };
                for field in all {
                    assert!(take(&mut wanted, &self.states[to], field));
                }
                expected = Some(wanted);
                let request = wire::RollbackCustomerRequest {
                    name,
                    revision: i64::try_from(to).expect("small") + 1,
                    update_mask: mask(&fields),
                    ..Default::default()
                };
                self.revisions.rollback_customer(request).await
            }
        };
        match answer {
            Ok(answer) => {
                let answer = answer.into_inner();
                if let Some(expected) = expected {
                    let expected = wire::Customer {
                        etag: answer.etag.clone(),
                        update_time: answer.update_time,
                        ..expected
                    };
                    assert!(answer == expected, "a rollback gives what was there");
                }
                self.keep(answer);
            }
            Err(status) => {
                assert!(deleted, "{status:?}");
                assert_eq!(status.code(), Code::FailedPrecondition);
            }
        }
    }

    fn keep(&mut self, now: wire::Customer) {
        if now.etag != self.states.last().expect("one").etag {
            self.states.push(now);
        }
    }

    async fn look(&mut self) {
        let now = self.house.clock.now().micros();
        let answer = get(&mut self.client, &self.name).await.expect("there");
        assert!(answer == *self.states.last().expect("one"));
        self.seen.insert(now, answer);
    }

    async fn at(&mut self, micros: i64) -> wire::Customer {
        let (seconds, nanos) = Timestamp::from_micros(micros).to_secs_nanos();
        let request = wire::GetCustomerRequest {
            name: self.name.clone(),
            read_time: Some(prost_types::Timestamp { seconds, nanos }),
        };
        let answer = self.client.get_customer(request).await;
        answer.expect("it was there").into_inner()
    }

    /// All revisions, oldest first, read in pages of this size.
    async fn history(&mut self, page_size: i32) -> Vec<wire::Revision> {
        let mut request = wire::ListRevisionsRequest {
            parent: self.name.clone(),
            page_size,
            ..Default::default()
        };
        let mut all = Vec::new();
        loop {
            let page = self.revisions.list_revisions(request.clone()).await;
            let page = page.expect("listed").into_inner();
            all.extend(page.revisions);
            if page.next_page_token.is_empty() {
                all.reverse();
                return all;
            }
            request.page_token = page.next_page_token;
        }
    }

    async fn check_times(&mut self) {
        let seen = self.seen.clone();
        let mut until: Vec<i64> = seen.keys().skip(1).map(|next| next - 1).collect();
        until.push(self.house.clock.now().micros());
        for ((time, answer), last) in seen.into_iter().zip(until) {
            for micros in [time, last] {
                assert!(self.at(micros).await == answer, "as of {micros}");
            }
        }
    }

    async fn check_changes(&mut self, page_size: i32) -> Vec<wire::Revision> {
        let history = self.history(page_size).await;
        assert_eq!(history.len(), self.states.len());
        let first = &self.states[0];
        let mut file = wire::Customer {
            name: first.name.clone(),
            uid: first.uid.clone(),
            create_time: first.create_time,
            ..wire::Customer::default()
        };
        for (revision, state) in history.iter().zip(&self.states) {
            assert!(
                revision
                    .name
                    .ends_with(&format!("/revisions/{}", state.etag))
            );
            let after = revision.after.clone().expect("known");
            // What is there before and after is the fields that changed, and no others.
            let (mut was, mut is) = (wire::Customer::default(), wire::Customer::default());
            for field in &revision.changed_fields {
                assert!(take(&mut was, &file, field), "{field}");
                assert!(take(&mut is, &after, field));
                assert!(take(&mut file, &after, field));
            }
            assert!(was == revision.before.clone().unwrap_or_default());
            assert!(is == after);
            file.etag.clone_from(&state.etag);
            file.update_time = revision.origin.clone().expect("known").time;
            assert!(
                file == *state,
                "the changes up to {} are the file",
                revision.name
            );
        }
        history
    }
}

async fn define(house: &House) {
    for (attribute_definition_id, kind, class) in [
        ("points", wire::AttributeType::Int, DataClass::Quasi),
        ("note", wire::AttributeType::String, DataClass::Direct),
        ("health", wire::AttributeType::String, DataClass::Sensitive),
    ] {
        let request = wire::CreateAttributeDefinitionRequest {
            attribute_definition: Some(wire::AttributeDefinition {
                r#type: kind.into(),
                data_class: class.into(),
                ..Default::default()
            }),
            attribute_definition_id: attribute_definition_id.to_owned(),
            ..Default::default()
        };
        let made = house
            .definitions()
            .create_attribute_definition(request)
            .await;
        made.expect("defined");
    }
}

#[test]
fn a_history_is_what_was_seen_and_what_was_changed() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let houses = runtime.block_on(async {
        let houses = House::each().await;
        for house in &houses {
            define(house).await;
        }
        houses
    });
    let events = vec((event(), 0..3_u64), 0..25);
    let law = |(events, page_size): (Vec<(Event, u64)>, i32)| {
        runtime.block_on(async {
            let mut told = Vec::new();
            for house in &houses {
                let mut life = Life::begin(house).await;
                for (event, seconds) in events.clone() {
                    house.pass(Duration::from_secs(seconds));
                    life.live(event).await;
                    life.look().await;
                }
                life.check_times().await;
                let history = life.check_changes(page_size).await;
                told.push(history.into_iter().map(gist).collect::<Vec<_>>());
                // The external ids are free for the next life.
                house.pass(Duration::from_secs(1));
                let gone = Event::Update {
                    fields: vec!["external_ids"],
                    seed: 0,
                };
                life.live(Event::Undelete).await;
                life.live(gone).await;
            }
            assert!(
                told.windows(2).all(|two| two[0] == two[1]),
                "on both backends"
            );
        });
        Ok(())
    };
    let config = ProptestConfig {
        cases: LIVES,
        ..ProptestConfig::default()
    };
    let lives = (events, 1..5_i32);
    TestRunner::new(config).run(&lives, law).expect("holds");
}

/// What a revision says, without names.
fn gist(revision: wire::Revision) -> (Vec<String>, Vec<String>, Vec<u8>) {
    let after = revision.after.unwrap_or_default();
    let after = wire::Customer {
        delete_time: None,
        purge_time: None,
        ..after
    };
    let bytes = prost::Message::encode_to_vec(&after);
    (revision.changed_fields, revision.masked_fields, bytes)
}
