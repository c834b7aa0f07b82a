//! Reads and writes surveys.

use dossier_db::{Db, PageQuery, Tx, error, find, keyset};
use dossier_kernel::id::SurveyId;
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{Error, PageSize, PageToken, Reason, Result, TenantId, Timestamp};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Order,
    QueryFilter, QuerySelect, Select,
};

use super::entity::survey::{Column, Entity, Model};
use crate::domain::{Survey, SurveyState};

/// Names and times of a survey's message.
const MESSAGE_BYTES: usize = 256;

/// The table of surveys.
pub struct Surveys;

impl Surveys {
    pub fn to_row(tenant: &TenantId, survey: &Survey) -> Result<Model> {
        let Survey {
            id,
            revision,
            create_time,
            update_time,
            display_name,
            questions,
            state,
            version,
            publish_time,
        } = survey;
        Ok(Model {
            tenant_id: tenant.to_string(),
            survey_id: id.uuid(),
            revision: *revision,
            create_time: create_time.micros(),
            update_time: update_time.micros(),
            display_name: display_name.clone(),
            questions: serde_json::to_string(questions).map_err(Error::internal)?,
            state: state.as_str().to_owned(),
            version: *version,
            publish_time: publish_time.map(Timestamp::micros),
        })
    }

    pub fn from_row(row: Model) -> Result<Survey> {
        let Model {
            tenant_id: _,
            survey_id,
            revision,
            create_time,
            update_time,
            display_name,
            questions,
            state,
            version,
            publish_time,
        } = row;
        Ok(Survey {
            id: SurveyId(survey_id),
            revision,
            create_time: Timestamp(create_time),
            update_time: Timestamp(update_time),
            display_name,
            questions: serde_json::from_str(&questions).map_err(Error::internal)?,
            state: SurveyState::parse(&state)
                .ok_or_else(|| Error::internal("unknown survey state"))?,
            version,
            publish_time: publish_time.map(Timestamp),
        })
    }

    pub async fn get(
        conn: &impl ConnectionTrait,
        tenant: &TenantId,
        id: SurveyId,
    ) -> Result<Survey> {
        let row = one(tenant, id).one(conn).await.map_err(error)?;
        Self::from_row(row.ok_or_else(|| Error::not_found(id.to_name()))?)
    }

    /// To change it: nobody else does before the transaction ends. SQLite has one writer and needs
    /// no locks.
    pub async fn lock(tx: &Tx, tenant: &TenantId, id: SurveyId) -> Result<Survey> {
        let locked = one(tenant, id).lock_exclusive();
        let row = locked.one(tx.conn()).await.map_err(error)?;
        Self::from_row(row.ok_or_else(|| Error::not_found(id.to_name()))?)
    }

    pub async fn insert(tx: &Tx, row: &Model) -> Result<()> {
        let taken = find::<Entity>(&TenantId::parse(&row.tenant_id)?)
            .filter(Column::SurveyId.eq(row.survey_id))
            .one(tx.conn())
            .await
            .map_err(error)?;
        if taken.is_some() {
            return Err(already_exists(row));
        }
        // The key decides between two that race past the question above.
        Entity::insert(row.clone().into_active_model())
            .exec_without_returning(tx.conn())
            .await
            .map_err(|e| {
                if dossier_db::is_unique_violation(&e) {
                    already_exists(row)
                } else {
                    error(e)
                }
            })?;
        Ok(())
    }

    pub async fn save(tx: &Tx, row: &Model) -> Result<()> {
        row.clone()
            .into_active_model()
            .reset_all()
            .update(tx.conn())
            .await
            .map_err(error)?;
        Ok(())
    }

    /// A page, oldest first, and the token of the next.
    pub async fn list(
        db: &Db,
        tenant: &TenantId,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<Survey>, String)> {
        let query = ["surveys", tenant.as_str()];
        let after = PageToken::decode(page_token, &query)?;
        let keys = [keyset::Key::uuid(
            sea_orm::sea_query::Expr::col(Column::SurveyId),
            Order::Asc,
        )];
        let page = PageQuery {
            select: find::<Entity>(tenant),
            keys: &keys,
            after: after.as_ref().map(|token| token.after.as_slice()),
            rows_max: size.get(),
            room: dossier_db::Room::default(),
        };
        let shown = |row: Model| {
            let bytes = MESSAGE_BYTES + row.display_name.len() + row.questions.len();
            Ok(Some((Self::from_row(row)?, bytes)))
        };
        let place = |row: &Model| vec![KeyValue::Uuid(row.survey_id)];
        let (surveys, next) = page.read(&db.reader_of(tenant), place, shown).await?;
        Ok((surveys, PageToken::next(&query, next)))
    }
}

fn one(tenant: &TenantId, id: SurveyId) -> Select<Entity> {
    find::<Entity>(tenant).filter(Column::SurveyId.eq(id.uuid()))
}

fn already_exists(row: &Model) -> Error {
    let name = SurveyId(row.survey_id).to_name();
    Error::new(
        Reason::AlreadyExists,
        format!("{name} exists already; choose another survey_id."),
    )
    .with("resource", name)
}
