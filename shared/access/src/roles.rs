//! Which role has which permission: the one table. What is not granted here is refused.

use dossier_kernel::Role;

const Y: bool = true;
const N: bool = false;

/// One row per permission, one column per role in the order of [`Role::ALL`].
///
/// - *viewer* reads everything that is not sensitive;
/// - *agent* talks to customers: writes customers, interactions, answers and cases;
/// - *manager* is an agent who also designs segments and surveys and follows the feeds;
/// - *analyst* reads and designs segments, and changes no customer;
/// - *steward* keeps the files clean: imports, deletes, definitions;
/// - *privacy officer* reads what is kept about a person and has it deleted;
/// - *admin* does everything inside one tenant;
/// - *service* is another service of the suite: reads and follows, and changes nothing.
#[rustfmt::skip]
pub const TABLE: &[(&str, [bool; 8])] = &[
    //                                viewer agent manager analyst steward privacy admin service
    ("profile.customers.read",           [Y,   Y,    Y,      Y,      Y,      Y,     Y,     Y]),
    ("profile.customers.lookup",         [Y,   Y,    Y,      Y,      Y,      Y,     Y,     Y]),
    ("profile.customers.write",          [N,   Y,    Y,      N,      Y,      N,     Y,     N]),
    ("profile.customers.delete",         [N,   N,    Y,      N,      Y,      Y,     Y,     N]),
    ("profile.customers.import",         [N,   N,    N,      N,      Y,      N,     Y,     N]),
    ("profile.customers.watch",          [N,   N,    Y,      Y,      Y,      N,     Y,     Y]),
    ("profile.attributes.read",          [Y,   Y,    Y,      Y,      Y,      Y,     Y,     Y]),
    ("profile.attributes.write",         [N,   N,    N,      N,      Y,      N,     Y,     N]),

    ("interaction.interactions.read",    [Y,   Y,    Y,      Y,      Y,      Y,     Y,     Y]),
    ("interaction.interactions.write",   [N,   Y,    Y,      N,      Y,      N,     Y,     N]),
    ("interaction.interactions.watch",   [N,   N,    Y,      Y,      Y,      N,     Y,     Y]),

    ("segmentation.segments.read",       [Y,   Y,    Y,      Y,      Y,      Y,     Y,     Y]),
    ("segmentation.segments.preview",    [N,   N,    Y,      Y,      N,      N,     Y,     N]),
    ("segmentation.segments.write",      [N,   N,    Y,      Y,      N,      N,     Y,     N]),
    ("segmentation.memberships.read",    [Y,   Y,    Y,      Y,      Y,      Y,     Y,     Y]),
    ("segmentation.memberships.watch",   [N,   N,    Y,      Y,      N,      N,     Y,     Y]),
    ("segmentation.classes.read",        [Y,   Y,    Y,      Y,      Y,      Y,     Y,     Y]),
    ("segmentation.classes.write",       [N,   N,    Y,      Y,      N,      N,     Y,     N]),
    ("segmentation.reports.read",        [Y,   Y,    Y,      Y,      Y,      Y,     Y,     N]),
    ("segmentation.progress.read",       [Y,   Y,    Y,      Y,      Y,      Y,     Y,     Y]),
    ("segmentation.progress.verify",     [N,   N,    N,      Y,      Y,      N,     Y,     N]),

    ("feedback.surveys.read",            [Y,   Y,    Y,      Y,      Y,      Y,     Y,     Y]),
    ("feedback.surveys.write",           [N,   N,    Y,      N,      N,      N,     Y,     N]),
    ("feedback.invitations.write",       [N,   Y,    Y,      N,      N,      N,     Y,     N]),
    ("feedback.responses.read",          [Y,   Y,    Y,      Y,      Y,      Y,     Y,     N]),
    ("feedback.responses.write",         [N,   Y,    Y,      N,      N,      N,     Y,     N]),
    ("feedback.cases.read",              [Y,   Y,    Y,      Y,      Y,      Y,     Y,     N]),
    ("feedback.cases.write",             [N,   Y,    Y,      N,      N,      N,     Y,     N]),
    ("feedback.feedback.watch",          [N,   N,    Y,      Y,      N,      N,     Y,     Y]),
];

/// The roles that have a permission, as one word of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleSet(u8);

impl RoleSet {
    const fn from_row(row: [bool; 8]) -> Self {
        let mut bits = 0;
        let mut column = 0;
        while column < row.len() {
            bits |= (row[column] as u8) << column;
            column += 1;
        }
        Self(bits)
    }

    pub const fn contains(self, role: Role) -> bool {
        // Columns follow the order of declaration, which `Role::ALL` repeats.
        self.0 & (1 << role as u8) != 0
    }
}

/// `None` when no row names the permission.
pub fn roles_with(permission: &str) -> Option<RoleSet> {
    TABLE
        .iter()
        .find(|(name, _)| *name == permission)
        .map(|(_, row)| RoleSet::from_row(*row))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn columns_follow_the_roles() {
        for (column, role) in Role::ALL.into_iter().enumerate() {
            let mut row = [false; 8];
            row[column] = true;
            let set = RoleSet::from_row(row);
            for other in Role::ALL {
                assert_eq!(set.contains(other), other == role);
            }
        }
    }

    #[test]
    fn a_permission_has_one_row_and_an_admin() {
        let names: BTreeSet<_> = TABLE.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), TABLE.len());
        for (name, row) in TABLE {
            assert!(RoleSet::from_row(*row).contains(Role::Admin), "{name}");
        }
    }

    #[test]
    fn who_only_looks_changes_nothing() {
        for (name, row) in TABLE {
            let changes = ["write", "delete", "import"]
                .iter()
                .any(|verb| name.ends_with(verb));
            let set = RoleSet::from_row(*row);
            if changes {
                assert!(!set.contains(Role::Viewer), "{name}");
                assert!(!set.contains(Role::Service), "{name}");
            }
        }
    }

    #[test]
    fn an_unknown_permission_is_nobodys() {
        assert_eq!(roles_with("profile.customers.burn"), None);
    }
}
