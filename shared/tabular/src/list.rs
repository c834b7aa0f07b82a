//! Several texts in one cell: `vip; new`, or as Google Contacts writes them `* vip ::: new`. What
//! semicolons cannot hold is a JSON array.

/// What parts the texts of a cell of Google's, and what marks groups of its own.
const GOOGLE: (&str, &str) = (":::", "* ");

/// The texts of a cell.
pub fn read(cell: &str) -> Vec<String> {
    if cell.starts_with('[')
        && let Ok(texts) = serde_json::from_str(cell)
    {
        return texts;
    }
    let (between, mark) = GOOGLE;
    let between = if cell.contains(between) { between } else { ";" };
    let texts = cell.split(between).map(str::trim);
    let texts = texts.map(|text| text.strip_prefix(mark).unwrap_or(text));
    let texts = texts.filter(|text| !text.is_empty());
    texts.map(str::to_owned).collect()
}

/// A cell that [`read`] reads as these texts. No texts are an empty array, because an empty cell
/// says nothing.
pub fn write<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let texts: Vec<&str> = texts.into_iter().collect();
    let (between, mark) = GOOGLE;
    let plain = |text: &&str| {
        let parted = text.contains(';') || text.contains(between) || text.starts_with(mark);
        !text.is_empty() && text.trim().len() == text.len() && !parted
    };
    let array = texts.first().is_none_or(|first| first.starts_with('['));
    if array || !texts.iter().all(plain) {
        return serde_json::Value::from(texts).to_string();
    }
    texts.join("; ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn semicolons_part_texts() {
        assert_eq!(read("vip; new;;"), ["vip", "new"]);
        assert_eq!(write(["vip", "new"]), "vip; new");
        assert_eq!(write(["a;b"]), r#"["a;b"]"#);
        assert_eq!(read("* myContacts ::: 朋友"), ["myContacts", "朋友"]);
        // No array after all.
        assert_eq!(read("[a; b]"), ["[a", "b]"]);
    }

    proptest! {
        #[test]
        fn every_list_comes_back(texts in proptest::collection::vec(r#"[;:*\[\]" a王]{0,6}"#, 0..5)) {
            prop_assert_eq!(read(&write(texts.iter().map(String::as_str))), texts);
        }
    }
}
