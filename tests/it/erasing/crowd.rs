//! Customers with words that nobody else has, and what goes on about them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dossier_proto::feedback::v1 as feedback;
use dossier_proto::interaction::v1 as interaction;
use dossier_proto::profile::v1 as profile;
use dossier_testkit::{Clients, build};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinHandle;
use tonic::Code;
use uuid::Uuid;

const AT_ONCE: usize = 32;

pub struct Crowd {
    pub people: Vec<Somebody>,
}

#[derive(Clone)]
pub struct Somebody {
    /// `customers/{customer}`.
    pub name: String,
    /// In the clear in profile's rows, histories and feed, and so in segmentation.
    tag: String,
    /// In the clear in interaction's rows.
    event: String,
    /// Sealed, and in the clear in an export.
    called: String,
}

impl Somebody {
    pub fn words(&self) -> [&str; 3] {
        [&self.tag, &self.event, &self.called]
    }

    async fn come(clients: Clients) -> anyhow::Result<Self> {
        let word = || Uuid::new_v4().simple().to_string();
        let [tag, event, called] = [(); 3].map(|()| word());
        let customer = profile::Customer {
            tags: vec![tag.clone()],
            ..build::person(&called, &word())
        };
        let create = profile::CreateCustomerRequest {
            customer: Some(customer),
            request_id: build::request_id(),
            ..Default::default()
        };
        let created = clients.customers.clone().create_customer(create).await?;
        let name = created.into_inner().name;
        let record = interaction::RecordInteractionRequest {
            interaction: Some(build::purchase(&name, "shop", &event, 1_760_000_000, 100)),
            customer_key: None,
            request_id: build::request_id(),
        };
        let mut interactions = clients.interactions.clone();
        interactions.record_interaction(record).await?;
        let case = feedback::Case {
            customer: name.clone(),
            r#type: feedback::CaseType::Complaint.into(),
            subject: word(),
            ..Default::default()
        };
        let open = feedback::OpenCaseRequest {
            case: Some(case),
            request_id: build::request_id(),
            ..Default::default()
        };
        clients.cases.clone().open_case(open).await?;
        Ok(Self {
            name,
            tag,
            event,
            called,
        })
    }
}

impl Crowd {
    pub async fn gather(clients: &Clients, count: usize) -> anyhow::Result<Self> {
        let segment = build::segment("Buyers", "count(purchase) >= 1");
        let create = dossier_proto::segmentation::v1::CreateSegmentRequest {
            segment: Some(segment),
            request_id: build::request_id(),
            ..Default::default()
        };
        clients.segments.clone().create_segment(create).await?;
        let people = stream::iter((0..count).map(|_| Somebody::come(clients.clone())));
        let people = people.buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(Self { people })
    }
}

/// Purchases and changes of files until it is stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Load {
    pub fn on(clients: &Clients, people: &[Somebody]) -> Self {
        let (stop, written) = (Arc::default(), Arc::default());
        let (ended, count) = (Arc::clone(&stop), Arc::clone(&written));
        let (clients, people) = (clients.clone(), people.to_vec());
        let task = tokio::spawn(async move {
            for one in people.iter().cycle() {
                if AtomicBool::load(&ended, Ordering::Relaxed) {
                    break;
                }
                write(&clients, one).await?;
                AtomicU64::fetch_add(&count, 1, Ordering::Relaxed);
            }
            Ok(())
        });
        Self {
            stop,
            written,
            task,
        }
    }

    /// Says how much was written.
    pub async fn stop(self) -> anyhow::Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await??;
        Ok(self.written.load(Ordering::Relaxed))
    }
}

async fn write(clients: &Clients, one: &Somebody) -> anyhow::Result<()> {
    let event = Uuid::new_v4().to_string();
    let record = interaction::RecordInteractionRequest {
        interaction: Some(build::purchase(
            &one.name,
            "load",
            &event,
            1_760_000_000,
            100,
        )),
        customer_key: None,
        request_id: build::request_id(),
    };
    let update = profile::UpdateCustomerRequest {
        customer: Some(profile::Customer {
            name: one.name.clone(),
            language_code: "zh-CN".to_owned(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["language_code".to_owned()],
        }),
        request_id: build::request_id(),
        ..Default::default()
    };
    let recorded = clients
        .interactions
        .clone()
        .record_interaction(record)
        .await;
    let updated = clients.customers.clone().update_customer(update).await;
    for refused in [recorded.err(), updated.err()].into_iter().flatten() {
        // What was killed is away for a moment.
        let away = [
            Code::Unavailable,
            Code::Unknown,
            Code::Cancelled,
            Code::Internal,
            Code::DeadlineExceeded,
            Code::ResourceExhausted,
        ];
        anyhow::ensure!(away.contains(&refused.code()), "{refused:?}");
    }
    Ok(())
}

/// Everybody there is, as a file.
pub async fn export(clients: &Clients, path: &Path) -> anyhow::Result<()> {
    let request = profile::ExportCustomersRequest {
        format: profile::ExportFormat::Ndjson.into(),
        ..Default::default()
    };
    let mut parts = clients
        .customers
        .clone()
        .export_customers(request)
        .await?
        .into_inner();
    let mut file = Vec::new();
    while let Some(part) = parts.message().await? {
        if let Some(profile::export_customers_response::Part::Chunk(chunk)) = part.part {
            file.extend_from_slice(&chunk);
        }
    }
    std::fs::write(path, file)?;
    Ok(())
}
