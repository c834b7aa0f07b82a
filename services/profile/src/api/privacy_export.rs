//! ExportPrivacyRequest: records of all services to lines.

use dossier_kernel::{Ctx, Error, Result};
use dossier_proto::profile::v1::ExportPrivacyRequestResponse;
use dossier_rpc::status;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Value, json};
use tonic::Status;
use uuid::Uuid;

use super::{consent, customer, duplicate, protobuf_json, relationship, revision};
use crate::app::{Line, Profile};
use crate::peers::Told;

/// Lines of one message.
const LINES_MAX: usize = 32;

pub async fn run(
    profile: &Profile,
    ctx: &Ctx,
    id: Uuid,
) -> Result<BoxStream<'static, Result<ExportPrivacyRequestResponse, Status>>> {
    let lines = profile.export_privacy_request(ctx, id).await?;
    let pool = protobuf_json::pool()?;
    let lines = lines.and_then(move |line| std::future::ready(encode(&pool, line)));
    let chunks = lines.try_ready_chunks(LINES_MAX).map_err(|error| error.1);
    let chunks = chunks.map_ok(|lines| ExportPrivacyRequestResponse {
        chunk: lines.concat().into_bytes(),
    });
    Ok(chunks.map_err(status).boxed())
}

/// A line, with its end.
fn encode(pool: &DescriptorPool, line: Line) -> Result<String> {
    let mut record = match line {
        Line::Customer(seen) => {
            let message = customer::encode(*seen);
            own(pool, "customers", "Customer", &message.name, &message)?
        }
        Line::Consent(entry) => {
            let message = consent::encode(*entry);
            own(pool, "consents", "Consent", &message.name, &message)?
        }
        Line::Relationship(shown) => {
            let message = relationship::encode(*shown);
            own(
                pool,
                "relationships",
                "Relationship",
                &message.name,
                &message,
            )?
        }
        Line::DuplicatePair(pair) => {
            let message = duplicate::encode_pair(*pair);
            own(
                pool,
                "duplicatePairs",
                "DuplicatePair",
                &message.name,
                &message,
            )?
        }
        Line::Revision(revised) => {
            let message = revision::encode(*revised);
            own(pool, "revisions", "Revision", &message.name, &message)?
        }
        Line::Told { service, told } => {
            let Told {
                collection,
                name,
                kind,
                json,
            } = told;
            let data: Value = serde_json::from_str(&json).map_err(Error::internal)?;
            json!({
                "service": service,
                "collection": collection,
                "name": name,
                "type": kind,
                "data": data,
            })
        }
    };
    record.sort_all_objects();
    Ok(format!("{record}\n"))
}

/// A record of profile's own.
fn own(
    pool: &DescriptorPool,
    collection: &str,
    message_type: &str,
    name: &str,
    message: &impl Message,
) -> Result<Value> {
    let kind = format!("dossier.profile.v1.{message_type}");
    let descriptor = pool.get_message_by_name(&kind);
    let descriptor = descriptor.ok_or_else(|| Error::internal("a record of no known type"))?;
    let data = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice());
    let data = serde_json::to_value(&data.map_err(Error::internal)?);
    Ok(json!({
        "service": "profile",
        "collection": collection,
        "name": name,
        "type": kind,
        "data": data.map_err(Error::internal)?,
    }))
}
