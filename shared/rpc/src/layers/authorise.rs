//! Whether they may: by the `(access)` rule of the method. What has no rule is refused.

use dossier_access::{Rules, authorise};
use dossier_kernel::{Ctx, Error};

pub fn check(rules: &Rules, path: &str, ctx: &Ctx) -> Result<(), Error> {
    match rules.get(path) {
        Some(rule) => authorise(ctx, rule),
        None => Err(Error::internal(
            "a method without an (access) rule is served",
        )),
    }
}
