//! A customer's file and timeline.

use dossier_proto::common::v1::Date;
use dossier_proto::interaction::v1::interaction::Details;
use dossier_proto::interaction::v1::{Interaction, InteractionKind};
use dossier_proto::profile::v1::attribute_value::Kind;
use dossier_proto::profile::v1::{Address, AttributeValue, Customer, CustomerType, Gender};

use crate::format::{Sheet, money, time};

/// The file, one field a line; fields without a value are left out.
pub(crate) fn customer(file: &Customer) -> String {
    let birth_date = file.birth_date.as_ref().map(day);
    let mut text = format!("{}  ({}, {})\n", file.display_name, kind(file), file.name);
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("  {label:<14}{value}\n"));
        }
    };
    line("given name", &file.given_name);
    line("family name", &file.family_name);
    line("legal name", &file.legal_name);
    line("gender", gender(file));
    line("birth date", &birth_date.unwrap_or_default());
    line("region", &file.region_code);
    line("language", &file.language_code);
    line("time zone", &file.time_zone);
    line("owner", &file.owner);
    line("team", &file.team);
    if let Some(industry) = &file.industry {
        line("industry", &format!("{} {}", industry.code, industry.title));
    }
    for point in &file.contact_points {
        line(
            if point.label.is_empty() {
                "contact"
            } else {
                &point.label
            },
            &point.value,
        );
    }
    for id in &file.external_ids {
        line("known as", &format!("{}:{}", id.namespace, id.value));
    }
    for one in &file.addresses {
        line("address", &address(one));
    }
    line("tags", &file.tags.join(" "));
    for (id, value) in &file.attributes {
        line(id, &attribute(value));
    }
    line("created", &time(file.create_time.as_ref()));
    line("updated", &time(file.update_time.as_ref()));
    if file.delete_time.is_some() {
        line("deleted", &time(file.delete_time.as_ref()));
    }
    if let Some(masked) = &file.masked_fields {
        line("not shown", &masked.paths.join(", "));
    }
    text
}

pub(super) fn kind(file: &Customer) -> &'static str {
    match file.r#type() {
        CustomerType::Unspecified => "–",
        CustomerType::Person => "person",
        CustomerType::Organization => "organisation",
    }
}

/// Empty where it is not stated.
pub(super) fn gender(file: &Customer) -> &'static str {
    match file.gender() {
        Gender::Unspecified => "",
        Gender::Female => "female",
        Gender::Male => "male",
        Gender::Other => "other",
    }
}

pub(super) fn day(date: &Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
}

/// In one line.
pub(super) fn address(address: &Address) -> String {
    let parts = [
        address.address_lines.join(", "),
        address.sublocality.clone(),
        address.locality.clone(),
        address.administrative_area.clone(),
        address.postal_code.clone(),
        address.region_code.clone(),
    ];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(", ")
}

pub(super) fn attribute(value: &AttributeValue) -> String {
    match &value.kind {
        None => String::new(),
        Some(Kind::StringValue(text) | Kind::DecimalValue(text)) => text.clone(),
        Some(Kind::IntValue(number)) => number.to_string(),
        Some(Kind::BoolValue(truth)) => truth.to_string(),
        Some(Kind::DateValue(date)) => day(date),
        Some(Kind::TimeValue(at)) => time(Some(at)),
        Some(Kind::MoneyValue(amount)) => money(Some(amount)),
        Some(Kind::ListValue(list)) => list.values.join(", "),
    }
}

/// What happened, in the order given.
pub(crate) fn timeline(interactions: &[Interaction]) -> String {
    let mut sheet = Sheet::new(&["when", "what", "source", "details"], 4);
    for interaction in interactions {
        let kind = InteractionKind::try_from(interaction.kind).unwrap_or_default();
        let kind = kind
            .as_str_name()
            .trim_start_matches("INTERACTION_KIND_")
            .to_ascii_lowercase();
        sheet.row(vec![
            time(interaction.occur_time.as_ref()),
            kind.replace('_', " "),
            interaction.source.clone(),
            interaction
                .details
                .as_ref()
                .map(details)
                .unwrap_or_default(),
        ]);
    }
    sheet.to_string()
}

/// The gist of it, without free text.
fn details(details: &Details) -> String {
    match details {
        Details::Purchase(purchase) => match purchase.quantity {
            0 => money(purchase.amount.as_ref()),
            n => format!("{} for {n} pieces", money(purchase.amount.as_ref())),
        },
        Details::PageView(view) => view.page.clone(),
        Details::Call(call) => call.outcome.clone(),
        Details::Email(_) | Details::Meeting(_) => String::new(),
        Details::Visit(visit) => visit.place_id.clone(),
        Details::Social(social) => format!("{} {}", social.network, social.action),
        Details::Message(message) => message.medium.clone(),
        Details::Service(service) => format!("{} {}", service.topic, service.outcome),
        Details::Custom(custom) => custom.r#type.clone(),
    }
}
