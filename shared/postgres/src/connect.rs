//! The way to a database: the address as a secret holds it, encrypted unless it leads nowhere else.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use pipeline::fault::{Fault, Kind};
use pipeline::secret::Secret;
use rustls::ClientConfig;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use rustls_platform_verifier::{BuilderVerifierExt, Verifier};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::database::fault;

/// How long a connection may take to come about.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a database is, and how it is spoken to.
#[derive(Clone)]
pub struct Address {
    config: Config,
}

impl Address {
    /// Reads `postgresql://user:password@host:5432/database?sslmode=…`; nothing of it is ever shown.
    pub fn read(url: &Secret) -> Result<Self, Fault> {
        let refused = || {
            Fault::bad_definition(
                "the address of PostgreSQL is not readable; write `postgresql://user:password@host:5432/database`",
            )
        };
        let (text, said) = without_mode(url.expose());
        let mut config = Config::from_str(&text).map_err(|_| refused())?;
        if config.get_hosts().is_empty() || config.get_user().is_none() {
            return Err(refused());
        }
        let is_here = config.get_hosts().iter().all(is_here);
        config.ssl_mode(match said.as_deref() {
            // A certificate is checked in any case, so the three are one.
            Some("require" | "verify-ca" | "verify-full") => SslMode::Require,
            Some("disable") => SslMode::Disable,
            Some("prefer") => SslMode::Prefer,
            None if is_here => SslMode::Disable,
            None => SslMode::Require,
            Some(_) => {
                return Err(Fault::bad_definition(
                    "the address of PostgreSQL has an `sslmode` that is not known; one of: verify-full, require, prefer, disable",
                ));
            }
        });
        config
            .connect_timeout(PATIENCE)
            .application_name("lakehead");
        Ok(Address { config })
    }

    /// Opens a connection; it ends when the client is dropped. `ca_file` holds certificates that are trusted
    /// beside those of the machine.
    pub(crate) async fn connect(&self, ca_file: Option<&Path>) -> Result<Client, Fault> {
        if self.config.get_ssl_mode() == SslMode::Disable {
            let connected = self.config.connect(NoTls).await;
            let (client, connection) = connected.map_err(|error| no_way(&error))?;
            tokio::spawn(async move { drop(connection.await) });
            return Ok(client);
        }
        let encryption = MakeRustlsConnect::new(encryption(ca_file)?);
        let connected = self.config.connect(encryption).await;
        let (client, connection) = connected.map_err(|error| no_way(&error))?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    }
}

/// Why there is no connection.
fn no_way(error: &tokio_postgres::Error) -> Fault {
    let mut fault = fault(error);
    if fault.kind == Kind::Transient {
        fault.message += "; see that the server runs to which the secret with the address leads";
    }
    fault
}

/// The address without `sslmode`, and what that says.
fn without_mode(url: &str) -> (String, Option<String>) {
    let Some((front, query)) = url.split_once('?') else {
        return (url.to_owned(), None);
    };
    let mut said = None;
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", mode)) => said = Some(mode.to_owned()),
            _ => kept.push(pair),
        }
    }
    match kept.is_empty() {
        true => (front.to_owned(), said),
        false => (format!("{front}?{}", kept.join("&")), said),
    }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let address = name.trim_start_matches('[').trim_end_matches(']').parse();
            name == "localhost" || address.is_ok_and(|a: std::net::IpAddr| a.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn encryption(ca_file: Option<&Path>) -> Result<ClientConfig, Fault> {
    let failed = |error: &dyn std::fmt::Display| {
        Fault::bad_definition(format!("no encrypted connection is possible here: {error}"))
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?;
    let Some(path) = ca_file else {
        let builder = builder
            .with_platform_verifier()
            .map_err(|error| failed(&error))?;
        return Ok(builder.with_no_client_auth());
    };
    let certificates: Result<Vec<CertificateDer<'static>>, _> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates = certificates.map_err(|error| failed(&error))?;
    let verifier =
        Verifier::new_with_extra_roots(certificates, provider).map_err(|error| failed(&error))?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_machine_is_encrypted_unless_the_address_says_otherwise() {
        for (url, mode) in [
            ("postgresql://u:p@db.example:5432/d", SslMode::Require),
            (
                "postgres://u@db.example/d?sslmode=verify-full",
                SslMode::Require,
            ),
            (
                "postgres://u@db.example/d?sslmode=disable",
                SslMode::Disable,
            ),
            (
                "postgres://u@db.example/d?sslmode=prefer&application_name=x",
                SslMode::Prefer,
            ),
            ("postgres://u@127.0.0.1:1/d", SslMode::Disable),
            ("postgres://u@localhost/d", SslMode::Disable),
            ("postgres://u@127.0.0.1/d?sslmode=require", SslMode::Require),
        ] {
            let address = Address::read(&Secret::new(url.to_owned())).expect(url);
            assert_eq!(address.config.get_ssl_mode(), mode, "{url}");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_with_a_remedy() {
        // A port that was free a moment ago: nobody listens.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!(
            "postgres://u:hunter2@{}/d",
            free.local_addr().expect("an address")
        );
        drop(free);
        let address = Address::read(&Secret::new(url)).expect("an address");
        let fault = address.connect(None).await.map(|_| ()).expect_err("nobody");
        assert_eq!(fault.kind, Kind::Transient);
        assert!(
            fault.message.contains("see that the server runs"),
            "{fault}"
        );
        assert!(!fault.message.contains("hunter2"), "{fault}");
    }

    #[test]
    fn an_address_that_is_none_is_refused_without_showing_it() {
        for url in [
            "hunter2",
            "mysql://u:hunter2@h/d",
            "postgres://hunter2:x@h/d?sslmode=maybe",
        ] {
            let fault = Address::read(&Secret::new(url.to_owned()))
                .map(|_| ())
                .expect_err(url);
            assert!(!fault.message.contains("hunter2"), "{fault}");
        }
    }
}
