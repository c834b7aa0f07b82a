//! What a policy may know about a resource, and what it lets be seen of it.

use dossier_kernel::TenantId;

/// About one resource, where the service that decides holds it. Nothing of it is known at the edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The resource's tenant; `None` for the caller's own.
    pub tenant: Option<&'a str>,
    /// The principal that owns it, such as `person:amy`.
    pub owner: Option<&'a str>,
    pub team: Option<&'a str>,
    pub tags: &'a [String],
}

impl Facts<'_> {
    /// Whether the resource is another tenant's. Nothing is foreign to who follows all tenants.
    pub(crate) fn is_foreign_to(&self, tenant: &TenantId) -> bool {
        !tenant.is_all() && self.tenant.is_some_and(|own| own != tenant.as_str())
    }
}

/// Which classes of data may be opened. What a call shows beside them (NONE and QUASI) it may show.
///
/// A store's open function asks for it: what is not granted stays sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    pub direct: bool,
    pub sensitive: bool,
}

impl Sight {
    /// For work of the suite itself, whose answer nobody reads.
    pub const ALL: Self = Self {
        direct: true,
        sensitive: true,
    };

    /// What both see.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            direct: self.direct && other.direct,
            sensitive: self.sensitive && other.sensitive,
        }
    }
}
