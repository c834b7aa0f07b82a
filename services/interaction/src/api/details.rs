//! What happened, between the wire and the domain: there the free text is kept apart.

use dossier_kernel::{Currency, Money, Pii};
use dossier_proto::common::v1 as common;
use dossier_proto::interaction::v1 as wire;
use wire::interaction::Details as Wire;

use super::decode;
use crate::domain::{Details, Kind, Purchase, PurchaseLine, Violations, Words};

/// What a message says happened.
pub struct Said {
    pub details: Details,
    pub words: Words,
    /// False when an amount could not be read; it was reported.
    pub amounts_read: bool,
}

/// `None` when nothing is said, which is reported.
pub fn decode(details: Option<Wire>, violations: &mut Violations) -> Option<Said> {
    let Some(details) = details else {
        violations.add(
            "interaction.details",
            "must be set: exactly one of purchase to custom",
        );
        return None;
    };
    let mut amounts_read = true;
    let (details, words) = match details {
        Wire::Purchase(purchase) => {
            let (purchase, read) = decode_purchase(purchase, violations);
            amounts_read = read;
            (Details::Purchase(purchase), Words::default())
        }
        Wire::PageView(wire::PageView {
            page,
            product_id,
            duration_seconds,
        }) => (
            Details::PageView {
                page,
                product_id,
                duration_seconds,
            },
            Words::default(),
        ),
        Wire::Call(wire::Call {
            duration_seconds,
            outcome,
            notes,
        }) => (
            Details::Call {
                duration_seconds,
                outcome,
            },
            Words::of_text(notes),
        ),
        Wire::Email(wire::Email { subject, body }) => {
            (Details::Email, Words::of_subject_and_text(subject, body))
        }
        Wire::Meeting(wire::Meeting {
            subject,
            duration_seconds,
            notes,
        }) => (
            Details::Meeting { duration_seconds },
            Words::of_subject_and_text(subject, notes),
        ),
        Wire::Visit(wire::Visit { place_id, notes }) => {
            (Details::Visit { place_id }, Words::of_text(notes))
        }
        Wire::Social(wire::Social {
            network,
            action,
            text,
        }) => (Details::Social { network, action }, Words::of_text(text)),
        Wire::Message(wire::Message { medium, text }) => {
            (Details::Message { medium }, Words::of_text(text))
        }
        Wire::Service(wire::Service {
            topic,
            outcome,
            notes,
        }) => (Details::Service { topic, outcome }, Words::of_text(notes)),
        Wire::Custom(wire::Custom { r#type, fields }) => (
            Details::Custom {
                custom_type: r#type,
            },
            Words::of_fields(fields),
        ),
    };
    Some(Said {
        details,
        words,
        amounts_read,
    })
}

/// True beside it when every amount could be read; those that could not are zero.
fn decode_purchase(purchase: wire::Purchase, violations: &mut Violations) -> (Purchase, bool) {
    let wire::Purchase {
        amount,
        order_id,
        quantity,
        lines,
    } = purchase;
    let mut amounts_read = true;
    let mut read = |money: Option<Money>| {
        amounts_read &= money.is_some();
        money.unwrap_or(Money::new(0, Currency::USD))
    };
    let amount = read(decode::money(
        "interaction.purchase.amount",
        amount,
        violations,
    ));
    let lines = lines.into_iter().enumerate().map(|(index, line)| {
        let wire::PurchaseLine {
            product_id,
            quantity,
            amount,
            category,
        } = line;
        // The path is only built for what is wrong.
        let mut found = Violations::default();
        let amount = read(decode::money("amount", amount, &mut found));
        if !found.is_empty() {
            violations.append(found.under(&format!("interaction.purchase.lines[{index}]")));
        }
        PurchaseLine {
            product_id,
            quantity,
            amount,
            category,
        }
    });
    let lines = lines.collect();
    (
        Purchase {
            amount,
            order_id,
            quantity,
            lines,
        },
        amounts_read,
    )
}

pub fn encode(details: Details, words: Words) -> Wire {
    let Words {
        subject,
        text,
        fields,
        masked: _,
    } = words;
    let subject = plain(subject);
    let text = plain(text);
    match details {
        Details::Purchase(Purchase {
            amount,
            order_id,
            quantity,
            lines,
        }) => {
            let lines = lines.into_iter().map(encode_line).collect();
            let amount = Some(encode_money(amount));
            Wire::Purchase(wire::Purchase {
                amount,
                order_id,
                quantity,
                lines,
            })
        }
        Details::PageView {
            page,
            product_id,
            duration_seconds,
        } => Wire::PageView(wire::PageView {
            page,
            product_id,
            duration_seconds,
        }),
        Details::Call {
            duration_seconds,
            outcome,
        } => Wire::Call(wire::Call {
            duration_seconds,
            outcome,
            notes: text,
        }),
        Details::Email => Wire::Email(wire::Email {
            subject,
            body: text,
        }),
        Details::Meeting { duration_seconds } => Wire::Meeting(wire::Meeting {
            subject,
            duration_seconds,
            notes: text,
        }),
        Details::Visit { place_id } => Wire::Visit(wire::Visit {
            place_id,
            notes: text,
        }),
        Details::Social { network, action } => Wire::Social(wire::Social {
            network,
            action,
            text,
        }),
        Details::Message { medium } => Wire::Message(wire::Message { medium, text }),
        Details::Service { topic, outcome } => Wire::Service(wire::Service {
            topic,
            outcome,
            notes: text,
        }),
        Details::Custom { custom_type } => {
            let fields = fields
                .into_iter()
                .map(|(name, text)| (name, text.expose().clone()));
            Wire::Custom(wire::Custom {
                r#type: custom_type,
                fields: fields.collect(),
            })
        }
    }
}

/// The fields that hold words, in the contract's names.
pub const fn wordy_fields(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Purchase | Kind::PageView => &[],
        Kind::Call => &["call.notes"],
        Kind::Email => &["email.subject", "email.body"],
        Kind::Meeting => &["meeting.subject", "meeting.notes"],
        Kind::Visit => &["visit.notes"],
        Kind::Social => &["social.text"],
        Kind::Message => &["message.text"],
        Kind::Service => &["service.notes"],
        Kind::Custom => &["custom.fields"],
    }
}

pub const fn encode_kind(kind: Kind) -> wire::InteractionKind {
    match kind {
        Kind::Purchase => wire::InteractionKind::Purchase,
        Kind::PageView => wire::InteractionKind::PageView,
        Kind::Call => wire::InteractionKind::Call,
        Kind::Email => wire::InteractionKind::Email,
        Kind::Meeting => wire::InteractionKind::Meeting,
        Kind::Visit => wire::InteractionKind::Visit,
        Kind::Social => wire::InteractionKind::Social,
        Kind::Message => wire::InteractionKind::Message,
        Kind::Service => wire::InteractionKind::Service,
        Kind::Custom => wire::InteractionKind::Custom,
    }
}

pub fn encode_money(money: Money) -> common::Money {
    let (units, nanos) = money.to_units_nanos();
    common::Money {
        currency_code: money.currency.to_string(),
        units,
        nanos,
    }
}

fn encode_line(line: PurchaseLine) -> wire::PurchaseLine {
    let PurchaseLine {
        product_id,
        quantity,
        amount,
        category,
    } = line;
    wire::PurchaseLine {
        product_id,
        quantity,
        amount: Some(encode_money(amount)),
        category,
    }
}

fn plain(text: Option<Pii<String>>) -> String {
    text.map(|text| text.expose().clone()).unwrap_or_default()
}
