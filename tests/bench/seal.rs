//! Sealing and opening a customer of ten fields, beside the bare cipher over the same bytes and beside
//! copying them.

use std::hint::black_box;
use std::time::{Duration, Instant};

use aes_gcm_siv::aead::Aead as _;
use aes_gcm_siv::{Aes256GcmSiv, KeyInit as _, Nonce};
use dossier_db::testing::TestDb;
use dossier_kernel::{Ctx, CustomerId, TenantId};
use dossier_vault::{CustomerKey, Place, RootKey, Vault};

use crate::pairs::{Series, verdict};

const CUSTOMERS: u32 = 20_000;
const COST_MAX: Duration = Duration::from_micros(50);

/// As a row of profile has it: what names together, what is sensitive together.
const DIRECT: &str = r#"{"v":1,"display_name":"Wang Xiaoming","given_name":"Xiaoming",
"family_name":"Wang","contact_points":[{"kind":"email","value":"wang.xiaoming@example.com"},
{"kind":"phone","value":"+8613912345678"}],"external_ids":[{"namespace":"crm","value":"C-4711"}],
"addresses":[{"postal_code":"200000","lines":["Renmin Road 1","Huangpu"]}],
"attributes":{"plate":{"s":"A-12345"}}}"#;
const SENSITIVE: &str = r#"{"v":1,"attributes":{"health":{"s":"asthma"}}}"#;

pub async fn measure(pairs: u32) -> anyhow::Result<()> {
    let key = customer_key().await?;
    let bare = Aes256GcmSiv::new(&[7; 32].into());
    println!("Seal and open a customer of ten fields, {CUSTOMERS} times each");
    let (mut costs, mut ratios) = (Series::new(), Series::new());
    for pair in 1..=pairs {
        let copied = each(|| {
            for plain in [DIRECT, SENSITIVE] {
                black_box(black_box(plain).as_bytes().to_vec());
            }
            Ok(())
        })?;
        let ceiling = each(|| cipher(&bare))?;
        let ours = each(|| vault(&key))?;
        costs.push(ours.as_secs_f64() * 1e6);
        ratios.push(ours.as_secs_f64() / ceiling.as_secs_f64());
        println!("  {pair}: copy {copied:?}, cipher {ceiling:?}, vault {ours:?}");
    }
    println!("  vault to bare cipher {}", ratios.shown(2));
    println!(
        "  microseconds {}, bar <= {}: {}",
        costs.shown(1),
        COST_MAX.as_micros(),
        verdict(costs.median() <= COST_MAX.as_secs_f64() * 1e6)
    );
    Ok(())
}

fn vault(key: &CustomerKey) -> anyhow::Result<()> {
    for (column, plain) in [("direct", DIRECT), ("sensitive", SENSITIVE)] {
        let place = place(column);
        let sealed = key.seal(&place, black_box(plain.as_bytes()))?;
        black_box(key.open(&place, &sealed)?);
    }
    Ok(())
}

/// What names a customer, sealed.
pub struct Cell {
    key: CustomerKey,
    sealed: Vec<u8>,
}

impl Cell {
    pub async fn new() -> anyhow::Result<Self> {
        let key = customer_key().await?;
        let sealed = key.seal(&place("direct"), DIRECT.as_bytes())?;
        Ok(Self { key, sealed })
    }

    pub fn open(&self) -> anyhow::Result<()> {
        black_box(self.key.open(&place("direct"), black_box(&self.sealed))?);
        Ok(())
    }
}

const fn place(column: &'static str) -> Place {
    Place {
        table: "customer",
        column,
        row: uuid::Uuid::nil(),
    }
}

fn cipher(bare: &Aes256GcmSiv) -> anyhow::Result<()> {
    let refused = |_| anyhow::anyhow!("the cipher failed");
    for plain in [DIRECT, SENSITIVE] {
        let nonce = Nonce::default();
        let sealed = bare.encrypt(&nonce, black_box(plain.as_bytes()));
        let sealed = sealed.map_err(refused)?;
        black_box(bare.decrypt(&nonce, sealed.as_slice()).map_err(refused)?);
    }
    Ok(())
}

/// The time of one.
fn each(work: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    for _ in 0..CUSTOMERS {
        work()?;
    }
    Ok(begun.elapsed() / CUSTOMERS)
}

/// The key of somebody in a database of their own.
async fn customer_key() -> anyhow::Result<CustomerKey> {
    let migrations = || {
        let mut all = dossier_db::migrations();
        all.extend([dossier_feed::migration(), dossier_vault::migration()]);
        all
    };
    let db = TestDb::sqlite(migrations, dossier_feed::append).await;
    let tenant = TenantId::embedded_default();
    let vault = Vault::open(RootKey::from_bytes([7; 32]), db.reopen().await).await?;
    let ctx = Ctx::service("bench", tenant.clone());
    let work = db.db.write(&ctx, move |tx| {
        Box::pin(async move {
            vault
                .key_or_create(tx, &tenant, CustomerId::generate())
                .await
        })
    });
    let key = work.await?.value;
    db.discard().await;
    Ok(key)
}
