//! Something that happened between a customer and us.

use std::time::Duration;

use dossier_kernel::id::InteractionId;
use dossier_kernel::{CustomerId, Timestamp};

use super::{Details, Violations, Words};

const EVENT_ID_CHARS_MAX: usize = 256;
/// How far the clocks of sources may run ahead of ours.
const AHEAD_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Who began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The customer came to us.
    Inbound,
    /// We went to the customer.
    Outbound,
}

impl Direction {
    pub const ALL: [Self; 2] = [Self::Inbound, Self::Outbound];

    /// The name in filters and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "INBOUND",
            Self::Outbound => "OUTBOUND",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|direction| direction.as_str() == name)
    }
}

/// What a caller says happened. `source` and `event_id` together are unique in a tenant for ever;
/// the store holds that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub source: String,
    pub event_id: String,
    pub occur_time: Timestamp,
    /// Empty when nobody says.
    pub channel: String,
    pub direction: Option<Direction>,
    pub details: Details,
    pub words: Words,
}

impl Draft {
    /// Everything that is wrong, at once. `amounts_read`: see [`super::Purchase::check`].
    pub fn check(&self, now: Timestamp, amounts_read: bool, violations: &mut Violations) {
        violations.code("interaction.source", &self.source);
        let visible = |c: char| !c.is_control() && !c.is_whitespace();
        if !self.event_id.chars().all(visible)
            || !(1..=EVENT_ID_CHARS_MAX).contains(&self.event_id.chars().count())
        {
            violations.add(
                "interaction.event_id",
                "must have 1 to 256 visible characters",
            );
        }
        if self.occur_time > now.plus(AHEAD_MAX) {
            violations.add(
                "interaction.occur_time",
                "must lie at most one day in the future",
            );
        }
        if !self.channel.is_empty() {
            violations.code("interaction.channel", &self.channel);
        }
        self.details.check(&self.words, amounts_read, violations);
    }
}

/// An interaction that is kept. Never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interaction {
    pub id: InteractionId,
    pub customer: CustomerId,
    /// When it was recorded here, to the millisecond; also the head of the id, so that the order
    /// of ids is the order of recording.
    pub create_time: Timestamp,
    pub draft: Draft,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        Draft {
            source: "shop".into(),
            event_id: "order-1".into(),
            occur_time: Timestamp::from_secs(1_000),
            channel: "web".into(),
            direction: None,
            details: Details::Email,
            words: Words::default(),
        }
    }

    fn fields(draft: &Draft, now: Timestamp) -> Vec<String> {
        let mut violations = Violations::default();
        draft.check(now, true, &mut violations);
        match violations.into_result() {
            Ok(()) => Vec::new(),
            Err(error) => error.violations().iter().map(|v| v.field.clone()).collect(),
        }
    }

    #[test]
    fn one_day_ahead_is_accepted_and_a_moment_more_is_not() {
        let now = Timestamp::from_secs(1_000).minus(AHEAD_MAX);
        assert!(fields(&draft(), now).is_empty());
        let earlier = now.minus(Duration::from_micros(1));
        assert_eq!(fields(&draft(), earlier), ["interaction.occur_time"]);
    }

    #[test]
    fn an_event_id_is_visible_and_short() {
        for bad in ["", "a b", "a\u{7}", "a\u{3000}b", &"x".repeat(257)] {
            let wrong = Draft {
                event_id: bad.into(),
                ..draft()
            };
            assert_eq!(
                fields(&wrong, wrong.occur_time),
                ["interaction.event_id"],
                "{bad:?}"
            );
        }
        let chinese = Draft {
            event_id: "订".repeat(256),
            ..draft()
        };
        assert!(fields(&chinese, chinese.occur_time).is_empty());
    }

    #[test]
    fn a_channel_may_be_left_out_but_not_be_malformed() {
        let none = Draft {
            channel: String::new(),
            ..draft()
        };
        assert!(fields(&none, none.occur_time).is_empty());
        let wrong = Draft {
            channel: "Web Shop".into(),
            source: String::new(),
            ..draft()
        };
        assert_eq!(
            fields(&wrong, wrong.occur_time),
            ["interaction.source", "interaction.channel"]
        );
    }
}
