//! `datahub`: a source behind Hawk into a real PostgreSQL: what arrives, what readers see meanwhile, what stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

use serde_json::Value;

use crate::support::content::block_on;
use crate::support::datahub::{CONTACTS, DataHub, OMIS, PROJECTS, contact, order, project};
use crate::support::definition::copy;
use crate::support::house;
use crate::support::postgres::Postgres;
use crate::support::world::{Ended, World};

/// A world with a source and a database.
struct Place {
    world: World,
    source: DataHub,
    postgres: Postgres,
}

impl Place {
    fn new() -> Self {
        Place {
            world: World::new(),
            source: DataHub::start(),
            postgres: Postgres::start(),
        }
    }

    fn run(&self, more: &[&str]) -> (Ended, Value) {
        self.source.run(&self.world, Some(&self.postgres), more)
    }

    fn published(&self, more: &[&str]) -> Value {
        let (ended, report) = self.run(more);
        assert_eq!(ended.code, Some(0), "{report:#}\n{}", ended.stderr);
        report
    }

    fn failed(&self, more: &[&str]) -> String {
        let (ended, report) = self.run(more);
        assert_eq!(ended.code, Some(1), "{report:#}\n{}", ended.stderr);
        report["fault"]["message"]
            .as_str()
            .expect("a message")
            .to_owned()
    }

    fn sql(&self, statements: &str) -> String {
        self.postgres.sql(statements)
    }

    /// A copy of the definition in which a text is another.
    fn edited(&self, from: &str, to: &str) -> String {
        let folder = self.world.path().join("pipelines");
        copy(
            &house::root().join("pipelines/datahub"),
            &folder.join("datahub"),
        );
        let path = folder.join("datahub/pipeline.yaml");
        let text = std::fs::read_to_string(&path).expect("a definition");
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replace(from, to)).expect("written");
        folder.display().to_string()
    }
}

/// The rows that readers see of every table, in one answer.
const ALL_ROWS: &str = "SELECT (SELECT count(*) FROM omis_dataset), (SELECT count(*) FROM investment_projects_dataset), (SELECT count(*) FROM contacts)";

#[test]
fn every_value_arrives_as_itself_and_of_its_type() {
    let place = Place::new();
    let report = place.published(&[]);
    assert_eq!(report["status"], "published");
    assert_eq!(report["destinations"][1]["destination"], "postgres");
    assert_eq!(
        report["destinations"][1]["message"],
        "12 rows added, 0 removed"
    );
    let columns = "SELECT table_name, count(*), count(*) FILTER (WHERE is_nullable = 'NO'), count(*) FILTER (WHERE character_maximum_length IS NOT NULL) FROM information_schema.columns WHERE table_name IN ('omis_dataset', 'investment_projects_dataset', 'contacts') GROUP BY 1 ORDER BY 1";
    assert_eq!(
        place.sql(columns),
        "contacts|14|0|7\ninvestment_projects_dataset|76|2|15\nomis_dataset|32|0|20"
    );
    let types = "SELECT string_agg(DISTINCT format_type(atttypid, atttypmod), ', ' ORDER BY format_type(atttypid, atttypmod)) FROM pg_attribute WHERE attnum > 0 AND attrelid IN ('omis_dataset'::regclass, 'investment_projects_dataset'::regclass, 'contacts'::regclass)";
    assert_eq!(
        place.sql(types),
        "boolean, character varying(100), character varying(255), date, integer, numeric, text, timestamp with time zone"
    );
    for (question, answer) in [
        (
            "SELECT omis_order_reference, net_price, subtotal, company_trading_address_line_2 = '', uk_region, completion_date AT TIME ZONE 'UTC' FROM omis_dataset ORDER BY 1",
            "ABC123/19|0|125050|t|~|2019-07-31 23:30:00\nABC124/19|125050|125050|t|~|2019-07-31 23:30:00\nABC125/19|7|125050|t|~|~\nABC126/19|1|125050|t|~|~",
        ),
        (
            "SELECT dh_fdi_project_id, possible_uk_regions, number_new_jobs, level_of_involvement = '', actual_uk_regions, competing_countries, gva_multiplier = 0.0621, total_investment = 2000000.5 FROM investment_projects_dataset ORDER BY created_on LIMIT 1",
            "7f3c-1|f|0|t|London, Wales|~|t|t",
        ),
        (
            "SELECT contact_name, accepts_dit_email_marketing, telephone_alternative = '', email_alternative, date_added_to_datahub, notes = E'100% {{x}}\\nline2' FROM contacts WHERE contact_name LIKE 'Jo%' OR contact_name LIKE 'Ann%' ORDER BY 1",
            "Ann \\ \t Tab|t|t|~|2019-01-01|t\nJo O'Neil|f|t|~|2019-01-01|t",
        ),
    ] {
        assert_eq!(place.sql(question), answer, "{question}");
    }
    assert_eq!(place.postgres.leftovers(), "0");
    // The lake holds the same.
    let lake = place
        .world
        .query("SELECT count(*) AS n FROM datahub.omis_dataset WHERE net_price = 0");
    assert_eq!(lake[0]["n"], 1);
}

#[test]
fn reports_are_of_their_month_in_utc_and_caught_up_from_the_first() {
    let place = Place::new();
    let report = place.published(&["--as-of", "2019-10-01"]);
    let views = "SELECT string_agg(viewname, ' ' ORDER BY viewname) FROM pg_views WHERE schemaname = 'public'";
    assert_eq!(
        place.sql(views),
        "cancelled_omis_orders_2019_07_31 cancelled_omis_orders_2019_08_31 cancelled_omis_orders_2019_09_30 completed_omis_orders_2019_07_31 completed_omis_orders_2019_08_31 completed_omis_orders_2019_09_30 investment_projects_2019_07_31 investment_projects_2019_08_31 investment_projects_2019_09_30 omis_client_survey_2019_07_31 omis_client_survey_2019_08_31 omis_client_survey_2019_09_30"
    );
    // Half an hour before August in UTC, and in London already in it.
    for (question, answer) in [
        (
            "SET TimeZone = 'Europe/London'; SELECT \"Company Name\", round(\"Subtotal\", 2), \"Market\" FROM completed_omis_orders_2019_07_31",
            "Acme Ltd|1250.50|France\nAcme Ltd|1250.50|France",
        ),
        ("SELECT count(*) FROM completed_omis_orders_2019_08_31", "0"),
        (
            "SELECT \"OMIS Order Reference\", round(\"Net Price\", 2) FROM cancelled_omis_orders_2019_07_31",
            "ABC125/19|0.07",
        ),
        ("SELECT count(*) FROM omis_client_survey_2019_07_31", "2"),
        ("SELECT count(*) FROM investment_projects_2019_07_31", "1"),
        ("SELECT count(*) FROM investment_projects_2019_08_31", "3"),
        (
            "SELECT count(*) FROM information_schema.columns WHERE table_name = 'investment_projects_2019_07_31'",
            "76",
        ),
    ] {
        assert_eq!(place.sql(question), answer, "{question}");
    }
    // The embedded engine says the same.
    let rows = "SELECT count(*) AS n, max(\"Net Price\") AS m FROM datahub.cancelled_omis_orders_2019_07_31";
    assert_eq!(place.world.query(rows)[0]["n"], 1);
    assert!(
        report["tables"]["completed_omis_orders_2019_07_31"].is_object(),
        "{report:#}"
    );
    let file = "exports/datahub/completed_omis_orders/completed_omis_orders-2019-07-31.csv";
    let csv = std::fs::read_to_string(place.world.root().join(file)).expect("a file");
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(csv.starts_with("Company Name,DIT Team,Subtotal,"), "{csv}");
    // With a financial year that begins in June, what was cancelled in May belongs to the one before.
    place.published(&[
        "--as-of",
        "2019-10-01",
        "--param",
        "financial_year_first_month_day=06-01",
    ]);
    assert_eq!(
        place.sql("SELECT count(*) FROM cancelled_omis_orders_2019_07_31"),
        "0"
    );
}

#[test]
fn a_second_run_of_the_same_changes_no_row() {
    let place = Place::new();
    place.published(&["--as-of", "2019-09-01"]);
    let rows = "SELECT string_agg(ctid::text || xmin::text, ' ') FROM contacts";
    let (before, requests) = (place.sql(rows), place.source.requests());
    let report = place.published(&["--as-of", "2019-09-01"]);
    assert_eq!(report["status"], "unchanged", "{report:#}");
    assert!(place.source.requests() > requests);
    assert_eq!(place.sql(rows), before);
    assert_eq!(place.sql(ALL_ROWS), "4|4|4");
    assert_eq!(place.postgres.leftovers(), "0");
    assert_eq!(place.sql("SELECT count(*) FROM _loads"), "2");
    // Another root knows nothing of these runs, and its own of the same name are not taken for them.
    let elsewhere = World::new();
    place.source.change(|state| {
        state.pages.get_mut(CONTACTS).expect("there")[0].push(contact("New", true))
    });
    let (ended, report) = place.source.run(
        &elsewhere,
        Some(&place.postgres),
        &["--as-of", "2019-09-01"],
    );
    assert_eq!(ended.code, Some(0), "{report:#}");
    assert_eq!(place.sql(ALL_ROWS), "4|4|5");
}

/// Many rows of one load, each with its mark.
fn load_of(place: &Place, mark: i64, rows: usize) {
    place.source.change(|state| {
        let name = mark.to_string();
        let orders = (0..rows).map(|n| order(&format!("{mark}-{n}"), "complete", mark));
        let projects = (0..rows).map(|n| {
            let mut project = project(&format!("{mark}-{n}"), "2019-08-01T00:00:00Z");
            project["status"] = name.clone().into();
            project
        });
        let contacts = (0..rows).map(|n| {
            let mut contact = contact(&format!("{mark}-{n}"), true);
            contact["job_title"] = name.clone().into();
            contact
        });
        state.pages.insert(OMIS, vec![orders.collect()]);
        state.pages.insert(PROJECTS, vec![projects.collect()]);
        state.pages.insert(CONTACTS, vec![contacts.collect()]);
    });
}

/// The marks and counts of all tables, in one statement.
const MARKS: &str = "SELECT o.a, o.b, o.n, p.a, p.b, p.n, c.a, c.b, c.n FROM (SELECT min(net_price)::text AS a, max(net_price)::text AS b, count(*) AS n FROM omis_dataset) AS o, (SELECT min(status) AS a, max(status) AS b, count(*) AS n FROM investment_projects_dataset) AS p, (SELECT min(job_title) AS a, max(job_title) AS b, count(*) AS n FROM contacts) AS c";

/// Asks as fast as it can until it is told to stop: statement by statement, and now and then table by table
/// within a transaction that sees one moment. Answers how many times it asked, and how many mixes it saw.
fn poll(url: String, stop: Arc<AtomicBool>, polls: Arc<AtomicU64>) -> thread::JoinHandle<u64> {
    thread::spawn(move || {
        block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
                .await
                .expect("connects");
            tokio::spawn(connection);
            let mut mixes = 0;
            while !stop.load(Relaxed) {
                let begin =
                    "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM omis_dataset";
                client.batch_execute(begin).await.expect("begins");
                let marks = client.query_one(MARKS, &[]).await.expect("reads");
                mixes += u64::from(!is_whole(&marks));
                client.batch_execute("COMMIT").await.expect("ends");
                let marks = client.query_one(MARKS, &[]).await.expect("reads");
                mixes += u64::from(!is_whole(&marks));
                polls.fetch_add(2, Relaxed);
            }
            mixes
        })
    })
}

fn is_whole(row: &tokio_postgres::Row) -> bool {
    let mark: Option<String> = row.get(0);
    let marks = [1, 3, 4, 6, 7].map(|at| row.get::<_, Option<String>>(at));
    let counts = [2, 5, 8].map(|at| row.get::<_, i64>(at));
    mark.is_some() && marks.iter().all(|other| *other == mark) && counts == [ROWS as i64; 3]
}

const ROWS: usize = 400;

#[test]
fn a_reader_sees_the_old_or_the_new_and_what_stands_on_the_tables_stays() {
    let place = Place::new();
    load_of(&place, 1, ROWS);
    place.published(&["--as-of", "2019-09-01"]);
    place.sql(
        "CREATE ROLE analyst LOGIN; CREATE ROLE owner_of_it; GRANT SELECT ON omis_dataset TO analyst; \
         GRANT SELECT (job_title) ON contacts TO analyst; \
         CREATE VIEW prices AS SELECT net_price FROM omis_dataset; \
         CREATE VIEW highest AS SELECT max(net_price) AS price FROM prices; \
         CREATE MATERIALIZED VIEW frozen AS SELECT * FROM highest; \
         CREATE INDEX mine ON contacts (email); ALTER TABLE contacts ADD CONSTRAINT named CHECK (contact_name <> ''); \
         COMMENT ON VIEW highest IS 'mine'",
    );
    let identity = "SELECT string_agg(oid::text, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE '\\_%' AND relkind IN ('r', 'v', 'm', 'i')";
    let grants = "SELECT string_agg(relacl::text, ' '), (SELECT attacl::text FROM pg_attribute WHERE attrelid = 'contacts'::regclass AND attname = 'job_title') FROM pg_class WHERE relname IN ('omis_dataset', 'contacts')";
    let before = (place.sql(identity), place.sql(grants));
    let (stop, polls) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let reader = poll(place.postgres.url(), Arc::clone(&stop), Arc::clone(&polls));
    for mark in 2..5 {
        load_of(&place, mark, ROWS);
        place.published(&["--as-of", "2019-09-01"]);
    }
    stop.store(true, Relaxed);
    let mixes = reader.join().expect("the reader reads");
    let polls = polls.load(Relaxed);
    println!("{polls} polls over 3 publishes, {mixes} mixes");
    assert_eq!(mixes, 0);
    assert!(polls > 20, "{polls}");
    assert_eq!((place.sql(identity), place.sql(grants)), before);
    assert_eq!(
        place.sql("SET ROLE analyst; SELECT max(net_price) FROM omis_dataset"),
        "4"
    );
    assert_eq!(place.sql("SELECT price FROM highest"), "4");
    assert_eq!(place.sql("SELECT price FROM frozen"), "1");
    assert_eq!(place.postgres.leftovers(), "0");
}

#[test]
fn a_transaction_that_began_before_goes_on_seeing_what_it_saw() {
    let place = Place::new();
    load_of(&place, 1, 10);
    place.published(&["--as-of", "2019-09-01"]);
    block_on(async {
        let (client, connection) =
            tokio_postgres::connect(&place.postgres.url(), tokio_postgres::NoTls)
                .await
                .expect("connects");
        tokio::spawn(connection);
        // Its moment is fixed by what it reads first, which is none of the tables.
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM _loads";
        client.batch_execute(begin).await.expect("begins");
        load_of(&place, 2, 10);
        place.published(&["--as-of", "2019-09-01"]);
        let row = client.query_one("SELECT min(net_price), count(*) FROM omis_dataset", &[]);
        let row = row.await.expect("reads");
        assert_eq!((row.get::<_, i32>(0), row.get::<_, i64>(1)), (1, 10));
    });
    assert_eq!(
        place.sql("SELECT min(net_price), count(*) FROM omis_dataset"),
        "2|10"
    );
}

#[test]
fn four_rows_for_five_are_refused_and_the_old_ones_stay() {
    let place = Place::new();
    load_of(&place, 1, 100);
    place.published(&["--as-of", "2019-09-01"]);
    load_of(&place, 2, 80);
    let message = place.failed(&["--as-of", "2019-09-01"]);
    assert!(
        message.contains("80 rows after 100, good are 90% or more"),
        "{message}"
    );
    assert_eq!(place.sql(ALL_ROWS), "100|100|100");
    assert_eq!(place.postgres.leftovers(), "0");
    // A root that knows of no last run asks the database.
    let (ended, report) = place.source.run(
        &World::new(),
        Some(&place.postgres),
        &["--as-of", "2019-09-01"],
    );
    assert_eq!(ended.code, Some(1), "{report:#}");
    load_of(&place, 3, 90);
    place.published(&["--as-of", "2019-09-01"]);
    assert_eq!(place.sql(MARKS), "3|3|90|3|3|90|3|3|90");
}

#[test]
fn what_the_database_refuses_leaves_the_old_rows_and_nothing_else() {
    let place = Place::new();
    load_of(&place, 1, 10);
    place.published(&["--as-of", "2019-09-01"]);
    // Too long for its column: the load of the last dataset fails when the others wait already.
    load_of(&place, 2, 10);
    place.source.change(|state| {
        state.pages.get_mut(CONTACTS).expect("there")[0][9]["job_title"] = "x".repeat(256).into();
    });
    let message = place.failed(&["--as-of", "2019-09-01"]);
    assert!(
        message.contains("too long") && message.contains("job_title"),
        "{message}"
    );
    assert!(!message.contains("xxx"), "{message}");
    assert_eq!(place.sql(MARKS), "1|1|10|1|1|10|1|1|10");
    assert_eq!(place.postgres.leftovers(), "0");
    // A constraint of somebody else: the publish itself fails, after other tables have changed.
    place.sql("ALTER TABLE contacts ADD CONSTRAINT strict CHECK (job_title <> '3')");
    load_of(&place, 3, 10);
    let message = place.failed(&["--as-of", "2019-09-01"]);
    assert!(message.contains("strict"), "{message}");
    assert_eq!(place.sql(MARKS), "1|1|10|1|1|10|1|1|10");
    assert_eq!(place.postgres.leftovers(), "0");
    load_of(&place, 4, 10);
    place.published(&["--as-of", "2019-09-01"]);
    assert_eq!(place.sql(MARKS), "4|4|10|4|4|10|4|4|10");
}

#[test]
fn a_publish_that_is_killed_changes_nothing_and_is_taken_up_again() {
    let place = Place::new();
    load_of(&place, 1, 10);
    place.published(&["--as-of", "2019-09-01"]);
    load_of(&place, 2, 10);
    let mut holder = place.postgres.hold("LOCK TABLE contacts IN SHARE MODE");
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lakehead' AND wait_event_type = 'Lock'";
    let held = "SELECT count(*) FROM pg_locks WHERE relation = 'contacts'::regclass AND mode = 'ShareLock' AND granted";
    place.postgres.until(held, "1");
    let mut run = place.source.command(
        &place.world,
        Some(&place.postgres),
        &["--as-of", "2019-09-01"],
    );
    let mut run = run.spawn().expect("the binary starts");
    // The two tables before this one are changed by now, in a transaction that will never end.
    place.postgres.until(waits, "1");
    run.kill().expect("killed");
    run.wait().expect("ended");
    assert_eq!(place.sql(MARKS), "1|1|10|1|1|10|1|1|10");
    holder.kill().expect("killed");
    holder.wait().expect("ended");
    place.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()");
    let (ended, report) = place.run(&["--as-of", "2019-09-01"]);
    assert_eq!(ended.code, Some(0), "{report:#}\n{}", ended.stderr);
    assert!(
        ended.stderr.contains("taking up the run"),
        "{}",
        ended.stderr
    );
    assert_eq!(place.sql(MARKS), "2|2|10|2|2|10|2|2|10");
    assert_eq!(place.postgres.leftovers(), "0");
}

#[test]
fn what_a_dead_run_left_is_swept_up_by_the_next() {
    let place = Place::new();
    load_of(&place, 1, 10);
    place.published(&["--as-of", "2019-09-01"]);
    let mut holder = place.postgres.hold("LOCK TABLE contacts IN SHARE MODE");
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lakehead' AND wait_event_type = 'Lock'";
    load_of(&place, 2, 10);
    let mut run = place.source.command(
        &place.world,
        Some(&place.postgres),
        &["--as-of", "2019-09-01"],
    );
    let mut run = run.spawn().expect("the binary starts");
    place.postgres.until(waits, "1");
    run.kill().expect("killed");
    run.wait().expect("ended");
    holder.kill().expect("killed");
    holder.wait().expect("ended");
    place.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()");
    place.sql("CREATE TABLE _staged_by_somebody_else ()");
    assert_ne!(place.postgres.leftovers(), "0");
    // From another root, so that the dead run is not taken up.
    let (ended, report) = place.source.run(
        &World::new(),
        Some(&place.postgres),
        &["--as-of", "2019-09-01"],
    );
    assert_eq!(ended.code, Some(0), "{report:#}\n{}", ended.stderr);
    assert_eq!(place.postgres.leftovers(), "1", "only what is not ours");
}

#[test]
fn drift_is_followed_refused_or_left_out_as_declared() {
    let place = Place::new();
    load_of(&place, 1, 10);
    place.published(&["--as-of", "2019-09-01"]);
    place.sql(
        "ALTER TABLE contacts DROP COLUMN notes; ALTER TABLE contacts ADD COLUMN old text NOT NULL DEFAULT 'x'; \
         ALTER TABLE contacts ALTER COLUMN job_title TYPE varchar(100)",
    );
    load_of(&place, 2, 10);
    let frozen = place.edited("on_drift: evolve", "on_drift: freeze");
    let message = place.failed(&["--as-of", "2019-09-01", "--pipelines", &frozen]);
    assert!(message.contains("`public.contacts`"), "{message}");
    assert_eq!(place.sql(MARKS), "1|1|10|1|1|10|1|1|10");
    assert_eq!(place.postgres.leftovers(), "0");
    place.published(&["--as-of", "2019-09-01"]);
    assert_eq!(place.sql(MARKS), "2|2|10|2|2|10|2|2|10");
    let columns = "SELECT count(notes), count(old), (SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'contacts'::regclass AND attname = 'job_title') FROM contacts";
    assert_eq!(place.sql(columns), "10|0|character varying(255)");
    place.sql("ALTER TABLE contacts DROP COLUMN notes");
    load_of(&place, 3, 10);
    let discards = place.edited("on_drift: evolve", "on_drift: discard");
    place.published(&["--as-of", "2019-09-01", "--pipelines", &discards]);
    assert_eq!(place.sql(MARKS), "3|3|10|3|3|10|3|3|10");
    let notes = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'contacts' AND column_name = 'notes'";
    assert_eq!(place.sql(notes), "0");
}

#[test]
fn a_renamed_field_does_not_empty_its_column_unseen() {
    let place = Place::new();
    place.published(&["--as-of", "2019-09-01"]);
    place.source.change(|state| {
        for order in state
            .pages
            .get_mut(OMIS)
            .expect("there")
            .iter_mut()
            .flatten()
        {
            let name = order
                .as_object_mut()
                .expect("an object")
                .remove("company__name");
            order["company_name"] = name.expect("there");
        }
    });
    let message = place.failed(&["--as-of", "2019-09-01"]);
    assert!(
        message.contains("no row has a value of company_name"),
        "{message}"
    );
    assert_eq!(
        place.sql("SELECT count(company_name) FROM omis_dataset"),
        "4"
    );
}

#[test]
fn answers_that_are_not_the_sources_are_not_loaded() {
    let place = Place::new();
    place.source.change(|state| state.forged = Some(CONTACTS));
    let message = place.failed(&["--as-of", "2019-09-01"]);
    println!("{message}");
    place.source.change(|state| {
        state.forged = None;
        state.looping = Some(OMIS);
    });
    let before = place.source.requests();
    let message = place.failed(&["--as-of", "2019-09-01"]);
    println!(
        "{} requests, then: {message}",
        place.source.requests() - before
    );
    assert!(place.source.requests() - before < 12);
    place.source.change(|state| {
        state.looping = None;
        state.broken = 1;
    });
    let report = place.published(&["--as-of", "2019-09-01"]);
    assert_eq!(report["requests"]["retried"], 1, "{report:#}");
    assert_eq!(place.sql(ALL_ROWS), "4|4|4");
}

#[test]
fn without_an_address_the_lake_stands_in_and_the_report_says_so() {
    let world = World::new();
    let source = DataHub::start();
    let (ended, report) = source.run(&world, None, &["--as-of", "2019-09-01"]);
    assert_eq!(ended.code, Some(0), "{report:#}");
    let postgres = &report["destinations"][1];
    assert_eq!(postgres["status"], "stood_in");
    let message = postgres["message"].as_str().expect("a message");
    assert!(
        message.contains("LAKEHEAD_SECRET_DATAHUB_POSTGRES_URL"),
        "{message}"
    );
    let rows = "SELECT count(*) AS n FROM datahub.completed_omis_orders_2019_07_31";
    assert_eq!(world.query(rows)[0]["n"], 2);
}
