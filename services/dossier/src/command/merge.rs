//! `dossier merge`.

use clap::{Args, Subcommand};
use dossier_proto::profile::v1::merge_service_client::MergeServiceClient;
use dossier_proto::profile::v1::{
    GetMergeRecordRequest, MergeCustomersRequest, MergeRecord, MergeSpec, PlanMergeRequest,
    PlanMergeResponse, Survivorship, SurvivorshipRule, UnmergeCustomerRequest,
};
use uuid::Uuid;

use crate::connect::Connect;
use crate::failure::{Failure, Result};
use crate::format::{Sheet, time};
use crate::json;
use crate::output::Output;

#[derive(Subcommand)]
pub(crate) enum Merge {
    /// Show what a merge would do
    Plan(Plan),
    /// Make one customer of several
    Apply(Apply),
    /// Show how far a merge is
    Show(Show),
    /// Take a merge back
    Undo(Undo),
}

impl Merge {
    pub async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Plan(plan) => plan.run(output).await,
            Self::Apply(apply) => apply.run(output).await,
            Self::Show(show) => show.run(output).await,
            Self::Undo(undo) => undo.run(output).await,
        }
    }
}

#[derive(Args)]
struct Spec {
    /// Whose name stays, `customers/{customer}`
    survivor: String,

    /// Who become the survivor, the most trusted first
    #[arg(required = true, value_name = "CUSTOMER")]
    others: Vec<String>,

    /// Take fields from the file that was changed last
    #[arg(long)]
    newest: bool,

    /// Decide one field: `gender=newest`, `team=survivor` or `attributes.level=customers/{customer}`
    #[arg(long = "field", value_name = "FIELD=RULE")]
    fields: Vec<String>,
}

impl Spec {
    fn into_message(self) -> Result<MergeSpec> {
        let survivorship = match self.newest {
            true => Survivorship::Newest,
            false => Survivorship::Survivor,
        };
        let rules = self.fields.iter().map(|text| rule(text));
        Ok(MergeSpec {
            survivor: self.survivor,
            others: self.others,
            survivorship: survivorship.into(),
            rules: rules.collect::<Result<_>>()?,
        })
    }
}

fn rule(text: &str) -> Result<SurvivorshipRule> {
    let wrong = || Failure::usage(format!("--field {text} is none, such as gender=newest."));
    let (field, rule) = text.split_once('=').ok_or_else(wrong)?;
    let (survivorship, customer) = match rule {
        "survivor" => (Survivorship::Survivor, ""),
        "newest" => (Survivorship::Newest, ""),
        name if name.starts_with("customers/") => (Survivorship::Customer, name),
        _ => return Err(wrong()),
    };
    Ok(SurvivorshipRule {
        field: field.to_owned(),
        survivorship: survivorship.into(),
        customer: customer.to_owned(),
    })
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier merge plan customers/0199a3c2-7f10-7000-8000-00000000002a \
    customers/0199a3c2-7f10-7000-8000-00000000002b --field gender=newest\n\n\
    Nothing is changed. The plan's hash, given to `apply`, refuses to merge anything else.")]
pub(crate) struct Plan {
    #[command(flatten)]
    spec: Spec,

    #[command(flatten)]
    connect: Connect,
}

impl Plan {
    async fn run(self, output: &Output) -> Result<()> {
        let merge = Some(self.spec.into_message()?);
        let mut client = MergeServiceClient::new(self.connect.wire().await?);
        let plan = client.plan_merge(PlanMergeRequest { merge }).await?;
        let plan = plan.into_inner();
        let document = json::of("dossier.profile.v1.PlanMergeResponse", &plan);
        output.answer(&document, || say_plan(&plan))
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier merge apply customers/0199a3c2-7f10-7000-8000-00000000002a \
    customers/0199a3c2-7f10-7000-8000-00000000002b --plan \"$HASH\"")]
pub(crate) struct Apply {
    #[command(flatten)]
    spec: Spec,

    /// The hash of the plan that is to be carried out; without it whatever there is is merged
    #[arg(long, value_name = "HASH", default_value = "")]
    plan: String,

    /// A UUID that names this call, so that it can be repeated
    #[arg(long, value_name = "UUID")]
    request_id: Option<String>,

    #[command(flatten)]
    connect: Connect,
}

impl Apply {
    async fn run(self, output: &Output) -> Result<()> {
        let request = MergeCustomersRequest {
            merge: Some(self.spec.into_message()?),
            plan_hash: self.plan,
            request_id: self.request_id.unwrap_or_else(named),
        };
        let mut client = MergeServiceClient::new(self.connect.wire().await?);
        let record = client.merge_customers(request).await?.into_inner();
        answer(output, &record)
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier merge show mergeRecords/0199a3c2-7f10-7000-8000-00000000002c --json")]
pub(crate) struct Show {
    /// `mergeRecords/{merge_record}`
    name: String,

    #[command(flatten)]
    connect: Connect,
}

impl Show {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = MergeServiceClient::new(self.connect.wire().await?);
        let request = GetMergeRecordRequest { name: self.name };
        let record = client.get_merge_record(request).await?.into_inner();
        answer(output, &record)
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier merge undo mergeRecords/0199a3c2-7f10-7000-8000-00000000002c")]
pub(crate) struct Undo {
    /// `mergeRecords/{merge_record}`
    name: String,

    /// A UUID that names this call, so that it can be repeated
    #[arg(long, value_name = "UUID")]
    request_id: Option<String>,

    #[command(flatten)]
    connect: Connect,
}

impl Undo {
    async fn run(self, output: &Output) -> Result<()> {
        let request = UnmergeCustomerRequest {
            name: self.name,
            request_id: self.request_id.unwrap_or_else(named),
        };
        let mut client = MergeServiceClient::new(self.connect.wire().await?);
        let record = client.unmerge_customer(request).await?.into_inner();
        answer(output, &record)
    }
}

fn named() -> String {
    Uuid::now_v7().to_string()
}

fn answer(output: &Output, record: &MergeRecord) -> Result<()> {
    let document = json::of("dossier.profile.v1.MergeRecord", record);
    output.answer(&document, || say(record))
}

fn say_plan(plan: &PlanMergeResponse) -> String {
    let mut sheet = Sheet::new(&["field", "from", "differing"], 0);
    for conflict in &plan.conflicts {
        let from = match conflict.customer.as_str() {
            "" => "nobody".to_owned(),
            name => name.to_owned(),
        };
        let field = conflict.field.clone();
        sheet.row(vec![field, from, conflict.differing.join(", ")]);
    }
    format!("{sheet}plan {}\n", plan.plan_hash)
}

fn say(record: &MergeRecord) -> String {
    let state = record.state().as_str_name();
    let state = state.trim_start_matches("MERGE_STATE_").to_lowercase();
    let mut sheet = Sheet::new(&["merge", &record.name], 0);
    let mut row = |name: &str, value: String| sheet.row(vec![name.to_owned(), value]);
    row("state", state);
    row("survivor", record.survivor.clone());
    row("others", record.others.join(", "));
    row(
        "merged",
        format!(
            "{} by {}",
            time(record.create_time.as_ref()),
            record.creator
        ),
    );
    if record.unmerge_time.is_some() {
        row("unmerged", time(record.unmerge_time.as_ref()));
        row("kept", record.kept_fields.join(", "));
    }
    sheet.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_a_field_and_whose_value_it_gets() {
        let one = rule("attributes.level=customers/1").expect("a rule");
        assert_eq!(one.field, "attributes.level");
        assert_eq!(one.customer, "customers/1");
        assert!(one.survivorship() == Survivorship::Customer);
        assert!(rule("gender=newest").is_ok());
        for wrong in ["gender", "gender=oldest", "=x"] {
            assert!(rule(wrong).is_err(), "{wrong}");
        }
    }
}
