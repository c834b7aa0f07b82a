//! Everything customers say, as it comes.

use dossier_feed::{Cursor, Item};
use dossier_filter::Filter;
use dossier_kernel::{Ctx, PageSize, Result, TenantId, Timestamp};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio_util::sync::CancellationToken;

use super::App;
use crate::domain::case_filter::CaseFields;
use crate::store::{Cases, FeedbackEvent, Responses, tenants};

/// What a watcher of feedback receives.
pub enum Watched {
    /// Said before the watch began; the cursor comes after the last of them.
    Snapshot {
        tenant: TenantId,
        time: Timestamp,
        event: FeedbackEvent,
    },
    Event {
        cursor: Cursor,
        tenant: TenantId,
        time: Timestamp,
        event: FeedbackEvent,
    },
    Heartbeat {
        cursor: Cursor,
    },
    End {
        cursor: Cursor,
    },
}

impl App {
    /// Resumes after `cursor`; without one begins now, or with the snapshot of what there is.
    pub async fn watch_feedback(
        &self,
        ctx: &Ctx,
        cursor: &str,
        include_snapshot: bool,
        stop: CancellationToken,
    ) -> Result<BoxStream<'static, Result<Watched>>> {
        if !cursor.is_empty() {
            return Ok(self.tail(ctx, Cursor::parse(cursor)?, stop));
        }
        // The head is taken first: what is said while the snapshot runs comes again in the tail.
        let head = self.feed.head().await?;
        let tail = self.tail(ctx, head.clone(), stop);
        if !include_snapshot {
            return Ok(tail);
        }
        let end = stream::once(async move { Ok(Watched::Heartbeat { cursor: head }) });
        Ok(self.snapshot(ctx).await?.chain(end).chain(tail).boxed())
    }

    fn tail(
        &self,
        ctx: &Ctx,
        after: Cursor,
        stop: CancellationToken,
    ) -> BoxStream<'static, Result<Watched>> {
        let items = self.feed.watch(ctx.tenant.clone(), Some(after), stop);
        items
            .map(|item| {
                Ok(match item? {
                    Item::Event {
                        cursor,
                        tenant,
                        subject: _,
                        time,
                        body,
                    } => Watched::Event {
                        cursor,
                        tenant,
                        time,
                        event: FeedbackEvent::decode(&body)?,
                    },
                    Item::Heartbeat { cursor } => Watched::Heartbeat { cursor },
                    Item::End { cursor } => Watched::End { cursor },
                })
            })
            .boxed()
    }

    /// Page by page, so that a slow reader holds one page in memory.
    async fn snapshot(&self, ctx: &Ctx) -> Result<BoxStream<'static, Result<Watched>>> {
        let tenants = if ctx.tenant.is_all() {
            tenants(&self.db).await?
        } else {
            vec![ctx.tenant.clone()]
        };
        let sources = tenants.into_iter().flat_map(|tenant| {
            [Source::Responses, Source::Cases].map(|source| (tenant.clone(), source))
        });
        let app = self.clone();
        let pages =
            stream::iter(sources).flat_map(move |(tenant, source)| app.pages(tenant, source));
        Ok(pages.boxed())
    }

    fn pages(&self, tenant: TenantId, source: Source) -> BoxStream<'static, Result<Watched>> {
        let app = self.clone();
        let pages = stream::try_unfold(Some(String::new()), move |token| {
            let (app, tenant) = (app.clone(), tenant.clone());
            async move {
                let Some(token) = token else { return Ok(None) };
                let (events, next) = app.page(&tenant, source, &token).await?;
                let items = events.into_iter().map(move |(time, event)| {
                    Ok(Watched::Snapshot {
                        tenant: tenant.clone(),
                        time,
                        event,
                    })
                });
                let next = (!next.is_empty()).then_some(next);
                Ok::<_, dossier_kernel::Error>(Some((
                    stream::iter(items.collect::<Vec<_>>()),
                    next,
                )))
            }
        });
        futures::TryStreamExt::try_flatten(pages).boxed()
    }

    async fn page(
        &self,
        tenant: &TenantId,
        source: Source,
        token: &str,
    ) -> Result<(Vec<(Timestamp, FeedbackEvent)>, String)> {
        let size = PageSize(PageSize::MAX);
        match source {
            Source::Responses => {
                let (rows, next) = Responses::list(&self.db, tenant, None, size, token).await?;
                let events = rows.into_iter().map(|row| {
                    let response = Responses::from_row(None, row)?;
                    Ok((response.create_time, FeedbackEvent::of_response(&response)))
                });
                Ok((events.collect::<Result<_>>()?, next))
            }
            Source::Cases => {
                let all = Filter::parse("", &CaseFields)?;
                let (rows, next) = Cases::list(&self.db, tenant, &all, size, token).await?;
                let events = rows.into_iter().map(|row| {
                    let case = Cases::from_rows(None, row)?;
                    Ok((case.update_time, FeedbackEvent::of_case(&case)))
                });
                Ok((events.collect::<Result<_>>()?, next))
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Source {
    Responses,
    Cases,
}
