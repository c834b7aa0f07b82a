//! Invitations, and the one response that each allows.

use dossier_db::{Once, Tx};
use dossier_kernel::id::{InvitationId, ResponseId, SurveyId};
use dossier_kernel::{Ctx, Error, PageSize, Reason, Result, Timestamp};

use super::subject::soon;
use super::{App, Done};
use crate::domain::{Answer, Invitation, Response, Who, check_answers};
use crate::store::{FeedbackEvent, InvitationRow, Invitations, ResponseRow, Responses, Surveys};

impl App {
    pub async fn create_invitation(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        survey: SurveyId,
        who: Who,
        expire_time: Option<Timestamp>,
    ) -> Result<Invitation> {
        let soon = &soon(ctx);
        let customer = self.profile.resolve(ctx, who).await;
        let now = self.clock.now();
        let tenant = ctx.tenant.clone();
        let done = self
            .db
            .write_once(soon, once, move |tx| {
                Box::pin(async move {
                    // Everything is judged here and not before: who was invited already is told so
                    // again, also where the survey, the time or the customer has gone since.
                    let expire_time = Invitation::expiry(expire_time, now)?;
                    Surveys::get(tx.conn(), &tenant, survey)
                        .await?
                        .check_published()?;
                    let invitation = Invitation {
                        id: InvitationId::generate(),
                        survey,
                        customer: customer?,
                        create_time: now,
                        expire_time,
                        use_time: None,
                    };
                    let row = Invitations::to_row(&tenant, &invitation);
                    Invitations::insert(tx, &row).await?;
                    let fields = ["survey", "customer", "expire_time"];
                    tx.touch(invitation.id.to_name(), fields);
                    Ok::<InvitationRow, Error>(row)
                })
            })
            .await?;
        Ok(Invitations::from_row(done.value))
    }

    pub async fn submit_response(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        invitation: InvitationId,
        answers: Vec<Answer>,
    ) -> Result<Done<Response>> {
        let app = self.clone();
        let inside = ctx.clone();
        let given = answers.clone();
        let done = self
            .db
            .write_once(ctx, once, move |tx| {
                Box::pin(async move { app.submit(&inside, tx, invitation, given).await })
            })
            .await?;
        let cursor = self.cursor_of(&done).await?;
        let response = self.open_response(ctx, done.value).await?;
        if done.replayed {
            self.saw_responses(ctx, std::slice::from_ref(&response))
                .await?;
        }
        Ok(Done {
            value: response,
            cursor,
        })
    }

    /// The first response wins, held by the store. The same answers again are the same request.
    async fn submit(
        &self,
        ctx: &Ctx,
        tx: &Tx,
        invitation: InvitationId,
        answers: Vec<Answer>,
    ) -> Result<ResponseRow> {
        let now = self.clock.now();
        let tenant = &ctx.tenant;
        let invitation = Invitations::get(tx.conn(), tenant, invitation).await?;
        let survey = Surveys::get(tx.conn(), tenant, invitation.survey).await?;
        let answers = check_answers(&survey.questions, answers)?;
        let key = self
            .vault
            .key_or_create(tx, tenant, invitation.customer)
            .await?;
        if let Some(first) = Responses::of_invitation(tx.conn(), tenant, invitation.id).await? {
            return same_answers(Responses::from_row(Some(&key), first.clone())?, &answers)
                .map(|()| first);
        }
        survey.check_published()?;
        invitation.check_open(now)?;
        let response = Response {
            id: ResponseId::generate(),
            survey: survey.id,
            survey_version: survey.version,
            customer: invitation.customer,
            invitation: invitation.id,
            create_time: now,
            answers,
            masked: false,
        };
        let row = Responses::to_row(tenant, &key, &response)?;
        if !Responses::insert(tx, &row).await? {
            // Another call committed between our question and the insert; it can be read now.
            let first = Responses::of_invitation(tx.conn(), tenant, invitation.id).await?;
            let first = first
                .ok_or_else(|| Error::unavailable("The invitation is being answered; retry."))?;
            let opened = Responses::from_row(Some(&key), first.clone())?;
            return same_answers(opened, &response.answers).map(|()| first);
        }
        Invitations::mark_used(tx, tenant, invitation.id, now).await?;
        tx.touch(response.id.to_name(), ["answers"]);
        tx.touch(invitation.id.to_name(), ["use_time"]);
        self.stage(ctx, tx, &FeedbackEvent::of_response(&response))?;
        Ok(row)
    }

    pub async fn list_responses(
        &self,
        ctx: &Ctx,
        survey: SurveyId,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<Response>, String)> {
        Surveys::get(&self.db.reader_of(&ctx.tenant), &ctx.tenant, survey).await?;
        let (rows, next) =
            Responses::list(&self.db, &ctx.tenant, Some(survey), size, page_token).await?;
        let sight = self.sight(ctx)?;
        let responses = Responses::open(&self.vault, &self.db, &ctx.tenant, rows, sight).await?;
        self.saw_responses(ctx, &responses).await?;
        Ok((responses, next))
    }

    async fn open_response(&self, ctx: &Ctx, row: ResponseRow) -> Result<Response> {
        let sight = self.sight(ctx)?;
        let mut opened =
            Responses::open(&self.vault, &self.db, &ctx.tenant, vec![row], sight).await?;
        opened
            .pop()
            .ok_or_else(|| Error::internal("a response did not open"))
    }
}

fn same_answers(first: Response, answers: &[Answer]) -> Result<()> {
    if first.answers == answers {
        return Ok(());
    }
    Err(Error::new(
        Reason::FailedPrecondition,
        "The invitation was used with other answers; an invitation is answered once.",
    )
    .with("response", first.id.to_name()))
}
