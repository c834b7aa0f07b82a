//! Merges as messages, and requests about them to commands.

use std::collections::BTreeMap;

use dossier_db::Once;
use dossier_kernel::{CustomerId, PageSize, Result};
use dossier_proto::profile::v1 as wire;
use uuid::Uuid;

use super::customer;
use super::request::{self, NAME_WORDS, invalid, name_in};
use super::value::encode_time;
use crate::app::Plan;
use crate::domain::merge::{GROUP_MAX, RULES_MAX, is_single};
use crate::domain::{MergeConflict, MergeRecord, MergeSpec, MergeState, Survivorship, Violations};

const RECORD_WORDS: &str = "must be mergeRecords/{merge_record} with a UUID";

pub fn encode(record: MergeRecord) -> wire::MergeRecord {
    let name = record.to_name();
    let MergeRecord {
        id: _,
        survivor,
        others,
        state,
        create_time,
        creator,
        unmerge_time,
        kept_fields,
    } = record;
    let state = match state {
        MergeState::Merging => wire::MergeState::Merging,
        MergeState::Merged => wire::MergeState::Merged,
        MergeState::Unmerging => wire::MergeState::Unmerging,
        MergeState::Unmerged => wire::MergeState::Unmerged,
    };
    wire::MergeRecord {
        name,
        survivor: survivor.to_name(),
        others: others.into_iter().map(CustomerId::to_name).collect(),
        state: state.into(),
        create_time: Some(encode_time(create_time)),
        creator,
        unmerge_time: unmerge_time.map(encode_time),
        kept_fields,
    }
}

pub fn encode_plan(plan: Plan) -> wire::PlanMergeResponse {
    let Plan {
        file,
        conflicts,
        hash,
    } = plan;
    let conflicts = conflicts.into_iter().map(|conflict| {
        let MergeConflict {
            field,
            customer,
            differing,
        } = conflict;
        wire::MergeConflict {
            field,
            customer: customer.map(CustomerId::to_name).unwrap_or_default(),
            differing: differing.into_iter().map(CustomerId::to_name).collect(),
        }
    });
    wire::PlanMergeResponse {
        customer: Some(customer::encode(file)),
        conflicts: conflicts.collect(),
        plan_hash: hash,
    }
}

pub fn plan(asked: wire::PlanMergeRequest) -> Result<MergeSpec> {
    let mut problems = Violations::default();
    let spec = spec(asked.merge, &mut problems)?;
    problems.into_result()?;
    Ok(spec)
}

pub fn merge(
    asked: wire::MergeCustomersRequest,
) -> Result<(MergeSpec, Option<String>, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "MergeService/MergeCustomers";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let wire::MergeCustomersRequest {
        merge,
        plan_hash,
        request_id: _,
    } = asked;
    let spec = spec(merge, &mut problems)?;
    problems.into_result()?;
    Ok((spec, (!plan_hash.is_empty()).then_some(plan_hash), once))
}

pub fn list(
    asked: wire::ListMergeRecordsRequest,
) -> Result<(Option<CustomerId>, PageSize, String)> {
    let wire::ListMergeRecordsRequest {
        customer,
        page_size,
        page_token,
    } = asked;
    let mut problems = Violations::default();
    let page_size = request::page_size(page_size, &mut problems);
    let customer = match customer.is_empty() {
        true => None,
        false => Some(name_in("customer", &customer, &mut problems)),
    };
    problems.into_result()?;
    Ok((customer, page_size, page_token))
}

pub fn unmerge(asked: wire::UnmergeCustomerRequest) -> Result<(Uuid, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "MergeService/UnmergeCustomer";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let id = name(&asked.name)?;
    problems.into_result()?;
    Ok((id, once))
}

/// The id of a record.
pub fn name(name: &str) -> Result<Uuid> {
    let id = name
        .split_once('/')
        .filter(|(collection, _)| *collection == MergeRecord::COLLECTION)
        .and_then(|(_, id)| Uuid::try_parse(id).ok());
    id.ok_or_else(|| invalid("name", RECORD_WORDS))
}

fn spec(asked: Option<wire::MergeSpec>, problems: &mut Violations) -> Result<MergeSpec> {
    let asked = asked.ok_or_else(|| invalid("merge", "is required"))?;
    let general = asked.survivorship();
    let wire::MergeSpec {
        survivor,
        others,
        survivorship: _,
        rules,
    } = asked;
    let survivor = name_in("merge.survivor", &survivor, problems);
    if !(1..GROUP_MAX).contains(&others.len()) {
        problems.add_to_request("merge.others", "must have 1 to 249 customers");
        return Ok(MergeSpec {
            survivor,
            others: Vec::new(),
            survivorship: Survivorship::Survivor,
            rules: BTreeMap::new(),
        });
    }
    let mut named = vec![survivor];
    for (index, name) in others.iter().enumerate() {
        let path = format!("merge.others[{index}]");
        let Some(id) = CustomerId::from_name(name) else {
            problems.add_to_request(path, NAME_WORDS);
            continue;
        };
        if named.contains(&id) {
            problems.add_to_request(path, "is named twice; name every customer once");
            continue;
        }
        named.push(id);
    }
    let survivorship = match general {
        wire::Survivorship::Unspecified | wire::Survivorship::Survivor => Survivorship::Survivor,
        wire::Survivorship::Newest => Survivorship::Newest,
        wire::Survivorship::Customer => {
            let words = "must not be CUSTOMER; name the customer field by field in rules";
            problems.add_to_request("merge.survivorship", words);
            Survivorship::Survivor
        }
    };
    if rules.len() > RULES_MAX {
        problems.add_to_request("merge.rules", "must not be more than 500");
    }
    let mut by_field = BTreeMap::new();
    for (index, one) in rules.into_iter().take(RULES_MAX).enumerate() {
        let path = format!("merge.rules[{index}]");
        let (field, rule) = rule(one, &path, &named, problems);
        if by_field.insert(field, rule).is_some() {
            problems.add_to_request(format!("{path}.field"), "has a rule already");
        }
    }
    let others = named.split_off(1);
    Ok(MergeSpec {
        survivor,
        others,
        survivorship,
        rules: by_field,
    })
}

fn rule(
    asked: wire::SurvivorshipRule,
    path: &str,
    named: &[CustomerId],
    problems: &mut Violations,
) -> (String, Survivorship) {
    let kind = asked.survivorship();
    let wire::SurvivorshipRule {
        field,
        survivorship: _,
        customer,
    } = asked;
    if !is_single(&field) {
        let words = "must be a field of Customer that has one value, or attributes.{id}";
        problems.add_to_request(format!("{path}.field"), words);
    }
    if kind != wire::Survivorship::Customer && !customer.is_empty() {
        let words = "must be empty but for CUSTOMER";
        problems.add_to_request(format!("{path}.customer"), words);
    }
    let rule = match kind {
        wire::Survivorship::Unspecified => {
            let words = "is required: SURVIVOR, NEWEST or CUSTOMER";
            problems.add_to_request(format!("{path}.survivorship"), words);
            Survivorship::Survivor
        }
        wire::Survivorship::Survivor => Survivorship::Survivor,
        wire::Survivorship::Newest => Survivorship::Newest,
        wire::Survivorship::Customer => {
            let id = CustomerId::from_name(&customer).filter(|id| named.contains(id));
            if id.is_none() {
                let words = "must be the survivor or one of the others";
                problems.add_to_request(format!("{path}.customer"), words);
            }
            id.map_or(Survivorship::Survivor, Survivorship::Customer)
        }
    };
    (field, rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_names_at_most_249_others_and_500_rules() {
        let name = |_| CustomerId::generate().to_name();
        let rule = |number| wire::SurvivorshipRule {
            field: format!("attributes.a{number}"),
            survivorship: wire::Survivorship::Newest.into(),
            customer: String::new(),
        };
        let asked = |others: usize, rules: usize| wire::PlanMergeRequest {
            merge: Some(wire::MergeSpec {
                survivor: name(0),
                others: (0..others).map(name).collect(),
                survivorship: 0,
                rules: (0..rules).map(rule).collect(),
            }),
        };
        let spec = plan(asked(249, 500)).expect("at the limits");
        assert_eq!((spec.others.len(), spec.rules.len()), (249, 500));
        for (others, rules, field) in [
            (250, 0, "merge.others"),
            (0, 0, "merge.others"),
            (1, 501, "merge.rules"),
        ] {
            let refused = plan(asked(others, rules)).expect_err("past a limit");
            assert_eq!(refused.violations()[0].field, field);
        }
    }
}
