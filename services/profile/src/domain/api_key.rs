//! A secret with which a program calls, and who may make one.

use std::time::Duration;

use dossier_kernel::{Ctx, PrincipalKind, Role, Timestamp};
use uuid::Uuid;

use super::Violations;
use crate::error::Error;

/// A year and a day: a key that is renewed once a year need not be renewed to the hour.
const LIFE_MAX: Duration = Duration::from_secs(366 * 86_400);
const NAME_CHARS_MAX: usize = 200;
const TEAMS_MAX: usize = 20;
const TEAM_CHARS_MAX: usize = 64;
/// How far behind the time of last use may be: a busy key costs one write an hour.
const USE_NOTED_EVERY: Duration = Duration::from_secs(3_600);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: Uuid,
    pub display_name: String,
    pub roles: Vec<Role>,
    pub teams: Vec<String>,
    pub create_time: Timestamp,
    pub expire_time: Timestamp,
    pub last_use_time: Option<Timestamp>,
    pub revoke_time: Option<Timestamp>,
    /// `person:alice`.
    pub creator: String,
}

/// What a caller asks for.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    pub display_name: String,
    pub roles: Vec<String>,
    pub teams: Vec<String>,
    pub expire_time: Option<Timestamp>,
}

impl NewApiKey {
    /// The key, or everything that is wrong. PERMISSION_DENIED for a role or team that is not the
    /// caller's to give, and for a key that would make keys: it could outlive its own revocation.
    pub fn check(self, ctx: &Ctx, id: Uuid, now: Timestamp) -> dossier_kernel::Result<ApiKey> {
        let Self {
            display_name,
            roles: words,
            teams,
            expire_time,
        } = self;
        let mut problems = Violations::default();
        let mut say = |field: &str, words: &str| {
            problems.add_to_request(format!("api_key.{field}"), words);
        };
        let display_name = display_name.trim().to_owned();
        let shown = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        if !shown(&display_name) || display_name.chars().count() > NAME_CHARS_MAX {
            say("display_name", "must have 1 to 200 printable characters");
        }
        let known = |word: &String| Role::parse(word).is_some_and(|role| role != Role::Service);
        if words.is_empty() || !words.iter().all(known) {
            say(
                "roles",
                "must have one or more of viewer, agent, manager, analyst, steward, \
                 privacy_officer, admin",
            );
        }
        let team = |team: &String| {
            let plain = |c: char| !c.is_control() && !c.is_whitespace();
            (1..=TEAM_CHARS_MAX).contains(&team.len()) && team.chars().all(plain)
        };
        if teams.len() > TEAMS_MAX || !teams.iter().all(team) {
            say(
                "teams",
                "must have at most 20 names of 1 to 64 characters without spaces",
            );
        }
        let last = now.plus(LIFE_MAX);
        let expire_time = expire_time.filter(|at| *at > now && *at <= last);
        if expire_time.is_none() {
            say(
                "expire_time",
                "must lie in the future, at most 366 days away",
            );
        }
        problems.into_result()?;
        let roles: Vec<Role> = Role::ALL
            .into_iter()
            .filter(|role| words.iter().any(|word| word == role.as_str()))
            .collect();
        if !may_give(ctx, &roles, &teams) {
            return Err(Error::NotYoursToGive.into());
        }
        Ok(ApiKey {
            id,
            display_name,
            roles,
            teams,
            create_time: now,
            // Without violations there is one.
            expire_time: expire_time.unwrap_or(now),
            last_use_time: None,
            revoke_time: None,
            creator: ctx.principal.to_string(),
        })
    }
}

/// An administrator gives every role of the tenant; whoever else may make keys gives what they have.
fn may_give(ctx: &Ctx, roles: &[Role], teams: &[String]) -> bool {
    if ctx.principal.kind == PrincipalKind::ApiKey {
        return false;
    }
    let owns = roles.iter().all(|role| ctx.has_role(*role))
        && teams.iter().all(|team| ctx.teams.contains(team));
    ctx.has_role(Role::Admin) || owns
}

impl ApiKey {
    pub fn to_name(&self) -> String {
        format!("apiKeys/{}", self.id)
    }

    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoke_time.is_none() && now < self.expire_time
    }

    /// Whether that it is used now is worth a write.
    pub fn use_is_news(&self, now: Timestamp) -> bool {
        self.last_use_time
            .is_none_or(|at| at.plus(USE_NOTED_EVERY) <= now)
    }

    /// Says whether that changes anything.
    pub fn revoke(&mut self, now: Timestamp) -> bool {
        let changes = self.revoke_time.is_none();
        self.revoke_time.get_or_insert(now);
        changes
    }
}
