//! Writes that are undone.

use provost::store::{Tx, settings};

use super::*;

conformance!(a_rehearsed_write_answers_and_leaves_nothing, a_part_is_undone_and_the_rest_stays, a_panic_in_a_part_leaves_nothing);

fn get(conn: &mut Conn, name: &str) -> Option<String> {
    settings::get(conn, name).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn a_rehearsed_write_answers_and_leaves_nothing(store: &Store) {
    let seen = runtime().block_on(store.rehearse(TENANT, |tx: &mut Tx<'_>| {
        settings::set(tx, "a", "1")?;
        Ok::<_, StoreError>(get(tx, "a"))
    }));
    assert_eq!(seen, Ok(Some("1".to_owned())));
    let failed = runtime().block_on(store.rehearse(TENANT, |tx: &mut Tx<'_>| {
        settings::set(tx, "a", "1")?;
        Err::<(), _>(StoreError::Refused("on purpose".to_owned()))
    }));
    assert_eq!(failed, Err(StoreError::Refused("on purpose".to_owned())));
    assert_eq!(read(store, |c| settings::get(c, "a")), None);
}

fn a_part_is_undone_and_the_rest_stays(store: &Store) {
    let write = |fails: bool| {
        store.write_blocking(TENANT, move |tx| {
            settings::set(tx, "before", "1")?;
            let part = tx.undo(|tx| {
                settings::set(tx, "before", "2")?;
                settings::set(tx, "part", "1")?;
                // And one within.
                let inner = tx.undo(|tx| settings::set(tx, "part", "2").map(|()| get(tx, "part")))?;
                assert_eq!((inner.as_deref(), get(tx, "part").as_deref()), (Some("2"), Some("1")));
                if fails { Err(StoreError::Refused("on purpose".to_owned())) } else { Ok(get(tx, "before")) }
            });
            assert_eq!((get(tx, "before").as_deref(), get(tx, "part")), (Some("1"), None));
            settings::set(tx, "after", "1")?;
            Ok::<_, StoreError>(part.ok().flatten())
        })
    };
    assert_eq!(write(false), Ok(Some("2".to_owned())));
    assert_eq!(write(true), Ok(None));
    for (name, value) in [("before", Some("1")), ("part", None), ("after", Some("1"))] {
        assert_eq!(read(store, |c| settings::get(c, name)).as_deref(), value, "{name}");
    }
}

fn a_panic_in_a_part_leaves_nothing(store: &Store) {
    let panicked: Result<()> = store.write_blocking(TENANT, |tx| {
        settings::set(tx, "a", "1")?;
        tx.undo(|tx| {
            settings::set(tx, "b", "1")?;
            panic!("on purpose")
        })
    });
    assert!(matches!(panicked, Err(StoreError::Panicked(_))), "{panicked:?}");
    write(store, |c| settings::set(c, "c", "1"));
    for (name, value) in [("a", None), ("b", None), ("c", Some("1"))] {
        assert_eq!(read(store, |c| settings::get(c, name)).as_deref(), value, "{name}");
    }
}
