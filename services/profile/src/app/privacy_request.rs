//! What people ask for: entered, read, cancelled. What follows of an ERASE is in `erasure`.

use std::collections::HashSet;

use dossier_db::Once;
use dossier_filter::Filter;
use dossier_kernel::{Ctx, CustomerId, PageSize, PageToken, Result, TenantId};
use uuid::Uuid;

use super::attached::confirm_speaker;
use super::ending::SIGNER;
use super::unit::{Edit, Locked, Unit};
use super::{Profile, cache_key};
use crate::domain::{
    PrivacyRequest, PrivacyRequestFields, PrivacyRequestState, PrivacyRequestType, Source,
};
use crate::error::Error;
use crate::store::erasure_subject::{self, Enlisted};
use crate::store::privacy_request::{End, Model};
use crate::store::{self, ChangeKind};

/// A request as it is read.
#[derive(Debug)]
pub struct Shown {
    pub request: PrivacyRequest,
    /// A legal hold keeps the erasure from going on.
    pub held: bool,
}

impl Profile {
    /// An ERASE hides the customer in the same transaction.
    pub async fn create_privacy_request(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
        kind: PrivacyRequestType,
        once: Option<Once>,
    ) -> Result<Shown> {
        self.0.vault.prepare(&ctx.tenant).await?;
        let (profile, inside) = (self.clone(), ctx.clone());
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                let now = profile.0.clock.now();
                let creator = inside.principal.to_string();
                let speaker = store::customer::speaker(tx.conn(), &inside.tenant, customer).await?;
                let request = PrivacyRequest::new(speaker, kind, creator, now);
                let (id, tenant) = (request.id, inside.tenant.clone());
                store::privacy_request::insert(tx, Model::of(&tenant, &request)).await?;
                tx.touch(request.to_name(), ["customer", "type"]);
                let unit = Unit {
                    tx,
                    profile,
                    ctx: inside,
                    tenant,
                    now,
                    source: Source::Api,
                };
                unit.hide(&request).await?;
                confirm_speaker(tx, &unit.tenant, customer, speaker).await?;
                Ok(id)
            })
        });
        let id = work.await?.value;
        let shown = self.get_privacy_request(ctx, id).await?;
        if kind == PrivacyRequestType::Erase {
            // Who was named may be a part of who is erased.
            let named = [customer, shown.request.customer];
            let keys = named.map(|id| cache_key(&ctx.tenant, id));
            self.0.cache.remove(&keys).await;
        }
        Ok(shown)
    }

    pub async fn get_privacy_request(&self, ctx: &Ctx, id: Uuid) -> Result<Shown> {
        let reader = self.0.db.reader_of(&ctx.tenant);
        let row = store::privacy_request::find(&reader, &ctx.tenant, id).await?;
        let request = row.ok_or(Error::NoPrivacyRequest(id))?.into_request()?;
        let mut shown = self.with_holds(&ctx.tenant, vec![request]).await?;
        Ok(shown.pop().ok_or(Error::NoPrivacyRequest(id))?)
    }

    /// A page, newest first, and the token of the next one.
    pub async fn list_privacy_requests(
        &self,
        ctx: &Ctx,
        filter: &str,
        page_size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<Shown>, String)> {
        let parsed = Filter::parse(filter, &PrivacyRequestFields)?;
        let query = [ctx.tenant.as_str(), "privacyRequests", filter];
        let token = PageToken::decode(page_token, &query)?;
        let after = token.as_ref().map(|token| token.after.as_slice());
        let reader = &self.0.db.reader_of(&ctx.tenant);
        let size = page_size.get();
        let page = store::privacy_request::page(reader, &ctx.tenant, &parsed, after, size).await;
        let (rows, next) = page?;
        let requests = rows.into_iter().map(Model::into_request);
        let shown = self.with_holds(&ctx.tenant, requests.collect::<Result<_>>()?);
        Ok((shown.await?, PageToken::next(&query, next)))
    }

    /// FAILED_PRECONDITION once it is running or done.
    pub async fn cancel_privacy_request(
        &self,
        ctx: &Ctx,
        id: Uuid,
        reason: String,
        once: Option<Once>,
    ) -> Result<Shown> {
        let (tenant, now) = (ctx.tenant.clone(), self.0.clock.now());
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                let row = store::privacy_request::lock(tx, &tenant, id).await?;
                let request = row.ok_or(Error::NoPrivacyRequest(id))?.into_request()?;
                match request.state {
                    PrivacyRequestState::Cancelled => return Ok(()),
                    PrivacyRequestState::Running | PrivacyRequestState::Done => {
                        return Err(Error::NotPending(id).into());
                    }
                    PrivacyRequestState::Pending => {}
                }
                let end = End {
                    state: PrivacyRequestState::Cancelled,
                    time: now,
                    cancel_reason: Some(reason),
                    certificate: None,
                };
                store::privacy_request::end(tx, &tenant, id, end).await?;
                tx.touch(request.to_name(), ["state", "cancel_reason"]);
                // The customer of an ERASE can be seen again, deleted as it is.
                if request.kind != PrivacyRequestType::Erase {
                    return Ok(());
                }
                let all = store::customer::with_parts(tx.conn(), &tenant, request.customer);
                for customer in all.await? {
                    if !erasure_subject::withdraw(tx, &tenant, customer).await? {
                        return Err(Error::NotPending(id).into());
                    }
                }
                Ok(())
            })
        });
        work.await?;
        let shown = self.get_privacy_request(ctx, id).await?;
        let key = cache_key(&ctx.tenant, shown.request.customer);
        self.0.cache.remove(&[key]).await;
        Ok(shown)
    }

    /// The certificate of an ERASE that is done, and the key that verifies it.
    pub async fn get_erasure_certificate(&self, ctx: &Ctx, id: Uuid) -> Result<(String, String)> {
        let reader = self.0.db.reader_of(&ctx.tenant);
        let row = store::privacy_request::find(&reader, &ctx.tenant, id).await?;
        let row = row.ok_or(Error::NoPrivacyRequest(id))?;
        let certificate = row.certificate.ok_or(Error::NotCertified(id))?;
        let key = self.0.audit.certifier(SIGNER).to_string();
        Ok((certificate, key))
    }

    /// Which of the requests a legal hold keeps waiting.
    async fn with_holds(
        &self,
        tenant: &TenantId,
        requests: Vec<PrivacyRequest>,
    ) -> Result<Vec<Shown>> {
        let waits = |request: &PrivacyRequest| {
            request.kind == PrivacyRequestType::Erase
                && request.state == PrivacyRequestState::Pending
        };
        let waiting = requests.iter().filter(|request| waits(request));
        let waiting: Vec<Uuid> = waiting.map(|request| request.customer.uuid()).collect();
        let held = match waiting.is_empty() {
            true => Vec::new(),
            false => {
                store::legal_hold::held(&self.0.db.reader_of(tenant), tenant, &waiting).await?
            }
        };
        let held: HashSet<Uuid> = held.into_iter().collect();
        let shown = requests.into_iter().map(|request| Shown {
            held: waits(&request) && held.contains(&request.customer.uuid()),
            request,
        });
        Ok(shown.collect())
    }
}

impl Unit<'_> {
    /// Nobody finds the customer of an ERASE from here on. Fails without a customer, whatever is
    /// asked.
    async fn hide(&self, request: &PrivacyRequest) -> Result<()> {
        let customer = request.customer;
        let locked = self.lock(&[customer], false).await?.pop();
        let locked = locked.ok_or(Error::NoCustomer(customer))?;
        if request.kind != PrivacyRequestType::Erase {
            return Ok(());
        }
        let conn = self.tx.conn();
        // Those who were merged into it are erased with it.
        let all = store::customer::with_parts(conn, &self.tenant, customer).await?;
        let ids: Vec<Uuid> = all.iter().map(|id| id.uuid()).collect();
        if !store::legal_hold::held(conn, &self.tenant, &ids)
            .await?
            .is_empty()
        {
            return Err(Error::Held(customer).into());
        }
        let Locked { row, before, .. } = locked;
        let mut after = before.clone();
        // Of a customer that is deleted already everybody knows.
        if after.delete(self.now) {
            let (kind, changed) = (ChangeKind::Deleted, Vec::new());
            let edit = Edit {
                row,
                before,
                after,
                kind,
                changed,
            };
            self.replace(&[edit]).await?;
        }
        let enlisted = all.into_iter().map(|customer| Enlisted {
            customer,
            request: Some(request.id),
            hide_time: self.now,
        });
        let enlisted: Vec<Enlisted> = enlisted.collect();
        erasure_subject::enlist(self.tx, &self.tenant, &enlisted, self.now).await?;
        Ok(())
    }
}
