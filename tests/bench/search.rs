//! Search, look-up and list among many customers, and what it takes to import them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use dossier_proto::common::v1::CustomerKey;
use dossier_proto::common::v1::customer_key::Key;
use dossier_proto::profile::v1::import_customers_request::Part;
use dossier_proto::profile::v1::import_customers_response::Part as Said;
use dossier_proto::profile::v1::{
    Customer, ImportCustomersRequest, ImportFormat, ImportHeader, ImportRows, ListCustomersRequest,
    LookupCustomersRequest, SearchCustomersRequest,
};
use dossier_testkit::{Backend, Clients, Suite, build};
use futures::StreamExt as _;

use crate::load::{self, Load};
use crate::pairs::verdict;

const HOW_LONG: Duration = Duration::from_secs(3);
const P99_MAX: Duration = Duration::from_millis(20);
const ROWS: u64 = 500;

/// As common as they are in China, about: a few names are of many.
const SURNAMES: &str = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾萧田董袁潘于蒋蔡余杜叶程\
    苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵";
const GIVEN: &str = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文辉力永健世广志义兴良海山仁波宁贵福生龙元全国胜学祥\
    才发武新利清飞彬富顺信子昌成康星光天达安岩中茂进林有坚和彪博诚先敬震振壮会思群豪心邦承乐绍功松善厚庆民友裕河\
    哲江浩亮政谦亨奇固之轮翰朗伯宏言若鸣朋斌梁栋维启克伦翔旭鹏泽晨辰士以建家致树炎德行时泰盛雄琛钧冠策腾楠榕风航弘";

pub async fn measure(customers: u64) -> anyhow::Result<()> {
    let suite = Suite::start(Backend::SqliteMemory).await?;
    let clients = suite.clients()?;
    println!("Search among {customers} customers, one caller, {HOW_LONG:?} each");
    let begun = Instant::now();
    import(&clients, customers).await?;
    let took = begun.elapsed();
    println!(
        "  imported in {took:.1?}: {:.0} rows/s",
        customers as f64 / took.as_secs_f64()
    );
    for (what, queries) in [
        ("whole name", ["王伟", "李秀英", "smith"]),
        ("part of a name", ["小明", "秀英", "jo"]),
        ("surname alone", ["王", "陈", "wang"]),
        ("pinyin", ["zhangwei", "xiuying", "lixiuy"]),
        ("initials", ["lxy", "zhangxy", "wxm"]),
        ("one letter wrong", ["jonahtan", "smiht", "magraret"]),
        ("one letter", ["w", "l", "j"]),
        ("end of a phone", ["4711", "0815", "0000"]),
        ("nobody", ["王龘", "zzzzzz", "quux quux"]),
    ] {
        let load = search(&clients, queries).await?;
        print(what, &load);
    }
    print("look-up", &lookup(&clients, customers).await?);
    print("list", &list(&clients).await?);
    Ok(())
}

fn print(what: &str, load: &Load) {
    println!(
        "  {what}: p50 {:?}, p99 {:?}, bar <= {P99_MAX:?}: {}",
        load.p50,
        load.p99,
        verdict(load.p99 <= P99_MAX)
    );
}

async fn search(clients: &Clients, queries: [&'static str; 3]) -> anyhow::Result<Load> {
    let clients = clients.clone();
    load::run(1, HOW_LONG, move |_, count| {
        let mut searches = clients.searches.clone();
        async move {
            let request = SearchCustomersRequest {
                query: queries[usize::try_from(count)? % queries.len()].to_owned(),
                ..Default::default()
            };
            searches.search_customers(request).await?;
            Ok(())
        }
    })
    .await
}

async fn lookup(clients: &Clients, customers: u64) -> anyhow::Result<Load> {
    let clients = clients.clone();
    load::run(1, HOW_LONG, move |_, count| {
        let mut client = clients.customers.clone();
        async move {
            let number = (count * 7_919) % customers;
            let key = Key::ExternalId(build::external_id(&number.to_string()));
            let request = LookupCustomersRequest {
                keys: vec![CustomerKey {
                    key: Some(key),
                    region_code: String::new(),
                }],
                ..Default::default()
            };
            let answer = client.lookup_customers(request).await?.into_inner();
            ensure!(
                !answer.results[0].customer.is_empty(),
                "{number} is nobody's"
            );
            Ok(())
        }
    })
    .await
}

async fn list(clients: &Clients) -> anyhow::Result<Load> {
    let clients = clients.clone();
    load::run(1, HOW_LONG, move |_, _| {
        let mut client = clients.customers.clone();
        async move {
            let request = ListCustomersRequest {
                filter: "region_code = \"CN\"".to_owned(),
                ..Default::default()
            };
            client.list_customers(request).await?;
            Ok(())
        }
    })
    .await
}

async fn import(clients: &Clients, customers: u64) -> anyhow::Result<()> {
    let header = ImportHeader {
        format: ImportFormat::Rows.into(),
        ..Default::default()
    };
    let rows = (0..customers.div_ceil(ROWS)).map(move |batch| {
        let numbers = batch * ROWS..customers.min((batch + 1) * ROWS);
        Part::Rows(ImportRows {
            customers: numbers.map(person).collect(),
        })
    });
    let parts = std::iter::once(Part::Header(header)).chain(rows);
    let parts = parts.map(|part| ImportCustomersRequest { part: Some(part) });
    let mut client = clients.customers.clone();
    let answers = client
        .import_customers(futures::stream::iter(parts))
        .await?;
    let mut answers = answers.into_inner();
    let mut created = None;
    while let Some(answer) = answers.next().await {
        if let Some(Said::Summary(summary)) = answer?.part {
            created = Some(summary.created_count);
        }
    }
    let created = created.context("an import ends with a summary")?;
    ensure!(created == i64::try_from(customers)?, "{created} were made");
    Ok(())
}

/// The same for the same number; four of five have Chinese names.
fn person(number: u64) -> Customer {
    const ENGLISH: [&str; 12] = [
        "Jonathan",
        "Margaret",
        "Smith",
        "Johnson",
        "Williams",
        "Mary",
        "Elizabeth",
        "Robert",
        "Garcia",
        "Miller",
        "Davis",
        "Josephine",
    ];
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d;
    let mut draw = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap_or(0) % below
    };
    let name = if draw(5) == 0 {
        format!("{} {}", ENGLISH[draw(12)], ENGLISH[draw(12)])
    } else {
        let surnames: Vec<char> = SURNAMES.chars().collect();
        let given: Vec<char> = GIVEN.chars().collect();
        // The smaller of two is small more often.
        let surname = surnames[draw(surnames.len()).min(draw(surnames.len()))];
        let (one, two) = (given[draw(given.len())], given[draw(given.len())]);
        match draw(4) {
            0 => format!("{surname}{one}"),
            _ => format!("{surname}{one}{two}"),
        }
    };
    Customer {
        contact_points: vec![build::phone(&format!("+8613{number:09}"))],
        ..build::person(&name, &number.to_string())
    }
}
