//! The bill of materials of what is shipped: CycloneDX 1.5 as JSON.
//!
//! From the lock file and cargo's own metadata, so that it names what is built and nothing else. The
//! same lock file gives the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::command::run_quietly;
use crate::workspace::Workspace;

/// What is shipped: everything these need, directly or not.
const SHIPPED: [&str; 5] = [
    "dossier",
    "dossier-profile",
    "dossier-interaction",
    "dossier-segmentation",
    "dossier-feedback",
];
/// Where it runs; other platforms need other crates.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Prints the bill of materials.
pub fn print() -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    println!("{}", serde_json::to_string_pretty(&read(&workspace)?)?);
    Ok(())
}

fn read(workspace: &Workspace) -> anyhow::Result<Value> {
    let arguments = ["metadata", "--locked", "--format-version", "1"];
    let mut cargo = workspace.cargo();
    cargo.args(arguments).args(["--filter-platform", PLATFORM]);
    let metadata: Value = serde_json::from_str(&run_quietly(&mut cargo)?)?;
    let lock = std::fs::read_to_string(workspace.root.join("Cargo.lock"))?;
    describe(&metadata, &checksums(&lock))
}

fn describe(
    metadata: &Value,
    checksums: &BTreeMap<(String, String), String>,
) -> anyhow::Result<Value> {
    let packages: BTreeMap<&str, &Value> = list(&metadata["packages"])?
        .iter()
        .map(|package| Ok((text(&package["id"])?, package)))
        .collect::<anyhow::Result<_>>()?;
    let needs = needs(metadata)?;
    let roots: Vec<&str> = packages
        .iter()
        .filter(|(_, package)| {
            let name = package["name"].as_str().unwrap_or_default();
            package["source"].is_null() && SHIPPED.contains(&name)
        })
        .map(|(id, _)| *id)
        .collect();
    let mut shipped = BTreeSet::new();
    let mut waiting = roots.clone();
    while let Some(id) = waiting.pop() {
        if shipped.insert(id) {
            waiting.extend(needs.get(id).into_iter().flatten());
        }
    }
    let reference = |id: &str| -> anyhow::Result<String> {
        purl(packages.get(id).context("a needed package is listed")?)
    };
    let (mut components, mut dependencies) = (BTreeMap::new(), BTreeMap::new());
    for id in shipped {
        let package = packages.get(id).context("a needed package is listed")?;
        components.insert(reference(id)?, component(package, checksums)?);
        let on = needs.get(id).into_iter().flatten();
        let on: BTreeSet<String> = on.map(|id| reference(id)).collect::<anyhow::Result<_>>()?;
        dependencies.insert(reference(id)?, on);
    }
    let main = packages
        .values()
        .find(|package| package["source"].is_null() && package["name"] == "dossier")
        .context("the workspace has `dossier`")?;
    let product = components
        .remove(&purl(main)?)
        .context("`dossier` is shipped")?;
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": product},
        "components": components.into_values().collect::<Vec<_>>(),
        "dependencies": dependencies
            .into_iter()
            .map(|(reference, on)| json!({"ref": reference, "dependsOn": on}))
            .collect::<Vec<_>>(),
    }))
}

/// Which packages each package needs to be built and to run; what only tests need is left out.
fn needs(metadata: &Value) -> anyhow::Result<BTreeMap<&str, Vec<&str>>> {
    let mut needs = BTreeMap::new();
    for node in list(&metadata["resolve"]["nodes"])? {
        let mut on = Vec::new();
        for dependency in list(&node["deps"])? {
            let kinds = list(&dependency["dep_kinds"])?;
            if kinds.iter().any(|kind| kind["kind"] != "dev") {
                on.push(text(&dependency["pkg"])?);
            }
        }
        needs.insert(text(&node["id"])?, on);
    }
    Ok(needs)
}

fn component(
    package: &Value,
    checksums: &BTreeMap<(String, String), String>,
) -> anyhow::Result<Value> {
    let (name, version) = (text(&package["name"])?, text(&package["version"])?);
    let ours = package["source"].is_null();
    let kind = if ours && SHIPPED.contains(&name) {
        "application"
    } else {
        "library"
    };
    let reference = purl(package)?;
    let mut component = json!({
        "type": kind,
        "bom-ref": reference,
        "name": name,
        "version": version,
        "purl": reference,
        // Crates from before SPDX expressions wrote a slash for OR.
        "licenses": [{"expression": spdx(text(&package["license"])?)}],
    });
    if !ours {
        let key = (name.to_owned(), version.to_owned());
        let checksum = checksums
            .get(&key)
            .with_context(|| format!("the lock file has a checksum of {name} {version}"))?;
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    Ok(component)
}

fn spdx(license: &str) -> String {
    let parts: Vec<&str> = license.split('/').map(str::trim).collect();
    parts.join(" OR ")
}

/// <https://github.com/package-url/purl-spec>
fn purl(package: &Value) -> anyhow::Result<String> {
    let (name, version) = (text(&package["name"])?, text(&package["version"])?);
    Ok(format!("pkg:cargo/{name}@{}", version.replace('+', "%2B")))
}

/// The checksums of the lock file, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |block: &str, key: &str| {
        let line = block
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{key} = \"")))?;
        Some(line.trim_end_matches('"').to_owned())
    };
    lock.split("[[package]]")
        .filter_map(|block| {
            let key = (value(block, "name")?, value(block, "version")?);
            Some((key, value(block, "checksum")?))
        })
        .collect()
}

fn list(value: &Value) -> anyhow::Result<&Vec<Value>> {
    value.as_array().context("cargo metadata has another form")
}

fn text(value: &Value) -> anyhow::Result<&str> {
    value.as_str().context("cargo metadata has another form")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the JSON schema of CycloneDX 1.5 asks of these parts.
    fn problems(bom: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |holds: bool, what: String| {
            if !holds {
                problems.push(what);
            }
        };
        check(bom["bomFormat"] == "CycloneDX", "bomFormat".to_owned());
        check(bom["specVersion"] == "1.5", "specVersion".to_owned());
        check(bom["version"].is_u64(), "version".to_owned());
        let components: Vec<&Value> = std::iter::once(&bom["metadata"]["component"])
            .chain(bom["components"].as_array().into_iter().flatten())
            .collect();
        let mut references = BTreeSet::new();
        for one in components {
            let reference = one["bom-ref"].as_str().unwrap_or_default();
            check(references.insert(reference), format!("twice: {reference}"));
            check(
                one["type"] == "library" || one["type"] == "application",
                format!("type of {reference}"),
            );
            for field in ["name", "version", "purl"] {
                let given = one[field].as_str().is_some_and(|text| !text.is_empty());
                check(given, format!("{field} of {reference}"));
            }
            let license = one["licenses"][0]["expression"].as_str();
            check(
                license.is_some_and(|text| !text.is_empty() && !text.contains('/')),
                format!("license of {reference}"),
            );
            let ours = one["name"]
                .as_str()
                .is_some_and(|n| n.starts_with("dossier"));
            let hash = one["hashes"][0]["content"].as_str().unwrap_or_default();
            let hex = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
            check(ours || hex, format!("hash of {reference}"));
        }
        for edge in bom["dependencies"].as_array().into_iter().flatten() {
            let on = edge["dependsOn"].as_array().into_iter().flatten();
            for end in std::iter::once(&edge["ref"]).chain(on) {
                let end = end.as_str().unwrap_or_default();
                check(references.contains(end), format!("edge to {end}"));
            }
        }
        problems
    }

    #[test]
    fn the_bill_has_the_form_of_cyclonedx_and_is_the_same_every_time() {
        let workspace = Workspace::find().expect("a workspace");
        let bom = read(&workspace).expect("reads");
        assert_eq!(problems(&bom), [""; 0]);
        assert_eq!(bom, read(&workspace).expect("reads again"));
        let names: BTreeSet<&str> = bom["components"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|one| one["name"].as_str())
            .collect();
        assert!(names.contains("tonic") && names.contains("libsqlite3-sys"));
        // What only tests and tools need is not shipped.
        assert!(!names.contains("proptest") && !names.contains("dossier-testkit"));
    }

    #[test]
    fn what_is_wrong_with_a_bill_is_noticed() {
        let workspace = Workspace::find().expect("a workspace");
        let whole = read(&workspace).expect("reads");
        type Plant = fn(&mut Value);
        let plants: [(Plant, &str); 4] = [
            (|bom| bom["specVersion"] = "1.4".into(), "specVersion"),
            (
                |bom| bom["components"][0]["licenses"] = json!([]),
                "license",
            ),
            (
                |bom| bom["components"][1]["bom-ref"] = json!("x"),
                "edge to",
            ),
            (
                |bom| bom["components"][2] = bom["components"][3].clone(),
                "twice",
            ),
        ];
        for (plant, word) in plants {
            let mut bom = whole.clone();
            plant(&mut bom);
            let found = problems(&bom);
            assert!(
                found.iter().any(|one| one.contains(word)),
                "{word}: {found:?}"
            );
        }
    }
}
