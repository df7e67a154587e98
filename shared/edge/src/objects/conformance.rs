//! What every store must pass. `open` gives a new value over the same store each time, as another process would.

use std::io::{Read, Write};

use futures::future::join_all;

use super::{Error, Listed, Objects};

/// Runs the whole suite; each part uses keys of its own.
pub(crate) async fn run(open: impl Fn() -> Objects) {
    an_object_is_written_read_replaced_and_deleted(&open()).await;
    what_is_not_there_is_said_so(&open()).await;
    create_tells_an_object_that_is_there(&open()).await;
    a_swap_needs_the_current_tag(&open()).await;
    an_upload_shows_nothing_before_its_commit(&open()).await;
    an_upload_may_be_large_and_is_named_at_its_end(&open()).await;
    an_upload_that_must_be_new_leaves_another_alone(&open()).await;
    lists_have_no_end_at_a_thousand(&open()).await;
    an_address_is_one_for_each_key(&open()).await;
    lists_are_sorted_and_by_prefix(&open()).await;
    hostile_keys_are_refused_everywhere(&open()).await;
    a_copy_stands_alone(&open()).await;
    of_racing_creators_one_wins(&open).await;
    racing_swaps_lose_no_update(&open).await;
    readers_see_whole_objects_only(&open).await;
}

async fn an_object_is_written_read_replaced_and_deleted(objects: &Objects) {
    for content in ["one", "", "three"] {
        objects.put("plain/a", content).await.expect("written");
        let read = objects.get("plain/a").await.expect("there");
        assert_eq!(read, content.as_bytes());
        let size = objects.size("plain/a").await.expect("known");
        assert_eq!(size, Some(content.len() as u64));
    }
    let mut reader = objects.read("plain/a").await.expect("there");
    let read = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    });
    assert_eq!(read.await.expect("ran").expect("read"), "three");
    for (most, start) in [(0, ""), (2, "th"), (5, "three"), (9, "three")] {
        let read = objects.start_of("plain/a", most).await.expect("there");
        assert_eq!(read, start.as_bytes());
    }
    let stored = objects.measure("plain/a").await.expect("measured");
    assert_eq!(stored.bytes, 5);
    assert_eq!(stored.sha256, super::sha256(b"three"));
    objects.delete("plain/a").await.expect("deleted");
    objects.delete("plain/a").await.expect("deleted again");
    assert_eq!(objects.size("plain/a").await.expect("known"), None);
}

async fn what_is_not_there_is_said_so(objects: &Objects) {
    assert!(matches!(objects.get("no").await, Err(Error::NotFound(_))));
    assert!(matches!(objects.read("no").await, Err(Error::NotFound(_))));
    let start = objects.start_of("no", 5).await;
    assert!(matches!(start, Err(Error::NotFound(_))));
    let measured = objects.measure("no").await;
    assert!(matches!(measured, Err(Error::NotFound(_))));
    let copied = objects.copy_from(objects, "no", "b").await;
    assert!(matches!(copied, Err(Error::NotFound(_))));
    assert!(objects.get_tagged("no").await.expect("asked").is_none());
    objects.put("folder/a", "").await.expect("written");
    let start = objects.start_of("folder/a", 5).await;
    assert_eq!(start.expect("there"), b"");
    let folder = objects.get("folder").await;
    assert!(matches!(folder, Err(Error::NotFound(_))));
    assert_eq!(objects.size("folder").await.expect("asked"), None);
}

async fn create_tells_an_object_that_is_there(objects: &Objects) {
    objects.create("create/a", "one").await.expect("created");
    for content in ["one", "two"] {
        let again = objects.create("create/a", content).await;
        assert!(matches!(again, Err(Error::AlreadyExists(_))));
    }
    let mut upload = objects.upload("create/a").await.expect("begun");
    upload.write_all(b"two").expect("written");
    let committed = upload.commit_new().await;
    assert!(matches!(committed, Err(Error::AlreadyExists(_))));
    assert_eq!(objects.get("create/a").await.expect("there"), b"one");
}

async fn a_swap_needs_the_current_tag(objects: &Objects) {
    let first = objects.swap("swap/a", None, "1").await.expect("created");
    let again = objects.swap("swap/a", None, "x").await;
    assert!(matches!(again, Err(Error::Changed(_))));
    let second = objects.swap("swap/a", Some(&first), "2").await;
    let second = second.expect("swapped");
    let stale = objects.swap("swap/a", Some(&first), "x").await;
    assert!(matches!(stale, Err(Error::Changed(_))));
    let (content, tag) = objects
        .get_tagged("swap/a")
        .await
        .expect("read")
        .expect("there");
    assert_eq!((content.as_slice(), &tag), (&b"2"[..], &second));
    objects.delete("swap/a").await.expect("deleted");
    let gone = objects.swap("swap/a", Some(&second), "x").await;
    assert!(matches!(gone, Err(Error::Changed(_))));
}

async fn an_upload_shows_nothing_before_its_commit(objects: &Objects) {
    let mut dropped = objects.upload("upload/a").await.expect("begun");
    dropped.write_all(&[7; 1 << 20]).expect("written");
    dropped.flush().expect("flushed");
    assert_eq!(objects.list("upload/").await.expect("listed"), []);
    drop(dropped);
    let mut upload = objects.upload("upload/a").await.expect("begun");
    upload.write_all(b"ab").expect("written");
    upload.write_all(b"c").expect("written");
    let stored = upload.commit().await.expect("committed");
    assert_eq!(stored.bytes, 3);
    assert_eq!(stored.sha256, super::sha256(b"abc"));
    assert_eq!(objects.get("upload/a").await.expect("there"), b"abc");
}

/// More than a few parts of an upload in parts, and not a multiple of one.
fn large() -> Vec<u8> {
    let number = |at: u32| at.wrapping_mul(2_654_435_761).to_le_bytes();
    (0..(34 << 20) / 4 + 3).flat_map(number).collect()
}

async fn an_upload_may_be_large_and_is_named_at_its_end(objects: &Objects) {
    let content = large();
    let mut upload = objects.upload("large/begun").await.expect("begun");
    for piece in content.chunks(1_000_003) {
        upload.write_all(piece).expect("written");
        upload.settle().await.expect("settled");
        assert!(!upload.is_behind());
    }
    assert_eq!(objects.list("large/").await.expect("listed"), []);
    let (key, stored) = upload
        .commit_as(|stored| format!("large/{}", &stored.sha256[..8]))
        .await
        .expect("committed");
    assert_eq!(key, format!("large/{}", &super::sha256(&content)[..8]));
    let bytes = content.len() as u64;
    let listed = objects.list("large/").await.expect("listed");
    let only = Listed {
        key: key.clone(),
        bytes,
    };
    assert_eq!(listed, [only]);
    assert_eq!(objects.measure(&key).await.expect("measured"), stored);
    assert!(objects.get(&key).await.expect("there") == content);
    let small = objects.upload("large/small").await.expect("begun");
    let (key, stored) = small
        .commit_as(|stored| format!("large/{}", stored.bytes))
        .await
        .expect("committed");
    assert_eq!((key.as_str(), stored.bytes), ("large/0", 0));
    assert_eq!(objects.size("large/0").await.expect("known"), Some(0));
}

async fn an_upload_that_must_be_new_leaves_another_alone(objects: &Objects) {
    let content = large();
    for (key, content) in [
        ("new/small", &content[..9]),
        ("new/large", &content[..9 << 20]),
    ] {
        for first in [true, false] {
            let mut upload = objects.upload(key).await.expect("begun");
            upload.write_all(content).expect("written");
            match upload.commit_new().await {
                Ok(stored) => assert!(first && stored.bytes == content.len() as u64),
                Err(Error::AlreadyExists(there)) => assert!(!first && there == key),
                Err(error) => panic!("{error}"),
            }
        }
        let size = objects.size(key).await.expect("known");
        assert_eq!(size, Some(content.len() as u64));
    }
}

async fn lists_have_no_end_at_a_thousand(objects: &Objects) {
    let key = |number: usize| format!("many/{number:04}/x");
    for numbers in (0..1100).collect::<Vec<usize>>().chunks(100) {
        let written = numbers.iter().map(|number| put(objects, key(*number)));
        for written in join_all(written).await {
            written.expect("written");
        }
    }
    let listed = objects.list("many/").await.expect("listed");
    let listed: Vec<String> = listed.into_iter().map(|listed| listed.key).collect();
    assert_eq!(listed, (0..1100).map(key).collect::<Vec<_>>());
    let folders = objects.folders("many/").await.expect("listed");
    assert_eq!(folders.len(), 1100);
    assert_eq!(folders[1099], "1099");
}

async fn put(objects: &Objects, key: String) -> Result<(), Error> {
    objects.put(&key, "").await
}

async fn an_address_is_one_for_each_key(objects: &Objects) {
    let of = |key: &str| objects.address(key).expect("an address");
    let (one, other) = (of("a b/c"), of("a b/d"));
    assert!(one != other && one.bucket == other.bucket);
    let said = one.to_string();
    assert!(
        said.starts_with("s3://") && said.ends_with("/a b/c"),
        "{said}"
    );
    assert!(matches!(objects.address("../x"), Err(Error::BadKey(..))));
}

async fn lists_are_sorted_and_by_prefix(objects: &Objects) {
    for key in [
        "list/b/2",
        "list/a",
        "list/b/10",
        "list/b-",
        "list/c/d/e",
        "lists",
    ] {
        objects.put(key, key).await.expect("written");
    }
    for (prefix, keys) in [
        (
            "list/",
            vec!["list/a", "list/b-", "list/b/10", "list/b/2", "list/c/d/e"],
        ),
        ("list/b", vec!["list/b-", "list/b/10", "list/b/2"]),
        ("list/b/1", vec!["list/b/10"]),
        ("list/c/d/e", vec!["list/c/d/e"]),
        ("list/none/", vec![]),
        ("list/a/", vec![]),
    ] {
        let listed = objects.list(prefix).await.expect("listed");
        let expected: Vec<Listed> = keys
            .iter()
            .map(|key| Listed {
                key: (*key).to_owned(),
                bytes: key.len() as u64,
            })
            .collect();
        assert_eq!(listed, expected, "{prefix}");
    }
    let folders = objects.folders("list/").await.expect("listed");
    assert_eq!(folders, ["b", "c"]);
}

async fn hostile_keys_are_refused_everywhere(objects: &Objects) {
    for key in [
        "",
        "../x",
        "a/../../x",
        "/etc/x",
        "a//b",
        "a\\b",
        "a\0b",
        ".tmp/x",
        "a/.",
    ] {
        let bad = |error: Error| matches!(error, Error::BadKey(..));
        assert!(bad(objects.get(key).await.expect_err("refused")), "{key:?}");
        assert!(
            bad(objects.put(key, "").await.expect_err("refused")),
            "{key:?}"
        );
        assert!(
            bad(objects.create(key, "").await.expect_err("refused")),
            "{key:?}"
        );
        assert!(
            bad(objects.swap(key, None, "").await.expect_err("refused")),
            "{key:?}"
        );
        assert!(
            bad(objects.delete(key).await.expect_err("refused")),
            "{key:?}"
        );
        assert!(
            bad(objects.upload(key).await.expect_err("refused")),
            "{key:?}"
        );
        assert!(
            bad(objects.local_path(key).expect_err("refused")),
            "{key:?}"
        );
        let from = objects.copy_from(objects, key, "a").await;
        assert!(bad(from.expect_err("refused")), "{key:?}");
        let to = objects.copy_from(objects, "a", key).await;
        assert!(bad(to.expect_err("refused")), "{key:?}");
    }
    for prefix in ["../", "/", "a//"] {
        assert!(objects.list(prefix).await.is_err(), "{prefix:?}");
        assert!(objects.folders(prefix).await.is_err(), "{prefix:?}");
    }
}

async fn a_copy_stands_alone(objects: &Objects) {
    objects.put("copy/a", "one").await.expect("written");
    objects.put("copy/b", "old").await.expect("written");
    objects
        .copy_from(objects, "copy/a", "copy/b")
        .await
        .expect("copied");
    objects.put("copy/a", "two").await.expect("written");
    assert_eq!(objects.get("copy/b").await.expect("there"), b"one");
    objects.delete("copy/a").await.expect("deleted");
    assert_eq!(objects.get("copy/b").await.expect("there"), b"one");
    let odd = "copy/é +%2F?=#&/x";
    objects.put(odd, "odd").await.expect("written");
    objects.copy_from(objects, odd, odd).await.expect("copied");
    objects
        .copy_from(objects, odd, "copy/c")
        .await
        .expect("copied");
    assert_eq!(objects.get("copy/c").await.expect("there"), b"odd");
}

async fn of_racing_creators_one_wins(open: &impl Fn() -> Objects) {
    for round in 0..20 {
        let key = format!("race/create/{round}");
        let creators = (0..8).map(|writer| {
            let (objects, key) = (open(), key.clone());
            tokio::spawn(async move { objects.create(&key, writer.to_string()).await })
        });
        let mut winners = Vec::new();
        for (writer, outcome) in join_all(creators).await.into_iter().enumerate() {
            match outcome.expect("ran") {
                Ok(()) => winners.push(writer.to_string()),
                Err(Error::AlreadyExists(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        let content = open().get(&key).await.expect("there");
        assert_eq!(winners, [String::from_utf8_lossy(&content)]);
    }
}

async fn racing_swaps_lose_no_update(open: &impl Fn() -> Objects) {
    let writers = (0..6).map(|_| {
        let objects = open();
        tokio::spawn(async move {
            for _ in 0..10 {
                add_one(&objects, "race/swap").await;
            }
        })
    });
    for outcome in join_all(writers).await {
        outcome.expect("ran");
    }
    assert_eq!(open().get("race/swap").await.expect("there"), b"60");
}

async fn add_one(objects: &Objects, key: &str) {
    loop {
        let current = objects.get_tagged(key).await.expect("read");
        let (number, tag) = match &current {
            Some((content, tag)) => (String::from_utf8_lossy(content).into_owned(), Some(tag)),
            None => ("0".to_owned(), None),
        };
        let next = number.parse::<u32>().expect("a number") + 1;
        match objects.swap(key, tag, next.to_string()).await {
            Ok(_) => return,
            Err(Error::Changed(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

async fn readers_see_whole_objects_only(open: &impl Fn() -> Objects) {
    let whole = |letter: u8| vec![letter; 200_000];
    let objects = open();
    objects
        .put("race/whole", whole(b'a'))
        .await
        .expect("written");
    let writer = tokio::spawn(async move {
        for letter in b'a'..=b'z' {
            objects
                .put("race/whole", whole(letter))
                .await
                .expect("written");
        }
    });
    let reader = open();
    loop {
        let content = reader.get("race/whole").await.expect("there");
        assert_eq!(content, whole(content[0]));
        if content[0] == b'z' {
            break;
        }
    }
    writer.await.expect("ran");
}
