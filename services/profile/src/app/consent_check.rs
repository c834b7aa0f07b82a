//! Whether purposes may be pursued, of many customers at once.
//!
//! Nothing here is cached: a check reads the ledgers, so that a withdrawal that was answered is seen
//! by every check that begins after it.

use std::collections::{BTreeMap, HashMap};

use dossier_kernel::{Ctx, CustomerId, Result, Timestamp};

use super::{Profile, Question};
use crate::domain::{AsOf, ConsentReason, Date, Stance, Verdict, judge_consent};
use crate::store::{consent_entry, customer, customer_key};

/// Customers whose rows and ledgers are held at a time: any number may share an identifier.
const CUSTOMERS_AT_ONCE: usize = 500;

/// Whether somebody may be contacted, or their data used.
pub struct ConsentQuestion {
    pub who: Question,
    pub purpose: String,
    pub channel: String,
    /// `None`: now.
    pub at: Option<Timestamp>,
}

impl ConsentQuestion {
    fn unknown(&self) -> Verdict {
        Verdict {
            purpose: self.purpose.clone(),
            channel: self.channel.clone(),
            reason: ConsentReason::UnknownCustomer,
            decided_by: None,
        }
    }
}

/// A customer who can be asked about.
struct Known {
    birth_date: Option<Date>,
    ledger: Vec<Stance>,
}

impl Profile {
    /// One answer per question, in their order. Of customers who share an identifier all have to
    /// agree: the answer is of one who does not, if there is any. One whom the caller may not see is
    /// nobody known, and so has not agreed.
    pub async fn check_consents(
        &self,
        ctx: &Ctx,
        questions: Vec<ConsentQuestion>,
    ) -> Result<Vec<Verdict>> {
        let now = self.0.clock.now();
        let mut verdicts: Vec<Verdict> = questions.iter().map(ConsentQuestion::unknown).collect();
        let mut purposes: Vec<&str> = questions.iter().map(|one| one.purpose.as_str()).collect();
        purposes.sort_unstable();
        purposes.dedup();
        let mut unseen: Vec<usize> = Vec::new();
        let asked: Vec<(CustomerId, Vec<usize>)> =
            self.asked(ctx, &questions).await?.into_iter().collect();
        for asked in asked.chunks(CUSTOMERS_AT_ONCE) {
            let ids: Vec<CustomerId> = asked.iter().map(|(id, _)| *id).collect();
            let known = self.known(ctx, &ids, &purposes).await?;
            for (id, indexes) in asked {
                let known = match known.get(id) {
                    Some(Some(known)) => known,
                    Some(None) => {
                        unseen.extend(indexes);
                        continue;
                    }
                    None => continue,
                };
                for index in indexes {
                    let question = &questions[*index];
                    let about = (question.purpose.as_str(), question.channel.as_str());
                    let at = AsOf::of(question.at, now);
                    let verdict = judge_consent(*id, &known.ledger, about, known.birth_date, at);
                    let before = &mut verdicts[*index];
                    let open = [ConsentReason::UnknownCustomer, ConsentReason::InForce];
                    if open.contains(&before.reason) {
                        *before = verdict;
                    }
                }
            }
        }
        for index in unseen {
            if verdicts[index].reason == ConsentReason::InForce {
                verdicts[index] = questions[index].unknown();
            }
        }
        Ok(verdicts)
    }

    /// Whom the questions are about, and which of them.
    async fn asked(
        &self,
        ctx: &Ctx,
        questions: &[ConsentQuestion],
    ) -> Result<BTreeMap<CustomerId, Vec<usize>>> {
        let mut asked: BTreeMap<CustomerId, Vec<usize>> = BTreeMap::new();
        let (mut keys, mut of_keys, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for (index, question) in questions.iter().enumerate() {
            match &question.who {
                Question::Key(key) => {
                    keys.push(key.clone());
                    of_keys.push(index);
                }
                Question::Name(id) => names.push((*id, index)),
                Question::Nobody => {}
            }
        }
        let blind = self.blind(&ctx.tenant, &keys).await?;
        let reader = &self.0.db.reader_of(&ctx.tenant);
        let named: Vec<CustomerId> = names.iter().map(|(id, _)| *id).collect();
        let lives = customer::lives(reader, &ctx.tenant, &named).await?;
        for (id, index) in names {
            let speaker = lives.get(&id).map_or(id, |life| life.speaker);
            asked.entry(speaker).or_default().push(index);
        }
        let holders = customer_key::holders(reader, &ctx.tenant, &blind).await?;
        let mut indexes: HashMap<_, Vec<usize>> = HashMap::new();
        for (key, index) in blind.into_iter().zip(of_keys) {
            indexes.entry(key).or_default().push(index);
        }
        for holder in holders {
            let of_key = indexes.get(&holder.key).into_iter().flatten();
            asked.entry(holder.customer).or_default().extend(of_key);
        }
        Ok(asked)
    }

    /// Those of the customers who live; `None` for whom the caller may not see.
    async fn known(
        &self,
        ctx: &Ctx,
        ids: &[CustomerId],
        purposes: &[&str],
    ) -> Result<HashMap<CustomerId, Option<Known>>> {
        let reader = &self.0.db.reader_of(&ctx.tenant);
        let rows = customer::find_many(reader, &ctx.tenant, ids).await?;
        let live = rows.into_iter().filter(|row| row.delete_time.is_none());
        let live: Vec<_> = live.collect();
        let mut known: HashMap<_, _> = live.iter().map(|row| (row.id(), None)).collect();
        let rows = self.visible(ctx, live)?;
        let mut parts = customer::parts(reader, &ctx.tenant, ids).await?;
        let all = ids.iter().chain(parts.values().flatten());
        let all: Vec<CustomerId> = all.copied().collect();
        let mut ledgers = consent_entry::stances(reader, &ctx.tenant, &all, Some(purposes)).await?;
        for (row, _) in rows {
            let id = row.id();
            let birth_date = row.birth_date()?;
            let parts = parts.remove(&id).unwrap_or_default();
            let ids = std::iter::once(id).chain(parts);
            let ledger = ids.flat_map(|id| ledgers.remove(&id).unwrap_or_default());
            let ledger = ledger.collect();
            known.insert(id, Some(Known { birth_date, ledger }));
        }
        Ok(known)
    }
}
