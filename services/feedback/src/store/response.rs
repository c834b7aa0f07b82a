//! Reads and writes responses, and counts their scores.

use std::collections::BTreeMap;

use dossier_access::Sight;
use dossier_db::{Db, PageQuery, Tx, error, find, insert_many, keyset};
use dossier_kernel::id::{InvitationId, ResponseId, SurveyId};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{CustomerId, Error, PageSize, PageToken, Pii, Result, TenantId, Timestamp};
use dossier_vault::{CustomerKey, Vault};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Order, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, TryInsertResult,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entity::answer;
use super::entity::response::{Column, Entity};
use super::sealed::{self, ResponseTexts};
use crate::domain::report::AnswerCounts;
use crate::domain::{Answer, AnswerValue, Response};

pub use super::entity::response::Model as ResponseRow;

const TABLE: &str = "response";
/// Names and times of a response's message.
const MESSAGE_BYTES: usize = 256;

/// The table of responses.
pub struct Responses;

/// One answer in the clear part of the row: a score, or only that there is a text.
#[derive(Serialize, Deserialize)]
struct ClearAnswer {
    question_id: String,
    score: Option<i32>,
}

impl Responses {
    pub fn to_row(
        tenant: &TenantId,
        key: &CustomerKey,
        response: &Response,
    ) -> Result<ResponseRow> {
        let Response {
            id,
            survey,
            survey_version,
            customer,
            invitation,
            create_time,
            answers,
            masked: _,
        } = response;
        let mut texts = BTreeMap::new();
        let mut clear = Vec::with_capacity(answers.len());
        for Answer { question_id, value } in answers {
            let score = match value {
                AnswerValue::Score(score) => Some(*score),
                AnswerValue::Text(text) => {
                    texts.insert(question_id.clone(), text.expose().clone());
                    None
                }
            };
            clear.push(ClearAnswer {
                question_id: question_id.clone(),
                score,
            });
        }
        let direct = if texts.is_empty() {
            None
        } else {
            Some(sealed::seal(
                key,
                TABLE,
                id.uuid(),
                &ResponseTexts { texts },
            )?)
        };
        Ok(ResponseRow {
            tenant_id: tenant.to_string(),
            response_id: id.uuid(),
            survey_id: survey.uuid(),
            survey_version: *survey_version,
            customer_id: customer.uuid(),
            invitation_id: invitation.uuid(),
            create_time: create_time.micros(),
            scores: serde_json::to_string(&clear).map_err(Error::internal)?,
            direct,
        })
    }

    /// Opens rows within sight, all keys in one query. Texts of a customer whose key is destroyed are
    /// left out.
    pub async fn open(
        vault: &Vault,
        db: &Db,
        tenant: &TenantId,
        rows: Vec<ResponseRow>,
        sight: Sight,
    ) -> Result<Vec<Response>> {
        if !sight.direct {
            let unopened = rows.into_iter().map(|row| {
                let masked = row.direct.is_some();
                Ok(Response {
                    masked,
                    ..Self::from_row(None, row)?
                })
            });
            return unopened.collect();
        }
        let cells = rows.iter().filter_map(|row| {
            let cell = row.direct.as_deref()?;
            Some((CustomerId(row.customer_id), cell))
        });
        let keys = vault
            .keys_to_open(&db.reader_of(tenant), tenant, cells)
            .await?;
        rows.into_iter()
            .map(|row| Self::from_row(keys.get(&CustomerId(row.customer_id)), row))
            .collect()
    }

    /// Opens one row. Without a key its texts are left out.
    pub fn from_row(key: Option<&CustomerKey>, row: ResponseRow) -> Result<Response> {
        let ResponseRow {
            tenant_id: _,
            response_id,
            survey_id,
            survey_version,
            customer_id,
            invitation_id,
            create_time,
            scores,
            direct,
        } = row;
        let mut texts = match (direct, key) {
            (Some(direct), Some(key)) => {
                sealed::open::<ResponseTexts>(key, TABLE, response_id, &direct)?.texts
            }
            _ => BTreeMap::new(),
        };
        let clear: Vec<ClearAnswer> = serde_json::from_str(&scores).map_err(Error::internal)?;
        let answers = clear
            .into_iter()
            .filter_map(|ClearAnswer { question_id, score }| {
                let value = match score {
                    Some(score) => AnswerValue::Score(score),
                    None => AnswerValue::Text(Pii::new(texts.remove(&question_id)?)),
                };
                Some(Answer { question_id, value })
            });
        Ok(Response {
            id: ResponseId(response_id),
            survey: SurveyId(survey_id),
            survey_version,
            customer: CustomerId(customer_id),
            invitation: InvitationId(invitation_id),
            create_time: Timestamp(create_time),
            answers: answers.collect(),
            masked: false,
        })
    }

    pub async fn of_invitation(
        conn: &impl ConnectionTrait,
        tenant: &TenantId,
        invitation: InvitationId,
    ) -> Result<Option<ResponseRow>> {
        find::<Entity>(tenant)
            .filter(Column::InvitationId.eq(invitation.uuid()))
            .one(conn)
            .await
            .map_err(error)
    }

    /// False when another response used the invitation first.
    pub async fn insert(tx: &Tx, row: &ResponseRow) -> Result<bool> {
        let once = OnConflict::columns([Column::TenantId, Column::InvitationId])
            .do_nothing()
            .to_owned();
        let inserted = Entity::insert(row.clone().into_active_model())
            .on_conflict(once)
            .try_insert()
            .exec_without_returning(tx.conn())
            .await
            .map_err(error)?;
        if !matches!(inserted, TryInsertResult::Inserted(_)) {
            return Ok(false);
        }
        let clear: Vec<ClearAnswer> = serde_json::from_str(&row.scores).map_err(Error::internal)?;
        let answers = clear.into_iter().map(|answer| {
            let model = answer::Model {
                tenant_id: row.tenant_id.clone(),
                survey_id: row.survey_id,
                question_id: answer.question_id,
                response_id: row.response_id,
                score: answer.score,
            };
            model.into_active_model()
        });
        insert_many(tx.conn(), answers).await.map_err(error)?;
        Ok(true)
    }

    /// The answers of a survey counted, by question.
    pub async fn answer_counts(
        conn: &impl ConnectionTrait,
        tenant: &TenantId,
        survey: SurveyId,
    ) -> Result<BTreeMap<String, AnswerCounts>> {
        use answer::Column as Answer;
        let rows: Vec<(String, Option<i32>, i64)> = find::<answer::Entity>(tenant)
            .select_only()
            .column(Answer::QuestionId)
            .column(Answer::Score)
            .column_as(Answer::ResponseId.count(), "answer_count")
            .filter(Answer::SurveyId.eq(survey.uuid()))
            .group_by(Answer::QuestionId)
            .group_by(Answer::Score)
            .into_tuple()
            .all(conn)
            .await
            .map_err(error)?;
        let mut counts: BTreeMap<String, AnswerCounts> = BTreeMap::new();
        for (question, score, count) in rows {
            let of_question = counts.entry(question).or_default();
            match score {
                Some(score) => drop(of_question.scores.insert(score, count)),
                None => of_question.texts = count,
            }
        }
        Ok(counts)
    }

    pub async fn count(
        conn: &impl ConnectionTrait,
        tenant: &TenantId,
        survey: SurveyId,
    ) -> Result<i64> {
        let count = find::<Entity>(tenant)
            .filter(Column::SurveyId.eq(survey.uuid()))
            .count(conn)
            .await
            .map_err(error)?;
        i64::try_from(count).map_err(Error::internal)
    }

    /// A customer's, oldest first, after the one given.
    pub async fn of_customers(
        conn: &impl ConnectionTrait,
        tenant: &TenantId,
        customers: &[CustomerId],
        after: Option<ResponseId>,
        limit: u64,
    ) -> Result<Vec<ResponseRow>> {
        let after = after.map_or(Uuid::nil(), ResponseId::uuid);
        find::<Entity>(tenant)
            .filter(Column::CustomerId.is_in(customers.iter().map(|id| id.uuid())))
            .filter(Column::ResponseId.gt(after))
            .order_by_asc(Column::ResponseId)
            .limit(limit)
            .all(conn)
            .await
            .map_err(error)
    }

    /// A page of rows, oldest first, and the token of the next. Without a survey: of all.
    pub async fn list(
        db: &Db,
        tenant: &TenantId,
        survey: Option<SurveyId>,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<ResponseRow>, String)> {
        let of = survey.map(SurveyId::to_name).unwrap_or_default();
        let query = ["responses", tenant.as_str(), &of];
        let after = PageToken::decode(page_token, &query)?;
        let mut select = find::<Entity>(tenant);
        if let Some(survey) = survey {
            select = select.filter(Column::SurveyId.eq(survey.uuid()));
        }
        let keys = [keyset::Key::uuid(Expr::col(Column::ResponseId), Order::Asc)];
        let page = PageQuery {
            select,
            keys: &keys,
            after: after.as_ref().map(|token| token.after.as_slice()),
            rows_max: size.get(),
            room: dossier_db::Room::default(),
        };
        let shown = |row: ResponseRow| {
            let texts = row.direct.as_ref().map_or(0, Vec::len);
            let bytes = MESSAGE_BYTES + row.scores.len() + texts;
            Ok(Some((row, bytes)))
        };
        let place = |row: &ResponseRow| vec![KeyValue::Uuid(row.response_id)];
        let (rows, next) = page.read(&db.reader_of(tenant), place, shown).await?;
        Ok((rows, PageToken::next(&query, next)))
    }
}
