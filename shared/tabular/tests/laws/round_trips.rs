//! Write, then read, is identity.

use dossier_tabular::{Format, Single};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::entries::entry;
use crate::{read, written};

/// What differs, for people.
fn differences(wanted: &dossier_tabular::Entry, got: &dossier_tabular::Entry) -> String {
    let mut parts = Vec::new();
    for single in Single::ALL {
        if wanted.get(single) != got.get(single) {
            parts.push(format!(
                "{single:?}: {:?} became {:?}",
                wanted.get(single),
                got.get(single)
            ));
        }
    }
    let json = |entry: &dossier_tabular::Entry| {
        let points = serde_json::to_string(&entry.contact_points).expect("json");
        let addresses = serde_json::to_string(&entry.addresses).expect("json");
        let ids: Vec<_> = entry
            .external_ids
            .iter()
            .map(|id| (&id.namespace, &id.value))
            .collect();
        format!(
            "{points} {addresses} {ids:?} {:?} {:?}",
            entry.tags, entry.attributes
        )
    };
    parts.push(format!("{} became {}", json(wanted), json(got)));
    parts.join("; ")
}

fn law(format: Format, entries: &[dossier_tabular::Entry]) -> Result<(), TestCaseError> {
    let file = written(format, entries);
    let records = read(format, &[&file]);
    let records = match records {
        Ok(records) => records,
        // A file of no cards is none.
        Err(_) if entries.is_empty() && format == Format::Vcard => return Ok(()),
        Err(error) => return Err(TestCaseError::fail(format!("{error:?}"))),
    };
    prop_assert_eq!(records.len(), entries.len());
    for (number, (record, entry)) in records.iter().zip(entries).enumerate() {
        prop_assert_eq!(record.number, number as u64 + 1);
        prop_assert_eq!(&record.faults, &[]);
        prop_assert!(
            record.entry == *entry,
            "{}",
            differences(entry, &record.entry)
        );
    }
    // Equal entries make equal files.
    prop_assert!(written(format, entries) == file);
    Ok(())
}

proptest! {
    #[test]
    fn csv_reads_as_what_was_written(entries in vec(entry(), 0..4)) {
        law(Format::Csv, &entries)?;
    }

    #[test]
    fn xlsx_reads_as_what_was_written(entries in vec(entry(), 0..4)) {
        law(Format::Xlsx, &entries)?;
    }

    #[test]
    fn vcard_reads_as_what_was_written(entries in vec(entry(), 0..4)) {
        law(Format::Vcard, &entries)?;
    }
}
