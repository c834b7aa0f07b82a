//! Cases: open → reply → resolve → close.

use std::collections::HashMap;

use dossier_db::{Committed, Once, speaker};
use dossier_filter::Filter;
use dossier_kernel::id::CaseId;
use dossier_kernel::{Ctx, CustomerId, Error, PageSize, Pii, Result, Timestamp};

use super::subject::soon;
use super::{App, Done};
use crate::domain::case_filter::CaseFields;
use crate::domain::{Case, CaseDraft, Who};
use crate::store::{CaseRows, Cases, FeedbackEvent};

impl App {
    pub async fn open_case(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        who: Who,
        draft: CaseDraft,
    ) -> Result<Done<Case>> {
        draft.check()?;
        let soon = &soon(ctx);
        let customer = self.profile.resolve(ctx, who).await;
        let now = self.clock.now();
        let app = self.clone();
        let inside = ctx.clone();
        let done = self
            .db
            .write_once(soon, once, move |tx| {
                Box::pin(async move {
                    // Not before: a case that was opened already is answered also where its
                    // customer has gone since.
                    let case = Case::open(CaseId::generate(), customer?, draft, now)?;
                    let key = app
                        .vault
                        .key_or_create(tx, &inside.tenant, case.customer)
                        .await?;
                    let rows = Cases::to_rows(&inside.tenant, &key, &case, Vec::new())?;
                    Cases::insert(tx, &rows).await?;
                    let fields = ["customer", "type", "subject", "description", "channel"];
                    tx.touch(case.id.to_name(), fields);
                    app.stage(&inside, tx, &FeedbackEvent::of_case(&case))?;
                    Ok(rows)
                })
            })
            .await?;
        self.answer(ctx, done).await
    }

    pub async fn get_case(&self, ctx: &Ctx, id: CaseId) -> Result<Case> {
        let rows = Cases::get(&self.db.reader_of(&ctx.tenant), &ctx.tenant, id).await?;
        let case = self.open_rows(ctx, rows).await?;
        self.saw_cases(ctx, std::slice::from_ref(&case)).await?;
        Ok(case)
    }

    pub async fn list_cases(
        &self,
        ctx: &Ctx,
        filter: &str,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<Case>, String)> {
        let filter = Filter::parse(filter, &CaseFields)?;
        // The only ids are customers': whoever asks for one is shown the cases of all who are one with it.
        let mut together = HashMap::new();
        let reader = &self.db.reader_of(&ctx.tenant);
        for id in filter.ids() {
            let all = speaker::together(reader, &ctx.tenant, CustomerId(id)).await?;
            together.insert(id, all.into_iter().map(CustomerId::uuid).collect());
        }
        let filter = filter.with_ids(&together);
        let (rows, next) = Cases::list(&self.db, &ctx.tenant, &filter, size, page_token).await?;
        let sight = self.sight(ctx)?;
        let cases = Cases::open(&self.vault, &self.db, &ctx.tenant, rows, sight).await?;
        self.saw_cases(ctx, &cases).await?;
        Ok((cases, next))
    }

    pub async fn reply_to_case(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        id: CaseId,
        text: Pii<String>,
    ) -> Result<Done<Case>> {
        let author = ctx.principal.to_string();
        self.change_case(ctx, once, id, &["replies"], move |case, now| {
            case.reply(author, text, now)
        })
        .await
    }

    pub async fn resolve_case(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        id: CaseId,
        resolution: Pii<String>,
    ) -> Result<Done<Case>> {
        let fields = &["resolution", "state"];
        self.change_case(ctx, once, id, fields, move |case, now| {
            case.resolve(resolution, now)
        })
        .await
    }

    pub async fn close_case(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        id: CaseId,
    ) -> Result<Done<Case>> {
        self.change_case(ctx, once, id, &["state"], Case::close)
            .await
    }

    async fn change_case<F>(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        id: CaseId,
        fields: &'static [&'static str],
        change: F,
    ) -> Result<Done<Case>>
    where
        F: FnOnce(&mut Case, Timestamp) -> Result<()> + Send + 'static,
    {
        let now = self.clock.now();
        let app = self.clone();
        let inside = ctx.clone();
        let done = self
            .db
            .write_once(ctx, once, move |tx| {
                Box::pin(async move {
                    let tenant = &inside.tenant;
                    let rows = Cases::get(tx.conn(), tenant, id).await?;
                    let key = app.vault.key_or_create(tx, tenant, rows.customer()).await?;
                    let mut case = Cases::from_rows(Some(&key), rows.clone())?;
                    let known = case.replies.len();
                    change(&mut case, now)?;
                    let rows = Cases::to_rows(tenant, &key, &case, rows.into_replies())?;
                    if !Cases::save(tx, &rows, known).await? {
                        return Err(Error::unavailable(
                            "The case was changed at the same moment; retry.",
                        ));
                    }
                    tx.touch(id.to_name(), fields);
                    app.stage(&inside, tx, &FeedbackEvent::of_case(&case))?;
                    Ok(rows)
                })
            })
            .await?;
        self.answer(ctx, done).await
    }

    /// What a mutation answers; one that was made before shows what it did not write.
    async fn answer(&self, ctx: &Ctx, done: Committed<CaseRows>) -> Result<Done<Case>> {
        let cursor = self.cursor_of(&done).await?;
        let value = self.open_rows(ctx, done.value).await?;
        if done.replayed {
            self.saw_cases(ctx, std::slice::from_ref(&value)).await?;
        }
        Ok(Done { value, cursor })
    }

    async fn open_rows(&self, ctx: &Ctx, rows: CaseRows) -> Result<Case> {
        let sight = self.sight(ctx)?;
        let mut opened = Cases::open(&self.vault, &self.db, &ctx.tenant, vec![rows], sight).await?;
        opened
            .pop()
            .ok_or_else(|| Error::internal("a case did not open"))
    }
}
