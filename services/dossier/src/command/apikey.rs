//! `dossier apikey`.

use clap::{Args, Subcommand};
use dossier_kernel::Clock;
use dossier_proto::access::v1::api_key_service_client::ApiKeyServiceClient;
use dossier_proto::access::v1::{
    ApiKey, CreateApiKeyRequest, ListApiKeysRequest, RevokeApiKeyRequest,
};
use uuid::Uuid;

use super::token::duration;
use crate::connect::Connect;
use crate::failure::{Failure, Result};
use crate::format::{Sheet, time};
use crate::json;
use crate::output::Output;

/// Rows asked for at a time.
const PAGE: i32 = 500;

#[derive(Subcommand)]
pub(crate) enum Apikey {
    /// Make a key for a program; shows its text once
    Create(Create),
    /// List the tenant's keys, newest first
    List(List),
    /// End a key for good
    Revoke(Revoke),
}

impl Apikey {
    pub async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Create(create) => create.run(output).await,
            Self::List(list) => list.run(output).await,
            Self::Revoke(revoke) => revoke.run(output).await,
        }
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier apikey create 'nightly import' --role steward --ttl 90d\n  \
    DOSSIER_TOKEN=$(dossier apikey create till-7 --role agent --team north)\n\n\
    The text goes to standard output and is kept nowhere: whoever loses it revokes the key and makes \
    another. Send it as `authorization: Bearer dsk_…`, or to this command line as --token.")]
pub(crate) struct Create {
    /// What the key is for
    name: String,

    /// What may be done with it; may be repeated: viewer, agent, manager, analyst, steward,
    /// privacy_officer, admin
    #[arg(long = "role", value_name = "ROLE", default_value = "viewer")]
    roles: Vec<String>,

    /// A team it acts for; may be repeated
    #[arg(long = "team", value_name = "TEAM")]
    teams: Vec<String>,

    /// How long it is valid, at most 366d
    #[arg(long, value_name = "DURATION", default_value = "90d")]
    ttl: String,

    #[command(flatten)]
    connect: Connect,
}

impl Create {
    async fn run(self, output: &Output) -> Result<()> {
        let ttl = duration(&self.ttl).ok_or_else(|| {
            Failure::usage(format!("--ttl {} is none, such as 12h or 90d.", self.ttl))
        })?;
        let (seconds, nanos) = Clock::system().now().plus(ttl).to_secs_nanos();
        let request = CreateApiKeyRequest {
            api_key: Some(ApiKey {
                display_name: self.name,
                roles: self.roles,
                teams: self.teams,
                expire_time: Some(prost_types::Timestamp { seconds, nanos }),
                ..ApiKey::default()
            }),
            request_id: Uuid::now_v7().to_string(),
        };
        let mut client = ApiKeyServiceClient::new(self.connect.wire().await?);
        let made = client.create_api_key(request).await?.into_inner();
        let document = json::of("dossier.access.v1.CreateApiKeyResponse", &made);
        output.answer(&document, || made.key_text.clone())
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier apikey list\n  \
    dossier apikey list --json")]
pub(crate) struct List {
    #[command(flatten)]
    connect: Connect,
}

impl List {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = ApiKeyServiceClient::new(self.connect.wire().await?);
        let mut keys: Vec<ApiKey> = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListApiKeysRequest {
                page_size: PAGE,
                page_token,
            };
            let page = client.list_api_keys(request).await?.into_inner();
            keys.extend(page.api_keys);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let documents: Vec<_> = keys
            .iter()
            .map(|key| json::of("dossier.access.v1.ApiKey", key))
            .collect();
        output.answer(&documents, || {
            let header = ["key", "for", "roles", "expires", "last used", "revoked"];
            let mut sheet = Sheet::new(&header, header.len());
            for key in &keys {
                sheet.row(vec![
                    key.name.clone(),
                    key.display_name.clone(),
                    key.roles.join(", "),
                    time(key.expire_time.as_ref()),
                    time(key.last_use_time.as_ref()),
                    time(key.revoke_time.as_ref()),
                ]);
            }
            sheet.to_string()
        })
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier apikey revoke apiKeys/0199a3c2-7f10-7000-8000-00000000002a\n\n\
    Every process refuses the key within 30 seconds. A revoked key never comes back.")]
pub(crate) struct Revoke {
    /// `apiKeys/{id}`, as `dossier apikey list` shows it
    name: String,

    #[command(flatten)]
    connect: Connect,
}

impl Revoke {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = ApiKeyServiceClient::new(self.connect.wire().await?);
        let request = RevokeApiKeyRequest {
            name: self.name,
            request_id: Uuid::now_v7().to_string(),
        };
        let key = client.revoke_api_key(request).await?.into_inner();
        let document = json::of("dossier.access.v1.ApiKey", &key);
        output.answer(&document, || format!("{} is revoked", key.name))
    }
}
