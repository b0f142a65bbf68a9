//! What is answered to a request. Nothing is read of it but its method, path and two headers.

use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Bytes,
    header::{self, HeaderName, HeaderValue},
};

use super::Access;
use crate::{
    control::Control,
    health::{Health, HealthReport},
    metrics::{Metrics, OPEN_METRICS_CONTENT_TYPE, PROMETHEUS_CONTENT_TYPE},
};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const PATHS: &str = "/livez\n/readyz\n/startupz\n/status\n/metrics\n";

/// What answers are made of.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) health: Health,
    pub(crate) control: Control,
    pub(crate) metrics: Metrics,
}

/// How much whoever asks may know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Knows {
    All,
    /// Whether the app is healthy, and not why.
    Verdicts,
}

impl Sources {
    pub(super) fn answer<B>(&self, access: &Access, request: &Request<B>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are allowed\n");
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        let headers = request.headers();
        let knows = access.of(headers);
        match (request.uri().path(), knows) {
            ("/livez", knows) => probe(&self.health.live(), headers, knows),
            ("/readyz", knows) => probe(&self.health.ready(), headers, knows),
            ("/startupz", knows) => probe(&self.health.started(), headers, knows),
            (_, Knows::Verdicts) => {
                let mut answer =
                    plain(StatusCode::UNAUTHORIZED, "a token is needed: `Authorization: Bearer …`\n");
                answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                answer
            }
            ("/metrics", Knows::All) => self.metrics(headers),
            ("/status", Knows::All) => self.status(),
            ("/", Knows::All) => plain(StatusCode::OK, PATHS),
            (_, Knows::All) => plain(StatusCode::NOT_FOUND, format!("not found; the paths are\n{PATHS}")),
        }
    }

    fn metrics(&self, headers: &HeaderMap) -> Response<Full<Bytes>> {
        match accepts(headers, "application/openmetrics-text") {
            true => respond(StatusCode::OK, OPEN_METRICS_CONTENT_TYPE, self.metrics.open_metrics()),
            false => respond(StatusCode::OK, PROMETHEUS_CONTENT_TYPE, self.metrics.prometheus()),
        }
    }

    fn status(&self) -> Response<Full<Bytes>> {
        match self.control.status() {
            Ok(status) => json(StatusCode::OK, &status),
            Err(error) => {
                json(StatusCode::SERVICE_UNAVAILABLE, &serde_json::json!({ "error": error.to_string() }))
            }
        }
    }
}

impl Access {
    fn of(&self, headers: &HeaderMap) -> Knows {
        let Self::Token(token) = self else { return Knows::All };
        let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        let given = given.and_then(|given| given.split_at_checked(b"Bearer ".len()));
        match given {
            Some((scheme, given))
                if scheme.eq_ignore_ascii_case(b"Bearer ") && is_same(given, token.as_bytes()) =>
            {
                Knows::All
            }
            _ => Knows::Verdicts,
        }
    }
}

/// In a time that does not depend on where they differ.
fn is_same(given: &[u8], token: &[u8]) -> bool {
    given.len() == token.len() && given.iter().zip(token).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

fn probe(report: &HealthReport, headers: &HeaderMap, knows: Knows) -> Response<Full<Bytes>> {
    let status = if report.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    match knows {
        Knows::Verdicts => plain(status, if report.is_ok() { "ok\n" } else { "failed\n" }),
        Knows::All if accepts(headers, JSON) => json(status, report),
        Knows::All => plain(status, format!("{report}\n")),
    }
}

/// Whether this media type is among those that are asked for. One that is asked for as `*/*` is not.
fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let accepted = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_it = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(media_type));
        is_it && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    respond(status, TEXT, text)
}

fn json(status: StatusCode, value: &impl serde::Serialize) -> Response<Full<Bytes>> {
    match serde_json::to_vec(value) {
        Ok(json) => respond(status, JSON, json),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn respond(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
#[path = "answer/tests.rs"]
mod tests;
