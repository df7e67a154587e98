//! One walk from page to page. Where the source has told how many there are, the coming pages are asked for
//! ahead; what an answer says goes before what was guessed.

use std::collections::VecDeque;

use edge::session::Traffic;
use edge::source::Page;
use pipeline::fault::{Fault, Kind};
use pipeline::number::Values;
use pipeline::paginate::PageToken;

use crate::ahead::{Ahead, Asked, Asker};

/// How many pages are guessed at a time.
const GUESSED: usize = 1000;

/// A walk through the pages of one resource with one set of values.
pub struct Walk {
    asker: Asker,
    values: Values,
    ahead: Ahead<PageToken>,
    guesses: VecDeque<PageToken>,
    /// Whether no guess was wrong yet: a source that gives less than asked for is not asked for more in vain.
    guesses_well: bool,
}

impl Walk {
    /// A walk that has not begun.
    pub fn new(asker: Asker, values: Values) -> Self {
        Walk {
            ahead: Ahead::new(asker.clone()),
            guesses: VecDeque::new(),
            guesses_well: true,
            asker,
            values,
        }
    }

    /// What its requests are filled from.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The page that `token` asks for.
    pub async fn page(&mut self, token: &PageToken, traffic: &mut Traffic) -> Result<Page, Fault> {
        if !self
            .ahead
            .next_up()
            .is_some_and(|next| next.is_same_page(token))
        {
            self.guesses_well &= self.ahead.next_up().is_none();
            *traffic += &self.ahead.forget().await?;
            self.guess(token)?;
        }
        self.fill();
        let asked = self.ahead.next().await?;
        let asked = asked.ok_or_else(|| Fault::bug("no page is under way"))?;
        *traffic += &asked.traffic;
        self.fill();
        self.judge(token, asked, traffic).await
    }

    /// Waits for what is under way, now that the walk is over; answers what was sent for it.
    pub async fn end(&mut self) -> Result<Traffic, Fault> {
        self.guesses.clear();
        self.ahead.forget().await
    }

    fn guess(&mut self, token: &PageToken) -> Result<(), Fault> {
        let likely = self.asker.resource.paginate.likely(token, &self.values)?;
        let count = if self.guesses_well { GUESSED } else { 1 };
        self.guesses = likely.take(count).collect();
        Ok(())
    }

    fn fill(&mut self) {
        while self.ahead.has_room() {
            let Some(token) = self.guesses.pop_front() else {
                return;
            };
            self.ahead.begin(token.clone(), self.values.clone(), token);
        }
    }

    /// A guess knows nothing of the pages between, so what it found is looked at anew.
    async fn judge(
        &self,
        token: &PageToken,
        asked: Asked<PageToken>,
        traffic: &mut Traffic,
    ) -> Result<Page, Fault> {
        let was_known = asked.what == *token;
        match asked.page {
            page if was_known => page,
            Ok(Page::Fetched {
                answer,
                request,
                turn,
            }) => {
                let resource = &self.asker.resource;
                let session = &self.asker.session;
                let turn = session.turn(resource, &self.values, token, &answer, turn.outline)?;
                Ok(Page::Fetched {
                    answer,
                    request,
                    turn: Box::new(turn),
                })
            }
            Err(fault) if !matches!(fault.kind, Kind::Transient | Kind::RateLimited) => {
                let (sent, page) = self.asker.ask(&self.values, token).await;
                *traffic += &sent;
                page
            }
            page => page,
        }
    }
}
