//! Definitions of segments, and who would be a member of one.

use std::collections::HashMap;

use dossier_db::{Once, Tx};
use dossier_kernel::id::SegmentId;
use dossier_kernel::{Ctx, CustomerId, PageSize, PageToken, Result, TenantId, Violation};
use serde::{Deserialize, Serialize};

use super::{App, customers};
use crate::domain::{Attributes, Draft, Rule, Segment, SegmentPatch};
use crate::error::Error;
use crate::store::{self, SegmentRow, State, memberships, schemes, segments};

/// Customers looked at in one step of a preview.
const PREVIEW_PAGE: u64 = 1_000;
const SAMPLE_DEFAULT: usize = 10;
const SAMPLE_MAX: usize = 100;

/// A segment with how many members it has.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub segment: Segment,
    pub member_count: i64,
}

#[derive(Clone, Debug)]
pub struct CreateSegment {
    /// `None`: one is made.
    pub id: Option<SegmentId>,
    pub draft: Draft,
    pub validate_only: bool,
}

#[derive(Clone, Debug)]
pub struct UpdateSegment {
    pub id: SegmentId,
    /// The expected etag, or empty.
    pub etag: String,
    pub patch: SegmentPatch,
}

/// Who would be a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    pub member_count: i64,
    pub customer_count: i64,
    pub sample: Vec<CustomerId>,
    pub cost: u32,
}

/// What is remembered of a request: the answer as it was.
#[derive(Serialize, Deserialize)]
struct Outcome {
    row: SegmentRow,
    member_count: i64,
}

impl Outcome {
    fn show(self) -> Result<Shown> {
        Ok(Shown {
            segment: segments::from_row(self.row)?,
            member_count: self.member_count,
        })
    }
}

/// Changes with every write (AIP-154).
pub fn etag(revision: i64) -> String {
    format!("\"{revision}\"")
}

impl App {
    pub async fn create_segment(
        &self,
        ctx: &Ctx,
        request: CreateSegment,
        once: Option<Once>,
    ) -> Result<Shown> {
        let CreateSegment {
            id,
            draft,
            validate_only,
        } = request;
        let attributes = self.attributes_for(ctx, &draft.rule).await;
        let id = id.unwrap_or_else(SegmentId::generate);
        let (tenant, now) = (ctx.tenant.clone(), self.0.clock.now());
        let segment = attributes.and_then(|attributes| {
            let rule = draft.check(&attributes)?;
            Ok(Segment::create(id, draft, rule, now))
        });
        if validate_only {
            let segment = segment?;
            let row = segments::to_row(&tenant, &segment)?;
            check_free(&self.0.db.reader_of(&tenant), &tenant, &row).await?;
            return Ok(Shown {
                segment,
                member_count: 0,
            });
        }
        let done = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                // Not before: what was made already is answered also where profile is away now.
                let row = segments::to_row(&tenant, &segment?)?;
                schemes::lock(tx, &tenant).await?;
                check_free(tx.conn(), &tenant, &row).await?;
                segments::insert(tx, &row).await?;
                tx.touch(id.to_name(), ["display_name", "description", "rule"]);
                Ok(Outcome {
                    row,
                    member_count: 0,
                })
            })
        });
        let shown = done.await?.value.show()?;
        self.0.unsettled.notify_one();
        Ok(shown)
    }

    pub async fn get_segment(&self, ctx: &Ctx, id: SegmentId) -> Result<Shown> {
        let row = segments::get(&self.0.db.reader_of(&ctx.tenant), &ctx.tenant, id).await?;
        let row = row.ok_or(Error::NoSegment(id))?;
        let members =
            memberships::counts(&self.0.db.reader_of(&ctx.tenant), &ctx.tenant, &[id]).await?;
        show(row, &members)
    }

    /// Oldest first, with the token of the next page.
    pub async fn list_segments(
        &self,
        ctx: &Ctx,
        size: PageSize,
        token: &str,
    ) -> Result<(Vec<Shown>, String)> {
        let query = [ctx.tenant.as_str(), "segments"];
        let token = PageToken::decode(token, &query)?;
        let after = token.as_ref().map(|token| token.after.as_slice());
        let conn = &self.0.db.reader_of(&ctx.tenant);
        let (rows, next) = segments::page(conn, &ctx.tenant, after, size.get()).await?;
        let ids: Vec<SegmentId> = rows.iter().map(|row| SegmentId(row.segment_id)).collect();
        let members = memberships::counts(conn, &ctx.tenant, &ids).await?;
        let shown = rows
            .into_iter()
            .map(|row| show(row, &members))
            .collect::<Result<_>>()?;
        Ok((shown, PageToken::next(&query, next)))
    }

    pub async fn update_segment(
        &self,
        ctx: &Ctx,
        request: UpdateSegment,
        once: Option<Once>,
    ) -> Result<Shown> {
        let UpdateSegment {
            id,
            etag: expected,
            patch,
        } = request;
        let attributes = match &patch.rule {
            Some(rule) => Some(self.attributes_for(ctx, rule).await),
            None => None,
        };
        let (app, tenant) = (self.clone(), ctx.tenant.clone());
        let done = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                // Not before: as in creating.
                let attributes = attributes.transpose()?;
                schemes::lock(tx, &tenant).await?;
                let before = lock_current(tx, &tenant, id, &expected).await?;
                tx.touch(id.to_name(), patch.fields());
                let draft = before.patched(patch);
                let attributes = attributes.as_ref().unwrap_or(before.rule.attributes());
                let rule = draft.check(attributes)?;
                let after = before.changed(draft, rule, app.0.clock.now());
                let row = segments::to_row(&tenant, &after)?;
                check_name_free(tx.conn(), &tenant, &row).await?;
                segments::save(tx, &row).await?;
                let members = memberships::counts(tx.conn(), &tenant, &[id]).await?;
                let member_count = members.get(&id).copied().unwrap_or(0);
                Ok(Outcome { row, member_count })
            })
        });
        let shown = done.await?.value.show()?;
        self.0.unsettled.notify_one();
        Ok(shown)
    }

    /// The segment is gone at once; its members leave in the background.
    pub async fn delete_segment(
        &self,
        ctx: &Ctx,
        id: SegmentId,
        expected: String,
        once: Option<Once>,
    ) -> Result<()> {
        let tenant = ctx.tenant.clone();
        let done = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                schemes::lock(tx, &tenant).await?;
                let segment = lock_current(tx, &tenant, id, &expected).await?;
                tx.touch(id.to_name(), ["state"]);
                let state = State::Deleting.as_str().to_owned();
                let row = SegmentRow {
                    state,
                    ..segments::to_row(&tenant, &segment)?
                };
                segments::save(tx, &row).await
            })
        });
        done.await?;
        self.0.unsettled.notify_one();
        Ok(())
    }

    /// Looks at every customer, a page at a time, until the deadline.
    pub async fn preview_segment(
        &self,
        ctx: &Ctx,
        rule: &str,
        sample_size: i32,
    ) -> Result<Preview> {
        let sample_max = match usize::try_from(sample_size) {
            Ok(0) => SAMPLE_DEFAULT,
            Ok(size) if size <= SAMPLE_MAX => size,
            _ => {
                let words = "must be 0 to 100";
                let violation = Violation::new("sample_size", words);
                return Err(dossier_kernel::Error::invalid(vec![violation]));
            }
        };
        let rule = self.read_rule(ctx, rule).await?;
        let (conn, tenant, at) = (
            &self.0.db.reader_of(&ctx.tenant),
            &ctx.tenant,
            self.0.clock.now(),
        );
        let currency = schemes::get(conn, tenant).await?.currency();
        let mut preview = Preview {
            member_count: 0,
            customer_count: 0,
            sample: Vec::new(),
            cost: rule.cost(),
        };
        let mut after = None;
        loop {
            ctx.check_deadline()?;
            let page = store::customers::page(conn, tenant, after, PREVIEW_PAGE).await?;
            let Some(last) = page.keys().next_back() else {
                return Ok(preview);
            };
            after = Some(*last);
            for (id, customer) in customers::load(conn, tenant, &page, rule.needs(), at).await? {
                preview.customer_count += 1;
                if rule.decide(&customer, at, currency).member {
                    preview.member_count += 1;
                    if preview.sample.len() < sample_max {
                        preview.sample.push(id);
                    }
                }
            }
        }
    }

    /// A rule of a preview; its violation names `rule`.
    async fn read_rule(&self, ctx: &Ctx, text: &str) -> Result<Rule> {
        let attributes = self.attributes_for(ctx, text).await?;
        Rule::parse(text, &attributes).map_err(|error| {
            let violations = error.violations().iter();
            let renamed = violations.map(|v| Violation::new("rule", v.description.clone()));
            let renamed = renamed.collect();
            error.with_violations(renamed)
        })
    }

    /// The tenant's attributes, asked for only where a rule may name one: segments over other
    /// things can be made while profile is away.
    async fn attributes_for(&self, ctx: &Ctx, rule: &str) -> Result<Attributes> {
        if !rule.contains("attributes") {
            return Ok(Attributes::new());
        }
        let mut own = Ctx::service("segmentation", ctx.tenant.clone());
        own.request_id = ctx.request_id.clone();
        own.deadline = ctx.deadline;
        own.trace.clone_from(&ctx.trace);
        self.0.peers.profile.attributes(&own).await
    }
}

fn show(row: SegmentRow, members: &HashMap<SegmentId, i64>) -> Result<Shown> {
    let segment = segments::from_row(row)?;
    let member_count = members.get(&segment.id).copied().unwrap_or(0);
    Ok(Shown {
        segment,
        member_count,
    })
}

async fn lock_current(
    tx: &Tx,
    tenant: &TenantId,
    id: SegmentId,
    expected: &str,
) -> Result<Segment> {
    let row = segments::lock(tx, tenant, id).await?;
    let row = row.filter(|row| row.state != State::Deleting.as_str());
    let segment = segments::from_row(row.ok_or(Error::NoSegment(id))?)?;
    let current = etag(segment.revision);
    if !expected.is_empty() && expected != current {
        return Err(Error::Stale {
            what: "segment",
            etag: current,
        }
        .into());
    }
    Ok(segment)
}

async fn check_free<C: store::Connection>(
    conn: &C,
    tenant: &TenantId,
    row: &SegmentRow,
) -> Result<()> {
    let id = SegmentId(row.segment_id);
    if segments::exists(conn, tenant, id).await? {
        return Err(Error::IdTaken(id).into());
    }
    check_name_free(conn, tenant, row).await
}

async fn check_name_free<C: store::Connection>(
    conn: &C,
    tenant: &TenantId,
    row: &SegmentRow,
) -> Result<()> {
    match segments::named(conn, tenant, &row.display_name).await? {
        Some(other) if other.uuid() != row.segment_id => Err(Error::NameTaken(other).into()),
        _ => Ok(()),
    }
}
