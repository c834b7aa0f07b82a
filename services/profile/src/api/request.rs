//! Requests to commands.

use dossier_db::Once;
use dossier_kernel::{CustomerId, Error, PageSize, Reason, Result, Timestamp, Violation};
use dossier_proto::common::v1::CustomerKey;
use dossier_proto::common::v1::customer_key::Key as WireKey;
use dossier_proto::profile::v1 as wire;
use prost::Message;
use uuid::Uuid;

use super::draft::{self, external_id};
use super::mask::Mask;
use super::value::decode_time;
use crate::app::{BATCH_MAX, List, Mutation, Question, Update, Upsert};
use crate::domain::{Draft, Key, Many, TAGS_MAX, Violations};

pub const NAME_WORDS: &str = "must be customers/{customer} with a UUID";

pub fn create(
    request: wire::CreateCustomerRequest,
) -> Result<(Option<CustomerId>, Draft, Mutation)> {
    let mut problems = Violations::default();
    let once = once(
        &request.request_id,
        "CustomerService/CreateCustomer",
        &request,
        &mut problems,
    );
    let wire::CreateCustomerRequest {
        customer,
        customer_id,
        request_id: _,
        validate_only,
    } = request;
    let id = match customer_id.is_empty() {
        true => None,
        false => uuid(&customer_id).or_else(|| {
            problems.add_to_request("customer_id", "must be a UUID other than the nil UUID");
            None
        }),
    };
    let customer = unnamed(customer, &mut problems)?;
    let draft = with(draft::decode(customer, &Mask::Set), problems);
    Ok((
        id.map(CustomerId),
        draft,
        Mutation {
            once,
            validate_only,
        },
    ))
}

/// The instant of which the file is read, where that is not now.
pub fn get(request: wire::GetCustomerRequest) -> Result<(CustomerId, Option<Timestamp>)> {
    let wire::GetCustomerRequest { name, read_time } = request;
    let mut problems = Violations::default();
    let read_time = read_time.and_then(|time| {
        decode_time(time)
            .map_err(|words| problems.add_to_request("read_time", words))
            .ok()
    });
    let id = customer_name("name", &name);
    if id.is_err() {
        problems.add_to_request("name", NAME_WORDS);
    }
    problems.into_result()?;
    Ok((id?, read_time))
}

pub fn update(request: wire::UpdateCustomerRequest) -> Result<(Update, Mutation)> {
    let mut problems = Violations::default();
    let once = once(
        &request.request_id,
        "CustomerService/UpdateCustomer",
        &request,
        &mut problems,
    );
    let wire::UpdateCustomerRequest {
        customer,
        update_mask,
        allow_missing,
        request_id: _,
        validate_only,
    } = request;
    let customer = required(customer)?;
    let id = customer_name("customer.name", &customer.name)?;
    let etag = (!customer.etag.is_empty()).then(|| customer.etag.clone());
    let mask = Mask::of(update_mask, Mask::Set, &mut problems);
    // A mask says what to change; of a customer that is not there, everything is new.
    let missing = allow_missing.then(|| {
        with(
            draft::decode(customer.clone(), &Mask::Set),
            problems.clone(),
        )
    });
    let draft = with(draft::decode(customer, &mask), problems);
    Ok((
        Update {
            id,
            draft,
            etag,
            missing,
        },
        Mutation {
            once,
            validate_only,
        },
    ))
}

pub fn upsert(request: wire::UpsertCustomerRequest) -> Result<(Upsert, Mutation)> {
    let mut problems = Violations::default();
    let once = once(
        &request.request_id,
        "CustomerService/UpsertCustomer",
        &request,
        &mut problems,
    );
    let wire::UpsertCustomerRequest {
        customer,
        update_mask,
        request_id: _,
        validate_only,
    } = request;
    let customer = unnamed(customer, &mut problems)?;
    let update = match Mask::of(update_mask, Mask::Added, &mut problems) {
        Mask::Added => None,
        mask => Some(draft::decode(customer.clone(), &mask)),
    };
    let draft = with(draft::decode(customer, &Mask::Added), problems);
    Ok((
        Upsert { draft, update },
        Mutation {
            once,
            validate_only,
        },
    ))
}

pub fn delete(
    request: wire::DeleteCustomerRequest,
) -> Result<(CustomerId, Option<String>, Mutation)> {
    let mut problems = Violations::default();
    let once = once(
        &request.request_id,
        "CustomerService/DeleteCustomer",
        &request,
        &mut problems,
    );
    let wire::DeleteCustomerRequest {
        name,
        etag,
        request_id: _,
    } = request;
    let id = customer_name("name", &name)?;
    problems.into_result()?;
    let etag = (!etag.is_empty()).then_some(etag);
    Ok((
        id,
        etag,
        Mutation {
            once,
            validate_only: false,
        },
    ))
}

pub fn undelete(request: wire::UndeleteCustomerRequest) -> Result<(CustomerId, Mutation)> {
    let mut problems = Violations::default();
    let once = once(
        &request.request_id,
        "CustomerService/UndeleteCustomer",
        &request,
        &mut problems,
    );
    let wire::UndeleteCustomerRequest {
        name,
        request_id: _,
    } = request;
    let id = customer_name("name", &name)?;
    problems.into_result()?;
    Ok((
        id,
        Mutation {
            once,
            validate_only: false,
        },
    ))
}

pub fn add_tags(request: wire::AddTagsRequest) -> Result<(Update, Mutation)> {
    let mut problems = Violations::default();
    let once = once(
        &request.request_id,
        "CustomerService/AddTags",
        &request,
        &mut problems,
    );
    let wire::AddTagsRequest {
        name,
        tags,
        request_id: _,
    } = request;
    tag(&name, Many::Add(tags), once, problems)
}

pub fn remove_tags(request: wire::RemoveTagsRequest) -> Result<(Update, Mutation)> {
    let mut problems = Violations::default();
    let once = once(
        &request.request_id,
        "CustomerService/RemoveTags",
        &request,
        &mut problems,
    );
    let wire::RemoveTagsRequest {
        name,
        tags,
        request_id: _,
    } = request;
    tag(&name, Many::Remove(tags), once, problems)
}

fn tag(
    name: &str,
    mut tags: Many<String>,
    once: Option<Once>,
    mut problems: Violations,
) -> Result<(Update, Mutation)> {
    let id = customer_name("name", name)?;
    if !(1..=TAGS_MAX).contains(&tags.values().len()) {
        problems.add_to_request("tags", format!("must have 1 to {TAGS_MAX} tags"));
        tags = Many::Absent;
    }
    let draft = Draft {
        tags,
        problems,
        ..Draft::default()
    };
    let update = Update {
        id,
        draft,
        etag: None,
        missing: None,
    };
    Ok((
        update,
        Mutation {
            once,
            validate_only: false,
        },
    ))
}

pub fn list(request: wire::ListCustomersRequest) -> Result<List> {
    let wire::ListCustomersRequest {
        page_size,
        page_token,
        filter,
        order_by,
        show_deleted,
    } = request;
    let page_size = PageSize::from_request(page_size)?;
    Ok(List {
        filter,
        order_by,
        show_deleted,
        page_size,
        page_token,
    })
}

/// An identifier that cannot be read is nobody's: a miss, not an error, so that one bad value does
/// not hide the answers about the others.
pub fn lookup(request: wire::LookupCustomersRequest) -> Result<Vec<Question>> {
    let wire::LookupCustomersRequest { keys, names } = request;
    limit(keys.len() + names.len(), "keys")?;
    let mut problems = Violations::default();
    let mut questions = Vec::with_capacity(keys.len() + names.len());
    for (index, key) in keys.into_iter().enumerate() {
        questions.push(question(key, &format!("keys[{index}]"), &mut problems));
    }
    for (index, name) in names.iter().enumerate() {
        match CustomerId::from_name(name) {
            Some(id) => questions.push(Question::Name(id)),
            None => problems.add_to_request(format!("names[{index}]"), NAME_WORDS),
        }
    }
    problems.into_result()?;
    Ok(questions)
}

/// Whom a key asks for; `path` is where it is in the request.
pub fn question(key: CustomerKey, path: &str, problems: &mut Violations) -> Question {
    let CustomerKey { key, region_code } = key;
    let region = (!region_code.is_empty()).then_some(region_code.as_str());
    let key = match key {
        Some(WireKey::Email(email)) => Key::email(&email).ok(),
        Some(WireKey::Phone(phone)) => Key::phone(&phone, region).ok(),
        Some(WireKey::ExternalId(id)) => {
            Key::external_id(external_id(id), "", &mut Violations::default())
        }
        None => {
            problems.add_to_request(path, "must be an email, a phone or an external_id");
            None
        }
    };
    key.map_or(Question::Nobody, Question::Key)
}

/// As [`customer_name`], among what else is wrong: a name that is none is nobody's.
pub fn name_in(field: &str, name: &str, problems: &mut Violations) -> CustomerId {
    CustomerId::from_name(name).unwrap_or_else(|| {
        problems.add_to_request(field, NAME_WORDS);
        CustomerId(Uuid::nil())
    })
}

/// As [`PageSize::from_request`], among what else is wrong.
pub fn page_size(page_size: i32, problems: &mut Violations) -> PageSize {
    PageSize::from_request(page_size).unwrap_or_else(|error| {
        for violation in error.violations() {
            problems.add_to_request(&violation.field, &violation.description);
        }
        PageSize(PageSize::DEFAULT)
    })
}

pub fn customer_name(field: &str, name: &str) -> Result<CustomerId> {
    CustomerId::from_name(name).ok_or_else(|| invalid(field, NAME_WORDS))
}

pub fn customer_names(field: &str, names: &[String]) -> Result<Vec<CustomerId>> {
    limit(names.len(), field)?;
    let mut problems = Violations::default();
    let mut ids = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        match CustomerId::from_name(name) {
            Some(id) => ids.push(id),
            None => problems.add_to_request(format!("{field}[{index}]"), NAME_WORDS),
        }
    }
    problems.into_result()?;
    Ok(ids)
}

pub fn invalid(field: &str, words: &str) -> Error {
    Error::invalid(vec![Violation::new(field, words)])
}

pub fn limit(count: usize, field: &str) -> Result<()> {
    if count <= BATCH_MAX {
        return Ok(());
    }
    let message = format!("{field} must not be more than {BATCH_MAX} in one call; split the call.");
    Err(Error::new(Reason::LimitExceeded, message).with("limit", BATCH_MAX.to_string()))
}

fn uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| !id.is_nil())
}

fn required(customer: Option<wire::Customer>) -> Result<wire::Customer> {
    customer.ok_or_else(|| invalid("customer", "is required"))
}

/// A customer whose name is the store's to give.
fn unnamed(customer: Option<wire::Customer>, problems: &mut Violations) -> Result<wire::Customer> {
    let customer = required(customer)?;
    if !customer.name.is_empty() {
        problems.add_to_request(
            "customer.name",
            "must be empty; the id goes into customer_id",
        );
    }
    Ok(customer)
}

fn with(mut draft: Draft, problems: Violations) -> Draft {
    draft.problems.append(problems);
    draft
}

/// The same message in the same bytes: maps are ordered.
pub fn once<M: Message>(
    request_id: &str,
    method: &'static str,
    request: &M,
    problems: &mut Violations,
) -> Option<Once> {
    if request_id.is_empty() {
        return None;
    }
    match Once::new(request_id, method, &request.encode_to_vec()) {
        Ok(once) => once,
        Err(error) => {
            for violation in error.violations() {
                problems.add_to_request(&violation.field, &violation.description);
            }
            None
        }
    }
}
