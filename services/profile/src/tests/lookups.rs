//! Who has an identifier.

use dossier_proto::common::v1::CustomerKey;
use dossier_proto::common::v1::customer_key::Key;
use dossier_proto::profile::v1 as wire;

use super::customers::full;
use super::*;

fn own((name, count): (&str, i32)) -> (String, i32) {
    (name.to_owned(), count)
}

async fn ask(client: &mut Customers, keys: Vec<Key>, names: &[&str]) -> Vec<(String, i32)> {
    let keys = keys.into_iter().map(|key| CustomerKey {
        key: Some(key),
        region_code: "CN".to_owned(),
    });
    let names = names.iter().map(|&name| name.to_owned()).collect();
    let request = wire::LookupCustomersRequest {
        keys: keys.collect(),
        names,
    };
    let answer = client
        .lookup_customers(request)
        .await
        .expect("answered")
        .into_inner();
    answer
        .results
        .into_iter()
        .map(|found| (found.customer, found.match_count))
        .collect()
}

#[tokio::test]
async fn customers_are_found_by_every_identifier_they_have() {
    for house in House::each().await {
        let mut client = house.customers();
        let wang = create(&mut client, full()).await.name;
        house.pass(Duration::from_secs(1));
        let shared = wire::Customer {
            contact_points: vec![phone("+8613800000000")],
            ..known("wife")
        };
        let wife = create(&mut client, shared).await.name;
        let keys = vec![
            Key::Phone("13800000000".to_owned()),
            Key::Email("WANG@example.COM".to_owned()),
            Key::ExternalId(id("crm", "wife")),
            Key::ExternalId(id("shop", "wife")),
            Key::Email("no address".to_owned()),
        ];
        let found = ask(&mut client, keys.clone(), &[&wife]).await;
        let (wang, wife) = (wang.as_str(), wife.as_str());
        let wanted = [(wang, 2), (wang, 1), (wife, 1), ("", 0), ("", 0), (wife, 1)].map(own);
        assert_eq!(found, wanted);

        let delete = wire::DeleteCustomerRequest {
            name: wang.to_owned(),
            ..Default::default()
        };
        client.delete_customer(delete).await.expect("deleted");
        let found = ask(&mut client, keys, &[wang]).await;
        assert_eq!(
            found,
            [(wife, 1), ("", 0), (wife, 1), ("", 0), ("", 0), ("", 0)].map(own)
        );
    }
}

#[tokio::test]
async fn another_tenant_finds_nobody() {
    for house in House::each().await {
        let made = create(&mut house.customers(), known("7")).await.name;
        let keys = vec![Key::ExternalId(id("crm", "7"))];
        let found = ask(&mut house.customers_of("other"), keys, &[&made]).await;
        assert_eq!(found, [("", 0), ("", 0)].map(own));
    }
}
