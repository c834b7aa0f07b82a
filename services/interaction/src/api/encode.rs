//! To the wire.

use dossier_kernel::{Currency, CustomerId, Error, Timestamp};
use dossier_proto::common::v1 as common;
use dossier_proto::interaction::v1 as wire;
use prost_types::FieldMask;
use tonic_types::{FieldViolation, StatusExt};
use wire::watch_interactions_response::Item;

use super::details::{encode, encode_kind, wordy_fields};
use crate::app::{Answer, Change, Listed};
use crate::domain::{Direction, Draft, Interaction, Summary, Total};

/// An interaction never changes, so it has one etag for ever.
const ETAG: &str = "1";

pub fn interaction(interaction: Interaction) -> wire::Interaction {
    let Interaction {
        id,
        customer,
        create_time,
        draft,
    } = interaction;
    let Draft {
        source,
        event_id,
        occur_time,
        channel,
        direction,
        details,
        words,
    } = draft;
    let masked = match words.masked {
        true => wordy_fields(details.kind()),
        false => &[],
    };
    wire::Interaction {
        name: id.to_name(),
        uid: id.to_string(),
        etag: ETAG.to_owned(),
        create_time: Some(timestamp(create_time)),
        customer: customer.to_name(),
        source,
        event_id,
        occur_time: Some(timestamp(occur_time)),
        channel,
        direction: encode_direction(direction).into(),
        kind: encode_kind(details.kind()).into(),
        masked_fields: (!masked.is_empty()).then(|| FieldMask {
            paths: masked.iter().copied().map(str::to_owned).collect(),
        }),
        details: Some(encode(details, words)),
    }
}

pub fn answer(answer: Answer) -> wire::RecordInteractionResponse {
    let Answer {
        interaction: recorded,
        duplicate,
    } = answer;
    wire::RecordInteractionResponse {
        interaction: Some(interaction(recorded)),
        duplicate,
    }
}

pub fn listed(listed: Listed) -> wire::ListInteractionsResponse {
    let Listed {
        interactions,
        next_page_token,
    } = listed;
    let interactions = interactions.into_iter().map(interaction).collect();
    wire::ListInteractionsResponse {
        interactions,
        next_page_token,
    }
}

pub fn summary(customer: CustomerId, summary: Summary) -> wire::ActivitySummary {
    let Summary {
        interactions,
        purchases,
        spent,
        kinds,
        channels,
    } = summary;
    let [first_occur_time, last_occur_time] = span(interactions);
    let [first_purchase_time, last_purchase_time] = span(purchases);
    let kinds = kinds
        .into_iter()
        .map(|(kind, interaction_count)| wire::KindCount {
            kind: encode_kind(kind).into(),
            interaction_count,
        });
    let channels = channels
        .into_iter()
        .map(|(channel, interaction_count)| wire::ChannelCount {
            channel,
            interaction_count,
        });
    wire::ActivitySummary {
        customer: customer.to_name(),
        interaction_count: interactions.count,
        first_occur_time,
        last_occur_time,
        purchase_count: purchases.count,
        first_purchase_time,
        last_purchase_time,
        purchase_totals: spent
            .into_iter()
            .map(|(code, micros)| total(code, micros))
            .collect(),
        kinds: kinds.collect(),
        channels: channels.collect(),
    }
}

pub fn change(change: Change) -> wire::WatchInteractionsResponse {
    let (cursor, item) = match change {
        Change::Recorded {
            cursor,
            tenant,
            time,
            interaction: recorded,
        } => {
            let change = wire::InteractionChange {
                tenant: tenant.to_string(),
                time: Some(timestamp(time)),
                interaction: Some(interaction(*recorded)),
            };
            (cursor, Item::Change(change))
        }
        Change::Heartbeat { cursor } => (cursor, Item::Heartbeat(common::Heartbeat {})),
        Change::End { cursor } => (
            cursor,
            Item::End(common::StreamEnd {
                cause: "drain".into(),
            }),
        ),
    };
    wire::WatchInteractionsResponse {
        cursor: cursor.to_string(),
        item: Some(item),
    }
}

/// An item's refusal says what a call's would.
pub fn item_error(error: Error) -> common::ItemError {
    let status = dossier_rpc::status(error);
    let details = status.get_error_details();
    let violations = details
        .bad_request()
        .map(|bad| bad.field_violations.as_slice());
    let violations = violations.unwrap_or_default().iter().map(|violation| {
        let FieldViolation {
            field, description, ..
        } = violation.clone();
        common::FieldViolation { field, description }
    });
    common::ItemError {
        code: status.code().into(),
        message: status.message().to_owned(),
        reason: details
            .error_info()
            .map(|info| info.reason.clone())
            .unwrap_or_default(),
        violations: violations.collect(),
    }
}

fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = at.to_secs_nanos();
    prost_types::Timestamp { seconds, nanos }
}

fn span(total: Total) -> [Option<prost_types::Timestamp>; 2] {
    let Total { count: _, span } = total;
    [
        span.map(|(first, _)| timestamp(first)),
        span.map(|(_, last)| timestamp(last)),
    ]
}

/// A total may exceed what one amount may be; its units still fit.
fn total(currency: Currency, micros: i128) -> common::Money {
    const MICROS_PER_UNIT: i128 = 1_000_000;
    common::Money {
        currency_code: currency.to_string(),
        units: i64::try_from(micros / MICROS_PER_UNIT).unwrap_or(i64::MAX),
        nanos: i32::try_from(micros % MICROS_PER_UNIT * 1_000).unwrap_or(0),
    }
}

const fn encode_direction(direction: Option<Direction>) -> wire::Direction {
    match direction {
        None => wire::Direction::Unspecified,
        Some(Direction::Inbound) => wire::Direction::Inbound,
        Some(Direction::Outbound) => wire::Direction::Outbound,
    }
}
