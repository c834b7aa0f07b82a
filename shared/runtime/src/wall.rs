//! Whether the database keeps tenants apart too, and what follows where it does not.

use dossier_db::Wall;
use dossier_kernel::{Error, Reason, Result};

use crate::config::Profile;

/// FAILED_PRECONDITION in production for a role that passes row-level security; elsewhere a warning.
pub(crate) fn check(wall: Wall, profile: Profile, service: &str) -> Result<()> {
    if wall != Wall::Bypassed {
        return Ok(());
    }
    let words = format!(
        "The database role of {service} is a superuser or has BYPASSRLS, so that row-level security \
         does not keep tenants apart; connect with an ordinary role that may create its schema."
    );
    match profile {
        Profile::Production => Err(Error::new(Reason::FailedPrecondition, words)),
        Profile::Development => {
            tracing::warn!(service, "{words}");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_refuses_a_role_that_passes_the_wall() {
        for wall in [Wall::Stands, Wall::Absent, Wall::Bypassed] {
            for profile in [Profile::Development, Profile::Production] {
                let refused = check(wall, profile, "profile").err();
                let expected = wall == Wall::Bypassed && profile == Profile::Production;
                assert_eq!(refused.is_some(), expected, "{wall:?} {profile:?}");
                if let Some(error) = refused {
                    assert_eq!(error.reason(), Reason::FailedPrecondition);
                    assert!(error.message().contains("ordinary role"), "{error}");
                }
            }
        }
    }
}
