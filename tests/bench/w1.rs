//! W1: GetCustomer with authentication, tracing and decryption, beside a bare echo of the same bytes.

use std::time::Duration;

use dossier_proto::profile::v1::{CreateCustomerRequest, Customer, GetCustomerRequest};
use dossier_testkit::{Backend, Clients, Suite, build};

use crate::echo;
use crate::load::{self, Load};
use crate::pairs::{Series, verdict};

const CALLERS: usize = 32;
const CUSTOMERS: usize = 1_000;
pub const HOW_LONG: Duration = Duration::from_secs(2);
const RATIO_MIN: f64 = 0.70;
const P99_RATIO_MAX: f64 = 1.5;

pub async fn measure(pairs: u32) -> anyhow::Result<()> {
    let suite = Suite::start(Backend::SqliteMemory).await?;
    let token = suite.token(&[dossier_kernel::Role::Agent], suite.tenant())?;
    let ours = Clients::new(&suite.addresses(), &token)?;
    let customers = populate(&suite).await?;
    let sample = get(&ours, &customers[0]).await?;
    let (_echo, address) = echo::spawn(suite.dir(), &sample).await?;
    let bare = Clients::new(&std::array::from_fn(|_| address.clone()), &token)?;

    println!("W1 GetCustomer, {CALLERS} callers, {CUSTOMERS} customers, {HOW_LONG:?} each");
    let (mut ratios, mut tails) = (Series::new(), Series::new());
    ask(&bare, &customers).await?;
    ask(&ours, &customers).await?;
    for pair in 1..=pairs {
        let ceiling = ask(&bare, &customers).await?;
        let suite = ask(&ours, &customers).await?;
        ratios.push(suite.calls_per_second / ceiling.calls_per_second);
        tails.push(suite.p99.as_secs_f64() / ceiling.p99.as_secs_f64());
        println!(
            "  {pair}: echo {:.0}/s p99 {:?}, suite {:.0}/s p50 {:?} p99 {:?}",
            ceiling.calls_per_second, ceiling.p99, suite.calls_per_second, suite.p50, suite.p99
        );
    }
    println!(
        "  throughput {}, bar >= {RATIO_MIN}: {}",
        ratios.shown(3),
        verdict(ratios.median() >= RATIO_MIN)
    );
    println!(
        "  p99 ratio {}, bar <= {P99_RATIO_MAX}: {}",
        tails.shown(2),
        verdict(tails.median() <= P99_RATIO_MAX)
    );
    Ok(())
}

pub async fn ask(clients: &Clients, customers: &[String]) -> anyhow::Result<Load> {
    let clients = clients.clone();
    let names = std::sync::Arc::new(customers.to_vec());
    load::run(CALLERS, HOW_LONG, move |caller, count| {
        let (clients, names) = (clients.clone(), std::sync::Arc::clone(&names));
        async move {
            let index = (caller * 31 + usize::try_from(count)?) % names.len();
            get(&clients, &names[index]).await?;
            Ok(())
        }
    })
    .await
}

async fn get(clients: &Clients, name: &str) -> anyhow::Result<Customer> {
    let request = GetCustomerRequest {
        name: name.to_owned(),
        ..Default::default()
    };
    Ok(clients
        .customers
        .clone()
        .get_customer(request)
        .await?
        .into_inner())
}

/// Customers with ten filled fields, half of them personal.
pub async fn populate(suite: &Suite) -> anyhow::Result<Vec<String>> {
    let mut clients = suite.clients()?;
    let mut names = Vec::new();
    for number in 0..CUSTOMERS {
        let customer = Customer {
            given_name: "小明".to_owned(),
            family_name: "王".to_owned(),
            language_code: "zh-CN".to_owned(),
            time_zone: "Asia/Shanghai".to_owned(),
            contact_points: vec![
                build::email(&format!("ming{number}@example.com")),
                build::phone(&format!("+8613{number:09}")),
            ],
            tags: vec!["vip".to_owned()],
            ..build::person("王小明", &number.to_string())
        };
        let request = CreateCustomerRequest {
            customer: Some(customer),
            ..Default::default()
        };
        names.push(
            clients
                .customers
                .create_customer(request)
                .await?
                .into_inner()
                .name,
        );
    }
    Ok(names)
}
