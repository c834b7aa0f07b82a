//! One question to the policies, in the two forms it is needed in: the key under which its answer
//! is remembered, and Cedar's request.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    Response, RestrictedExpression,
};
use dossier_kernel::{Ctx, Error, PrincipalKind, Result};

use crate::mention::Mentions;
use crate::{Facts, Rule};

/// What is asked about, as policies call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataClass {
    Open,
    Direct,
    Sensitive,
}

impl DataClass {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Direct => "DIRECT",
            Self::Sensitive => "SENSITIVE",
        }
    }
}

/// May this caller make this call, about a resource with these facts? What no policy of the action
/// asks for is left out: fewer questions differ, more answers are remembered.
pub struct Question<'a> {
    ctx: &'a Ctx,
    rule: &'a Rule,
    purpose: Option<&'a str>,
    facts: Option<Facts<'a>>,
}

impl<'a> Question<'a> {
    /// `facts` are `None` at the edge, where no row is known.
    pub fn new(ctx: &'a Ctx, rule: &'a Rule, facts: Option<Facts<'a>>, asked: &Mentions) -> Self {
        let facts = facts.map(|facts| Facts {
            tenant: facts.tenant,
            owner: facts.owner.filter(|_| asked.owner),
            team: facts.team.filter(|_| asked.team),
            tags: if asked.tags { facts.tags } else { &[] },
        });
        Self {
            ctx,
            rule,
            purpose: ctx.purpose.as_deref().filter(|_| asked.purpose),
            facts,
        }
    }

    /// The same for the same question and for no other: every part with its length before it.
    pub fn key(&self) -> Vec<u8> {
        let Ctx {
            tenant,
            principal,
            roles,
            teams,
            strength,
            on_behalf_of: _,
            call: _,
            purpose: _,
            request_id: _,
            deadline: _,
            trace: _,
        } = self.ctx;
        let mut key = Key(Vec::with_capacity(192));
        key.text(&self.rule.call.method);
        key.text(tenant.as_str());
        key.0.push(principal.kind as u8);
        key.text(&principal.id);
        key.0.push(*strength as u8);
        key.count(roles.len());
        key.0.extend(roles.iter().map(|role| *role as u8));
        key.texts(teams);
        key.option(self.purpose);
        match self.facts {
            None => key.0.push(0),
            Some(Facts {
                tenant,
                owner,
                team,
                tags,
            }) => {
                key.0.push(1);
                key.option(tenant);
                key.option(owner);
                key.option(team);
                key.texts(tags);
            }
        }
        key.0
    }

    /// Cedar's answer about one class of data.
    pub fn put(
        &self,
        authorizer: &Authorizer,
        policies: &PolicySet,
        class: DataClass,
    ) -> Result<Response> {
        let types = match self.ctx.principal.kind {
            PrincipalKind::Person => "Person",
            PrincipalKind::ApiKey => "ApiKey",
            PrincipalKind::Service => "Service",
        };
        let tenant = self.ctx.tenant.as_str();
        let principal = uid(types, &self.ctx.principal.id)?;
        let roles = self.ctx.roles.iter().map(|role| uid("Role", role.as_str()));
        let teams = self.ctx.teams.iter().map(|team| uid("Team", team));
        let parents = roles.chain(teams).collect::<Result<HashSet<_>>>()?;
        let name = self.ctx.principal.to_string();
        let attributes = HashMap::from([
            ("name".to_owned(), text(name)),
            ("tenant".to_owned(), text(tenant)),
        ]);
        let who = Entity::new(principal.clone(), attributes, parents).map_err(Error::internal)?;

        let facts = self.facts.unwrap_or_default();
        let mut attributes = HashMap::from([
            ("tenant".to_owned(), text(facts.tenant.unwrap_or(tenant))),
            (
                "data_class".to_owned(),
                entity(uid("DataClass", class.as_str())?),
            ),
            (
                "tags".to_owned(),
                RestrictedExpression::new_set(facts.tags.iter().map(text)),
            ),
        ]);
        if let Some(owner) = facts.owner {
            attributes.insert("owner".to_owned(), text(owner));
        }
        if let Some(team) = facts.team {
            attributes.insert("team".to_owned(), entity(uid("Team", team)?));
        }
        let resource = uid("Resource", "it")?;
        let what =
            Entity::new(resource.clone(), attributes, HashSet::new()).map_err(Error::internal)?;

        let mut circumstances = vec![
            (
                "strength".to_owned(),
                entity(uid("Strength", self.ctx.strength.as_str())?),
            ),
            ("method".to_owned(), text(&*self.rule.call.method)),
            (
                "all_tenants".to_owned(),
                RestrictedExpression::new_bool(self.rule.all_tenants),
            ),
        ];
        if let Some(purpose) = self.purpose {
            circumstances.push(("purpose".to_owned(), text(purpose)));
        }
        let context = Context::from_pairs(circumstances).map_err(Error::internal)?;
        let action = uid("Action", &self.rule.call.permission)?;
        let request =
            Request::new(principal, action, resource, context, None).map_err(Error::internal)?;
        let entities = Entities::from_entities([who, what], None).map_err(Error::internal)?;
        Ok(authorizer.is_authorized(&request, policies, &entities))
    }
}

struct Key(Vec<u8>);

impl Key {
    fn count(&mut self, count: usize) {
        // Longer ones reach neither tokens nor rows.
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.0.extend(count.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend(text.as_bytes());
    }

    fn texts(&mut self, texts: &[String]) {
        self.count(texts.len());
        texts.iter().for_each(|text| self.text(text));
    }

    fn option(&mut self, text: Option<&str>) {
        self.0.push(u8::from(text.is_some()));
        self.text(text.unwrap_or_default());
    }
}

fn uid(of: &str, id: &str) -> Result<EntityUid> {
    let of: EntityTypeName = of.parse().map_err(Error::internal)?;
    Ok(EntityUid::from_type_name_and_id(of, EntityId::new(id)))
}

fn entity(uid: EntityUid) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(uid)
}

fn text(text: impl Into<String>) -> RestrictedExpression {
    RestrictedExpression::new_string(text.into())
}
