//! Whether they may: by the `(access)` rule of the method. What has no rule is refused.

use std::sync::Arc;

use dossier_access::{Rules, authorise};
use dossier_kernel::{Ctx, Error};

/// The context learns which call it is of.
pub fn check(rules: &Rules, path: &str, ctx: &mut Ctx) -> Result<(), Error> {
    match rules.get(path) {
        Some(rule) => {
            ctx.call = Some(Arc::clone(&rule.call));
            authorise(ctx, rule)
        }
        None => Err(Error::internal(
            "a method without an (access) rule is served",
        )),
    }
}
