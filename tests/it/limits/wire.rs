//! Limits that a request's fields do not show: bytes on the wire, pages, counts that grow call by
//! call.

use anyhow::{Context as _, ensure};
use bytes::{BufMut as _, Bytes, BytesMut};
use dossier_testkit::{Example, Refusal, Rpc, Suite};
use serde_json::{Value, json};
use tonic::{Code, Request};

use super::ground::{Ground, person};
use super::{Expected, check};

const CREATE: &str = "dossier.profile.v1.CustomerService/CreateCustomer";
const LIST: &str = "dossier.profile.v1.CustomerService/ListCustomers";
const IMPORT: &str = "dossier.profile.v1.CustomerService/ImportCustomers";
const DEFINE: &str = "dossier.profile.v1.AttributeDefinitionService/CreateAttributeDefinition";
const REPLY: &str = "dossier.feedback.v1.CaseService/ReplyToCase";

/// Their rows in the document, and what each must be there.
pub const ROWS: [(&str, usize); 6] = [
    ("request message", 4 * 1_048_576),
    ("message of an import or ingest stream", 8 * 1_048_576),
    ("headers of a request", 16 * 1_024),
    ("rows of a page", 1_000),
    ("attribute definitions of a tenant", 500),
    ("replies to a case", 100),
];

pub async fn tried(suite: &Suite, ground: &Ground) -> Vec<(&'static str, anyhow::Result<()>)> {
    let [message, stream, headers, page, definitions, replies] = ROWS;
    vec![
        (message.0, large_message(ground, message.1).await),
        (stream.0, large_chunk(ground, stream.1).await),
        (headers.0, many_headers(ground, headers.1).await),
        (page.0, long_page(ground, page.1).await),
        (definitions.0, many_definitions(ground, definitions.1).await),
        (replies.0, many_replies(suite, ground, replies.1).await),
    ]
}

async fn large_message(ground: &Ground, most: usize) -> anyhow::Result<()> {
    let rpc = Rpc::named(CREATE)?;
    let whole = |bytes| padded(&rpc, json!({"customer": person()}), bytes);
    let past = Request::new(futures::stream::iter([whole(most + 1)?]));
    refused(ground.caller.send(&rpc, past).await, most)?;
    let at = Request::new(futures::stream::iter([whole(most)?]));
    ground.caller.send(&rpc, at).await.context("at the limit")?;
    Ok(())
}

async fn large_chunk(ground: &Ground, most: usize) -> anyhow::Result<()> {
    let rpc = Rpc::named(IMPORT)?;
    let header = json!({"header": {"format": "IMPORT_FORMAT_ROWS", "dry_run": true}});
    let header = padded(&rpc, header, 0)?;
    let rows = |bytes| padded(&rpc, json!({"rows": {"customers": [person()]}}), bytes);
    let past = Request::new(futures::stream::iter([header.clone(), rows(most + 1)?]));
    refused(ground.caller.send(&rpc, past).await, most)?;
    let at = Request::new(futures::stream::iter([header, rows(most)?]));
    ground.caller.send(&rpc, at).await.context("at the limit")?;
    Ok(())
}

/// A message of exactly so many bytes: what is missing is a field that the contract does not know.
fn padded(rpc: &Rpc, body: Value, bytes: usize) -> anyhow::Result<Bytes> {
    let example = Example::from_json(rpc, vec![body])?;
    let message = example
        .encoded()
        .into_iter()
        .next()
        .context("one message")?;
    let mut message = BytesMut::from(message.as_ref());
    if bytes > message.len() {
        // Field 15, a tag of one byte and a length of four.
        message.put_u8(15 << 3 | 2);
        let mut left = bytes - message.len() - 4;
        for last in [false, false, false, true] {
            message.put_u8((left & 0x7f) as u8 | if last { 0 } else { 0x80 });
            left >>= 7;
        }
        message.resize(bytes, b'x');
    }
    Ok(message.freeze())
}

/// The client adds headers of its own, so that the limit is not met to the byte.
async fn many_headers(ground: &Ground, most: usize) -> anyhow::Result<()> {
    let rpc = Rpc::named(LIST)?;
    let body = Example::from_json(&rpc, vec![json!({"page_size": 1})])?;
    let with = |bytes: usize| -> anyhow::Result<_> {
        let mut request = Request::new(futures::stream::iter(body.encoded()));
        request
            .metadata_mut()
            .insert("x-long", "x".repeat(bytes).parse()?);
        Ok(request)
    };
    refused(ground.caller.send(&rpc, with(most)?).await, most)?;
    let below = ground.caller.send(&rpc, with(most - 2_048)?).await;
    below.context("below the limit")?;
    Ok(())
}

fn refused<T>(answer: Result<T, tonic::Status>, most: usize) -> anyhow::Result<()> {
    match answer {
        Ok(_) => anyhow::bail!("past the limit it was accepted"),
        Err(status) => check(&Refusal::of(&status), Expected::Limit, most),
    }
}

/// More than the limit is no error (AIP-158): the page is as long as the limit.
async fn long_page(ground: &Ground, most: usize) -> anyhow::Result<()> {
    let import = Rpc::named(IMPORT)?;
    let rows: Vec<Value> = (0..most).map(|_| person()).collect();
    let header = json!({"header": {"format": "IMPORT_FORMAT_ROWS"}});
    let bodies = vec![header, json!({"rows": {"customers": rows}})];
    ground
        .caller
        .call(&Example::from_json(&import, bodies)?)
        .await?;
    let list = Rpc::named(LIST)?;
    let asked = Example::from_json(&list, vec![json!({"page_size": 5_000})])?;
    let page = ground.caller.call(&asked).await?.first(&list)?;
    let customers = page.get_field_by_name("customers").context("a list")?;
    let count = customers.as_list().map_or(0, <[_]>::len);
    ensure!(count == most, "{count} rows");
    let next = page
        .get_field_by_name("next_page_token")
        .context("a token")?;
    ensure!(next.as_str().is_some_and(|token| !token.is_empty()));
    Ok(())
}

/// There are some already.
async fn many_definitions(ground: &Ground, most: usize) -> anyhow::Result<()> {
    let rpc = Rpc::named(DEFINE)?;
    for number in 0..=most {
        let definition = json!({"type": "ATTRIBUTE_TYPE_INT", "data_class": "DATA_CLASS_NONE"});
        let id = format!("limits_{number}");
        let body = json!({"attribute_definition": definition, "attribute_definition_id": id});
        let example = Example::from_json(&rpc, vec![body])?;
        if let Err(status) = ground.caller.call(&example).await {
            ensure!(number >= most - 10, "{number} were refused: {status:?}");
            return check(&Refusal::of(&status), Expected::Limit, most);
        }
    }
    anyhow::bail!("past the limit it was accepted")
}

async fn many_replies(suite: &Suite, ground: &Ground, most: usize) -> anyhow::Result<()> {
    let rpc = Rpc::named(REPLY)?;
    let reply = |ground: &Ground| {
        Example::from_json(&rpc, vec![json!({"name": ground.case, "text": "Again."})])
    };
    for _ in 0..most {
        let answer = suite.caller()?.call(&reply(ground)?).await;
        answer.context("below the limit")?;
    }
    let answer = ground.caller.call(&reply(ground)?).await;
    let status = answer.err().context("past the limit it was accepted")?;
    ensure!(status.code() == Code::OutOfRange, "{status:?}");
    check(&Refusal::of(&status), Expected::Limit, most)
}
