//! Reads and writes invitations.

use dossier_db::{Tx, error, find, update_many};
use dossier_kernel::id::{InvitationId, SurveyId};
use dossier_kernel::{CustomerId, Error, Result, TenantId, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::entity::invitation::{Column, Entity, Model};
use crate::domain::Invitation;

/// The table of invitations.
pub struct Invitations;

impl Invitations {
    pub fn to_row(tenant: &TenantId, invitation: &Invitation) -> Model {
        let Invitation {
            id,
            survey,
            customer,
            create_time,
            expire_time,
            use_time,
        } = invitation;
        Model {
            tenant_id: tenant.to_string(),
            invitation_id: id.uuid(),
            survey_id: survey.uuid(),
            customer_id: customer.uuid(),
            create_time: create_time.micros(),
            expire_time: expire_time.micros(),
            use_time: use_time.map(Timestamp::micros),
        }
    }

    pub fn from_row(row: Model) -> Invitation {
        let Model {
            tenant_id: _,
            invitation_id,
            survey_id,
            customer_id,
            create_time,
            expire_time,
            use_time,
        } = row;
        Invitation {
            id: InvitationId(invitation_id),
            survey: SurveyId(survey_id),
            customer: CustomerId(customer_id),
            create_time: Timestamp(create_time),
            expire_time: Timestamp(expire_time),
            use_time: use_time.map(Timestamp),
        }
    }

    pub async fn get(
        conn: &impl ConnectionTrait,
        tenant: &TenantId,
        id: InvitationId,
    ) -> Result<Invitation> {
        let row = find::<Entity>(tenant)
            .filter(Column::InvitationId.eq(id.uuid()))
            .one(conn)
            .await
            .map_err(error)?
            .ok_or_else(|| Error::not_found(id.to_name()))?;
        Ok(Self::from_row(row))
    }

    /// A customer's, oldest first, after the one given.
    pub async fn of_customers(
        conn: &impl ConnectionTrait,
        tenant: &TenantId,
        customers: &[CustomerId],
        after: Option<InvitationId>,
        limit: u64,
    ) -> Result<Vec<Invitation>> {
        let after = after.map_or(Uuid::nil(), InvitationId::uuid);
        let rows = find::<Entity>(tenant)
            .filter(Column::CustomerId.is_in(customers.iter().map(|id| id.uuid())))
            .filter(Column::InvitationId.gt(after))
            .order_by_asc(Column::InvitationId)
            .limit(limit)
            .all(conn)
            .await
            .map_err(error)?;
        Ok(rows.into_iter().map(Self::from_row).collect())
    }

    pub async fn insert(tx: &Tx, row: &Model) -> Result<()> {
        Entity::insert(row.clone().into_active_model())
            .exec_without_returning(tx.conn())
            .await
            .map_err(error)?;
        Ok(())
    }

    pub async fn mark_used(
        tx: &Tx,
        tenant: &TenantId,
        id: InvitationId,
        now: Timestamp,
    ) -> Result<()> {
        update_many::<Entity>(tenant)
            .col_expr(Column::UseTime, Expr::value(now.micros()))
            .filter(Column::InvitationId.eq(id.uuid()))
            .exec(tx.conn())
            .await
            .map_err(error)?;
        Ok(())
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
}
