//! `dossier relationship`.

use clap::{Args, Subcommand};
use dossier_kernel::Timestamp;
use dossier_proto::profile::v1::relationship_service_client::RelationshipServiceClient;
use dossier_proto::profile::v1::{
    CreateRelationshipRequest, EndRelationshipRequest, GetHouseholdRequest,
    GetOrganizationTreeRequest, ListRelationshipsRequest, OrganizationTree, Relationship as Row,
    RelationshipType,
};
use uuid::Uuid;

use crate::connect::Connect;
use crate::failure::{Failure, Result};
use crate::format::{Sheet, time};
use crate::json;
use crate::output::Output;

/// Rows asked for at a time.
const PAGE: i32 = 500;

#[derive(Subcommand)]
pub(crate) enum Relationship {
    /// Write down what one customer is of another
    Add(Add),
    /// End a relationship
    End(End),
    /// List what a customer is of others
    List(List),
    /// Show who lives together
    Household(Household),
    /// Show the tree that an organization is in
    Tree(Tree),
}

impl Relationship {
    pub async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Add(add) => add.run(output).await,
            Self::End(end) => end.run(output).await,
            Self::List(list) => list.run(output).await,
            Self::Household(household) => household.run(output).await,
            Self::Tree(tree) => tree.run(output).await,
        }
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier relationship add customers/0199a3c2-7f10-7000-8000-00000000002a employee \
    customers/0199a3c2-7f10-7000-8000-00000000002b --start 2024-01-01T00:00:00Z")]
pub(crate) struct Add {
    /// `customers/{customer}`
    from: String,

    /// What they are, such as spouse, employee or subsidiary
    kind: String,

    /// Of whom, `customers/{customer}`
    to: String,

    /// From when on
    #[arg(long, value_name = "TIME")]
    start: Option<String>,

    /// Until when
    #[arg(long, value_name = "TIME")]
    end: Option<String>,

    /// What else there is to say
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,

    #[command(flatten)]
    connect: Connect,
}

impl Add {
    async fn run(self, output: &Output) -> Result<()> {
        let name = format!("RELATIONSHIP_TYPE_{}", self.kind.to_uppercase());
        let kind = RelationshipType::from_str_name(&name)
            .ok_or_else(|| Failure::usage(format!("{} is no type of relationship.", self.kind)))?;
        let request = CreateRelationshipRequest {
            relationship: Some(Row {
                from: self.from,
                to: self.to,
                r#type: kind.into(),
                start_time: instant("--start", self.start.as_deref())?,
                end_time: instant("--end", self.end.as_deref())?,
                label: self.label,
                ..Row::default()
            }),
            request_id: Uuid::now_v7().to_string(),
        };
        let mut client = RelationshipServiceClient::new(self.connect.wire().await?);
        let made = client.create_relationship(request).await?.into_inner();
        let document = json::of("dossier.profile.v1.Relationship", &made);
        output.answer(&document, || made.name.clone())
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier relationship end relationships/0199a3c2-7f10-7000-8000-00000000002a")]
pub(crate) struct End {
    /// `relationships/{relationship}`, as `dossier relationship list` shows it
    name: String,

    /// When [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,

    #[command(flatten)]
    connect: Connect,
}

impl End {
    async fn run(self, output: &Output) -> Result<()> {
        let request = EndRelationshipRequest {
            name: self.name,
            end_time: instant("--at", self.at.as_deref())?,
            request_id: Uuid::now_v7().to_string(),
        };
        let mut client = RelationshipServiceClient::new(self.connect.wire().await?);
        let ended = client.end_relationship(request).await?.into_inner();
        let document = json::of("dossier.profile.v1.Relationship", &ended);
        output.answer(&document, || {
            format!("{} ends {}", ended.name, time(ended.end_time.as_ref()))
        })
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier relationship list customers/0199a3c2-7f10-7000-8000-00000000002a\n  \
    dossier relationship list customers/0199a3c2-7f10-7000-8000-00000000002a \
    --at 2024-01-01T00:00:00Z --json")]
pub(crate) struct List {
    /// `customers/{customer}`
    customer: String,

    /// Those that hold at an instant [default: all, past and future ones too]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,

    #[command(flatten)]
    connect: Connect,
}

impl List {
    async fn run(self, output: &Output) -> Result<()> {
        let read_time = instant("--at", self.at.as_deref())?;
        let mut client = RelationshipServiceClient::new(self.connect.wire().await?);
        let mut rows: Vec<Row> = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListRelationshipsRequest {
                customer: self.customer.clone(),
                read_time,
                page_size: PAGE,
                page_token,
            };
            let page = client.list_relationships(request).await?.into_inner();
            rows.extend(page.relationships);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let document = |row| json::of("dossier.profile.v1.Relationship", row);
        let documents: Vec<_> = rows.iter().map(document).collect();
        output.answer(&documents, || sheet(&rows, |row| &row.to))
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier relationship household customers/0199a3c2-7f10-7000-8000-00000000002a")]
pub(crate) struct Household {
    /// `customers/{customer}`: a member, or the household itself
    customer: String,

    /// At which instant [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,

    #[command(flatten)]
    connect: Connect,
}

impl Household {
    async fn run(self, output: &Output) -> Result<()> {
        let request = GetHouseholdRequest {
            customer: self.customer,
            read_time: instant("--at", self.at.as_deref())?,
        };
        let mut client = RelationshipServiceClient::new(self.connect.wire().await?);
        let found = client.get_household(request).await?.into_inner();
        let document = json::of("dossier.profile.v1.Household", &found);
        output.answer(&document, || {
            let members = sheet(&found.members, |row| &row.from);
            let more = if found.truncated { "\nand more" } else { "" };
            format!("{}\n{members}{more}", found.customer)
        })
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier relationship tree customers/0199a3c2-7f10-7000-8000-00000000002a --depth 3")]
pub(crate) struct Tree {
    /// `customers/{customer}`: any organization of the tree
    customer: String,

    /// At which instant [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,

    /// Levels below the root, at most 100
    #[arg(long, value_name = "N", default_value_t = 10)]
    depth: i32,

    /// At most so many organizations, at most 1,000
    #[arg(long, value_name = "N", default_value_t = 500)]
    limit: i32,

    #[command(flatten)]
    connect: Connect,
}

impl Tree {
    async fn run(self, output: &Output) -> Result<()> {
        let request = GetOrganizationTreeRequest {
            customer: self.customer,
            read_time: instant("--at", self.at.as_deref())?,
            depth_max: self.depth,
            node_count_max: self.limit,
        };
        let mut client = RelationshipServiceClient::new(self.connect.wire().await?);
        let found = client.get_organization_tree(request).await?.into_inner();
        let document = json::of("dossier.profile.v1.OrganizationTree", &found);
        output.answer(&document, || drawn(&found))
    }
}

/// The root, and below each organization those under it, further to the right.
fn drawn(tree: &OrganizationTree) -> String {
    let mut lines = String::new();
    let mut left: Vec<_> = tree.nodes.iter().filter(|node| node.depth == 0).collect();
    while let Some(node) = left.pop() {
        let indent = "  ".repeat(usize::try_from(node.depth).unwrap_or_default());
        let kind = match node.depth {
            0 => String::new(),
            _ => format!(" ({})", word(node.r#type())),
        };
        lines.push_str(&format!("{indent}{}{kind}\n", node.customer));
        let below = tree.nodes.iter().rev();
        left.extend(below.filter(|other| other.superior == node.customer));
    }
    if tree.truncated {
        lines.push_str("and more\n");
    }
    lines
}

fn sheet(rows: &[Row], who: impl Fn(&Row) -> &String) -> String {
    let header = [
        "customer",
        "type",
        "since",
        "until",
        "label",
        "relationship",
    ];
    let mut sheet = Sheet::new(&header, header.len());
    for row in rows {
        sheet.row(vec![
            who(row).clone(),
            word(row.r#type()),
            time(row.start_time.as_ref()),
            time(row.end_time.as_ref()),
            row.label.clone(),
            row.name.clone(),
        ]);
    }
    sheet.to_string()
}

/// `parent organization`
fn word(kind: RelationshipType) -> String {
    let name = kind.as_str_name().trim_start_matches("RELATIONSHIP_TYPE_");
    name.replace('_', " ").to_lowercase()
}

/// An RFC 3339 time of the command line.
fn instant(flag: &str, text: Option<&str>) -> Result<Option<prost_types::Timestamp>> {
    let Some(text) = text else {
        return Ok(None);
    };
    let wrong = || {
        Failure::usage(format!(
            "{flag} {text} is none, such as 2026-01-31T12:00:00Z."
        ))
    };
    let (seconds, nanos) = Timestamp::parse(text).ok_or_else(wrong)?.to_secs_nanos();
    Ok(Some(prost_types::Timestamp { seconds, nanos }))
}
