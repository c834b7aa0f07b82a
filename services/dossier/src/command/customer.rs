//! `dossier customer`.

use clap::{Args, Subcommand};
use dossier_kernel::{CustomerId, Timestamp};
use dossier_proto::common::v1::customer_key::Key;
use dossier_proto::common::v1::{CustomerKey, ExternalId};
use dossier_proto::interaction::v1::interaction_service_client::InteractionServiceClient;
use dossier_proto::interaction::v1::{Interaction, ListInteractionsRequest};
use dossier_proto::profile::v1::customer_service_client::CustomerServiceClient;
use dossier_proto::profile::v1::{
    Customer as File, GetCustomerRequest, ListCustomersRequest, LookupCustomersRequest,
};
use serde_json::json;

use super::history::{History, Provenance, Rollback};
use super::search::Search;
use crate::connect::{Connect, Wire};
use crate::failure::{Failure, Result};
use crate::format::Sheet;
use crate::output::Output;
use crate::{json, view};

/// Rows asked for at a time.
const PAGE: i32 = 500;

#[derive(Subcommand)]
pub(crate) enum Customer {
    /// Read one customer's file
    Get(Get),
    /// List customers
    List(List),
    /// Find customers by what is remembered of their names
    Search(Search),
    /// Show who changed a customer's file, when and what
    History(History),
    /// Show where every value of a customer's file comes from
    Provenance(Provenance),
    /// Bring back what a customer's file was
    Rollback(Rollback),
}

impl Customer {
    pub async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Get(get) => get.run(output).await,
            Self::List(list) => list.run(output).await,
            Self::Search(search) => search.run(output).await,
            Self::History(history) => history.run(output).await,
            Self::Provenance(provenance) => provenance.run(output).await,
            Self::Rollback(rollback) => rollback.run(output).await,
        }
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier customer get customers/0199a3c2-7f10-7000-8000-00000000002a\n  \
    dossier customer get --external-id crm:4711 --timeline 10\n  \
    dossier customer get --email someone@example.com --json\n  \
    dossier customer get --external-id crm:4711 --at 2026-01-31")]
pub(crate) struct Get {
    #[command(flatten)]
    who: Who,

    /// As the file was then: a date (midnight UTC) or an instant such as 2026-01-31T10:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "timeline")]
    at: Option<String>,

    /// Show so many of the latest interactions too
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    timeline: i32,

    #[command(flatten)]
    connect: Connect,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Who {
    /// `customers/{customer}` or the UUID alone
    name: Option<String>,

    /// By e-mail address
    #[arg(long)]
    email: Option<String>,

    /// By phone number in E.164, such as +8613800000000
    #[arg(long)]
    phone: Option<String>,

    /// By the id in another system
    #[arg(long, value_name = "NAMESPACE:ID")]
    external_id: Option<String>,
}

impl Get {
    async fn run(self, output: &Output) -> Result<()> {
        let read_time = self.at.as_deref().map(instant).transpose()?;
        let wire = self.connect.wire().await?;
        let name = self.who.resolve(&wire).await?;
        let customer = CustomerServiceClient::new(wire.clone())
            .get_customer(GetCustomerRequest {
                name: name.clone(),
                read_time,
            })
            .await?
            .into_inner();
        let mut document = json::of("dossier.profile.v1.Customer", &customer);
        let mut text = view::customer(&customer);
        if self.timeline > 0 {
            let timeline = timeline(wire, name, self.timeline).await?;
            let rows = timeline.iter();
            let rows = rows.map(|row| json::of("dossier.interaction.v1.Interaction", row));
            document = json!({ "customer": document, "timeline": rows.collect::<Vec<_>>() });
            text = format!("{text}\n{}", view::timeline(&timeline));
        }
        output.answer(&document, || text)
    }
}

/// So many of the newest interactions; pages of large ones are short.
async fn timeline(wire: Wire, customer: String, limit: i32) -> Result<Vec<Interaction>> {
    let mut client = InteractionServiceClient::new(wire);
    let mut request = ListInteractionsRequest {
        customer,
        page_size: limit,
        ..ListInteractionsRequest::default()
    };
    let mut timeline = Vec::new();
    loop {
        let page = client
            .list_interactions(request.clone())
            .await?
            .into_inner();
        request.page_size -= i32::try_from(page.interactions.len()).unwrap_or(i32::MAX);
        timeline.extend(page.interactions);
        if page.next_page_token.is_empty() || request.page_size <= 0 {
            return Ok(timeline);
        }
        request.page_token = page.next_page_token;
    }
}

fn instant(text: &str) -> Result<prost_types::Timestamp> {
    let (seconds, nanos) = Timestamp::parse(text)
        .ok_or_else(|| Failure::usage("--at is a date or an instant, such as 2026-01-31."))?
        .to_secs_nanos();
    Ok(prost_types::Timestamp { seconds, nanos })
}

impl Who {
    pub async fn resolve(self, wire: &Wire) -> Result<String> {
        let key = match self {
            Self {
                name: Some(name), ..
            } => {
                let full = CustomerId::from_name(&name).map(|_| name.clone());
                return Ok(full.unwrap_or_else(|| format!("{}/{name}", CustomerId::COLLECTION)));
            }
            Self {
                email: Some(email), ..
            } => Key::Email(email),
            Self {
                phone: Some(phone), ..
            } => Key::Phone(phone),
            Self { external_id, .. } => {
                let pair = external_id.unwrap_or_default();
                let (namespace, value) = pair.split_once(':').ok_or_else(|| {
                    Failure::usage("--external-id is NAMESPACE:ID, such as crm:4711.")
                })?;
                Key::ExternalId(ExternalId {
                    namespace: namespace.to_owned(),
                    value: value.to_owned(),
                })
            }
        };
        let keys = vec![CustomerKey {
            key: Some(key),
            region_code: String::new(),
        }];
        let request = LookupCustomersRequest {
            keys,
            ..LookupCustomersRequest::default()
        };
        let found = CustomerServiceClient::new(wire.clone())
            .lookup_customers(request)
            .await?;
        let name = found
            .into_inner()
            .results
            .into_iter()
            .next()
            .map(|result| result.customer);
        name.filter(|name| !name.is_empty()).ok_or_else(|| {
            Failure::Refused(dossier_kernel::Error::new(
                dossier_kernel::Reason::NotFound,
                "No customer of this tenant has that identifier.",
            ))
        })
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier customer list --limit 20\n  \
    dossier customer list --filter 'region_code = \"CN\" AND tags:\"vip\"' --order-by 'update_time desc'\n  \
    dossier customer list --json | jq -r '.[].name'")]
pub(crate) struct List {
    /// AIP-160 over type, gender, birth_date, region_code, language_code, time_zone, owner, team,
    /// create_time, update_time, tags, industry, attributes.ID
    #[arg(long, default_value = "", hide_default_value = true)]
    filter: String,

    /// Fields with optional desc: create_time, update_time, birth_date, region_code
    #[arg(long, default_value = "", hide_default_value = true)]
    order_by: String,

    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,

    /// Deleted customers too
    #[arg(long)]
    show_deleted: bool,

    #[command(flatten)]
    connect: Connect,
}

impl List {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = CustomerServiceClient::new(self.connect.wire().await?);
        let mut customers: Vec<File> = Vec::new();
        let mut page_token = String::new();
        while customers.len() < self.limit {
            let missing = i32::try_from(self.limit - customers.len()).unwrap_or(PAGE);
            let request = ListCustomersRequest {
                page_size: missing.min(PAGE),
                page_token,
                filter: self.filter.clone(),
                order_by: self.order_by.clone(),
                show_deleted: self.show_deleted,
            };
            let page = client.list_customers(request).await?.into_inner();
            customers.extend(page.customers);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let documents: Vec<_> = customers
            .iter()
            .map(|customer| json::of("dossier.profile.v1.Customer", customer))
            .collect();
        output.answer(&documents, || {
            let mut sheet = Sheet::new(&["name", "display name", "region", "tags", "updated"], 5);
            for customer in &customers {
                sheet.row(vec![
                    customer.name.clone(),
                    customer.display_name.clone(),
                    customer.region_code.clone(),
                    customer.tags.join(" "),
                    crate::format::time(customer.update_time.as_ref()),
                ]);
            }
            sheet.to_string()
        })
    }
}
