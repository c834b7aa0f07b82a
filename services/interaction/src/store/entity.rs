//! A row of the table `interaction`, and what it says.

use dossier_db::TenantScoped;
use dossier_kernel::id::InteractionId;
use dossier_kernel::{Currency, CustomerId, Money, Timestamp};
use sea_orm::entity::prelude::*;

use super::details::Clear;
use crate::domain::{Direction, Draft, Interaction, Kind, Words};
use crate::error::Error;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "interaction")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub customer_id: Uuid,
    /// [`Kind::as_str`].
    pub kind: String,
    pub source: String,
    pub event_id: String,
    pub occur_time: i64,
    pub create_time: i64,
    pub channel: Option<String>,
    /// [`Direction::as_str`].
    pub direction: Option<String>,
    /// Of a purchase, as `currency`.
    pub amount_micros: Option<i64>,
    pub currency: Option<String>,
    /// [`Clear`] as JSON.
    pub details: Option<String>,
    /// The words, sealed under the customer's key.
    pub direct: Option<Vec<u8>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}

impl Model {
    /// The interaction, with `words` where the caller opened them.
    pub fn read(self, words: Words) -> Result<Interaction, Error> {
        let Self {
            tenant_id: _,
            id,
            customer_id,
            kind,
            source,
            event_id,
            occur_time,
            create_time,
            channel,
            direction,
            amount_micros,
            currency,
            details,
            direct: _,
        } = self;
        let spoiled = |what: &str| Error::unreadable("interaction", format!("{id}: {what}"));
        let kind = Kind::parse(&kind).ok_or_else(|| spoiled("kind"))?;
        let direction = match direction {
            None => None,
            Some(name) => Some(Direction::parse(&name).ok_or_else(|| spoiled("direction"))?),
        };
        let amount = match (amount_micros, currency) {
            (Some(micros), Some(code)) => {
                let currency = Currency::parse(&code).ok_or_else(|| spoiled("currency"))?;
                Some(Money::new(micros, currency))
            }
            _ => None,
        };
        let clear =
            Clear::parse(details.as_deref()).map_err(|e| Error::unreadable("interaction", e))?;
        Ok(Interaction {
            id: InteractionId(id),
            customer: CustomerId(customer_id),
            create_time: Timestamp(create_time),
            draft: Draft {
                source,
                event_id,
                occur_time: Timestamp(occur_time),
                channel: channel.unwrap_or_default(),
                direction,
                details: clear
                    .into_details(kind, amount)
                    .ok_or_else(|| spoiled("amount"))?,
                words,
            },
        })
    }
}
