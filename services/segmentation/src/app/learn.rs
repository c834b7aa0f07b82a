//! What follows when a feed tells something.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dossier_db::{Tx, speaker};
use dossier_kernel::{CustomerId, Result, TenantId};

use super::App;
use super::judge::Judge;
use crate::domain::{Cause, News, Standing, What};
use crate::store::{Fact, Known, Said, across, customers, feedback, purchases, schemes};

impl App {
    /// Takes news into the state of the customers and judges them, in the transaction that also
    /// moves the cursor of the feed.
    pub async fn learn(&self, tx: &Tx, news: Vec<News>, cause: Cause) -> Result<()> {
        let mut by_tenant: BTreeMap<TenantId, Vec<News>> = BTreeMap::new();
        for news in news {
            by_tenant.entry(news.tenant.clone()).or_default().push(news);
        }
        for (tenant, news) in by_tenant {
            self.learn_of_tenant(tx, &tenant, news, cause).await?;
        }
        Ok(())
    }

    async fn learn_of_tenant(
        &self,
        tx: &Tx,
        tenant: &TenantId,
        news: Vec<News>,
        cause: Cause,
    ) -> Result<()> {
        let scheme = schemes::share(tx, tenant).await?;
        let mut ids: BTreeSet<CustomerId> = news.iter().map(|news| news.customer).collect();
        // While the tenant is shared nobody comes to speak for others.
        let speakers = speaker::speakers_of(tx.conn(), tenant, &ids).await?;
        ids.extend(speakers.values());
        let mut known = customers::lock_or_create(tx, tenant, &ids).await?;
        let before = known.clone();
        take_in(tx, tenant, &mut known, news, &speakers).await?;
        // While a feed is read anew, nobody is judged by half of the facts.
        if !across::is_rereading(tx.conn()).await? {
            let rules = self.0.rules.of_tenant(tx.conn(), tenant).await?;
            let currency = scheme.currency();
            let at = self.0.clock.now();
            let judge = Judge {
                tx,
                tenant,
                rules: &rules,
                currency,
                cause,
                at,
            };
            for (id, due) in judge.judge(&known).await? {
                if let Some(known) = known.get_mut(&id) {
                    known.due = due;
                }
            }
        }
        let changed = known
            .iter()
            .filter(|(id, known)| before.get(*id) != Some(*known));
        customers::save(tx, tenant, changed.map(|(id, known)| (*id, known))).await
    }
}

/// Moves the files on and keeps the facts, which are those of who speaks for a customer. What is told of
/// customers that are gone is not kept.
async fn take_in(
    tx: &Tx,
    tenant: &TenantId,
    known: &mut BTreeMap<CustomerId, Known>,
    news: Vec<News>,
    speakers: &HashMap<CustomerId, CustomerId>,
) -> Result<()> {
    let mut gone = BTreeSet::new();
    let mut bought = Vec::new();
    let mut said = Vec::new();
    for News {
        tenant: _,
        customer,
        what,
    } in news
    {
        let origin = customer;
        let customer = match what.is_of_file() {
            true => origin,
            false => speakers.get(&origin).copied().unwrap_or(origin),
        };
        let Some(known) = known.get_mut(&customer) else {
            continue;
        };
        match what {
            What::Purged => {
                (known.standing, known.profile) = (Standing::Purged, None);
                gone.insert(customer);
            }
            _ if known.standing == Standing::Erased => {}
            What::File(profile) => {
                (known.standing, known.profile) = (Standing::Live, Some(profile));
            }
            What::Deleted(profile) => {
                (known.standing, known.profile) = (Standing::Deleted, Some(profile));
            }
            _ if known.standing == Standing::Purged => {}
            What::Purchase {
                interaction,
                purchase,
            } => {
                bought.push(Fact {
                    customer,
                    origin,
                    interaction,
                    purchase,
                });
            }
            What::Response { id, time } => {
                said.push(Said {
                    customer,
                    origin,
                    id,
                    response_time: Some(time),
                    open_case: false,
                });
            }
            What::Case { id, open } => {
                said.push(Said {
                    customer,
                    origin,
                    id,
                    response_time: None,
                    open_case: open,
                });
            }
        }
    }
    if !bought.is_empty() {
        purchases::record(tx, tenant, &bought).await?;
    }
    if !said.is_empty() {
        feedback::record(tx, tenant, &said).await?;
    }
    if !gone.is_empty() {
        purchases::forget(tx, tenant, &gone).await?;
        feedback::forget(tx, tenant, &gone).await?;
    }
    Ok(())
}
