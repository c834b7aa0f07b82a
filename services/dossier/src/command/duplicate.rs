//! `dossier duplicate`.

use std::time::Duration;

use clap::{Args, Subcommand};
use dossier_kernel::{Error, Reason};
use dossier_proto::profile::v1::duplicate_service_client::DuplicateServiceClient;
use dossier_proto::profile::v1::{
    CancelDuplicateScanRequest, DismissDuplicatePairRequest, DuplicatePair, DuplicatePairState,
    DuplicateScan, DuplicateScanState, GetDuplicateScanRequest, ListDuplicatePairsRequest,
    ListDuplicateScansRequest, ReopenDuplicatePairRequest, StartDuplicateScanRequest,
};
use uuid::Uuid;

use crate::connect::{Connect, Wire};
use crate::failure::{Failure, Result};
use crate::format::{Sheet, count, time};
use crate::json;
use crate::output::Output;

type Client = DuplicateServiceClient<Wire>;

/// Rows asked for at a time.
const PAGE: i32 = 500;
/// How often a scan is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const BAR: &str =
    "{spinner} {bar:30} {percent:>3} %  {human_pos}/{human_len} customers  {eta} left";

#[derive(Subcommand)]
pub(crate) enum Duplicate {
    /// Look through all customers for those that are in the files twice
    Scan(Scan),
    /// List scans, newest first
    Scans(Scans),
    /// End a scan
    Cancel(Cancel),
    /// List pairs that scans found, the most alike first
    List(List),
    /// Say that two customers are two
    Dismiss(Dismiss),
    /// Take a dismissal back
    Reopen(Reopen),
}

impl Duplicate {
    pub async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Scan(scan) => scan.run(output).await,
            Self::Scans(scans) => scans.run(output).await,
            Self::Cancel(cancel) => cancel.run(output).await,
            Self::List(list) => list.run(output).await,
            Self::Dismiss(dismiss) => dismiss.run(output).await,
            Self::Reopen(reopen) => reopen.run(output).await,
        }
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier duplicate scan --wait\n  \
    dossier duplicate scan --score-min 900")]
pub(crate) struct Scan {
    /// Look for pairs of at least this probability, in thousandths
    #[arg(long, value_name = "PER MILLE", default_value_t = 500)]
    score_min: i32,

    /// Wait until it is done
    #[arg(long)]
    wait: bool,

    #[command(flatten)]
    connect: Connect,
}

impl Scan {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = DuplicateServiceClient::new(self.connect.wire().await?);
        let request = StartDuplicateScanRequest {
            duplicate_scan: Some(DuplicateScan {
                score_min_per_mille: self.score_min,
                ..DuplicateScan::default()
            }),
            request_id: Uuid::now_v7().to_string(),
        };
        let mut scan = client.start_duplicate_scan(request).await?.into_inner();
        if self.wait {
            scan = ended(&mut client, &scan.name, output).await?;
        }
        let document = json::of("dossier.profile.v1.DuplicateScan", &scan);
        output.answer(&document, || sheet_of_scans(std::slice::from_ref(&scan)))?;
        if scan.state() == DuplicateScanState::Failed {
            let failed = Error::new(Reason::FailedPrecondition, scan.failure);
            return Err(Failure::Refused(failed));
        }
        Ok(())
    }
}

/// The scan once it has ended.
async fn ended(client: &mut Client, name: &str, output: &Output) -> Result<DuplicateScan> {
    let bar = output.progress(0, BAR);
    loop {
        let request = GetDuplicateScanRequest {
            name: name.to_owned(),
        };
        let scan = client.get_duplicate_scan(request).await?.into_inner();
        bar.set_length(u64::try_from(scan.total_customer_count).unwrap_or(0));
        bar.set_position(u64::try_from(scan.done_customer_count).unwrap_or(0));
        if scan.end_time.is_some() {
            bar.finish_and_clear();
            return Ok(scan);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier duplicate scans --json")]
pub(crate) struct Scans {
    #[command(flatten)]
    connect: Connect,
}

impl Scans {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = DuplicateServiceClient::new(self.connect.wire().await?);
        let mut scans: Vec<DuplicateScan> = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListDuplicateScansRequest {
                page_size: PAGE,
                page_token,
            };
            let page = client.list_duplicate_scans(request).await?.into_inner();
            scans.extend(page.duplicate_scans);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let document = |scan| json::of("dossier.profile.v1.DuplicateScan", scan);
        let documents: Vec<_> = scans.iter().map(document).collect();
        output.answer(&documents, || sheet_of_scans(&scans))
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier duplicate cancel duplicateScans/0199a3c2-7f10-7000-8000-00000000002a")]
pub(crate) struct Cancel {
    /// `duplicateScans/{duplicate_scan}`
    name: String,

    #[command(flatten)]
    connect: Connect,
}

impl Cancel {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = DuplicateServiceClient::new(self.connect.wire().await?);
        let request = CancelDuplicateScanRequest {
            name: self.name,
            request_id: Uuid::now_v7().to_string(),
        };
        let scan = client.cancel_duplicate_scan(request).await?.into_inner();
        let document = json::of("dossier.profile.v1.DuplicateScan", &scan);
        output.answer(&document, || sheet_of_scans(std::slice::from_ref(&scan)))
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier duplicate list --score-min 950\n  \
    dossier duplicate list --customer customers/0199a3c2-7f10-7000-8000-00000000002a --json\n  \
    dossier duplicate list --dismissed")]
pub(crate) struct List {
    /// Only pairs with this customer, `customers/{customer}`
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    customer: String,

    /// Only pairs of at least this probability, in thousandths
    #[arg(long, value_name = "PER MILLE", default_value_t = 0)]
    score_min: i32,

    /// Those that were dismissed, instead of those that are open
    #[arg(long)]
    dismissed: bool,

    #[command(flatten)]
    connect: Connect,
}

impl List {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = DuplicateServiceClient::new(self.connect.wire().await?);
        let state = match self.dismissed {
            true => DuplicatePairState::Dismissed,
            false => DuplicatePairState::Open,
        };
        let mut pairs: Vec<DuplicatePair> = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListDuplicatePairsRequest {
                customer: self.customer.clone(),
                state: state.into(),
                score_min_per_mille: self.score_min,
                page_size: PAGE,
                page_token,
            };
            let page = client.list_duplicate_pairs(request).await?.into_inner();
            pairs.extend(page.duplicate_pairs);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let document = |pair| json::of("dossier.profile.v1.DuplicatePair", pair);
        let documents: Vec<_> = pairs.iter().map(document).collect();
        output.answer(&documents, || sheet_of_pairs(&pairs))
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier duplicate dismiss duplicatePairs/5b7c6d0e-3f0a-5a61-9a53-0c7b1f6f2d11")]
pub(crate) struct Dismiss {
    /// `duplicatePairs/{duplicate_pair}`
    name: String,

    #[command(flatten)]
    connect: Connect,
}

impl Dismiss {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = DuplicateServiceClient::new(self.connect.wire().await?);
        let request = DismissDuplicatePairRequest {
            name: self.name,
            request_id: Uuid::now_v7().to_string(),
        };
        let pair = client.dismiss_duplicate_pair(request).await?.into_inner();
        let document = json::of("dossier.profile.v1.DuplicatePair", &pair);
        output.answer(&document, || sheet_of_pairs(std::slice::from_ref(&pair)))
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier duplicate reopen duplicatePairs/5b7c6d0e-3f0a-5a61-9a53-0c7b1f6f2d11")]
pub(crate) struct Reopen {
    /// `duplicatePairs/{duplicate_pair}`
    name: String,

    #[command(flatten)]
    connect: Connect,
}

impl Reopen {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = DuplicateServiceClient::new(self.connect.wire().await?);
        let request = ReopenDuplicatePairRequest {
            name: self.name,
            request_id: Uuid::now_v7().to_string(),
        };
        let pair = client.reopen_duplicate_pair(request).await?.into_inner();
        let document = json::of("dossier.profile.v1.DuplicatePair", &pair);
        output.answer(&document, || sheet_of_pairs(std::slice::from_ref(&pair)))
    }
}

fn sheet_of_scans(scans: &[DuplicateScan]) -> String {
    let header = [
        "scan",
        "state",
        "asked",
        "ended",
        "customers",
        "of",
        "pairs",
    ];
    let mut sheet = Sheet::new(&header, 4);
    for scan in scans {
        let state = scan.state().as_str_name();
        sheet.row(vec![
            scan.name.clone(),
            word(state, "DUPLICATE_SCAN_STATE_"),
            time(scan.create_time.as_ref()),
            time(scan.end_time.as_ref()),
            count(scan.done_customer_count),
            count(scan.total_customer_count),
            count(scan.pair_count),
        ]);
    }
    sheet.to_string()
}

fn sheet_of_pairs(pairs: &[DuplicatePair]) -> String {
    let header = [
        "score",
        "customer",
        "other customer",
        "state",
        "evidence",
        "pair",
    ];
    let mut sheet = Sheet::new(&header, header.len());
    for pair in pairs {
        let evidence = pair.evidence.iter();
        let evidence = evidence
            .map(|one| format!("{} {} ({:+.1})", one.field, one.agreement, one.weight_bits));
        sheet.row(vec![
            format!("{:.1} %", f64::from(pair.score_per_mille) / 10.0),
            pair.customer.clone(),
            pair.other_customer.clone(),
            word(pair.state().as_str_name(), "DUPLICATE_PAIR_STATE_"),
            evidence.collect::<Vec<_>>().join("\n"),
            pair.name.clone(),
        ]);
    }
    sheet.to_string()
}

/// `succeeded`
fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_lowercase()
}
