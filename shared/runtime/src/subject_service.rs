//! `dossier.subject.v1.SubjectParticipantService`: what the services of this process do for the
//! rights of their customers.

use std::collections::BTreeMap;

use dossier_db::Once;
use dossier_kernel::{CustomerId, Error, Reason, Result, Timestamp, Violation, Violations};
use dossier_proto::subject::v1 as wire;
use dossier_proto::subject::v1::subject_participant_service_server::{
    SubjectParticipantService, SubjectParticipantServiceServer,
};
use dossier_rpc::{configured, ctx, status};
use futures::stream::{BoxStream, StreamExt};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::config::SERVICES;
use crate::subject::{Record, Subjects};

pub(crate) const NAME: &str = "dossier.subject.v1.SubjectParticipantService";
const ERASE: &str = "dossier.subject.v1.SubjectParticipantService/EraseSubjects";
const REMAP: &str = "dossier.subject.v1.SubjectParticipantService/RemapSubjects";

/// The most customers of one call.
const CUSTOMERS_MAX: usize = 500;

pub(crate) fn routes(services: Vec<Subjects>) -> Result<Routes> {
    let pool = DescriptorPool::decode(dossier_proto::DESCRIPTORS).map_err(Error::internal)?;
    let api = Api { services, pool };
    Ok(Routes::new(configured!(
        SubjectParticipantServiceServer::new(api)
    )))
}

struct Api {
    services: Vec<Subjects>,
    /// To write messages as JSON.
    pool: DescriptorPool,
}

#[tonic::async_trait]
impl SubjectParticipantService for Api {
    async fn erase_subjects(
        &self,
        call: Request<wire::EraseSubjectsRequest>,
    ) -> Result<Response<wire::EraseSubjectsResponse>, Status> {
        let ctx = ctx(&call)?;
        let request = call.into_inner();
        let once = Once::new(&request.request_id, ERASE, &request.encode_to_vec());
        let once = once.map_err(status)?;
        let customers = decode(&request.customers).map_err(status)?;
        let service = self.service(&request.service).map_err(status)?;
        let erased = service.erase(&ctx, once, customers).await;
        let erased = erased.map_err(status)?.into_iter().map(|erased| {
            let row_count = rows(erased.rows);
            wire::TableCount {
                table: erased.table,
                row_count,
            }
        });
        Ok(Response::new(wire::EraseSubjectsResponse {
            erased: erased.collect(),
        }))
    }

    async fn remap_subjects(
        &self,
        call: Request<wire::RemapSubjectsRequest>,
    ) -> Result<Response<wire::RemapSubjectsResponse>, Status> {
        let ctx = ctx(&call)?;
        let request = call.into_inner();
        let once = Once::new(&request.request_id, REMAP, &request.encode_to_vec());
        let once = once.map_err(status)?;
        let (speakers, time) = decode_speakers(&request).map_err(status)?;
        let service = self.service(&request.service).map_err(status)?;
        let remapped = service.remap(&ctx, once, speakers, time).await;
        remapped.map_err(status)?;
        Ok(Response::new(wire::RemapSubjectsResponse {}))
    }

    async fn attest_subjects(
        &self,
        call: Request<wire::AttestSubjectsRequest>,
    ) -> Result<Response<wire::AttestSubjectsResponse>, Status> {
        let ctx = ctx(&call)?;
        let wire::AttestSubjectsRequest { service, customers } = call.into_inner();
        let customers = decode(&customers).map_err(status)?;
        let service = self.service(&service).map_err(status)?;
        let held = service.attest(&ctx, &customers).await.map_err(status)?;
        let held = held.into_iter().map(|(table, count)| wire::TableCount {
            table: table.to_owned(),
            row_count: rows(count),
        });
        Ok(Response::new(wire::AttestSubjectsResponse {
            held: held.collect(),
        }))
    }

    type ExportSubjectStream = BoxStream<'static, Result<wire::SubjectRecord, Status>>;

    async fn export_subject(
        &self,
        call: Request<wire::ExportSubjectRequest>,
    ) -> Result<Response<Self::ExportSubjectStream>, Status> {
        let ctx = ctx(&call)?;
        let wire::ExportSubjectRequest { service, customer } = call.into_inner();
        let service = self.service(&service).map_err(status)?;
        let customer = CustomerId::from_name(&customer)
            .ok_or_else(|| Error::invalid(vec![Violation::new("customer", NAME_WORDS)]))
            .map_err(status)?;
        let pool = self.pool.clone();
        let records = service.participant.export(ctx, customer);
        let records = records.map(move |record| {
            let record = record.and_then(|record| encode(&pool, record));
            record.map_err(status)
        });
        Ok(Response::new(records.boxed()))
    }
}

impl Api {
    fn service(&self, name: &str) -> Result<&Subjects> {
        if let Some(service) = self.services.iter().find(|one| one.service == name) {
            return Ok(service);
        }
        if SERVICES.contains(&name) {
            let words = format!("This process does not answer for {name}; ask the one that does.");
            return Err(Error::new(Reason::FailedPrecondition, words));
        }
        let words = "must be interaction, segmentation or feedback";
        Err(Error::invalid(vec![Violation::new("service", words)]))
    }
}

const NAME_WORDS: &str = "must be customers/{customer} with a UUID";

fn decode(names: &[String]) -> Result<Vec<CustomerId>> {
    check_count("customers", names.len())?;
    let mut violations = Violations::default();
    if names.is_empty() {
        violations.add("customers", "must have 1 to 500 customers");
    }
    let mut ids = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        match CustomerId::from_name(name) {
            Some(id) => ids.push(id),
            None => violations.add(format!("customers[{index}]"), NAME_WORDS),
        }
    }
    violations.into_result()?;
    // In one order, so that two erasures cannot wait for each other in a circle.
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Who speaks for whom, and since when.
fn decode_speakers(
    request: &wire::RemapSubjectsRequest,
) -> Result<(Vec<(CustomerId, CustomerId)>, Timestamp)> {
    check_count("speakers", request.speakers.len())?;
    let mut violations = Violations::default();
    if request.speakers.is_empty() {
        violations.add("speakers", "must have 1 to 500 customers");
    }
    let mut speakers = BTreeMap::new();
    for (index, one) in request.speakers.iter().enumerate() {
        let mut id = |field: &str, name: &str| {
            let id = CustomerId::from_name(name);
            if id.is_none() {
                violations.add(format!("speakers[{index}].{field}"), NAME_WORDS);
            }
            id
        };
        let (customer, speaker) = (id("customer", &one.customer), id("speaker", &one.speaker));
        // In one order, so that two calls cannot wait for each other in a circle.
        if let (Some(customer), Some(speaker)) = (customer, speaker)
            && speakers.insert(customer, speaker).is_some()
        {
            let words = "is named twice; name every customer once";
            violations.add(format!("speakers[{index}].customer"), words);
        }
    }
    let time = request.time.as_ref();
    let time = time.and_then(|at| Timestamp::from_secs_nanos(at.seconds, at.nanos));
    if time.is_none() {
        violations.add("time", "must be a time between the years 1 and 9999");
    }
    violations.into_result()?;
    let time = time.ok_or_else(|| Error::internal("a time without a violation"))?;
    Ok((speakers.into_iter().collect(), time))
}

fn check_count(field: &str, count: usize) -> Result<()> {
    if count <= CUSTOMERS_MAX {
        return Ok(());
    }
    let words = format!("{field} must not be more than 500 in one call; split the call.");
    let error = Error::new(Reason::LimitExceeded, words);
    Err(error.with("limit", CUSTOMERS_MAX.to_string()))
}

fn encode(pool: &DescriptorPool, record: Record) -> Result<wire::SubjectRecord> {
    let Record {
        collection,
        name,
        message_type,
        message,
    } = record;
    let descriptor = pool
        .get_message_by_name(message_type)
        .ok_or_else(|| Error::internal("a record of no type of the contract"))?;
    let message = DynamicMessage::decode(descriptor, message.as_slice());
    let message = message.map_err(Error::internal)?;
    let mut json = serde_json::to_value(&message).map_err(Error::internal)?;
    json.sort_all_objects();
    Ok(wire::SubjectRecord {
        collection: collection.to_owned(),
        name,
        r#type: message_type.to_owned(),
        json: json.to_string(),
    })
}

fn rows(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
