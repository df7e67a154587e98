//! Children: what is asked for each parent, in which order, and where a broken fetch goes on.

use pipeline::fault::Kind;
use pipeline::for_each::Parent;

use crate::world::{Answer, Source, World, number, ok, records};

fn parents(count: usize) -> Vec<Parent> {
    let parent = |number: usize| Parent([("parent.shop".to_owned(), format!("s{number}"))].into());
    (0..count).map(parent).collect()
}

const PLAIN: &str = "{ path: '/shops/{parent.shop}/things', for_each: { parents: { of: [{ resource: others, take: { shop: $.id } }] } }, outcomes: { missing: [404] } }";
const PAGED: &str = "{ path: '/shops/{parent.shop}/things', records: $.d, for_each: { parents: { of: [{ resource: others, take: { shop: $.id } }] } }, paginate: { offset: { limit: 10, stop: short_page } }, outcomes: { missing: [404] } }";

fn shop(asked: &str) -> usize {
    let shop = asked
        .split('/')
        .nth(2)
        .and_then(|shop| shop.strip_prefix('s'));
    shop.and_then(|shop| shop.parse().ok())
        .unwrap_or_else(|| panic!("{asked}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_parent_is_asked_for_once_and_its_values_stay_with_its_pages() {
    let source = Source::start(|asked, _| match shop(asked) {
        7 => Answer(404, String::new(), String::new()),
        shop => ok(format!("[{shop}]")),
    });
    let world = World::planned(&source.base, PLAIN, Some(parents(30))).await;
    let output = world.fetched().await.expect("fetched");
    let stored = world.stored().await;
    assert_eq!((stored.len(), source.heard().len()), (30, 30));
    for (number, page) in stored.iter().enumerate() {
        assert_eq!(page.id.as_deref(), Some(&*format!("s{number}")));
        let parent = page.parent.as_ref().expect("a parent");
        assert_eq!(parent.0["parent.shop"], format!("s{number}"));
        assert_eq!(page.status, if number == 7 { 404 } else { 200 });
    }
    assert_eq!((output.fetched.pages, output.fetched.missing), (29, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_of_a_child_are_walked_and_a_broken_fetch_goes_on_in_the_middle_of_one() {
    // How many things each shop has: none, one page, an exact multiple, several pages.
    const THINGS: [usize; 5] = [0, 7, 20, 35, 3];
    for broken in 0..14 {
        let source = Source::start(move |asked, before| {
            if before == broken {
                return Answer(500, String::new(), String::new());
            }
            let (shop, from) = (shop(asked), number(asked, "offset"));
            ok(format!(
                "{{\"d\": {}}}",
                records(from, (from + 10).min(THINGS[shop]))
            ))
        });
        let world = World::planned(&source.base, PAGED, Some(parents(5))).await;
        let first = world.fetched().await;
        if let Err(fault) = first {
            assert_eq!(fault.kind, Kind::Transient, "{broken}");
        }
        world.fetched().await.expect("goes on");
        let mut found = [const { Vec::new() }; 5];
        let mut before = 0;
        for page in world.stored().await {
            let id = page.id.expect("an id");
            let shop: usize = id[1..].parse().expect("a shop");
            assert!(shop >= before, "in the order of the parents");
            before = shop;
            let body: serde_json::Value = serde_json::from_str(&page.body).expect("json");
            let things = body["d"].as_array().expect("a list").clone();
            found[shop].extend(
                things
                    .iter()
                    .map(|thing| thing.as_u64().expect("a number") as usize),
            );
        }
        for (shop, things) in found.iter().enumerate() {
            assert_eq!(
                *things,
                (0..THINGS[shop]).collect::<Vec<_>>(),
                "{broken}: shop {shop}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_are_walked_each_by_its_own_cursor() {
    let resource = "{ path: /students, query: { pageToken: '{id}', pageSize: 2 }, for_each: { listing: { resource: others, id: $ } }, paginate: { cursor: { parameter: pageToken, header: Next-Page-Token } } }";
    let source = Source::start(|asked, _| {
        // A token is partition and page; each partition has as many pages as its number.
        let token = asked.split("pageToken=").nth(1).expect("a token");
        let token = token.split('&').next().expect("a token");
        let (partition, page) = token.split_once('.').unwrap_or((token, "0"));
        let (partition, page): (usize, usize) =
            (partition.parse().expect("one"), page.parse().expect("one"));
        let next = match page < partition {
            true => format!("Next-Page-Token: {partition}.{}\r\n", page + 1),
            false => String::new(),
        };
        Answer(200, next, format!("[{}]", partition * 100 + page))
    });
    let ids = ["0", "1", "2", "3"].map(Parent::of_id).to_vec();
    let world = World::planned(&source.base, resource, Some(ids)).await;
    world.fetched().await.expect("fetched");
    let bodies: Vec<String> = world
        .stored()
        .await
        .into_iter()
        .map(|page| page.body)
        .collect();
    let expected = [
        "[0]", "[100]", "[101]", "[200]", "[201]", "[202]", "[300]", "[301]", "[302]", "[303]",
    ];
    assert_eq!(bodies, expected);
}
