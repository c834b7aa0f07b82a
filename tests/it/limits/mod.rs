//! The limits of `proto/LIMITS.md`: at each the call works, one past it the call is refused as the
//! document says; and no row of the document is without its test.

mod document;
mod ground;
mod privacy;
mod profile;
mod table;
mod wire;

use anyhow::{Context as _, ensure};
use dossier_testkit::{Example, Refusal, Rpc, Suite, on_both_backends};
use serde_json::Value;
use tonic::Code;

use ground::Ground;

on_both_backends!(what_is_at_its_limit_works_and_what_is_past_it_is_refused);

/// One limit of one RPC.
pub struct Limit {
    /// The row's first cell in the document.
    pub row: &'static str,
    pub rpc: &'static str,
    pub most: usize,
    /// The messages of a request with so many.
    pub bodies: fn(&Ground, usize) -> Vec<Value>,
    pub answer: Expected,
}

#[derive(Clone, Copy, Debug)]
pub enum Expected {
    /// INVALID_ARGUMENT with a violation of this field.
    Invalid(&'static str),
    /// INVALID_FILTER with a violation of this field.
    Filter(&'static str),
    /// LIMIT_EXCEEDED with the metadata `limit`.
    Limit,
}

async fn what_is_at_its_limit_works_and_what_is_past_it_is_refused(
    suite: Suite,
) -> anyhow::Result<()> {
    let ground = Ground::make(suite.caller()?).await?;
    let mut problems = Vec::new();
    for limit in table::limits() {
        if let Err(problem) = try_out(&ground, &limit).await {
            problems.push(format!("{}: {problem:#}", limit.row));
        }
    }
    for (row, tried) in wire::tried(&suite, &ground).await {
        if let Err(problem) = tried {
            problems.push(format!("{row}: {problem:#}"));
        }
    }
    ensure!(
        problems.is_empty(),
        "{} limits are not as documented:\n{}",
        problems.len(),
        problems.join("\n")
    );
    Ok(())
}

async fn try_out(ground: &Ground, limit: &Limit) -> anyhow::Result<()> {
    let rpc = Rpc::named(limit.rpc)?;
    let past = Example::from_json(&rpc, (limit.bodies)(ground, limit.most + 1))?;
    let refused = match ground.caller.call(&past).await {
        Ok(_) => anyhow::bail!("{} were accepted", limit.most + 1),
        Err(status) => Refusal::of(&status),
    };
    check(&refused, limit.answer, limit.most)?;
    let at = Example::from_json(&rpc, (limit.bodies)(ground, limit.most))?;
    let answer = ground.caller.call(&at).await;
    answer.with_context(|| format!("{} are refused", limit.most))?;
    Ok(())
}

/// The code, the reason, where it is wrong and how much would be right.
fn check(refused: &Refusal, expected: Expected, most: usize) -> anyhow::Result<()> {
    let (code, reason, words) = match expected {
        Expected::Invalid(field) => (Code::InvalidArgument, "INVALID_ARGUMENT", field),
        Expected::Filter(field) => (Code::InvalidArgument, "INVALID_FILTER", field),
        Expected::Limit => (Code::OutOfRange, "LIMIT_EXCEEDED", ""),
    };
    ensure!(
        refused.code == code && refused.reason == reason,
        "{refused:?}"
    );
    let said = if words.is_empty() {
        let limit = refused
            .metadata
            .get("limit")
            .context("no metadata `limit`")?;
        limit.clone()
    } else {
        let mut violations = refused.violations.iter();
        let violation = violations.find(|(field, _)| field == words);
        violation.with_context(|| format!("{refused:?}"))?.1.clone()
    };
    let said: String = said.chars().filter(|c| *c != ',').collect();
    ensure!(
        said.contains(&most.to_string()),
        "{said} does not say {most}"
    );
    Ok(())
}

/// A check that cannot fail proves nothing.
#[test]
fn another_code_field_or_number_is_noticed() {
    let refusal = |description: &str| Refusal {
        code: Code::InvalidArgument,
        reason: "INVALID_ARGUMENT".to_owned(),
        domain: "dossier".to_owned(),
        metadata: [("limit".to_owned(), "500".to_owned())].into(),
        violations: vec![("customer.tags".to_owned(), description.to_owned())],
        message: String::new(),
        has_retry: false,
    };
    let tags = Expected::Invalid("customer.tags");
    let fine = refusal("must not be more than 1,200");
    check(&fine, tags, 1_200).expect("as documented");
    assert!(check(&fine, tags, 1_300).is_err());
    assert!(check(&fine, Expected::Invalid("customer.team"), 1_200).is_err());
    assert!(check(&fine, Expected::Filter("customer.tags"), 1_200).is_err());
    assert!(check(&fine, Expected::Limit, 500).is_err());
}
