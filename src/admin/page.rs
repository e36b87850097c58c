//! The page of the running proxy, and the JSON it is made of (`page/openapi.json` describes it).
//!
//! The page itself holds nothing; what it shows is asked for with the token, where there is one.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Json, Query, State as Of};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Doors, plain};
use super::{Inside, METRICS, Question, State};

const PAGE: &str = include_str!("page/page.html");
/// How ladders look and are drawn is shared with the report of a capture.
const STYLE: &str = concat!(include_str!("page/ladder.css"), include_str!("page/page.css"));
const SCRIPT: &str = concat!(include_str!("page/ladder.js"), include_str!("page/page.js"));
const OPENAPI: &str = include_str!("page/openapi.json");

/// Paths that hold nothing of anybody.
pub fn open<I: Inside>() -> Router<Arc<Doors<I>>> {
    let page = |kind: &'static str, text: &'static str| get(async move || ([(CONTENT_TYPE, kind)], text));
    Router::new()
        .route("/", page("text/html; charset=utf-8", PAGE))
        .route("/page.css", page("text/css; charset=utf-8", STYLE))
        .route("/page.js", page("text/javascript; charset=utf-8", SCRIPT))
        .route("/openapi.json", page("application/json", OPENAPI))
}

pub fn closed<I: Inside>() -> Router<Arc<Doors<I>>> {
    Router::new()
        .route("/api/state", get(state::<I>))
        .route("/api/messages", get(messages::<I>))
        .route("/api/explain", post(explain::<I>))
}

/// How things stand: what is counted, and the policy in force.
async fn state<I: Inside>(Of(doors): Of<Arc<Doors<I>>>) -> Response {
    let counts = doors.inside.counts().await;
    let moved = counts.rows().into_iter().filter(|row| row.value > 0);
    let counted: Vec<Value> = moved
        .map(|row| {
            let labels = row.labels.iter().filter(|(key, _)| !key.is_empty());
            let labels: serde_json::Map<String, Value> = labels
                .map(|(key, value)| ((*key).to_owned(), (*value).into()))
                .collect();
            json!({"name": row.name, "labels": labels, "value": row.amount()})
        })
        .collect();
    let now = counts.now.gauges().map(|(name, value)| (name, value as f64));
    let told = doors.inside.shell().into_iter().chain(now);
    let told: serde_json::Map<String, Value> = told.map(|(name, value)| (name.to_owned(), value.into())).collect();
    let policy = doors.inside.policy().map(|(policy, at)| {
        let mut told = doors.shown.policy(&policy);
        told["since"] = unix(at).into();
        told
    });
    let helps = METRICS
        .iter()
        .map(|metric| (metric.name.to_owned(), metric.help.into()));
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "state": match doors.inside.state() {
            State::Ready => "ready",
            State::Draining => "draining",
            State::Ended => "ended",
        },
        "now": told,
        "counted": counted,
        "explained": helps.collect::<serde_json::Map<String, Value>>(),
        "policy": policy,
    }))
    .into_response()
}

#[derive(Deserialize)]
struct From {
    #[serde(default)]
    from: u64,
}

async fn messages<I: Inside>(Of(doors): Of<Arc<Doors<I>>>, Query(asked): Query<From>) -> Response {
    Json(doors.shown.messages(asked.from)).into_response()
}

/// Of what was asked nothing is kept.
async fn explain<I: Inside>(Of(doors): Of<Arc<Doors<I>>>, asked: Result<Json<Question>, JsonRejection>) -> Response {
    let question = match asked {
        Ok(Json(question)) => question,
        Err(refused) => {
            let error = "ask with a JSON object of `message`, `from` and `to`, all of them texts";
            return (refused.status(), Json(json!({"error": error}))).into_response();
        }
    };
    let Some((policy, _)) = doors.inside.policy() else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "no worker is left\n");
    };
    match doors.shown.explain(&policy, &question) {
        Ok(explained) => Json(explained).into_response(),
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"error": error}))).into_response(),
    }
}

fn unix(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
