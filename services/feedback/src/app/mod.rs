//! The use cases: load → decide → save and stage the change, in one transaction.

mod case;
mod response;
mod subject;
mod survey;
#[cfg(test)]
mod tests;
mod watch;

use dossier_access::{Access, Facts, Sight};
use dossier_audit::{Audit, Seen};
use dossier_db::{Committed, Db, Tx};
use dossier_feed::{Cursor, Feed};
use dossier_kernel::id::{CaseId, ResponseId};
use dossier_kernel::{Clock, Ctx, Result};
use dossier_runtime::Deps;
use dossier_vault::Vault;

use crate::domain::{AnswerValue, Case, Response};
use crate::peers::Profile;
use crate::store::FeedbackEvent;

pub use survey::Report;
pub use watch::Watched;

/// What the use cases stand on. Cheap to clone.
#[derive(Clone)]
pub struct App {
    db: Db,
    feed: Feed,
    vault: Vault,
    clock: Clock,
    access: Access,
    audit: Audit,
    profile: Profile,
}

/// An answer, and the cursor on WatchFeedback of the change that it made, if it made one.
pub struct Done<T> {
    pub value: T,
    pub cursor: Option<String>,
}

impl App {
    pub fn new(deps: Deps) -> Self {
        let Deps {
            db,
            feed,
            vault,
            cache: _,
            clock,
            access,
            audit,
            peers,
            erasing: _,
            stop: _,
        } = deps;
        Self {
            db,
            feed,
            vault,
            clock,
            access,
            audit,
            profile: Profile::new(peers.profile),
        }
    }

    /// What the caller may see of answers and cases: the one place where that is decided. They have
    /// no owner, team or tags.
    fn sight(&self, ctx: &Ctx) -> Result<Sight> {
        self.access.sight(ctx, Facts::default())
    }

    /// Tells the audit log what of cases an answer shows. A mutation that is kept says itself what
    /// it did.
    async fn saw_cases(&self, ctx: &Ctx, cases: &[Case]) -> Result<()> {
        let mut shown = Seen::of(CaseId::COLLECTION);
        for case in cases.iter().filter(|case| !case.masked) {
            shown.resource(case.id.uuid());
            let fields = [
                ("subject", true),
                ("description", case.description.is_some()),
                ("resolution", case.resolution.is_some()),
                ("replies", !case.replies.is_empty()),
            ];
            let fields = fields.into_iter().filter(|(_, there)| *there);
            fields.for_each(|(field, _)| shown.direct(field));
        }
        self.audit.saw(ctx, shown).await
    }

    /// Tells the audit log what of responses an answer shows: their words, where there are any.
    async fn saw_responses(&self, ctx: &Ctx, responses: &[Response]) -> Result<()> {
        let mut shown = Seen::of(ResponseId::COLLECTION);
        for response in responses.iter().filter(|response| !response.masked) {
            let mut values = response.answers.iter().map(|answer| &answer.value);
            if values.any(|value| matches!(value, AnswerValue::Text(_))) {
                shown.resource(response.id.uuid());
                shown.direct("answers");
            }
        }
        self.audit.saw(ctx, shown).await
    }

    fn stage(&self, ctx: &Ctx, tx: &Tx, event: &FeedbackEvent) -> Result<()> {
        tx.stage(dossier_db::Change {
            tenant: ctx.tenant.clone(),
            subject: event.subject(),
            time: self.clock.now(),
            body: event.encode()?,
        });
        Ok(())
    }

    /// The cursor that covers a mutation; a replayed one lies somewhere before the head.
    async fn cursor_of<T>(&self, done: &Committed<T>) -> Result<Option<String>> {
        if done.replayed {
            return Ok(Some(self.feed.head().await?.to_string()));
        }
        Ok(Cursor::of(&done.positions).map(|cursor| cursor.to_string()))
    }
}
