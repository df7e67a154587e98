//! A Data Hub of our own: three datasets in pages, behind Hawk as its specification says, sharing no code with
//! the product.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::api::{Api, Request, Response};
use super::postgres::Postgres;
use super::world::{Ended, World};

/// The pair that the source and the run share.
const ID: &str = "dataflowapi";
const KEY: &str = "canary-hawk-key-5d1e";

/// The datasets by the last part of their paths.
pub const OMIS: &str = "omis-dataset";
pub const PROJECTS: &str = "investment-projects-dataset";
pub const CONTACTS: &str = "contacts-dataset";

/// What the source holds and how it misbehaves.
#[derive(Default)]
pub struct State {
    /// The pages of each dataset.
    pub pages: BTreeMap<&'static str, Vec<Vec<Value>>>,
    /// The dataset whose answers are signed with another key.
    pub forged: Option<&'static str>,
    /// The dataset whose first page names itself as the next.
    pub looping: Option<&'static str>,
    /// How often the next requests are answered by 500.
    pub broken: u32,
    nonces: BTreeSet<String>,
}

/// The source.
pub struct DataHub {
    api: Api,
    state: Arc<Mutex<State>>,
}

impl DataHub {
    /// Starts one with the fixtures' pages.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            pages: fixtures(),
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        let api =
            Api::start(move |request| answer(request, &mut shared.lock().expect("not poisoned")));
        DataHub { api, state }
    }

    /// Changes what it holds.
    pub fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().expect("not poisoned"));
    }

    /// How many requests came.
    pub fn requests(&self) -> usize {
        self.api.seen().len()
    }

    /// A run into this database.
    pub fn run(&self, world: &World, postgres: Option<&Postgres>, more: &[&str]) -> (Ended, Value) {
        let ended = super::world::end(self.command(world, postgres, more));
        let report = ended.json();
        (ended, report)
    }

    /// The command of such a run.
    pub fn command(
        &self,
        world: &World,
        postgres: Option<&Postgres>,
        more: &[&str],
    ) -> std::process::Command {
        let base_url = format!("base_url={}", self.api.base_url());
        let mut arguments = vec!["run", "datahub", "--format", "json", "--param", &base_url];
        arguments.extend(more);
        let mut command = world.rooted(&arguments);
        command.env("LAKEHEAD_SECRET_DATAHUB_HAWK_ID", ID);
        command.env("LAKEHEAD_SECRET_DATAHUB_HAWK_KEY", KEY);
        if let Some(postgres) = postgres {
            command.env("LAKEHEAD_SECRET_DATAHUB_POSTGRES_URL", postgres.url());
        }
        command
    }
}

fn answer(request: &Request, state: &mut State) -> Response {
    let Some(signed) = Signed::read(request) else {
        return refused("Authentication credentials were not provided.");
    };
    if !signed.is_right(request) || !state.nonces.insert(signed.nonce.clone()) {
        return refused("Incorrect authentication credentials.");
    }
    if state.broken > 0 {
        state.broken -= 1;
        return Response::status(500);
    }
    let dataset = request
        .path
        .strip_prefix("/v4/dataset/")
        .unwrap_or_default();
    let Some((name, pages)) = state.pages.iter().find(|(name, _)| **name == dataset) else {
        return Response::status(404);
    };
    let page: usize = request
        .parameter("cursor")
        .map_or(0, |at| at.parse().expect("ours"));
    let next = match state.looping == Some(*name) {
        true => Some(page),
        false => (page + 1 < pages.len()).then_some(page + 1),
    };
    let host = header(request, "host");
    let next = next.map(|at| format!("http://{host}{}?cursor={at}", request.path));
    let results = pages.get(page).cloned().unwrap_or_default();
    let body = json!({ "next": next, "previous": null, "results": results }).to_string();
    let key = if state.forged == Some(*name) {
        "another"
    } else {
        KEY
    };
    let line = signed.answer(request, &body, key);
    let headers = vec![
        "Content-Type: application/json; charset=utf-8".to_owned(),
        line,
    ];
    Response::Whole(200, headers, body.into_bytes())
}

fn refused(detail: &str) -> Response {
    let body = json!({ "detail": detail }).to_string();
    Response::Whole(
        401,
        vec!["WWW-Authenticate: Hawk".to_owned()],
        body.into_bytes(),
    )
}

fn header<'r>(request: &'r Request, name: &str) -> &'r str {
    let found = request.headers.iter().find(|(known, _)| known == name);
    found.map_or("", |(_, value)| value)
}

/// The attributes of a request's `Authorization: Hawk`.
struct Signed {
    attributes: BTreeMap<String, String>,
    nonce: String,
}

impl Signed {
    fn read(request: &Request) -> Option<Self> {
        let line = header(request, "authorization").strip_prefix("Hawk ")?;
        let attributes: BTreeMap<String, String> = line
            .split(", ")
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
            .collect();
        let nonce = attributes.get("nonce")?.clone();
        Some(Signed { attributes, nonce })
    }

    fn get(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    fn is_right(&self, request: &Request) -> bool {
        let content_type = header(request, "content-type");
        let hash = self.get("hash");
        let hashed = hash.is_empty() || hash == payload_hash(content_type, "");
        let text = self.normal("header", request, hash);
        hashed && self.get("id") == ID && self.get("mac") == mac(KEY, &text)
    }

    fn normal(&self, what: &str, request: &Request, hash: &str) -> String {
        let (host, port) = header(request, "host").rsplit_once(':').expect("a port");
        let query = match request.query.as_str() {
            "" => String::new(),
            query => format!("?{query}"),
        };
        format!(
            "hawk.1.{what}\n{}\n{}\n{}\n{}{query}\n{host}\n{port}\n{hash}\n\n",
            self.get("ts"),
            self.nonce,
            request.method,
            request.path
        )
    }

    fn answer(&self, request: &Request, body: &str, key: &str) -> String {
        let hash = payload_hash("application/json", body);
        let mac = mac(key, &self.normal("response", request, &hash));
        format!("Server-Authorization: Hawk mac=\"{mac}\", hash=\"{hash}\"")
    }
}

fn payload_hash(content_type: &str, body: &str) -> String {
    let text = format!("hawk.1.payload\n{content_type}\n{body}\n");
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}

/// HMAC with SHA-256, as RFC 2104 writes it, of a key shorter than a block.
fn mac(key: &str, text: &str) -> String {
    let block = |pad: u8| {
        let mut block = vec![pad; 64];
        for (byte, of_key) in block.iter_mut().zip(key.bytes()) {
            *byte ^= of_key;
        }
        block
    };
    let inner = Sha256::new()
        .chain_update(block(0x36))
        .chain_update(text)
        .finalize();
    let outer = Sha256::new()
        .chain_update(block(0x5c))
        .chain_update(inner)
        .finalize();
    STANDARD.encode(outer)
}

/// Two pages of two records and an empty one, with all that the original lost: false, zero, empty text.
fn fixtures() -> BTreeMap<&'static str, Vec<Vec<Value>>> {
    let omis = vec![
        vec![
            order("ABC123/19", "complete", 0),
            order("ABC124/19", "complete", 125_050),
        ],
        vec![
            order("ABC125/19", "cancelled", 7),
            order("ABC126/19", "draft", 1),
        ],
        Vec::new(),
    ];
    let projects = vec![
        vec![
            project("7f3c-1", "2019-07-31T23:30:00Z"),
            project("7f3c-2", "2019-08-01T00:00:00Z"),
        ],
        vec![
            project("7f3c-3", "2019-08-31T23:59:59.999999Z"),
            project("7f3c-3", "2019-08-31T23:59:59.999999Z"),
        ],
        Vec::new(),
    ];
    let contacts = vec![
        vec![contact("Jo O'Neil", false), contact("Ann \\ \t Tab", true)],
        vec![contact("Zoë 100% {x}", false), contact("Ünal", false)],
        Vec::new(),
    ];
    BTreeMap::from([(OMIS, omis), (PROJECTS, projects), (CONTACTS, contacts)])
}

/// An order with every field of 2019.
pub fn order(reference: &str, status: &str, subtotal_cost: i64) -> Value {
    json!({
        "reference": reference, "company__name": "Acme Ltd", "status": status, "contact__first_name": "Jo",
        "contact__last_name": "O'Neil", "contact__email": "jo@example.test", "contact__telephone_number": "+44 1",
        "invoice__subtotal_cost": 125_050, "subtotal_cost": subtotal_cost,
        "sector_name": "Aerospace : Maintenance", "primary_market__name": "France",
        "created_by__dit_team__name": "Team A", "uk_region__name": null,
        "created_on": "2019-06-03T09:00:00.123456Z",
        "cancelled_on": (status == "cancelled").then_some("2019-05-02T10:00:00Z"),
        "cancellation_reason__name": null,
        "completed_on": (status == "complete").then_some("2019-07-31T23:30:00Z"),
        "delivery_date": "2019-07-20", "paid_on": "2019-07-01T10:00:00Z", "company__address_1": "1 High St",
        "company__address_2": "", "company__address_town": "Leeds", "company__address_county": "",
        "company__address_country__name": "United Kingdom", "company__address_postcode": "LS1 1AA",
        "company__registered_address_1": "2 Low St", "company__registered_address_2": "",
        "company__registered_address_town": "York", "company__registered_address_county": "",
        "company__registered_address_country__name": "United Kingdom",
        "company__registered_address_postcode": "YO1 1AA", "services": "Market research, Validated contacts"
    })
}

/// A project with the fields that the Data Hub gives.
pub fn project(id: &str, created_on: &str) -> Value {
    json!({
        "id": id, "name": "Project X", "project_reference": "DHP-00000012", "stage__name": "Won",
        "status": "ongoing", "actual_land_date": "2019-09-01", "actual_uk_region_names": ["London", "Wales"],
        "allow_blank_possible_uk_regions": false, "anonymous_description": "",
        "competing_countries": [null], "created_on": created_on, "delivery_partner_names": null,
        "export_revenue": true, "foreign_equity_investment": 1_000_000.0, "government_assistance": false,
        "gva_multiplier__multiplier": "0.0621", "level_of_involvement_name": "",
        "modified_on": "2019-09-01T00:00:00Z", "number_new_jobs": 0, "r_and_d_budget": false,
        "strategic_driver_names": "Access to market", "total_investment": 2_000_000.5
    })
}

/// A contact.
pub fn contact(name: &str, accepts: bool) -> Value {
    json!({
        "accepts_dit_email_marketing": accepts, "address_country__name": null, "address_postcode": "",
        "company__company_number": "00012345", "company__name": "Acme Ltd",
        "company__uk_region__name": "London", "company_sector": "Retail",
        "created_on": "2019-01-01T23:30:00Z", "email": "a@example.test", "email_alternative": null,
        "job_title": "CEO", "name": name, "notes": "100% {{x}}\nline2", "telephone_alternative": "",
        "telephone_number": "+44 1"
    })
}
