//! Every RPC × role over real gRPC equals `shared/access/golden/roles.tsv`, and nobody comes in
//! without a token (S-AZ-1).

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use dossier_kernel::Role;
use dossier_testkit::{Backend, Caller, Example, Plan, Rpc, Shape, Suite, on_both_backends};
use serde_json::json;
use tonic::{Code, Request, Status};

on_both_backends!(
    every_rpc_lets_in_whom_the_matrix_says,
    an_explanation_is_the_decision
);

const GOLDEN: &str = include_str!("../../shared/access/golden/roles.tsv");

async fn every_rpc_lets_in_whom_the_matrix_says(suite: Suite) -> anyhow::Result<()> {
    let problems = problems(&suite).await?;
    ensure!(
        problems.is_empty(),
        "{} calls are not as roles.tsv says:\n{}",
        problems.len(),
        problems.join("\n")
    );
    Ok(())
}

/// The walk notices a policy that lets in one role too many, and one that is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_policy_is_noticed() -> anyhow::Result<()> {
    let shipped = include_str!("../../shared/access/policies/default.cedar");
    let permits_too_much = "@id(\"planted\") permit (principal in Role::\"viewer\", \
        action == Action::\"profile.attributes.write\", resource);";
    let forbids_too_much = "@id(\"planted\") forbid (principal, \
        action == Action::\"segmentation.progress.verify\", resource);";
    for (planted, noticed) in [
        (
            permits_too_much,
            "dossier.profile.v1.AttributeDefinitionService/CreateAttributeDefinition as viewer: \
             let in, golden -",
        ),
        (
            forbids_too_much,
            "dossier.segmentation.v1.ProgressService/VerifyState as analyst: refused, golden OPEN",
        ),
    ] {
        let suite = under(&format!("{shipped}\n{planted}")).await?;
        let problems = problems(&suite).await?;
        println!("{}", problems.join("\n"));
        ensure!(
            problems.iter().any(|problem| problem == noticed),
            "{problems:?}"
        );
    }
    Ok(())
}

/// A suite under these policies.
pub async fn under(policies: &str) -> anyhow::Result<Suite> {
    let plan = Plan {
        backend: Backend::SqliteMemory,
        shape: Shape::OneProcess,
        log_level: "info",
    };
    let mut suite = Suite::prepare(plan, None)?;
    let file = suite.dir().join("policies.cedar");
    std::fs::write(&file, policies)?;
    let file = file.display().to_string();
    suite.set_environment(vec![("DOSSIER_POLICIES_FILE".to_owned(), file)]);
    suite.start_again().await?;
    Ok(suite)
}

/// Where the suite and the matrix differ.
async fn problems(suite: &Suite) -> anyhow::Result<Vec<String>> {
    let golden = golden()?;
    let mut problems = Vec::new();
    for role in Role::ALL {
        let caller = suite.caller_as(&[role], suite.tenant())?;
        for rpc in Rpc::all()? {
            let cell = golden
                .get(&(rpc.name.clone(), role.as_str()))
                .with_context(|| format!("roles.tsv has no {}", rpc.name))?;
            let let_in = !is_refused(&call(&caller, &rpc).await);
            // Where the row decides, an empty request may be refused by the row.
            let agrees = *cell == "?" || let_in == (*cell != "-");
            if !agrees {
                let did = if let_in { "let in" } else { "refused" };
                problems.push(format!(
                    "{} as {}: {did}, golden {cell}",
                    rpc.name,
                    role.as_str()
                ));
            }
        }
    }
    let stranger = Caller::new(&suite.addresses(), "")?;
    for rpc in Rpc::all()? {
        let code = call(&stranger, &rpc)
            .await
            .err()
            .map(|status| status.code());
        if code != Some(Code::Unauthenticated) {
            problems.push(format!("{} without a token: {code:?}", rpc.name));
        }
    }
    Ok(problems)
}

/// An empty request: what is let in answers or objects to it.
async fn call(caller: &Caller, rpc: &Rpc) -> Result<(), Status> {
    let request = Request::new(futures::stream::iter([Bytes::new()]));
    caller.send(rpc, request).await.map(drop)
}

fn is_refused(answer: &Result<(), Status>) -> bool {
    matches!(answer, Err(status) if status.code() == Code::PermissionDenied)
}

/// By RPC and role.
fn golden() -> anyhow::Result<BTreeMap<(String, &'static str), &'static str>> {
    let mut lines = GOLDEN.lines();
    let roles = lines.next().context("roles.tsv is empty")?;
    let roles: Vec<&str> = roles.split('\t').skip(1).collect();
    let mut cells = BTreeMap::new();
    for line in lines {
        let mut columns = line.split('\t');
        let method = columns.next().context("a line without a method")?;
        for (role, cell) in roles.iter().zip(columns) {
            cells.insert((method.to_owned(), *role), cell);
        }
    }
    Ok(cells)
}

/// What ExplainAccess says is what happens.
async fn an_explanation_is_the_decision(suite: Suite) -> anyhow::Result<()> {
    let explain = Rpc::named("dossier.access.v1.AccessService/ExplainAccess")?;
    for role in Role::ALL {
        let caller = suite.caller_as(&[role], suite.tenant())?;
        for rpc in Rpc::all()?
            .into_iter()
            .filter(|rpc| *rpc.name != explain.name)
        {
            let question = Example::from_json(&explain, vec![json!({"method": rpc.name})])?;
            let answer = caller.call(&question).await?.first(&explain)?;
            let said = answer.get_field_by_name("allowed");
            let said = said
                .and_then(|allowed| allowed.as_bool())
                .unwrap_or_default();
            let let_in = !is_refused(&call(&caller, &rpc).await);
            ensure!(
                said == let_in,
                "{} as {}: said {said}",
                rpc.name,
                role.as_str()
            );
        }
    }
    Ok(())
}
