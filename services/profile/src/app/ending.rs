//! The last transaction of an erasure: rows, identifiers, traces and keys go, followers are told, and
//! what is done is certified.

use std::collections::BTreeSet;

use dossier_db::{Change, Lease, Tx};
use dossier_kernel::{CustomerId, Error as Failure, Result, TenantId, Timestamp};
use futures::FutureExt;
use futures::future::BoxFuture;
use uuid::Uuid;

use super::Profile;
use super::erasure::of_service;
use crate::domain::{Certificate, Counts, Outline, PrivacyRequestState, erasure};
use crate::store::erasure::Model;
use crate::store::erasure_subject::Model as Subject;
use crate::store::privacy_request::End;
use crate::store::{self, ChangeBody, ChangeKind};

/// Who signs certificates.
pub const SIGNER: &str = "dossier/erasure";

/// Everything but profile's own part is done.
pub(super) struct Ending {
    pub profile: Profile,
    pub lease: Lease,
    pub tenant: TenantId,
    pub erasure: Model,
    pub subjects: Vec<Subject>,
    /// What the neighbours erased, and what is left of it.
    pub erased: Counts,
    pub held: Counts,
}

impl Ending {
    /// Says how many customers are gone; none where another process was first.
    pub fn write(mut self, tx: &Tx) -> BoxFuture<'_, Result<u64>> {
        async move {
            self.lease.confirm(tx).await?;
            if !store::erasure::delete(tx, &self.tenant, self.erasure.id).await? {
                return Ok(0);
            }
            let now = self.profile.0.clock.now();
            let ids = self.subjects.iter().map(|subject| subject.customer_id);
            let ids: Vec<CustomerId> = ids.map(CustomerId).collect();
            let rows = store::customer::lock(tx.conn(), &self.tenant, &ids).await?;
            let mut absent: BTreeSet<CustomerId> = ids.iter().copied().collect();
            for row in rows {
                absent.remove(&row.id());
                self.tell(tx, row.outline()?, now)?;
            }
            // Of a backup from before they were created: who followed them may still have them.
            for id in absent {
                self.tell(tx, Outline::of_nobody(id, now), now)?;
            }
            let vault = &self.profile.0.vault;
            let erased = store::HELD.erase(tx, vault, &self.tenant, &ids).await?;
            let left = store::HELD.left(tx, &self.tenant, &ids).await?;
            let left = of_service("profile", left);
            let tables = erasure::left(&left);
            if !tables.is_empty() {
                let words = format!("erased rows are still in {}", tables.join(", "));
                return Err(Failure::internal(words));
            }
            erasure::add(&mut self.erased, &of_service("profile", erased));
            erasure::add(&mut self.held, &left);
            self.certify(tx, now).await?;
            Ok(ids.len() as u64)
        }
        .boxed()
    }

    fn tell(&self, tx: &Tx, outline: Outline, now: Timestamp) -> Result<()> {
        let id = outline.id;
        let body = ChangeBody {
            kind: ChangeKind::Purged,
            customer: outline.farewell(),
            changed: Vec::new(),
        };
        tx.stage(Change {
            tenant: self.tenant.clone(),
            subject: id.uuid(),
            time: now,
            body: body.to_bytes()?,
        });
        tx.touch(id.to_name(), ["purge_time"]);
        Ok(())
    }

    async fn certify(&self, tx: &Tx, now: Timestamp) -> Result<()> {
        let certificate = Certificate {
            tenant: &self.tenant,
            operation: self.erasure.id,
            customer_count: self.subjects.len(),
            begin_time: Timestamp(self.erasure.create_time),
            end_time: now,
            erased: &self.erased,
            held: &self.held,
        };
        // One can be about several, who were merged.
        let requests = self.subjects.iter().filter_map(|one| one.request_id);
        let requests: BTreeSet<Uuid> = requests.collect();
        for id in requests {
            let row = store::privacy_request::find(tx.conn(), &self.tenant, id).await?;
            let Some(row) = row else {
                continue;
            };
            let request = row.into_request()?;
            let statement = certificate.of(&request);
            let end = End {
                state: PrivacyRequestState::Done,
                time: now,
                cancel_reason: None,
                certificate: Some(self.profile.0.audit.certify(SIGNER, statement)?),
            };
            store::privacy_request::end(tx, &self.tenant, id, end).await?;
            tx.touch(request.to_name(), ["state"]);
        }
        Ok(())
    }
}
