//! `dossier token`.

use std::time::Duration;

use clap::Args;
use dossier_access::{Grant, SigningKey};
use dossier_kernel::{Clock, Principal, PrincipalKind, Role, TenantId};
use dossier_runtime::{Config, Flags};
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::output::Output;

const TTL_MAX: Duration = Duration::from_secs(366 * 86_400);

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier token --subject alice --role agent\n  \
    export DOSSIER_TOKEN=$(dossier token --role admin --ttl 30d)\n  \
    dossier token --tenant shop-2 --role steward --kind api-key --subject importer --ttl 365d\n\n\
    Signs with the key that `dossier serve` verifies with, so run it where that key is. A token \
    cannot be taken back: keep its life short.")]
pub(crate) struct Token {
    /// Whose data: 1 to 63 characters of a-z, 0-9 and -
    #[arg(long, value_name = "TENANT", default_value = "default")]
    tenant: String,

    /// What may be done; may be repeated: viewer, agent, manager, analyst, steward,
    /// privacy_officer, admin
    #[arg(long = "role", value_name = "ROLE", default_value = "viewer")]
    roles: Vec<String>,

    /// Who it speaks for; named in audit and answers
    #[arg(long, value_name = "NAME", default_value = "operator")]
    subject: String,

    /// `person` or `api-key`
    #[arg(long, value_name = "KIND", default_value = "person")]
    kind: String,

    /// How long it is valid, such as 15m, 8h, 30d
    #[arg(long, value_name = "DURATION", default_value = "8h")]
    ttl: String,

    /// A team the subject belongs to; may be repeated
    #[arg(long = "team", value_name = "TEAM")]
    teams: Vec<String>,

    /// Say that the subject showed a second factor
    #[arg(long)]
    multi_factor: bool,

    #[command(flatten)]
    flags: Flags,
}

impl Token {
    pub fn run(self, output: &Output) -> Result<()> {
        let config = Config::load(&self.flags).map_err(Failure::Usage)?;
        let tenant = TenantId::parse(&self.tenant).map_err(Failure::Usage)?;
        let roles = self
            .roles
            .iter()
            .map(|word| role(word))
            .collect::<Result<Vec<_>>>()?;
        let kind = match self.kind.as_str() {
            "person" => PrincipalKind::Person,
            "api-key" => PrincipalKind::ApiKey,
            other => {
                return Err(Failure::usage(format!(
                    "--kind {other} is neither person nor api-key."
                )));
            }
        };
        let ttl = duration(&self.ttl)
            .filter(|ttl| !ttl.is_zero() && *ttl <= TTL_MAX)
            .ok_or_else(|| {
                Failure::usage(format!(
                    "--ttl {} is none from 1s to 366d, such as 15m or 8h.",
                    self.ttl
                ))
            })?;
        let key = SigningKey::load(&config.signing_key_path()).map_err(Failure::Usage)?;
        let principal = Principal {
            kind,
            id: self.subject,
        };
        let token = key
            .mint(Grant {
                tenant,
                principal,
                roles,
                teams: self.teams,
                multi_factor: self.multi_factor,
                on_behalf_of: None,
                ttl,
            })
            .map_err(Failure::Local)?;
        let expire_time = Clock::system().now().plus(ttl).to_rfc3339();
        output.answer(
            &json!({ "token": token, "expire_time": expire_time }),
            || token.clone(),
        )
    }
}

fn role(word: &str) -> Result<Role> {
    // A service's token opens every tenant; processes make their own.
    Role::parse(word)
        .filter(|role| *role != Role::Service)
        .ok_or_else(|| {
            let known = Role::ALL.iter().filter(|role| **role != Role::Service);
            let known: Vec<_> = known.map(|role| role.as_str()).collect();
            Failure::usage(format!("--role {word} is none of {}.", known.join(", ")))
        })
}

/// `90s`, `15m`, `8h`, `30d`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let secs: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(
        number.parse::<u64>().ok()?.checked_mul(secs)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_are_numbers_with_a_unit() {
        assert_eq!(duration("15m"), Some(Duration::from_secs(900)));
        assert_eq!(duration("30d"), Some(Duration::from_secs(30 * 86_400)));
        for bad in ["", "h", "5", "-1h", "1.5h", "5µ", "99999999999999999999d"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn nobody_gets_a_services_token() {
        assert!(role("admin").is_ok());
        assert!(role("service").is_err());
        assert!(role("root").is_err());
    }
}
