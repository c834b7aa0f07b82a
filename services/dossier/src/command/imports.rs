//! `dossier imports`.

use std::time::Duration;

use clap::{Args, Subcommand};
use dossier_proto::profile::v1::import_service_client::ImportServiceClient;
use dossier_proto::profile::v1::{
    GetImportRequest, Import, ImportState, ListImportsRequest, UndoImportRequest,
};
use uuid::Uuid;

use crate::connect::{Connect, Wire};
use crate::failure::Result;
use crate::format::{Sheet, count};
use crate::json;
use crate::output::Output;

/// Rows asked for at a time.
const PAGE: i32 = 500;
/// How often an undoing is asked after.
const LOOK: Duration = Duration::from_millis(500);

const BAR: &str = "{spinner} {bar:30} {percent:>3} %  {human_pos}/{human_len} changes  {eta} left";

#[derive(Subcommand)]
pub(crate) enum Imports {
    /// List imports, newest first
    List(List),
    /// Say what an import did
    Show(Show),
    /// Take back what an import did, but not what others changed since
    Undo(Undo),
}

impl Imports {
    pub async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::List(list) => list.run(output).await,
            Self::Show(show) => show.run(output).await,
            Self::Undo(undo) => undo.run(output).await,
        }
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier imports list --json")]
pub(crate) struct List {
    #[command(flatten)]
    connect: Connect,
}

impl List {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = ImportServiceClient::new(self.connect.wire().await?);
        let mut imports: Vec<Import> = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListImportsRequest {
                page_size: PAGE,
                page_token,
            };
            let page = client.list_imports(request).await?.into_inner();
            imports.extend(page.imports);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let documents: Vec<_> = imports.iter().map(document).collect();
        output.answer(&documents, || {
            let mut sheet = Sheet::new(
                &["import", "state", "rows", "created", "updated", "refused"],
                2,
            );
            for import in &imports {
                sheet.row(vec![
                    id(import).to_owned(),
                    state(import).to_owned(),
                    count(import.row_count),
                    count(import.created_count),
                    count(import.updated_count),
                    count(import.error_count),
                ]);
            }
            sheet.to_string()
        })
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier imports show 0199f0a0-0000-7000-8000-000000000007 --json")]
pub(crate) struct Show {
    /// The import's id
    import: String,

    #[command(flatten)]
    connect: Connect,
}

impl Show {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = ImportServiceClient::new(self.connect.wire().await?);
        let import = get(&mut client, &named(&self.import)).await?;
        output.answer(&document(&import), || told(&import))
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier imports undo 0199f0a0-0000-7000-8000-000000000007\n\n\
    It goes on in the suite when this command is stopped.")]
pub(crate) struct Undo {
    /// The import's id
    import: String,

    /// A UUID that names this call, so that it can be repeated
    #[arg(long, value_name = "UUID")]
    request_id: Option<String>,

    /// Do not wait for the end
    #[arg(long)]
    no_wait: bool,

    #[command(flatten)]
    connect: Connect,
}

impl Undo {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = ImportServiceClient::new(self.connect.wire().await?);
        let request = UndoImportRequest {
            name: named(&self.import),
            request_id: self
                .request_id
                .unwrap_or_else(|| Uuid::now_v7().to_string()),
        };
        let mut import = client.undo_import(request).await?.into_inner();
        let changes = import.created_count + import.updated_count;
        let bar = output.progress(u64::try_from(changes).unwrap_or(0), BAR);
        while !self.no_wait && import.state() == ImportState::Undoing {
            tokio::time::sleep(LOOK).await;
            import = get(&mut client, &import.name).await?;
            let done = import.undone_count + import.kept_count;
            bar.set_position(u64::try_from(done).unwrap_or(0));
        }
        bar.finish_and_clear();
        output.answer(&document(&import), || told(&import))
    }
}

async fn get(client: &mut ImportServiceClient<Wire>, name: &str) -> Result<Import> {
    let name = name.to_owned();
    Ok(client
        .get_import(GetImportRequest { name })
        .await?
        .into_inner())
}

/// The name of an import of which the id, or the name, is given.
fn named(id: &str) -> String {
    match id.contains('/') {
        true => id.to_owned(),
        false => format!("imports/{id}"),
    }
}

fn id(import: &Import) -> &str {
    import.name.split_once('/').map_or("", |(_, id)| id)
}

fn state(import: &Import) -> &'static str {
    match import.state() {
        ImportState::Unspecified => "not known",
        ImportState::Running => "running, or broken off",
        ImportState::Succeeded => "read",
        ImportState::Undoing => "being undone",
        ImportState::Undone => "undone",
    }
}

fn document(import: &Import) -> serde_json::Value {
    json::of("dossier.profile.v1.Import", import)
}

fn told(import: &Import) -> String {
    let mut text = format!(
        "{}, {}: {} rows, {} created, {} updated, {} unchanged, {} refused",
        import.name,
        state(import),
        count(import.row_count),
        count(import.created_count),
        count(import.updated_count),
        count(import.unchanged_count),
        count(import.error_count),
    );
    if matches!(import.state(), ImportState::Undoing | ImportState::Undone) {
        let (undone, kept) = (count(import.undone_count), count(import.kept_count));
        text.push_str(&format!("; {undone} changes taken back, {kept} kept"));
    }
    text
}
