//! A disk that is full, and one that fails.

use std::process::Command;

use dossier_db::testing::TestDb;
use dossier_db::{Db, Options, error};
use dossier_kernel::{Reason, Result};
use futures::future::join_all;
use sea_orm::ConnectionTrait;

use crate::thing::{self, ctx, tenant, words};

async fn fill(db: &Db, word: String) -> Result<()> {
    db.write(&ctx(), move |tx| {
        Box::pin(async move {
            let long = format!("{word} {}", "x".repeat(20_000));
            thing::insert(tx, &tenant(), &long).await.map(|_| ())
        })
    })
    .await
    .map(|_| ())
}

async fn pragma(db: &Db, sql: &'static str) {
    db.write(&ctx(), move |tx| {
        Box::pin(async move {
            tx.conn()
                .execute_unprepared(sql)
                .await
                .map(|_| ())
                .map_err(error)
        })
    })
    .await
    .expect("sets");
}

/// SQLite's own limit on pages gives the very error of a full disk, and like it may roll back the
/// whole transaction in the middle of a batch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_that_is_not_kept_and_space_heals() {
    let test = TestDb::sqlite(thing::migrations, thing::number).await;
    let mut kept = 0;
    let mut refused = 0;
    for round in 0..6 {
        // The limit is the connection's, and one that SQLite rolled back by itself is replaced.
        pragma(&test.db, "PRAGMA max_page_count = 120").await;
        let all = (0..10).map(|n| fill(&test.db, format!("{round} {n}")));
        for answer in join_all(all).await {
            match answer {
                Ok(()) => kept += 1,
                Err(error) => {
                    assert_eq!(error.reason(), Reason::ResourceExhausted, "{error:?}");
                    refused += 1;
                }
            }
        }
        assert_eq!(
            words(&test.db, &tenant()).await.len(),
            kept,
            "acknowledged = there"
        );
    }
    assert!(refused > 0 && kept > 0, "{kept} kept, {refused} refused");
    pragma(&test.db, "PRAGMA max_page_count = 1").await;
    let error = fill(&test.db, "more".to_owned()).await.expect_err("full");
    assert_eq!(error.reason(), Reason::ResourceExhausted);
    pragma(&test.db, "PRAGMA max_page_count = 100000").await;
    fill(&test.db, "after".to_owned())
        .await
        .expect("space returned");
    assert_eq!(words(&test.db, &tenant()).await.len(), kept + 1);
    test.discard().await;
}

const CHILD: &str = "DOSSIER_LAWS_DISK_CHILD";

/// Not a test of its own: the process whose files cannot grow beyond a limit. Writes until the disk
/// fails, goes on trying and prints what it was told.
#[test]
fn the_process_whose_disk_fails() {
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
            let mut failures = 0;
            for n in 0.. {
                match fill(&db, format!("{n}")).await {
                    Ok(()) if failures == 0 => println!("ack {n}"),
                    Ok(()) => println!("acknowledged after the failure"),
                    Err(_) => failures += 1,
                }
                if failures == 10 {
                    break;
                }
            }
            let error = fill(&db, "last".to_owned()).await.expect_err("read-only");
            println!("told {:?}", error.reason());
            println!("reads {}", words(&db, &tenant()).await.len());
        });
}

/// A file-size limit makes the kernel refuse writes in the middle of the log (EFBIG), which SQLite
/// cannot tell from a failing disk.
#[test]
fn after_the_disk_failed_nothing_is_acknowledged_and_reads_go_on() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let test = runtime.block_on(TestDb::sqlite(thing::migrations, thing::number));
    runtime.block_on(test.db.close());
    let url = format!("sqlite://{}", test.path().expect("a file").display());
    let output = Command::new("sh")
        // 512-byte blocks: 2 MiB, far less than what makes SQLite fold the log into the file.
        .args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().expect("this test"))
        .args([
            "disk::the_process_whose_disk_fails",
            "--exact",
            "--nocapture",
        ])
        .env(CHILD, &url)
        .output()
        .expect("runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(!told.contains("acknowledged after"), "{told}");
    assert!(told.contains("told Unavailable"), "{told}");
    let acknowledged = told.matches("ack ").count();
    assert!(acknowledged > 10, "{told}");
    assert!(told.contains(&format!("reads {acknowledged}")), "{told}");
    runtime.block_on(async {
        let db = test.reopen().await;
        assert_eq!(words(&db, &tenant()).await.len(), acknowledged);
        fill(&db, "after".to_owned())
            .await
            .expect("a new start writes again");
        db.close().await;
    });
}
