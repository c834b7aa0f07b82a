//! What is rotated, and how far that is.

/// Which keys are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Wraps the keys of all tenants with the current root key.
    Root,
    /// A new key for the tenant; wraps its customers' keys with that.
    Tenant,
    /// New keys for all customers of the tenant; seals all their values with those.
    Customers,
    /// A new index key for the tenant; computes all blind indexes anew.
    Index,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Root, Self::Tenant, Self::Customers, Self::Index];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Tenant => "tenant",
            Self::Customers => "customers",
            Self::Index => "index",
        }
    }
}

/// Where a rotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// New versions are made.
    Introduce,
    /// Waits until every process knows them.
    Settle,
    /// The new index key is kept by from now on; waits until every process does.
    Join,
    /// What is under an old version is put under the new one.
    Convert,
    /// Waits until the outcomes of requests that hold rows under an old version have expired.
    Outlive,
    /// The old index key is no longer looked up by; waits until every process knows.
    Leave,
    /// Old versions are deleted.
    Retire,
    Done,
}

impl Phase {
    pub const ALL: [Self; 8] = [
        Self::Introduce,
        Self::Settle,
        Self::Join,
        Self::Convert,
        Self::Outlive,
        Self::Leave,
        Self::Retire,
        Self::Done,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Introduce => "introduce",
            Self::Settle => "settle",
            Self::Join => "join",
            Self::Convert => "convert",
            Self::Outlive => "outlive",
            Self::Leave => "leave",
            Self::Retire => "retire",
            Self::Done => "done",
        }
    }

    pub(crate) const fn first(kind: Kind) -> Self {
        match kind {
            Kind::Root => Self::Convert,
            Kind::Tenant | Kind::Customers | Kind::Index => Self::Introduce,
        }
    }

    pub(crate) const fn next(self, kind: Kind) -> Self {
        match (self, kind) {
            (Self::Introduce, _) => Self::Settle,
            (Self::Settle, Kind::Index) => Self::Join,
            (Self::Settle | Self::Join, _) => Self::Convert,
            (Self::Convert, Kind::Tenant) => Self::Retire,
            (Self::Convert, Kind::Customers) => Self::Outlive,
            (Self::Convert, Kind::Index) => Self::Leave,
            (Self::Outlive | Self::Leave, _) => Self::Retire,
            (Self::Convert, Kind::Root) | (Self::Retire | Self::Done, _) => Self::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rotation_ends_and_converts_before_it_retires() {
        for kind in Kind::ALL {
            let mut phase = Phase::first(kind);
            let mut seen = vec![phase];
            while phase != Phase::Done {
                phase = phase.next(kind);
                assert!(!seen.contains(&phase), "{kind:?} goes round");
                seen.push(phase);
            }
            let at = |phase| seen.iter().position(|one| *one == phase);
            assert!(at(Phase::Convert).is_some(), "{kind:?}");
            if kind != Kind::Root {
                assert!(at(Phase::Settle) < at(Phase::Convert), "{kind:?}");
                assert!(at(Phase::Convert) < at(Phase::Retire), "{kind:?}");
            }
        }
    }
}
