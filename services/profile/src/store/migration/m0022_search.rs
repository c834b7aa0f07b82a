//! By which terms customers are found, and whose are not known yet.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct CreateSearch;

impl MigrationName for CreateSearch {
    fn name(&self) -> &str {
        "profile_0022_search"
    }
}

/// `customer_term` has a customer's terms in one text; who has a term is kept by the database. On
/// SQLite by a full-text index, which gathers what is new and merges it in the background of other
/// writes: a tree of single terms would dirty a page for nearly every one. `doc` is what that index
/// calls a row.
const SQLITE: [&str; 5] = [
    "CREATE TABLE customer_term (\
     doc INTEGER PRIMARY KEY, tenant_id text NOT NULL, customer_id BLOB NOT NULL, \
     index_version integer NOT NULL, terms text NOT NULL, \
     UNIQUE (tenant_id, customer_id, index_version))",
    "CREATE VIRTUAL TABLE term_index USING \
     fts5(terms, content='', contentless_delete=1, detail=none, tokenize='ascii')",
    "CREATE TRIGGER customer_term_added AFTER INSERT ON customer_term BEGIN \
     INSERT INTO term_index (rowid, terms) VALUES (new.doc, new.terms); END",
    "CREATE TRIGGER customer_term_gone AFTER DELETE ON customer_term BEGIN \
     DELETE FROM term_index WHERE rowid = old.doc; END",
    "CREATE TABLE search_backlog (\
     tenant_id text NOT NULL, customer_id BLOB NOT NULL, \
     PRIMARY KEY (tenant_id, customer_id)) WITHOUT ROWID",
];

/// On PostgreSQL by a table: behind row-level security no index over a text or an array is used,
/// because its operators are not leakproof.
const POSTGRES: [&str; 7] = [
    "CREATE TABLE customer_term (\
     tenant_id text NOT NULL, customer_id uuid NOT NULL, index_version integer NOT NULL, \
     terms text NOT NULL, PRIMARY KEY (tenant_id, customer_id, index_version))",
    "CREATE TABLE term_customer (\
     tenant_id text NOT NULL, term text COLLATE \"C\" NOT NULL, customer_id uuid NOT NULL, \
     PRIMARY KEY (tenant_id, term, customer_id))",
    "CREATE FUNCTION customer_term_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     INSERT INTO term_customer (tenant_id, term, customer_id) \
     SELECT tenant_id, unnest(string_to_array(terms, ' ')), customer_id FROM added \
     ON CONFLICT DO NOTHING; RETURN NULL; END $$",
    "CREATE TRIGGER customer_term_added AFTER INSERT ON customer_term \
     REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION customer_term_added()",
    "CREATE FUNCTION customer_term_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     DELETE FROM term_customer USING \
     (SELECT tenant_id, unnest(string_to_array(terms, ' ')) AS term, customer_id FROM gone) AS lost \
     WHERE term_customer.tenant_id = lost.tenant_id AND term_customer.term = lost.term \
     AND term_customer.customer_id = lost.customer_id; RETURN NULL; END $$",
    "CREATE TRIGGER customer_term_gone AFTER DELETE ON customer_term \
     REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION customer_term_gone()",
    "CREATE TABLE search_backlog (\
     tenant_id text NOT NULL, customer_id uuid NOT NULL, PRIMARY KEY (tenant_id, customer_id))",
];

#[async_trait::async_trait]
impl MigrationTrait for CreateSearch {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let conn = manager.get_connection();
        let steps: &[&str] = match manager.get_database_backend() {
            DbBackend::Sqlite => &SQLITE,
            _ => &POSTGRES,
        };
        for sql in steps {
            conn.execute_unprepared(sql).await?;
        }
        // Their names are sealed: a job opens them, a few at a time.
        let waiting = "INSERT INTO search_backlog SELECT tenant_id, id FROM customer";
        conn.execute_unprepared(waiting).await?;
        Ok(())
    }
}
