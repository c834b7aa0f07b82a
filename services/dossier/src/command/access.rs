//! `dossier access`.

use clap::{Args, Subcommand};
use dossier_proto::access::v1::access_service_client::AccessServiceClient;
use dossier_proto::access::v1::{AccessSubject, ExplainAccessRequest, ExplainAccessResponse};
use dossier_proto::common::v1::DataClass;

use crate::connect::Connect;
use crate::failure::{Failure, Result};
use crate::json;
use crate::output::Output;

#[derive(Subcommand)]
pub(crate) enum Access {
    /// Say why a call is allowed or refused
    Explain(Explain),
}

impl Access {
    pub async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Explain(explain) => explain.run(output).await,
        }
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier access explain dossier.profile.v1.CustomerService/GetCustomer\n  \
    dossier access explain dossier.profile.v1.CustomerService/UpdateCustomer \\\n    \
      --principal person:amy --role agent --team north --owner person:bob\n\n\
    Nothing is called. Without --principal it is about the caller's own token; about others \
    administrators and privacy officers may ask. With a process per service, any of them answers.")]
pub(crate) struct Explain {
    /// The RPC, such as dossier.profile.v1.CustomerService/GetCustomer
    method: String,

    /// Who would call: person:amy, apikey:till-7 or service:segmentation
    #[arg(long, value_name = "PRINCIPAL")]
    principal: Option<String>,

    /// A role of the principal; may be repeated
    #[arg(long = "role", value_name = "ROLE", requires = "principal")]
    roles: Vec<String>,

    /// A team of the principal; may be repeated
    #[arg(long = "team", value_name = "TEAM", requires = "principal")]
    teams: Vec<String>,

    /// How the principal would prove who it is: anonymous, api_key, token, multi_factor, mutual
    #[arg(long, value_name = "STRENGTH", requires = "principal")]
    strength: Option<String>,

    /// What the data would be used for
    #[arg(long, value_name = "PURPOSE")]
    purpose: Option<String>,

    /// Who looks after the customer in question
    #[arg(long, value_name = "PRINCIPAL")]
    owner: Option<String>,

    /// Which team does
    #[arg(long, value_name = "TEAM")]
    owner_team: Option<String>,

    /// A tag of the customer in question; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,

    #[command(flatten)]
    connect: Connect,
}

impl Explain {
    async fn run(self, output: &Output) -> Result<()> {
        let Self {
            method,
            principal,
            roles,
            teams,
            strength,
            purpose,
            owner,
            owner_team,
            tags,
            connect,
        } = self;
        if !method.contains('/') {
            return Err(Failure::usage(format!(
                "{method} is no RPC; one looks like dossier.profile.v1.CustomerService/GetCustomer."
            )));
        }
        let subject = principal.map(|principal| AccessSubject {
            principal,
            roles,
            teams,
            strength: strength.unwrap_or_default(),
        });
        let request = ExplainAccessRequest {
            subject,
            method,
            purpose: purpose.unwrap_or_default(),
            owner: owner.unwrap_or_default(),
            team: owner_team.unwrap_or_default(),
            tags,
        };
        let why = AccessServiceClient::new(connect.wire().await?)
            .explain_access(request)
            .await?
            .into_inner();
        let document = json::of("dossier.access.v1.ExplainAccessResponse", &why);
        output.answer(&document, || text(&why))
    }
}

fn text(why: &ExplainAccessResponse) -> String {
    let verdict = match why.allowed {
        true => "allowed",
        false => "refused",
    };
    let mut lines = vec![format!("{verdict}: {}", why.permission)];
    for policy in &why.policies {
        lines.push(format!("  by {}: {}", policy.policy_id, policy.description));
    }
    if why.policies.is_empty() {
        lines.push("  no policy permits it".to_owned());
    }
    if why.allowed {
        let classes = why.visible_classes();
        let classes: Vec<&str> = classes.map(class).collect();
        lines.push(format!("  shows {}", classes.join(", ")));
    }
    if why.depends_on_resource {
        lines.push("  another owner, team or other tags could change that".to_owned());
    }
    lines.extend(why.errors.iter().map(|error| format!("  failed: {error}")));
    lines.join("\n")
}

fn class(class: DataClass) -> &'static str {
    class.as_str_name().trim_start_matches("DATA_CLASS_")
}

#[cfg(test)]
mod tests {
    use dossier_proto::access::v1::DecidingPolicy;

    use super::*;

    #[test]
    fn an_answer_says_by_which_policy_and_what_is_shown() {
        let why = ExplainAccessResponse {
            allowed: true,
            permission: "profile.customers.read".to_owned(),
            policies: vec![DecidingPolicy {
                policy_id: "people.read".to_owned(),
                description: "People read.".to_owned(),
            }],
            visible_classes: vec![DataClass::None.into(), DataClass::Quasi.into()],
            ..ExplainAccessResponse::default()
        };
        let shown = text(&why);
        assert_eq!(
            shown,
            "allowed: profile.customers.read\n  by people.read: People read.\n  shows NONE, QUASI"
        );
        let refused = text(&ExplainAccessResponse::default());
        assert!(refused.contains("no policy permits it"), "{refused}");
    }
}
