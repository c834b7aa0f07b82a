//! The files of the tree, as a rule looks at them.

use std::path::Path;

use super::mask;

/// The four services; their crates are `dossier-<name>`.
pub const SERVICES: [&str; 4] = ["profile", "interaction", "segmentation", "feedback"];

/// One text file.
pub struct Source {
    /// From the root, with `/`.
    pub path: String,
    /// As it is.
    pub text: String,
    /// Rust without comments and the contents of strings; other languages as they are.
    pub code: String,
    /// `code` without unit tests.
    pub product: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") {
            mask::without_words(text)
        } else {
            text.to_owned()
        };
        let product = if path.ends_with(".rs") {
            mask::without_tests(&code)
        } else {
            code.clone()
        };
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            product,
        }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub fn is_manifest(&self) -> bool {
        self.path.ends_with("Cargo.toml") && self.path.contains('/')
    }

    /// Rust that ships: no tests, no build scripts, none of the tools that only developers run.
    pub fn is_product(&self) -> bool {
        let shipped = self.is_in(&["shared/", "services/", "proto/"]);
        let tool = self.is_in(&["shared/xtask/", "shared/testkit/"]);
        self.is_rust() && shipped && !tool && !self.is_test() && !self.path.ends_with("build.rs")
    }

    /// A file of tests only, beside the code or in a `tests` folder, or of tools for tests.
    pub fn is_test(&self) -> bool {
        let ends = ["/tests.rs", "_tests.rs", "/testing.rs"];
        let file = ends.iter().any(|end| self.path.ends_with(end));
        file || self.path.contains("/tests/") || self.is_in(&["tests/"])
    }

    pub fn is_in(&self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| self.path.starts_with(folder))
    }

    /// The service the file belongs to; the all-in-one is none of the four.
    pub fn service(&self) -> Option<&'static str> {
        SERVICES
            .into_iter()
            .find(|name| self.path.starts_with(&format!("services/{name}/")))
    }

    /// Whether the file is in this layer of one of the four services: `store` is
    /// `src/store.rs` and everything in `src/store/`.
    pub fn is_in_layer(&self, layer: &str) -> bool {
        self.service().is_some()
            && (self.path.contains(&format!("/src/{layer}/"))
                || self.path.ends_with(&format!("/src/{layer}.rs")))
    }
}

/// Every text file of the tree that people write.
pub fn read_tree(root: &Path) -> Vec<Source> {
    let mut tree = Vec::new();
    read_folder(root, "", &mut tree);
    tree
}

fn read_folder(folder: &Path, prefix: &str, tree: &mut Vec<Source>) {
    const NOT_OURS: [&str; 5] = [".git", "target", "node_modules", "__pycache__", ".venv"];
    for entry in std::fs::read_dir(folder).expect("a folder of the tree can be read") {
        let entry = entry.expect("an entry of the tree can be read");
        let name = entry.file_name().into_string().expect("names are UTF-8");
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            if !NOT_OURS.contains(&name.as_str()) {
                read_folder(&entry.path(), &format!("{path}/"), tree);
            }
        } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
            tree.push(Source::new(&path, &text));
        }
    }
}
