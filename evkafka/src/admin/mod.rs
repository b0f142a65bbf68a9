//! An HTTP endpoint for metrics, probes and status, and a file for exec probes (feature `admin`).
//!
//! ```no_run
//! use evkafka::{Admin, App, ConsumerConfig, handler, router};
//!
//! #[handler(event = "OrderCreated")]
//! async fn on_order_created() {}
//!
//! # #[tokio::main]
//! # async fn main() -> evkafka::Result<()> {
//! let orders = ConsumerConfig::new(["orders"]).bootstrap_servers("localhost:9092").group_id("billing");
//! App::new("billing")
//!     .consumer("orders", orders, router![on_order_created])
//!     .admin(Admin::on("127.0.0.1:9000"))
//!     .run()
//!     .await
//! # }
//! ```
//!
//! | path | answer |
//! |---|---|
//! | `/metrics` | the [numbers](crate::metrics), as OpenMetrics or Prometheus' text, whichever the `Accept` header asks for |
//! | `/livez` | 200 if the app is [live](crate::Health::live), else 503 and why not |
//! | `/readyz` | the same for [ready](crate::Health::ready) |
//! | `/startupz` | the same for [started](crate::Health::started) |
//! | `/status` | [`Status`](crate::control::Status) as JSON: what is consumed, by which member, where, how far, and the last failures |
//!
//! The probes answer in JSON (a [`HealthReport`](crate::health::HealthReport)) if `Accept` asks for `application/json`.
//!
//! It runs on a thread and a runtime of its own, so a handler that blocks the app's runtime does not keep it from saying so. It is there from
//! the start of [`run`](crate::App::run), before a cluster is connected to, until that returns, also while the app drains.
//!
//! # Who may ask
//! - On a loopback address, everybody on the machine.
//! - On another address, whoever has the [token](Admin::token): `Authorization: Bearer …`. The three probes answer `ok` or `failed` without it, and
//!   no more. An app that listens on such an address without a token is refused, unless it says [so](Admin::without_token).
//!
//! There is no TLS. A connection is closed after one answer, or ten seconds; of more than 64, the oldest is closed.

mod address;
mod answer;
mod liveness_file;
mod server;

use std::{
    fmt,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

pub(crate) use self::{answer::Sources, server::AdminServer};

/// How an app is seen from outside: see [the module](self).
#[derive(Clone)]
#[must_use = "an endpoint is there once the app has it: `App::admin`"]
pub struct Admin {
    address: Option<String>,
    access: Access,
    liveness_file: Option<PathBuf>,
    bound: AdminAddress,
}

/// Who may ask.
#[derive(Clone, PartialEq, Eq)]
enum Access {
    /// Whoever is on the same machine.
    Local,
    Token(String),
    Everybody,
}

impl Admin {
    /// An endpoint on this address and port: `127.0.0.1:9000`, `[::1]:9000` or `localhost:9000`. On port 0, the operating system chooses
    /// one, which [`address`](Self::address) tells.
    pub fn on(address: impl Into<String>) -> Self {
        Self { address: Some(address.into()), ..Self::nowhere() }
    }

    /// No endpoint, and a [file](Self::liveness_file) for exec probes.
    pub fn file_only(path: impl Into<PathBuf>) -> Self {
        Self::nowhere().liveness_file(path)
    }

    fn nowhere() -> Self {
        Self { address: None, access: Access::Local, liveness_file: None, bound: AdminAddress::default() }
    }

    /// Sets the token that is asked for: visible ASCII characters, at least 16. It is in no log and no error.
    pub fn token(self, token: impl Into<String>) -> Self {
        Self { access: Access::Token(token.into()), ..self }
    }

    /// Answers everyone who can reach the address, without a token: for networks that keep others out.
    pub fn without_token(self) -> Self {
        Self { access: Access::Everybody, ..self }
    }

    /// Has this file written each second while the app is [live](crate::Health::live), and removed when it is not, or has ended. Only its age
    /// says something: a process that was killed leaves it behind. A probe, where there is a shell:
    ///
    /// ```sh
    /// find /tmp/billing.live -mmin -1 | grep -q .
    /// ```
    pub fn liveness_file(self, path: impl Into<PathBuf>) -> Self {
        Self { liveness_file: Some(path.into()), ..self }
    }

    /// Tells the address that is listened on, once it is.
    pub fn address(&self) -> AdminAddress {
        self.bound.clone()
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match &self.access {
            Access::Local => "local",
            Access::Token(_) => "token",
            Access::Everybody => "everybody",
        };
        f.debug_struct("Admin")
            .field("address", &self.address)
            .field("access", &access)
            .field("liveness_file", &self.liveness_file)
            .finish()
    }
}

/// The address of an endpoint.
#[derive(Clone, Debug, Default)]
pub struct AdminAddress(Arc<OnceLock<SocketAddr>>);

impl AdminAddress {
    /// The address and port that the endpoint listens on; `None` before the app runs.
    pub fn get(&self) -> Option<SocketAddr> {
        self.0.get().copied()
    }
}
