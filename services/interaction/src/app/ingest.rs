//! Recording a stream: gather, ask once, write once.

use dossier_feed::Cursor;
use dossier_kernel::{Ctx, Error, Result};

use super::{Batch, Interactions, Record};
use crate::store::Recorded;

/// Items that came together, their customers asked for. What was refused keeps its place.
pub struct Gather {
    batch: Batch,
    /// One per item, in order: its refusal, or `None` where it is the batch's next.
    refused: Vec<Option<Error>>,
}

impl Interactions {
    /// Makes ready what can be recorded. Fails only as a whole: when profile cannot be asked.
    pub async fn gather(&self, ctx: &Ctx, items: Vec<Result<Record>>) -> Result<Gather> {
        let mut records = Vec::with_capacity(items.len());
        let mut refused = Vec::with_capacity(items.len());
        for item in items {
            refused.push(match item {
                Ok(record) => {
                    records.push(record);
                    None
                }
                Err(error) => Some(error),
            });
        }
        Ok(Gather {
            batch: self.batch(ctx, records).await?,
            refused,
        })
    }

    /// Writes a gather in one transaction and says of each item what became of it, once it is on
    /// disk, and where the last change lies in the feed. Fails only as a whole: then nothing of it
    /// was written.
    pub async fn ingest_interactions(
        &self,
        gather: Gather,
    ) -> Result<(Vec<Result<Recorded>>, Option<Cursor>)> {
        let Gather { mut batch, refused } = gather;
        let ctx = batch.ctx();
        let expected = batch.give_rows();
        let expected = expected.map(|(rows, new)| (rows, new.into_iter().map(Ok).collect()));
        let vault = self.0.vault.clone();
        let done = self
            .0
            .db
            .insert(&ctx, expected, move |tx| {
                Box::pin(async move { batch.write(tx, &vault).await })
            })
            .await?;
        let mut written = done.value.into_iter();
        let outcomes = refused.into_iter().map(|refused| match refused {
            Some(error) => Ok(Err(error)),
            None => match written.next() {
                Some(outcome) => Ok(outcome.map_err(Error::from)),
                None => Err(Error::internal("fewer outcomes than records")),
            },
        });
        Ok((
            outcomes.collect::<Result<_>>()?,
            Cursor::of(&done.positions),
        ))
    }
}
