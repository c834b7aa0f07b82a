//! What was asked of a suite and what it acknowledged, kept outside the suite.
//!
//! Writers change things of all four services, each its own things, one change after the other, so
//! that a thing has a sequence of states. What was acknowledged must be there after any failure:
//! the thing is in that state or in one that was asked for later. What was not acknowledged is
//! asked for again with the same request id, and must have happened once.

mod checks;
mod thing;
mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use dossier_proto::profile::v1 as profile;
use dossier_testkit::{Clients, Dice, build};
use futures::future::join_all;
use tonic::Status;

pub use checks::{check_files, check_purchases, check_schemas};
use thing::Kind;
use writer::Writer;

/// Customers that things are about.
const CUSTOMERS: usize = 8;
/// How many writers of each kind.
const WRITERS: [(Kind, usize); 5] = [
    (Kind::Customer, 4),
    (Kind::Interaction, 6),
    (Kind::Case, 3),
    (Kind::Survey, 2),
    (Kind::Segment, 1),
];

/// Later than every mark.
pub const NOW: u64 = u64::MAX;

/// The things of one suite.
pub struct Book {
    writers: Vec<Writer>,
    customers: Vec<String>,
}

/// What came of a while of work, by service.
#[derive(Debug, Default)]
pub struct Outcome {
    pub acknowledged: BTreeMap<&'static str, usize>,
    pub troubles: BTreeMap<&'static str, Vec<Status>>,
}

impl Outcome {
    pub fn acknowledged_count(&self) -> usize {
        self.acknowledged.values().sum()
    }
}

impl Book {
    /// Makes the customers. With a `log`, an acknowledgement is marked with the length that this
    /// file has when it arrives.
    pub async fn open(
        clients: &Clients,
        dice: &mut Dice,
        log: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let mut customers = Vec::new();
        for number in 0..CUSTOMERS {
            let person = build::person("Somebody", &format!("book-{number}"));
            let request = profile::CreateCustomerRequest {
                customer: Some(person),
                ..Default::default()
            };
            let made = clients.customers.clone().create_customer(request).await?;
            customers.push(made.into_inner().name);
        }
        let mut writers = Vec::new();
        for (kind, count) in WRITERS {
            for number in 0..count {
                let customer = dice.pick(&customers).clone();
                writers.push(Writer::new(kind, number, customer, log.clone()));
            }
        }
        Ok(Self { writers, customers })
    }

    /// Customers that somebody else made and that [`Self::count`] shall expect.
    pub fn expect_customers(&mut self, others: &[String]) {
        self.customers.extend_from_slice(others);
    }

    /// Writes until `until` is done, whatever becomes of the suite meanwhile. Whatever cannot be
    /// explained by a suite in trouble is an error.
    pub async fn write<T>(
        &mut self,
        clients: &Clients,
        until: impl Future<Output = T>,
    ) -> anyhow::Result<(T, Outcome)> {
        let stop = AtomicBool::new(false);
        let ended = async {
            let value = until.await;
            stop.store(true, Ordering::Release);
            value
        };
        let writing = self
            .writers
            .iter_mut()
            .map(|writer| writer.write(clients, &stop));
        let (value, written) = tokio::join!(ended, join_all(writing));
        let mut outcome = Outcome::default();
        for (writer, count) in self.writers.iter_mut().zip(written) {
            let service = writer.kind.service();
            *outcome.acknowledged.entry(service).or_default() += count?;
            let troubles = outcome.troubles.entry(service).or_default();
            troubles.append(&mut writer.troubles);
        }
        Ok((value, outcome))
    }

    /// Asks again for what was not acknowledged; now it must be.
    pub async fn repeat(&mut self, clients: &Clients) -> anyhow::Result<()> {
        let repeated = self.writers.iter_mut().map(|writer| writer.repeat(clients));
        join_all(repeated).await.into_iter().collect()
    }

    /// How many changes were acknowledged in all.
    pub fn acknowledged_count(&self) -> usize {
        self.writers.iter().map(Writer::acknowledged_count).sum()
    }
}
