//! Reads and writes cases and their replies.

use std::collections::HashMap;

use dossier_access::Sight;
use dossier_db::{Db, PageQuery, Room, Tx, error, find, keyset, update_many};
use dossier_filter::{Column as FilterColumn, Columns, Filter};
use dossier_kernel::id::CaseId;
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{CustomerId, Error, PageSize, PageToken, Pii, Result, TenantId, Timestamp};
use dossier_vault::{CustomerKey, Vault};
use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Order,
    QueryFilter, QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entity::case::{Column, Entity, Model};
use super::entity::case_reply;
use super::sealed::{self, CaseTexts, ReplyText};
use crate::domain::{Case, CaseState, CaseType, Reply};

const TABLE: &str = "feedback_case";
const REPLY_TABLE: &str = "case_reply";
/// Names, times and enumerations of a case's message.
const MESSAGE_BYTES: usize = 256;
/// The time of a reply.
const REPLY_BYTES: i64 = 32;

/// The tables of cases and replies.
pub struct Cases;

/// A case as it lies in the tables: what an idempotent outcome keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseRows {
    case: Model,
    replies: Vec<case_reply::Model>,
}

impl CaseRows {
    pub fn customer(&self) -> CustomerId {
        CustomerId(self.case.customer_id)
    }

    /// What is sealed, and whose it is.
    fn cells(&self) -> impl Iterator<Item = (CustomerId, &[u8])> {
        let replies = self.replies.iter().map(|reply| &reply.direct);
        std::iter::once(&self.case.direct)
            .chain(replies)
            .map(|cell| (self.customer(), cell.as_slice()))
    }
}

impl Cases {
    /// The rows of a case; `sealed_replies` are those that lie in the table already.
    pub fn to_rows(
        tenant: &TenantId,
        key: &CustomerKey,
        case: &Case,
        sealed_replies: Vec<case_reply::Model>,
    ) -> Result<CaseRows> {
        let Case {
            id,
            revision,
            create_time,
            update_time,
            customer,
            case_type,
            subject,
            description,
            channel,
            state,
            replies,
            resolution,
            resolve_time,
            close_time,
            masked: _,
        } = case;
        let texts = CaseTexts {
            subject: subject.expose().clone(),
            description: description.as_ref().map(|text| text.expose().clone()),
            resolution: resolution.as_ref().map(|text| text.expose().clone()),
        };
        let row = Model {
            tenant_id: tenant.to_string(),
            case_id: id.uuid(),
            revision: *revision,
            create_time: create_time.micros(),
            update_time: update_time.micros(),
            customer_id: customer.uuid(),
            case_type: case_type.as_str().to_owned(),
            channel: channel.clone(),
            state: state.as_str().to_owned(),
            resolve_time: resolve_time.map(Timestamp::micros),
            close_time: close_time.map(Timestamp::micros),
            direct: sealed::seal(key, TABLE, id.uuid(), &texts)?,
        };
        let mut reply_rows = sealed_replies;
        for (number, reply) in replies.iter().enumerate().skip(reply_rows.len()) {
            reply_rows.push(reply_row(tenant, key, *id, number, reply)?);
        }
        Ok(CaseRows {
            case: row,
            replies: reply_rows,
        })
    }

    /// Opens rows within sight, all keys in one query. A case whose customer's key is destroyed opens
    /// without its words.
    pub async fn open(
        vault: &Vault,
        db: &Db,
        tenant: &TenantId,
        rows: Vec<CaseRows>,
        sight: Sight,
    ) -> Result<Vec<Case>> {
        if !sight.direct {
            let unopened = rows.into_iter().map(|row| {
                Ok(Case {
                    masked: true,
                    ..Self::from_rows(None, row)?
                })
            });
            return unopened.collect();
        }
        let cells = rows.iter().flat_map(CaseRows::cells);
        let keys = vault
            .keys_to_open(&db.reader_of(tenant), tenant, cells)
            .await?;
        rows.into_iter()
            .map(|row| Self::from_rows(keys.get(&row.customer()), row))
            .collect()
    }

    /// Opens one case. Without a key its words are left out.
    pub fn from_rows(key: Option<&CustomerKey>, rows: CaseRows) -> Result<Case> {
        let CaseRows { case, replies } = rows;
        let Model {
            tenant_id: _,
            case_id,
            revision,
            create_time,
            update_time,
            customer_id,
            case_type,
            channel,
            state,
            resolve_time,
            close_time,
            direct,
        } = case;
        let texts = match key {
            Some(key) => sealed::open(key, TABLE, case_id, &direct)?,
            None => CaseTexts {
                subject: String::new(),
                description: None,
                resolution: None,
            },
        };
        let open_reply = |row: case_reply::Model| -> Result<Reply> {
            let text = match key {
                Some(key) => {
                    sealed::open::<ReplyText>(key, REPLY_TABLE, row.reply_id, &row.direct)?.text
                }
                None => String::new(),
            };
            let create_time = Timestamp(row.create_time);
            Ok(Reply {
                create_time,
                author: row.author,
                text: Pii::new(text),
            })
        };
        Ok(Case {
            id: CaseId(case_id),
            revision,
            create_time: Timestamp(create_time),
            update_time: Timestamp(update_time),
            customer: CustomerId(customer_id),
            case_type: CaseType::parse(&case_type)
                .ok_or_else(|| Error::internal("unknown case type"))?,
            subject: Pii::new(texts.subject),
            description: texts.description.map(Pii::new),
            channel,
            state: CaseState::parse(&state).ok_or_else(|| Error::internal("unknown case state"))?,
            replies: replies.into_iter().map(open_reply).collect::<Result<_>>()?,
            resolution: texts.resolution.map(Pii::new),
            resolve_time: resolve_time.map(Timestamp),
            close_time: close_time.map(Timestamp),
            masked: false,
        })
    }

    pub async fn get(
        conn: &impl ConnectionTrait,
        tenant: &TenantId,
        id: CaseId,
    ) -> Result<CaseRows> {
        let case = find::<Entity>(tenant)
            .filter(Column::CaseId.eq(id.uuid()))
            .one(conn)
            .await
            .map_err(error)?
            .ok_or_else(|| Error::not_found(id.to_name()))?;
        let mut rows = with_replies(conn, tenant, vec![case]).await?;
        rows.pop().ok_or_else(|| Error::not_found(id.to_name()))
    }

    pub async fn insert(tx: &Tx, rows: &CaseRows) -> Result<()> {
        Entity::insert(rows.case.clone().into_active_model())
            .exec_without_returning(tx.conn())
            .await
            .map_err(error)?;
        Self::insert_replies(tx, rows, 0).await
    }

    /// Saves the case and those replies that come after the first `known`. False when somebody else
    /// changed the case since it was read.
    pub async fn save(tx: &Tx, rows: &CaseRows, known: usize) -> Result<bool> {
        let saved = update_many::<Entity>(&TenantId::parse(&rows.case.tenant_id)?)
            .set(rows.case.clone().into_active_model().reset_all())
            .filter(Column::CaseId.eq(rows.case.case_id))
            .filter(Column::Revision.eq(rows.case.revision - 1))
            .exec(tx.conn())
            .await
            .map_err(error)?;
        if saved.rows_affected == 0 {
            return Ok(false);
        }
        Self::insert_replies(tx, rows, known).await?;
        Ok(true)
    }

    async fn insert_replies(tx: &Tx, rows: &CaseRows, known: usize) -> Result<()> {
        for reply in rows.replies.iter().skip(known) {
            case_reply::Entity::insert(reply.clone().into_active_model())
                .exec_without_returning(tx.conn())
                .await
                .map_err(error)?;
        }
        Ok(())
    }

    /// A page, newest first, and the token of the next.
    pub async fn list(
        db: &Db,
        tenant: &TenantId,
        filter: &Filter,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<CaseRows>, String)> {
        let text = filter.to_string();
        let query = ["cases", tenant.as_str(), &text];
        let after = PageToken::decode(page_token, &query)?;
        let select = find::<Entity>(tenant).filter(filter.to_condition(&CaseColumns)?);
        let keys = [
            keyset::Key::int(Expr::col(Column::CreateTime), Order::Desc),
            keyset::Key::uuid(Expr::col(Column::CaseId), Order::Desc),
        ];
        let page = PageQuery {
            select,
            keys: &keys,
            after: after.as_ref().map(|token| token.after.as_slice()),
            rows_max: size.get(),
            room: dossier_db::Room::default(),
        };
        let shown = |row: Model| {
            let bytes = message_bytes(&row);
            Ok(Some((row, bytes)))
        };
        let reader = &db.reader_of(tenant);
        let (mut rows, mut next) = page.read(reader, place, shown).await?;
        let fit = with_replies_fit(reader, tenant, &rows).await?;
        if fit < rows.len() {
            rows.truncate(fit);
            next = rows.last().map(place);
        }
        let rows = with_replies(reader, tenant, rows).await?;
        Ok((rows, PageToken::next(&query, next)))
    }
}

impl CaseRows {
    /// The replies as they lie in the table.
    pub fn into_replies(self) -> Vec<case_reply::Model> {
        self.replies
    }
}

struct CaseColumns;

impl Columns for CaseColumns {
    fn column(&self, path: &[String]) -> Option<FilterColumn> {
        let [name] = path else { return None };
        let column = match name.as_str() {
            "type" => Column::CaseType,
            "state" => Column::State,
            "customer" => Column::CustomerId,
            "channel" => Column::Channel,
            "create_time" => Column::CreateTime,
            "update_time" => Column::UpdateTime,
            _ => return None,
        };
        Some(FilterColumn::Expr(Expr::col(column)))
    }
}

fn reply_row(
    tenant: &TenantId,
    key: &CustomerKey,
    case: CaseId,
    number: usize,
    reply: &Reply,
) -> Result<case_reply::Model> {
    let Reply {
        create_time,
        author,
        text,
    } = reply;
    let reply_id = Uuid::now_v7();
    let text = ReplyText {
        text: text.expose().clone(),
    };
    Ok(case_reply::Model {
        tenant_id: tenant.to_string(),
        case_id: case.uuid(),
        reply_number: i32::try_from(number).map_err(Error::internal)?,
        reply_id,
        create_time: create_time.micros(),
        author: author.clone(),
        direct: sealed::seal(key, REPLY_TABLE, reply_id, &text)?,
    })
}

fn place(case: &Model) -> Vec<KeyValue> {
    vec![
        KeyValue::Int(case.create_time),
        KeyValue::Uuid(case.case_id),
    ]
}

/// About what the message of a case has, without its replies.
fn message_bytes(case: &Model) -> usize {
    MESSAGE_BYTES + case.channel.as_ref().map_or(0, String::len) + case.direct.len()
}

/// How many of the cases are a page with their replies, which are weighed before they are read.
async fn with_replies_fit(
    conn: &impl ConnectionTrait,
    tenant: &TenantId,
    cases: &[Model],
) -> Result<usize> {
    use case_reply::Column as ReplyColumn;
    let length = |column| Func::cust("length").arg(Expr::col(column));
    let bytes = Expr::from(length(ReplyColumn::Direct)).add(length(ReplyColumn::Author));
    let sums: Vec<(Uuid, i64)> = find::<case_reply::Entity>(tenant)
        .select_only()
        .column(ReplyColumn::CaseId)
        .expr(bytes.add(REPLY_BYTES).sum().cast_as("bigint"))
        .filter(ReplyColumn::CaseId.is_in(cases.iter().map(|case| case.case_id)))
        .group_by(ReplyColumn::CaseId)
        .into_tuple()
        .all(conn)
        .await
        .map_err(error)?;
    let replies: HashMap<Uuid, i64> = sums.into_iter().collect();
    let mut room = Room::default();
    let fit = cases.iter().take_while(|case| {
        let replies = replies.get(&case.case_id).copied().unwrap_or_default();
        let replies = usize::try_from(replies).unwrap_or(usize::MAX);
        room.takes(message_bytes(case).saturating_add(replies))
    });
    Ok(fit.count())
}

async fn with_replies(
    conn: &impl ConnectionTrait,
    tenant: &TenantId,
    cases: Vec<Model>,
) -> Result<Vec<CaseRows>> {
    use case_reply::Column as ReplyColumn;
    let ids = cases.iter().map(|case| case.case_id);
    let replies = find::<case_reply::Entity>(tenant)
        .filter(ReplyColumn::CaseId.is_in(ids))
        .order_by_asc(ReplyColumn::ReplyNumber)
        .all(conn)
        .await
        .map_err(error)?;
    let mut by_case: HashMap<Uuid, Vec<case_reply::Model>> = HashMap::new();
    for reply in replies {
        by_case.entry(reply.case_id).or_default().push(reply);
    }
    let rows = cases.into_iter().map(|case| CaseRows {
        replies: by_case.remove(&case.case_id).unwrap_or_default(),
        case,
    });
    Ok(rows.collect())
}
