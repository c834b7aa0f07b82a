//! Rules, read once.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use dossier_kernel::id::SegmentId;
use dossier_kernel::{Result, TenantId};

use crate::domain::{Needs, Rule};
use crate::store::{Connection, SegmentRow, segments};

/// How many rules are kept; beyond that all are read anew.
const KEPT_MAX: usize = 10_000;

/// Rules by their text and the types of the attributes they name, which is all that decides what
/// they mean: nothing in here is ever out of date.
#[derive(Default)]
pub struct RuleBook(RwLock<HashMap<(String, String), Arc<Rule>>>);

/// A segment that customers are evaluated against.
#[derive(Clone)]
pub struct LiveRule {
    pub segment: SegmentId,
    pub rule_revision: i32,
    pub rule: Arc<Rule>,
}

impl RuleBook {
    /// The rules of the tenant's segments, as the transaction or reader sees them.
    pub async fn of_tenant<C: Connection>(
        &self,
        conn: &C,
        tenant: &TenantId,
    ) -> Result<Vec<LiveRule>> {
        let rows = segments::all(conn, tenant).await?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    pub fn read(&self, row: &SegmentRow) -> Result<LiveRule> {
        let key = (row.rule.clone(), row.attributes.clone());
        let kept = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        let rule = match kept {
            Some(rule) => rule,
            None => {
                let rule = Arc::new(segments::read_rule(&row.rule, &row.attributes)?);
                let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
                if kept.len() >= KEPT_MAX {
                    kept.clear();
                }
                kept.insert(key, Arc::clone(&rule));
                rule
            }
        };
        let segment = SegmentId(row.segment_id);
        Ok(LiveRule {
            segment,
            rule_revision: row.rule_revision,
            rule,
        })
    }
}

/// What all of the rules need to know.
pub fn needs(rules: &[LiveRule]) -> Needs {
    rules
        .iter()
        .fold(Needs::default(), |needs, live| needs.and(live.rule.needs()))
}
