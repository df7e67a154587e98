//! A real PostgreSQL of a test's own, which ends with it, asked by its own client.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

/// The user that the server runs as where we are root, which it refuses to be.
const USER: &str = "postgres";

/// A running server.
pub struct Postgres {
    process: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Postgres {
    /// Starts a server on a free port of this machine.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let data = directory.path().join("data");
        if is_root() {
            done(Command::new("chown").arg(USER).arg(directory.path()));
        }
        let mut init = unprivileged("initdb");
        init.arg("-D").arg(&data);
        done(init.args([
            "-U",
            "postgres",
            "--auth=trust",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
        ]));
        // Only to learn a free port; the server takes it a moment later.
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let mut server = unprivileged("postgres");
        server.arg("-D").arg(&data).arg("-k").arg(directory.path());
        server.args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        server.args(["-c", "fsync=off", "-c", "lc_messages=C"]);
        let mut process = server
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("PostgreSQL starts");
        let mut log = BufReader::new(process.stderr.take().expect("piped"));
        let mut said = String::new();
        while !said.contains("ready to accept connections") {
            let read = log.read_line(&mut said).expect("it says that it is ready");
            assert!(read > 0, "PostgreSQL ended:\n{said}");
        }
        thread::spawn(move || log.read_to_end(&mut Vec::new()));
        Postgres {
            process,
            port,
            _directory: directory,
        }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// What `psql` answers to statements: a line a row, `|` between cells, `~` for null.
    pub fn sql(&self, statements: &str) -> String {
        let output = self.psql(statements);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statements}\n{error}");
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    /// The same, whatever comes of it.
    pub fn psql(&self, statements: &str) -> Output {
        let mut psql = Command::new(binary("psql"));
        psql.args([
            "-X",
            "-A",
            "-t",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-P",
            "null=~",
        ]);
        psql.args(["-c", statements, "-d", &self.url()]);
        psql.output().expect("psql runs")
    }

    /// A session that holds what `statements` take until it is killed.
    pub fn hold(&self, statements: &str) -> Child {
        let mut psql = Command::new(binary("psql"));
        psql.args(["-X", "-q", "-d", &self.url()]);
        psql.arg("-c")
            .arg(format!("BEGIN; {statements}; SELECT pg_sleep(600)"));
        psql.stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("psql runs")
    }

    /// Asks until the answer is `wanted`.
    pub fn until(&self, question: &str, wanted: &str) {
        for _ in 0..2000 {
            if self.sql(question) == wanted {
                return;
            }
        }
        panic!("{question} never answers {wanted}");
    }

    /// Everything that a run may leave behind: tables of its own, and notes of them.
    pub fn leftovers(&self) -> String {
        self.sql(
            "SELECT (SELECT count(*) FROM pg_class WHERE relname LIKE '\\_staged\\__%' AND relkind = 'r') \
             + (SELECT count(*) FROM _staged)",
        )
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGQUIT ends it at once, with its children.
        let id = self.process.id().to_string();
        let _ = Command::new("kill").args(["-QUIT", &id]).status();
        let _ = self.process.wait();
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("id runs");
    output.stdout.starts_with(b"0\n")
}

/// A program of PostgreSQL, wherever its own folder is.
fn binary(name: &str) -> PathBuf {
    let found = Command::new("which")
        .arg("postgres")
        .output()
        .expect("which runs");
    let found = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    assert!(
        !found.is_empty(),
        "PostgreSQL is not installed; `postgres` must be in the PATH"
    );
    let server = std::fs::canonicalize(&found).expect("a file");
    server.parent().unwrap_or(Path::new("/")).join(name)
}

fn unprivileged(name: &str) -> Command {
    if !is_root() {
        return Command::new(binary(name));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]);
    command.arg(binary(name));
    command
}

fn done(command: &mut Command) {
    let output = command.output().expect("it runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{error}");
}
