//! Scans for duplicates and what they found, as messages, and requests about them to commands.

use dossier_db::Once;
use dossier_kernel::{PageSize, Result};
use dossier_proto::profile::v1 as wire;
use uuid::Uuid;

use super::request;
use super::value::encode_time;
use crate::app::WhichPairs;
use crate::domain::duplicate::{SCORE_MIN, scan_name};
use crate::domain::{
    DuplicateEvidence, DuplicatePair, DuplicatePairState, DuplicateScan, DuplicateScanState,
    Likeness, Violations,
};

pub fn encode_scan(scan: DuplicateScan) -> wire::DuplicateScan {
    let name = scan.to_name();
    let DuplicateScan {
        id: _,
        state,
        score_min,
        create_time,
        start_time,
        end_time,
        creator,
        done_count,
        total_count,
        pair_count,
        failure,
    } = scan;
    let state = match state {
        DuplicateScanState::Queued => wire::DuplicateScanState::Queued,
        DuplicateScanState::Running => wire::DuplicateScanState::Running,
        DuplicateScanState::Succeeded => wire::DuplicateScanState::Succeeded,
        DuplicateScanState::Failed => wire::DuplicateScanState::Failed,
        DuplicateScanState::Cancelled => wire::DuplicateScanState::Cancelled,
    };
    wire::DuplicateScan {
        name,
        state: state.into(),
        score_min_per_mille: score_min,
        create_time: Some(encode_time(create_time)),
        start_time: start_time.map(encode_time),
        end_time: end_time.map(encode_time),
        creator,
        done_customer_count: done_count,
        total_customer_count: total_count,
        pair_count,
        failure: failure.unwrap_or_default(),
    }
}

pub fn encode_pair(pair: DuplicatePair) -> wire::DuplicatePair {
    let name = pair.to_name();
    let DuplicatePair {
        id: _,
        low,
        high,
        state,
        likeness: Likeness {
            score,
            weight,
            evidence,
        },
        create_time,
        update_time,
        decided,
        scan,
    } = pair;
    let state = match state {
        DuplicatePairState::Open => wire::DuplicatePairState::Open,
        DuplicatePairState::Dismissed => wire::DuplicatePairState::Dismissed,
    };
    let evidence = evidence
        .into_iter()
        .map(
            |DuplicateEvidence(field, agreement, weight)| wire::DuplicateEvidence {
                field,
                agreement,
                weight_bits: bits(weight),
            },
        );
    let (decider, decide_time) = decided.unzip();
    wire::DuplicatePair {
        name,
        customer: low.to_name(),
        other_customer: high.to_name(),
        state: state.into(),
        score_per_mille: score,
        weight_bits: bits(weight),
        evidence: evidence.collect(),
        create_time: Some(encode_time(create_time)),
        update_time: Some(encode_time(update_time)),
        decide_time: decide_time.map(encode_time),
        decider: decider.unwrap_or_default(),
        duplicate_scan: scan_name(scan),
    }
}

fn bits(hundredths: i32) -> f64 {
    f64::from(hundredths) / 100.0
}

/// The least score that is looked for, in thousandths.
pub fn start(asked: wire::StartDuplicateScanRequest) -> Result<(i32, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "DuplicateService/StartDuplicateScan";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let scan = asked.duplicate_scan.unwrap_or_default();
    if !scan.name.is_empty() {
        problems.add_to_request("duplicate_scan.name", "must be empty; it is assigned");
    }
    let score_min = match scan.score_min_per_mille {
        0 => SCORE_MIN,
        asked => asked,
    };
    if !(1..=999).contains(&score_min) {
        let words = "must be 0 to 999; 0 is 500";
        problems.add_to_request("duplicate_scan.score_min_per_mille", words);
    }
    problems.into_result()?;
    Ok((score_min, once))
}

pub fn get(asked: &wire::GetDuplicateScanRequest) -> Result<Uuid> {
    let mut problems = Violations::default();
    let id = name(DuplicateScan::COLLECTION, &asked.name, &mut problems);
    problems.into_result()?;
    Ok(id)
}

pub fn list_scans(asked: wire::ListDuplicateScansRequest) -> Result<(PageSize, String)> {
    let wire::ListDuplicateScansRequest {
        page_size,
        page_token,
    } = asked;
    Ok((PageSize::from_request(page_size)?, page_token))
}

pub fn cancel(asked: wire::CancelDuplicateScanRequest) -> Result<(Uuid, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "DuplicateService/CancelDuplicateScan";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let id = name(DuplicateScan::COLLECTION, &asked.name, &mut problems);
    problems.into_result()?;
    Ok((id, once))
}

pub fn list_pairs(
    asked: wire::ListDuplicatePairsRequest,
) -> Result<(WhichPairs, PageSize, String)> {
    let state = match asked.state() {
        wire::DuplicatePairState::Unspecified | wire::DuplicatePairState::Open => {
            DuplicatePairState::Open
        }
        wire::DuplicatePairState::Dismissed => DuplicatePairState::Dismissed,
    };
    let wire::ListDuplicatePairsRequest {
        customer,
        state: _,
        score_min_per_mille,
        page_size,
        page_token,
    } = asked;
    let mut problems = Violations::default();
    let customer =
        (!customer.is_empty()).then(|| request::name_in("customer", &customer, &mut problems));
    if !(0..=1_000).contains(&score_min_per_mille) {
        problems.add_to_request("score_min_per_mille", "must be 0 to 1000");
    }
    let page_size = request::page_size(page_size, &mut problems);
    problems.into_result()?;
    let which = WhichPairs {
        customer,
        state: Some(state),
        score_min: score_min_per_mille,
    };
    Ok((which, page_size, page_token))
}

pub fn dismiss(asked: wire::DismissDuplicatePairRequest) -> Result<(Uuid, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "DuplicateService/DismissDuplicatePair";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let id = name(DuplicatePair::COLLECTION, &asked.name, &mut problems);
    problems.into_result()?;
    Ok((id, once))
}

pub fn reopen(asked: wire::ReopenDuplicatePairRequest) -> Result<(Uuid, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "DuplicateService/ReopenDuplicatePair";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let id = name(DuplicatePair::COLLECTION, &asked.name, &mut problems);
    problems.into_result()?;
    Ok((id, once))
}

/// The id in `name`; of a name that is none it is nobody's.
fn name(collection: &str, name: &str, problems: &mut Violations) -> Uuid {
    let id = name
        .split_once('/')
        .filter(|(of, _)| *of == collection)
        .and_then(|(_, id)| Uuid::try_parse(id).ok());
    id.unwrap_or_else(|| {
        problems.add_to_request("name", format!("must be {collection}/ and a UUID"));
        Uuid::nil()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_with_a_request_is_named_at_once() {
        let scan = wire::DuplicateScan {
            name: "duplicateScans/1".to_owned(),
            score_min_per_mille: 1_000,
            ..Default::default()
        };
        let refused = start(wire::StartDuplicateScanRequest {
            duplicate_scan: Some(scan),
            request_id: "again".to_owned(),
        });
        let refused = refused.expect_err("refused");
        let fields = refused.violations().iter().map(|one| one.field.as_str());
        assert_eq!(
            fields.collect::<Vec<_>>(),
            [
                "request_id",
                "duplicate_scan.name",
                "duplicate_scan.score_min_per_mille"
            ]
        );
        let (score_min, _) = start(wire::StartDuplicateScanRequest::default()).expect("fine");
        assert_eq!(score_min, SCORE_MIN);
    }
}
