//! Effects in another service happen exactly once: segmentation is killed while it applies what
//! the others tell, and is away for longer than their feeds are kept.
//!
//! `cargo xtask soak follow --cycles KILLS --seed S` repeats a failure.

mod life;
pub mod restored;
mod retention;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{bail, ensure};
use dossier_proto::segmentation::v1 as segmentation;
use dossier_testkit::{Backend, Clients, Plan, Shape, Soak, Suite, build, harness};
use segmentation::watch_memberships_response::Item;
use tokio::task::JoinHandle;

use life::Life;
pub use life::verify;

const KILLS: u64 = 6;
/// segmentation's place among the processes.
const SEGMENTATION: usize = 2;
const PLAN: Plan = Plan {
    backend: Backend::SqliteMemory,
    shape: Shape::FourProcesses,
    log_level: "info",
};

harness!("follow", run, KILLS);

/// A consumer that applies events without keeping where it came to, and so meets them again, in a
/// service that counts again what it knows. Either alone has no effect.
#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_applied_twice_is_noticed() -> anyhow::Result<()> {
    const LIVES: usize = 5;
    let mut soak = Soak::begin("follow", Backend::SqliteMemory, KILLS)?;
    // Reading on heals what was forgotten last: it shows where something was kept after it.
    for _ in 0..LIVES {
        let Some(noticed) = applied_twice(&mut soak).await? else {
            continue;
        };
        eprintln!("noticed: {noticed}");
        ensure!(noticed.contains("differences"), "{noticed}");
        return Ok(());
    }
    bail!("not noticed")
}

/// What is noticed of one suite with this bug.
#[cfg(feature = "failpoints")]
async fn applied_twice(soak: &mut Soak) -> anyhow::Result<Option<String>> {
    let mut suite = Suite::prepare(PLAN, None)?;
    let bug = "consumer::forget_cursor=50%return;segmentation::count_again=return".to_owned();
    suite.set_environment(vec![("FAILPOINTS".to_owned(), bug)]);
    suite.start_again().await?;
    let clients = suite.clients()?;
    let followed = follow(&mut suite, soak).await?;
    // A consumer that forgot its last cursor never says that it caught up.
    suite.set_environment(Vec::new());
    suite.kill_one(SEGMENTATION)?;
    suite.start_one_again(SEGMENTATION).await?;
    let noticed = followed.judge(&clients).await.err();
    Ok(noticed.map(|noticed| format!("{noticed:#}")))
}

async fn run(soak: &mut Soak) -> anyhow::Result<()> {
    let backend = soak.backend;
    let mut suite = Suite::start_as(Plan { backend, ..PLAN }).await?;
    let clients = suite.clients()?;
    let followed = follow(&mut suite, soak).await?;
    let (changes, told) = (followed.changes, followed.judge(&clients).await?);
    println!(
        "follow: {} kills, {changes} changes made, {told} transitions told, state equals a replay",
        soak.cycles
    );
    Ok(())
}

/// What was followed, over all kills.
struct Followed {
    segments: Vec<String>,
    changes: u64,
    watching: JoinHandle<anyhow::Result<Told>>,
    done: Arc<AtomicBool>,
}

async fn follow(suite: &mut Suite, soak: &mut Soak) -> anyhow::Result<Followed> {
    let segments = make_segments(&suite.clients()?).await?;
    let done = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn(watch(suite.clients()?, done.clone()));
    let life = Life::begin(suite.clients()?, soak.dice.roll());
    for _ in 0..soak.cycles {
        // Each kill comes at another moment.
        tokio::time::sleep(Duration::from_millis(soak.dice.within(20..400))).await;
        suite.kill_one(SEGMENTATION)?;
        suite.start_one_again(SEGMENTATION).await?;
    }
    Ok(Followed {
        segments,
        changes: life.end().await?.changes,
        watching,
        done,
    })
}

impl Followed {
    /// What is stored equals what the feeds tell, and what was told equals what is stored. The
    /// number of transitions told.
    async fn judge(self, clients: &Clients) -> anyhow::Result<usize> {
        let verified = verify(clients).await?;
        ensure!(verified.customer_count > 0 && verified.membership_count > 0);
        self.done.store(true, Ordering::SeqCst);
        let told = self.watching.await??;
        for segment in &self.segments {
            let stored = members(clients, segment).await?;
            let replayed = told.members.get(segment).cloned().unwrap_or_default();
            ensure!(
                stored == replayed,
                "{segment}: {} members are stored, {} were told of",
                stored.len(),
                replayed.len()
            );
        }
        Ok(told.transitions)
    }
}

async fn make_segments(clients: &Clients) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for (title, rule) in [
        ("Buyers", "count(purchase) >= 1"),
        (
            "Regulars at home",
            r#"region_code = "CN" AND count(purchase) >= 3"#,
        ),
        ("Unhappy", "open_case_count >= 1"),
    ] {
        let request = segmentation::CreateSegmentRequest {
            segment: Some(build::segment(title, rule)),
            ..Default::default()
        };
        let made = clients.segments.clone().create_segment(request).await?;
        names.push(made.into_inner().name);
    }
    Ok(names)
}

/// What a follower of memberships knows.
#[derive(Default)]
struct Told {
    members: BTreeMap<String, BTreeSet<String>>,
    transitions: usize,
}

impl Told {
    /// Nobody enters who is in or leaves who is out.
    fn hear(&mut self, change: segmentation::MembershipChange) -> anyhow::Result<()> {
        let transition = change.transition();
        let segmentation::MembershipChange {
            segment, customer, ..
        } = change;
        let members = self.members.entry(segment).or_default();
        let moved = match transition {
            segmentation::Transition::Enter => members.insert(customer.clone()),
            segmentation::Transition::Exit => members.remove(&customer),
            segmentation::Transition::Unspecified => bail!("a transition of no kind"),
        };
        ensure!(
            moved,
            "{customer} was told twice to {}",
            transition.as_str_name()
        );
        self.transitions += 1;
        Ok(())
    }
}

/// Follows memberships, over every break, until a heartbeat after `done`.
async fn watch(clients: Clients, done: Arc<AtomicBool>) -> anyhow::Result<Told> {
    let mut told = Told::default();
    let mut cursor = String::new();
    loop {
        let request = segmentation::WatchMembershipsRequest {
            cursor: cursor.clone(),
            include_snapshot: cursor.is_empty(),
            segment: String::new(),
        };
        let opened = clients.segments.clone().watch_memberships(request).await;
        let Ok(opened) = opened else {
            // It is dead right now and comes back.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let mut stream = opened.into_inner();
        if cursor.is_empty() {
            told = Told::default();
        }
        // A stream that breaks, at once or later, is the point.
        while let Ok(Some(message)) = stream.message().await {
            if !message.cursor.is_empty() {
                cursor = message.cursor;
            }
            match message.item {
                Some(Item::Change(change)) => told.hear(change)?,
                Some(Item::Heartbeat(_)) if done.load(Ordering::SeqCst) => return Ok(told),
                Some(Item::Heartbeat(_)) | None => {}
                Some(Item::End(_)) => break,
            }
        }
    }
}

async fn members(clients: &Clients, segment: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    let mut page_token = String::new();
    loop {
        let request = segmentation::ListMembersRequest {
            segment: segment.to_owned(),
            page_size: 1_000,
            page_token,
        };
        let page = clients.segments.clone().list_members(request).await?;
        let page = page.into_inner();
        all.extend(page.memberships.into_iter().map(|member| member.customer));
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        page_token = page.next_page_token;
    }
}

#[test]
fn a_transition_told_twice_is_noticed() -> anyhow::Result<()> {
    let enter = segmentation::MembershipChange {
        segment: "segments/1".to_owned(),
        customer: "customers/1".to_owned(),
        transition: segmentation::Transition::Enter.into(),
        ..Default::default()
    };
    let mut told = Told::default();
    told.hear(enter.clone())?;
    ensure!(told.hear(enter).is_err());
    Ok(())
}
