//! Taking back what a write made of a file, however others have changed the file since.

use std::collections::BTreeSet;

use dossier_kernel::Timestamp;

use super::customer::changed_fields;
use super::{Checked, Customer, Definitions, Hidden, Violations};

/// What is taken back.
#[derive(Debug)]
pub enum Made {
    /// The file as a whole.
    File,
    /// What turned the file from one into the other.
    Revision {
        before: Box<Customer>,
        after: Box<Customer>,
    },
}

/// What becomes of the file.
#[derive(Debug, PartialEq)]
pub enum Undo {
    /// Somebody needs what was made.
    Keep,
    /// It is as it was before already.
    Nothing,
    /// The file is deleted softly and holds no external ids any more, which others may need.
    Delete(Box<Customer>),
    /// The file, and what of it changes, in the contract's names.
    Restore(Box<Customer>, Vec<String>),
}

impl Made {
    /// `touched`: others have changed the file since. What they have set stays.
    pub fn undo(
        self,
        file: &Customer,
        touched: bool,
        definitions: &Definitions,
        now: Timestamp,
    ) -> Undo {
        match self {
            Self::File if touched => Undo::Keep,
            Self::File => {
                let mut after = file.clone();
                if !after.delete(now) {
                    return Undo::Nothing;
                }
                after.external_ids.clear();
                Undo::Delete(Box::new(after))
            }
            Self::Revision { .. } if file.delete_time.is_some() => Undo::Keep,
            Self::Revision { before, after } => {
                let nothing = BTreeSet::new();
                let mut fields: BTreeSet<String> = changed_fields(&before, &after, &nothing)
                    .into_iter()
                    .collect();
                if touched {
                    for field in changed_fields(&after, file, &nothing) {
                        fields.remove(&field);
                    }
                    if fields.is_empty() {
                        return Undo::Keep;
                    }
                }
                let draft = Checked::restoring(*before, Some(&fields), Hidden::default());
                let (mut restored, mut violations) = (file.clone(), Violations::default());
                match restored.apply(draft, definitions, now, &mut violations) {
                    // The tenant's fields have changed since.
                    None => Undo::Keep,
                    Some(changed) if changed.is_empty() => Undo::Nothing,
                    Some(changed) => Undo::Restore(Box::new(restored), changed),
                }
            }
        }
    }
}
