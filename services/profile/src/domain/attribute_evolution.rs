//! How a tenant's own field may change once customers have values of it: so that every value that
//! is there stays legal.

use dossier_kernel::{Patch, Timestamp};

use super::attribute_definition::CHOICES_MAX;
use super::{AttributeDefinition, AttributeType, DataClass, Violations, normalize};

/// What a caller says about a definition that is there, field by field.
#[derive(Clone, Debug, Default)]
pub struct AttributeEvolution {
    pub id: String,
    /// What the caller believes to be current; `None` accepts anything.
    pub etag: Option<String>,
    pub kind: Patch<AttributeType>,
    pub class: Patch<DataClass>,
    pub display_name: Patch<String>,
    pub description: Patch<String>,
    pub choices: Patch<Vec<String>>,
    pub length_max: Patch<usize>,
    pub count_max: Patch<usize>,
}

impl AttributeDefinition {
    /// Applies the change. `Some` is the fields that changed, in the contract's names; when there
    /// are none, neither is there a new revision. `None` when something is wrong, which
    /// `violations` then names.
    pub fn evolve(
        &mut self,
        change: AttributeEvolution,
        now: Timestamp,
        violations: &mut Violations,
    ) -> Option<Vec<&'static str>> {
        let AttributeEvolution {
            id: _,
            etag: _,
            kind,
            class,
            display_name,
            description,
            choices,
            length_max,
            count_max,
        } = change;
        let before = self.clone();
        let mut refuse = |field: &str, words: &str| {
            violations.add(format!("attribute_definition.{field}"), words);
        };
        if !kind.is_absent() && kind != Patch::Set(self.kind) {
            refuse(
                "type",
                "cannot change, because customers have values of the old type; define another \
                 attribute and deprecate this one",
            );
        }
        if !class.is_absent() && class != Patch::Set(self.class) {
            refuse(
                "data_class",
                "cannot change, because values are kept under the lock of the old class; define \
                 another attribute and deprecate this one",
            );
        }
        set(display_name, &mut self.display_name, |text| {
            normalize::text(&text)
        });
        set(description, &mut self.description, |text| text);
        set(choices, &mut self.choices, |choices| {
            choices
                .iter()
                .map(|choice| normalize::text(choice))
                .collect()
        });
        length_max.apply(&mut self.length_max);
        count_max.apply(&mut self.count_max);
        // Of more than there may be nobody looks for each; they are refused below.
        let gone = |choice: &String| !self.choices.contains(choice);
        if self.choices.len() <= CHOICES_MAX && before.choices.iter().any(gone) {
            refuse(
                "choices",
                "must keep every choice that is there, because customers may have it; add the new \
                 ones to them",
            );
        }
        if is_less(self.length_max, before.length_max) {
            refuse(
                "length_max",
                "cannot become less, because customers may have longer texts",
            );
        }
        if is_less(self.count_max, before.count_max) {
            refuse(
                "count_max",
                "cannot become less, because customers may have longer lists",
            );
        }
        self.check_details(true, violations);
        if !violations.is_empty() {
            *self = before;
            return None;
        }
        let fields = [
            ("display_name", self.display_name != before.display_name),
            ("description", self.description != before.description),
            ("choices", self.choices != before.choices),
            ("length_max", self.length_max != before.length_max),
            ("count_max", self.count_max != before.count_max),
        ];
        let changed = fields.into_iter().filter(|(_, differs)| *differs);
        let changed: Vec<&'static str> = changed.map(|(field, _)| field).collect();
        if !changed.is_empty() {
            self.revision += 1;
            self.update_time = now.max(self.update_time);
        }
        Some(changed)
    }
}

fn set<T, U: Default>(patch: Patch<T>, field: &mut U, normalise: impl FnOnce(T) -> U) {
    match patch {
        Patch::Absent => {}
        Patch::Clear => *field = U::default(),
        Patch::Set(value) => *field = normalise(value),
    }
}

/// Whether a limit is below another; none is the highest.
fn is_less(limit: Option<usize>, than: Option<usize>) -> bool {
    limit.unwrap_or(usize::MAX) < than.unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{AttributeValue, NewAttributeDefinition};

    fn made(
        kind: AttributeType,
        choices: &[&str],
        length_max: Option<usize>,
    ) -> AttributeDefinition {
        let new = NewAttributeDefinition {
            id: "tier".to_owned(),
            kind: Some(kind),
            class: Some(DataClass::Quasi),
            choices: choices.iter().map(|&choice| choice.to_owned()).collect(),
            length_max,
            ..NewAttributeDefinition::default()
        };
        let mut violations = Violations::default();
        let made = new.check(Uuid::nil(), Timestamp(0), &mut violations);
        made.unwrap_or_else(|| panic!("{violations:?}"))
    }

    fn evolve(
        definition: &mut AttributeDefinition,
        change: AttributeEvolution,
    ) -> Result<Vec<&'static str>, Vec<String>> {
        let mut violations = Violations::default();
        let changed = definition.evolve(change, Timestamp(7), &mut violations);
        let fields = violations
            .as_slice()
            .iter()
            .map(|wrong| wrong.field.clone());
        changed.ok_or_else(|| fields.collect())
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn an_enum_is_widened_and_never_narrowed() {
        let mut tier = made(AttributeType::Enum, &["gold", "silver"], None);
        let wider = AttributeEvolution {
            choices: Patch::Set(texts(&["silver", "ｔｉｎ", "gold"])),
            ..AttributeEvolution::default()
        };
        assert_eq!(evolve(&mut tier, wider.clone()), Ok(vec!["choices"]));
        assert_eq!((tier.revision, tier.update_time), (2, Timestamp(7)));
        assert_eq!(
            tier.objection(&AttributeValue::String("tin".to_owned())),
            None
        );
        assert_eq!(
            evolve(&mut tier, wider),
            Ok(vec![]),
            "nothing changes twice"
        );
        let known = tier.clone();
        for choices in [Patch::Set(texts(&["gold"])), Patch::Clear] {
            let narrower = AttributeEvolution {
                choices,
                ..AttributeEvolution::default()
            };
            let refused = evolve(&mut tier, narrower).expect_err("refused");
            assert!(refused.contains(&"attribute_definition.choices".to_owned()));
        }
        assert_eq!(tier, known);
    }

    #[test]
    fn what_values_hang_on_stays() {
        let mut note = made(AttributeType::String, &[], Some(10));
        let other = AttributeEvolution {
            kind: Patch::Set(AttributeType::Int),
            class: Patch::Set(DataClass::None),
            choices: Patch::Set(texts(&["a"])),
            count_max: Patch::Set(3),
            ..AttributeEvolution::default()
        };
        assert_eq!(
            evolve(&mut note, other),
            Err(texts(&[
                "attribute_definition.type",
                "attribute_definition.data_class",
                "attribute_definition.count_max",
                "attribute_definition.choices",
                "attribute_definition.count_max",
            ]))
        );
        let same = AttributeEvolution {
            kind: Patch::Set(AttributeType::String),
            class: Patch::Set(DataClass::Quasi),
            display_name: Patch::Set(" Note ".to_owned()),
            ..AttributeEvolution::default()
        };
        assert_eq!(evolve(&mut note, same), Ok(vec!["display_name"]));
        assert_eq!(note.display_name, "Note");
    }

    proptest! {
        #[test]
        fn what_was_legal_stays_legal(
            before in proptest::option::of(1..20_usize),
            after in proptest::option::of(1..20_usize),
            text in "[a-z]{0,20}",
        ) {
            let mut note = made(AttributeType::String, &[], before);
            let value = AttributeValue::String(text);
            let was_legal = note.objection(&value).is_none();
            let change = AttributeEvolution {
                length_max: after.map_or(Patch::Clear, Patch::Set),
                ..AttributeEvolution::default()
            };
            let raised = evolve(&mut note, change).is_ok();
            prop_assert_eq!(raised, !is_less(after, before));
            prop_assert!(!was_legal || note.objection(&value).is_none());
        }
    }
}
