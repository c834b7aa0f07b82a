//! AccessService: why calls are allowed or refused, by the policies of this process.

use dossier_access::{Access, Deciding, Explanation, Facts, is_team};
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
// As customers have them.
const OWNER_LENGTH_MAX: usize = 256;
const TEAM_LENGTH_MAX: usize = 64;
const TAG_LENGTH_MAX: usize = 64;

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
        violations.text("owner", &owner, OWNER_LENGTH_MAX);
        violations.text("team", &team, TEAM_LENGTH_MAX);
        if tags.len() > TAGS_MAX {
            violations.add("tags", "must not be more than 200");
        } else {
            for (at, tag) in tags.iter().enumerate() {
                violations.text(&format!("tags[{at}]"), tag, TAG_LENGTH_MAX);
            }
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
    // Each once, in the order of tokens: the policies are asked about every one.
    let named = |role: &Role| roles.iter().any(|word| word == role.as_str());
    let known: Vec<Role> = Role::ALL.into_iter().filter(named).collect();
    if roles.iter().any(|word| Role::parse(word).is_none()) {
        add("roles", "names no role; use those of tokens");
    }
    if teams.len() > TEAMS_MAX {
        add("teams", "must not be more than 20");
    } else if !teams.iter().all(|team| is_team(team)) {
        add("teams", "must have 1 to 64 characters each, without spaces");
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

#[cfg(test)]
mod tests {
    use dossier_kernel::{PrincipalKind, Reason, TenantId};

    use super::*;

    const EXPLAIN: &str = "dossier.access.v1.AccessService/ExplainAccess";
    const GET: &str = "dossier.profile.v1.CustomerService/GetCustomer";

    fn api() -> Api {
        let access = Access::shipped(dossier_proto::DESCRIPTORS).expect("valid policies");
        Api { access }
    }

    /// Amy, as the edge hands her call on.
    fn amy(api: &Api, role: Role) -> Ctx {
        let id = "amy".to_owned();
        let kind = PrincipalKind::Person;
        let principal = Principal { kind, id };
        let mut ctx = Ctx::new(TenantId::embedded_default(), principal, vec![role]);
        let rule = api
            .access
            .rules()
            .find(|rule| &*rule.call.method == EXPLAIN);
        ctx.call = rule.map(|rule| std::sync::Arc::clone(&rule.call));
        ctx
    }

    fn about(principal: &str, role: &str) -> wire::ExplainAccessRequest {
        wire::ExplainAccessRequest {
            subject: Some(wire::AccessSubject {
                principal: principal.to_owned(),
                roles: vec![role.to_owned()],
                ..Default::default()
            }),
            method: GET.to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn everybody_is_told_about_themselves_and_few_about_others() {
        let api = api();
        let viewer = amy(&api, Role::Viewer);
        let mine = wire::ExplainAccessRequest {
            method: GET.to_owned(),
            ..Default::default()
        };
        let why = encode(api.explain(&viewer, mine).expect("about herself"));
        assert!(why.allowed);
        assert_eq!(why.policies[0].policy_id, "people.read");
        assert_eq!(
            why.visible_classes,
            [DataClass::None, DataClass::Quasi, DataClass::Direct].map(i32::from)
        );
        let named = api.explain(&viewer, about("person:amy", "analyst"));
        let why = encode(named.expect("about herself"));
        assert_eq!(why.visible_classes.len(), 2, "an analyst sees no names");
        let refused = api.explain(&viewer, about("person:bob", "viewer"));
        let refused = refused.expect_err("about another");
        assert_eq!(refused.reason(), Reason::PermissionDenied);
        for role in [Role::Admin, Role::PrivacyOfficer] {
            let why = api.explain(&amy(&api, role), about("person:bob", "viewer"));
            assert!(why.expect("may ask").allowed);
        }
    }

    #[test]
    fn a_flood_of_roles_is_what_they_name_and_long_facts_are_refused() {
        let api = api();
        let admin = amy(&api, Role::Admin);
        let mut request = about("person:bob", "viewer");
        let flood = |word: &str| vec![word.to_owned(); 400_000];
        request.subject = request.subject.map(|subject| wire::AccessSubject {
            roles: flood("viewer"),
            ..subject
        });
        let mut violations = Violations::default();
        let subject = read_subject(&admin, request.subject.clone(), &mut violations);
        assert_eq!(subject.roles, [Role::Viewer]);
        request.subject = request.subject.map(|subject| wire::AccessSubject {
            roles: flood("boss"),
            teams: vec!["a team".to_owned()],
            ..subject
        });
        request.owner = "o".repeat(257);
        request.team = "t".repeat(65);
        request.tags = vec!["vip".to_owned(), "v".repeat(65)];
        let refused = api.explain(&admin, request).expect_err("refused");
        let fields: Vec<_> = refused.violations().iter().map(|v| &*v.field).collect();
        let expected = ["subject.roles", "subject.teams", "owner", "team", "tags[1]"];
        assert_eq!(fields, expected);
    }

    #[test]
    fn what_is_wrong_with_a_request_is_named_at_once() {
        let api = api();
        let mut request = about("amy", "boss");
        request.method = String::new();
        request.purpose = "p".repeat(65);
        request.tags = vec![String::new(); 201];
        let strength = "weak".to_owned();
        request.subject = request.subject.map(|subject| wire::AccessSubject {
            strength,
            teams: vec![String::new(); 21],
            ..subject
        });
        let refused = api
            .explain(&amy(&api, Role::Admin), request)
            .expect_err("refused");
        let fields: Vec<_> = refused
            .violations()
            .iter()
            .map(|v| v.field.as_str())
            .collect();
        assert_eq!(
            fields,
            [
                "subject.roles",
                "subject.teams",
                "subject.principal",
                "subject.strength",
                "purpose",
                "tags",
                "method"
            ]
        );
        let mut request = about("person:bob", "viewer");
        request.method = "dossier.Nope/Nope".to_owned();
        let unknown = api
            .explain(&amy(&api, Role::Admin), request)
            .expect_err("unknown");
        assert_eq!(unknown.reason(), Reason::NotFound);
    }
}
