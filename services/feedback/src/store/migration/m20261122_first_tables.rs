//! Surveys, invitations, responses and cases.

use sea_orm_migration::prelude::*;

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "feedback_0001_first_tables"
    }
}

const TABLES: &[&str] = &[
    "CREATE TABLE survey (tenant_id text NOT NULL, survey_id {uuid} NOT NULL, \
     revision bigint NOT NULL, create_time bigint NOT NULL, update_time bigint NOT NULL, \
     display_name text NOT NULL, questions text NOT NULL, state text NOT NULL, \
     version integer NOT NULL, publish_time bigint, PRIMARY KEY (tenant_id, survey_id))",
    "CREATE TABLE invitation (tenant_id text NOT NULL, invitation_id {uuid} NOT NULL, \
     survey_id {uuid} NOT NULL, customer_id {uuid} NOT NULL, create_time bigint NOT NULL, \
     expire_time bigint NOT NULL, use_time bigint, PRIMARY KEY (tenant_id, invitation_id))",
    "CREATE INDEX invitation_survey ON invitation (tenant_id, survey_id)",
    "CREATE TABLE response (tenant_id text NOT NULL, response_id {uuid} NOT NULL, \
     survey_id {uuid} NOT NULL, survey_version integer NOT NULL, customer_id {uuid} NOT NULL, \
     invitation_id {uuid} NOT NULL, create_time bigint NOT NULL, scores text NOT NULL, \
     direct {bytes}, PRIMARY KEY (tenant_id, response_id))",
    // The promise "once per invitation" is held here, whoever races.
    "CREATE UNIQUE INDEX response_invitation ON response (tenant_id, invitation_id)",
    "CREATE INDEX response_survey ON response (tenant_id, survey_id, response_id)",
    "CREATE TABLE answer (tenant_id text NOT NULL, survey_id {uuid} NOT NULL, \
     question_id text NOT NULL, response_id {uuid} NOT NULL, score integer, \
     PRIMARY KEY (tenant_id, survey_id, question_id, response_id))",
    "CREATE TABLE feedback_case (tenant_id text NOT NULL, case_id {uuid} NOT NULL, \
     revision bigint NOT NULL, create_time bigint NOT NULL, update_time bigint NOT NULL, \
     customer_id {uuid} NOT NULL, case_type text NOT NULL, channel text, state text NOT NULL, \
     resolve_time bigint, close_time bigint, direct {bytes} NOT NULL, \
     PRIMARY KEY (tenant_id, case_id))",
    "CREATE INDEX feedback_case_created ON feedback_case (tenant_id, create_time, case_id)",
    "CREATE TABLE case_reply (tenant_id text NOT NULL, case_id {uuid} NOT NULL, \
     reply_number integer NOT NULL, reply_id {uuid} NOT NULL, create_time bigint NOT NULL, \
     author text NOT NULL, direct {bytes} NOT NULL, \
     PRIMARY KEY (tenant_id, case_id, reply_number))",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, bytes) = match manager.get_database_backend() {
            sea_orm::DbBackend::Sqlite => ("BLOB", "BLOB"),
            _ => ("uuid", "bytea"),
        };
        for table in TABLES {
            let sql = table.replace("{uuid}", uuid).replace("{bytes}", bytes);
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
