//! A Matrix Booking of the tests' own: login by cookie, bookings by day and page, one tree of locations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use super::api::{Api, Request, Response};
use super::world::{CANARY, USER};

/// What this source is made of; tests change it while it runs.
#[derive(Default)]
pub struct Truth {
    /// The bookings of each day, cancelled ones among them.
    pub bookings: HashMap<String, Vec<Value>>,
    /// The roots of the tree.
    pub tree: Value,
    /// The most bookings that it gives at a time, whatever it is asked for.
    pub cap: Option<usize>,
    /// Bookings that both calls give: they are cancelled between the two.
    pub cancelled_meanwhile: Vec<String>,
    /// After how many more answers the session ends.
    pub expires_after: Option<usize>,
    /// What it says instead of bookings, with status 200.
    pub error: Option<Value>,
    /// How often somebody has logged in.
    pub logins: usize,
    is_over: bool,
}

/// The source, and what it is made of.
pub struct Matrix {
    /// The server.
    pub api: Api,
    truth: Arc<Mutex<Truth>>,
}

impl Matrix {
    /// A source with these bookings and this tree.
    pub fn start(bookings: &[(&str, Vec<Value>)], tree: Value) -> Self {
        let days = bookings.iter();
        let truth = Truth {
            bookings: days
                .map(|(day, all)| ((*day).to_owned(), all.clone()))
                .collect(),
            tree,
            ..Truth::default()
        };
        let truth = Arc::new(Mutex::new(truth));
        let shared = Arc::clone(&truth);
        let api = Api::start(move |request| {
            let mut truth = shared.lock().expect("not poisoned");
            truth.answer(request)
        });
        Matrix { api, truth }
    }

    /// Its address.
    pub fn base_url(&self) -> String {
        format!("{}/api/v1", self.api.base_url())
    }

    /// What it is made of.
    pub fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().expect("not poisoned")
    }

    /// The queries that were asked of one path.
    pub fn asked(&self, path: &str) -> Vec<String> {
        let path = format!("/api/v1{path}");
        let seen = self.api.seen().into_iter();
        let of_path = seen.filter(|request| request.path == path);
        of_path.map(|request| request.query).collect()
    }
}

impl Truth {
    fn answer(&mut self, request: &Request) -> Response {
        if request.path == "/api/v1/user/login" {
            return self.login(request);
        }
        if self.is_over_now() || !self.knows(request) {
            return Response::status(401);
        }
        match request.path.as_str() {
            "/api/v1/booking" => self.bookings(request),
            "/api/v1/org/43/locations" => Response::json(self.tree.to_string()),
            _ => Response::status(404),
        }
    }

    fn login(&mut self, request: &Request) -> Response {
        let wanted = json!({"username": USER, "password": CANARY});
        let given: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let is_json = request
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/json"));
        if request.method != "POST" || !is_json || given != wanted {
            return Response::status(403);
        }
        self.logins += 1;
        self.is_over = false;
        let cookies = vec![
            format!("Set-Cookie: {}; Path=/; HttpOnly", self.session()),
            "Set-Cookie: balancer=b2; Path=/api".to_owned(),
        ];
        Response::Whole(200, cookies, br#"{"personId": 7}"#.to_vec())
    }

    /// The cookie of the present session; it holds what the canary looks for.
    fn session(&self) -> String {
        format!("MXSESSION=3f9a1c77-{}", self.logins)
    }

    fn knows(&self, request: &Request) -> bool {
        let given: Vec<&str> = request
            .header("cookie")
            .unwrap_or_default()
            .split("; ")
            .collect();
        self.logins > 0
            && given.contains(&self.session().as_str())
            && given.contains(&"balancer=b2")
    }

    fn is_over_now(&mut self) -> bool {
        match self.expires_after {
            Some(0) => {
                self.expires_after = None;
                self.is_over = true;
            }
            Some(left) => self.expires_after = Some(left - 1),
            None => {}
        }
        self.is_over
    }

    fn bookings(&self, request: &Request) -> Response {
        let given = |name: &str| request.parameter(name).unwrap_or_default();
        let number = |name: &str| given(name).parse::<usize>();
        let (Ok(page), Ok(size)) = (number("pageNum"), number("pageSize")) else {
            return Response::status(400);
        };
        if given("t") != "eod" || given("include") != "audit" {
            return Response::status(400);
        }
        if let Some(error) = &self.error {
            return Response::json(error.to_string());
        }
        let size = self.cap.map_or(size, |cap| cap.min(size));
        let all = self.bookings.get(given("f")).cloned().unwrap_or_default();
        let fits = |booking: &Value| self.is_given(booking, request.parameter("status"));
        let rows: Vec<Value> = all.into_iter().filter(fits).collect();
        let rows: Vec<&Value> = rows.iter().skip(page * size).take(size).collect();
        Response::json(json!(rows).to_string())
    }

    /// Without a status all are given but the cancelled ones.
    fn is_given(&self, booking: &Value, status: Option<&str>) -> bool {
        let meanwhile = self
            .cancelled_meanwhile
            .contains(&booking["id"].to_string());
        let cancelled = booking["status"] == "CANCELLED";
        match status {
            None => !cancelled || meanwhile,
            Some("CANCELLED") => cancelled || meanwhile,
            Some(_) => false,
        }
    }
}

/// A booking of a room from nine to ten.
pub fn booking(id: u64, day: &str, location: u64, status: &str) -> Value {
    json!({
        "id": id, "timeFrom": format!("{day}T09:00:00.000"), "timeTo": format!("{day}T10:00"),
        "locationId": location, "locationKind": "ROOM", "status": status, "version": 1,
        "notes": "private", "owner": {"id": 71, "name": "Ada Private", "email": "ada@private.test"},
        "attendees": [{"id": 71, "name": "Ada Private", "email": "ada@private.test"}],
        "audit": {"created": {"created": "2024-03-01T08:00:00", "when": "2024-03-01T08:00:00",
            "eventType": "CREATED", "statement": "private", "eventUser": {"id": 71, "name": "Ada Private"}}},
    })
}

/// The same, cancelled.
pub fn cancelled(id: u64, day: &str, location: u64) -> Value {
    let mut booking = booking(id, day, location, "CANCELLED");
    booking["statusReason"] = json!("CANCELLED_BY_OWNER");
    booking["audit"]["cancelled"] = json!({"created": "2024-03-02T08:00:00.5", "when": "2024-03-02T08:00:00.5",
        "eventType": "CANCELLED", "eventUser": {"id": 72}});
    booking
}
