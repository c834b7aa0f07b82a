//! Who belongs to whom, from when until when.

use dossier_kernel::{CustomerId, Timestamp, id};
use uuid::Uuid;

use super::{CustomerType, Violations, normalize};

const LABEL_MAX: usize = 64;
/// How many others, one above the other, an organisation is put under.
pub const LEVELS_MAX: usize = 100;

/// What one customer is of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationshipType {
    Spouse,
    Parent,
    Child,
    Sibling,
    Guardian,
    Ward,
    Friend,
    Referrer,
    Referred,
    Other,
    Employee,
    Employer,
    Contact,
    ContactOrganization,
    Owner,
    OwnedOrganization,
    LegalRepresentative,
    RepresentedOrganization,
    Member,
    MemberOrganization,
    HouseholdMember,
    Household,
    ParentOrganization,
    Subsidiary,
    HeadOffice,
    Branch,
    Supplier,
    Buyer,
    Partner,
}

impl RelationshipType {
    /// Those that are stored: of each pair one, and those that are their own inverse.
    const STORED: [Self; 17] = [
        Self::Spouse,
        Self::Parent,
        Self::Sibling,
        Self::Guardian,
        Self::Friend,
        Self::Referrer,
        Self::Other,
        Self::Employee,
        Self::Contact,
        Self::Owner,
        Self::LegalRepresentative,
        Self::Member,
        Self::HouseholdMember,
        Self::ParentOrganization,
        Self::HeadOffice,
        Self::Supplier,
        Self::Partner,
    ];
    /// What the organisation tree is made of: `from` is above `to`.
    pub const OF_THE_TREE: [Self; 2] = [Self::ParentOrganization, Self::HeadOffice];

    /// The word used in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spouse => "SPOUSE",
            Self::Parent => "PARENT",
            Self::Child => "CHILD",
            Self::Sibling => "SIBLING",
            Self::Guardian => "GUARDIAN",
            Self::Ward => "WARD",
            Self::Friend => "FRIEND",
            Self::Referrer => "REFERRER",
            Self::Referred => "REFERRED",
            Self::Other => "OTHER",
            Self::Employee => "EMPLOYEE",
            Self::Employer => "EMPLOYER",
            Self::Contact => "CONTACT",
            Self::ContactOrganization => "CONTACT_ORGANIZATION",
            Self::Owner => "OWNER",
            Self::OwnedOrganization => "OWNED_ORGANIZATION",
            Self::LegalRepresentative => "LEGAL_REPRESENTATIVE",
            Self::RepresentedOrganization => "REPRESENTED_ORGANIZATION",
            Self::Member => "MEMBER",
            Self::MemberOrganization => "MEMBER_ORGANIZATION",
            Self::HouseholdMember => "HOUSEHOLD_MEMBER",
            Self::Household => "HOUSEHOLD",
            Self::ParentOrganization => "PARENT_ORGANIZATION",
            Self::Subsidiary => "SUBSIDIARY",
            Self::HeadOffice => "HEAD_OFFICE",
            Self::Branch => "BRANCH",
            Self::Supplier => "SUPPLIER",
            Self::Buyer => "BUYER",
            Self::Partner => "PARTNER",
        }
    }

    /// Reads a type that is stored.
    pub fn parse(word: &str) -> Option<Self> {
        Self::STORED.into_iter().find(|one| one.as_str() == word)
    }

    /// What the other is then.
    pub const fn inverse(self) -> Self {
        match self {
            Self::Spouse | Self::Sibling | Self::Friend | Self::Other | Self::Partner => self,
            Self::Parent => Self::Child,
            Self::Child => Self::Parent,
            Self::Guardian => Self::Ward,
            Self::Ward => Self::Guardian,
            Self::Referrer => Self::Referred,
            Self::Referred => Self::Referrer,
            Self::Employee => Self::Employer,
            Self::Employer => Self::Employee,
            Self::Contact => Self::ContactOrganization,
            Self::ContactOrganization => Self::Contact,
            Self::Owner => Self::OwnedOrganization,
            Self::OwnedOrganization => Self::Owner,
            Self::LegalRepresentative => Self::RepresentedOrganization,
            Self::RepresentedOrganization => Self::LegalRepresentative,
            Self::Member => Self::MemberOrganization,
            Self::MemberOrganization => Self::Member,
            Self::HouseholdMember => Self::Household,
            Self::Household => Self::HouseholdMember,
            Self::ParentOrganization => Self::Subsidiary,
            Self::Subsidiary => Self::ParentOrganization,
            Self::HeadOffice => Self::Branch,
            Self::Branch => Self::HeadOffice,
            Self::Supplier => Self::Buyer,
            Self::Buyer => Self::Supplier,
        }
    }

    /// Of what types the two are.
    pub const fn ends(self) -> (CustomerType, CustomerType) {
        use CustomerType::{Organization, Person};
        match self {
            Self::Spouse
            | Self::Parent
            | Self::Child
            | Self::Sibling
            | Self::Guardian
            | Self::Ward
            | Self::Friend
            | Self::Referrer
            | Self::Referred
            | Self::Other => (Person, Person),
            Self::Employee
            | Self::Contact
            | Self::Owner
            | Self::LegalRepresentative
            | Self::Member
            | Self::HouseholdMember => (Person, Organization),
            Self::Employer
            | Self::ContactOrganization
            | Self::OwnedOrganization
            | Self::RepresentedOrganization
            | Self::MemberOrganization
            | Self::Household => (Organization, Person),
            Self::ParentOrganization
            | Self::Subsidiary
            | Self::HeadOffice
            | Self::Branch
            | Self::Supplier
            | Self::Buyer
            | Self::Partner => (Organization, Organization),
        }
    }

    pub fn is_of_the_tree(self) -> bool {
        Self::OF_THE_TREE.contains(&self) || Self::OF_THE_TREE.contains(&self.inverse())
    }
}

/// From an instant until another, which is outside. The ends of time stand for what is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: Timestamp,
    pub end: Timestamp,
}

impl Span {
    pub const SINCE_EVER: Timestamp = Timestamp(i64::MIN);
    pub const FOR_EVER: Timestamp = Timestamp(i64::MAX);

    pub fn of(start: Option<Timestamp>, end: Option<Timestamp>) -> Self {
        Self {
            start: start.unwrap_or(Self::SINCE_EVER),
            end: end.unwrap_or(Self::FOR_EVER),
        }
    }

    pub fn known_start(self) -> Option<Timestamp> {
        Some(self.start).filter(|start| *start != Self::SINCE_EVER)
    }

    pub fn known_end(self) -> Option<Timestamp> {
        Some(self.end).filter(|end| *end != Self::FOR_EVER)
    }

    /// What both have; `None` where there is nothing.
    pub fn common(self, other: Self) -> Option<Self> {
        let common = Self {
            start: self.start.max(other.start),
            end: self.end.min(other.end),
        };
        (common.start < common.end).then_some(common)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relationship {
    pub id: Uuid,
    pub revision: i64,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
    pub from: CustomerId,
    pub to: CustomerId,
    /// What `from` is of `to`.
    pub kind: RelationshipType,
    pub span: Span,
    pub label: String,
}

impl Relationship {
    pub fn to_name(&self) -> String {
        id::resource_name("relationships", self.id)
    }

    pub fn etag(&self) -> String {
        self.revision.to_string()
    }

    /// As it is stored, so that what is the same is found: whichever side it is told from.
    #[must_use]
    pub fn stored(self) -> Self {
        let is_own_inverse = self.kind == self.kind.inverse();
        let turned = match is_own_inverse {
            true => self.to < self.from,
            false => !RelationshipType::STORED.contains(&self.kind),
        };
        if turned { self.turned() } else { self }
    }

    /// As seen by one of the two.
    #[must_use]
    pub fn seen_from(self, customer: CustomerId) -> Self {
        if self.to == customer {
            self.turned()
        } else {
            self
        }
    }

    fn turned(self) -> Self {
        Self {
            from: self.to,
            to: self.from,
            kind: self.kind.inverse(),
            ..self
        }
    }

    /// Ends it, if it does not end earlier; says whether that changed anything. Names in `problems`
    /// an end that lies before its beginning.
    pub fn end(&mut self, at: Timestamp, now: Timestamp, problems: &mut Violations) -> bool {
        if at <= self.span.start {
            problems.add_to_request("end_time", "must be after start_time");
            return false;
        }
        if at >= self.span.end {
            return false;
        }
        self.span.end = at;
        self.revision += 1;
        self.update_time = now.max(self.update_time);
        true
    }
}

/// A relationship as a caller states it.
#[derive(Clone, Debug)]
pub struct NewRelationship {
    pub from: CustomerId,
    pub to: CustomerId,
    pub kind: Option<RelationshipType>,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    pub label: String,
}

impl NewRelationship {
    /// The relationship; `None` where something is wrong, which `problems` then names.
    pub fn check(self, now: Timestamp, problems: &mut Violations) -> Option<Relationship> {
        let mut say = |field: &str, words: &str| {
            problems.add_to_request(format!("relationship.{field}"), words);
        };
        if self.from == self.to {
            say("to", "must be another customer");
        }
        if self.kind.is_none() {
            say("type", "is required, such as SPOUSE or EMPLOYEE");
        }
        let span = Span::of(self.start, self.end);
        if span.end <= span.start {
            say("end_time", "must be after start_time");
        }
        let label = normalize::text(&self.label);
        if label.chars().count() > LABEL_MAX {
            say("label", "must have at most 64 characters");
        }
        let kind = self.kind.filter(|_| problems.is_empty())?;
        Some(Relationship {
            id: Uuid::now_v7(),
            revision: 1,
            create_time: now,
            update_time: now,
            from: self.from,
            to: self.to,
            kind,
            span,
            label,
        })
    }
}

/// One level up from each of `below`, as far as they have been below together: whoever is reached
/// is above all the way down within the span.
pub fn climb(below: &[(CustomerId, Span)], edges: &[Relationship]) -> Vec<(CustomerId, Span)> {
    let mut above = Vec::new();
    for (customer, span) in below {
        for edge in edges.iter().filter(|edge| edge.to == *customer) {
            if let Some(common) = span.common(edge.span) {
                above.push((edge.from, common));
            }
        }
    }
    above
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer(number: u128) -> CustomerId {
        CustomerId(Uuid::from_u128(number))
    }

    fn edge(from: u128, to: u128, kind: RelationshipType, span: (i64, i64)) -> Relationship {
        Relationship {
            id: Uuid::nil(),
            revision: 1,
            create_time: Timestamp(0),
            update_time: Timestamp(0),
            from: customer(from),
            to: customer(to),
            kind,
            span: Span {
                start: Timestamp(span.0),
                end: Timestamp(span.1),
            },
            label: String::new(),
        }
    }

    #[test]
    fn the_same_is_stored_alike_whichever_side_it_is_told_from() {
        for kind in RelationshipType::STORED {
            assert_eq!(kind.inverse().inverse(), kind);
            let (from, to) = kind.ends();
            assert_eq!(kind.inverse().ends(), (to, from));
            assert_eq!(RelationshipType::parse(kind.as_str()), Some(kind));
            let told = edge(1, 2, kind, (0, 9));
            let other = edge(2, 1, kind.inverse(), (0, 9));
            assert_eq!(told.clone().stored(), other.clone().stored());
            assert_eq!(other.seen_from(customer(1)), told);
        }
    }

    #[test]
    fn a_relationship_ends_after_it_began_and_never_later_than_it_did() {
        let now = Timestamp(50);
        let mut one = edge(1, 2, RelationshipType::Spouse, (10, 30));
        let mut problems = Violations::default();
        assert!(!one.end(Timestamp(40), now, &mut problems));
        assert!(one.end(Timestamp(20), now, &mut problems));
        assert!(!one.end(Timestamp(20), now, &mut problems));
        assert_eq!((one.revision, one.span.end), (2, Timestamp(20)));
        assert!(problems.is_empty());
        assert!(!one.end(Timestamp(10), now, &mut problems));
        assert_eq!(problems.count(), 1);
    }

    #[test]
    fn who_is_above_is_above_at_one_time_with_all_between() {
        let kind = RelationshipType::ParentOrganization;
        let edges = [edge(2, 1, kind, (0, 10)), edge(3, 1, kind, (10, 20))];
        let forever = Span::of(None, None);
        let above = climb(&[(customer(1), forever)], &edges);
        assert_eq!(above.len(), 2);
        // 1 was below 2 before 2 came below 4.
        let edges = [edge(4, 2, kind, (10, 30))];
        assert!(climb(&above, &edges).is_empty());
        let edges = [edge(4, 3, kind, (15, 30))];
        let above = climb(&above, &edges);
        let span = Span {
            start: Timestamp(15),
            end: Timestamp(20),
        };
        assert_eq!(above, [(customer(4), span)]);
    }
}
