//! What a write promises: all or nothing, alone or among many.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use provost::store::{Conn, Options, Store, StoreError, Tx, settings, tenants};
use tempfile::TempDir;

use super::*;
use crate::harness::postgres as server;

conformance!(
    many_writers_and_a_few_that_fail,
    a_panic_harms_nobody_else,
    a_failed_job_leaves_nothing,
    two_that_read_what_the_other_writes,
    a_read_sees_one_snapshot,
    a_panic_in_a_read_is_an_error,
    async_callers_are_served,
    a_closed_store_refuses_writes,
);

fn get(store: &Store, name: &str) -> Option<String> {
    read(store, |c| settings::get(c, name))
}

fn many_writers_and_a_few_that_fail(store: &Store) {
    let refused: usize = thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                scope.spawn(move || {
                    let outcomes = (0..25).map(|n| {
                        store.write_blocking(TenantId(writer), move |tx| {
                            settings::set(tx, &format!("{writer}.{n}"), "x")?;
                            if n % 5 == 4 { Err(StoreError::Refused("on purpose".to_owned())) } else { Ok(()) }
                        })
                    });
                    outcomes.filter(Result::is_err).count()
                })
            })
            .collect();
        writers.into_iter().map(|w| w.join().unwrap()).sum()
    });
    assert_eq!(refused, 40);
    for writer in 0..8 {
        for n in 0..25 {
            assert_eq!(get(store, &format!("{writer}.{n}")).is_some(), n % 5 != 4, "{writer}.{n}");
        }
    }
}

fn a_panic_harms_nobody_else(store: &Store) {
    thread::scope(|scope| {
        for n in 0..12 {
            scope.spawn(move || {
                let outcome: Result<()> = store.write_blocking(TENANT, move |tx| {
                    settings::set(tx, &format!("p{n}"), "x")?;
                    assert!(n % 3 != 0, "on purpose");
                    Ok(())
                });
                match outcome {
                    Ok(()) => assert_ne!(n % 3, 0),
                    Err(error) => assert_eq!(error, StoreError::Panicked("on purpose".to_owned())),
                }
            });
        }
    });
    for n in 0..12 {
        assert_eq!(get(store, &format!("p{n}")).is_some(), n % 3 != 0, "{n}");
    }
}

fn a_failed_job_leaves_nothing(store: &Store) {
    let error = store.write_blocking::<(), _>(TENANT, |tx| {
        tenants::insert(tx, "a", at(1))?;
        tenants::insert(tx, "a", at(1)).map(drop)
    });
    assert!(matches!(error, Err(StoreError::Unique { .. })));
    assert_eq!(read(store, tenants::list), []);
    write(store, |c| tenants::insert(c, "a", at(1)));
}

/// Two doctors on call: each may leave while the other stays. On PostgreSQL below SERIALIZABLE both would leave.
fn two_that_read_what_the_other_writes(store: &Store) {
    write(store, |c| settings::set(c, "alice", "on call"));
    write(store, |c| settings::set(c, "bob", "on call"));
    // The server engine runs them side by side, so both have read before either writes; SQLite has one writer.
    let together = Arc::new(Barrier::new(if store.is_sqlite() { 1 } else { 2 }));
    let runs = Arc::new(AtomicUsize::new(0));
    let left: usize = thread::scope(|scope| {
        let doctors = [("alice", "bob"), ("bob", "alice")].map(|(me, other)| {
            let (together, runs) = (Arc::clone(&together), Arc::clone(&runs));
            let first = AtomicUsize::new(0);
            let job = move |tx: &mut Tx<'_>| {
                runs.fetch_add(1, Ordering::SeqCst);
                let other_stays = settings::get(tx, other)?.as_deref() == Some("on call");
                if first.fetch_add(1, Ordering::SeqCst) == 0 {
                    together.wait();
                }
                if other_stays {
                    settings::set(tx, me, "gone")?;
                }
                Ok(usize::from(other_stays))
            };
            scope.spawn(move || store.write_blocking::<usize, StoreError>(TENANT, job).unwrap())
        });
        doctors.into_iter().map(|d| d.join().unwrap()).sum()
    });
    assert_eq!(left, 1);
    let on_call = ["alice", "bob"].into_iter().filter(|d| get(store, d).as_deref() == Some("on call")).count();
    assert_eq!(on_call, 1);
    assert_eq!(runs.load(Ordering::SeqCst), if store.is_sqlite() { 2 } else { 3 }, "the loser is run again");
}

fn a_read_sees_one_snapshot(store: &Store) {
    write(store, |c| settings::set(c, "a", "1"));
    let (before, after) = read(store, |c| {
        let before = settings::get(c, "a")?;
        write(store, |c| settings::set(c, "a", "2"));
        Ok((before, settings::get(c, "a")?))
    });
    assert_eq!((before.as_deref(), after.as_deref()), (Some("1"), Some("1")));
    assert_eq!(get(store, "a").as_deref(), Some("2"));
    let refused: Result<()> = store.read_blocking(|c| settings::set(c, "a", "3"));
    assert!(refused.is_err(), "a read does not write");
}

fn a_panic_in_a_read_is_an_error(store: &Store) {
    for _ in 0..40 {
        let outcome: Result<()> = store.read_blocking(|c| {
            settings::get(c, "a")?;
            panic!("on purpose")
        });
        assert_eq!(outcome, Err(StoreError::Panicked("on purpose".to_owned())));
    }
    assert_eq!(get(store, "a"), None);
}

fn async_callers_are_served(store: &Store) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let written: Result<()> = store.write(TENANT, |tx| settings::set(tx, "a", "1")).await;
        written.unwrap();
        for read in [store.read(|c| settings::get(c, "a")).await, store.read_short(|c| settings::get(c, "a")).await] {
            let read: Result<Option<String>> = read;
            assert_eq!(read.unwrap().as_deref(), Some("1"));
        }
        store.close().await;
    });
}

#[test]
fn long_reads_keep_no_short_one_waiting() {
    let folder = TempDir::new().unwrap();
    let options = Options { readers: 1, acquire_timeout: Duration::from_millis(50), ..Options::default() };
    let store = Store::open_sqlite(folder.path(), &options).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let short = |_: &mut Conn| runtime.block_on(store.read_short(|c| settings::get(c, "a")));
    assert_eq!(store.read_blocking::<_, StoreError>(short), Ok(None));
}

fn a_closed_store_refuses_writes(store: &Store) {
    write(store, |c| settings::set(c, "a", "1"));
    store.close_blocking();
    store.close_blocking();
    let late = store.write_blocking(TENANT, |tx| settings::set(tx, "a", "2"));
    assert!(matches!(late, Err(StoreError::Unavailable(_))));
    assert_eq!(get(store, "a").as_deref(), Some("1"));
}

/// A store whose batches stay open for as long as the tests hold a job in them.
fn patient(options: Options) -> (TempDir, Store) {
    let folder = TempDir::new().unwrap();
    let options = Options { batch_time: Duration::from_secs(60), ..options };
    let store = Store::open_sqlite(folder.path(), &options).unwrap();
    (folder, store)
}

/// Holds the writer inside a job until the sender is dropped; returns when it is inside.
fn hold(store: &Store) -> (std::sync::mpsc::SyncSender<()>, thread::JoinHandle<Result<()>>) {
    let (release, held) = sync_channel(0);
    let (inside, entered) = channel();
    let held = Mutex::new(held);
    let store = store.clone();
    let holder = thread::spawn(move || {
        store.write_blocking(TENANT, move |tx| {
            settings::set(tx, "holder", "x")?;
            // Nobody listens any more when the batch is run again.
            let _ = inside.send(());
            // The sender is dropped, never used.
            held.lock().unwrap().recv().unwrap_err();
            Ok(())
        })
    });
    entered.recv().unwrap();
    (release, holder)
}

/// Queues a write from a thread of its own and returns once it waits.
fn queue(store: &Store, job: impl Fn(&mut Tx<'_>) -> Result<()> + Send + Sync + 'static) -> thread::JoinHandle<Result<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let owned = store.clone();
    let mut future = Box::pin(async move { owned.write(TENANT, job).await });
    // The first poll puts it into the queue.
    let first = runtime.block_on(async { std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx))).await });
    assert!(first.is_pending());
    thread::spawn(move || runtime.block_on(future))
}

#[test]
fn jobs_that_wait_share_a_commit() {
    let (_folder, store) = patient(Options::default());
    let (release, holder) = hold(&store);
    // Each sees what the job before it wrote, though nothing is committed.
    let waiting: Vec<_> = (0..20)
        .map(|n: u32| {
            queue(&store, move |tx| {
                assert_eq!(settings::get(tx, "count")?.map(|c| c.parse()), n.checked_sub(1).map(Ok));
                settings::set(tx, "count", &n.to_string())
            })
        })
        .collect();
    assert_eq!(get(&store, "holder"), None);
    drop(release);
    holder.join().unwrap().unwrap();
    for job in waiting {
        job.join().unwrap().unwrap();
    }
    assert_eq!(get(&store, "count").as_deref(), Some("19"));
}

#[test]
fn a_full_queue_is_busy() {
    let options = Options { queue: 2, ..Options::default() };
    let metrics = options.metrics.clone();
    let tells = |line: &str| assert!(metrics.render().lines().any(|told| told == line), "{line}\n{}", metrics.render());
    let (_folder, store) = patient(options);
    let (release, holder) = hold(&store);
    let waiting = [queue(&store, |_| Ok(())), queue(&store, |_| Ok(()))];
    tells("provost_writer_queue 2");
    assert_eq!(store.write_blocking(TENANT, |_| Ok(())), Err(StoreError::Busy));
    drop(release);
    holder.join().unwrap().unwrap();
    for job in waiting {
        job.join().unwrap().unwrap();
    }
    assert_eq!(store.write_blocking(TENANT, |_| Ok::<_, StoreError>(())), Ok(()));
    tells("provost_writer_queue 0");
    tells("provost_writer_batch_size_sum 4");
}

#[test]
fn closing_waits_for_what_is_queued() {
    let (_folder, store) = patient(Options::default());
    let (release, holder) = hold(&store);
    let waiting = queue(&store, |tx| settings::set(tx, "queued", "x"));
    drop(release);
    store.close_blocking();
    holder.join().unwrap().unwrap();
    waiting.join().unwrap().unwrap();
    assert_eq!(get(&store, "queued").as_deref(), Some("x"));
}

#[test]
fn a_job_that_fails_after_it_wrote_takes_nobody_along() {
    let (_folder, store) = patient(Options::default());
    let (release, holder) = hold(&store);
    let runs = Arc::new(AtomicUsize::new(0));
    let add = |name: &'static str| {
        let runs = Arc::clone(&runs);
        queue(&store, move |tx| {
            runs.fetch_add(1, Ordering::SeqCst);
            settings::set(tx, name, "x")
        })
    };
    let refused = || Err(StoreError::Refused("on purpose".to_owned()));
    let before = add("before");
    let clean = queue(&store, move |_| refused());
    let between = add("between");
    let dirty = queue(&store, move |tx| settings::set(tx, "dirty", "x").and_then(|()| refused()));
    let panics = queue(&store, |tx| {
        settings::set(tx, "panics", "x")?;
        panic!("on purpose")
    });
    let after = add("after");
    drop(release);
    for kept in [holder, before, between, after] {
        kept.join().unwrap().unwrap();
    }
    for failed in [clean, dirty] {
        assert_eq!(failed.join().unwrap(), refused());
    }
    assert!(matches!(panics.join().unwrap(), Err(StoreError::Panicked(_))));
    for (name, stays) in
        [("holder", true), ("before", true), ("between", true), ("dirty", false), ("panics", false), ("after", true)]
    {
        assert_eq!(get(&store, name).is_some(), stays, "{name}");
    }
    assert_eq!(runs.load(Ordering::SeqCst), 5, "those before the failure are run again, the others once");
}

#[test]
fn a_step_that_panics_leaves_no_savepoint_to_the_others() {
    let (_folder, store) = patient(Options::default());
    let (release, holder) = hold(&store);
    let panics = queue(&store, |tx| tx.attempt(|_| -> Result<()> { panic!("on purpose") })?);
    let after = queue(&store, |tx| settings::set(tx, "after", "x"));
    drop(release);
    holder.join().unwrap().unwrap();
    assert!(matches!(panics.join().unwrap(), Err(StoreError::Panicked(_))));
    after.join().unwrap().unwrap();
    write(&store, |c| settings::set(c, "next", "x"));
    for name in ["holder", "after", "next"] {
        assert_eq!(get(&store, name).as_deref(), Some("x"), "{name} was acknowledged");
    }
}

#[test]
fn a_transaction_that_ended_unasked_acknowledges_nobody() {
    let (_folder, store) = patient(Options::default());
    let (release, holder) = hold(&store);
    // As SQLite itself does when the disk is full.
    let ended = queue(&store, |tx| {
        let Conn::Sqlite(c) = &mut **tx else { unreachable!() };
        c.batch_execute("ROLLBACK")?;
        Err(StoreError::Refused("the disk is full".to_owned()))
    });
    let late = queue(&store, |tx| settings::set(tx, "late", "x"));
    drop(release);
    assert!(matches!(holder.join().unwrap(), Err(StoreError::Unavailable(_))));
    assert!(ended.join().unwrap().is_err());
    // It is in the next batch.
    late.join().unwrap().unwrap();
    assert_eq!(get(&store, "holder"), None);
    assert_eq!(get(&store, "late").as_deref(), Some("x"));
}

#[test]
fn a_failed_commit_acknowledges_nobody() {
    let (_folder, store) = patient(Options::default());
    let (release, holder) = hold(&store);
    let refused = queue(&store, |tx| {
        settings::set(tx, "innocent", "x")?;
        Err(StoreError::Refused("its own".to_owned()))
    });
    // A foreign key that is checked at the end makes COMMIT fail.
    let culprit = queue(&store, |tx| {
        let Conn::Sqlite(c) = &mut **tx else { unreachable!() };
        c.batch_execute(
            "PRAGMA defer_foreign_keys = ON; \
             INSERT INTO tokens (tenant, id, name, source, profile, scopes, hash, created) \
             VALUES (99, x'00', '', '', '', '', x'00', 0)",
        )?;
        Ok(())
    });
    drop(release);
    for outcome in [holder.join().unwrap(), refused.join().unwrap(), culprit.join().unwrap()] {
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    }
    assert_eq!(get(&store, "holder"), None);
    write(&store, |c| settings::set(c, "after", "x"));
    assert_eq!(get(&store, "after").as_deref(), Some("x"));
}

#[test]
fn deadlocks_are_run_again() {
    let store = Store::open_postgres(&server::fresh_database(), &Options::default()).unwrap();
    write(&store, |c| settings::set(c, "a", "0"));
    write(&store, |c| settings::set(c, "b", "0"));
    let together = Arc::new(Barrier::new(2));
    thread::scope(|scope| {
        for (first, second) in [("a", "b"), ("b", "a")] {
            let (store, together, runs) = (&store, Arc::clone(&together), AtomicUsize::new(0));
            scope.spawn(move || {
                let job = move |tx: &mut Tx<'_>| {
                    settings::set(tx, first, "1")?;
                    if runs.fetch_add(1, Ordering::SeqCst) == 0 {
                        together.wait();
                    }
                    settings::set(tx, second, "1")
                };
                store.write_blocking::<(), StoreError>(TENANT, job).unwrap();
            });
        }
    });
}

#[test]
fn an_error_that_a_job_passes_over_is_not_committed() {
    let store = Store::open_postgres(&server::fresh_database(), &Options::default()).unwrap();
    write(&store, |c| tenants::insert(c, "a", at(1)));
    let outcome = store.write_blocking(TENANT, |tx| {
        settings::set(tx, "lost", "x")?;
        let _ = tenants::insert(tx, "a", at(1));
        Ok::<_, StoreError>(())
    });
    assert!(matches!(outcome, Err(StoreError::Database(_))), "COMMIT would have rolled back without a word");
    assert_eq!(get(&store, "lost"), None);
}
