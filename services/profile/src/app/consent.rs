//! The ledgers of consents: appended to, and read.

use std::collections::BTreeSet;
use std::time::Duration;

use dossier_access::Sight;
use dossier_db::{Once, Tx};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{Ctx, CustomerId, PageSize, PageToken, Result, Timestamp};
use uuid::Uuid;

use super::Profile;
use crate::domain::{
    AsOf, CONSENTS_MAX, Consent, ConsentDecision, NewConsent, Stance, Verdict, Violations,
    judge_consent,
};
use crate::error::Error;
use crate::store;
use crate::store::consent_entry::{self, Model};
use crate::store::consent_notice::{self, Which};

/// The least by which two entries differ in time.
const MOMENT: Duration = Duration::from_micros(1);

/// An entry after it was written.
#[derive(Debug)]
pub struct Recorded {
    pub consent: Consent,
    /// Covers the change on the feed.
    pub cursor: Option<String>,
}

impl Profile {
    /// Appends a grant, a denial or a withdrawal. `path` is where its fields are in the request.
    pub async fn record_consent(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
        new: NewConsent,
        path: &str,
        once: Option<Once>,
    ) -> Result<Recorded> {
        let mut problems = Violations::default();
        let new = new.check(path, self.0.clock.now(), &mut problems);
        problems.into_result()?;
        let (profile, inside) = (self.clone(), ctx.clone());
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move { profile.append(tx, &inside, customer, new).await })
        });
        let done = work.await?;
        let cursor = self.cursor_of(&done).await?;
        // Who may not see the customer any more learns nothing of what was written.
        let (_, sight) = self.find_visible(ctx, customer).await?;
        let mut opened = self.open_consents(ctx, vec![done.value], sight).await?;
        let consent = opened.pop().ok_or(Error::NoCustomer(customer))?;
        if done.replayed {
            let shown = std::slice::from_ref(&consent);
            self.tell_audit_of_consents(ctx, shown).await?;
        }
        Ok(Recorded { consent, cursor })
    }

    async fn append(
        &self,
        tx: &Tx,
        ctx: &Ctx,
        customer: CustomerId,
        new: NewConsent,
    ) -> Result<Model> {
        let now = self.0.clock.now();
        let (row, _) = self.lock_live(tx, ctx, customer).await?;
        let (count, latest) = consent_entry::so_far(tx, &ctx.tenant, customer).await?;
        // What comes last decides, also where another process' clock is ahead of this one's.
        let moment = latest.map_or(now, |latest| now.max(latest.plus(MOMENT)));
        let is_withdrawal = new.decision == Some(ConsentDecision::Withdrawn);
        if count >= CONSENTS_MAX && !is_withdrawal {
            return Err(Error::TooManyConsents.into());
        }
        let consent = self.consent(tx, ctx, customer, new, now, moment).await?;
        let consent = Consent {
            stance: Stance {
                sequence: count + 1,
                ..consent.stance
            },
            ..consent
        };
        let key = match consent.evidence {
            Some(_) => {
                let vault = &self.0.vault;
                Some(vault.key_or_create(tx, &ctx.tenant, customer).await?)
            }
            None => None,
        };
        let fields = ["decision", "purpose", "channel", "evidence"];
        tx.touch(consent.to_name(), fields);
        let entry = consent_entry::seal(&ctx.tenant, consent, key.as_ref())?;
        consent_entry::insert(tx, entry.clone()).await?;
        Self::publish_attached(tx, row, "consents", now)?;
        Ok(entry)
    }

    /// The entry, its place in the ledger aside. `moment` is when it occurred where that is not said.
    async fn consent(
        &self,
        tx: &Tx,
        ctx: &Ctx,
        customer: CustomerId,
        new: NewConsent,
        now: Timestamp,
        moment: Timestamp,
    ) -> Result<Consent> {
        let occur_time = new.occur_time.unwrap_or(moment);
        let notice = match &new.notice {
            Some(id) => {
                let which = match new.notice_version {
                    0 => Which::InEffect(occur_time),
                    version => Which::Number(version),
                };
                let found = consent_notice::find(tx.conn(), &ctx.tenant, id, which).await?;
                let notice = found.ok_or_else(|| Error::NoNotice(id.clone()))?;
                let notice = notice.into_notice();
                let mut problems = Violations::default();
                new.check_notice(&notice, occur_time, &mut problems);
                problems.into_result()?;
                Some(notice)
            }
            None => None,
        };
        let purpose = notice.as_ref().and_then(|one| one.purpose(&new.purpose));
        let mut needs_separate = purpose.is_some_and(|one| !one.separate.is_empty());
        if let Some(id) = new.notice.as_ref().filter(|_| new.notice_version > 0) {
            // An older version, such as one on paper, does not take back what a newer one demands.
            let which = Which::InEffect(occur_time);
            let newer = consent_notice::find(tx.conn(), &ctx.tenant, id, which).await?;
            let newer = newer.map(|row| row.into_notice());
            let purpose = newer.as_ref().and_then(|one| one.purpose(&new.purpose));
            needs_separate |= purpose.is_some_and(|one| !one.separate.is_empty());
        }
        let stance = Stance {
            id: Uuid::now_v7(),
            sequence: 0,
            // What has none was refused.
            decision: new.decision.unwrap_or(ConsentDecision::Denied),
            purpose: new.purpose,
            channel: new.channel,
            kind: new.kind,
            basis: new.basis,
            needs_separate,
            occur_time,
            expire_time: new.expire_time,
        };
        Ok(Consent {
            customer,
            stance,
            notice: notice.map(|notice| (notice.id, notice.version)),
            evidence: new.evidence,
            collected_through: new.collected_through,
            record_time: now,
            actor: ctx.principal.to_string(),
            masked: false,
        })
    }

    /// A page of what a customer's ledger comes to at an instant, by purpose and channel.
    pub async fn list_consents(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
        at: Option<Timestamp>,
        page_size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<Verdict>, String)> {
        let (name, instant) = (customer.to_name(), at.map(Timestamp::micros));
        let instant = instant.map_or_else(String::new, |at| at.to_string());
        let query = [ctx.tenant.as_str(), "consents", &name, &instant];
        let token = PageToken::decode(page_token, &query)?;
        let (row, _) = self.find_visible(ctx, customer).await?;
        let customer = row.id();
        let at = AsOf::of(at, self.0.clock.now());
        let reader = &self.0.db.reader_of(&ctx.tenant);
        let all = store::customer::with_parts(reader, &ctx.tenant, customer).await?;
        let ledgers = consent_entry::stances(reader, &ctx.tenant, &all, None).await?;
        let ledger: Vec<Stance> = ledgers.into_values().flatten().collect();
        let birth_date = row.birth_date()?;
        let named: BTreeSet<(&str, &str)> = ledger
            .iter()
            .map(|entry| (entry.purpose.as_str(), entry.channel.as_str()))
            .collect();
        let after = token.map(|token| token.after);
        let after = match after.as_deref() {
            Some([KeyValue::Text(purpose), KeyValue::Text(channel)]) => {
                Some((purpose.as_str(), channel.as_str()))
            }
            _ => None,
        };
        let left: Vec<_> = named
            .into_iter()
            .filter(|about| after.is_none_or(|after| *about > after))
            .collect();
        let size = usize::try_from(page_size.get()).unwrap_or(usize::MAX);
        let shown = left
            .iter()
            .take(size)
            .map(|about| judge_consent(customer, &ledger, *about, birth_date, at));
        let shown: Vec<Verdict> = shown.collect();
        let last = shown.last().filter(|_| left.len() > size);
        let next = last.map(|last| {
            vec![
                KeyValue::Text(last.purpose.clone()),
                KeyValue::Text(last.channel.clone()),
            ]
        });
        Ok((shown, PageToken::next(&query, next)))
    }

    /// A page of a customer's ledger as it was written, and the token of the next one.
    pub async fn list_consent_entries(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
        page_size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<Consent>, String)> {
        let name = customer.to_name();
        let query = [ctx.tenant.as_str(), "consentEntries", &name];
        let token = PageToken::decode(page_token, &query)?;
        let (row, sight) = self.find_visible(ctx, customer).await?;
        let after = token.as_ref().map(|token| token.after.as_slice());
        let reader = &self.0.db.reader_of(&ctx.tenant);
        let all = store::customer::with_parts(reader, &ctx.tenant, row.id()).await?;
        let page = consent_entry::page(reader, &ctx.tenant, &all, after, page_size.get());
        let (rows, next) = page.await?;
        let consents = self.open_consents(ctx, rows, sight).await?;
        self.tell_audit_of_consents(ctx, &consents).await?;
        Ok((consents, PageToken::next(&query, next)))
    }

    pub(super) async fn open_consents(
        &self,
        ctx: &Ctx,
        rows: Vec<Model>,
        sight: Sight,
    ) -> Result<Vec<Consent>> {
        let reader = self.0.db.reader_of(&ctx.tenant);
        let cells = rows.iter().flat_map(|row| row.cells(sight));
        let keys = self
            .0
            .vault
            .keys_to_open(&reader, &ctx.tenant, cells)
            .await?;
        rows.into_iter()
            .map(|row| {
                let key = keys.get(&row.customer());
                consent_entry::open(row, key, sight)
            })
            .collect()
    }

    pub(super) async fn tell_audit_of_consents(
        &self,
        ctx: &Ctx,
        consents: &[Consent],
    ) -> Result<()> {
        let mut shown = dossier_audit::Seen::of(CustomerId::COLLECTION);
        let proven = consents.iter().filter(|one| one.evidence.is_some());
        let customers: BTreeSet<CustomerId> = proven.map(|one| one.customer).collect();
        if !customers.is_empty() {
            shown.direct("evidence");
        }
        for customer in customers {
            shown.resource(customer.uuid());
        }
        self.0.audit.saw(ctx, shown).await
    }
}
