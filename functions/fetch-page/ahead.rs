//! Requests whose addresses are known: several are under way at a time, and their answers come in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use edge::session::{Session, Traffic};
use edge::source::Page;
use pipeline::fault::Fault;
use pipeline::number::Values;
use pipeline::paginate::PageToken;
use pipeline::resource::ResourceDefinition;
use tokio::task::JoinHandle;

/// How many answers of one slice are under way at a time at most; other slices have theirs.
const MOST: u64 = 8;

/// What asks for the pages of one resource.
#[derive(Clone)]
pub struct Asker {
    /// The source.
    pub session: Arc<Session>,
    /// The resource.
    pub resource: Arc<ResourceDefinition>,
    /// When the call must be over.
    pub deadline: Option<Duration>,
}

/// What asking for one page came to.
pub struct Asked<K> {
    /// What it was asked for.
    pub what: K,
    /// What was sent.
    pub traffic: Traffic,
    /// What came.
    pub page: Result<Page, Fault>,
}

impl Asker {
    /// Asks for one page.
    pub async fn ask(&self, values: &Values, token: &PageToken) -> (Traffic, Result<Page, Fault>) {
        let mut traffic = Traffic::default();
        let page = self
            .session
            .page(&self.resource, values, token, self.deadline, &mut traffic)
            .await;
        (traffic, page)
    }
}

/// A request under way, with what is sent for it.
type Asking = JoinHandle<(Traffic, Result<Page, Fault>)>;

/// The pages under way, in the order in which they will be taken. They go on while nobody waits for them, so
/// none holds up what others wait for.
pub struct Ahead<K> {
    asker: Asker,
    under_way: VecDeque<(K, Asking)>,
}

impl<K> Ahead<K> {
    /// Nothing under way yet.
    pub fn new(asker: Asker) -> Self {
        Ahead {
            asker,
            under_way: VecDeque::new(),
        }
    }

    /// Whether another may begin.
    pub fn has_room(&self) -> bool {
        let together = self
            .asker
            .session
            .source()
            .pace()
            .concurrency
            .clamp(1, MOST);
        (self.under_way.len() as u64) < together
    }

    /// Begins to ask for one more page.
    pub fn begin(&mut self, what: K, values: Values, token: PageToken) {
        let asker = self.asker.clone();
        let asking = tokio::spawn(async move { asker.ask(&values, &token).await });
        self.under_way.push_back((what, asking));
    }

    /// What comes next, if anything is under way.
    pub fn next_up(&self) -> Option<&K> {
        self.under_way.front().map(|(what, _)| what)
    }

    /// The next answer; none where nothing is under way.
    pub async fn next(&mut self) -> Result<Option<Asked<K>>, Fault> {
        let Some((what, asking)) = self.under_way.pop_front() else {
            return Ok(None);
        };
        let (traffic, page) = asking
            .await
            .map_err(|error| Fault::bug(format!("a request stopped: {error}")))?;
        Ok(Some(Asked {
            what,
            traffic,
            page,
        }))
    }

    /// Waits for all that is under way and forgets it; answers what was sent for it.
    pub async fn forget(&mut self) -> Result<Traffic, Fault> {
        let mut traffic = Traffic::default();
        while let Some(asked) = self.next().await? {
            traffic += &asked.traffic;
        }
        Ok(traffic)
    }
}

impl<K> Drop for Ahead<K> {
    fn drop(&mut self) {
        for (_, asking) in &self.under_way {
            asking.abort();
        }
    }
}
