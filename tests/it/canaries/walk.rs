//! Every RPC of the contract with canaries in its hands: as it should be asked, and badly.

use anyhow::ensure;
use bytes::Bytes;
use dossier_kernel::Role;
use dossier_proto::common::v1::DataClass;
use dossier_testkit::{Example, Rpc, Scene, Suite};
use dossier_vault::classes::class_of;
use prost_reflect::{DynamicMessage, Kind, ReflectMessage as _, Value};
use tonic::{Code, Request};

use super::aviary::Aviary;
use super::errors::Errors;

/// Says which RPCs the canaries did not go through: one without an example says where to write it.
pub async fn every_rpc(
    suite: &Suite,
    scene: &Scene,
    errors: &Errors,
    aviary: &mut Aviary,
) -> anyhow::Result<Vec<String>> {
    let stranger = dossier_testkit::Caller::new(&suite.addresses(), "")?;
    let viewer = suite.caller_as(&[Role::Viewer], suite.tenant())?;
    let mut problems = Vec::new();
    let mut refused = 0;
    for rpc in Rpc::all()? {
        let example = match scene.example(&rpc).await {
            Ok(example) => example,
            Err(problem) => {
                problems.push(format!("{problem:#}"));
                continue;
            }
        };
        if let Err(status) = scene.caller().call(&example).await {
            // What only services of the suite may ask refuses people.
            if status.code() != Code::PermissionDenied {
                problems.push(format!("{}: {:?}", rpc.name, status.code()));
            }
            errors.keep(&rpc.name, &status)?;
        }
        // The same again, by who may not, and with every personal value spoiled.
        for caller in [&stranger, &viewer] {
            if let Err(status) = caller.call(&example).await {
                errors.keep(&rpc.name, &status)?;
                refused += 1;
            }
        }
        for spoil in [Spoil::Controls, Spoil::Length, Spoil::Quotes] {
            let word = aviary.word("spoiled value");
            let spoiled = spoiled(&example, spoil, &word);
            if let Err(status) = scene.caller().call(&spoiled).await {
                errors.keep(&rpc.name, &status)?;
                refused += 1;
            }
        }
        // Cut off in the middle of a value.
        let cut: Vec<Bytes> = example.encoded().iter().map(half).collect();
        let request = Request::new(futures::stream::iter(cut));
        if let Err(status) = scene.caller().send(&rpc, request).await {
            errors.keep(&rpc.name, &status)?;
            refused += 1;
        }
    }
    ensure!(refused > 50, "only {refused} calls were refused");
    Ok(problems)
}

fn half(message: &Bytes) -> Bytes {
    message.slice(..message.len() / 2)
}

#[derive(Clone, Copy)]
enum Spoil {
    Controls,
    Length,
    Quotes,
}

impl Spoil {
    fn apply(self, word: &str) -> String {
        match self {
            Self::Controls => format!("{word}\u{0}\u{7}"),
            Self::Length => word.repeat(500),
            Self::Quotes => format!("'\"; {word} @@ \\"),
        }
    }
}

/// The request with every text that names or exposes somebody replaced.
fn spoiled(example: &Example, spoil: Spoil, word: &str) -> Example {
    let mut spoiled = example.clone();
    for message in &mut spoiled.messages {
        change(message, &spoil.apply(word));
    }
    spoiled
}

fn change(message: &mut DynamicMessage, words: &str) {
    for field in message.descriptor().fields() {
        let personal = matches!(
            class_of(&field),
            DataClass::Direct | DataClass::Sensitive | DataClass::Defined
        );
        if !message.has_field(&field) {
            continue;
        }
        let text = field.kind() == Kind::String && personal;
        match message.get_field_mut(&field) {
            Value::String(value) if text => words.clone_into(value),
            Value::Message(value) => change(value, words),
            Value::List(values) => {
                for value in values {
                    match value {
                        Value::String(value) if text => words.clone_into(value),
                        Value::Message(value) => change(value, words),
                        _ => {}
                    }
                }
            }
            Value::Map(values) => {
                for value in values.values_mut() {
                    match value {
                        Value::String(value) if personal => words.clone_into(value),
                        Value::Message(value) => change(value, words),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// What the walk stands on: a spoiled request differs wherever the marker stood.
#[test]
fn spoiling_reaches_every_personal_text() -> anyhow::Result<()> {
    let rpc = Rpc::named("dossier.profile.v1.CustomerService/CreateCustomer")?;
    let body = serde_json::json!({"customer": {
        "display_name": "Kanarie",
        "contact_points": [{"type": "CONTACT_POINT_TYPE_EMAIL", "value": "Kanarie@example.com"}],
        "addresses": [{"address_lines": ["Kanarie 1"]}],
        "region_code": "CN",
    }});
    let example = Example::from_json(&rpc, vec![body])?;
    let spoiled = spoiled(&example, Spoil::Quotes, "other");
    let bytes = spoiled.encoded().concat();
    let text = String::from_utf8_lossy(&bytes);
    ensure!(!text.contains("Kanarie"), "{text}");
    ensure!(text.contains("CN"), "what is not personal stays");
    ensure!(text.matches("other").count() == 3, "{text}");
    Ok(())
}
