//! One customer's right to answer one survey once.

use std::time::Duration;

use dossier_kernel::id::{InvitationId, SurveyId};
use dossier_kernel::{CustomerId, Error, Reason, Result, Timestamp, Violation};

/// An invitation. Used up by the response that carries its id, which the store holds unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    pub id: InvitationId,
    pub survey: SurveyId,
    pub customer: CustomerId,
    pub create_time: Timestamp,
    pub expire_time: Timestamp,
    pub use_time: Option<Timestamp>,
}

impl Invitation {
    pub const LIFE_DEFAULT: Duration = Duration::from_secs(30 * 24 * 3_600);

    /// When an invitation made now ends: as asked, or in 30 days.
    pub fn expiry(asked: Option<Timestamp>, now: Timestamp) -> Result<Timestamp> {
        match asked {
            None => Ok(now.plus(Self::LIFE_DEFAULT)),
            Some(at) if at > now => Ok(at),
            Some(_) => Err(Error::invalid(vec![Violation::new(
                "expire_time",
                "must lie in the future; leave it unset for 30 days from now",
            )])),
        }
    }

    /// Whether it may still be answered. A used one is told apart by its response, not here.
    pub fn check_open(&self, now: Timestamp) -> Result<()> {
        if now < self.expire_time {
            return Ok(());
        }
        Err(Error::new(
            Reason::FailedPrecondition,
            "The invitation has expired; create a new one.",
        )
        .with("expire_time", self.expire_time.to_rfc3339()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    #[test]
    fn an_invitation_ends_as_asked_or_in_thirty_days_but_never_in_the_past() {
        let asked = NOW.plus(Duration::from_secs(1));
        assert_eq!(Invitation::expiry(Some(asked), NOW).expect("future"), asked);
        let default = Invitation::expiry(None, NOW).expect("default");
        assert_eq!(default.since(NOW), Invitation::LIFE_DEFAULT);
        assert!(Invitation::expiry(Some(NOW), NOW).is_err());
    }

    #[test]
    fn it_is_open_until_the_instant_it_ends() {
        let invitation = Invitation {
            id: InvitationId::generate(),
            survey: SurveyId::generate(),
            customer: CustomerId::generate(),
            create_time: NOW,
            expire_time: NOW.plus(Duration::from_secs(10)),
            use_time: None,
        };
        assert!(
            invitation
                .check_open(NOW.plus(Duration::from_secs(9)))
                .is_ok()
        );
        let late = invitation
            .check_open(invitation.expire_time)
            .expect_err("expired");
        assert_eq!(late.reason(), Reason::FailedPrecondition);
    }
}
