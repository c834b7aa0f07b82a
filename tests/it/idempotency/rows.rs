//! What a service has stored, so that one effect can be told from two and from none.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use anyhow::Context as _;
use dossier_testkit::{Backend, Suite};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

/// Tables that also change where nothing happens twice: the audit log tells of every call, repeats
/// included, cursors follow the feeds of others, SQLite merges the segments of its search index as it
/// likes, and rotations, scans for duplicates, the undoing of imports and the telling of merges go on by
/// themselves.
const LEFT_OUT: [&str; 7] = [
    "audit_",
    "feed_cursor",
    "vault_rotation",
    "duplicate_",
    "import",
    "merge_record",
    "term_index",
];

/// Row count and digest of every table of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows(BTreeMap<String, (i64, String)>);

impl Rows {
    /// `part` is the service: `profile`.
    pub fn read(suite: &Suite, part: &str) -> anyhow::Result<Self> {
        // Profile keeps the API keys of the whole suite.
        let part = if part == "access" { "profile" } else { part };
        let mut rows = match suite.backend() {
            Backend::SqliteMemory => sqlite(suite, part)?,
            Backend::PostgresRedis => postgres(suite, part)?,
        };
        rows.retain(|table, _| !LEFT_OUT.iter().any(|left_out| table.starts_with(left_out)));
        anyhow::ensure!(!rows.is_empty(), "{part} has no tables");
        Ok(Self(rows))
    }

    /// How many rows each table has more than before; tables that have as many are left out.
    pub fn added_since(&self, before: &Self) -> BTreeMap<String, i64> {
        let count = |rows: &Self, table: &str| rows.0.get(table).map_or(0, |(count, _)| *count);
        let added = |table: &String| (table.clone(), count(self, table) - count(before, table));
        let added = self.0.keys().map(added);
        added.filter(|(_, count)| *count != 0).collect()
    }

    /// The tables that say something else than before.
    pub fn changed_since(&self, before: &Self) -> Vec<&str> {
        let changed = self
            .0
            .iter()
            .filter(|(table, now)| before.0.get(*table) != Some(*now));
        changed.map(|(table, _)| table.as_str()).collect()
    }
}

fn sqlite(suite: &Suite, part: &str) -> anyhow::Result<BTreeMap<String, (i64, String)>> {
    let file = suite.dir().join("data").join(format!("dossier-{part}.db"));
    let database = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("cannot open {}", file.display()))?;
    let mut tables = database.prepare(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    )?;
    let tables = tables.query_map([], |row| row.get::<_, String>(0))?;
    let mut all = BTreeMap::new();
    for table in tables {
        let table = table?;
        let mut select = database.prepare(&format!("SELECT * FROM \"{table}\""))?;
        let width = select.column_count();
        let mut rows = select.query([])?;
        let mut digests = Vec::new();
        while let Some(row) = rows.next()? {
            let mut hasher = DefaultHasher::new();
            for column in 0..width {
                format!("{:?}", row.get::<_, Value>(column)?).hash(&mut hasher);
            }
            digests.push(hasher.finish());
        }
        digests.sort_unstable();
        let mut hasher = DefaultHasher::new();
        digests.hash(&mut hasher);
        let count = i64::try_from(digests.len())?;
        all.insert(table, (count, format!("{:x}", hasher.finish())));
    }
    Ok(all)
}

fn postgres(suite: &Suite, part: &str) -> anyhow::Result<BTreeMap<String, (i64, String)>> {
    let answer = suite.sql_as_admin(&format!(
        "SELECT t.tablename || '|' || (xpath('//n/text()', x))[1] || '|' || \
         (xpath('//d/text()', x))[1] FROM pg_tables t, LATERAL query_to_xml(format(\
         'SELECT count(*) AS n, coalesce(md5(string_agg(r::text, '','' ORDER BY r::text)), ''-'') \
         AS d FROM %I.%I r', t.schemaname, t.tablename), false, true, '') AS x \
         WHERE t.schemaname = 'dossier_{part}'"
    ))?;
    let mut all = BTreeMap::new();
    for line in answer.lines() {
        let mut words = line.splitn(3, '|');
        let mut word = || words.next().context("three words a line");
        let (table, count, digest) = (word()?.to_owned(), word()?.parse()?, word()?.to_owned());
        all.insert(table, (count, digest));
    }
    Ok(all)
}
