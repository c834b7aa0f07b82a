//! What customers are told before they decide.

use dossier_db::Once;
use dossier_kernel::{Ctx, PageSize, PageToken, Result};

use super::Profile;
use crate::domain::{ConsentNotice, NOTICE_VERSIONS_MAX, NewConsentNotice, Violations};
use crate::error::Error;
use crate::store::consent_notice::{self as store, Model, Which};

impl Profile {
    /// Makes the next version of a notice, the first where there is none.
    pub async fn create_consent_notice(
        &self,
        ctx: &Ctx,
        new: NewConsentNotice,
        once: Option<Once>,
    ) -> Result<ConsentNotice> {
        let mut problems = Violations::default();
        let mut notice = new.check(self.0.clock.now(), &mut problems);
        problems.into_result()?;
        let tenant = ctx.tenant.clone();
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                let newest = store::newest(tx, &tenant, &notice.id).await?;
                if newest >= NOTICE_VERSIONS_MAX {
                    return Err(Error::TooManyVersions.into());
                }
                notice.version = newest + 1;
                tx.touch(notice.to_name(), ["texts", "purposes", "effective_time"]);
                let row = Model::of(&tenant, notice);
                store::insert(tx, row.clone()).await?;
                Ok(row)
            })
        });
        Ok(work.await?.value.into_notice())
    }

    /// A version, the newest where none is named.
    pub async fn get_consent_notice(
        &self,
        ctx: &Ctx,
        id: &str,
        version: Option<i32>,
    ) -> Result<ConsentNotice> {
        let which = version.map_or(Which::Newest, Which::Number);
        let reader = self.0.db.reader_of(&ctx.tenant);
        let row = store::find(&reader, &ctx.tenant, id, which).await?;
        let row = row.ok_or_else(|| Error::NoNotice(id.to_owned()))?;
        Ok(row.into_notice())
    }

    /// A page by id and version, and the token of the next one.
    pub async fn list_consent_notices(
        &self,
        ctx: &Ctx,
        page_size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<ConsentNotice>, String)> {
        let query = [ctx.tenant.as_str(), "consentNotices"];
        let token = PageToken::decode(page_token, &query)?;
        let after = token.as_ref().map(|token| token.after.as_slice());
        let reader = &self.0.db.reader_of(&ctx.tenant);
        let (rows, next) = store::page(reader, &ctx.tenant, after, page_size.get()).await?;
        let notices = rows.into_iter().map(Model::into_notice).collect();
        Ok((notices, PageToken::next(&query, next)))
    }
}
