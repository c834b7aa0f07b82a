//! A valid request for every RPC of the contract, after making what it needs.
//!
//! ```text
//! let scene = Scene::new(suite.caller()?, "Kanarie7");
//! for rpc in Rpc::all()? {
//!     let answer = scene.caller().call(&scene.example(&rpc).await?).await?;
//! }
//! ```
//! A new RPC needs a row in the file of its part; a test fails until it has one.

mod access;
mod audit;
mod duplicate;
mod feedback;
mod interaction;
mod merge;
mod privacy_request;
mod profile;
mod segmentation;
mod subject;
mod vault;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use futures::future::BoxFuture;
use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, Value};
use serde_json::{Value as Json, json};
use tokio::sync::OnceCell;

use crate::caller::{Answer, Caller};
use crate::contract::Rpc;
use crate::dice::Dice;

/// A request that succeeds.
#[derive(Clone)]
pub struct Example {
    pub rpc: Rpc,
    /// One, or what is streamed in this order.
    pub messages: Vec<DynamicMessage>,
}

impl Example {
    /// Reads protobuf JSON, one value a message.
    pub fn from_json(rpc: &Rpc, bodies: Vec<Json>) -> anyhow::Result<Self> {
        let read = |body: Json| {
            DynamicMessage::deserialize(rpc.request(), body)
                .with_context(|| format!("the example of {}", rpc.name))
        };
        Ok(Self {
            rpc: rpc.clone(),
            messages: bodies.into_iter().map(read).collect::<Result<_, _>>()?,
        })
    }

    pub fn encoded(&self) -> Vec<Bytes> {
        let encode = |message: &DynamicMessage| message.encode_to_vec().into();
        self.messages.iter().map(encode).collect()
    }

    /// Whether the request has a field `request_id`.
    pub fn has_request_id(&self) -> bool {
        self.rpc.request().get_field_by_name("request_id").is_some()
    }

    /// The same request under this name.
    #[must_use]
    pub fn with_request_id(mut self, id: &str) -> Self {
        for message in &mut self.messages {
            message.set_field_by_name("request_id", Value::String(id.to_owned()));
        }
        self
    }
}

/// Who makes examples, and what they are made of. Cheap to clone.
#[derive(Clone)]
pub struct Scene(Arc<Inner>);

struct Inner {
    caller: Caller,
    marker: String,
    made: AtomicU64,
    attributes: OnceCell<()>,
}

impl Scene {
    /// `caller` makes what examples need, so it must be allowed to: an admin. `marker` (letters
    /// and digits) stands in every value of class DIRECT or SENSITIVE that examples send.
    pub fn new(caller: Caller, marker: &str) -> Self {
        Self(Arc::new(Inner {
            caller,
            marker: marker.to_owned(),
            // So that several scenes of one tenant make different things.
            made: AtomicU64::new(Dice::random().within(0..9_000_000)),
            attributes: OnceCell::new(),
        }))
    }

    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// A fresh request that will succeed; no two are the same where the RPC has any field that can
    /// differ. Without an example says where to write it.
    pub fn example<'a>(&'a self, rpc: &'a Rpc) -> BoxFuture<'a, anyhow::Result<Example>> {
        // Boxed, because examples make examples.
        Box::pin(self.make(rpc))
    }

    async fn make(&self, rpc: &Rpc) -> anyhow::Result<Example> {
        let method = rpc.name.as_str();
        let bodies = match rpc.part.as_str() {
            "access" => access::bodies(self, method).await?,
            "audit" => audit::bodies(self, method).await?,
            "profile" => profile::bodies(self, method).await?,
            "interaction" => interaction::bodies(self, method).await?,
            "segmentation" => segmentation::bodies(self, method).await?,
            "feedback" => feedback::bodies(self, method).await?,
            "subject" => subject::bodies(self, method).await?,
            "vault" => vault::bodies(method),
            _ => None,
        };
        let Some(bodies) = bodies else {
            bail!(
                "{method} has no example request: add one to \
                 shared/testkit/src/example/{}.rs, so that every walk over the contract calls it",
                rpc.part
            );
        };
        Example::from_json(rpc, bodies)
    }

    /// Makes the example of an RPC and calls it.
    async fn done(&self, method: &str) -> anyhow::Result<(Rpc, Answer)> {
        let rpc = Rpc::named(method)?;
        let example = self.example(&rpc).await?;
        let answer = self.0.caller.call(&example).await;
        Ok((rpc, answer.with_context(|| method.to_owned())?))
    }

    /// Makes something by an RPC's example; the name it got.
    async fn made(&self, method: &str) -> anyhow::Result<String> {
        let (rpc, answer) = self.done(method).await?;
        name(&answer.first(&rpc)?).with_context(|| format!("{method} answers no name"))
    }

    /// As [`Self::made`], once segmentation knows it. `feed` is where the change was told.
    async fn settled(&self, feed: &str, method: &str) -> anyhow::Result<String> {
        let (rpc, answer) = self.done(method).await?;
        let wait = Rpc::named("dossier.segmentation.v1.ProgressService/AwaitProgress")?;
        let body = json!({"cursors": {feed: answer.cursor()}});
        let wait = Example::from_json(&wait, vec![body])?;
        self.0.caller.call(&wait).await?;
        name(&answer.first(&rpc)?).with_context(|| format!("{method} answers no name"))
    }

    /// Calls an RPC with this body, because an example needs it done.
    async fn call(&self, method: &str, body: Json) -> anyhow::Result<DynamicMessage> {
        let rpc = Rpc::named(method)?;
        let example = Example::from_json(&rpc, vec![body])?;
        let answer = self.0.caller.call(&example).await;
        answer.with_context(|| method.to_owned())?.first(&rpc)
    }

    /// A number this scene did not use yet.
    fn number(&self) -> u64 {
        self.0.made.fetch_add(1, Ordering::Relaxed)
    }

    /// Words with the marker in them.
    fn words(&self, words: &str) -> String {
        format!("{} {words}", self.0.marker)
    }

    /// One word with the marker that nothing else has.
    fn word(&self) -> String {
        format!("{}x{}", self.0.marker, self.number())
    }
}

/// The field `name`, of the message itself or of the one it is about.
fn name(message: &DynamicMessage) -> Option<String> {
    if let Some(name) = message.get_field_by_name("name") {
        return name.as_str().map(str::to_owned);
    }
    message
        .fields()
        .find_map(|(_, value)| name(value.as_message()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_rpc_without_an_example_is_told_where_to_add_one() {
        let nowhere = ["http://127.0.0.1:1"; 4].map(str::to_owned);
        let scene = Scene::new(Caller::new(&nowhere, "").expect("lazy"), "Kanarie");
        let mut rpc = Rpc::named("dossier.feedback.v1.CaseService/GetCase").expect("known");
        rpc.name = "dossier.feedback.v1.CaseService/BurnCase".to_owned();
        let refused = scene.example(&rpc).await.err().expect("no example");
        let words = refused.to_string();
        assert!(words.contains("BurnCase has no example request"), "{words}");
        assert!(words.contains("example/feedback.rs"), "{words}");
    }

    #[test]
    fn a_request_is_named_where_its_message_has_room_for_it() {
        let rpc = Rpc::named("dossier.profile.v1.CustomerService/AddTags").expect("known");
        let body = json!({"name": "customers/1", "tags": ["vip"]});
        let example = Example::from_json(&rpc, vec![body]).expect("reads");
        assert!(example.has_request_id());
        let named = example.clone().with_request_id("one");
        assert_ne!(named.encoded(), example.encoded());
    }
}
