//! A segment's definition and how it changes.

use dossier_kernel::id::SegmentId;
use dossier_kernel::violations::Violations;
use dossier_kernel::{Error, Reason, Timestamp, Violation};

use super::{Attributes, Rule};

const DISPLAY_NAME_CHARS_MAX: usize = 128;
const DESCRIPTION_CHARS_MAX: usize = 1_024;

#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    pub id: SegmentId,
    /// Counts the writes of the definition, from 1.
    pub revision: i64,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
    pub display_name: String,
    pub description: String,
    /// As the client wrote it.
    pub rule_text: String,
    pub rule: Rule,
    /// Counts the changes of the rule, from 1.
    pub rule_revision: i32,
    /// Existing customers are still being evaluated.
    pub backfilling: bool,
}

/// What a client wants a segment to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    pub display_name: String,
    pub description: String,
    pub rule: String,
}

/// New values; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentPatch {
    pub display_name: Option<String>,
    pub description: Option<String>,
    pub rule: Option<String>,
}

impl SegmentPatch {
    /// The contract's names of what it changes.
    pub fn fields(&self) -> Vec<&'static str> {
        let Self {
            display_name,
            description,
            rule,
        } = self;
        let named = [
            ("display_name", display_name.is_some()),
            ("description", description.is_some()),
            ("rule", rule.is_some()),
        ];
        let named = named.into_iter().filter(|(_, changed)| *changed);
        named.map(|(name, _)| name).collect()
    }
}

impl Draft {
    /// The rule, when the draft is fit to become a segment; else everything that is wrong at once.
    pub fn check(&self, attributes: &Attributes) -> Result<Rule, Error> {
        let mut violations = self.check_words();
        match parse_rule(&self.rule, attributes) {
            Ok(rule) if violations.is_empty() => return Ok(rule),
            Ok(_) => {}
            // A client that looks for the reason learns of the rule first: it is the hardest part.
            Err(error) => {
                violations.splice(0..0, error.violations().iter().cloned());
                return Err(error.with_violations(violations));
            }
        }
        Err(Error::invalid(violations))
    }

    fn check_words(&self) -> Vec<Violation> {
        let mut violations = Violations::default();
        violations.required_label(
            "segment.display_name",
            &self.display_name,
            DISPLAY_NAME_CHARS_MAX,
        );
        violations.text(
            "segment.description",
            &self.description,
            DESCRIPTION_CHARS_MAX,
        );
        violations
            .into_result()
            .err()
            .map_or_else(Vec::new, |error| error.violations().to_vec())
    }
}

/// Reads the rule of a request's segment; its violation names `segment.rule`.
fn parse_rule(text: &str, attributes: &Attributes) -> Result<Rule, Error> {
    let rename = |error: Error| {
        let violations = error.violations().iter();
        let renamed = violations.map(|v| Violation::new("segment.rule", v.description.clone()));
        let renamed = renamed.collect();
        error.with_violations(renamed)
    };
    let rule = Rule::parse(text, attributes).map_err(rename)?;
    if rule.is_empty() {
        let words = "must not be empty; `type:*` holds every customer";
        return Err(
            Error::new(Reason::InvalidFilter, format!("The rule {words}."))
                .with_violations(vec![Violation::new("segment.rule", words)]),
        );
    }
    Ok(rule)
}

impl Segment {
    pub fn create(id: SegmentId, draft: Draft, rule: Rule, at: Timestamp) -> Self {
        let Draft {
            display_name,
            description,
            rule: rule_text,
        } = draft;
        Self {
            id,
            revision: 1,
            create_time: at,
            update_time: at,
            display_name,
            description,
            rule_text,
            rule,
            rule_revision: 1,
            backfilling: true,
        }
    }

    /// What the segment would be after the patch, to be checked before it is [`Segment::changed`].
    pub fn patched(&self, patch: SegmentPatch) -> Draft {
        let SegmentPatch {
            display_name,
            description,
            rule,
        } = patch;
        Draft {
            display_name: display_name.unwrap_or_else(|| self.display_name.clone()),
            description: description.unwrap_or_else(|| self.description.clone()),
            rule: rule.unwrap_or_else(|| self.rule_text.clone()),
        }
    }

    /// The segment after a write. A rule that means something else is a new revision of the rule and
    /// is evaluated for every customer; one that is only written differently is not.
    pub fn changed(&self, draft: Draft, rule: Rule, at: Timestamp) -> Self {
        let Draft {
            display_name,
            description,
            rule: rule_text,
        } = draft;
        let same_rule = rule == self.rule;
        Self {
            id: self.id,
            revision: self.revision + 1,
            create_time: self.create_time,
            update_time: at,
            display_name,
            description,
            rule_text,
            rule,
            rule_revision: self.rule_revision + i32::from(!same_rule),
            backfilling: self.backfilling || !same_rule,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(rule: &str) -> Draft {
        Draft {
            display_name: "VIP".to_owned(),
            description: String::new(),
            rule: rule.to_owned(),
        }
    }

    fn segment(text: &str) -> Segment {
        let rule = draft(text).check(&Attributes::new()).expect(text);
        let active = Segment::create(SegmentId::generate(), draft(text), rule, Timestamp(1));
        Segment {
            backfilling: false,
            ..active
        }
    }

    fn changed(segment: &Segment, patch: SegmentPatch) -> Segment {
        let draft = segment.patched(patch);
        let rule = draft.check(&Attributes::new()).expect("fit");
        segment.changed(draft, rule, Timestamp(2))
    }

    #[test]
    fn everything_wrong_with_a_draft_is_said_at_once() {
        let bad = Draft {
            display_name: String::new(),
            description: "x".repeat(1_025),
            rule: "regoin_code = \"CN\"".to_owned(),
        };
        let error = bad
            .check(&Attributes::new())
            .expect_err("all three are wrong");
        assert_eq!(error.reason(), Reason::InvalidFilter);
        let fields: Vec<_> = error
            .violations()
            .iter()
            .map(|v| v.field.as_str())
            .collect();
        assert_eq!(
            fields,
            [
                "segment.rule",
                "segment.display_name",
                "segment.description"
            ]
        );
        assert!(
            error.violations()[0]
                .description
                .contains("did you mean `region_code`?")
        );
    }

    #[test]
    fn an_empty_rule_is_refused() {
        let error = draft("  ")
            .check(&Attributes::new())
            .expect_err("a rule is required");
        assert_eq!(error.violations()[0].field, "segment.rule");
    }

    #[test]
    fn another_rule_is_a_new_revision_of_the_rule_and_is_backfilled() {
        let before = segment("tags:vip");
        let rule = Some("tags:gold".to_owned());
        let after = changed(
            &before,
            SegmentPatch {
                rule,
                ..SegmentPatch::default()
            },
        );
        assert_eq!(
            (after.revision, after.rule_revision, after.backfilling),
            (2, 2, true)
        );
    }

    #[test]
    fn the_same_rule_in_other_words_is_not() {
        let before = segment("tags:vip");
        let rule = Some("( tags:\"vip\" )".to_owned());
        let after = changed(
            &before,
            SegmentPatch {
                rule,
                ..SegmentPatch::default()
            },
        );
        assert_eq!(
            (after.revision, after.rule_revision, after.backfilling),
            (2, 1, false)
        );
        assert_eq!(after.rule_text, "( tags:\"vip\" )");
    }
}
