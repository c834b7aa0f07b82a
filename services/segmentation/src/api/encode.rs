//! Answers in the words of the contract.

use dossier_kernel::{Money, Timestamp};
use dossier_proto::common::v1 as common;
use dossier_proto::segmentation::v1 as wire;
use prost_types::Timestamp as WireTime;

use crate::app::{Check, CustomerClasses, Shown, etag};
use crate::domain::report::{MatrixCell, Purchases};
use crate::domain::{Cause, Scheme, Segment, ValueClass, Way, rfm};
use crate::store::{Member, MembershipEvent};

pub fn time(at: Timestamp) -> WireTime {
    let (seconds, nanos) = at.to_secs_nanos();
    WireTime { seconds, nanos }
}

fn money(amount: Money) -> common::Money {
    let (units, nanos) = amount.to_units_nanos();
    common::Money {
        currency_code: amount.currency.to_string(),
        units,
        nanos,
    }
}

pub fn segment(shown: Shown) -> wire::Segment {
    let Shown {
        segment,
        member_count,
    } = shown;
    let Segment {
        id,
        revision,
        create_time,
        update_time,
        display_name,
        description,
        rule_text,
        rule: _,
        rule_revision,
        backfilling,
    } = segment;
    let state = if backfilling {
        wire::SegmentState::Backfilling
    } else {
        wire::SegmentState::Active
    };
    wire::Segment {
        name: id.to_name(),
        uid: id.to_string(),
        etag: etag(revision),
        create_time: Some(time(create_time)),
        update_time: Some(time(update_time)),
        display_name,
        description,
        rule: rule_text,
        state: state.into(),
        member_count,
        rule_revision,
    }
}

pub fn membership(member: Member) -> wire::Membership {
    let Member {
        segment,
        customer,
        enter_time,
    } = member;
    wire::Membership {
        segment: segment.to_name(),
        customer: customer.to_name(),
        enter_time: Some(time(enter_time)),
    }
}

pub fn check(check: Check) -> wire::MembershipCheck {
    let Check {
        segment,
        enter_time,
    } = check;
    wire::MembershipCheck {
        segment: segment.to_name(),
        member: enter_time.is_some(),
        enter_time: enter_time.map(time),
    }
}

pub fn change(tenant: String, event: MembershipEvent) -> wire::MembershipChange {
    let MembershipEvent {
        segment,
        customer,
        way,
        cause,
        time: at,
        rule_revision,
    } = event;
    let transition = match way {
        Way::Enter => wire::Transition::Enter,
        Way::Exit => wire::Transition::Exit,
    };
    let cause = match cause {
        Cause::Event => wire::MembershipCause::Event,
        Cause::Customer => wire::MembershipCause::Customer,
        Cause::Time => wire::MembershipCause::Time,
        Cause::Definition => wire::MembershipCause::Definition,
        Cause::Erasure => wire::MembershipCause::Erasure,
        Cause::Merge => wire::MembershipCause::Merge,
    };
    wire::MembershipChange {
        tenant,
        segment: segment.to_name(),
        customer: customer.to_name(),
        transition: transition.into(),
        cause: cause.into(),
        time: Some(time(at)),
        rule_revision,
    }
}

/// A member of the snapshot. Which revision of the rule let it in is not kept.
pub fn snapshot(tenant: String, member: Member) -> wire::MembershipChange {
    let Member {
        segment,
        customer,
        enter_time,
    } = member;
    wire::MembershipChange {
        tenant,
        segment: segment.to_name(),
        customer: customer.to_name(),
        transition: wire::Transition::Enter.into(),
        cause: wire::MembershipCause::Snapshot.into(),
        time: Some(time(enter_time)),
        rule_revision: 0,
    }
}

fn value_class(class: ValueClass) -> wire::ValueClass {
    match class {
        ValueClass::HighValue => wire::ValueClass::HighValue,
        ValueClass::Potential => wire::ValueClass::Potential,
        ValueClass::Growing => wire::ValueClass::Growing,
        ValueClass::Ordinary => wire::ValueClass::Ordinary,
    }
}

pub fn value_scheme(scheme: Scheme) -> wire::ValueScheme {
    let Scheme {
        revision,
        update_time,
        purchase_count_min,
        amount_min,
    } = scheme;
    wire::ValueScheme {
        name: Scheme::NAME.to_owned(),
        etag: etag(revision),
        update_time: update_time.map(time),
        purchase_count_min,
        amount_min: Some(money(amount_min)),
        currency_code: amount_min.currency.to_string(),
    }
}

pub fn customer_classes(customer: String, classes: CustomerClasses) -> wire::CustomerClasses {
    let CustomerClasses {
        scheme,
        class,
        buyer,
    } = classes;
    let amount = |micros| money(Money::new(micros, scheme.currency()));
    let empty = wire::CustomerClasses {
        customer,
        value_class: value_class(class).into(),
        purchase_total: Some(amount(0)),
        ..wire::CustomerClasses::default()
    };
    let Some((buyer, scores)) = buyer else {
        return empty;
    };
    wire::CustomerClasses {
        recency_score: scores.recency.into(),
        frequency_score: scores.frequency.into(),
        monetary_score: scores.monetary.into(),
        purchase_count: buyer.purchase_count,
        purchase_total: Some(amount(buyer.purchase_total)),
        last_purchase_time: Some(time(buyer.last_purchase_time)),
        ..empty
    }
}

pub fn value_matrix(scheme: Scheme, cells: [MatrixCell; 4]) -> wire::ValueMatrix {
    let cell = |cell: MatrixCell| {
        let MatrixCell {
            class,
            customer_count,
            purchase_total,
        } = cell;
        wire::ValueMatrixCell {
            value_class: value_class(class).into(),
            customer_count,
            purchase_total: Some(money(Money::new(purchase_total, scheme.currency()))),
        }
    };
    wire::ValueMatrix {
        scheme: Some(value_scheme(scheme)),
        cells: cells.into_iter().map(cell).collect(),
    }
}

pub fn rfm_report(scheme: Scheme, buyer_count: usize, cells: Vec<rfm::Cell>) -> wire::RfmReport {
    let cell = |cell: rfm::Cell| {
        let rfm::Cell {
            recency,
            frequency,
            buyer_count,
            purchase_total,
            monetary_score_centi,
        } = cell;
        wire::RfmCell {
            recency_score: recency.into(),
            frequency_score: frequency.into(),
            buyer_count,
            purchase_total: Some(money(Money::new(purchase_total, scheme.currency()))),
            monetary_score_centi,
        }
    };
    wire::RfmReport {
        buyer_count: i64::try_from(buyer_count).unwrap_or(i64::MAX),
        cells: cells.into_iter().map(cell).collect(),
    }
}

pub fn purchase_report(report: Purchases) -> wire::PurchaseReport {
    let Purchases {
        customer_count,
        buyer_count,
        repeat_buyer_count,
        purchase_count,
        purchase_total,
        average_order_value,
        repeat_purchase_rate_ppm,
        other_currency_purchase_count,
    } = report;
    wire::PurchaseReport {
        customer_count,
        buyer_count,
        repeat_buyer_count,
        purchase_count,
        purchase_total: Some(money(purchase_total)),
        average_order_value: average_order_value.map(money),
        repeat_purchase_rate_ppm,
        other_currency_purchase_count,
    }
}
