//! Hostile tokens: 0 are let in, by a running suite that believes its own key, an ES256 and an RS256
//! issuer and API keys.
//!
//! `cargo xtask soak tokens --cycles N --seed S` repeats a failure.

mod claim;
mod forge;
mod keys;
mod sloppy;
mod text;

use anyhow::{Context as _, ensure};
use dossier_proto::access::v1::api_key_service_client::ApiKeyServiceClient;
use dossier_proto::access::v1::{ApiKey, CreateApiKeyRequest};
use dossier_proto::profile::v1::ListCustomersRequest;
use dossier_proto::profile::v1::customer_service_client::CustomerServiceClient;
use dossier_testkit::{Backend, Dice, Soak, build};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::installation::{Installation, Settings};
use forge::Forge;
pub use keys::Keys;

/// Every so many hostile tokens, each kind of valid one is let in: else the door may just be shut.
const VALID_EVERY: u64 = 100;

#[tokio::test(flavor = "multi_thread")]
async fn hostile_tokens_are_refused() -> anyhow::Result<()> {
    let mut soak = Soak::begin("tokens", Backend::SqliteMemory, 1_000)?;
    let mut installation = Installation::new()?;
    let keys = Keys::new(installation.signing_seed, installation.dir())?;
    let mut settings = believing(&installation, &keys);
    installation.start("dossier", &settings).await?;
    settings.clear();
    let door = Door::of(&installation)?;
    let api_key = make_api_key(&installation).await?;
    let mut forge = Forge::new(&keys, &api_key);
    let mut kinds = std::collections::BTreeMap::<&str, u64>::new();
    for cycle in 0..soak.cycles {
        if cycle % VALID_EVERY == 0 {
            for (kind, token) in keys.valid(&api_key) {
                let header = format!("Bearer {token}").into_bytes();
                let code = door.knock(&header).await?;
                ensure!(code == Code::Ok, "a valid {kind} is refused: {code:?}");
            }
        }
        let forged = forge.next(&mut soak.dice);
        let code = door
            .knock(&forged.header)
            .await
            .with_context(|| soak.again())?;
        ensure!(
            is_refusal(code),
            "{}: answered {code:?} to a hostile token ({})\n{}",
            forged.kind,
            soak.again(),
            String::from_utf8_lossy(&forged.header),
        );
        *kinds.entry(forged.kind).or_default() += 1;
    }
    println!(
        "tokens: {} hostile tokens of {} kinds, 0 let in",
        soak.cycles,
        kinds.len()
    );
    Ok(())
}

/// What keeps a caller out. A flood of API keys that are none is told to slow down; headers beyond
/// their limit are not read.
fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::Unauthenticated | Code::ResourceExhausted | Code::OutOfRange
    )
}

/// A harness that finds nothing must be able to find something: verifiers with one flaw each.
#[test]
fn flawed_verifiers_are_noticed() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let keys = Keys::new([42; 32], dir.path())?;
    let api_key = keys.unknown_api_key()?;
    for flaw in sloppy::FLAWS {
        let mut dice = Dice::new(7);
        let mut forge = Forge::new(&keys, &api_key);
        ensure!(
            sloppy::believes(*flaw, &keys, &keys.own_token()),
            "{flaw:?}: the verifier believes what it should"
        );
        let let_in = (0..1_000)
            .map(|_| forge.next(&mut dice))
            .find(|forged| sloppy::lets_in(*flaw, &keys, &forged.header));
        if *flaw == sloppy::Flaw::None {
            let kind = let_in.map(|forged| forged.kind);
            ensure!(kind.is_none(), "the control believes: {kind:?}");
            continue;
        }
        let Some(forged) = let_in else {
            anyhow::bail!("1,000 hostile tokens do not find a verifier's flaw: {flaw:?}");
        };
        println!("{flaw:?} is found by: {}", forged.kind);
    }
    Ok(())
}

/// A running suite, asked for one page of customers.
struct Door(CustomerServiceClient<Channel>);

impl Door {
    fn of(installation: &Installation) -> anyhow::Result<Self> {
        let channel = installation.channel("dossier")?;
        Ok(Self(CustomerServiceClient::new(channel)))
    }

    async fn knock(&self, header: &[u8]) -> anyhow::Result<Code> {
        let mut request = Request::new(ListCustomersRequest {
            page_size: 1,
            ..ListCustomersRequest::default()
        });
        let header = MetadataValue::<Ascii>::try_from(header)
            .context("a forged header that no client could send")?;
        request.metadata_mut().insert("authorization", header);
        let answer = self.0.clone().list_customers(request).await;
        Ok(answer.err().map_or(Code::Ok, |status| status.code()))
    }
}

fn believing(installation: &Installation, keys: &Keys) -> Settings {
    let mut settings = installation.fit_for_production();
    let tables = keys.issuers();
    settings.insert("[[issuers]]".to_owned(), tables.join("\n[[issuers]]\n"));
    settings
}

async fn make_api_key(installation: &Installation) -> anyhow::Result<String> {
    let wire = installation.wire("dossier", &installation.admin()?, None)?;
    let (now, _) = dossier_kernel::Clock::system().now().to_secs_nanos();
    let request = CreateApiKeyRequest {
        api_key: Some(ApiKey {
            display_name: "control".to_owned(),
            roles: vec!["viewer".to_owned()],
            expire_time: Some(prost_types::Timestamp {
                seconds: now + 86_400,
                nanos: 0,
            }),
            ..ApiKey::default()
        }),
        request_id: build::request_id(),
    };
    let made = ApiKeyServiceClient::new(wire)
        .create_api_key(request)
        .await?;
    Ok(made.into_inner().key_text)
}
