//! Who has an identifier.

use std::collections::{HashMap, HashSet};

use dossier_kernel::{Ctx, CustomerId, Result};

use super::Profile;
use crate::domain::Key;
use crate::store;
use crate::store::customer_key::{self, Holder};

const ROWS_AT_ONCE: usize = 1_000;

/// Something a customer may be known by.
pub enum Question {
    Key(Key),
    Name(CustomerId),
    /// What cannot be an identifier and so is nobody's.
    Nobody,
}

/// Who one identifier belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookup {
    /// Where several customers share it, the one that was made first.
    pub customer: Option<CustomerId>,
    /// Whose it was before customers became one.
    pub origin: Option<CustomerId>,
    /// How many live customers have it.
    pub count: u32,
}

impl Profile {
    /// One answer per question, in their order; deleted customers are not found.
    pub async fn lookup_customers(
        &self,
        ctx: &Ctx,
        questions: Vec<Question>,
    ) -> Result<Vec<Lookup>> {
        let reader = &self.0.db.reader_of(&ctx.tenant);
        let mut answers = vec![Lookup::default(); questions.len()];
        let (mut keys, mut names) = (Vec::new(), Vec::new());
        let (mut of_keys, mut asked_by_name) = (Vec::new(), Vec::new());
        for (index, question) in questions.into_iter().enumerate() {
            match question {
                Question::Key(key) => {
                    keys.push(key);
                    of_keys.push(index);
                }
                Question::Name(id) => {
                    names.push(id);
                    asked_by_name.push(index);
                }
                Question::Nobody => {}
            }
        }

        let blind = self.blind(&ctx.tenant, &keys).await?;
        let holders = customer_key::holders(reader, &ctx.tenant, &blind).await?;
        let mut found: HashMap<_, Lookup> = HashMap::with_capacity(holders.len());
        let lives = store::customer::lives(reader, &ctx.tenant, &names).await?;
        let named = holders.iter().map(|holder| holder.customer);
        let of_names = lives.values().map(|life| life.speaker);
        let unseen = self.unseen(ctx, named.chain(of_names)).await?;
        let known = |holder: &Holder| !holder.deleted && !unseen.contains(&holder.customer);
        for holder in holders.into_iter().filter(known) {
            let entry = found.entry(holder.key).or_default();
            // Holders come in the order in which they were made.
            entry.customer.get_or_insert(holder.customer);
            entry.origin.get_or_insert(holder.origin);
            entry.count += 1;
        }
        for (key, index) in blind.iter().zip(of_keys) {
            answers[index] = found.get(key).copied().unwrap_or_default();
        }

        for (id, index) in names.into_iter().zip(asked_by_name) {
            let life = lives.get(&id).filter(|life| !life.deleted);
            let speaker = life.map(|life| life.speaker);
            if let Some(speaker) = speaker.filter(|speaker| !unseen.contains(speaker)) {
                answers[index] = Lookup {
                    customer: Some(speaker),
                    origin: Some(id),
                    count: 1,
                };
            }
        }
        Ok(answers)
    }

    /// Those of `ids` that the caller may not see. Costs a look at the rows where policies ask for
    /// what is in them.
    async fn unseen(
        &self,
        ctx: &Ctx,
        ids: impl Iterator<Item = CustomerId>,
    ) -> Result<HashSet<CustomerId>> {
        if !self.0.access.decides_rows(ctx) {
            return Ok(HashSet::new());
        }
        let ids: HashSet<CustomerId> = ids.collect();
        let asked: Vec<CustomerId> = ids.iter().copied().collect();
        let reader = self.0.db.reader_of(&ctx.tenant);
        let mut unseen = ids;
        // Any number may share an identifier: memory holds the rows of some.
        for asked in asked.chunks(ROWS_AT_ONCE) {
            let rows = store::customer::find_many(&reader, &ctx.tenant, asked).await?;
            for (row, _) in self.visible(ctx, rows)? {
                unseen.remove(&row.id());
            }
        }
        Ok(unseen)
    }
}
