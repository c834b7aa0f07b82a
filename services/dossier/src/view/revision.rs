//! A customer's history.

use dossier_proto::common::v1::ExternalId;
use dossier_proto::profile::v1::{
    ContactPoint, Customer, Provenance, Revision, RevisionOrigin, RevisionSource,
};

use super::customer::{address, attribute, day, gender, kind};
use crate::format::{Sheet, time};

/// Who made it, when and how; then a line for each field with what was there and what is.
pub(crate) fn revision(revision: &Revision) -> String {
    let nothing = RevisionOrigin::default();
    let origin = revision.origin.as_ref().unwrap_or(&nothing);
    let mut text = format!(
        "{}  {}  {}\n",
        number(&revision.name),
        time(origin.time.as_ref()),
        by(origin)
    );
    for field in &revision.changed_fields {
        let was = revision.before.as_ref().map(|file| value(file, field));
        let is = revision.after.as_ref().map(|file| value(file, field));
        let shown = [was, is].map(|text| text.filter(|text| !text.is_empty()));
        let [was, is] = shown.map(|text| text.unwrap_or_else(|| "–".to_owned()));
        text.push_str(&format!("  {field:<18}{was}  →  {is}\n"));
    }
    if !revision.masked_fields.is_empty() {
        let fields = revision.masked_fields.join(", ");
        text.push_str(&format!("  {:<18}{fields}\n", "not shown"));
    }
    text
}

/// A row for each value.
pub(crate) fn provenance(provenance: &Provenance) -> String {
    let mut sheet = Sheet::new(&["value", "revision", "when", "who and how"], 4);
    for value in &provenance.values {
        let nothing = RevisionOrigin::default();
        let origin = value.origin.as_ref().unwrap_or(&nothing);
        sheet.row(vec![
            value.path.clone(),
            number(&origin.revision).to_owned(),
            time(origin.time.as_ref()),
            by(origin),
        ]);
    }
    let mut text = sheet.to_string();
    if !provenance.masked_fields.is_empty() {
        text.push_str(&format!(
            "\nnot shown: {}",
            provenance.masked_fields.join(", ")
        ));
    }
    text
}

fn number(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

fn by(origin: &RevisionOrigin) -> String {
    let mut text = match origin.source() {
        RevisionSource::Unspecified => "not known".to_owned(),
        RevisionSource::Api => origin.actor.clone(),
        RevisionSource::Import => format!("{}, import {}", origin.actor, origin.source_reference),
        RevisionSource::Undo => {
            let import = &origin.source_reference;
            format!("{}, import {import} taken back", origin.actor)
        }
        RevisionSource::Rollback => {
            let to = number(&origin.source_reference);
            format!("{}, back to {to}", origin.actor)
        }
        RevisionSource::Merge => format!("{}, merge", origin.actor),
        RevisionSource::Unmerge => format!("{}, unmerge", origin.actor),
    };
    for (word, said) in [("for", &origin.on_behalf_of), ("purpose", &origin.purpose)] {
        if !said.is_empty() {
            text.push_str(&format!(", {word} {said}"));
        }
    }
    text
}

/// One field of a file, in one line.
fn value(file: &Customer, field: &str) -> String {
    let all = |texts: Vec<String>| texts.join("; ");
    match field {
        "type" => kind(file).to_owned(),
        "display_name" => file.display_name.clone(),
        "given_name" => file.given_name.clone(),
        "family_name" => file.family_name.clone(),
        "legal_name" => file.legal_name.clone(),
        "gender" => gender(file).to_owned(),
        "birth_date" => file.birth_date.as_ref().map(day).unwrap_or_default(),
        "region_code" => file.region_code.clone(),
        "language_code" => file.language_code.clone(),
        "time_zone" => file.time_zone.clone(),
        "contact_points" => all(file.contact_points.iter().map(contact_point).collect()),
        "external_ids" => all(file.external_ids.iter().map(external_id).collect()),
        "addresses" => all(file.addresses.iter().map(address).collect()),
        "tags" => file.tags.join(" "),
        "owner" => file.owner.clone(),
        "team" => file.team.clone(),
        "industry" => {
            let code = file.industry.as_ref().map(|industry| industry.code.clone());
            code.unwrap_or_default()
        }
        "delete_time" => file
            .delete_time
            .as_ref()
            .map(|at| time(Some(at)))
            .unwrap_or_default(),
        "purge_time" => file
            .purge_time
            .as_ref()
            .map(|at| time(Some(at)))
            .unwrap_or_default(),
        _ => {
            let id = field.strip_prefix("attributes.").unwrap_or(field);
            file.attributes.get(id).map(attribute).unwrap_or_default()
        }
    }
}

fn contact_point(point: &ContactPoint) -> String {
    match point.label.is_empty() {
        true => point.value.clone(),
        false => format!("{} ({})", point.value, point.label),
    }
}

fn external_id(id: &ExternalId) -> String {
    format!("{}:{}", id.namespace, id.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_its_origin_and_a_line_for_each_field() {
        let file = |region_code: &str| Customer {
            region_code: region_code.to_owned(),
            ..Customer::default()
        };
        let shown = revision(&Revision {
            name: "customers/1/revisions/3".to_owned(),
            origin: Some(RevisionOrigin {
                time: Some(prost_types::Timestamp {
                    seconds: 852_076_800,
                    nanos: 0,
                }),
                actor: "person:amy".to_owned(),
                source: RevisionSource::Rollback.into(),
                source_reference: "customers/1/revisions/1".to_owned(),
                purpose: "support".to_owned(),
                ..RevisionOrigin::default()
            }),
            before: Some(file("GB")),
            after: Some(file("")),
            changed_fields: vec!["region_code".to_owned()],
            masked_fields: vec!["attributes".to_owned()],
        });
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(
            lines,
            [
                "3  1997-01-01  person:amy, back to 1, purpose support",
                "  region_code       GB  →  –",
                "  not shown         attributes",
            ]
        );
    }
}
