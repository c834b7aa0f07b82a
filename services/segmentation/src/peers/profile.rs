//! Who the customers are, and which fields of their own the tenants have.

use std::collections::BTreeMap;

use dossier_kernel::money::parse_decimal_micros;
use dossier_kernel::{Ctx, Currency, CustomerId, Money, Result, TenantId};
use dossier_proto::common::v1::{self as common, DataClass};
use dossier_proto::profile::v1 as proto;
use dossier_proto::profile::v1::attribute_definition_service_client::AttributeDefinitionServiceClient;
use dossier_proto::profile::v1::customer_service_client::CustomerServiceClient;
use dossier_rpc::Channel;

use super::Told;
use super::follow::{self, Said, opened, resume, spoiled, told};
use crate::domain::{
    AttributeType, AttributeValue, Attributes, CustomerType, Gender, News, Profile as File, What,
};

const PAGE_SIZE: i32 = 1_000;

/// The profile service, as far as segmentation asks it.
#[derive(Clone)]
pub struct Profile(Channel);

impl Profile {
    pub fn new(channel: Channel) -> Self {
        Self(channel)
    }

    /// Every change of every customer of `ctx.tenant` after the cursor, or all customers first.
    pub async fn follow(&self, ctx: &Ctx, cursor: Option<String>) -> Result<Told> {
        let request = proto::WatchCustomersRequest {
            cursor: resume(cursor)?,
            include_snapshot: true,
        };
        let mut peer = CustomerServiceClient::new(self.0.with(ctx));
        let messages = opened(peer.watch_customers(request)).await?;
        Ok(told(messages, read))
    }

    /// The tenant's attributes that rules may use.
    pub async fn attributes(&self, ctx: &Ctx) -> Result<Attributes> {
        let mut attributes = Attributes::new();
        let mut page_token = String::new();
        loop {
            let request = proto::ListAttributeDefinitionsRequest {
                page_size: PAGE_SIZE,
                page_token: std::mem::take(&mut page_token),
            };
            let page = self
                .0
                .ask(ctx, |peer| {
                    let request = request.clone();
                    async move {
                        AttributeDefinitionServiceClient::new(peer)
                            .list_attribute_definitions(request)
                            .await
                    }
                })
                .await?;
            attributes.extend(
                page.attribute_definitions
                    .into_iter()
                    .filter_map(definition),
            );
            if page.next_page_token.is_empty() {
                return Ok(attributes);
            }
            page_token = page.next_page_token;
        }
    }
}

/// `None` for what is too personal to reach segments.
fn definition(definition: proto::AttributeDefinition) -> Option<(String, AttributeType)> {
    use proto::AttributeType as Wire;
    let reachable = matches!(definition.data_class(), DataClass::None | DataClass::Quasi);
    let kind = match definition.r#type() {
        Wire::Unspecified => return None,
        Wire::String => AttributeType::String,
        Wire::Enum => AttributeType::Enum(definition.choices.clone()),
        Wire::Int => AttributeType::Int,
        Wire::Decimal => AttributeType::Decimal,
        Wire::Bool => AttributeType::Bool,
        Wire::Date => AttributeType::Date,
        Wire::Time => AttributeType::Time,
        Wire::Money => AttributeType::Money,
        Wire::StringList => AttributeType::StringList,
    };
    let id = definition.name.strip_prefix("attributeDefinitions/")?;
    reachable.then(|| (id.to_owned(), kind))
}

fn read(message: proto::WatchCustomersResponse) -> Result<(String, Said)> {
    use proto::watch_customers_response::Item;
    let proto::WatchCustomersResponse { cursor, item } = message;
    let said = match item {
        None | Some(Item::Heartbeat(_)) => Said::Heartbeat,
        Some(Item::End(_)) => Said::End,
        Some(Item::Change(change)) => Said::Change(Some(news(change)?)),
    };
    Ok((cursor, said))
}

fn news(change: proto::CustomerChange) -> Result<News> {
    use proto::CustomerChangeType as Type;
    let kind = change.r#type();
    let proto::CustomerChange {
        r#type: _,
        tenant,
        time: _,
        customer,
        changed_fields: _,
    } = change;
    let customer = customer.ok_or_else(|| spoiled("a change without its customer"))?;
    let id = CustomerId::from_name(&customer.name).ok_or_else(|| spoiled("a customer's name"))?;
    let what = match kind {
        Type::Snapshot | Type::Created | Type::Updated | Type::Undeleted => {
            // A snapshot may show customers that are deleted.
            let deleted = customer.delete_time.is_some();
            let file = file(customer)?;
            if deleted {
                What::Deleted(file)
            } else {
                What::File(file)
            }
        }
        Type::Deleted => What::Deleted(file(customer)?),
        Type::Purged => What::Purged,
        Type::Unspecified => return Err(spoiled("a change of no type")),
    };
    Ok(News {
        tenant: TenantId::parse(&tenant)?,
        customer: id,
        what,
    })
}

fn file(customer: proto::Customer) -> Result<File> {
    let kind = match customer.r#type() {
        proto::CustomerType::Unspecified => return Err(spoiled("a customer of no type")),
        proto::CustomerType::Person => CustomerType::Person,
        proto::CustomerType::Organization => CustomerType::Organization,
    };
    let gender = match customer.gender() {
        proto::Gender::Unspecified => None,
        proto::Gender::Female => Some(Gender::Female),
        proto::Gender::Male => Some(Gender::Male),
        proto::Gender::Other => Some(Gender::Other),
    };
    let text = |text: String| (!text.is_empty()).then_some(text);
    let attributes = customer.attributes.into_iter();
    let attributes: BTreeMap<_, _> = attributes
        .filter_map(|(id, value)| Some((id, attribute(value)?)))
        .collect();
    Ok(File {
        kind,
        gender,
        birth_date: customer.birth_date.and_then(date),
        region_code: text(customer.region_code),
        language_code: text(customer.language_code),
        time_zone: text(customer.time_zone),
        owner: text(customer.owner),
        team: text(customer.team),
        create_time: follow::time(customer.create_time, "a customer without create_time")?,
        tags: customer.tags,
        industry: customer.industry.map(|one| one.path).unwrap_or_default(),
        attributes,
    })
}

fn attribute(value: proto::AttributeValue) -> Option<AttributeValue> {
    use proto::attribute_value::Kind;
    Some(match value.kind? {
        Kind::StringValue(text) => AttributeValue::String(text),
        Kind::IntValue(number) => AttributeValue::Int(number),
        Kind::DecimalValue(text) => AttributeValue::Decimal(parse_decimal_micros(&text)?),
        Kind::BoolValue(flag) => AttributeValue::Bool(flag),
        Kind::DateValue(day) => AttributeValue::Date(date(day)?),
        Kind::TimeValue(at) => {
            AttributeValue::Time(follow::time(Some(at), "an attribute's time").ok()?)
        }
        Kind::MoneyValue(amount) => AttributeValue::Money(money(&amount)?),
        Kind::ListValue(list) => AttributeValue::StringList(list.values),
    })
}

pub(super) fn money(amount: &common::Money) -> Option<Money> {
    let common::Money {
        currency_code,
        units,
        nanos,
    } = amount;
    Money::from_units_nanos(*units, *nanos, Currency::parse(currency_code)?).ok()
}

/// Days since 1970-01-01.
fn date(date: common::Date) -> Option<i32> {
    let common::Date { year, month, day } = date;
    let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = time::Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()?;
    Some(date.to_julian_day() - time::macros::date!(1970 - 01 - 01).to_julian_day())
}
