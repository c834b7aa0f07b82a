//! What is being recorded, for those who follow: while many events stream in, reading each of them
//! back costs about as much as recording it did.
//!
//! Only a shortcut, and only for ids that the feed has named: these are committed and rows never
//! change, so what is here equals what is stored. What is not here is read. Whoever erases
//! customers takes their batches out; in other processes on the same database they are kept for
//! [`KEPT_FOR`] at most.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dossier_kernel::id::InteractionId;
use dossier_kernel::{CustomerId, TenantId};

use crate::domain::{Details, Interaction};

/// How many interactions are kept at most, and how large one may be: a few megabytes in all.
const KEPT_MAX: usize = 8_192;
const TEXT_BYTES_MAX: usize = 512;
const LINES_MAX: usize = 4;
/// Followers are seconds behind, or read anyway.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// The last interactions without words, the oldest leaving first.
#[derive(Default)]
pub struct Recent(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    batches: VecDeque<Batch>,
    /// The number of the first batch that is still there.
    first: u64,
    /// Where an interaction is: the number of its batch, and its place there.
    places: HashMap<InteractionId, (u64, usize)>,
}

struct Batch {
    tenant: TenantId,
    interactions: Arc<Vec<Interaction>>,
    since: Instant,
}

impl Recent {
    /// Keeps a batch on its way to the disk: a follower may hear of it before its caller does. What
    /// turns out to be a duplicate, or is rolled back, is in no feed and never asked for.
    pub fn keep(&self, tenant: &TenantId, batch: Arc<Vec<Interaction>>) {
        if batch.is_empty() || batch.len() > KEPT_MAX || !batch.iter().all(is_small) {
            return;
        }
        let mut kept = self.lock();
        kept.drop_old();
        while kept.places.len() + batch.len() > KEPT_MAX {
            kept.drop_oldest();
        }
        let number = kept.first + kept.batches.len() as u64;
        let places = batch
            .iter()
            .enumerate()
            .map(|(place, one)| (one.id, (number, place)));
        kept.places.extend(places);
        kept.batches.push_back(Batch {
            tenant: tenant.clone(),
            interactions: batch,
            since: Instant::now(),
        });
    }

    /// Forgets the batches in which one of these customers is.
    pub fn forget(&self, tenant: &TenantId, customers: &HashSet<CustomerId>) {
        let mut kept = self.lock();
        let Kept {
            batches, places, ..
        } = &mut *kept;
        for batch in batches.iter_mut().filter(|batch| batch.tenant == *tenant) {
            let mut interactions = batch.interactions.iter();
            if interactions.any(|one| customers.contains(&one.customer)) {
                for one in batch.interactions.iter() {
                    places.remove(&one.id);
                }
                batch.interactions = Arc::default();
            }
        }
    }

    /// Those of the interactions that are here and of the tenant.
    pub fn find(
        &self,
        tenant: &TenantId,
        ids: &[InteractionId],
    ) -> HashMap<InteractionId, Interaction> {
        let mut found = Vec::with_capacity(ids.len());
        {
            let mut kept = self.lock();
            kept.drop_old();
            for id in ids {
                let Some(&(number, place)) = kept.places.get(id) else {
                    continue;
                };
                let index = usize::try_from(number - kept.first).unwrap_or(usize::MAX);
                match kept.batches.get(index) {
                    Some(batch) if batch.tenant == *tenant => {
                        found.push((Arc::clone(&batch.interactions), place));
                    }
                    _ => {}
                }
            }
        }
        let copies = found.iter().filter_map(|(batch, place)| batch.get(*place));
        copies
            .map(|interaction| (interaction.id, interaction.clone()))
            .collect()
    }

    // No panic can leave the two collections contradicting each other in a way that matters: a
    // place without a batch is read from the store.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn drop_old(&mut self) {
        let old = |batch: &Batch| batch.since.elapsed() >= KEPT_FOR;
        while self.batches.front().is_some_and(old) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(batch) = self.batches.pop_front() {
            self.first += 1;
            for interaction in batch.interactions.iter() {
                self.places.remove(&interaction.id);
            }
        } else {
            self.places.clear();
        }
    }
}

/// Free text is never kept outside its seal; the rest only while it is small.
fn is_small(interaction: &Interaction) -> bool {
    let draft = &interaction.draft;
    let small = match &draft.details {
        Details::Purchase(purchase) => purchase.lines.len() <= LINES_MAX,
        Details::PageView { page, .. } => page.len() <= TEXT_BYTES_MAX,
        _ => true,
    };
    small && draft.event_id.len() <= TEXT_BYTES_MAX && draft.words.is_empty()
}

#[cfg(test)]
mod tests {
    use dossier_kernel::Timestamp;

    use super::*;
    use crate::domain::{Draft, Words};

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).expect("a tenant")
    }

    fn batch(count: usize, words: &Words) -> Arc<Vec<Interaction>> {
        let one = |_| Interaction {
            id: InteractionId::generate(),
            customer: CustomerId::generate(),
            create_time: Timestamp(0),
            draft: Draft {
                source: "shop".into(),
                event_id: "e".into(),
                occur_time: Timestamp(0),
                channel: String::new(),
                direction: None,
                details: Details::Email,
                words: words.clone(),
            },
        };
        Arc::new((0..count).map(one).collect())
    }

    fn ids(batch: &[Interaction]) -> Vec<InteractionId> {
        batch.iter().map(|interaction| interaction.id).collect()
    }

    #[test]
    fn what_comes_is_found_by_its_tenant_until_newer_ones_come() {
        let recent = Recent::default();
        let first = batch(3, &Words::default());
        let all = ids(&first);
        recent.keep(&tenant("a"), Arc::clone(&first));
        let found = recent.find(&tenant("a"), &all[1..]);
        assert_eq!(found.len(), 2);
        assert_eq!(found.get(&all[2]), Some(&first[2]));
        assert!(recent.find(&tenant("b"), &all).is_empty());

        for _ in 0..20 {
            let next = batch(500, &Words::default());
            recent.keep(&tenant("a"), Arc::clone(&next));
            assert_eq!(recent.find(&tenant("a"), &ids(&next)).len(), 500);
            assert!(recent.lock().places.len() <= KEPT_MAX);
        }
        assert!(recent.find(&tenant("a"), &all).is_empty());
    }

    #[test]
    fn nothing_is_found_of_whom_was_forgotten_and_the_others_stay() {
        let recent = Recent::default();
        let [first, other] = [(); 2].map(|()| batch(3, &Words::default()));
        for (name, kept) in [("a", &first), ("a", &other), ("b", &first)] {
            recent.keep(&tenant(name), Arc::clone(kept));
        }
        let gone = HashSet::from([first[1].customer]);
        recent.forget(&tenant("b"), &gone);
        assert_eq!(recent.find(&tenant("a"), &ids(&other)).len(), 3);
        recent.keep(&tenant("a"), Arc::clone(&first));
        recent.forget(&tenant("a"), &gone);
        assert!(recent.find(&tenant("a"), &ids(&first)).is_empty());
        assert_eq!(recent.find(&tenant("a"), &ids(&other)).len(), 3);
        recent.keep(&tenant("a"), Arc::clone(&first));
        assert_eq!(recent.find(&tenant("a"), &ids(&first)).len(), 3);
    }

    #[test]
    fn words_are_not_kept() {
        let recent = Recent::default();
        let said = batch(1, &Words::of_text("hello".into()));
        recent.keep(&tenant("a"), Arc::clone(&said));
        assert!(recent.find(&tenant("a"), &ids(&said)).is_empty());
    }
}
