//! The tenant's own fields.

use dossier_db::Once;
use dossier_kernel::{Ctx, PageSize, PageToken, Result};
use uuid::Uuid;

use super::Profile;
use crate::domain::{AttributeDefinition, AttributeEvolution, NewAttributeDefinition, Violations};
use crate::error::Error;
use crate::store::attribute_definition::{self as store, Model};

/// The most definitions of a tenant.
const COUNT_MAX: u64 = 500;

impl Profile {
    /// ALREADY_EXISTS when the id is taken.
    pub async fn create_attribute_definition(
        &self,
        ctx: &Ctx,
        new: NewAttributeDefinition,
        once: Option<Once>,
    ) -> Result<AttributeDefinition> {
        let mut violations = Violations::default();
        let definition = new.check(Uuid::now_v7(), self.0.clock.now(), &mut violations);
        violations.into_result()?;
        let tenant = ctx.tenant.clone();
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                // Without violations there is a definition.
                let definition = definition.ok_or_else(|| Error::NoDefinition(String::new()))?;
                if store::count(tx, &tenant).await? >= COUNT_MAX {
                    return Err(Error::TooManyDefinitions.into());
                }
                let row = Model::of(&tenant, &definition);
                if !store::insert(tx, row.clone()).await? {
                    return Err(Error::DefinitionExists(definition.id).into());
                }
                let fields = [
                    "type",
                    "data_class",
                    "display_name",
                    "description",
                    "choices",
                    "length_max",
                    "count_max",
                ];
                tx.touch(definition.to_name(), fields);
                Ok(row)
            })
        });
        work.await?.value.into_definition()
    }

    pub async fn get_attribute_definition(
        &self,
        ctx: &Ctx,
        id: &str,
    ) -> Result<AttributeDefinition> {
        let row = store::find(&self.0.db.reader_of(&ctx.tenant), &ctx.tenant, id).await?;
        row.ok_or_else(|| Error::NoDefinition(id.to_owned()))?
            .into_definition()
    }

    /// A page by id, and the token of the next one.
    pub async fn list_attribute_definitions(
        &self,
        ctx: &Ctx,
        page_size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<AttributeDefinition>, String)> {
        let query = [ctx.tenant.as_str(), "attributeDefinitions"];
        let token = PageToken::decode(page_token, &query)?;
        let after = token.as_ref().map(|token| token.after.as_slice());
        let reader = &self.0.db.reader_of(&ctx.tenant);
        let (rows, next) = store::page(reader, &ctx.tenant, after, page_size.get()).await?;
        let rows = rows
            .into_iter()
            .map(Model::into_definition)
            .collect::<Result<_>>()?;
        Ok((rows, PageToken::next(&query, next)))
    }

    /// Changes what every value that is there survives. ETAG_MISMATCH when an etag is given and is
    /// not current.
    pub async fn update_attribute_definition(
        &self,
        ctx: &Ctx,
        change: AttributeEvolution,
        once: Option<Once>,
    ) -> Result<AttributeDefinition> {
        let (tenant, clock) = (ctx.tenant.clone(), self.0.clock.clone());
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                let row = store::lock(tx, &tenant, &change.id).await?;
                let mut definition = row
                    .ok_or_else(|| Error::NoDefinition(change.id.clone()))?
                    .into_definition()?;
                let current = definition.etag();
                let etag = change.etag.clone();
                let mut violations = Violations::default();
                let changed = definition.evolve(change, clock.now(), &mut violations);
                if etag.is_some_and(|etag| etag != current) {
                    let changed = changed.unwrap_or_default();
                    let fields = changed.into_iter().map(str::to_owned).collect();
                    return Err(Error::EtagMismatch { current, fields }.into());
                }
                violations.into_result()?;
                let changed = changed.unwrap_or_default();
                let row = Model::of(&tenant, &definition);
                if !changed.is_empty() {
                    store::update(tx, &tenant, row.clone()).await?;
                }
                tx.touch(definition.to_name(), changed);
                Ok(row)
            })
        });
        work.await?.value.into_definition()
    }

    /// Stops new values; deprecating twice changes nothing.
    pub async fn deprecate_attribute_definition(
        &self,
        ctx: &Ctx,
        id: String,
        once: Option<Once>,
    ) -> Result<AttributeDefinition> {
        let (tenant, clock) = (ctx.tenant.clone(), self.0.clock.clone());
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                let row = store::lock(tx, &tenant, &id).await?;
                let mut definition = row
                    .ok_or_else(|| Error::NoDefinition(id))?
                    .into_definition()?;
                let changed = definition.deprecate(clock.now());
                let row = Model::of(&tenant, &definition);
                if changed {
                    store::update(tx, &tenant, row.clone()).await?;
                    tx.touch(definition.to_name(), ["deprecated"]);
                }
                Ok(row)
            })
        });
        work.await?.value.into_definition()
    }
}
