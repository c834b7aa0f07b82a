//! Places where a harness ends the process, and bugs that it plants to see itself fail.
//!
//! | you want | set `FAILPOINTS` at the start of the process to |
//! |---|---|
//! | a panic at the 21st passage of a place | `db::before_commit=20*off->1*panic` |
//! | the process to abort there instead | `db::before_commit=20*off->1*return` |
//! | a bug | `db::forget_commit=20*off->1*return`, or `…=return` for every time |
//! | a bug in one place of several | `db::forget_tenant=return(customer)` |
//!
//! The language is that of the crate `fail`; several entries are separated by `;`. Without the
//! feature `failpoints`, which nothing that is shipped asks for, all of this is empty.

/// Whether this build can be told to fail. Nobody serves with such a build in earnest.
pub const BUILT_IN: bool = cfg!(feature = "failpoints");

/// A place that is passed: panics, aborts or does nothing.
#[cfg(feature = "failpoints")]
pub fn pass(place: &'static str) {
    set_up();
    fail::fail_point!(place, |_| std::process::abort());
}

/// Whether this bug is to happen now.
#[cfg(feature = "failpoints")]
pub fn planted(bug: &'static str) -> bool {
    set_up();
    fail::fail_point!(bug, |_| true);
    false
}

/// As [`planted`], where the bug can be told to happen to one of many.
#[cfg(feature = "failpoints")]
pub fn planted_in(bug: &'static str, one: &str) -> bool {
    set_up();
    fail::fail_point!(bug, |told: Option<String>| told
        .is_none_or(|told| told == one));
    false
}

/// Reads the environment once; what it says holds as long as the process.
#[cfg(feature = "failpoints")]
fn set_up() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| std::mem::forget(fail::FailScenario::setup()));
}

#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub const fn pass(_place: &'static str) {}

#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub const fn planted(_bug: &'static str) -> bool {
    false
}

#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub const fn planted_in(_bug: &'static str, _one: &str) -> bool {
    false
}
