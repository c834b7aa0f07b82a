//! kill -9: what was acknowledged is there, once; what was not is there whole or not at all.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use dossier_db::testing::TestDb;
use dossier_db::{Db, Options, find};
use sea_orm::EntityTrait;

use crate::thing::{self, ctx, tenant};

const CHILD: &str = "DOSSIER_LAWS_CRASH_CHILD";
const CYCLES: u64 = 12;
const WRITERS: usize = 16;
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Not a test of its own: the process that is killed. Writes pairs and prints each acknowledgement.
#[test]
fn the_process_that_is_killed() {
    let Ok(url) = std::env::var(CHILD) else {
        return;
    };
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(async {
            let options = Options {
                url,
                schema: "test",
                max_connections: 2,
                outcomes_name_customers: true,
            };
            let db = Db::open(options, thing::number).await.expect("opens");
            let run = std::process::id();
            let writers =
                (0..WRITERS).map(|writer| tokio::spawn(write_for_ever(db.clone(), run, writer)));
            futures::future::join_all(writers).await;
        });
}

async fn write_for_ever(db: Db, run: u32, writer: usize) {
    for n in 0.. {
        let word = format!("{run} {writer} {n}");
        let both = word.clone();
        db.write(&ctx(), move |tx| {
            Box::pin(async move {
                thing::insert(tx, &tenant(), &both).await?;
                thing::insert(tx, &tenant(), &both).await
            })
        })
        .await
        .expect("writes");
        let mut out = std::io::stdout().lock();
        writeln!(out, "ack {word}")
            .and_then(|()| out.flush())
            .expect("reports");
    }
}

#[test]
fn no_acknowledged_write_is_lost_or_halved_by_a_kill() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let test = runtime.block_on(TestDb::sqlite(thing::migrations, thing::number));
    let url = format!("sqlite://{}", test.path().expect("a file").display());
    runtime.block_on(test.db.close());
    let mut acknowledged = Vec::new();
    for cycle in 0..CYCLES {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args([
                "crash::the_process_that_is_killed",
                "--exact",
                "--nocapture",
            ])
            .env(CHILD, &url)
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (begins, begun) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let lines = out.lines().map_while(Result::ok);
            lines
                .filter_map(|line| Some(line.split_once("ack ")?.1.to_owned()))
                // Only the first is waited for.
                .inspect(|_| {
                    let _ = begins.send(());
                })
                .collect::<Vec<_>>()
        });
        let begun = begun.recv_timeout(START_TIMEOUT);
        // Each cycle dies at another moment; the times are part of the harness, not a wait.
        std::thread::sleep(Duration::from_millis(5 + cycle * 37 % 200));
        child.kill().expect("kill -9");
        child.wait().expect("dies");
        begun.expect("an acknowledgement");
        acknowledged.extend(reader.join().expect("reads"));
    }
    runtime.block_on(async {
        let db = test.reopen().await;
        let rows = find::<thing::Entity>(&tenant())
            .all(&db.reader_of(&tenant()))
            .await
            .expect("reads");
        let mut there = BTreeMap::new();
        for row in rows {
            *there.entry(row.word).or_insert(0) += 1;
        }
        assert!(
            acknowledged.len() > CYCLES as usize,
            "too few acknowledgements to prove anything"
        );
        let lost: Vec<_> = acknowledged
            .iter()
            .filter(|word| !there.contains_key(*word))
            .collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        assert!(
            there.values().all(|count| *count == 2),
            "a write was halved or doubled"
        );
        assert!(
            thing::Entity::find()
                .one(&db.reader_of(&tenant()))
                .await
                .expect("reads")
                .is_some()
        );
        db.close().await;
    });
}
