//! What the databases of a running suite are made of: the tenant comes first in every key, and on
//! PostgreSQL every table with a tenant is behind row-level security.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use dossier_testkit::{Backend, Suite};
use rusqlite::Connection;

/// Tables that hold nothing of any tenant, and why.
const WITHOUT_TENANT: [(&str, &str); 10] = [
    (
        "audit_head",
        "how far the audit log goes, for all tenants together",
    ),
    ("audit_tile", "hashes of hashes of all tenants' events"),
    ("dossier_migration", "which migrations were applied"),
    (
        "feed_head",
        "how far the feed goes, for all tenants together",
    ),
    (
        "rereading",
        "which feeds are being read anew, for all tenants together",
    ),
    ("term_index", SEARCHED),
    ("term_index_config", SEARCHED),
    ("term_index_data", SEARCHED),
    ("term_index_docsize", SEARCHED),
    ("term_index_idx", SEARCHED),
];

const SEARCHED: &str = "SQLite's index of customer_term: hashes under the tenants' own keys, and \
    numbers of its rows; whoever asks it asks customer_term for the tenant";

/// Tables that have tenants and whose key is something else, and why.
const KEYED_OTHERWISE: [(&str, &[&str], &str); 2] = [
    (
        "feed_event",
        &["seq"],
        "of a SQLite file, which is no distributed table: one counter numbers the events of all tenants",
    ),
    (
        "customer_term",
        &["doc"],
        "of a SQLite file, whose full-text index knows rows by one number; unique by tenant as well",
    ),
];

/// Columns of the primary key in their order, by service and table.
type Keys = BTreeMap<(String, String), Vec<String>>;

pub fn check(suite: &Suite) -> anyhow::Result<()> {
    let keys = match suite.backend() {
        Backend::SqliteMemory => in_files(suite)?,
        Backend::PostgresRedis => {
            suite.dump_stores()?;
            let dump = std::fs::read(suite.dir().join("postgres.sql"))?;
            let dump = String::from_utf8_lossy(&dump);
            let keys = in_dump(&dump);
            check_walls(&keys, &dump)?;
            keys
        }
    };
    ensure!(keys.len() >= 20, "only {} tables were found", keys.len());
    check_keys(&keys)
}

fn check_keys(keys: &Keys) -> anyhow::Result<()> {
    for ((service, table), key) in keys {
        let excused = WITHOUT_TENANT.iter().any(|(name, _)| name == table);
        let keyed = key.first().is_some_and(|column| column == "tenant_id");
        let mut otherwise = KEYED_OTHERWISE.iter();
        if otherwise.any(|(name, columns, _)| table == name && key == columns) {
            continue;
        }
        ensure!(
            excused != keyed,
            "the primary key of {service}.{table} is {key:?}: begin it with tenant_id, or say in \
             tests/it/tenancy/tables.rs why it holds nothing of any tenant"
        );
    }
    Ok(())
}

fn check_walls(keys: &Keys, dump: &str) -> anyhow::Result<()> {
    for (service, table) in keys.keys() {
        if WITHOUT_TENANT.iter().any(|(name, _)| name == table) {
            continue;
        }
        let name = format!("{service}.{table}");
        for line in [
            format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;"),
            format!("ALTER TABLE ONLY {name} FORCE ROW LEVEL SECURITY;"),
            format!("CREATE POLICY tenant ON {name} USING"),
        ] {
            ensure!(
                dump.contains(&line),
                "{name} is not behind the wall: no `{line}`"
            );
        }
    }
    let policies = dump.matches("\nCREATE POLICY ").count();
    let walled = keys.len() - without_tenant(keys);
    ensure!(
        policies == walled,
        "{policies} policies for {walled} tables"
    );
    Ok(())
}

fn without_tenant(keys: &Keys) -> usize {
    let excused = |table: &String| WITHOUT_TENANT.iter().any(|(name, _)| name == table);
    keys.keys().filter(|(_, table)| excused(table)).count()
}

fn in_files(suite: &Suite) -> anyhow::Result<Keys> {
    let mut keys = Keys::new();
    for entry in std::fs::read_dir(suite.dir().join("data"))? {
        let path = entry?.path();
        let Some(service) = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".db"))
        else {
            continue;
        };
        let db = Connection::open(&path)?;
        let mut tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'")?;
        let names = tables.query_map([], |row| row.get::<_, String>(0))?;
        for table in names {
            let table = table?;
            if table.starts_with("sqlite_") {
                continue;
            }
            let sql = "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk";
            let mut columns = db.prepare(sql)?;
            let columns = columns.query_map([&table], |row| row.get(0))?;
            keys.insert(
                (service.to_owned(), table),
                columns.collect::<Result<_, _>>()?,
            );
        }
    }
    Ok(keys)
}

fn in_dump(dump: &str) -> Keys {
    let mut keys = Keys::new();
    for statement in dump.split(";\n") {
        let statement = statement.trim_start_matches(|c| c != 'C' && c != 'A');
        if let Some(rest) = find(statement, "CREATE TABLE ")
            && let Some(name) = table(rest)
        {
            keys.entry(name).or_default();
        }
        if let Some(rest) = find(statement, "ALTER TABLE ONLY ")
            && let Some(name) = table(rest)
            && let Some((_, key)) = rest.split_once("PRIMARY KEY (")
            && let Some((columns, _)) = key.split_once(')')
        {
            let columns = columns
                .split(", ")
                .map(|name| name.trim_matches('"').to_owned());
            keys.insert(name, columns.collect());
        }
    }
    keys
}

fn find<'a>(statement: &'a str, word: &str) -> Option<&'a str> {
    let at = statement.find(word)?;
    // Words of a row's value are not at the beginning of a line.
    (at == 0 || statement[..at].ends_with('\n')).then(|| &statement[at + word.len()..])
}

fn table(rest: &str) -> Option<(String, String)> {
    let name = rest.split([' ', '\n']).next()?;
    let (schema, table) = name.split_once('.')?;
    Some((schema.to_owned(), table.trim_matches('"').to_owned()))
}

/// A check that cannot fail proves nothing.
#[test]
fn a_table_without_tenant_key_or_wall_is_noticed() -> anyhow::Result<()> {
    let fine = "CREATE TABLE dossier_profile.customer (\n    tenant_id text NOT NULL\n);\n\
        ALTER TABLE ONLY dossier_profile.customer FORCE ROW LEVEL SECURITY;\n\
        ALTER TABLE ONLY dossier_profile.customer\n    \
        ADD CONSTRAINT customer_pkey PRIMARY KEY (tenant_id, id);\n\
        ALTER TABLE dossier_profile.customer ENABLE ROW LEVEL SECURITY;\n\
        CREATE POLICY tenant ON dossier_profile.customer USING (true);\n";
    let check = |dump: &str| check_keys(&in_dump(dump)).and(check_walls(&in_dump(dump), dump));
    check(fine)?;
    for (from, to, word) in [
        ("KEY (tenant_id, id)", "KEY (id)", "primary key"),
        (
            "ALTER TABLE dossier_profile.customer ENABLE",
            "--",
            "ENABLE",
        ),
        ("FORCE ROW LEVEL SECURITY", "REPLICA IDENTITY FULL", "FORCE"),
        ("CREATE POLICY tenant", "CREATE POLICY other", "POLICY"),
        (
            "USING (true);\n",
            "USING (true);\nCREATE POLICY hole ON x;\n",
            "2 policies",
        ),
    ] {
        let noticed = check(&fine.replace(from, to)).err();
        let noticed = noticed.with_context(|| format!("{word} was not noticed"))?;
        ensure!(noticed.to_string().contains(word), "{noticed}");
    }
    Ok(())
}
