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

/// Fields that only the first answer has: a secret that is nowhere kept cannot be told again.
const TOLD_ONCE: [(&str, &str); 1] = [("dossier.access.v1.ApiKeyService/CreateApiKey", "key_text")];

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

    /// Two calls of a named request have one answer, to the byte.
    pub fn compare(&self, first: &Answer, second: &Answer) -> anyhow::Result<()> {
        if let Some((_, field)) = TOLD_ONCE.iter().find(|(name, _)| *name == self.name()) {
            let (mut first, mut second) = (
                first.first(&self.example.rpc)?,
                second.first(&self.example.rpc)?,
            );
            first.clear_field_by_name(field);
            second.clear_field_by_name(field);
            ensure!(first == second, "{}: the answers differ", self.name());
            return Ok(());
        }
        ensure!(
            !self.is_named() || first.messages == second.messages,
            "{}: the answers of one request differ",
            self.name()
        );
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
