//! Surveys from draft to report.

use dossier_db::Once;
use dossier_kernel::id::SurveyId;
use dossier_kernel::{Ctx, PageSize, Result, Timestamp};

use super::App;
use crate::domain::report::{self, AnswerCounts, Score};
use crate::domain::{Question, Survey, SurveyDraft, SurveyPatch};
use crate::store::{Invitations, Responses, Surveys};

/// What a survey's responses say.
pub struct Report {
    pub survey: Survey,
    pub invitation_count: i64,
    pub response_count: i64,
    /// In the survey's order.
    pub questions: Vec<(Question, AnswerCounts, Option<Score>)>,
}

impl App {
    pub async fn create_survey(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        id: Option<SurveyId>,
        draft: SurveyDraft,
    ) -> Result<Survey> {
        let id = id.unwrap_or_else(SurveyId::generate);
        let row = Surveys::to_row(&ctx.tenant, &Survey::create(id, draft, self.clock.now())?)?;
        let done = self
            .db
            .write_once(ctx, once, move |tx| {
                Box::pin(async move {
                    Surveys::insert(tx, &row).await?;
                    tx.touch(id.to_name(), ["display_name", "questions"]);
                    Ok(row)
                })
            })
            .await?;
        Surveys::from_row(done.value)
    }

    pub async fn get_survey(&self, ctx: &Ctx, id: SurveyId) -> Result<Survey> {
        Surveys::get(&self.db.reader_of(&ctx.tenant), &ctx.tenant, id).await
    }

    pub async fn list_surveys(
        &self,
        ctx: &Ctx,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<Survey>, String)> {
        Surveys::list(&self.db, &ctx.tenant, size, page_token).await
    }

    pub async fn update_survey(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        id: SurveyId,
        etag: String,
        patch: SurveyPatch,
    ) -> Result<Survey> {
        let fields = patch.fields();
        self.change_survey(ctx, once, id, fields, move |survey, now| {
            survey.update(patch, &etag, now).map(|()| true)
        })
        .await
    }

    pub async fn publish_survey(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        id: SurveyId,
    ) -> Result<Survey> {
        let fields = vec!["state", "version", "publish_time"];
        self.change_survey(ctx, once, id, fields, Survey::publish)
            .await
    }

    pub async fn close_survey(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        id: SurveyId,
    ) -> Result<Survey> {
        self.change_survey(ctx, once, id, vec!["state"], Survey::close)
            .await
    }

    pub async fn get_survey_report(&self, ctx: &Ctx, id: SurveyId) -> Result<Report> {
        let conn = &self.db.reader_of(&ctx.tenant);
        let survey = Surveys::get(conn, &ctx.tenant, id).await?;
        let mut counts = Responses::answer_counts(conn, &ctx.tenant, id).await?;
        let questions = survey.questions.iter().map(|question| {
            let counts = counts.remove(&question.question_id).unwrap_or_default();
            let score = report::score(question.question_type, &counts.scores);
            (question.clone(), counts, score)
        });
        Ok(Report {
            questions: questions.collect(),
            invitation_count: Invitations::count(conn, &ctx.tenant, id).await?,
            response_count: Responses::count(conn, &ctx.tenant, id).await?,
            survey,
        })
    }

    /// Loads, lets `change` decide, and saves when it says that something changed. A concurrent
    /// change of the same survey is decided after it: the row is locked when it is read.
    async fn change_survey<F>(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        id: SurveyId,
        fields: Vec<&'static str>,
        change: F,
    ) -> Result<Survey>
    where
        F: FnOnce(&mut Survey, Timestamp) -> Result<bool> + Send + 'static,
    {
        let now = self.clock.now();
        let tenant = ctx.tenant.clone();
        let done = self
            .db
            .write_once(ctx, once, move |tx| {
                Box::pin(async move {
                    let mut survey = Surveys::lock(tx, &tenant, id).await?;
                    let changed = change(&mut survey, now)?;
                    let row = Surveys::to_row(&tenant, &survey)?;
                    if changed {
                        Surveys::save(tx, &row).await?;
                        tx.touch(id.to_name(), fields);
                    }
                    Ok(row)
                })
            })
            .await?;
        Surveys::from_row(done.value)
    }
}
