//! Rows and classes of data over real gRPC: who sees which customers, and what of them.

use anyhow::{Context as _, ensure};
use dossier_kernel::Role;
use dossier_proto::profile::v1 as wire;
use dossier_testkit::{Clients, Suite, build, on_both_backends};
use tonic::{Code, Status};

use crate::access_matrix::under;

on_both_backends!(an_analyst_is_shown_no_names);

async fn an_analyst_is_shown_no_names(suite: Suite) -> anyhow::Result<()> {
    let made = create(&mut suite.clients()?, build::person("Amelia Pond", "1")).await?;
    let mut analyst = suite.clients_as(&[Role::Analyst], suite.tenant())?;
    let seen = get(&mut analyst, &made.name).await?;
    ensure!(seen.display_name.is_empty() && seen.external_ids.is_empty());
    ensure!(seen.region_code == made.region_code && seen.etag == made.etag);
    let masked = seen.masked_fields.context("says what is masked")?.paths;
    for field in ["display_name", "contact_points", "external_ids"] {
        ensure!(masked.iter().any(|path| path == field), "{masked:?}");
    }
    let mut agent = suite.clients_as(&[Role::Agent], suite.tenant())?;
    let seen = get(&mut agent, &made.name).await?;
    ensure!(seen.display_name == "Amelia Pond");
    // Also of one that has no value of class SENSITIVE: that would tell.
    let masked = seen.masked_fields.context("says what is masked")?.paths;
    ensure!(masked == ["attributes"], "{masked:?}");
    Ok(())
}

/// Agents work with customers of their own and with nothing else.
const OWN_CUSTOMERS: &str = r#"
@id("agents.own")
permit (principal in Role::"agent", action, resource)
when { resource has owner && resource.owner == principal.name };
@id("admins")
permit (principal in Role::"admin", action, resource);
@id("services")
permit (principal is Service in Role::"service", action, resource);
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_policies_decide_row_by_row() -> anyhow::Result<()> {
    let suite = under(OWN_CUSTOMERS).await?;
    let mut admin = suite.clients()?;
    // The name of every person that a suite makes tokens for.
    let mine = create(&mut admin, owned("1", "person:tester")).await?;
    let other = create(&mut admin, owned("2", "person:bob")).await?;
    let mut agent = suite.clients_as(&[Role::Agent], suite.tenant())?;
    ensure!(get(&mut agent, &mine.name).await?.name == mine.name);
    let refused = get(&mut agent, &other.name).await.err();
    let refused = refused.context("another's customer is not there")?;
    ensure!(refused.code() == Code::NotFound, "{refused}");
    let page = agent
        .customers
        .list_customers(wire::ListCustomersRequest::default());
    let page = page.await?.into_inner().customers;
    ensure!(page.len() == 1 && page[0].name == mine.name);
    // What is not decided row by row is refused before anybody looks.
    let request = wire::ListAttributeDefinitionsRequest::default();
    let refused = agent
        .attributes
        .list_attribute_definitions(request)
        .await
        .err();
    let refused = refused.context("no policy permits it")?;
    ensure!(refused.code() == Code::PermissionDenied, "{refused}");
    Ok(())
}

fn owned(id: &str, owner: &str) -> wire::Customer {
    wire::Customer {
        owner: owner.to_owned(),
        ..build::person("Somebody", id)
    }
}

async fn create(clients: &mut Clients, customer: wire::Customer) -> Result<wire::Customer, Status> {
    let request = wire::CreateCustomerRequest {
        customer: Some(customer),
        request_id: build::request_id(),
        ..Default::default()
    };
    Ok(clients
        .customers
        .create_customer(request)
        .await?
        .into_inner())
}

async fn get(clients: &mut Clients, name: &str) -> Result<wire::Customer, Status> {
    let name = name.to_owned();
    let request = wire::GetCustomerRequest {
        name,
        ..Default::default()
    };
    Ok(clients.customers.get_customer(request).await?.into_inner())
}
