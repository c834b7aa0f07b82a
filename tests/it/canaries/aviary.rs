//! Customers that exist nowhere else in the world.

use anyhow::ensure;
use dossier_proto::common::v1::{CustomerKey, customer_key};
use dossier_proto::feedback::v1 as feedback;
use dossier_proto::interaction::v1 as interaction;
use dossier_proto::profile::v1 as profile;
use dossier_testkit::{Clients, Dice, build};
use futures::stream;

const CUSTOMERS: usize = 60;

/// Values that exist nowhere else in the world, and what each of them is.
pub struct Aviary {
    pub dice: Dice,
    pub values: Vec<String>,
    /// In the order of the values.
    pub kinds: Vec<String>,
}

impl Aviary {
    pub fn hatch(dice: Dice) -> Self {
        Self {
            dice,
            values: Vec::new(),
            kinds: Vec::new(),
        }
    }

    /// A new word; `kind` says what it is in a report.
    pub fn word(&mut self, kind: &str) -> String {
        let letters: String = (0..14)
            .map(|_| char::from(b'a' + self.dice.within(0..26).to_le_bytes()[0]))
            .collect();
        self.keep(kind, letters)
    }

    /// A new Chinese mobile number, as people write it and as E.164.
    fn number(&mut self, kind: &str) -> String {
        let number = format!("139{:08}", self.dice.within(0..100_000_000));
        self.keep(kind, number)
    }

    fn keep(&mut self, kind: &str, value: String) -> String {
        self.values.push(value.clone());
        self.kinds.push(kind.to_owned());
        value
    }

    pub async fn import(&mut self, clients: &mut Clients) -> anyhow::Result<()> {
        use profile::import_customers_request::Part;

        let mut file =
            "external_id.crm,display_name,given_name,family_name,email,phone,region_code\n"
                .to_owned();
        for _ in 0..CUSTOMERS {
            file += &format!(
                "{},{},{},{},{}@{}.example,{},CN\n",
                self.word("external id"),
                self.word("display name"),
                self.word("given name"),
                self.word("family name"),
                self.word("e-mail's local part"),
                self.word("e-mail's domain"),
                self.number("phone"),
            );
        }
        // Rows that are refused leak most easily.
        for _ in 0..5 {
            let (id, mail, phone) = (
                self.word("refused row's external id"),
                self.word("refused row's e-mail"),
                self.word("refused row's phone"),
            );
            file += &format!("{id},,,,{mail},{phone},CN\n");
        }
        let header = profile::ImportHeader {
            format: profile::ImportFormat::Csv.into(),
            ..Default::default()
        };
        let parts = [Part::Header(header), Part::Chunk(file.into_bytes())];
        let requests = parts.map(|part| profile::ImportCustomersRequest { part: Some(part) });
        let answers = clients
            .customers
            .import_customers(stream::iter(requests))
            .await?;
        let mut answers = answers.into_inner();
        while answers.message().await?.is_some() {}
        Ok(())
    }

    pub async fn create(&mut self, clients: &mut Clients) -> anyhow::Result<String> {
        let address = profile::Address {
            // Of Hong Kong no form of postal codes is known, so that any word is one.
            region_code: "HK".to_owned(),
            postal_code: self.word("postal code"),
            address_lines: vec![self.word("address line")],
            ..Default::default()
        };
        let customer = profile::Customer {
            given_name: self.word("given name"),
            contact_points: vec![
                build::email(&format!("{}@example.com", self.word("e-mail"))),
                build::phone(&format!("+86{}", self.number("phone"))),
            ],
            addresses: vec![address],
            ..build::person(&self.word("display name"), &self.word("external id"))
        };
        let request = profile::CreateCustomerRequest {
            customer: Some(customer),
            request_id: build::request_id(),
            ..Default::default()
        };
        Ok(clients
            .customers
            .create_customer(request)
            .await?
            .into_inner()
            .name)
    }

    /// Free text about the customer in the other services.
    pub async fn talk(&mut self, clients: &mut Clients, customer: &str) -> anyhow::Result<()> {
        let call = interaction::Call {
            notes: self.word("notes of a call"),
            ..Default::default()
        };
        let record = interaction::RecordInteractionRequest {
            interaction: Some(interaction::Interaction {
                customer: customer.to_owned(),
                source: "desk".to_owned(),
                event_id: build::request_id(),
                occur_time: Some(prost_types::Timestamp {
                    seconds: 1_760_000_000,
                    nanos: 0,
                }),
                kind: interaction::InteractionKind::Call.into(),
                details: Some(interaction::interaction::Details::Call(call)),
                ..Default::default()
            }),
            customer_key: None,
            request_id: build::request_id(),
        };
        clients.interactions.record_interaction(record).await?;
        let case = feedback::Case {
            customer: customer.to_owned(),
            r#type: feedback::CaseType::Complaint.into(),
            subject: self.word("subject of a case"),
            description: self.word("description of a case"),
            ..Default::default()
        };
        let open = feedback::OpenCaseRequest {
            case: Some(case),
            request_id: build::request_id(),
            ..Default::default()
        };
        let name = clients.cases.open_case(open).await?.into_inner().name;
        let reply = feedback::ReplyToCaseRequest {
            name,
            text: self.word("reply"),
            request_id: build::request_id(),
        };
        clients.cases.reply_to_case(reply).await?;
        Ok(())
    }

    /// Calls that fail with a personal value in their hands.
    pub async fn be_refused(&mut self, clients: &mut Clients) -> anyhow::Result<()> {
        let bad = profile::Customer {
            contact_points: vec![build::email(&self.word("refused e-mail"))],
            ..build::person(
                &self.word("refused name"),
                &self.word("refused external id"),
            )
        };
        let create = profile::CreateCustomerRequest {
            customer: Some(bad),
            ..Default::default()
        };
        ensure!(clients.customers.create_customer(create).await.is_err());
        let taken = build::person(&self.word("name"), &self.word("taken external id"));
        let create = profile::CreateCustomerRequest {
            customer: Some(taken),
            ..Default::default()
        };
        clients.customers.create_customer(create.clone()).await?;
        ensure!(clients.customers.create_customer(create).await.is_err());
        let missed =
            customer_key::Key::Email(format!("{}@example.com", self.word("looked up e-mail")));
        let keys = vec![CustomerKey {
            key: Some(missed),
            region_code: String::new(),
        }];
        clients
            .customers
            .lookup_customers(profile::LookupCustomersRequest {
                keys,
                ..Default::default()
            })
            .await?;
        let unknown = interaction::RecordInteractionRequest {
            interaction: Some(build::purchase("", "shop", "1", 1_760_000_000, 100)),
            customer_key: Some(build::key(&self.word("unknown external id"))),
            request_id: build::request_id(),
        };
        ensure!(
            clients
                .interactions
                .record_interaction(unknown)
                .await
                .is_err()
        );
        let filter = format!("display_name = {:?}", self.word("value in a filter"));
        let list = profile::ListCustomersRequest {
            filter,
            ..Default::default()
        };
        ensure!(clients.customers.list_customers(list).await.is_err());
        Ok(())
    }
}
