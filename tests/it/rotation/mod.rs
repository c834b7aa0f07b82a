//! Every key is replaced while the suite serves, is killed and starts again: at every moment all
//! values open and all identifiers are found and are one customer's, and in the end nothing is left
//! under an old key and the old root key opens nothing.

mod people;

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use dossier_kernel::Role;
use dossier_testkit::{Plan, Shape, Soak, Suite, harness, program};
use serde_json::Value;
use uuid::Uuid;

use people::People;

/// A cycle replaces every key once; so often is the suite killed meanwhile.
const KILLS: u64 = 2;
const CYCLES: u64 = 1;
const PEOPLE: usize = 40;
/// When a kill comes. Rotations of this suite take some seconds.
const MILLISECONDS: std::ops::Range<u64> = 200..2_500;
const DONE_WITHIN: Duration = Duration::from_secs(60);

harness!("rotation", run, CYCLES);

/// A rotation that passes over some values each time it looks, until it finds no more to do.
#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_forgets_is_noticed() -> anyhow::Result<()> {
    let mut soak = Soak::begin("rotation", dossier_testkit::Backend::SqliteMemory, CYCLES)?;
    let bug = ("FAILPOINTS", "vault::forget_cell=90%return");
    let noticed = rotate(&mut soak, &[bug]).await.err();
    let noticed = format!("{:#}", noticed.context("not noticed")?);
    eprintln!("noticed: {noticed}");
    ensure!(noticed.contains("Internal error"), "{noticed}");
    Ok(())
}

async fn run(soak: &mut Soak) -> anyhow::Result<()> {
    rotate(soak, &[]).await
}

async fn rotate(soak: &mut Soak, bugs: &[(&str, &str)]) -> anyhow::Result<()> {
    let plan = Plan {
        backend: soak.backend,
        shape: Shape::OneProcess,
        log_level: "info",
    };
    let mut suite = Suite::prepare(plan, None)?;
    let mut root = suite.dir().join("keys/root.key");
    configure(&mut suite, &[&root], bugs);
    suite.start_again().await?;
    let mut people = People::default();
    for _ in 0..PEOPLE {
        people.add(&suite.clients()?).await?;
    }
    let mut kills = 0;
    for cycle in 1..=soak.cycles {
        let new = suite.dir().join(format!("keys/root-{cycle}.key"));
        make_root_key(&new)?;
        configure(&mut suite, &[&new, &root], bugs);
        suite.kill()?;
        suite.start_again().await?;
        keys(&suite, &["rotate", "--all"])?;
        for _ in 0..KILLS {
            let kill_after = Duration::from_millis(soak.dice.within(MILLISECONDS));
            let killed = AtomicBool::new(false);
            let load = people.live(&suite, &killed);
            let kill = async {
                // The kill comes at a moment of its own, whatever the suite is doing.
                tokio::time::sleep(kill_after).await;
                killed.store(true, Ordering::SeqCst);
            };
            let ((), lived) = tokio::join!(kill, load);
            lived.with_context(|| format!("before kill {kills}"))?;
            suite.kill()?;
            kills += 1;
            suite.start_again().await?;
            people.compare(&suite.clients()?).await?;
        }
        wait_until_done(&suite, &mut people).await?;
        expect_versions(&suite, i64::try_from(cycle)? + 1)?;
        // Without the old root key everything is there, with nothing but that nothing is.
        configure(&mut suite, &[&new], bugs);
        suite.kill()?;
        suite.start_again().await?;
        people.compare(&suite.clients()?).await?;
        suite.kill()?;
        configure(&mut suite, &[&root], bugs);
        suite.spawn_again()?;
        let refused = suite.wait(Duration::from_secs(20)).await?;
        ensure!(
            refused.iter().all(|status| !status.success())
                && suite.log()?.contains("which is not configured"),
            "the old root key alone still opens: {refused:?}"
        );
        root = new;
        configure(&mut suite, &[&root], bugs);
        suite.start_again().await?;
    }
    people.compare(&suite.clients()?).await?;
    eprintln!(
        "{} rotations of every key, {kills} kills, {} customers: all values open, all found, none twice",
        soak.cycles,
        people.count()
    );
    Ok(())
}

/// The first file is the root key, the others are known besides.
fn configure(suite: &mut Suite, roots: &[&std::path::PathBuf], bugs: &[(&str, &str)]) {
    let paths: Vec<_> = roots.iter().map(|path| path.to_string_lossy()).collect();
    let environment = [
        ("DOSSIER_ROOT_KEY_FILE", paths[0].to_string()),
        ("DOSSIER_OLD_ROOT_KEY_FILES", paths[1..].join(",")),
        // A rotation waits for twice this several times.
        ("DOSSIER_KEY_LIFE_SECS", "1".to_owned()),
    ];
    let bugs = bugs.iter().map(|&(name, bug)| (name, bug.to_owned()));
    let environment = environment.into_iter().chain(bugs);
    let environment = environment.map(|(name, value)| (name.to_owned(), value));
    suite.set_environment(environment.collect());
}

fn make_root_key(path: &std::path::Path) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let (a, b) = (Uuid::new_v4(), Uuid::new_v4());
    let key = [a.into_bytes(), b.into_bytes()].concat();
    let text = base64::engine::general_purpose::STANDARD.encode(key);
    let mut options = std::fs::File::options();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    Ok(())
}

/// `dossier keys … --json`.
fn keys(suite: &Suite, arguments: &[&str]) -> anyhow::Result<Value> {
    let [address, ..] = suite.addresses();
    let output = Command::new(program("dossier")?)
        .arg("keys")
        .args(arguments)
        .args(["--json", "--address", &address])
        .env(
            "DOSSIER_TOKEN",
            suite.token(&[Role::Admin], suite.tenant())?,
        )
        .current_dir(suite.dir())
        .output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

async fn wait_until_done(suite: &Suite, people: &mut People) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let services = keys(suite, &["status"])?;
        let rotations = services.as_array().context("services")?.iter();
        let rotations: Vec<&Value> = rotations
            .filter_map(|service| service["rotations"].as_array())
            .flatten()
            .collect();
        ensure!(rotations.len() == 16, "four of each service: {services}");
        let done = |rotation: &&&Value| rotation["phase"] == "KEY_ROTATION_PHASE_DONE";
        if rotations.iter().filter(done).count() == 16 {
            let unreadable = |rotation: &&Value| {
                rotation["unreadable_count"] != "0" && !rotation["unreadable_count"].is_null()
            };
            ensure!(!rotations.iter().any(unreadable), "{services}");
            return Ok(());
        }
        ensure!(begun.elapsed() < DONE_WITHIN, "{services}");
        people.step(&suite.clients()?).await?;
    }
}

fn expect_versions(suite: &Suite, version: i64) -> anyhow::Result<()> {
    let services = keys(suite, &["status"])?;
    for service in services.as_array().context("services")? {
        for (name, expected) in [
            ("tenant_key_versions", serde_json::json!([version])),
            ("index_key_versions", serde_json::json!([version])),
        ] {
            // segmentation seals nothing, so the tenant has no keys there.
            let none = service["service"] == "segmentation";
            ensure!(none || service[name] == expected, "{name}: {service}");
        }
    }
    Ok(())
}
