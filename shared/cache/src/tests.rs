//! The laws of the cache, on every backend there is.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use bytes::Bytes;
use dossier_kernel::{Error, TenantId};
use proptest::prelude::*;
use tokio::net::TcpListener;

use super::*;

const TTL: Duration = Duration::from_secs(60);

/// A key nobody else uses, also in a Redis that other tests use.
fn fresh_key() -> Key {
    let random = getrandom::u64().expect("the system has randomness");
    Key::new(&TenantId::embedded_default(), "cache.test", random)
}

/// Memory, and Redis where the run has one.
async fn backends() -> Vec<Cache> {
    let mut all = vec![Cache::memory(1 << 20)];
    if std::env::var("DOSSIER_TEST_BACKENDS").as_deref() != Ok("sqlite") {
        let url = std::env::var("DOSSIER_TEST_REDIS_URL").expect(
            "DOSSIER_TEST_REDIS_URL names a Redis for tests; `cargo xtask test` starts one, \
             DOSSIER_TEST_BACKENDS=sqlite goes without",
        );
        all.push(patient(&format!("{url}/{}", own_database())).await);
    }
    all
}

/// A database of Redis where no other test begins a run: tests run side by side, in one process or in
/// many.
fn own_database() -> u32 {
    static TESTS: AtomicU32 = AtomicU32::new(0);
    (std::process::id() + TESTS.fetch_add(1, Ordering::SeqCst)) % 60 + 1
}

/// Redis without the haste: on a busy machine 20 ms are no proof that it is away.
async fn patient(url: &str) -> Cache {
    let remote = Remote::connect(url, Duration::from_secs(5))
        .await
        .expect("an address");
    Cache::of(Backend::Redis(remote))
}

/// What somebody sees who finds no value for a key that nobody knows.
async fn miss(cache: &Cache) -> Miss {
    let seen = cache.get::<Bytes>(&fresh_key()).await;
    seen.expect_err("nobody knows it")
}

/// As a reader does who missed and has loaded.
async fn put(cache: &Cache, key: &Key, version: i64, value: &'static [u8], ttl: Duration) {
    let value = Arc::new(Bytes::from_static(value));
    cache.put(key, miss(cache).await, version, value, ttl).await;
}

async fn found(cache: &Cache, key: &Key) -> Option<Arc<Bytes>> {
    cache.get(key).await.ok()
}

fn text(value: Option<Arc<Bytes>>) -> Option<String> {
    value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn an_older_version_never_replaces_a_newer_one() {
    for cache in backends().await {
        let key = fresh_key();
        put(&cache, &key, 2, b"two", TTL).await;
        put(&cache, &key, 1, b"one", TTL).await;
        assert_eq!(text(found(&cache, &key).await).as_deref(), Some("two"));
        put(&cache, &key, 10, b"ten", TTL).await;
        assert_eq!(text(found(&cache, &key).await).as_deref(), Some("ten"));
    }
}

#[tokio::test]
async fn a_late_reader_cannot_bring_back_what_a_writer_superseded() {
    for cache in backends().await {
        let key = fresh_key();
        put(&cache, &key, 3, b"three", TTL).await;
        cache.supersede(&key, 4).await;
        assert_eq!(found(&cache, &key).await, None);
        put(&cache, &key, 3, b"three", TTL).await;
        assert_eq!(found(&cache, &key).await, None);
        put(&cache, &key, 4, b"four", TTL).await;
        assert_eq!(text(found(&cache, &key).await).as_deref(), Some("four"));
    }
}

#[tokio::test]
async fn removed_keys_stay_empty_for_late_readers() {
    for cache in backends().await {
        let keys = [fresh_key(), fresh_key()];
        for key in &keys {
            put(&cache, key, 1, b"x", TTL).await;
        }
        cache.remove(&keys).await;
        for key in &keys {
            put(&cache, key, 1, b"x", TTL).await;
            assert_eq!(found(&cache, key).await, None);
        }
    }
}

#[tokio::test]
async fn values_expire() {
    for cache in backends().await {
        let key = fresh_key();
        put(&cache, &key, 1, b"x", Duration::from_millis(20)).await;
        let gone = async {
            while found(&cache, &key).await.is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), gone)
            .await
            .expect("expires");
    }
}

#[tokio::test]
async fn many_who_miss_at_once_load_once() {
    for cache in backends().await {
        let key = fresh_key();
        let loads = AtomicUsize::new(0);
        let (open, gate) = tokio::sync::watch::channel(false);
        let ask = || async {
            let mut gate = gate.clone();
            cache
                .get_or_load(&key, TTL, || async {
                    loads.fetch_add(1, Ordering::SeqCst);
                    gate.wait_for(|open| *open).await.map_err(Error::internal)?;
                    Ok(Some(Loaded {
                        version: 1,
                        value: Bytes::from_static(b"x"),
                    }))
                })
                .await
        };
        let crowd = futures::future::join_all((0..50).map(|_| ask()));
        let opener = async {
            while loads.load(Ordering::SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
            open.send_replace(true);
        };
        let (answers, ()) = futures::join!(crowd, opener);
        for answer in answers {
            assert_eq!(text(answer.expect("loads")).as_deref(), Some("x"));
        }
        assert_eq!(loads.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_failed_load_is_the_leaders_alone() {
    let cache = Cache::memory(1 << 20);
    let key = fresh_key();
    let first = AtomicUsize::new(0);
    let ask = || async {
        cache
            .get_or_load(&key, TTL, || async {
                let turn = first.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                if turn == 0 {
                    return Err(Error::unavailable("Try again."));
                }
                Ok(Some(Loaded {
                    version: 1,
                    value: Bytes::from_static(b"x"),
                }))
            })
            .await
    };
    let answers = futures::future::join_all((0..10).map(|_| ask())).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 1);
}

#[tokio::test]
async fn a_load_begun_before_a_write_answers_nobody_who_asks_after_it() {
    let cache = Cache::memory(1 << 20);
    let key = fresh_key();
    let (open, mut gate) = tokio::sync::watch::channel(false);
    let slow = cache.get_or_load(&key, TTL, || async {
        gate.wait_for(|open| *open).await.map_err(Error::internal)?;
        Ok(Some(Loaded {
            version: 1,
            value: Bytes::from_static(b"old"),
        }))
    });
    let writer = async {
        cache.supersede(&key, 2).await;
        let fresh = cache.get_or_load(&key, TTL, || async {
            Ok(Some(Loaded {
                version: 2,
                value: Bytes::from_static(b"new"),
            }))
        });
        assert_eq!(text(fresh.await.expect("loads")).as_deref(), Some("new"));
        open.send_replace(true);
    };
    let (old, ()) = futures::join!(slow, writer);
    assert_eq!(text(old.expect("loads")).as_deref(), Some("old"));
    assert_eq!(text(found(&cache, &key).await).as_deref(), Some("new"));
}

#[tokio::test]
async fn a_dead_redis_is_a_miss_and_soon_costs_nothing() {
    // Bound, so that it stays free, and refused, since nobody listens.
    let free = tokio::net::TcpSocket::new_v4().expect("a socket");
    free.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let port = free.local_addr().expect("bound").port();
    let cache = Cache::redis(&format!("redis://127.0.0.1:{port}"))
        .await
        .expect("an address");
    let key = fresh_key();
    put(&cache, &key, 1, b"x", TTL).await;
    cache.supersede(&key, 2).await;
    let begun = std::time::Instant::now();
    for _ in 0..1_000 {
        assert_eq!(found(&cache, &key).await, None);
    }
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "the breaker is open"
    );
    let loaded = cache.get_or_load(&key, TTL, || async {
        Ok(Some(Loaded {
            version: 2,
            value: Bytes::from_static(b"x"),
        }))
    });
    assert_eq!(text(loaded.await.expect("loads")).as_deref(), Some("x"));
}

#[tokio::test]
async fn a_silent_redis_is_waited_for_a_few_times_only() {
    // Accepts and never answers, as a frozen process does.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("bound").port();
    let cache = Cache::redis(&format!("redis://127.0.0.1:{port}"))
        .await
        .expect("an address");
    let begun = std::time::Instant::now();
    for _ in 0..1_000 {
        assert_eq!(found(&cache, &fresh_key()).await, None);
    }
    // Half of what they would take if each waited.
    assert!(begun.elapsed() < 500 * ANSWER_TIMEOUT);
}

/// A way to `target` that can be cut and mended.
async fn cuttable(target: String, mended: tokio::sync::watch::Receiver<bool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (target, mut mended) = (target.clone(), mended.clone());
            tokio::spawn(async move {
                if !*mended.borrow() {
                    return;
                }
                let mut far = tokio::net::TcpStream::connect(target).await.expect("redis");
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    _ = mended.wait_for(|mended| !*mended) => {}
                }
            });
        }
    });
    port
}

/// Two processes at one Redis, and the way of the first to it; `None` where there is no Redis.
async fn apart() -> Option<(Cache, Cache, tokio::sync::watch::Sender<bool>)> {
    if std::env::var("DOSSIER_TEST_BACKENDS").as_deref() == Ok("sqlite") {
        return None;
    }
    let url = std::env::var("DOSSIER_TEST_REDIS_URL").expect("as in `backends`");
    let address = url
        .trim_start_matches("redis://")
        .split('/')
        .next()
        .expect("a host");
    let (mend, mended) = tokio::sync::watch::channel(true);
    let port = cuttable(address.to_owned(), mended).await;
    // Where nobody else begins a run, which would forget what this test puts.
    let database = own_database();
    let near = patient(&format!("redis://127.0.0.1:{port}/{database}")).await;
    let other = patient(&format!("redis://{address}/{database}")).await;
    Some((near, other, mend))
}

#[tokio::test]
async fn what_redis_missed_is_announced_before_it_is_read_again() {
    let Some((near, other, mend)) = apart().await else {
        return;
    };
    let key = fresh_key();
    put(&other, &key, 1, b"old", TTL).await;
    assert_eq!(text(found(&near, &key).await).as_deref(), Some("old"));

    mend.send_replace(false);
    near.supersede(&key, 2).await;
    assert_eq!(found(&near, &key).await, None, "known to be stale");
    assert_eq!(
        text(found(&other, &key).await).as_deref(),
        Some("old"),
        "not announced yet"
    );

    mend.send_replace(true);
    let announced = async {
        while found(&other, &key).await.is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), announced)
        .await
        .expect("is announced");
    assert_eq!(found(&near, &key).await, None);
}

#[tokio::test]
async fn more_than_can_be_remembered_ends_what_redis_holds_for_everybody() {
    let Some((near, other, mend)) = apart().await else {
        return;
    };
    let key = fresh_key();
    put(&other, &key, 1, b"old", TTL).await;
    mend.send_replace(false);
    // The first ones may still arrive.
    for _ in 0..11_000 {
        near.supersede(&fresh_key(), 2).await;
    }
    near.supersede(&key, 2).await;
    mend.send_replace(true);
    let ended = async {
        while found(&other, &key).await.is_some() {
            tokio::task::yield_now().await;
        }
        while found(&near, &key).await.is_none() {
            put(&near, &key, 2, b"new", TTL).await;
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(20), ended).await;
    ended.expect("the old value counts no more, and the cache is used again");
    assert_eq!(text(found(&other, &key).await).as_deref(), Some("new"));
}

#[tokio::test]
async fn a_reader_from_before_a_flush_puts_nothing_after_it() {
    if std::env::var("DOSSIER_TEST_BACKENDS").as_deref() == Ok("sqlite") {
        return;
    }
    let url = std::env::var("DOSSIER_TEST_REDIS_URL").expect("as in `backends`");
    // A database of Redis that no other test uses (see `own_database`), to be flushed.
    let url = format!("{}/61", url.trim_end_matches('/'));
    let cache = patient(&url).await;
    let key = fresh_key();
    let late = miss(&cache).await;
    // Meanwhile a writer changes the row and says so, and Redis forgets what it said.
    cache.supersede(&key, 2).await;
    let client = redis::Client::open(url).expect("an address");
    let mut connection = client
        .get_multiplexed_async_connection()
        .await
        .expect("redis");
    let flush = redis::cmd("FLUSHDB").exec_async(&mut connection).await;
    flush.expect("flushes");
    cache
        .put(&key, late, 1, Arc::new(Bytes::from_static(b"old")), TTL)
        .await;
    let miss = cache
        .get::<Bytes>(&key)
        .await
        .expect_err("not the value from before the change");
    cache
        .put(&key, miss, 2, Arc::new(Bytes::from_static(b"new")), TTL)
        .await;
    assert_eq!(text(found(&cache, &key).await).as_deref(), Some("new"));
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    assert!(Cache::redis("localhost").await.is_err());
}

#[derive(Clone, Debug)]
enum Step {
    Put(i64),
    Supersede(i64),
}

proptest! {
    /// Whatever the order of puts and announcements, a value that is found is the newest known.
    #[test]
    fn what_is_found_is_never_older_than_what_is_known(
        steps in proptest::collection::vec(
            prop_oneof![(0..20i64).prop_map(Step::Put), (0..20i64).prop_map(Step::Supersede)],
            1..40,
        )
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let cache = Cache::memory(1 << 20);
            let key = fresh_key();
            let mut newest = i64::MIN;
            for step in steps {
                match step {
                    Step::Put(version) => {
                        let value = Arc::new(Bytes::from(version.to_string()));
                        cache.put(&key, miss(&cache).await, version, value, TTL).await;
                        newest = newest.max(version);
                    }
                    Step::Supersede(version) => {
                        cache.supersede(&key, version).await;
                        newest = newest.max(version);
                    }
                }
                if let Some(found) = text(found(&cache, &key).await) {
                    prop_assert_eq!(found, newest.to_string());
                }
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_process_that_starts_trusts_nothing_that_another_left_behind() {
    let Some(before) = backends().await.into_iter().nth(1) else {
        return;
    };
    let Backend::Redis(remote) = &before.0.backend else {
        panic!("the second is Redis");
    };
    let key = fresh_key();
    put(&before, &key, 1, b"one", TTL).await;
    assert_eq!(text(found(&before, &key).await).as_deref(), Some("one"));

    remote.forget_own_run();
    assert!(remote.heal().await, "as the next process does");
    assert_eq!(found(&before, &key).await, None, "it may be stale");
    put(&before, &key, 2, b"two", TTL).await;
    assert_eq!(text(found(&before, &key).await).as_deref(), Some("two"));
}
