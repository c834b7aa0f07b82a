//! Customers whose every value is known outside the suite, and what one of them was before.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, ensure};
use dossier_proto::common::v1::{CustomerKey, customer_key};
use dossier_proto::feedback::v1 as feedback;
use dossier_proto::interaction::v1 as interaction;
use dossier_proto::interaction::v1::interaction::Details;
use dossier_proto::profile::v1 as profile;
use dossier_testkit::{Clients, Suite, build};
use tonic::{Code, Status};
use uuid::Uuid;

#[derive(Default)]
pub struct People {
    known: Vec<Person>,
    turn: usize,
}

/// All texts of a person are made of one word.
#[derive(Clone)]
struct Person {
    word: String,
    customer: String,
    /// A call with notes.
    call: String,
    /// A case with a reply.
    case: String,
}

impl People {
    pub fn count(&self) -> usize {
        self.known.len()
    }

    pub async fn add(&mut self, clients: &Clients) -> anyhow::Result<()> {
        let person = make(clients).await?;
        self.known.push(person);
        Ok(())
    }

    /// Works until the kill; whatever fails before it is a fault.
    pub async fn live(&mut self, suite: &Suite, killed: &AtomicBool) -> anyhow::Result<()> {
        let clients = suite.clients()?;
        while !killed.load(Ordering::SeqCst) {
            self.step(&clients).await?;
        }
        Ok(())
    }

    /// Looks at some, makes one, tries to make one twice.
    pub async fn step(&mut self, clients: &Clients) -> anyhow::Result<()> {
        self.turn += 1;
        self.add(clients).await?;
        for distance in [7, 13, 29] {
            let person = self.known[self.turn * distance % self.known.len()].clone();
            look(clients, &person).await.context(person.word.clone())?;
        }
        let taken = &self.known[self.turn * 31 % self.known.len()];
        let again = clients
            .customers
            .clone()
            .create_customer(customer(&taken.word))
            .await;
        let refused = again.err().context("an identifier was given twice")?;
        let codes = [Code::AlreadyExists, Code::Unavailable];
        ensure!(codes.contains(&refused.code()), "{refused:?}");
        Ok(())
    }

    pub async fn compare(&self, clients: &Clients) -> anyhow::Result<()> {
        for person in &self.known {
            look(clients, person).await.context(person.word.clone())?;
        }
        Ok(())
    }
}

/// Without request ids: what is remembered of those would keep old keys for days.
fn customer(word: &str) -> profile::CreateCustomerRequest {
    let customer = profile::Customer {
        given_name: format!("early {word}"),
        contact_points: vec![build::email(&format!("{word}@example.com"))],
        ..build::person(word, word)
    };
    profile::CreateCustomerRequest {
        customer: Some(customer),
        ..Default::default()
    }
}

async fn make(clients: &Clients) -> Result<Person, Status> {
    let word = format!("w{}", Uuid::new_v4().simple());
    let mut clients = clients.clone();
    let made = clients.customers.create_customer(customer(&word)).await?;
    let name = made.into_inner().name;
    let change = profile::Customer {
        name: name.clone(),
        given_name: format!("given {word}"),
        ..Default::default()
    };
    let update = profile::UpdateCustomerRequest {
        customer: Some(change),
        ..Default::default()
    };
    clients.customers.update_customer(update).await?;
    let call = interaction::Call {
        notes: format!("notes of {word}"),
        ..Default::default()
    };
    let record = interaction::RecordInteractionRequest {
        interaction: Some(interaction::Interaction {
            customer: name.clone(),
            source: "desk".to_owned(),
            event_id: word.clone(),
            occur_time: Some(prost_types::Timestamp {
                seconds: 1_760_000_000,
                nanos: 0,
            }),
            kind: interaction::InteractionKind::Call.into(),
            details: Some(Details::Call(call)),
            ..Default::default()
        }),
        ..Default::default()
    };
    let recorded = clients.interactions.record_interaction(record).await?;
    let recorded = recorded.into_inner().interaction.unwrap_or_default();
    let case = feedback::Case {
        customer: name.clone(),
        r#type: feedback::CaseType::Complaint.into(),
        subject: format!("subject of {word}"),
        ..Default::default()
    };
    let open = feedback::OpenCaseRequest {
        case: Some(case),
        ..Default::default()
    };
    let case = clients.cases.open_case(open).await?.into_inner().name;
    let reply = feedback::ReplyToCaseRequest {
        name: case.clone(),
        text: format!("reply to {word}"),
        ..Default::default()
    };
    clients.cases.reply_to_case(reply).await?;
    Ok(Person {
        word,
        customer: name,
        call: recorded.name,
        case,
    })
}

async fn look(clients: &Clients, person: &Person) -> anyhow::Result<()> {
    let Person {
        word,
        customer,
        call,
        case,
    } = person;
    let mut clients = clients.clone();
    let name = customer.clone();
    let request = profile::GetCustomerRequest {
        name,
        ..Default::default()
    };
    let got = clients.customers.get_customer(request).await?.into_inner();
    ensure!(got.display_name == *word, "another name");
    ensure!(
        got.given_name == format!("given {word}"),
        "another given name"
    );
    let request = profile::ListRevisionsRequest {
        parent: customer.clone(),
        ..Default::default()
    };
    let history = clients.revisions.list_revisions(request).await?;
    let history = history.into_inner().revisions;
    let was = history.first().and_then(|last| last.before.as_ref());
    ensure!(
        was.context("no history")?.given_name == format!("early {word}"),
        "another history"
    );
    let mail = customer_key::Key::Email(format!("{word}@example.com"));
    let mail = CustomerKey {
        key: Some(mail),
        region_code: String::new(),
    };
    let request = profile::LookupCustomersRequest {
        keys: vec![build::key(word), mail],
        ..Default::default()
    };
    let found = clients
        .customers
        .lookup_customers(request)
        .await?
        .into_inner();
    for result in &found.results {
        ensure!(
            result.customer == *customer && result.match_count == 1,
            "found {:?} times {:?}",
            result.match_count,
            result.customer
        );
    }
    let name = call.clone();
    let request = interaction::GetInteractionRequest { name };
    let got = clients
        .interactions
        .get_interaction(request)
        .await?
        .into_inner();
    let Some(Details::Call(call)) = got.details else {
        anyhow::bail!("the call has no details");
    };
    ensure!(call.notes == format!("notes of {word}"), "other notes");
    let name = case.clone();
    let request = feedback::GetCaseRequest { name };
    let got = clients.cases.get_case(request).await?.into_inner();
    ensure!(
        got.subject == format!("subject of {word}"),
        "another subject"
    );
    let reply = got.replies.first().context("no reply")?;
    ensure!(reply.text == format!("reply to {word}"), "another reply");
    Ok(())
}
