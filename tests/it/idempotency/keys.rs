//! What names a mutation, so that a repeat of it is recognised.

use anyhow::ensure;
use dossier_kernel::AuditLevel;
use dossier_testkit::{Answer, Example, Rpc, Scene, build};

/// Mutations whose requests are streams, and what names each of their items instead of a
/// `request_id`. Their answers count duplicates, so a repeat is recognised but not the same.
pub const KEYED_BY_ITEM: [(&str, &str); 2] = [
    (
        "dossier.interaction.v1.InteractionService/IngestInteractions",
        "source and event id, unique in the tenant for ever",
    ),
    (
        "dossier.profile.v1.CustomerService/ImportCustomers",
        "the external id a row is upserted by",
    ),
];

/// Answers with a field that a repeat does not give again, and why.
const OF_THE_MOMENT: [(&str, &str, &str); 6] = [
    (
        "dossier.access.v1.ApiKeyService/CreateApiKey",
        "key_text",
        "a secret that is kept nowhere cannot be told again",
    ),
    (START_ROTATION, "services", "how far the rotation is by now"),
    (UNDO_IMPORT, "state", "how far the undoing is by now"),
    (UNDO_IMPORT, "update_time", "when it got that far"),
    (
        "dossier.profile.v1.MergeService/MergeCustomers",
        "state",
        "how far the merge is by now",
    ),
    (
        "dossier.profile.v1.MergeService/UnmergeCustomer",
        "state",
        "how far the unmerge is by now",
    ),
];

const UNDO_IMPORT: &str = "dossier.profile.v1.ImportService/UndoImport";
const START_ROTATION: &str = "dossier.vault.v1.KeyService/StartKeyRotation";

/// A request under an id of its own.
pub struct Key {
    pub id: String,
    pub example: Example,
}

impl Key {
    pub async fn fresh(scene: &Scene, rpc: &Rpc) -> anyhow::Result<Self> {
        let id = build::request_id();
        let example = scene.example(rpc).await?;
        let example = if example.has_request_id() {
            example.with_request_id(&id)
        } else {
            example
        };
        Ok(Self { id, example })
    }

    pub fn name(&self) -> &str {
        &self.example.rpc.name
    }

    /// Whether the request itself has a name, and not each of its items.
    pub fn is_named(&self) -> bool {
        self.example.has_request_id()
    }

    /// The same id with another body.
    pub async fn other(&self, scene: &Scene) -> anyhow::Result<Self> {
        let rpc = &self.example.rpc;
        let example = if rpc.name == START_ROTATION {
            let body = serde_json::json!({"kind": "KEY_KIND_TENANT"});
            Example::from_json(rpc, vec![body])?
        } else {
            scene.example(rpc).await?
        };
        let example = if self.is_named() {
            example.with_request_id(&self.id)
        } else {
            example
        };
        ensure!(
            example.encoded() != self.example.encoded(),
            "{}: its examples are all the same",
            rpc.name
        );
        Ok(Self {
            id: self.id.clone(),
            example,
        })
    }

    /// Two calls of a named request have one answer, to the byte.
    pub fn compare(&self, first: &Answer, second: &Answer) -> anyhow::Result<()> {
        if !self.is_named() {
            return Ok(());
        }
        let moment = OF_THE_MOMENT.iter();
        let moment: Vec<&str> = moment
            .filter(|(name, _, _)| *name == self.name())
            .map(|(_, field, _)| *field)
            .collect();
        let same = if moment.is_empty() {
            first.messages == second.messages
        } else {
            let rpc = &self.example.rpc;
            let (mut first, mut second) = (first.first(rpc)?, second.first(rpc)?);
            for field in moment {
                first.clear_field_by_name(field);
                second.clear_field_by_name(field);
            }
            first == second
        };
        ensure!(same, "{}: the answers of one request differ", self.name());
        Ok(())
    }
}

/// Mutations that nothing names.
fn unnamed(rpcs: &[Rpc]) -> Vec<&str> {
    let mutations = rpcs.iter().filter(|rpc| rpc.is_mutation());
    let unnamed = mutations.filter(|rpc| {
        let named = rpc.request().get_field_by_name("request_id").is_some();
        !named && !KEYED_BY_ITEM.iter().any(|(name, _)| *name == rpc.name)
    });
    unnamed.map(|rpc| rpc.name.as_str()).collect()
}

#[test]
fn every_mutation_has_a_name() -> anyhow::Result<()> {
    let rpcs = Rpc::all()?;
    let unnamed = unnamed(&rpcs);
    ensure!(
        unnamed.is_empty(),
        "without a `request_id` a lost answer cannot be asked for again: add one to {}",
        unnamed.join(", ")
    );
    for (name, _) in KEYED_BY_ITEM {
        let rpc = Rpc::named(name)?;
        ensure!(
            rpc.is_mutation() && rpc.is_client_streaming(),
            "{name} is no stream of items"
        );
    }
    Ok(())
}

#[test]
fn a_mutation_without_a_name_is_noticed() -> anyhow::Result<()> {
    let mut planted = Rpc::named("dossier.profile.v1.CustomerService/GetCustomer")?;
    planted.audit = AuditLevel::Write;
    let name = planted.name.clone();
    ensure!(unnamed(&[planted]) == [name.as_str()]);
    Ok(())
}
