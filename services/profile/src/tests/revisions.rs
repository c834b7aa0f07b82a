//! Histories of customers: who changed what, what it was, and back again.

use dossier_kernel::RequestId;
use dossier_vault::rotation::{Kind, Phase, Rotator};
use sea_orm::{ConnectionTrait, Statement};
use tonic::Code;
use wire::RevisionSource;
use wire::import_customers_request::Part;
use wire::import_customers_response::Part as Said;

use super::imports::header;
use super::rollbacks::rollback;
use super::sights::{masked, secretive, text, update};
use super::*;
use crate::store::REGISTRY;

pub async fn history(client: &mut Revisions, name: &str) -> Vec<wire::Revision> {
    let request = wire::ListRevisionsRequest {
        parent: name.to_owned(),
        ..Default::default()
    };
    let page = client.list_revisions(request).await.expect("listed");
    page.into_inner().revisions
}

pub fn as_of(name: &str, time: Timestamp) -> wire::GetCustomerRequest {
    let (seconds, nanos) = time.to_secs_nanos();
    wire::GetCustomerRequest {
        name: name.to_owned(),
        read_time: Some(prost_types::Timestamp { seconds, nanos }),
    }
}

/// Changes a field of a customer.
pub async fn rename(client: &mut Customers, name: &str, display_name: &str) -> wire::Customer {
    let change = wire::Customer {
        name: name.to_owned(),
        display_name: display_name.to_owned(),
        ..Default::default()
    };
    let answer = client
        .update_customer(update(change, &["display_name"]))
        .await;
    answer.expect("renamed").into_inner()
}

/// Imports and says the id.
async fn import(client: &mut Customers, rows: wire::ImportRows) -> String {
    let header = header(wire::ImportFormat::Rows, &[]);
    let parts = [Part::Header(header), Part::Rows(rows)];
    let parts = parts.map(|part| wire::ImportCustomersRequest { part: Some(part) });
    let answers = client.import_customers(futures::stream::iter(parts)).await;
    let mut answers = answers.expect("imports").into_inner();
    loop {
        let answer = answers
            .message()
            .await
            .expect("goes on")
            .expect("a summary");
        if let Some(Said::Summary(summary)) = answer.part {
            return summary.import_id;
        }
    }
}

fn paths(provenance: &wire::Provenance) -> Vec<(&str, &str)> {
    let values = provenance.values.iter();
    let values = values.map(|value| {
        let origin = value.origin.as_ref().expect("an origin");
        let number = origin.revision.rsplit('/').next().expect("a number");
        (value.path.as_str(), number)
    });
    values.collect()
}

#[tokio::test]
async fn a_revision_says_who_made_it_how_and_what_for() {
    for house in House::each().await {
        let mut ctx = amy(Role::Admin);
        ctx.purpose = Some("support".to_owned());
        ctx.request_id = RequestId::from_header("call-7").expect("harmless");
        let mut client = house.customers_as(ctx.clone());
        let made = create(&mut client, known("amy")).await;
        house.pass(Duration::from_secs(60));
        let rows = wire::ImportRows {
            customers: vec![wire::Customer {
                region_code: "GB".to_owned(),
                ..known("amy")
            }],
        };
        let import_id = import(&mut client, rows).await;
        uuid::Uuid::parse_str(&import_id).expect("a UUID");
        let mut revisions = house.revisions_as(ctx);
        let back = revisions.rollback_customer(rollback(&made.name, 1));
        assert_eq!(back.await.expect("back").into_inner().etag, "3");

        let history = history(&mut revisions, &made.name).await;
        let origins: Vec<_> = history
            .iter()
            .filter_map(|one| one.origin.as_ref())
            .collect();
        let said: Vec<_> = origins
            .iter()
            .map(|origin| {
                (
                    origin.source().as_str_name(),
                    origin.source_reference.as_str(),
                )
            })
            .collect();
        let first = format!("{}/revisions/1", made.name);
        assert_eq!(
            said,
            [
                ("REVISION_SOURCE_ROLLBACK", first.as_str()),
                ("REVISION_SOURCE_IMPORT", import_id.as_str()),
                ("REVISION_SOURCE_API", ""),
            ]
        );
        for (revision, origin) in history.iter().zip(&origins) {
            assert_eq!(origin.revision, revision.name);
            assert_eq!(origin.actor, "person:amy");
            assert_eq!(origin.purpose, "support");
            assert_eq!(origin.request_id, "call-7");
        }
        let seconds = origins
            .iter()
            .map(|origin| origin.time.expect("a time").seconds);
        let begun = NOW.to_secs_nanos().0;
        assert_eq!(seconds.collect::<Vec<_>>(), [begun + 60, begun + 60, begun]);
        let changed: Vec<_> = history
            .iter()
            .map(|one| one.changed_fields.join(" "))
            .collect();
        assert_eq!(
            changed,
            [
                "region_code",
                "region_code",
                "type display_name external_ids"
            ]
        );
        let was = history[1].before.as_ref().expect("before");
        let is = history[1].after.as_ref().expect("after");
        assert_eq!(
            (was.region_code.as_str(), is.region_code.as_str()),
            ("", "GB")
        );
    }
}

#[tokio::test]
async fn what_was_is_read_between_its_beginning_and_now() {
    for house in House::each().await {
        let mut client = house.customers();
        let made = create(&mut client, known("amy")).await;
        house.pass(Duration::from_secs(10));
        rename(&mut client, &made.name, "Amy").await;
        let read = async |time: Timestamp| {
            let mut client = house.customers();
            client.get_customer(as_of(&made.name, time)).await
        };
        let then = read(NOW).await.expect("it was there").into_inner();
        assert!(then == made);
        let before = read(NOW.minus(Duration::from_micros(1))).await;
        assert_eq!(refused(before).0, Code::NotFound);
        let future = status_of(read(NOW.plus(Duration::from_secs(11))).await);
        assert_eq!(refusal(&future).fields, ["read_time"]);
        let odd = wire::GetCustomerRequest {
            name: "amy".to_owned(),
            read_time: Some(prost_types::Timestamp {
                seconds: i64::MAX,
                nanos: 0,
            }),
        };
        let odd = status_of(client.get_customer(odd).await);
        assert_eq!(refusal(&odd).fields, ["read_time", "name"]);
        let theirs = house
            .customers_of("other")
            .get_customer(as_of(&made.name, NOW))
            .await;
        assert_eq!(refused(theirs).0, Code::NotFound);
    }
}

#[tokio::test]
async fn what_is_masked_in_the_file_is_masked_in_its_history() {
    for house in House::each().await {
        let whole = secretive(&house).await;
        let mut client = house.customers();
        let change = wire::Customer {
            name: whole.name.clone(),
            region_code: "GB".to_owned(),
            contact_points: vec![email("pond@example.com")],
            addresses: vec![wire::Address {
                address_lines: vec!["2 Pond Road".to_owned()],
                ..whole.addresses[0].clone()
            }],
            attributes: [("allergies".to_owned(), text("milk"))].into(),
            ..Default::default()
        };
        client
            .update_customer(update(change, &[]))
            .await
            .expect("written");
        let broken = house.restarted().await;

        let mut officer = house.revisions_as(amy(Role::PrivacyOfficer));
        let officer = history(&mut officer, &whole.name).await;
        assert_eq!(
            officer[0].changed_fields,
            [
                "region_code",
                "contact_points",
                "addresses",
                "attributes.allergies"
            ]
        );
        assert!(officer.iter().all(|one| one.masked_fields.is_empty()));
        let was = officer[0].before.as_ref().expect("before");
        assert!(was.attributes["allergies"] == text("nuts"));

        let agent = history(&mut house.revisions_as(amy(Role::Agent)), &whole.name).await;
        assert_eq!(
            agent[0].changed_fields,
            ["region_code", "contact_points", "addresses"]
        );
        assert_eq!(agent[0].masked_fields, ["attributes"]);
        // Whether there was one from the beginning is not said either.
        assert_eq!(agent[1].masked_fields, ["attributes"]);
        for revision in &agent {
            let sides = [&revision.before, &revision.after].into_iter().flatten();
            assert!(sides.into_iter().all(|side| side.attributes.is_empty()));
        }

        // Not even opened.
        broken.corrupt(&["sensitive", "direct"]).await;
        broken.corrupt_history().await;
        let broken = broken.restarted().await;
        let mut analyst = broken.revisions_as(amy(Role::Analyst));
        let seen = history(&mut analyst, &whole.name).await;
        assert_eq!(seen[0].changed_fields, ["region_code"]);
        assert_eq!(
            seen[0].masked_fields,
            [
                "contact_points",
                "addresses.postal_code",
                "addresses.address_lines",
                "attributes"
            ]
        );
        assert_eq!(
            seen[1].masked_fields.len(),
            9,
            "as masked_fields of the file"
        );
        let shown = seen[1].after.as_ref().expect("after");
        assert_eq!(shown.addresses[0].locality, "Leadworth");
        assert!(shown.addresses[0].address_lines.is_empty() && shown.display_name.is_empty());
        let mut reader = broken.customers_as(amy(Role::Analyst));
        let then = reader.get_customer(as_of(&whole.name, NOW)).await;
        assert_eq!(masked(&then.expect("not opened").into_inner()).len(), 9);
        let request = wire::GetProvenanceRequest {
            name: whole.name.clone(),
        };
        let found = analyst
            .get_provenance(request)
            .await
            .expect("not opened")
            .into_inner();
        assert_eq!(
            paths(&found),
            [("type", "1"), ("region_code", "2"), ("addresses[0]", "1")]
        );
        assert_eq!(found.masked_fields.len(), 9);
    }
}

#[tokio::test]
async fn a_guess_leaves_the_same_history_right_or_wrong() {
    for house in House::each().await {
        let whole = secretive(&house).await;
        let mut agent = house.customers_as(amy(Role::Agent));
        for value in ["nuts", "milk"] {
            let change = wire::Customer {
                name: whole.name.clone(),
                attributes: [("allergies".to_owned(), text(value))].into(),
                ..Default::default()
            };
            let request = update(change, &["attributes.allergies"]);
            agent.update_customer(request).await.expect("written");
        }
        let seen = history(&mut house.revisions_as(amy(Role::Agent)), &whole.name).await;
        let told: Vec<_> = seen
            .iter()
            .map(|one| (&one.changed_fields, &one.masked_fields))
            .collect();
        assert_eq!(told[0], told[1]);
        assert_eq!(told[0].1, &["attributes"]);
    }
}

#[tokio::test]
async fn every_value_has_the_revision_that_gave_it() {
    for house in House::each().await {
        let mut client = house.customers();
        let made = create(
            &mut client,
            wire::Customer {
                contact_points: vec![email("a@example.com"), email("b@example.com")],
                tags: vec!["old".to_owned()],
                ..known("amy")
            },
        )
        .await;
        let change = wire::Customer {
            name: made.name.clone(),
            contact_points: vec![email("c@example.com"), email("b@example.com")],
            tags: vec!["new".to_owned(), "old".to_owned()],
            ..Default::default()
        };
        client
            .update_customer(update(change, &[]))
            .await
            .expect("written");
        rename(&mut client, &made.name, "Amelia").await;
        // What went and came again comes from where it came again.
        rename(&mut client, &made.name, "amy").await;
        let request = wire::GetProvenanceRequest {
            name: made.name.clone(),
        };
        let found = house.revisions().get_provenance(request.clone()).await;
        let found = found.expect("found").into_inner();
        assert_eq!(
            (found.name.as_str(), found.etag.as_str()),
            (made.name.as_str(), "4")
        );
        assert_eq!(
            paths(&found),
            [
                ("type", "1"),
                ("display_name", "4"),
                ("contact_points[0]", "2"),
                ("contact_points[1]", "1"),
                ("external_ids[0]", "1"),
                ("tags[0]", "2"),
                ("tags[1]", "1"),
            ]
        );
        // Also beyond what is read at once.
        for number in 0..210 {
            rename(&mut client, &made.name, &format!("amy {number}")).await;
        }
        let found = house.revisions().get_provenance(request).await;
        let found = found.expect("found").into_inner();
        assert_eq!(
            paths(&found)[..3],
            [
                ("type", "1"),
                ("display_name", "214"),
                ("contact_points[0]", "2")
            ]
        );
    }
}

#[tokio::test]
async fn a_file_that_is_older_than_its_history_says_so() {
    for house in House::each().await {
        let mut client = house.customers();
        let made = create(&mut client, known("amy")).await;
        house.pass(Duration::from_secs(10));
        rename(&mut client, &made.name, "Amelia").await;
        // As before histories were kept.
        house.run("DELETE FROM customer_revision").await;
        house.run("UPDATE customer SET origin = NULL").await;
        house.pass(Duration::from_secs(10));
        rename(&mut client, &made.name, "Amy").await;

        let seen = history(&mut house.revisions(), &made.name).await;
        let names: Vec<_> = seen.iter().map(|one| one.name.rsplit('/').next()).collect();
        assert_eq!(names, [Some("3"), Some("2")]);
        let first = &seen[1];
        let source = first.origin.as_ref().expect("one").source();
        assert!(source == RevisionSource::Unspecified);
        assert!(first.before.is_none() && first.after.is_none());
        assert!(first.changed_fields.is_empty());
        let kept = client
            .get_customer(as_of(&made.name, NOW.plus(Duration::from_secs(10))))
            .await;
        assert_eq!(kept.expect("kept").into_inner().display_name, "Amelia");
        let older = client
            .get_customer(as_of(&made.name, NOW.plus(Duration::from_secs(9))))
            .await;
        assert_eq!(refused(older).0, Code::FailedPrecondition);
        let request = wire::GetProvenanceRequest {
            name: made.name.clone(),
        };
        let found = house.revisions().get_provenance(request).await;
        let found = found.expect("found").into_inner();
        assert_eq!(
            paths(&found),
            [
                ("type", "2"),
                ("display_name", "3"),
                ("external_ids[0]", "2")
            ]
        );
    }
}

#[tokio::test]
async fn what_an_older_release_wrote_is_nobodys() {
    for house in House::each().await {
        let mut client = house.customers();
        let made = create(&mut client, known("amy")).await;
        // It knows neither the origin of a revision nor the table of those that were replaced.
        house.run("UPDATE customer SET revision = 2").await;
        let house = house.restarted().await;
        rename(&mut house.customers(), &made.name, "Amy").await;
        let seen = history(&mut house.revisions(), &made.name).await;
        let said = seen.iter().map(|one| {
            let source = one.origin.as_ref().expect("one").source();
            (source.as_str_name(), one.changed_fields.len())
        });
        assert_eq!(
            said.collect::<Vec<_>>(),
            [
                ("REVISION_SOURCE_API", 1),
                ("REVISION_SOURCE_UNSPECIFIED", 0)
            ]
        );
    }
}

#[tokio::test]
async fn a_history_opens_after_its_keys_were_rotated() {
    for house in House::each().await {
        let whole = secretive(&house).await;
        let mut client = house.customers();
        rename(&mut client, &whole.name, "Amy").await;
        rename(&mut client, &whole.name, "Amelia").await;
        let before = history(&mut house.revisions(), &whole.name).await;
        let (here, vault) = rotations::process(&house).await;
        let ctx = Ctx::service("test", TenantId::embedded_default());
        // What is remembered of requests would keep the old keys for days.
        house.run("DELETE FROM idempotency").await;
        let started = vault.start_rotation(&ctx, None, Kind::Customers).await;
        started.expect("starts");
        let rotator = Rotator::new(vault.clone(), REGISTRY);
        let ended = async {
            loop {
                let rotation = vault.rotations(&ctx.tenant).await.expect("reads");
                if rotation.first().expect("one").phase == Phase::Done {
                    break rotation;
                }
            }
        };
        let rotated = tokio::select! {
            ended = rotator.run(&house.stop) => panic!("{:?}: {ended:?}", house.db),
            rotated = ended => rotated,
        };
        assert_eq!(rotated[0].unreadable_count, 0);
        // The file and two revisions, of each two cells.
        assert!(rotated[0].done_count >= 6, "{:?}", rotated[0]);
        let house = here.restarted().await;
        let after = history(&mut house.revisions(), &whole.name).await;
        assert!(before == after);
        let back = house
            .revisions()
            .rollback_customer(rollback(&whole.name, 1))
            .await;
        assert!(back.expect("back").into_inner().attributes == whole.attributes);
    }
}

impl House {
    async fn corrupt_history(&self) {
        let broken = match self.db.db.backend() {
            dossier_db::Backend::Sqlite => "x'00'",
            dossier_db::Backend::Postgres => "'\\x00'::bytea",
        };
        let sql = format!("UPDATE customer_revision SET direct = {broken}, sensitive = {broken}");
        self.run(&sql).await;
    }

    /// As somebody who gets at the database.
    pub async fn run(&self, sql: &str) {
        let sql = sql.to_owned();
        let ctx = Ctx::service("test", TenantId::embedded_default());
        let work = self.db.db.write(&ctx, move |tx| {
            Box::pin(async move {
                let statement = Statement::from_string(tx.conn().get_database_backend(), sql);
                let done = tx.conn().execute_raw(statement).await;
                done.map(drop).map_err(dossier_db::error)
            })
        });
        work.await.expect("done");
    }

    pub async fn count(&self, table: &str) -> i64 {
        let reader = self.db.db.reader_of(&TenantId::all());
        let sql = format!("SELECT count(*) FROM {table}");
        let statement = Statement::from_string(reader.get_database_backend(), sql);
        let row = reader.query_one_raw(statement).await.expect("reads");
        row.expect("a row").try_get_by(0).expect("a count")
    }
}
