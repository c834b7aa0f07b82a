//! Histories as messages.

use dossier_access::Sight;
use dossier_kernel::{CustomerId, Result};
use dossier_proto::profile::v1 as wire;

use super::customer;
use super::mask::Mask;
use super::request::{NAME_WORDS, customer_name, once};
use super::value::encode_time;
use crate::app::{Deed, Mutation, Origins, Revised, Rollback, Seen};
use crate::domain::{Customer, Difference, Found, MergeRecord, Origin, Source, Violations};

pub fn rollback(request: wire::RollbackCustomerRequest) -> Result<(Rollback, Mutation)> {
    let mut problems = Violations::default();
    let once = once(
        &request.request_id,
        "RevisionService/RollbackCustomer",
        &request,
        &mut problems,
    );
    let wire::RollbackCustomerRequest {
        name,
        revision,
        update_mask,
        etag,
        request_id: _,
        validate_only,
    } = request;
    if revision < 1 {
        problems.add_to_request("revision", "is required: the number of a revision, from 1");
    }
    let fields = Mask::of(update_mask, Mask::Set, &mut problems).into_fields();
    let id = customer_name("name", &name);
    if id.is_err() {
        problems.add_to_request("name", NAME_WORDS);
    }
    problems.into_result()?;
    let rollback = Rollback {
        id: id?,
        revision,
        fields,
        etag: (!etag.is_empty()).then_some(etag),
    };
    let mutation = Mutation {
        once,
        validate_only,
    };
    Ok((rollback, mutation))
}

pub fn encode(revised: Revised) -> wire::Revision {
    let Revised { deed, difference } = revised;
    let (mut before, mut after) = (None, None);
    let (mut changed_fields, mut masked_fields) = (Vec::new(), Vec::new());
    if let Some(difference) = difference {
        let Difference {
            before: was,
            after: is,
            changed,
            masked,
        } = difference;
        before = was.map(|was| part(was, &changed));
        after = Some(part(is, &changed));
        masked_fields = masked.into_iter().map(str::to_owned).collect();
        changed_fields = changed;
    }
    wire::Revision {
        name: name(deed.customer, deed.revision),
        origin: Some(origin(deed)),
        before,
        after,
        changed_fields,
        masked_fields,
    }
}

pub fn encode_provenance(origins: Origins) -> wire::Provenance {
    let Origins { file, values } = origins;
    let masked = file.masked_fields().into_iter();
    let values = values.into_iter().map(|found| {
        let Found { path, origin: deed } = found;
        wire::ValueProvenance {
            path,
            origin: Some(origin(deed)),
        }
    });
    wire::Provenance {
        name: file.customer.id.to_name(),
        etag: file.customer.etag(),
        values: values.collect(),
        masked_fields: masked.map(str::to_owned).collect(),
    }
}

fn origin(deed: Deed) -> wire::RevisionOrigin {
    let Deed {
        customer,
        revision,
        time,
        origin,
    } = deed;
    let unknown = wire::RevisionOrigin {
        revision: name(customer, revision),
        time: Some(encode_time(time)),
        ..wire::RevisionOrigin::default()
    };
    let Some(origin) = origin else {
        return unknown;
    };
    let Origin {
        revision: _,
        source,
        actor,
        on_behalf_of,
        purpose,
        request_id,
        changed: _,
    } = origin;
    let (source, source_reference) = match source {
        Source::Api => (wire::RevisionSource::Api, String::new()),
        Source::Import(id) => (wire::RevisionSource::Import, id.to_string()),
        Source::Undo(id) => (wire::RevisionSource::Undo, id.to_string()),
        Source::Rollback(to) => (wire::RevisionSource::Rollback, name(customer, to)),
        Source::Merge(id) => (wire::RevisionSource::Merge, MergeRecord::name_of(id)),
        Source::Unmerge(id) => (wire::RevisionSource::Unmerge, MergeRecord::name_of(id)),
    };
    wire::RevisionOrigin {
        actor,
        on_behalf_of: on_behalf_of.unwrap_or_default(),
        source: source.into(),
        source_reference,
        purpose: purpose.unwrap_or_default(),
        request_id,
        ..unknown
    }
}

fn name(customer: CustomerId, revision: i64) -> String {
    format!("{}/revisions/{revision}", customer.to_name())
}

/// Of a customer that has a part of its fields only: what is not among them is unset.
fn part(part: Customer, fields: &[String]) -> wire::Customer {
    // What it has is seen.
    let sight = Sight::ALL;
    let whole = customer::encode(Seen {
        customer: part,
        sight,
    });
    let is_typed = fields.iter().any(|field| field == "type");
    wire::Customer {
        name: String::new(),
        uid: String::new(),
        etag: String::new(),
        create_time: None,
        update_time: None,
        r#type: if is_typed { whole.r#type } else { 0 },
        ..whole
    }
}
