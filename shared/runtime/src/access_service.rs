//! AccessService: why calls are allowed or refused, by the policies of this process.

use dossier_access::{Access, Deciding, Explanation, Facts};
use dossier_kernel::{Ctx, Principal, Result, Role, Strength, Violations};
use dossier_proto::access::v1 as wire;
use dossier_proto::access::v1::access_service_server::{AccessService, AccessServiceServer};
use dossier_proto::common::v1::DataClass;
use dossier_rpc::{configured, ctx, status};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

pub(crate) const NAME: &str = "dossier.access.v1.AccessService";

const TEAMS_MAX: usize = 20;
const TAGS_MAX: usize = 200;
const PURPOSE_LENGTH_MAX: usize = 64;

pub(crate) fn routes(access: Access) -> Routes {
    Routes::new(configured!(AccessServiceServer::new(Api { access })))
}

struct Api {
    access: Access,
}

#[tonic::async_trait]
impl AccessService for Api {
    async fn explain_access(
        &self,
        call: Request<wire::ExplainAccessRequest>,
    ) -> Result<Response<wire::ExplainAccessResponse>, Status> {
        let ctx = ctx(&call)?;
        let why = self.explain(&ctx, call.into_inner()).map_err(status)?;
        Ok(Response::new(encode(why)))
    }
}

impl Api {
    fn explain(&self, ctx: &Ctx, request: wire::ExplainAccessRequest) -> Result<Explanation> {
        let wire::ExplainAccessRequest {
            subject,
            method,
            purpose,
            owner,
            team,
            tags,
        } = request;
        let mut violations = Violations::default();
        let mut subject = read_subject(ctx, subject, &mut violations);
        if !purpose.is_empty() {
            subject.purpose = Some(purpose);
        }
        let purpose = subject.purpose.as_deref().unwrap_or_default();
        if purpose.chars().count() > PURPOSE_LENGTH_MAX {
            violations.add("purpose", "must have at most 64 characters");
        }
        if tags.len() > TAGS_MAX {
            violations.add("tags", "must not be more than 200");
        }
        if method.is_empty() {
            violations.add("method", "is required");
        }
        violations.into_result()?;
        // Whoever is asked about owns the answer.
        let name = subject.principal.to_string();
        let about = Facts {
            owner: Some(&name),
            ..Facts::default()
        };
        self.access.decide(ctx, about)?;
        let facts = Facts {
            tenant: None,
            owner: Some(owner.as_str()).filter(|owner| !owner.is_empty()),
            team: Some(team.as_str()).filter(|team| !team.is_empty()),
            tags: &tags,
        };
        self.access.explain(&subject, &method, facts)
    }
}

/// Who would call: as the caller does, where nobody is named.
fn read_subject(
    ctx: &Ctx,
    subject: Option<wire::AccessSubject>,
    violations: &mut Violations,
) -> Ctx {
    let Some(wire::AccessSubject {
        principal,
        roles,
        teams,
        strength,
    }) = subject
    else {
        return ctx.clone();
    };
    let mut add = |field: &str, words: &str| violations.add(format!("subject.{field}"), words);
    let mut known = Vec::with_capacity(roles.len());
    for word in roles {
        match Role::parse(&word) {
            Some(role) => known.push(role),
            None => add("roles", "names no role; use those of tokens"),
        }
    }
    if teams.len() > TEAMS_MAX {
        add("teams", "must not be more than 20");
    }
    let principal = Principal::parse(&principal).unwrap_or_else(|| {
        add(
            "principal",
            "must be like person:amy, apikey:till-7 or service:segmentation",
        );
        ctx.principal.clone()
    });
    let mut subject = Ctx::new(ctx.tenant.clone(), principal, known);
    subject.teams = teams;
    match Strength::parse(&strength) {
        Some(strength) => subject.strength = strength,
        None if strength.is_empty() => {}
        None => add(
            "strength",
            "must be anonymous, api_key, token, multi_factor or mutual",
        ),
    }
    subject
}

fn encode(why: Explanation) -> wire::ExplainAccessResponse {
    let Explanation {
        permission,
        allowed,
        policies,
        sight,
        depends_on_row,
        errors,
    } = why;
    let mut visible = Vec::new();
    if allowed {
        visible.extend([DataClass::None, DataClass::Quasi]);
        visible.extend(sight.direct.then_some(DataClass::Direct));
        visible.extend(sight.sensitive.then_some(DataClass::Sensitive));
    }
    let policies = policies
        .into_iter()
        .map(|Deciding { id, description }| wire::DecidingPolicy {
            policy_id: id,
            description,
        });
    wire::ExplainAccessResponse {
        allowed,
        permission,
        policies: policies.collect(),
        visible_classes: visible.into_iter().map(Into::into).collect(),
        depends_on_resource: depends_on_row,
        errors,
    }
}
