//! What goes on in a shop, for segmentation to follow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::ensure;
use dossier_proto::feedback::v1 as feedback;
use dossier_proto::interaction::v1 as interaction;
use dossier_proto::profile::v1 as profile;
use dossier_proto::segmentation::v1 as segmentation;
use dossier_testkit::{Clients, Dice, build};
use prost_types::FieldMask;
use tokio::task::JoinHandle;
use tonic::Request;

/// Longer than any rebuild of these few customers takes.
const VERIFY_TIMEOUT: Duration = Duration::from_secs(120);
const WRITERS: u64 = 4;

/// Writers that make customers, sell to them, move them, hear them and let them go.
pub struct Life {
    writers: Vec<JoinHandle<anyhow::Result<u64>>>,
    enough: Arc<AtomicBool>,
}

pub struct Lived {
    pub changes: u64,
}

impl Life {
    pub fn begin(clients: Clients, seed: u64) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let writers = (0..WRITERS).map(|number| {
            let shop = Shop {
                clients: clients.clone(),
                dice: Dice::new(seed ^ number),
                customers: Vec::new(),
                cases: Vec::new(),
                number: 0,
                name: format!("{seed}-{number}"),
            };
            let enough = enough.clone();
            tokio::spawn(async move {
                let mut shop = shop;
                while !enough.load(Ordering::SeqCst) {
                    shop.step().await?;
                }
                Ok(shop.number)
            })
        });
        Self {
            writers: writers.collect(),
            enough,
        }
    }

    pub async fn end(self) -> anyhow::Result<Lived> {
        self.enough.store(true, Ordering::SeqCst);
        let mut changes = 0;
        for writer in self.writers {
            changes += writer.await??;
        }
        Ok(Lived { changes })
    }
}

pub struct Shop {
    pub clients: Clients,
    pub dice: Dice,
    /// Live ones.
    pub customers: Vec<String>,
    /// Open ones.
    pub cases: Vec<String>,
    /// Changes made so far.
    pub number: u64,
    pub name: String,
}

impl Shop {
    /// One thing happens.
    pub async fn step(&mut self) -> anyhow::Result<()> {
        self.number += 1;
        match self.dice.within(0..20) {
            0..4 => self.arrive().await,
            4..12 => self.buy().await,
            12..15 => self.move_house().await,
            15..17 => self.complain().await,
            17..19 => self.resolve().await,
            _ => self.leave().await,
        }
    }

    async fn arrive(&mut self) -> anyhow::Result<()> {
        let person = build::person("Somebody", &format!("{}-{}", self.name, self.number));
        let request = profile::CreateCustomerRequest {
            customer: Some(person),
            ..Default::default()
        };
        let made = self.clients.customers.create_customer(request).await?;
        self.customers.push(made.into_inner().name);
        Ok(())
    }

    async fn buy(&mut self) -> anyhow::Result<()> {
        let Some(customer) = self.anybody() else {
            return self.arrive().await;
        };
        let id = format!("{}-{}", self.name, self.number);
        let cents = i64::try_from(self.dice.within(1..10_000))?;
        let request = interaction::RecordInteractionRequest {
            interaction: Some(build::purchase(
                &customer,
                "follow",
                &id,
                1_760_000_000,
                cents,
            )),
            ..Default::default()
        };
        self.clients
            .interactions
            .record_interaction(request)
            .await?;
        Ok(())
    }

    async fn move_house(&mut self) -> anyhow::Result<()> {
        let Some(name) = self.anybody() else {
            return self.arrive().await;
        };
        let region_code = self.dice.pick(&["CN", "DE"]).to_string();
        let customer = profile::Customer {
            name,
            region_code,
            ..Default::default()
        };
        let request = profile::UpdateCustomerRequest {
            customer: Some(customer),
            update_mask: Some(FieldMask {
                paths: vec!["region_code".to_owned()],
            }),
            ..Default::default()
        };
        self.clients.customers.update_customer(request).await?;
        Ok(())
    }

    async fn complain(&mut self) -> anyhow::Result<()> {
        let Some(customer) = self.anybody() else {
            return self.arrive().await;
        };
        let case = feedback::Case {
            customer,
            r#type: feedback::CaseType::Complaint.into(),
            subject: "Broken".to_owned(),
            ..Default::default()
        };
        let request = feedback::OpenCaseRequest {
            case: Some(case),
            ..Default::default()
        };
        let opened = self.clients.cases.open_case(request).await?;
        self.cases.push(opened.into_inner().name);
        Ok(())
    }

    async fn resolve(&mut self) -> anyhow::Result<()> {
        let Some(name) = self.cases.pop() else {
            return self.complain().await;
        };
        let request = feedback::ResolveCaseRequest {
            name,
            resolution: "A new one was sent.".to_owned(),
            ..Default::default()
        };
        self.clients.cases.resolve_case(request).await?;
        Ok(())
    }

    /// Somebody is deleted.
    pub async fn leave(&mut self) -> anyhow::Result<()> {
        if self.customers.len() < 3 {
            return self.arrive().await;
        }
        let index = self.dice.within(0..self.customers.len() as u64);
        let name = self.customers.swap_remove(usize::try_from(index)?);
        let request = profile::DeleteCustomerRequest {
            name,
            ..Default::default()
        };
        self.clients.customers.delete_customer(request).await?;
        Ok(())
    }

    fn anybody(&mut self) -> Option<String> {
        if self.customers.is_empty() {
            return None;
        }
        Some(self.dice.pick(&self.customers).clone())
    }
}

/// Builds segmentation's state anew from the feeds, once it has followed them to their ends.
pub async fn verify(clients: &Clients) -> anyhow::Result<segmentation::VerifyStateResponse> {
    let mut request = Request::new(segmentation::VerifyStateRequest {});
    request.set_timeout(VERIFY_TIMEOUT);
    let verified = clients.progress.clone().verify_state(request).await?;
    let verified = verified.into_inner();
    ensure!(
        verified.difference_count == 0,
        "{} differences, such as {:?}",
        verified.difference_count,
        verified.differences.iter().take(3).collect::<Vec<_>>()
    );
    Ok(verified)
}
