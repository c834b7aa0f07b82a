//! W3: streamed durable writes beside the database alone: the same rows into a table with the same
//! indexes, on SQLite with a prepared statement in one transaction, on PostgreSQL with COPY. What
//! was written stays, so that both tables grow alike: the larger an index, the more a row costs.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use dossier_proto::interaction::v1::IngestInteractionsRequest;
use dossier_proto::interaction::v1::ingest_result::Outcome;
use dossier_proto::profile::v1::CreateCustomerRequest;
use dossier_testkit::{Backend, Clients, Plan, Shape, Suite, build};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use tokio_stream::wrappers::ReceiverStream;

use crate::pairs::{Series, verdict};

const EVENTS: u64 = 20_000;
const CUSTOMERS: usize = 200;
const TABLE: &str = "interaction";
const RATIO_MIN: f64 = 0.35;
/// Of the suite's writer.
const CACHE_KIB: i32 = 8 << 10;
const CHECKPOINT_PAGES: i32 = 16_000;
/// Its place among the processes of a suite.
const SEGMENTATION: usize = 2;

/// The bar is held against the services that take part in recording. What the followers then make of
/// the events, on the same two cores at the same time, is measured beside it.
pub async fn measure(pairs: u32) -> anyhow::Result<()> {
    println!("W3 IngestInteractions, one stream, {EVENTS} events, every acknowledgement on disk");
    beside_sqlite(pairs).await?;
    if Backend::PostgresRedis.is_wanted() {
        beside_copy(pairs).await?;
    }
    Ok(())
}

async fn beside_sqlite(pairs: u32) -> anyhow::Result<()> {
    let alone = Stage::set(Backend::SqliteMemory, Shape::FourProcesses).await?;
    let whole = Stage::set(Backend::SqliteMemory, Shape::OneProcess).await?;
    let mut raw_table = alone.raw_table()?;
    let (mut ratios, mut followed) = (Series::new(), Series::new());
    for pair in 1..=pairs {
        let ours = alone.ingest(pair).await?;
        let rows = alone.rows()?;
        let raw = insert_raw(&mut raw_table, &rows)?;
        let all = whole.ingest(pair).await?;
        ratios.push(ours / raw);
        followed.push(all / raw);
        println!(
            "  {pair}: SQLite alone {raw:.0} rows/s, suite {ours:.0} events/s, \
             with segmentation in the same process {all:.0} events/s"
        );
    }
    println!(
        "  ratio {}, bar >= {RATIO_MIN}: {}",
        ratios.shown(3),
        verdict(ratios.median() >= RATIO_MIN)
    );
    println!("  ratio with segmentation following {}", followed.shown(3));
    Ok(())
}

async fn beside_copy(pairs: u32) -> anyhow::Result<()> {
    let alone = Stage::set(Backend::PostgresRedis, Shape::FourProcesses).await?;
    let table = format!("dossier_interaction.{TABLE}");
    let raw_table = format!("{table}_raw");
    let make = format!("CREATE TABLE {raw_table} (LIKE {table} INCLUDING ALL)");
    alone.suite.sql_as_admin(&make)?;
    let mut ratios = Series::new();
    for pair in 1..=pairs {
        let ours = alone.ingest(pair).await?;
        let raw = alone.copy_raw(&table, &raw_table)?;
        ratios.push(ours / raw);
        println!("  {pair}: COPY alone {raw:.0} rows/s, suite {ours:.0} events/s");
    }
    println!(
        "  ratio {}, bar >= {RATIO_MIN}: {}",
        ratios.shown(3),
        verdict(ratios.median() >= RATIO_MIN)
    );
    Ok(())
}

/// A suite with customers who buy.
struct Stage {
    suite: Suite,
    clients: Clients,
    customers: Vec<String>,
}

impl Stage {
    /// In four processes, segmentation is stopped: nobody follows.
    async fn set(backend: Backend, shape: Shape) -> anyhow::Result<Self> {
        let mut suite = Suite::start_as(Plan {
            backend,
            shape,
            log_level: "info",
        })
        .await?;
        if shape == Shape::FourProcesses {
            suite.kill_one(SEGMENTATION)?;
        }
        let mut clients = suite.clients()?;
        let mut customers = Vec::new();
        for number in 0..CUSTOMERS {
            let person = build::person("Somebody", &number.to_string());
            let request = CreateCustomerRequest {
                customer: Some(person),
                ..Default::default()
            };
            let created = clients.customers.create_customer(request).await?;
            customers.push(created.into_inner().name);
        }
        Ok(Self {
            suite,
            clients,
            customers,
        })
    }

    async fn ingest(&self, pair: u32) -> anyhow::Result<f64> {
        ingest(&self.clients, &self.customers, pair).await
    }

    /// Rows a second of COPY, for the newest of the suite's own rows.
    fn copy_raw(&self, table: &str, raw_table: &str) -> anyhow::Result<f64> {
        let file = self.suite.dir().join("rows");
        let file = file.display();
        let newest = format!("SELECT * FROM {table} ORDER BY id DESC LIMIT {EVENTS}");
        let psql = |statement: &str| self.suite.sql_as_admin(statement);
        psql(&format!(
            "\\copy (SELECT * FROM ({newest}) AS newest ORDER BY id) TO '{file}'"
        ))?;
        let begun = Instant::now();
        psql("SELECT 1")?;
        let start = begun.elapsed();
        let begun = Instant::now();
        psql(&format!("\\copy {raw_table} FROM '{file}'"))?;
        let copied = begun.elapsed().saturating_sub(start);
        Ok(EVENTS as f64 / copied.as_secs_f64())
    }

    /// The newest of the suite's own rows.
    fn rows(&self) -> anyhow::Result<Vec<Vec<Value>>> {
        let source = self.database()?;
        let mut select = source.prepare(&format!(
            "SELECT * FROM \"{TABLE}\" ORDER BY id DESC LIMIT ?1"
        ))?;
        let columns = select.column_count();
        let mut rows: Vec<Vec<Value>> = select
            .query_map([i64::try_from(EVENTS)?], |row| {
                (0..columns).map(|column| row.get(column)).collect()
            })?
            .collect::<Result<_, _>>()?;
        ensure!(rows.len() as u64 == EVENTS, "there are {} rows", rows.len());
        rows.reverse();
        Ok(rows)
    }

    /// An empty table with the suite's schema, under the same durability and with as much memory.
    fn raw_table(&self) -> anyhow::Result<Connection> {
        let source = self.database()?;
        let schema: Vec<String> = source
            .prepare("SELECT sql FROM sqlite_master WHERE tbl_name = ?1 AND sql IS NOT NULL ORDER BY type DESC")?
            .query_map([TABLE], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let raw = Connection::open(self.suite.dir().join("raw.db"))?;
        raw.pragma_update(None, "journal_mode", "WAL")?;
        raw.pragma_update(None, "synchronous", "FULL")?;
        raw.pragma_update(None, "cache_size", -CACHE_KIB)?;
        raw.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        for statement in schema {
            raw.execute_batch(&statement)?;
        }
        Ok(raw)
    }

    fn database(&self) -> anyhow::Result<Connection> {
        let path = find_database(self.suite.dir())?;
        Ok(Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_ONLY,
        )?)
    }
}

/// Events a second, from the first sent to the last acknowledged.
async fn ingest(clients: &Clients, customers: &[String], pair: u32) -> anyhow::Result<f64> {
    let requests: Vec<_> = (0..EVENTS)
        .map(|position| {
            let customer = &customers[usize::try_from(position).unwrap_or(0) % customers.len()];
            let event = format!("{pair}-{position}");
            let second = 1_760_000_000 + i64::try_from(position).unwrap_or(0);
            let interaction = build::purchase(customer, "bench", &event, second, 2_933);
            IngestInteractionsRequest {
                position,
                interaction: Some(interaction),
                customer_key: None,
            }
        })
        .collect();
    let (send, receive) = tokio::sync::mpsc::channel(1_024);
    let begun = Instant::now();
    tokio::spawn(async move {
        for request in requests {
            if send.send(request).await.is_err() {
                return;
            }
        }
    });
    let mut interactions = clients.interactions.clone();
    let answers = interactions
        .ingest_interactions(ReceiverStream::new(receive))
        .await?;
    let mut answers = answers.into_inner();
    let mut acknowledged = 0;
    while let Some(answer) = answers.message().await? {
        for result in answer.results {
            ensure!(
                matches!(result.outcome, Some(Outcome::Name(_))),
                "an event was refused"
            );
            acknowledged += 1;
        }
    }
    ensure!(
        acknowledged == EVENTS,
        "{acknowledged} of {EVENTS} were acknowledged"
    );
    Ok(EVENTS as f64 / begun.elapsed().as_secs_f64())
}

/// Rows a second.
fn insert_raw(table: &mut Connection, rows: &[Vec<Value>]) -> anyhow::Result<f64> {
    let places = vec!["?"; rows[0].len()].join(", ");
    let begun = Instant::now();
    let transaction = table.transaction()?;
    {
        let mut insert =
            transaction.prepare(&format!("INSERT INTO \"{TABLE}\" VALUES ({places})"))?;
        for row in rows {
            insert.execute(params_from_iter(row))?;
        }
    }
    transaction.commit()?;
    Ok(rows.len() as f64 / begun.elapsed().as_secs_f64())
}

fn find_database(dir: &Path) -> anyhow::Result<PathBuf> {
    let path = dir.join("data").join("dossier-interaction.db");
    path.is_file()
        .then_some(path)
        .context("the suite has no interaction database where expected")
}
