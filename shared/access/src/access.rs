//! Decisions by policies (Cedar), each made once and remembered.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use cedar_policy::{Authorizer, Decision, PolicySet};
use dossier_kernel::{Call, Ctx, Error, PrincipalKind, Reason, Result};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::explanation::{Deciding, Explanation};
use crate::mention::Mentions;
use crate::policy_set::{Policies, SHIPPED, Source};
use crate::question::{DataClass, Question};
use crate::rules::every_rule;
use crate::{Facts, Rule, Sight};

/// Memory for remembered decisions, in bytes.
const REMEMBERED_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// How many decisions that is, about.
const REMEMBERED_COUNT: usize = 32_768;
/// What a remembered decision takes beside its key, about.
const ENTRY_BYTES: u64 = 128;

/// Who may do what. Cheap to clone; clones share what they remember.
///
/// | you want | use |
/// |---|---|
/// | to refuse a call that no row could allow | [`Access::gate`], at the edge |
/// | to decide about a row, and what of it may be opened | [`Access::sight`] |
/// | only whether | [`Access::decide`] |
/// | why | [`Access::explain`] |
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    policies: Policies,
    /// By method, such as `dossier.profile.v1.CustomerService/GetCustomer`.
    rules: HashMap<Box<str>, Rule>,
    authorizer: Authorizer,
    remembered: Cache<Key, Verdict, Bytes>,
}

/// A question, as [`Question::key`] spells it.
type Key = Box<[u8]>;

/// Decisions are weighed in bytes.
#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Verdict> for Bytes {
    fn weight(&self, key: &Key, _: &Verdict) -> u64 {
        key.len() as u64 + ENTRY_BYTES
    }
}

/// What the policies say to one question.
#[derive(Clone, Copy)]
struct Verdict {
    open: bool,
    sight: Sight,
}

impl Access {
    /// The shipped policies over the RPCs of `descriptors`, an encoded `FileDescriptorSet`.
    pub fn shipped(descriptors: &[u8]) -> Result<Self> {
        Self::with(descriptors, SHIPPED)
    }

    /// The policies of a file. [`Reason::FailedPrecondition`] names the file, the policy and the
    /// cure when it cannot be read, does not parse, or says what the contract does not know.
    pub fn load(descriptors: &[u8], file: &Path) -> Result<Self> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|error| {
            let message = format!("{name} cannot be read as a file of Cedar policies.");
            Error::new(Reason::FailedPrecondition, message).caused_by(error)
        })?;
        let (name, text) = (name.as_str(), text.as_str());
        Self::with(descriptors, Source { name, text })
    }

    fn with(descriptors: &[u8], source: Source<'_>) -> Result<Self> {
        let rules = every_rule(descriptors)?;
        let mut permissions = BTreeMap::new();
        for rule in &rules {
            *permissions.entry(rule.call.permission.clone()).or_default() |= rule.per_row;
        }
        let by_method = rules
            .into_iter()
            .map(|rule| (rule.call.method.clone(), rule));
        Ok(Self(Arc::new(Inner {
            policies: Policies::load(source, &permissions)?,
            rules: by_method.collect(),
            authorizer: Authorizer::new(),
            remembered: Cache::with_weighter(REMEMBERED_COUNT, REMEMBERED_BYTES_MAX, Bytes),
        })))
    }

    /// Whether a call goes on to its handler. [`Reason::PermissionDenied`], with the permission in
    /// its facts, where no policy allows it; for RPCs that decide row by row, where no row could.
    pub fn gate(&self, ctx: &Ctx, rule: &Rule) -> Result<()> {
        match self.judge(ctx, rule, None)?.open {
            true => Ok(()),
            false => Err(refused(&rule.call)),
        }
    }

    /// Whether the call that is being answered may be about a resource with these facts. What is
    /// refused is [`Reason::PermissionDenied`]: answer it as NOT_FOUND where the resource was read.
    pub fn decide(&self, ctx: &Ctx, facts: Facts<'_>) -> Result<()> {
        self.sight(ctx, facts).map(drop)
    }

    /// As [`Access::decide`], and which classes of the resource's data may be opened. Work of the
    /// suite itself, which no call asked for, sees everything.
    pub fn sight(&self, ctx: &Ctx, facts: Facts<'_>) -> Result<Sight> {
        let Some(call) = &ctx.call else {
            return match ctx.principal.kind {
                PrincipalKind::Service => Ok(Sight::ALL),
                PrincipalKind::Person | PrincipalKind::ApiKey => {
                    Err(Error::internal("somebody's work is not the work of a call"))
                }
            };
        };
        let rule = self.0.rules.get(&call.method);
        let rule = rule.ok_or_else(|| unknown(&call.method))?;
        if facts.is_foreign_to(&ctx.tenant) {
            // The query should have kept to the tenant: the policies would refuse it too, and
            // nobody would hear that one wall of two has a hole.
            tracing::error!(method = %call.method, "a row of another tenant was read; refused");
            return Err(refused(call));
        }
        let verdict = self.judge(ctx, rule, Some(facts))?;
        match verdict.open {
            true => Ok(verdict.sight),
            false => Err(refused(call)),
        }
    }

    /// Whether rows can be decided differently in the call that is being answered.
    pub fn decides_rows(&self, ctx: &Ctx) -> bool {
        let rule = ctx
            .call
            .as_ref()
            .and_then(|call| self.0.rules.get(&call.method));
        rule.is_some_and(|rule| self.depends_on_row(rule))
    }

    /// What is decided about a call of `method`, and by which policies. `ctx` is who would call.
    /// [`Reason::NotFound`] for a method that the contract does not have.
    pub fn explain(&self, ctx: &Ctx, method: &str, facts: Facts<'_>) -> Result<Explanation> {
        let rule = self.0.rules.get(method).ok_or_else(|| unknown(method))?;
        let question = Question::new(ctx, rule, Some(facts), self.asked(rule));
        let whole = &self.0.policies.whole;
        let answer = question.put(&self.0.authorizer, whole, DataClass::Open)?;
        let deciding = answer.diagnostics().reason().map(|id| Deciding {
            id: id.to_string(),
            description: whole
                .annotation(id, "description")
                .unwrap_or_default()
                .to_owned(),
        });
        let verdict = self.judge(ctx, rule, Some(facts))?;
        Ok(Explanation {
            permission: rule.call.permission.to_string(),
            allowed: verdict.open,
            policies: deciding.collect(),
            sight: verdict.sight,
            depends_on_row: self.depends_on_row(rule),
            errors: answer
                .diagnostics()
                .errors()
                .map(ToString::to_string)
                .collect(),
        })
    }

    /// Every RPC of the contract that has a rule.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.0.rules.values()
    }

    fn depends_on_row(&self, rule: &Rule) -> bool {
        rule.per_row && self.asked(rule).asks_about_rows()
    }

    fn asked(&self, rule: &Rule) -> &Mentions {
        static NOTHING: Mentions = Mentions::NOTHING;
        let asked = &self.0.policies.asked;
        asked.get(&rule.call.permission).unwrap_or(&NOTHING)
    }

    fn judge(&self, ctx: &Ctx, rule: &Rule, facts: Option<Facts<'_>>) -> Result<Verdict> {
        let question = Question::new(ctx, rule, facts, self.asked(rule));
        let key = question.key();
        if let Some(verdict) = self.0.remembered.get(key.as_slice()) {
            return Ok(verdict);
        }
        // An RPC that does not decide row by row never will: at the edge its policies hold whole.
        let policies = match facts {
            None if rule.per_row => &self.0.policies.edge,
            None | Some(_) => &self.0.policies.whole,
        };
        let grants = |class| self.grants(&question, policies, class);
        let open = grants(DataClass::Open)?;
        let verdict = Verdict {
            open,
            sight: Sight {
                direct: open && grants(DataClass::Direct)?,
                sensitive: open && grants(DataClass::Sensitive)?,
            },
        };
        self.0.remembered.insert(key.into(), verdict);
        Ok(verdict)
    }

    /// A policy that cannot be evaluated decides nothing in Cedar, a forbid neither: then the
    /// answer is no.
    fn grants(
        &self,
        question: &Question<'_>,
        policies: &PolicySet,
        class: DataClass,
    ) -> Result<bool> {
        let answer = question.put(&self.0.authorizer, policies, class)?;
        let failed = answer.diagnostics().errors().next().is_some();
        Ok(answer.decision() == Decision::Allow && !failed)
    }
}

fn refused(call: &Call) -> Error {
    let permission = &call.permission;
    Error::new(
        Reason::PermissionDenied,
        format!("This call needs the permission {permission}; ask an administrator for a role that has it."),
    )
    .with("permission", permission.to_string())
}

fn unknown(method: &str) -> Error {
    Error::not_found(method)
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
