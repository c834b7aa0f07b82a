//! Who hangs together: households, and trees of organisations.

use std::collections::HashSet;

use dossier_kernel::{Ctx, CustomerId, Result, Timestamp};

use super::Profile;
use super::relationship::instant_of;
use crate::domain::{CustomerType, LEVELS_MAX, Relationship, RelationshipType, Span, Violations};
use crate::error::Error;
use crate::store::customer;
use crate::store::relationship::{self as store, Which};

/// The most members that an answer shows.
const MEMBERS_MAX: usize = 1_000;

/// People who live together.
pub struct Household {
    pub customer: CustomerId,
    pub members: Vec<Relationship>,
    pub truncated: bool,
}

/// How much of a tree to show.
pub struct Extent {
    pub depth_max: usize,
    pub node_count_max: usize,
}

pub struct Tree {
    /// Level by level, the root first.
    pub nodes: Vec<Node>,
    /// From the root to who was asked for.
    pub path: Vec<CustomerId>,
    pub truncated: bool,
}

pub struct Node {
    pub customer: CustomerId,
    /// Who is above, and what the node is of them; `None` for the root.
    pub superior: Option<(CustomerId, RelationshipType)>,
    pub depth: usize,
}

impl Profile {
    /// The household of a person, or the one that the customer is. NOT_FOUND where there is none.
    pub async fn get_household(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
        at: Option<Timestamp>,
    ) -> Result<Household> {
        let (row, _) = self.find_visible(ctx, customer).await?;
        let customer = row.id();
        let none = || Error::NoHousehold(customer);
        if row.delete_time.is_some() {
            return Err(none().into());
        }
        let during = instant_of(at.unwrap_or_else(|| self.0.clock.now()));
        let household = match CustomerType::parse(&row.kind) {
            Some(CustomerType::Person) => {
                let of = Which {
                    from: Some(&[customer]),
                    to: None,
                    kinds: &[RelationshipType::HouseholdMember],
                    during: Some(during),
                };
                let mut found = self.shown(ctx, of, 1).await?;
                found.pop().ok_or_else(none)?.to
            }
            _ => customer,
        };
        let of = Which {
            from: None,
            to: Some(&[household]),
            kinds: &[RelationshipType::HouseholdMember],
            during: Some(during),
        };
        let mut members = self.shown(ctx, of, MEMBERS_MAX + 1).await?;
        if members.is_empty() {
            return Err(none().into());
        }
        let truncated = members.len() > MEMBERS_MAX;
        members.truncate(MEMBERS_MAX);
        Ok(Household {
            customer: household,
            members,
            truncated,
        })
    }

    /// The tree that an organisation is in. What is above or below somebody who is hidden is not of
    /// the tree.
    pub async fn get_organization_tree(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
        at: Option<Timestamp>,
        extent: Extent,
    ) -> Result<Tree> {
        let (row, _) = self.find_visible(ctx, customer).await?;
        let customer = row.id();
        if row.delete_time.is_some() {
            return Err(Error::NoCustomer(customer).into());
        }
        if CustomerType::parse(&row.kind) != Some(CustomerType::Organization) {
            let mut problems = Violations::default();
            problems.add_to_request("customer", "must be an organization");
            problems.into_result()?;
        }
        let during = instant_of(at.unwrap_or_else(|| self.0.clock.now()));
        let (path, is_cut) = self.path_to(ctx, customer, during).await?;
        let root = path.first().copied().unwrap_or(customer);
        let (nodes, truncated) = self.below(ctx, root, during, extent).await?;
        Ok(Tree {
            nodes,
            path,
            truncated: truncated || is_cut,
        })
    }

    /// From the root to the customer, and whether there is more above: a tree can grow at its root.
    async fn path_to(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
        during: Span,
    ) -> Result<(Vec<CustomerId>, bool)> {
        let mut path = vec![customer];
        let mut at = customer;
        loop {
            let of = Which {
                from: None,
                to: Some(&[at]),
                kinds: &RelationshipType::OF_THE_TREE,
                during: Some(during),
            };
            match self.shown(ctx, of, 1).await?.pop() {
                Some(superior) if path.len() <= LEVELS_MAX => at = superior.from,
                more => {
                    path.reverse();
                    return Ok((path, more.is_some()));
                }
            }
            path.push(at);
        }
    }

    /// A tree from its root, and whether something of it is left out.
    async fn below(
        &self,
        ctx: &Ctx,
        root: CustomerId,
        during: Span,
        extent: Extent,
    ) -> Result<(Vec<Node>, bool)> {
        let mut nodes = vec![Node {
            customer: root,
            superior: None,
            depth: 0,
        }];
        let mut level = vec![root];
        for depth in 1.. {
            let of = Which {
                from: Some(&level),
                to: None,
                kinds: &RelationshipType::OF_THE_TREE,
                during: Some(during),
            };
            let room = extent.node_count_max.saturating_sub(nodes.len());
            let found = self.shown(ctx, of, room + 1).await?;
            if found.is_empty() {
                return Ok((nodes, false));
            }
            if depth > extent.depth_max || found.len() > room {
                let fits = if depth > extent.depth_max { 0 } else { room };
                nodes.extend(found.into_iter().take(fits).map(|edge| node(&edge, depth)));
                return Ok((nodes, true));
            }
            level = found.iter().map(|edge| edge.to).collect();
            nodes.extend(found.iter().map(|edge| node(edge, depth)));
        }
        Ok((nodes, false))
    }

    /// The relationships whose ends are both live and visible, at most so many, in the order in which
    /// they were made. Those of parts are of who speaks for them.
    async fn shown(&self, ctx: &Ctx, which: Which<'_>, limit: usize) -> Result<Vec<Relationship>> {
        let reader = self.0.db.reader_of(&ctx.tenant);
        let from = self.with_all_parts(ctx, which.from).await?;
        let to = self.with_all_parts(ctx, which.to).await?;
        let which = Which {
            from: from.as_deref(),
            to: to.as_deref(),
            ..which
        };
        let mut shown: Vec<Relationship> = Vec::new();
        let mut after = None;
        loop {
            let part = store::select(&reader, &ctx.tenant, which, after, PART).await?;
            let is_last = (part.len() as u64) < PART;
            after = part.last().map(|edge| edge.id);
            let ends: HashSet<CustomerId> =
                part.iter().flat_map(|edge| [edge.from, edge.to]).collect();
            let ends: Vec<CustomerId> = ends.into_iter().collect();
            let seen = self.live_and_visible(ctx, &ends).await?;
            let both = part.into_iter().filter_map(|edge| {
                let (from, to) = (*seen.get(&edge.from)?, *seen.get(&edge.to)?);
                (from != to).then_some(Relationship { from, to, ..edge })
            });
            let room = limit - shown.len();
            shown.extend(both.take(room));
            if is_last || shown.len() == limit {
                return Ok(shown);
            }
        }
    }

    async fn with_all_parts(
        &self,
        ctx: &Ctx,
        ids: Option<&[CustomerId]>,
    ) -> Result<Option<Vec<CustomerId>>> {
        let Some(ids) = ids else { return Ok(None) };
        let reader = self.0.db.reader_of(&ctx.tenant);
        let parts = customer::parts(&reader, &ctx.tenant, ids).await?;
        let all = ids.iter().chain(parts.values().flatten());
        Ok(Some(all.copied().collect()))
    }
}

/// Relationships that are looked at together.
const PART: u64 = 500;

fn node(edge: &Relationship, depth: usize) -> Node {
    Node {
        customer: edge.to,
        superior: Some((edge.from, edge.kind.inverse())),
        depth,
    }
}
