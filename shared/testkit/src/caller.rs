//! Calls of any RPC by its name, with messages as bytes.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes};
use prost_reflect::DynamicMessage;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::MetadataMap;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;
use tonic::{Request, Status, Streaming};

use crate::clients::{Bearer, Wire};
use crate::contract::Rpc;
use crate::example::Example;

const TIMEOUT: Duration = Duration::from_secs(60);

/// Somebody who calls by name. Cheap to clone.
#[derive(Clone)]
pub struct Caller {
    wires: [Wire; 4],
    /// To interaction, for what only services may ask.
    service: Option<Wire>,
}

/// What a call came to: its metadata, from before and after, and every message as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    pub metadata: MetadataMap,
    pub messages: Vec<Bytes>,
}

impl Caller {
    /// Connects when first used. `addresses` are of profile, interaction, segmentation, feedback;
    /// an empty token is none.
    pub fn new(addresses: &[String; 4], token: &str) -> anyhow::Result<Self> {
        let bearer = Bearer::new(token)?;
        let wire = |address: &String| -> anyhow::Result<Wire> {
            let channel = Endpoint::from_shared(address.clone())?.connect_lazy();
            Ok(InterceptedService::new(channel, bearer.clone()))
        };
        let [profile, interaction, segmentation, feedback] = addresses;
        Ok(Self {
            wires: [
                wire(profile)?,
                wire(interaction)?,
                wire(segmentation)?,
                wire(feedback)?,
            ],
            service: None,
        })
    }

    /// Asks with this token what only services of the suite may ask.
    pub fn with_service(mut self, addresses: &[String; 4], token: &str) -> anyhow::Result<Self> {
        let [_, interaction, _, _] = Self::new(addresses, token)?.wires;
        self.service = Some(interaction);
        Ok(self)
    }

    /// Makes the call and reads the answer to its end. A watch has none: it is read until it says
    /// that it has caught up.
    pub async fn call(&self, example: &Example) -> Result<Answer, Status> {
        let request = Request::new(futures::stream::iter(example.encoded()));
        self.send(&example.rpc, request).await
    }

    /// As [`Self::call`], for requests that are not what an example would be.
    pub async fn send(
        &self,
        rpc: &Rpc,
        mut request: Request<impl futures::Stream<Item = Bytes> + Send + 'static>,
    ) -> Result<Answer, Status> {
        request.set_timeout(TIMEOUT);
        let answer = self.open(rpc, request).await?;
        let (mut metadata, mut stream) = answer;
        let mut messages = Vec::new();
        loop {
            let Some(message) = stream.message().await? else {
                let trailers = stream.trailers().await?;
                let mut all = metadata.into_headers();
                all.extend(trailers.unwrap_or_default().into_headers());
                metadata = MetadataMap::from_headers(all);
                break;
            };
            let caught_up = is_heartbeat(rpc, &message);
            messages.push(message);
            if caught_up {
                break;
            }
        }
        Ok(Answer { metadata, messages })
    }

    async fn open(
        &self,
        rpc: &Rpc,
        request: Request<impl futures::Stream<Item = Bytes> + Send + 'static>,
    ) -> Result<(MetadataMap, Streaming<Bytes>), Status> {
        let wire = match rpc.part.as_str() {
            // Every process answers for its own services; examples ask this one.
            "subject" => self.service.as_ref().unwrap_or(&self.wires[1]),
            "interaction" => &self.wires[1],
            "segmentation" => &self.wires[2],
            "feedback" => &self.wires[3],
            _ => &self.wires[0],
        };
        let path = PathAndQuery::try_from(rpc.path())
            .map_err(|_| Status::internal("the RPC's name makes no path"))?;
        let mut grpc = Grpc::new(wire.clone());
        grpc.ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        // On the wire a single message is a stream of one.
        let answer = grpc.streaming(request, path, Plain).await?;
        let (metadata, stream, _) = answer.into_parts();
        Ok((metadata, stream))
    }
}

impl Answer {
    /// The first message, read as what the RPC answers.
    pub fn first(&self, rpc: &Rpc) -> anyhow::Result<DynamicMessage> {
        let bytes = self.messages.first().cloned().unwrap_or_default();
        Ok(DynamicMessage::decode(rpc.answer(), bytes)?)
    }

    /// `dossier-cursor`: where the change lies; empty when there was none.
    pub fn cursor(&self) -> &str {
        let cursor = self.metadata.get("dossier-cursor");
        cursor
            .and_then(|cursor| cursor.to_str().ok())
            .unwrap_or_default()
    }
}

fn is_heartbeat(rpc: &Rpc, message: &Bytes) -> bool {
    let Some(field) = rpc.answer().get_field_by_name("heartbeat") else {
        return false;
    };
    DynamicMessage::decode(rpc.answer(), message.clone())
        .is_ok_and(|message| message.has_field(&field))
}

/// Messages as the bytes they are.
#[derive(Clone, Copy)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
