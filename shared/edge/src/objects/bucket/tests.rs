//! What a bucket does beside what every store must: faults of the wire, uploads in parts, copies.

use std::io::Write;

use emulator::{Emulator, Fate, Wire};

use crate::aws::emulated;
use crate::objects::{Error, Objects, conformance};
use pipeline::fault::{Fault, Kind};

const BUCKET: &str = "lakehead-tests";
const PUT: &str = "PUT ";

async fn emulator() -> Emulator {
    let emulator = Emulator::start();
    emulator.bucket(BUCKET).await;
    emulator
}

fn objects(endpoint: &str) -> Objects {
    Objects::bucket(emulated(endpoint), BUCKET, "objects/")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_a_store() {
    let emulator = emulator().await;
    let aws = emulated(&emulator.endpoint);
    conformance::run(|| Objects::bucket(aws.clone(), BUCKET, "objects/")).await;
    let uploads = aws.s3().list_multipart_uploads().bucket(BUCKET);
    let uploads = uploads.send().await.expect("listed");
    assert_eq!(uploads.uploads(), [], "every upload ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_of_one_bucket_share_nothing_but_what_is_copied() {
    let emulator = emulator().await;
    let aws = emulated(&emulator.endpoint);
    let objects = Objects::bucket(aws.clone(), BUCKET, "objects/");
    let lake = Objects::bucket(aws.clone(), BUCKET, "lake/");
    let all = Objects::bucket(aws.clone(), BUCKET, "");
    objects.put("a", "one").await.expect("written");
    assert_eq!(lake.list("").await.expect("listed"), []);
    lake.copy_from(&objects, "a", "b").await.expect("copied");
    assert_eq!(lake.get("b").await.expect("there"), b"one");
    assert_eq!(all.folders("").await.expect("listed"), ["lake", "objects"]);
    let address = lake.address("b").expect("an address");
    assert_eq!(address.to_string(), "s3://lakehead-tests/lake/b");
    assert_eq!(
        all.get(&address.key).await.expect("there"),
        b"one",
        "the address is where it is"
    );
    // As one request copies no more than 5 GiB.
    let content: Vec<u8> = (0..11 << 20).map(|at: u32| (at % 251) as u8).collect();
    objects
        .put("large", content.clone())
        .await
        .expect("written");
    let (Objects::Bucket(from), Objects::Bucket(to)) = (&objects, &lake) else {
        panic!("buckets")
    };
    let bytes = content.len() as u64;
    let copied = to.copy_parts(from, "large", "large", bytes, 5 << 20).await;
    copied.expect("copied");
    assert!(lake.get("large").await.expect("there") == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_dropped_or_fails_leaves_nothing() {
    let emulator = emulator().await;
    let store = objects(&emulator.endpoint);
    let mut upload = store.upload("dropped").await.expect("begun");
    upload.write_all(&vec![1; 40 << 20]).expect("written");
    upload.settle().await.expect("settled");
    drop(upload);
    // The second part is never taken, whatever the SDK tries.
    let wire = Wire::to(
        &emulator,
        "PUT /lakehead-tests/objects/failed?x-id=UploadPart&partNumber=2",
        &[Fate::Refused(500, "InternalError"); 9],
    );
    let failing = objects(&wire.endpoint);
    let mut upload = failing.upload("failed").await.expect("begun");
    upload.write_all(&vec![1; 20 << 20]).expect("written");
    let fault = Fault::from(upload.commit().await.expect_err("it fails"));
    assert_eq!(fault.kind, Kind::Transient, "{fault}");
    let aws = emulated(&emulator.endpoint);
    loop {
        let uploads = aws.s3().list_multipart_uploads().bucket(BUCKET);
        let uploads = uploads.send().await.expect("listed");
        if uploads.uploads().is_empty() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(store.list("").await.expect("listed"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_was_lost_is_known_as_our_own() {
    let emulator = emulator().await;
    let lost = [Fate::Unanswered];
    let wire = Wire::to(&emulator, PUT, &lost);
    let created = objects(&wire.endpoint).create("created", "x").await;
    created.expect("ours");
    assert!(wire.is_used_up());
    // The very same content by somebody else is no success of ours.
    let wire = Wire::to(&emulator, PUT, &lost);
    let again = objects(&wire.endpoint).create("created", "x").await;
    assert!(matches!(again, Err(Error::AlreadyExists(_))), "{again:?}");
    let plain = objects(&emulator.endpoint);
    let first = plain.swap("swapped", None, "1").await.expect("created");
    let wire = Wire::to(&emulator, PUT, &lost);
    let over = objects(&wire.endpoint);
    let second = over.swap("swapped", Some(&first), "2").await;
    let second = second.expect("ours");
    assert!(wire.is_used_up());
    let (content, tag) = plain
        .get_tagged("swapped")
        .await
        .expect("read")
        .expect("there");
    assert_eq!((&content[..], tag), (&b"2"[..], second.clone()));
    let wire = Wire::to(&emulator, PUT, &lost);
    let stale = objects(&wire.endpoint);
    let stale = stale.swap("swapped", Some(&first), "2").await;
    assert!(matches!(stale, Err(Error::Changed(_))), "{stale:?}");
    // And an upload in parts, whose end was not heard of.
    let wire = Wire::to(
        &emulator,
        "POST /lakehead-tests/objects/large?uploadId",
        &lost,
    );
    let mut upload = objects(&wire.endpoint)
        .upload("large")
        .await
        .expect("begun");
    upload.write_all(&vec![1; 9 << 20]).expect("written");
    upload.commit_new().await.expect("ours");
    assert!(wire.is_used_up(), "{:?}", wire.carried());
    assert_eq!(plain.size("large").await.expect("known"), Some(9 << 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_tried_again_and_so_is_what_slows_down() {
    let emulator = emulator().await;
    let conflict = Fate::Refused(409, "ConditionalRequestConflict");
    for fates in [
        &[conflict, conflict, Fate::Passes][..],
        &[Fate::Refused(503, "SlowDown"), Fate::Passes],
        &[
            Fate::Refused(500, "InternalError"),
            conflict,
            Fate::Unanswered,
        ],
    ] {
        let wire = Wire::to(&emulator, PUT, fates);
        let store = objects(&wire.endpoint);
        store.create("a", "x").await.expect("created");
        assert!(wire.is_used_up(), "{:?}", wire.carried());
        store.delete("a").await.expect("deleted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_says_who_may_change_it_and_how() {
    let emulator = emulator().await;
    let told = async |fate: Fate, times: usize| {
        let wire = Wire::to(&emulator, PUT, &vec![fate; times]);
        let put = objects(&wire.endpoint).put("a", "hunter2").await;
        let fault = Fault::from(put.expect_err("refused"));
        assert!(!fault.message.contains("hunter2"), "{fault}");
        fault
    };
    for (fate, times, kind, said) in [
        (
            Fate::Refused(503, "SlowDown"),
            3,
            Kind::Transient,
            "SlowDown",
        ),
        (Fate::Unanswered, 3, Kind::Transient, "it may pass"),
        (
            Fate::Refused(403, "AccessDenied"),
            1,
            Kind::BadDefinition,
            "allow the role of this process `s3:PutObject` on s3://lakehead-tests/objects/a",
        ),
        (
            Fate::Refused(403, "ExpiredToken"),
            1,
            Kind::BadDefinition,
            "check the credentials",
        ),
        (
            Fate::Refused(301, "PermanentRedirect"),
            1,
            Kind::BadDefinition,
            "set AWS_REGION to the region of the bucket",
        ),
        (
            Fate::Refused(400, "EntityTooLarge"),
            1,
            Kind::Bug,
            "EntityTooLarge",
        ),
    ] {
        let fault = told(fate, times).await;
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.message.contains(said), "{fault}");
    }
    let elsewhere = Objects::bucket(emulated(&emulator.endpoint), "no-such-bucket", "");
    for fault in [
        Fault::from(elsewhere.put("a", "").await.expect_err("refused")),
        Fault::from(elsewhere.list("").await.expect_err("refused")),
        Fault::from(elsewhere.get("a").await.expect_err("refused")),
    ] {
        assert_eq!(fault.kind, Kind::BadDefinition, "{fault}");
        let said = "there is no bucket `no-such-bucket`; set LAKEHEAD_BUCKET";
        assert!(fault.message.contains(said), "{fault}");
    }
}
