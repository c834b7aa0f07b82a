//! Whether they may: by the `(access)` rule of the method and the policies. What has no rule is
//! refused.

use std::sync::Arc;

use dossier_access::{Access, Rules};
use dossier_kernel::{Ctx, Error};

/// The context learns which call it is of.
pub fn check(access: &Access, rules: &Rules, path: &str, ctx: &mut Ctx) -> Result<(), Error> {
    match rules.get(path) {
        Some(rule) => {
            ctx.call = Some(Arc::clone(&rule.call));
            access.gate(ctx, rule)
        }
        None => Err(Error::internal(
            "a method without an (access) rule is served",
        )),
    }
}
