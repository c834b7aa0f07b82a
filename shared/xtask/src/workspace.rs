//! Where the workspace is and where it builds.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::command;

/// Programs that can be told where to end, and the tests that tell them.
pub const FAILPOINTS: &str = "dossier/failpoints,dossier-tests/failpoints";

pub struct Workspace {
    /// The folder of the root manifest.
    pub root: PathBuf,
    /// Where cargo builds; tools of our own live in `xtask/` below it.
    pub target: PathBuf,
}

impl Workspace {
    pub fn find() -> anyhow::Result<Self> {
        let text = command::run_quietly(Command::new(cargo()).args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
        ]))?;
        let metadata: serde_json::Value = serde_json::from_str(&text)?;
        let path = |key: &str| {
            metadata[key]
                .as_str()
                .map(PathBuf::from)
                .context("cargo metadata names no folders")
        };
        Ok(Self {
            root: path("workspace_root")?,
            target: path("target_directory")?,
        })
    }

    /// [`Self::command`] of the cargo that runs this program.
    pub fn cargo(&self) -> Command {
        self.command(cargo())
    }

    /// A command that runs in the root folder, as if it were typed there: what `cargo run` tells
    /// this program of its own package makes ring, and all that stands on it, be built again.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let told = name.to_str().is_some_and(|name| {
                name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
            });
            if told {
                command.env_remove(name);
            }
        }
        command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// The folder of one of our own tools, made when missing.
    pub fn tool_dir(&self, name: &str) -> anyhow::Result<PathBuf> {
        let dir = self.target.join("xtask").join(name);
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(dir)
    }
}

fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}
