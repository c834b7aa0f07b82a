//! A service that holds something of customers.

use std::collections::BTreeMap;
use std::time::Duration;

use dossier_kernel::{Ctx, CustomerId, Result, Timestamp};
use dossier_proto::subject::v1 as wire;
use dossier_proto::subject::v1::subject_participant_service_client::SubjectParticipantServiceClient;
use dossier_rpc::{Channel, error_from_status};
use futures::stream::{BoxStream, StreamExt};
use uuid::Uuid;

/// For a call about 500 customers, on a database that is busy.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone)]
pub struct Neighbour {
    pub service: &'static str,
    channel: Channel,
}

/// Something a neighbour holds about a customer.
pub struct Told {
    pub collection: String,
    pub name: String,
    /// The contract's message.
    pub kind: String,
    /// That message in protobuf JSON.
    pub json: String,
}

/// Who speaks for a customer: another that it was merged into, or itself.
#[derive(Clone, Copy, Debug)]
pub struct Speaker {
    pub customer: CustomerId,
    pub speaker: CustomerId,
}

type Rows = BTreeMap<String, u64>;

impl Neighbour {
    pub const fn new(service: &'static str, channel: Channel) -> Self {
        Self { service, channel }
    }

    /// Has everything of these customers erased, once for each `operation`; says how many rows that
    /// were, by table.
    pub async fn erase(
        &self,
        ctx: &Ctx,
        operation: Uuid,
        customers: &[CustomerId],
    ) -> Result<Rows> {
        let request = wire::EraseSubjectsRequest {
            service: self.service.to_owned(),
            customers: customers.iter().map(|id| id.to_name()).collect(),
            request_id: operation.to_string(),
        };
        let ctx = ctx.clone().with_timeout(PATIENCE);
        let ask = self.channel.ask(&ctx, |peer| {
            let request = request.clone();
            async move {
                SubjectParticipantServiceClient::new(peer)
                    .erase_subjects(request)
                    .await
            }
        });
        Ok(rows(ask.await?.erased))
    }

    /// What is held of these customers, by table.
    pub async fn attest(&self, ctx: &Ctx, customers: &[CustomerId]) -> Result<Rows> {
        let request = wire::AttestSubjectsRequest {
            service: self.service.to_owned(),
            customers: customers.iter().map(|id| id.to_name()).collect(),
        };
        let ctx = ctx.clone().with_timeout(PATIENCE);
        let ask = self.channel.ask(&ctx, |peer| {
            let request = request.clone();
            async move {
                SubjectParticipantServiceClient::new(peer)
                    .attest_subjects(request)
                    .await
            }
        });
        Ok(rows(ask.await?.held))
    }

    /// Says who speaks for customers since `time`.
    pub async fn remap(&self, ctx: &Ctx, speakers: &[Speaker], time: Timestamp) -> Result<()> {
        let speakers = speakers.iter().map(|one| wire::SubjectSpeaker {
            customer: one.customer.to_name(),
            speaker: one.speaker.to_name(),
        });
        let (seconds, nanos) = time.to_secs_nanos();
        let request = wire::RemapSubjectsRequest {
            service: self.service.to_owned(),
            speakers: speakers.collect(),
            time: Some(prost_types::Timestamp { seconds, nanos }),
            // Said twice, it is the same.
            request_id: String::new(),
        };
        let ctx = ctx.clone().with_timeout(PATIENCE);
        let ask = self.channel.ask(&ctx, |peer| {
            let request = request.clone();
            async move {
                SubjectParticipantServiceClient::new(peer)
                    .remap_subjects(request)
                    .await
            }
        });
        ask.await?;
        Ok(())
    }

    /// Everything held about a customer.
    pub async fn export(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
    ) -> Result<BoxStream<'static, Result<Told>>> {
        let request = wire::ExportSubjectRequest {
            service: self.service.to_owned(),
            customer: customer.to_name(),
        };
        let mut peer = SubjectParticipantServiceClient::new(self.channel.with(ctx));
        let records = peer
            .export_subject(request)
            .await
            .map_err(error_from_status)?;
        let records = records.into_inner().map(|record| {
            let wire::SubjectRecord {
                collection,
                name,
                r#type,
                json,
            } = record.map_err(error_from_status)?;
            Ok(Told {
                collection,
                name,
                kind: r#type,
                json,
            })
        });
        Ok(records.boxed())
    }
}

fn rows(tables: Vec<wire::TableCount>) -> Rows {
    let tables = tables
        .into_iter()
        .map(|wire::TableCount { table, row_count }| {
            (table, u64::try_from(row_count).unwrap_or(u64::MAX))
        });
    tables.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_makes_no_sense_is_not_zero() {
        let told = wire::TableCount {
            table: "answer".to_owned(),
            row_count: -1,
        };
        assert_eq!(rows(vec![told])["answer"], u64::MAX);
    }
}
