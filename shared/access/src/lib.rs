//! Who may do what: tokens, roles, permissions
