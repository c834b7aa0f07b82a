//! Recording and reading single interactions, and batches that are recorded whole or not at all.

use std::collections::HashMap;

use dossier_access::{Facts, Sight};
use dossier_audit::Seen;
use dossier_db::{Committed, Once};
use dossier_feed::Cursor;
use dossier_kernel::id::InteractionId;
use dossier_kernel::{self as kernel, Ctx, Result, Violation};

use super::{Interactions, Record};
use crate::domain::{Interaction, Words};
use crate::error::Error;
use crate::store::{self, Recorded};

/// An interaction as recorded.
#[derive(Debug)]
pub struct Answer {
    pub interaction: Interaction,
    /// It had been recorded before.
    pub duplicate: bool,
}

impl Interactions {
    /// Records one interaction; says up to where the feed holds it.
    pub async fn record_interaction(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        record: Record,
    ) -> Result<(Answer, Cursor)> {
        let (mut answers, cursor) = self.record_all(ctx, once, vec![record], None).await?;
        let answer = answers
            .pop()
            .ok_or_else(|| kernel::Error::internal("no answer"))?;
        Ok((answer, cursor))
    }

    /// Records all or none.
    pub async fn batch_record_interactions(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        records: Vec<Record>,
    ) -> Result<(Vec<Answer>, Cursor)> {
        self.record_all(ctx, once, records, Some("requests")).await
    }

    pub async fn get_interaction(&self, ctx: &Ctx, id: InteractionId) -> Result<Interaction> {
        let model = store::find(&self.0.db.reader_of(&ctx.tenant), &ctx.tenant, id).await?;
        let model = model.ok_or(Error::NoInteraction(id))?;
        self.read(ctx, vec![model])
            .await?
            .pop()
            .ok_or_else(|| Error::NoInteraction(id).into())
    }

    /// What the caller may see of interactions: the one place where that is decided. They have no
    /// owner, team or tags.
    pub(super) fn sight(&self, ctx: &Ctx) -> Result<Sight> {
        self.0.access.sight(ctx, Facts::default())
    }

    /// Opens the words of rows as far as the caller may see them, and tells the audit log.
    pub(super) async fn read(
        &self,
        ctx: &Ctx,
        models: Vec<store::Model>,
    ) -> Result<Vec<Interaction>> {
        let tenant = &ctx.tenant;
        let sight = self.sight(ctx)?;
        let words = store::open_words(
            &self.0.vault,
            &self.0.db.reader_of(tenant),
            tenant,
            &models,
            sight,
        )
        .await?;
        let mut shown = Seen::of(InteractionId::COLLECTION);
        let mut interactions = Vec::with_capacity(models.len());
        for (model, words) in models.into_iter().zip(words) {
            if !words.is_empty() {
                shown.resource(model.id);
                shown.direct("details");
            }
            interactions.push(model.read(words)?);
        }
        self.0.audit.saw(ctx, shown).await?;
        Ok(interactions)
    }

    /// `list` is the request's field that holds the records, where it holds several.
    async fn record_all(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        records: Vec<Record>,
        list: Option<&'static str>,
    ) -> Result<(Vec<Answer>, Cursor)> {
        let mut batch = self.batch(ctx, records).await?;
        let fresh = batch.interactions();
        let rows = batch.give_rows();
        let soon = batch.ctx();
        let vault = self.0.vault.clone();
        let done = self
            .0
            .db
            .insert_once(&soon, once, rows, move |tx| {
                Box::pin(async move {
                    let outcome = batch.write(tx, &vault).await?;
                    whole(outcome, list)
                })
            })
            .await?;
        let Committed {
            value: recorded,
            positions,
            replayed,
        } = done;
        let cursor = match Cursor::of(&positions) {
            Some(cursor) => cursor,
            // Whatever was recorded before lies before the head.
            None => self.0.feed.head().await?,
        };
        let fresh = if replayed { &[] } else { fresh.as_slice() };
        Ok((self.answers(ctx, recorded, fresh).await?, cursor))
    }

    /// What was just written is at hand; what had been recorded before is read.
    async fn answers(
        &self,
        ctx: &Ctx,
        recorded: Vec<Recorded>,
        fresh: &[Interaction],
    ) -> Result<Vec<Answer>> {
        let fresh: HashMap<InteractionId, &Interaction> = fresh
            .iter()
            .map(|interaction| (interaction.id, interaction))
            .collect();
        let ids = recorded.iter().map(|recorded| recorded.id);
        let mut earlier: Vec<InteractionId> = ids.filter(|id| !fresh.contains_key(id)).collect();
        earlier.sort_unstable();
        earlier.dedup();
        let mut read = HashMap::with_capacity(earlier.len());
        if !earlier.is_empty() {
            let models =
                store::find_many(&self.0.db.reader_of(&ctx.tenant), &ctx.tenant, &earlier).await?;
            for interaction in self.read(ctx, models.into_values().collect()).await? {
                read.insert(interaction.id, interaction);
            }
        }
        let sight = self.sight(ctx)?;
        recorded
            .into_iter()
            .map(|Recorded { id, duplicate }| {
                let interaction = fresh.get(&id).copied().or_else(|| read.get(&id));
                let mut interaction = interaction.cloned().ok_or(Error::NoInteraction(id))?;
                if !sight.direct {
                    interaction.draft.words = Words::unseen();
                }
                Ok(Answer {
                    interaction,
                    duplicate,
                })
            })
            .collect()
    }
}

/// All, or the first error, which names every record that has one.
fn whole(
    outcome: Vec<Result<Recorded, Error>>,
    list: Option<&'static str>,
) -> Result<Vec<Recorded>> {
    let mut recorded = Vec::with_capacity(outcome.len());
    let mut first = None;
    let mut violations = Vec::new();
    for (index, outcome) in outcome.into_iter().enumerate() {
        match outcome {
            Ok(one) => recorded.push(one),
            Err(error) => {
                if let Some(list) = list {
                    let field = match &error {
                        Error::NobodyHasKey => "customer_key",
                        _ => "interaction.customer",
                    };
                    violations.push(Violation::new(
                        format!("{list}[{index}].{field}"),
                        "must be a customer of this tenant",
                    ));
                }
                first.get_or_insert(error);
            }
        }
    }
    match first {
        None => Ok(recorded),
        Some(error) => Err(kernel::Error::from(error).with_violations(violations)),
    }
}
