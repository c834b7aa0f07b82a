//! Where everything ends: customers are assessed, and who entered and left is written and
//! published, once each.

use std::collections::{BTreeMap, BTreeSet};

use dossier_db::Tx;
use dossier_kernel::id::SegmentId;
use dossier_kernel::{Currency, CustomerId, Result, TenantId, Timestamp};

use super::customers;
use super::rules::{LiveRule, needs};
use crate::domain::{Assessment, Cause, Way, assess, transitions};
use crate::store::{Known, Member, MembershipEvent, memberships};

/// A judgement about some customers of a tenant. They are locked, and rules are held still.
pub struct Judge<'a> {
    pub tx: &'a Tx,
    pub tenant: &'a TenantId,
    /// All segments that are to be judged; memberships of others stay as they are.
    pub rules: &'a [LiveRule],
    /// The tenant's.
    pub currency: Currency,
    pub cause: Cause,
    pub at: Timestamp,
}

impl Judge<'_> {
    /// Writes and publishes the transitions; says when to look at each customer again.
    pub async fn judge(
        &self,
        known: &BTreeMap<CustomerId, Known>,
    ) -> Result<BTreeMap<CustomerId, Option<Timestamp>>> {
        if self.rules.is_empty() {
            return Ok(known.keys().map(|id| (*id, None)).collect());
        }
        let (conn, tenant) = (self.tx.conn(), self.tenant);
        let live = customers::load(conn, tenant, known, needs(self.rules), self.at).await?;
        let ids: BTreeSet<CustomerId> = known.keys().copied().collect();
        let mut stored = memberships::of_customers(conn, tenant, &ids).await?;
        let rules: BTreeMap<SegmentId, &LiveRule> =
            self.rules.iter().map(|live| (live.segment, live)).collect();

        let mut due = BTreeMap::new();
        let mut entering = Vec::new();
        let mut leaving: BTreeMap<SegmentId, Vec<CustomerId>> = BTreeMap::new();
        for id in ids {
            let assessment = live.get(&id).map_or_else(Assessment::default, |customer| {
                let rules = rules
                    .iter()
                    .map(|(segment, live)| (*segment, live.rule.as_ref()));
                assess(rules, customer, self.at, self.currency)
            });
            due.insert(id, assessment.due);
            let mut before = stored.remove(&id).unwrap_or_default();
            before.retain(|segment, _| rules.contains_key(segment));
            for transition in transitions(&before, &assessment.members_of) {
                let segment = transition.segment;
                match transition.way {
                    Way::Enter => {
                        entering.push(Member {
                            segment,
                            customer: id,
                            enter_time: self.at,
                        });
                    }
                    Way::Exit => leaving.entry(segment).or_default().push(id),
                }
                let rule_revision = rules.get(&segment).map_or(0, |live| live.rule_revision);
                self.publish(segment, id, transition.way, rule_revision)?;
            }
        }
        memberships::exit(self.tx, tenant, &leaving).await?;
        memberships::enter(self.tx, tenant, &entering).await?;
        Ok(due)
    }

    fn publish(
        &self,
        segment: SegmentId,
        customer: CustomerId,
        way: Way,
        rule_revision: i32,
    ) -> Result<()> {
        let Self {
            cause, at: time, ..
        } = *self;
        let event = MembershipEvent {
            segment,
            customer,
            way,
            cause,
            time,
            rule_revision,
        };
        self.tx.stage(event.into_change(self.tenant)?);
        Ok(())
    }
}
