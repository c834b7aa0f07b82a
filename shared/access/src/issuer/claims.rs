//! An issuer's claims to ours.

use dossier_kernel::{Principal, PrincipalKind, Role, Strength, TenantId, Timestamp};
use serde_json::Value;

use super::{Believed, Issuer};
use crate::Claims;
use crate::claims::{TEAMS_MAX, is_subject, is_team, kind_from_word};

/// `None` for a token of another issuer or audience, without the claims that are required, with
/// times that are no whole seconds, or that claims to speak for a service: those are ours alone.
pub(super) fn read(settings: &Issuer, claims: &Value) -> Option<Believed> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss")? != settings.issuer || !is_meant_for(claims.get("aud")?, &settings.audience) {
        return None;
    }
    let subject = text("sub").filter(|subject| is_subject(subject))?;
    let secs = |name: &str| match claims.get(name) {
        None => Some(0),
        // Not `as_f64`: a time with a fraction is somebody's mistake or trick.
        Some(value) => value.as_i64(),
    };
    let (nbf, iat) = (secs("nbf")?, secs("iat")?);
    let exp = claims.get("exp")?.as_i64()?;

    let tenant = match &settings.tenant {
        Some(fixed) => TenantId::parse(fixed).ok()?,
        None => TenantId::parse(at(claims, &settings.tenant_claim)?.as_str()?).ok()?,
    };
    let kind = match &settings.kind_claim {
        Some(path) => kind_from_word(at(claims, path)?.as_str()?)?,
        None => PrincipalKind::Person,
    };
    // Words we do not know grant nothing; that of a service is not theirs to give.
    let words = words(at(claims, &settings.roles_claim));
    let roles: Vec<Role> = Role::ALL
        .into_iter()
        .filter(|role| *role != Role::Service && words.contains(&role.as_str()))
        .collect();
    let teams = self::words(at(claims, &settings.teams_claim))
        .into_iter()
        .filter(|team| is_team(team))
        .take(TEAMS_MAX)
        .map(str::to_owned)
        .collect();
    let second_factor = self::words(claims.get("amr")).contains(&"mfa")
        || text("acr").is_some_and(|acr| settings.multi_factor_acr.iter().any(|one| one == acr));
    let strength = match kind {
        PrincipalKind::Person if second_factor => Strength::MultiFactor,
        PrincipalKind::Person | PrincipalKind::ApiKey => Strength::Token,
        PrincipalKind::Service => return None,
    };
    let claims = Claims {
        tenant,
        principal: Principal {
            kind,
            id: subject.to_owned(),
        },
        roles,
        teams,
        strength,
        on_behalf_of: None,
        expiry: Timestamp::from_secs_nanos(exp, 0)?,
    };
    Some(Believed { claims, nbf, iat })
}

/// RFC 7519, section 4.1.3: one audience or a list of them.
fn is_meant_for(aud: &Value, audience: &str) -> bool {
    match aud {
        Value::String(one) => one == audience,
        Value::Array(all) => all.iter().any(|one| one.as_str() == Some(audience)),
        _ => false,
    }
}

/// The claim of that name, or inside others where dots lead to it: `realm_access.roles`. A claim
/// whose name has dots of its own (`https://example.com/roles`) is found first.
fn at<'a>(claims: &'a Value, path: &str) -> Option<&'a Value> {
    claims
        .get(path)
        .or_else(|| path.split('.').try_fold(claims, |at, name| at.get(name)))
}

/// A list of texts, or one text with spaces between, as `scope` has it (RFC 6749, section 3.3).
fn words(claim: Option<&Value>) -> Vec<&str> {
    match claim {
        Some(Value::String(line)) => line.split(' ').collect(),
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
