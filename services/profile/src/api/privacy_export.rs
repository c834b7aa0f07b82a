//! ExportPrivacyRequest: records of all services to lines.

use dossier_kernel::{Ctx, Error, Result};
use dossier_proto::profile::v1::ExportPrivacyRequestResponse;
use dossier_rpc::status;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use prost::Message;
use prost_reflect::DynamicMessage;
use serde_json::{Value, json};
use tonic::Status;
use uuid::Uuid;

use super::{customer, protobuf_json};
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
    let lines = lines.and_then(|line| std::future::ready(encode(line)));
    let chunks = lines.try_ready_chunks(LINES_MAX).map_err(|error| error.1);
    let chunks = chunks.map_ok(|lines| ExportPrivacyRequestResponse {
        chunk: lines.concat().into_bytes(),
    });
    Ok(chunks.map_err(status).boxed())
}

/// A line, with its end.
fn encode(line: Line) -> Result<String> {
    let mut record = match line {
        Line::Customer(seen) => {
            let message = customer::encode(*seen);
            let descriptor = protobuf_json::customer()?;
            let kind = descriptor.full_name().to_owned();
            let data = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice());
            let data = serde_json::to_value(&data.map_err(Error::internal)?);
            json!({
                "service": "profile",
                "collection": "customers",
                "name": message.name,
                "type": kind,
                "data": data.map_err(Error::internal)?,
            })
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
