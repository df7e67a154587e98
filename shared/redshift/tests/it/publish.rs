//! What publishing into Redshift does and survives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use edge::progress::{Progress, Started};
use emulator::{Fate, Wire};
use pipeline::fault::Kind;
use redshift::Outcome;

use crate::place::{self, Begun, CALLS, ONE, Place, call};

#[tokio::test]
async fn a_publish_whose_answers_are_lost_is_done_once() {
    let place = Place::on_aws().await;
    let append = ONE.replace("schema: w", "schema: w, write: { t: append }");
    let begun = place
        .begin("r1", 1, &append, r#"[{"id": 1, "v": 1}]"#)
        .await;
    // The transaction is done, and every answer to its start is lost, as often as the client asks for it.
    let wire = Wire::to(&place.emulator, "GETDATE()", &[Fate::Unanswered; 3]);
    let env = place.by(&wire.endpoint);
    let fault = place::publish(&env, &begun).await.expect_err("unanswered");
    assert_eq!(fault.kind, Kind::Transient, "{fault}");
    assert!(wire.is_used_up(), "three answers were lost");
    // The next call names the same token, and is told of the same transaction.
    let outcome = place::publish(&env, &begun).await;
    assert_eq!(outcome.map(|outcome| outcome == Outcome::Before), Ok(false));
    let failed = begun.run.keys.statement("redshift-switch-0-0-failed");
    let failed = place.env.objects.size(&failed).await.expect("readable");
    assert_eq!(failed, None);
    assert_eq!(place.sql("SELECT count(*) FROM w.t"), "1");

    // The notes of the run are lost too, and Redshift remembers none of its statements: its books do.
    let begun_notes = place
        .env
        .objects
        .list("runs/w/r1/statements/")
        .await
        .expect("notes");
    for note in begun_notes {
        let unknown = Started {
            id: "00000000-0000-0000-0000-000000000000".to_owned(),
            sha256: String::new(),
        };
        match note.key.contains("switch-0") {
            true => {
                let started: Started = edge::run::required(&place.env.objects, &note.key)
                    .await
                    .expect("a note");
                let unknown = Started {
                    sha256: started.sha256,
                    ..unknown
                };
                edge::run::store(&place.env.objects, &note.key, &unknown)
                    .await
                    .expect("stored");
            }
            false if note.key.contains("published") => {
                place.env.objects.delete(&note.key).await.expect("deleted");
            }
            false => {}
        }
    }
    let other = place.by(&place.emulator.endpoint);
    let outcome = place::publish(&other, &begun).await;
    assert_eq!(outcome, Ok(Outcome::Before));
    assert_eq!(
        place.sql("SELECT count(*), count(DISTINCT id) FROM w.t"),
        "1|1"
    );
    assert_eq!(place.sql("SELECT count(*) FROM w._loads"), "1");
    assert_eq!(place.leftovers("w"), "0");
}

#[tokio::test]
async fn the_same_content_is_not_written_again_and_a_hand_in_it_is_found() {
    let place = Place::on_aws().await;
    let rows = r#"[{"id": 1, "v": 1}, {"id": 2, "v": 2}]"#;
    place.published("r1", 1, ONE, rows).await;
    let written = place.sql("SELECT string_agg(xmin::text, ' ') FROM w.t");
    let begun = place.begin("r2", 2, ONE, rows).await;
    let nothing = Outcome::Published {
        added: 0,
        removed: 0,
    };
    assert_eq!(place.publish(&begun).await, Ok(nothing));
    assert_eq!(
        place.sql("SELECT string_agg(xmin::text, ' ') FROM w.t"),
        written
    );
    assert_eq!(
        place.sql("SELECT count(*), count(DISTINCT publication) FROM w._loads"),
        "2|1"
    );
    place.sql("DELETE FROM w.t WHERE id = 1");
    place.published("r3", 3, ONE, rows).await;
    assert_eq!(place.sql("SELECT count(*) FROM w.t"), "2");
}

#[tokio::test]
async fn readers_see_one_version_of_all_tables_while_ten_are_published() {
    let place = Place::on_aws().await;
    let two = ONE.replace(
        "destinations",
        "  u: { from: things, key: [id], columns: { id: { from: $.id, type: int32, required: true }, v: { from: $.v, type: int64 } } }\ndestinations",
    );
    let version = |version: u32| -> String {
        let rows: Vec<String> = (0..50)
            .map(|id| format!(r#"{{"id": {id}, "v": {version}}}"#))
            .collect();
        format!("[{}]", rows.join(", "))
    };
    place.published("r0", 0, &two, &version(0)).await;
    place.sql("CREATE VIEW w.stands_on AS SELECT count(*) AS n, min(v) AS v FROM w.t");
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, url) = (stop.clone(), place.postgres.url());
    let reader = std::thread::spawn(move || {
        let mut seen = Vec::new();
        while !stopped.load(SeqCst) {
            let output = std::process::Command::new("psql")
                .args(["-X", "-A", "-t", "-q", "-d", &url, "-c"])
                .arg("SELECT 1 FROM pg_sleep(0.03) WHERE false; SELECT min(v) = max(v), count(*), min(v) FROM (SELECT v FROM w.t UNION ALL SELECT v FROM w.u UNION ALL SELECT v FROM w.stands_on) AS a")
                .output()
                .expect("psql runs");
            seen.push(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        seen
    });
    for run in 1..=10 {
        let name = format!("r{run}");
        place.published(&name, run, &two, &version(run)).await;
    }
    stop.store(true, SeqCst);
    let seen = reader.join().expect("a reader");
    let torn: Vec<&String> = seen
        .iter()
        .filter(|seen| !seen.starts_with("t|101|"))
        .collect();
    assert!(torn.is_empty(), "{torn:?}");
    let mut versions = seen.clone();
    versions.dedup();
    assert!(versions.len() > 3, "{} reads, {versions:?}", seen.len());
    assert_eq!(place.sql("SELECT * FROM w.stands_on"), "50|10");
    assert_eq!(place.leftovers("w"), "0");
}

#[tokio::test]
async fn tables_of_more_statements_than_a_batch_has_change_in_one_transaction() {
    let place = Place::on_aws().await;
    let columns = "columns: { id: { from: $.id, type: int32, required: true }, v: { from: $.v, type: int64 } }";
    let tables: String = (0..21)
        .map(|n| format!("  t{n}: {{ from: things, key: [id], {columns} }}\n"))
        .collect();
    let definition = |types: &str| {
        format!(
            "tables:\n{tables}destinations: {{ redshift: {{ schema: w, types: {{ {types} }} }} }}\n"
        )
    };
    let of_all = |what: &str| {
        let each: Vec<String> = (0..21)
            .map(|n| format!("SELECT {what} AS x FROM w.t{n}"))
            .collect();
        format!(
            "SELECT count(*), min(x), max(x) FROM ({}) AS a",
            each.join(" UNION ALL ")
        )
    };
    place
        .published("r1", 1, &definition(""), r#"[{"id": 1, "v": 1}]"#)
        .await;
    assert_eq!(place.sql(&of_all("v")), "21|1|1");
    // Now each is emptied and filled: more than a batch holds.
    let begun = place
        .begin(
            "r2",
            2,
            &definition(""),
            r#"[{"id": 1, "v": 2}, {"id": 2, "v": 2}]"#,
        )
        .await;
    let outcome = place.publish(&begun).await;
    assert_eq!(
        outcome,
        Ok(Outcome::Published {
            added: 42,
            removed: 21
        })
    );
    assert_eq!(place.sql(&of_all("v")), "42|2|2");
    assert_eq!(place.sql("SELECT count(DISTINCT xmin::text) FROM (SELECT xmin FROM w.t0 UNION ALL SELECT xmin FROM w.t20) AS a"), "1");
    // The last table does not take its row: none has changed.
    place.sql("ALTER TABLE w.t20 ADD CONSTRAINT small CHECK (v < 3)");
    let begun = place
        .begin("r3", 3, &definition(""), r#"[{"id": 1, "v": 3}]"#)
        .await;
    let fault = place.publish(&begun).await.expect_err("too large");
    assert_eq!(fault.kind, Kind::BadData, "{fault}");
    assert_eq!(place.sql(&of_all("v")), "42|2|2");
    // The run can be taken up again when the reason is gone, and leaves nothing behind.
    place.sql("ALTER TABLE w.t20 DROP CONSTRAINT small");
    assert_eq!(
        place.publish(&begun).await,
        Ok(Outcome::Published {
            added: 21,
            removed: 42
        })
    );
    assert_eq!(place.sql(&of_all("v")), "21|3|3");
    assert_eq!(place.leftovers("w"), "0");
}

#[tokio::test]
async fn what_is_broken_off_by_hand_is_begun_again() {
    let place = Place::on_aws().await;
    place
        .published("r1", 1, ONE, r#"[{"id": 1, "v": 1}]"#)
        .await;
    let mut holder = place.postgres.hold("LOCK TABLE w._loads IN SHARE MODE");
    let locks = "SELECT count(*) FROM pg_locks WHERE relation = 'w._loads'::regclass AND mode = 'ShareLock' AND granted";
    place.postgres.until(locks, "1");
    let begun = place.begin("r2", 2, ONE, r#"[{"id": 1, "v": 2}]"#).await;
    let target = redshift::Target::open(&begun.run, &place.env)
        .await
        .expect("opens")
        .expect("there");
    let note = begun.run.keys.statement("redshift-switch-0-0");
    let mut started: Option<Started> = None;
    for _ in 0..CALLS {
        let progress = call(&target, &begun).await.expect("no fault");
        assert!(matches!(progress, Progress::Running { .. }), "{progress:?}");
        started = edge::run::optional(&place.env.objects, &note)
            .await
            .expect("readable");
        if started.is_some() {
            break;
        }
    }
    let started = started.expect("the transaction waits");
    let aws = place::aws(&place.emulator.endpoint);
    let client = aws_sdk_redshiftdata::Client::new(aws.config());
    client
        .cancel_statement()
        .id(&started.id)
        .send()
        .await
        .expect("broken off");
    place.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()");
    holder.wait().expect("gone");
    assert_eq!(
        place.publish(&begun).await,
        Ok(Outcome::Published {
            added: 1,
            removed: 1
        })
    );
    assert_eq!(place.sql("SELECT v FROM w.t"), "2");
    let failed = begun.run.keys.statement("redshift-switch-0-0-failed");
    assert!(
        place
            .env
            .objects
            .size(&failed)
            .await
            .expect("readable")
            .is_some()
    );
    assert_eq!(place.leftovers("w"), "0");
}

#[tokio::test]
async fn a_run_that_is_overtaken_in_the_middle_takes_nothing_back() {
    let place = Place::on_aws().await;
    place
        .published("r0", 0, ONE, r#"[{"id": 1, "v": 0}]"#)
        .await;
    let slow = place.begin("r1", 1, ONE, r#"[{"id": 1, "v": 1}]"#).await;
    let fast = place.begin("r2", 2, ONE, r#"[{"id": 1, "v": 2}]"#).await;
    // The one has looked and found nobody before it; the other publishes, and has not yet swept up.
    up_to(&place, &slow, "count-0").await;
    up_to(&place, &fast, "switch-0").await;
    place
        .postgres
        .until("SELECT count(*) FROM w._loads WHERE run_id = 'r2'", "1");
    assert_eq!(place.publish(&slow).await, Ok(Outcome::Behind));
    let failed = slow.run.keys.statement("redshift-switch-0-0-failed");
    let failed = place.env.objects.size(&failed).await.expect("readable");
    assert!(failed.is_some(), "the transaction found out");
    place.publish(&fast).await.expect("published");
    assert_eq!(place.sql("SELECT v FROM w.t"), "2");
    assert_eq!(place.leftovers("w"), "0");
}

/// Calls publish until a statement is started.
async fn up_to(place: &Place, begun: &Begun, step: &str) {
    let target = redshift::Target::open(&begun.run, &place.env).await;
    let target = target.expect("opens").expect("there");
    let note = begun.run.keys.statement(&format!("redshift-{step}-0"));
    for _ in 0..CALLS {
        let progress = call(&target, begun).await.expect("no fault");
        assert!(matches!(progress, Progress::Running { .. }), "{progress:?}");
        let size = place.env.objects.size(&note).await;
        if size.expect("readable").is_some() {
            return;
        }
    }
    panic!("{step} is never started");
}

#[tokio::test]
async fn what_an_abandoned_run_has_waiting_goes() {
    let place = Place::on_aws().await;
    let begun = place.begin("r1", 1, ONE, r#"[{"id": 1, "v": 1}]"#).await;
    let target = redshift::Target::open(&begun.run, &place.env)
        .await
        .expect("opens")
        .expect("there");
    // Nothing was begun: nothing is asked.
    target.abandon().await.expect("nothing to do");
    up_to(&place, &begun, "count-0").await;
    assert_eq!(place.leftovers("w"), "2");
    target.abandon().await.expect("begun");
    place.postgres.until(
        "SELECT count(*) FROM pg_class WHERE relname LIKE '\\_staged\\__%'",
        "0",
    );
    assert_eq!(place.sql("SELECT count(*) FROM w._staged"), "0");
    // A later run takes away what one has left that nobody abandoned.
    let left = place.begin("r2", 2, ONE, r#"[{"id": 1, "v": 1}]"#).await;
    up_to(&place, &left, "count-0").await;
    place
        .published("r3", 3, ONE, r#"[{"id": 1, "v": 3}]"#)
        .await;
    assert_eq!(place.leftovers("w"), "0");
    assert_eq!(place.publish(&left).await, Ok(Outcome::Behind));
    assert_eq!(place.sql("SELECT v FROM w.t"), "3");
}
