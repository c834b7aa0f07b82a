//! `dossier consent`.

use clap::{Args, Subcommand};
use dossier_proto::profile::v1::check_consent_request::Who;
use dossier_proto::profile::v1::consent_service_client::ConsentServiceClient;
use dossier_proto::profile::v1::{
    CheckConsentRequest, Consent as Entry, ConsentDecision, ConsentKind, ConsentState,
    ConsentStatus, LegalBasis, ListConsentEntriesRequest, ListConsentsRequest,
    RecordConsentRequest, WithdrawConsentRequest,
};
use uuid::Uuid;

use super::notice::{Notices, Publish};
use crate::connect::Connect;
use crate::failure::{Failure, Result};
use crate::format::{Sheet, time};
use crate::json;
use crate::output::Output;

/// Rows asked for at a time.
const PAGE: i32 = 500;

#[derive(Subcommand)]
pub(crate) enum Consent {
    /// Ask whether a purpose may be pursued; exit code 1 where it may not
    Check(Check),
    /// List what a customer's ledger comes to
    List(List),
    /// List a customer's ledger as it was written
    Entries(Entries),
    /// Write down that a customer agreed or said no
    Record(Record),
    /// Write down that a customer takes it back
    Withdraw(Withdraw),
    /// List what customers are told before they decide
    Notices(Notices),
    /// Make the next version of a notice
    Publish(Publish),
}

impl Consent {
    pub async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Check(check) => check.run(output).await,
            Self::List(list) => list.run(output).await,
            Self::Entries(entries) => entries.run(output).await,
            Self::Record(record) => record.run(output).await,
            Self::Withdraw(withdraw) => withdraw.run(output).await,
            Self::Notices(notices) => notices.run(output).await,
            Self::Publish(publish) => publish.run(output).await,
        }
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier consent check customers/0199a3c2-7f10-7000-8000-00000000002a marketing email\n  \
    dossier consent check customers/0199a3c2-7f10-7000-8000-00000000002a marketing --json")]
pub(crate) struct Check {
    /// `customers/{customer}`
    customer: String,

    /// What for
    purpose: String,

    /// By which channel [default: in general]
    #[arg(default_value = "")]
    channel: String,

    #[command(flatten)]
    connect: Connect,
}

impl Check {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = ConsentServiceClient::new(self.connect.wire().await?);
        let request = CheckConsentRequest {
            who: Some(Who::Customer(self.customer)),
            purpose: self.purpose,
            channel: self.channel,
            read_time: None,
        };
        let status = client.check_consent(request).await?.into_inner();
        let document = json::of("dossier.profile.v1.ConsentStatus", &status);
        output.answer(&document, || {
            format!("{}: {}", state(&status), reason(&status))
        })?;
        match status.state() {
            ConsentState::Granted => Ok(()),
            _ => Err(Failure::NoConsent),
        }
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier consent list customers/0199a3c2-7f10-7000-8000-00000000002a")]
pub(crate) struct List {
    /// `customers/{customer}`
    customer: String,

    #[command(flatten)]
    connect: Connect,
}

impl List {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = ConsentServiceClient::new(self.connect.wire().await?);
        let mut statuses: Vec<ConsentStatus> = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListConsentsRequest {
                customer: self.customer.clone(),
                read_time: None,
                page_size: PAGE,
                page_token,
            };
            let page = client.list_consents(request).await?.into_inner();
            statuses.extend(page.statuses);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let document = |status| json::of("dossier.profile.v1.ConsentStatus", status);
        let documents: Vec<_> = statuses.iter().map(document).collect();
        output.answer(&documents, || {
            let header = ["purpose", "channel", "state", "why", "since", "until"];
            let mut sheet = Sheet::new(&header, header.len());
            for status in &statuses {
                sheet.row(vec![
                    status.purpose.clone(),
                    channel(&status.channel),
                    state(status),
                    reason(status),
                    time(status.occur_time.as_ref()),
                    time(status.expire_time.as_ref()),
                ]);
            }
            sheet.to_string()
        })
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier consent entries customers/0199a3c2-7f10-7000-8000-00000000002a --json")]
pub(crate) struct Entries {
    /// `customers/{customer}`
    customer: String,

    #[command(flatten)]
    connect: Connect,
}

impl Entries {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = ConsentServiceClient::new(self.connect.wire().await?);
        let mut entries: Vec<Entry> = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListConsentEntriesRequest {
                customer: self.customer.clone(),
                page_size: PAGE,
                page_token,
            };
            let page = client.list_consent_entries(request).await?.into_inner();
            entries.extend(page.consents);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let document = |entry| json::of("dossier.profile.v1.Consent", entry);
        let documents: Vec<_> = entries.iter().map(document).collect();
        output.answer(&documents, || {
            let header = [
                "when", "decision", "purpose", "channel", "kind", "notice", "by",
            ];
            let mut sheet = Sheet::new(&header, header.len());
            for entry in &entries {
                sheet.row(vec![
                    time(entry.occur_time.as_ref()),
                    word(entry.decision().as_str_name(), "CONSENT_DECISION_"),
                    entry.purpose.clone(),
                    channel(&entry.channel),
                    word(entry.kind().as_str_name(), "CONSENT_KIND_"),
                    notice(entry),
                    entry.actor.clone(),
                ]);
            }
            sheet.to_string()
        })
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier consent record customers/0199a3c2-7f10-7000-8000-00000000002a marketing email \
    --notice consentNotices/privacy --evidence 'ticked the box at the till'\n  \
    dossier consent record customers/0199a3c2-7f10-7000-8000-00000000002a delivery --basis contract")]
pub(crate) struct Record {
    /// `customers/{customer}`
    customer: String,

    /// What for
    purpose: String,

    /// By which channel [default: by all of them]
    #[arg(default_value = "")]
    channel: String,

    /// The customer said no
    #[arg(long)]
    denied: bool,

    /// How it was given: general, separate, guardian
    #[arg(long, value_name = "KIND", default_value = "general")]
    kind: String,

    /// Why the data may be used: consent, contract, legal_obligation, vital_interest, public_task,
    /// legitimate_interest
    #[arg(long, value_name = "BASIS", default_value = "consent")]
    basis: String,

    /// What the customer was told: `consentNotices/{id}`, in the version that is in effect
    #[arg(long, value_name = "NAME", default_value = "")]
    notice: String,

    /// What proves it
    #[arg(long, value_name = "TEXT", default_value = "")]
    evidence: String,

    #[command(flatten)]
    connect: Connect,
}

impl Record {
    async fn run(self, output: &Output) -> Result<()> {
        let upper = |word: &str| word.to_uppercase();
        let basis = LegalBasis::from_str_name(&format!("LEGAL_BASIS_{}", upper(&self.basis)))
            .ok_or_else(|| Failure::usage(format!("--basis {} is none.", self.basis)))?;
        let kind = ConsentKind::from_str_name(&format!("CONSENT_KIND_{}", upper(&self.kind)))
            .ok_or_else(|| Failure::usage(format!("--kind {} is none.", self.kind)))?;
        let kind = match basis {
            LegalBasis::Consent => kind,
            _ => ConsentKind::Unspecified,
        };
        let decision = match self.denied {
            true => ConsentDecision::Denied,
            false => ConsentDecision::Granted,
        };
        let request = RecordConsentRequest {
            customer: self.customer,
            consent: Some(Entry {
                decision: decision.into(),
                purpose: self.purpose,
                channel: self.channel,
                kind: kind.into(),
                legal_basis: basis.into(),
                notice: self.notice,
                evidence: self.evidence,
                collected_through: "command_line".to_owned(),
                ..Entry::default()
            }),
            request_id: Uuid::now_v7().to_string(),
        };
        let mut client = ConsentServiceClient::new(self.connect.wire().await?);
        let entry = client.record_consent(request).await?.into_inner();
        recorded(output, &entry)
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier consent withdraw customers/0199a3c2-7f10-7000-8000-00000000002a marketing email\n\n\
    Every check that begins after the answer sees it.")]
pub(crate) struct Withdraw {
    /// `customers/{customer}`
    customer: String,

    /// What for
    purpose: String,

    /// By which channel [default: by all of them]
    #[arg(default_value = "")]
    channel: String,

    /// What proves it
    #[arg(long, value_name = "TEXT", default_value = "")]
    evidence: String,

    #[command(flatten)]
    connect: Connect,
}

impl Withdraw {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = ConsentServiceClient::new(self.connect.wire().await?);
        let request = WithdrawConsentRequest {
            customer: self.customer,
            purpose: self.purpose,
            channel: self.channel,
            evidence: self.evidence,
            collected_through: "command_line".to_owned(),
            occur_time: None,
            request_id: Uuid::now_v7().to_string(),
        };
        let entry = client.withdraw_consent(request).await?.into_inner();
        recorded(output, &entry)
    }
}

fn recorded(output: &Output, entry: &Entry) -> Result<()> {
    let document = json::of("dossier.profile.v1.Consent", entry);
    output.answer(&document, || entry.name.clone())
}

fn state(status: &ConsentStatus) -> String {
    word(status.state().as_str_name(), "CONSENT_STATE_")
}

fn reason(status: &ConsentStatus) -> String {
    word(status.reason().as_str_name(), "CONSENT_REASON_")
}

fn channel(channel: &str) -> String {
    match channel {
        "" => "all".to_owned(),
        channel => channel.to_owned(),
    }
}

fn notice(entry: &Entry) -> String {
    match entry.notice.strip_prefix("consentNotices/") {
        Some(id) => format!("{id} v{}", entry.notice_version),
        None => String::new(),
    }
}

/// `NEEDS_SEPARATE` is `needs separate`; what is not stated is nothing.
fn word(name: &str, prefix: &str) -> String {
    match name.strip_prefix(prefix).unwrap_or(name) {
        "UNSPECIFIED" => String::new(),
        word => word.replace('_', " ").to_lowercase(),
    }
}
