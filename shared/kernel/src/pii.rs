//! Personal values that cannot be printed by accident.

use zeroize::Zeroize;

/// A personal value. It has no `Debug` that shows it, no `Display` and no `Serialize`: whoever
/// wants the value says [`Pii::expose`], which a reviewer can search for. Wiped when dropped.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pii<T: Zeroize>(T);

impl<T: Zeroize> Pii<T> {
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Pii<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl From<&str> for Pii<String> {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Shows that there is a value, never the value; structures that hold one stay debuggable.
impl<T: Zeroize> std::fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pii(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Pii;

    #[test]
    fn debug_never_shows_the_value() {
        assert_eq!(format!("{:?}", Pii::from("王小明")), "Pii(…)");
    }
}
