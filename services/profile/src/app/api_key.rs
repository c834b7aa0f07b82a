//! Secrets of programs: made, listed, ended, and resolved for the suite's own services.

use dossier_access::{KeyText, same_hash};
use dossier_db::Once;
use dossier_kernel::{Ctx, PageSize, PageToken, Result, TenantId};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Profile;
use crate::domain::{ApiKey, NewApiKey};
use crate::error::Error;
use crate::store::api_key::{self as store, Model};

/// The most keys of a tenant that can be used.
const COUNT_MAX: u64 = 1_000;

/// A key after it was made.
pub struct Made {
    pub key: ApiKey,
    /// What to send as a bearer token. `None` when a request is repeated: the text is nowhere kept.
    pub text: Option<Zeroizing<String>>,
}

impl Profile {
    pub async fn create_api_key(
        &self,
        ctx: &Ctx,
        new: NewApiKey,
        once: Option<Once>,
    ) -> Result<Made> {
        let id = Uuid::now_v7();
        let secret = KeyText::generate(id)?;
        let (inside, clock, hash) = (ctx.clone(), self.0.clock.clone(), secret.secret_hash());
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                // What is legal depends on the time: a repeat gets the first answer also later.
                let now = clock.now();
                let key = new.check(&inside, id, now)?;
                let tenant = inside.tenant;
                let row = Model::of(&tenant, &key, hash);
                if store::count_valid(tx, &tenant, now).await? >= COUNT_MAX {
                    return Err(Error::TooManyApiKeys.into());
                }
                store::insert(tx, row.clone()).await?;
                let fields = ["display_name", "roles", "teams", "expire_time"];
                tx.touch(key.to_name(), fields);
                Ok(row)
            })
        });
        let done = work.await?;
        Ok(Made {
            key: done.value.into_key()?,
            text: (!done.replayed).then(|| secret.text()),
        })
    }

    /// A page, newest first, and the token of the next one.
    pub async fn list_api_keys(
        &self,
        ctx: &Ctx,
        page_size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<ApiKey>, String)> {
        let query = [ctx.tenant.as_str(), "apiKeys"];
        let token = PageToken::decode(page_token, &query)?;
        let after = token.as_ref().map(|token| token.after.as_slice());
        let reader = &self.0.db.reader_of(&ctx.tenant);
        let (rows, next) = store::page(reader, &ctx.tenant, after, page_size.get()).await?;
        let keys = rows
            .into_iter()
            .map(Model::into_key)
            .collect::<Result<_>>()?;
        let next = next.map_or_else(String::new, |after| PageToken::new(&query, after).encode());
        Ok((keys, next))
    }

    /// For good; revoking twice changes nothing.
    pub async fn revoke_api_key(&self, ctx: &Ctx, id: Uuid, once: Option<Once>) -> Result<ApiKey> {
        let (tenant, now) = (ctx.tenant.clone(), self.0.clock.now());
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                let row = store::find(tx.conn(), &tenant, id).await?;
                let row = row.ok_or(Error::NoApiKey(id))?;
                let mut key = row.clone().into_key()?;
                if !key.revoke(now) {
                    return Ok(row);
                }
                store::set_revoke_time(tx, &tenant, id, now).await?;
                tx.touch(key.to_name(), ["revoke_time"]);
                let revoke_time = key.revoke_time.map(dossier_kernel::Timestamp::micros);
                Ok(Model { revoke_time, ..row })
            })
        });
        work.await?.value.into_key()
    }

    /// Whom a key speaks for. NOT_FOUND, whatever is wrong with the key.
    pub async fn resolve_api_key(
        &self,
        ctx: &Ctx,
        id: Uuid,
        secret_hash: &[u8],
    ) -> Result<(TenantId, ApiKey)> {
        let reader = &self.0.db.reader_of(&ctx.tenant);
        let row = store::find_anywhere(reader, &ctx.tenant, id).await?;
        let row = row.filter(|row| same_hash(&row.secret_hash, secret_hash));
        let row = row.ok_or(Error::NoApiKey(id))?;
        let tenant = TenantId::parse(&row.tenant_id)?;
        let key = row.into_key()?;
        let now = self.0.clock.now();
        if !key.is_valid(now) {
            return Err(Error::NoApiKey(id).into());
        }
        if key.use_is_news(now) {
            self.note_use(&tenant, id).await;
        }
        Ok((tenant, key))
    }

    /// A convenience for whoever looks for keys nobody uses: no call fails for it.
    async fn note_use(&self, tenant: &TenantId, id: Uuid) {
        let now = self.0.clock.now();
        let ctx = Ctx::service("profile", tenant.clone());
        let tenant = tenant.clone();
        let noted = self.0.db.write(&ctx, move |tx| {
            Box::pin(async move { store::set_last_use_time(tx, &tenant, id, now).await })
        });
        if let Err(error) = noted.await {
            tracing::warn!(%error, "the use of an API key cannot be noted");
        }
    }
}
