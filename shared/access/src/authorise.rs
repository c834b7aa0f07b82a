//! The decision: may this caller make this call?

use dossier_kernel::{Ctx, Error, PrincipalKind, Reason, Result, Role};

use crate::Rule;

/// Fails with [`Reason::PermissionDenied`] and the permission in its facts unless one of the
/// caller's roles has it. All tenants at once only for services, and only where the rule says so.
pub fn authorise(ctx: &Ctx, rule: &Rule) -> Result<()> {
    let granted = ctx.roles.iter().any(|role| rule.grants.contains(*role));
    let is_service = ctx.principal.kind == PrincipalKind::Service && ctx.has_role(Role::Service);
    let tenant_fits = !ctx.tenant.is_all() || (rule.all_tenants && is_service);
    if granted && tenant_fits {
        return Ok(());
    }
    Err(Error::new(
        Reason::PermissionDenied,
        format!(
            "This call needs the permission {}; ask an administrator for a role that has it.",
            rule.call.permission
        ),
    )
    .with("permission", rule.call.permission.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dossier_kernel::{AuditLevel, Call, Principal, TenantId};

    use super::*;
    use crate::roles_with;

    fn rule(permission: &str, all_tenants: bool) -> Rule {
        Rule {
            call: Arc::new(Call {
                method: "test.Service/Method".into(),
                permission: permission.into(),
                audit: AuditLevel::Read,
            }),
            resource: None,
            all_tenants,
            grants: roles_with(permission).expect("a row"),
        }
    }

    fn caller(kind: PrincipalKind, roles: &[Role], tenant: TenantId) -> Ctx {
        let principal = Principal {
            kind,
            id: "someone".to_owned(),
        };
        Ctx::new(tenant, principal, roles.to_vec())
    }

    fn person(roles: &[Role]) -> Ctx {
        caller(PrincipalKind::Person, roles, TenantId::embedded_default())
    }

    #[test]
    fn any_one_role_is_enough_and_none_is_not() {
        let write = rule("profile.customers.write", false);
        assert!(authorise(&person(&[Role::Viewer, Role::Agent]), &write).is_ok());
        for roles in [&[][..], &[Role::Viewer], &[Role::Analyst]] {
            let refused = authorise(&person(roles), &write).expect_err("refused");
            assert_eq!(refused.reason(), Reason::PermissionDenied);
            assert_eq!(refused.metadata()["permission"], "profile.customers.write");
        }
    }

    #[test]
    fn all_tenants_are_for_services_on_calls_that_say_so() {
        let watch = rule("profile.customers.watch", true);
        let read = rule("profile.customers.read", false);
        let service = Ctx::service("segmentation", TenantId::all());
        assert!(authorise(&service, &watch).is_ok());
        assert!(authorise(&service, &read).is_err());
        let admin = caller(PrincipalKind::Person, &[Role::Admin], TenantId::all());
        assert!(authorise(&admin, &watch).is_err());
        let posing = caller(PrincipalKind::ApiKey, &[Role::Service], TenantId::all());
        assert!(authorise(&posing, &watch).is_err());
        let one = Ctx::service("segmentation", TenantId::embedded_default());
        assert!(authorise(&one, &read).is_ok());
    }
}
