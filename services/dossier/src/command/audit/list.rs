//! `dossier audit list`.

use clap::Args;
use dossier_kernel::Timestamp;
use dossier_proto::audit::v1::audit_service_client::AuditServiceClient;
use dossier_proto::audit::v1::{AuditEvent, ListAuditEventsRequest};

use crate::connect::Connect;
use crate::failure::{Failure, Result};
use crate::format::{Sheet, time};
use crate::json;
use crate::output::Output;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier audit list --principal person:alice --since 2026-11-01\n  \
    dossier audit list --resource customers/01890a5d-ac96-774b-bcce-b302099a8057\n  \
    dossier audit list --service feedback --limit 1000 --json\n\n\
    Needs the role privacy_officer or admin and shows the events of the token's tenant, newest first. \
    With a process per service, ask each at its own address.")]
pub(crate) struct List {
    /// Whose log: profile, interaction, segmentation or feedback
    #[arg(long, value_name = "SERVICE", default_value = "profile")]
    service: String,

    /// Events of this time or later: 2026-01-31 or 2026-01-31T10:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// Events before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,

    /// Who did it, or for whom it was done: person:alice
    #[arg(long, value_name = "PRINCIPAL", default_value = "")]
    principal: String,

    /// What it was done to: customers/…
    #[arg(long, value_name = "NAME", default_value = "")]
    resource: String,

    /// The RPC: dossier.profile.v1.CustomerService/GetCustomer
    #[arg(long, value_name = "METHOD", default_value = "")]
    method: String,

    /// How many, at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,

    #[command(flatten)]
    connect: Connect,
}

impl List {
    pub async fn run(self, output: &Output) -> Result<()> {
        let mut client = AuditServiceClient::new(self.connect.wire().await?);
        let mut request = ListAuditEventsRequest {
            parent: format!("services/{}", self.service),
            start_time: instant("--since", self.since.as_deref())?,
            end_time: instant("--until", self.until.as_deref())?,
            principal: self.principal,
            resource: self.resource,
            method: self.method,
            page_size: 1_000,
            page_token: String::new(),
        };
        let mut events = Vec::new();
        while events.len() < self.limit {
            let page = client
                .list_audit_events(request.clone())
                .await?
                .into_inner();
            events.extend(page.audit_events);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        events.truncate(self.limit);
        let documents: Vec<_> = events
            .iter()
            .map(|event| json::of("dossier.audit.v1.AuditEvent", event))
            .collect();
        output.answer(&documents, || table(&events))
    }
}

fn table(events: &[AuditEvent]) -> String {
    let mut sheet = Sheet::new(&["time", "principal", "did", "to", "fields", "purpose"], 6);
    for event in events {
        let method = event.method.rsplit('/').next().unwrap_or_default();
        let principal = match event.on_behalf_of.as_str() {
            "" => event.principal.clone(),
            behind => format!("{} for {behind}", event.principal),
        };
        sheet.row(vec![
            time(event.time.as_ref()),
            principal,
            method.to_owned(),
            resources(event),
            event.fields.join(" "),
            event.purpose.clone(),
        ]);
    }
    sheet.to_string()
}

/// The first, and how many more.
fn resources(event: &AuditEvent) -> String {
    match (event.resources.first(), event.resource_count) {
        (None, 0) => String::new(),
        (None, count) => count.to_string(),
        (Some(one), count) if count <= 1 => one.clone(),
        (Some(one), count) => format!("{one} and {} more", count - 1),
    }
}

fn instant(flag: &str, text: Option<&str>) -> Result<Option<prost_types::Timestamp>> {
    let Some(text) = text else { return Ok(None) };
    let read = Timestamp::parse(text).ok_or_else(|| {
        Failure::usage(format!(
            "{flag} {text} is no time; one looks like 2026-01-31 or 2026-01-31T10:00:00Z."
        ))
    })?;
    let (seconds, nanos) = read.to_secs_nanos();
    Ok(Some(prost_types::Timestamp { seconds, nanos }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_resources_are_one_and_a_number() {
        let of = |resources: &[&str], resource_count| {
            resources_of(
                resources.iter().map(ToString::to_string).collect(),
                resource_count,
            )
        };
        fn resources_of(names: Vec<String>, resource_count: i64) -> String {
            resources(&AuditEvent {
                resources: names,
                resource_count,
                ..AuditEvent::default()
            })
        }
        assert_eq!(of(&[], 0), "");
        assert_eq!(of(&["customers/1"], 1), "customers/1");
        assert_eq!(
            of(&["customers/1", "customers/2"], 500),
            "customers/1 and 499 more"
        );
    }

    #[test]
    fn a_time_that_is_none_is_a_matter_of_usage() {
        assert!(instant("--since", Some("2026-11-01")).is_ok_and(|at| at.is_some()));
        assert!(matches!(
            instant("--since", Some("soon")),
            Err(Failure::Usage(_))
        ));
    }
}
