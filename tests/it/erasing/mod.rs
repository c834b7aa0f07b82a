//! Customers are erased while others buy and change, and a service is killed midway. Afterwards nothing of
//! the erased stands in any table, feed body, cache, export, log or temporary file; of everybody else all
//! is there; and the certificates verify.
//!
//! `cargo xtask soak erasure --cycles ERASED` does it with a hundred customers for each that is erased.
//! Words are looked for that are stored in the clear, or would be seen in an export: what is sealed could
//! not be found in any case. SQLite's files are read as backups of them, which leave out pages that are
//! free.

mod crowd;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use dossier_proto::profile::v1 as profile;
use dossier_testkit::{
    Backend, Clients, Plan, Shape, Soak, Suite, build, canary, harness, program,
};
use profile::PrivacyRequestState as State;
use rusqlite::Connection;

use crate::following::restored::stop;
use crowd::{Crowd, Somebody};

/// Customers for each that is erased.
const EACH: u64 = 100;
const ERASED: u64 = 4;
/// Beside the lease of a replica that was killed, which the next one waits for.
const ERASE_TIMEOUT: Duration = Duration::from_secs(120);

harness!("erasure", run, ERASED);

async fn run(soak: &mut Soak) -> anyhow::Result<()> {
    nothing_is_left_of_the_erased(soak, Vec::new()).await
}

/// A registry that lacks a table: what is in it is neither erased nor counted.
#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_forgotten_is_noticed() -> anyhow::Result<()> {
    let mut soak = Soak::begin("erasure", Backend::SqliteMemory, ERASED)?;
    let bug = "subject::forget_first_table=return".to_owned();
    let planted = vec![("FAILPOINTS".to_owned(), bug)];
    let noticed = nothing_is_left_of_the_erased(&mut soak, planted).await;
    let noticed = noticed.err().context("not noticed")?.to_string();
    eprintln!("noticed: {noticed}");
    ensure!(noticed.contains("is left of the erased"), "{noticed}");
    Ok(())
}

async fn nothing_is_left_of_the_erased(
    soak: &mut Soak,
    mut environment: Vec<(String, String)>,
) -> anyhow::Result<()> {
    let mut suite = Suite::prepare(
        Plan {
            backend: soak.backend,
            shape: Shape::FourProcesses,
            log_level: "debug",
        },
        None,
    )?;
    for (name, folder) in [
        ("TMPDIR", "tmp"),
        ("SQLITE_TMPDIR", "tmp"),
        ("HOME", "home"),
    ] {
        let path = suite.dir().join(folder);
        std::fs::create_dir_all(&path)?;
        environment.push((name.to_owned(), path.to_string_lossy().into_owned()));
    }
    suite.set_environment(environment);
    suite.start_again().await?;

    let erased = usize::try_from(soak.cycles)?;
    let clients = suite.clients()?;
    let crowd = Crowd::gather(&clients, erased * usize::try_from(EACH)?).await?;
    let (gone, others) = crowd.people.split_at(erased);
    let load = crowd::Load::on(&clients, others);
    let begun = Instant::now();
    let requests = ask(&clients, gone).await?;
    wait_until(&clients, &requests, State::Running).await?;
    let place = usize::try_from(soak.dice.within(0..4))?;
    eprintln!("killing process {place} of four");
    suite.kill_one(place)?;
    suite.start_one_again(place).await?;
    let clients = suite.clients()?;
    wait_until(&clients, &requests, State::Done).await?;
    let took = begun.elapsed();
    let written = load.stop().await?;
    eprintln!(
        "{erased} of {} erased in {took:?}, {written} writes meanwhile",
        crowd.people.len()
    );
    for request in &requests {
        verify(&suite, &clients, request).await?;
    }
    crowd::export(&clients, &suite.dir().join("export.ndjson")).await?;
    stop(&mut suite).await?;
    judge(&places(&suite)?, gone, others)
}

async fn ask(clients: &Clients, people: &[Somebody]) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::with_capacity(people.len());
    for one in people {
        let request = profile::CreatePrivacyRequestRequest {
            privacy_request: Some(profile::PrivacyRequest {
                customer: one.name.clone(),
                r#type: profile::PrivacyRequestType::Erase.into(),
                ..Default::default()
            }),
            request_id: build::request_id(),
        };
        let mut requests = clients.privacy_requests.clone();
        let asked = requests.create_privacy_request(request).await?;
        names.push(asked.into_inner().name);
    }
    Ok(names)
}

/// Until all are in the state or beyond it.
async fn wait_until(clients: &Clients, requests: &[String], state: State) -> anyhow::Result<()> {
    let begun = Instant::now();
    for name in requests {
        loop {
            let request = profile::GetPrivacyRequestRequest { name: name.clone() };
            let mut asked = clients.privacy_requests.clone();
            // A process that was killed is away for a moment.
            if let Ok(asked) = asked.get_privacy_request(request).await {
                let now = asked.into_inner().state();
                if now == state || now == State::Done {
                    break;
                }
            }
            ensure!(
                begun.elapsed() < ERASE_TIMEOUT,
                "{name} is not {} yet",
                state.as_str_name()
            );
            // Nothing tells when it is: a job takes the next step every second.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(())
}

/// As whoever asked for the erasure would.
async fn verify(suite: &Suite, clients: &Clients, request: &str) -> anyhow::Result<()> {
    let get = profile::GetErasureCertificateRequest {
        name: request.to_owned(),
    };
    let mut requests = clients.privacy_requests.clone();
    let answer = requests.get_erasure_certificate(get).await?.into_inner();
    let file = suite.dir().join("home/certificate");
    std::fs::write(&file, answer.certificate)?;
    let output = Command::new(program("dossier")?)
        .args(["erase", "verify", "--key", &answer.verifier_key])
        .arg(&file)
        .output()?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{request}: {words}");
    Ok(())
}

/// Everything a suite leaves, in which its own files of databases stand as their backups.
fn places(suite: &Suite) -> anyhow::Result<Vec<PathBuf>> {
    let seen = suite.dir().join("seen");
    std::fs::create_dir(&seen)?;
    suite.dump_stores()?;
    for entry in std::fs::read_dir(suite.dir())? {
        let path = entry?.path();
        let name = path.file_name().context("a name")?.to_owned();
        if path.is_file() {
            std::fs::copy(&path, seen.join(name))?;
        }
    }
    let data = suite.dir().join("data");
    for entry in std::fs::read_dir(&data)? {
        let path = entry?.path();
        if path.extension() == Some("db".as_ref()) {
            let copy = seen.join(path.file_name().context("a name")?);
            let copy = copy.to_string_lossy().into_owned();
            Connection::open(&path)?.execute("VACUUM INTO ?1", [copy])?;
        }
    }
    let beside = ["tmp", "home", "data/erasures", "data/audit"];
    let beside = beside.map(|folder| suite.dir().join(folder));
    let beside = beside.into_iter().filter(|folder| folder.exists());
    Ok(std::iter::once(seen).chain(beside).collect())
}

fn judge(places: &[PathBuf], gone: &[Somebody], others: &[Somebody]) -> anyhow::Result<()> {
    let words = |people: &[Somebody]| -> Vec<String> {
        let words = people.iter().flat_map(Somebody::words);
        words.map(str::to_owned).collect()
    };
    let scan = |place: &Path, words: &[String]| canary::scan(place, words);
    let mut left = Vec::new();
    for place in places {
        for hit in scan(place, &words(gone))? {
            left.push(format!("{} ({})", hit.file.display(), hit.form));
        }
    }
    ensure!(left.is_empty(), "something is left of the erased: {left:?}");
    // The same search finds the others; some of them say enough.
    let some = words(&others[..others.len().min(20)]);
    let mut found = vec![false; some.len()];
    for place in places {
        for hit in scan(place, &some)? {
            found[hit.canary] = true;
        }
    }
    let lost = found.iter().filter(|found| !**found).count();
    ensure!(lost == 0, "{lost} words of others are not found");
    Ok(())
}
