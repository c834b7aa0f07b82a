//! Finding customers by name.

use std::collections::{BTreeMap, HashSet};

use dossier_access::Sight;
use dossier_db::Room;
use dossier_filter::Filter;
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{Ctx, CustomerId, Error, PageSize, PageToken, Result, TenantId, Violation};
use dossier_vault::Vault;

use super::reindex::IDENTIFIERS;
use super::{Profile, Seen};
use crate::domain::search::{self, Match, Query, Rank, Step};
use crate::domain::{Definitions, Key};
use crate::store::customer_term::{self, BlindTerm, Place, Terms};
use crate::store::list::CustomerSchema;
use crate::store::{self, SealedCustomer, customer_key};

/// Names the blind index of terms.
const KIND: &str = "term";
/// Customers that are found at most.
const FOUND_MAX: usize = 200;
/// Customers that are looked at for it at most.
const LOOKED_MAX: usize = 2_000;
/// Of which so many at once.
const BATCH: u64 = 250;
/// Customers whose terms are made in one transaction.
const BACKLOG_BATCH: u64 = 200;

/// Who is looked for.
pub struct Search {
    pub query: Query,
    /// As it was typed.
    pub text: String,
    pub filter: String,
    pub page_size: PageSize,
    pub page_token: String,
}

/// Somebody who was found.
pub struct Hit {
    pub seen: Seen,
    pub found: Match,
}

/// A page of them.
pub struct Searched {
    pub hits: Vec<Hit>,
    pub next_page_token: String,
    /// More may match than were found.
    pub truncated: bool,
}

/// What a search has come to.
#[derive(Default)]
struct Finds {
    rows: Vec<(Match, SealedCustomer, Sight)>,
    known: HashSet<CustomerId>,
    looked: usize,
    truncated: bool,
}

impl Finds {
    fn is_full(&self) -> bool {
        self.rows.len() >= FOUND_MAX || self.looked >= LOOKED_MAX
    }
}

/// Who may be among those who are found.
struct Among<'s> {
    ctx: &'s Ctx,
    query: &'s Query,
    filter: &'s Filter,
    definitions: &'s Definitions,
}

impl Profile {
    /// A page of who matches and the caller may see: the best first, ids decide between equals.
    pub async fn search_customers(&self, ctx: &Ctx, search: Search) -> Result<Searched> {
        let tenant = &ctx.tenant;
        let definitions = self.definitions(tenant, !search.filter.is_empty()).await?;
        let schema = CustomerSchema {
            definitions: &definitions,
        };
        let filter = Filter::parse(&search.filter, &schema)?;
        // The token goes through logs and histories: of a name not even a plain hash.
        let text = self.0.vault.blind_index(tenant, "search", &search.text);
        let text = BlindTerm::from(text.await?.first);
        let bound = [tenant.as_str(), text.as_str(), &search.filter];
        let after = place(PageToken::decode(&search.page_token, &bound)?)?;
        let among = Among {
            ctx,
            query: &search.query,
            filter: &filter,
            definitions: &definitions,
        };
        let mut finds = Finds::default();
        if let Some(email) = search.query.email() {
            self.find_by_key(&among, email, &mut finds).await?;
        }
        for step in search.query.steps() {
            // What is merely similar is shown to who found nothing.
            if step.reach == Rank::Similar && !finds.rows.is_empty() {
                break;
            }
            if finds.is_full() {
                finds.truncated = true;
                break;
            }
            self.find_by_terms(&among, &step, &mut finds).await?;
        }
        let Finds {
            mut rows,
            truncated,
            ..
        } = finds;
        rows.sort_by_key(|(found, row, _)| (found.rank, row.id));
        rows.truncate(FOUND_MAX);
        rows.retain(|(found, row, _)| {
            after.is_none_or(|after| after < (found.rank as i64, row.id))
        });
        let mut room = Room::default();
        let fits = |(_, row, sight): &&(Match, SealedCustomer, Sight)| {
            room.takes(row.message_bytes(*sight))
        };
        let count = rows.iter().take(search.page_size.get() as usize);
        let count = count.take_while(fits).count();
        let has_more = count < rows.len();
        rows.truncate(count);
        let next = rows
            .last()
            .filter(|_| has_more)
            .map(|(found, row, _)| vec![KeyValue::Int(found.rank as i64), KeyValue::Uuid(row.id)]);
        let mut matches = Vec::with_capacity(rows.len());
        let mut visible = Vec::with_capacity(rows.len());
        for (found, row, sight) in rows {
            matches.push(found);
            visible.push((row, sight));
        }
        let seen = self.open(tenant, visible).await?;
        self.tell_audit(ctx, &seen).await?;
        let hits = seen.into_iter().zip(matches);
        Ok(Searched {
            hits: hits.map(|(seen, found)| Hit { seen, found }).collect(),
            next_page_token: PageToken::next(&bound, next),
            truncated,
        })
    }

    async fn find_by_key(&self, among: &Among<'_>, key: &Key, finds: &mut Finds) -> Result<()> {
        let tenant = &among.ctx.tenant;
        let reader = self.0.db.reader_of(tenant);
        let blind = self.blind(tenant, std::slice::from_ref(key)).await?;
        let holders = customer_key::holders(&reader, tenant, &blind).await?;
        let mut ids: Vec<CustomerId> = holders.iter().map(|holder| holder.customer).collect();
        finds.truncated |= ids.len() > LOOKED_MAX;
        ids.truncate(LOOKED_MAX);
        self.look_at(among, ids, Rank::Whole, finds).await
    }

    async fn find_by_terms(&self, among: &Among<'_>, step: &Step, finds: &mut Finds) -> Result<()> {
        let tenant = &among.ctx.tenant;
        let reader = self.0.db.reader_of(tenant);
        let mut groups = Vec::with_capacity(step.groups.len());
        for group in &step.groups {
            let mut blind = Vec::with_capacity(group.len());
            for term in group {
                let index = self.0.vault.blind_index(tenant, KIND, term).await?;
                blind.extend(index.live().map(BlindTerm::from));
            }
            groups.push(blind);
        }
        let mut after: Option<Place> = None;
        loop {
            let page = customer_term::holders(&reader, tenant, &groups, after, BATCH);
            let (ids, next) = page.await?;
            self.look_at(among, ids, step.reach, finds).await?;
            after = match next {
                Some(_) if finds.is_full() => {
                    finds.truncated = true;
                    return Ok(());
                }
                Some(place) => Some(place),
                None => {
                    finds.truncated |= finds.rows.len() > FOUND_MAX;
                    return Ok(());
                }
            };
        }
    }

    /// Judges customers by their names. One whose names the caller may not see is as if there were
    /// none: that it matches would tell them.
    async fn look_at(
        &self,
        among: &Among<'_>,
        mut ids: Vec<CustomerId>,
        reach: Rank,
        finds: &mut Finds,
    ) -> Result<()> {
        let Among {
            ctx,
            query,
            filter,
            definitions,
        } = among;
        let (tenant, db) = (&ctx.tenant, &self.0.db);
        // Two rows are of one customer while the index key rotates.
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| !finds.known.contains(id));
        finds.looked += ids.len();
        if ids.is_empty() {
            return Ok(());
        }
        let reader = db.reader_of(tenant);
        let rows = store::list::among(&reader, db.backend(), tenant, &ids, filter, definitions);
        let mut rows = self.visible(ctx, rows.await?)?;
        rows.retain(|(_, sight)| sight.direct);
        let cells = rows.iter().flat_map(|(row, _)| row.cells(IDENTIFIERS));
        let keys = self.0.vault.keys_to_open(&reader, tenant, cells).await?;
        for (row, sight) in rows {
            let customer = store::open(&row, keys.get(&row.id()), IDENTIFIERS)?;
            if let Some(found) = query.judge(&customer, reach) {
                finds.known.insert(row.id());
                finds.rows.push((found, row, sight));
            }
        }
        Ok(())
    }

    /// Makes the terms of customers that are older than the search; says how many there were.
    pub async fn work_off_search_backlog(&self) -> Result<u64> {
        let mut count = 0;
        while !self.stop().is_cancelled() {
            let all = self.0.db.reader_of(&TenantId::all());
            let waiting = store::search_backlog::some(&all, BACKLOG_BATCH).await?;
            if waiting.is_empty() {
                break;
            }
            count += waiting.len() as u64;
            let mut tenants: BTreeMap<TenantId, Vec<CustomerId>> = BTreeMap::new();
            for (tenant, id) in waiting {
                tenants.entry(tenant).or_default().push(id);
            }
            for (tenant, ids) in tenants {
                self.make_terms(tenant, ids).await?;
            }
        }
        Ok(count)
    }

    async fn make_terms(&self, tenant: TenantId, ids: Vec<CustomerId>) -> Result<()> {
        self.0.vault.prepare(&tenant).await?;
        let ctx = Ctx::service("profile", tenant.clone());
        let profile = self.clone();
        let work = self.0.db.write(&ctx, move |tx| {
            Box::pin(async move {
                let vault = &profile.0.vault;
                let rows = store::customer::lock(tx.conn(), &tenant, &ids).await?;
                let cells = rows.iter().flat_map(|row| row.cells(IDENTIFIERS));
                let keys = vault.keys_to_open(tx.conn(), &tenant, cells).await?;
                let mut all = Vec::with_capacity(rows.len());
                for row in rows {
                    let id = row.id();
                    let Ok(customer) = store::open(&row, keys.get(&id), IDENTIFIERS) else {
                        tracing::warn!(customer = %id, "does not open and is not found by name");
                        continue;
                    };
                    let terms = search::terms(&customer);
                    all.extend(blind_terms(vault, &tenant, id, &terms).await?);
                }
                customer_term::insert(tx, &tenant, all).await?;
                store::search_backlog::delete(tx, &tenant, &ids).await
            })
        });
        work.await?;
        Ok(())
    }
}

/// A customer's terms as they are kept: once, and while the index key rotates twice.
pub(super) async fn blind_terms(
    vault: &Vault,
    tenant: &TenantId,
    customer: CustomerId,
    terms: &[String],
) -> Result<Vec<Terms>> {
    let mut versions: Vec<Terms> = Vec::with_capacity(1);
    for term in terms {
        for index in vault.blind_index(tenant, KIND, term).await?.live() {
            let version = index.version;
            let blind = BlindTerm::from(index);
            match versions.iter_mut().find(|kept| kept.version == version) {
                Some(kept) => kept.terms.push(blind),
                None => versions.push(Terms {
                    customer,
                    version,
                    terms: vec![blind],
                }),
            }
        }
    }
    Ok(versions)
}

/// Where the page before ended.
fn place(token: Option<PageToken>) -> Result<Option<(i64, uuid::Uuid)>> {
    match token.as_ref().map(|token| token.after.as_slice()) {
        None => Ok(None),
        Some([KeyValue::Int(rank), KeyValue::Uuid(id)]) => Ok(Some((*rank, *id))),
        Some(_) => Err(Error::invalid(vec![Violation::new(
            "page_token",
            "is not a token of this service; pass next_page_token unchanged",
        )])),
    }
}
