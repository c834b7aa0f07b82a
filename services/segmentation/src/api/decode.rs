//! Requests into the words of the use cases.

use dossier_db::Once;
use dossier_kernel::id::SegmentId;
use dossier_kernel::violations::Violations;
use dossier_kernel::{Currency, CustomerId, Error, Money, Result, Violation};
use dossier_proto::common::v1 as common;
use dossier_proto::segmentation::v1 as wire;
use prost::Message;
use prost_types::FieldMask;
use uuid::Uuid;

use crate::app::{CreateSegment, UpdateSegment};
use crate::domain::{Draft, SchemePatch, SegmentPatch};

pub fn invalid(field: &str, description: &str) -> Error {
    Error::invalid(vec![Violation::new(field, description)])
}

/// The name of a mutation that happens once; its body is the request as the caller sent it.
pub fn once(
    method: &'static str,
    request_id: &str,
    request: &impl Message,
) -> Result<Option<Once>> {
    Once::new(request_id, method, &request.encode_to_vec())
}

pub fn segment_name(field: &str, name: &str) -> Result<SegmentId> {
    let words = "must be segments/{segment} with a UUID";
    SegmentId::from_name(name).ok_or_else(|| invalid(field, words))
}

pub fn customer_name(field: &str, name: &str) -> Result<CustomerId> {
    let words = "must be customers/{customer} with a UUID";
    CustomerId::from_name(name).ok_or_else(|| invalid(field, words))
}

/// All names, or a violation for each that is none.
pub fn segment_names(field: &str, names: &[String], max: usize) -> Result<Vec<SegmentId>> {
    if names.is_empty() || names.len() > max {
        return Err(invalid(field, &format!("must name 1 to {max} segments")));
    }
    let mut violations = Violations::default();
    let mut ids = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        match SegmentId::from_name(name) {
            Some(id) => ids.push(id),
            None => {
                let words = "must be segments/{segment} with a UUID";
                violations.add(format!("{field}[{index}]"), words);
            }
        }
    }
    violations.into_result().map(|()| ids)
}

pub fn create_segment(request: wire::CreateSegmentRequest) -> Result<CreateSegment> {
    let wire::CreateSegmentRequest {
        segment,
        segment_id,
        request_id: _,
        validate_only,
    } = request;
    let segment = segment.ok_or_else(|| invalid("segment", "is required"))?;
    let mut violations = Violations::default();
    if !segment.name.is_empty() {
        violations.add(
            "segment.name",
            "must be empty; use segment_id to choose an id",
        );
    }
    let id = match Uuid::try_parse(&segment_id) {
        _ if segment_id.is_empty() => None,
        Ok(id) if !id.is_nil() => Some(SegmentId(id)),
        _ => {
            violations.add(
                "segment_id",
                "must be a UUID other than the nil UUID, or empty",
            );
            None
        }
    };
    violations.into_result()?;
    let wire::Segment {
        // Checked above, or output only.
        name: _,
        uid: _,
        etag: _,
        create_time: _,
        update_time: _,
        state: _,
        member_count: _,
        rule_revision: _,
        display_name,
        description,
        rule,
    } = segment;
    Ok(CreateSegment {
        id,
        draft: Draft {
            display_name,
            description,
            rule,
        },
        validate_only,
    })
}

pub fn update_segment(request: wire::UpdateSegmentRequest) -> Result<UpdateSegment> {
    let wire::UpdateSegmentRequest {
        segment,
        update_mask,
        request_id: _,
    } = request;
    let segment = segment.ok_or_else(|| invalid("segment", "is required"))?;
    let id = segment_name("segment.name", &segment.name)?;
    let wire::Segment {
        name: _,
        etag,
        display_name,
        description,
        rule,
        // Output only.
        uid: _,
        create_time: _,
        update_time: _,
        state: _,
        member_count: _,
        rule_revision: _,
    } = segment;
    let mask = Mask::read(update_mask, &["display_name", "description", "rule"])?;
    let text = |path: &str, text: String| mask.names(path, !text.is_empty()).then_some(text);
    let patch = SegmentPatch {
        display_name: text("display_name", display_name),
        description: text("description", description),
        rule: text("rule", rule),
    };
    Ok(UpdateSegment { id, etag, patch })
}

/// The expected etag and the new values.
pub fn update_value_scheme(
    request: wire::UpdateValueSchemeRequest,
) -> Result<(String, SchemePatch)> {
    let wire::UpdateValueSchemeRequest {
        value_scheme,
        update_mask,
        request_id: _,
    } = request;
    let scheme = value_scheme.ok_or_else(|| invalid("value_scheme", "is required"))?;
    let wire::ValueScheme {
        name: _,
        etag,
        update_time: _,
        purchase_count_min,
        amount_min,
        currency_code,
    } = scheme;
    let mask = Mask::read(
        update_mask,
        &["purchase_count_min", "amount_min", "currency_code"],
    )?;
    let mut patch = SchemePatch::default();
    if mask.names("purchase_count_min", purchase_count_min != 0) {
        patch.purchase_count_min = Some(purchase_count_min);
    }
    if mask.names("amount_min", amount_min.is_some()) {
        let words = "must be an amount with its currency, at most six decimals";
        let amount = amount_min.as_ref().and_then(money);
        patch.amount_min = Some(amount.ok_or_else(|| invalid("value_scheme.amount_min", words))?);
    }
    if mask.names("currency_code", !currency_code.is_empty()) {
        let words = "must be an ISO 4217 code of three capital letters";
        let currency = Currency::parse(&currency_code);
        let field = "value_scheme.currency_code";
        patch.currency = Some(currency.ok_or_else(|| invalid(field, words))?);
    }
    Ok((etag, patch))
}

fn money(amount: &common::Money) -> Option<Money> {
    let common::Money {
        currency_code,
        units,
        nanos,
    } = amount;
    Money::from_units_nanos(*units, *nanos, Currency::parse(currency_code)?).ok()
}

/// Which fields an update is about (AIP-161): those named, or without a mask those that are set.
struct Mask(Option<Vec<String>>);

impl Mask {
    fn read(mask: Option<FieldMask>, known: &[&str]) -> Result<Self> {
        let paths = mask.map(|mask| mask.paths).unwrap_or_default();
        if paths.is_empty() {
            return Ok(Self(None));
        }
        if paths.iter().any(|path| path == "*") {
            return Ok(Self(Some(
                known.iter().map(|&path| path.to_owned()).collect(),
            )));
        }
        if paths.iter().any(|path| !known.contains(&path.as_str())) {
            let words = format!("may name {}", known.join(", "));
            return Err(invalid("update_mask", &words));
        }
        Ok(Self(Some(paths)))
    }

    fn names(&self, path: &str, is_set: bool) -> bool {
        self.0
            .as_ref()
            .map_or(is_set, |paths| paths.iter().any(|named| named == path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(paths: &[&str]) -> Result<SegmentPatch> {
        let segment = wire::Segment {
            name: SegmentId::generate().to_name(),
            display_name: "VIP".to_owned(),
            ..wire::Segment::default()
        };
        let paths = paths.iter().map(|&path| path.to_owned()).collect();
        let request = wire::UpdateSegmentRequest {
            segment: Some(segment),
            update_mask: Some(FieldMask { paths }),
            request_id: String::new(),
        };
        Ok(update_segment(request)?.patch)
    }

    #[test]
    fn without_a_mask_the_fields_that_are_set_change() {
        let patch = update(&[]).expect("fine");
        assert_eq!(patch.display_name.as_deref(), Some("VIP"));
        assert_eq!((patch.description, patch.rule), (None, None));
    }

    #[test]
    fn a_mask_clears_what_it_names_and_is_not_set() {
        let patch = update(&["description"]).expect("fine");
        assert_eq!(
            patch,
            SegmentPatch {
                description: Some(String::new()),
                ..Default::default()
            }
        );
        let patch = update(&["*"]).expect("fine");
        assert_eq!(patch.rule.as_deref(), Some(""));
    }

    #[test]
    fn a_mask_names_only_what_can_change() {
        let error = update(&["member_count"]).expect_err("output only");
        assert_eq!(error.violations()[0].field, "update_mask");
    }
}
