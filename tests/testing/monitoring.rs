//! What is written about metrics, and made of them, is what there is.

use std::{collections::BTreeSet, env, fs};

use crate::support::{Calls, OrderCreated, billing, orders, policy};
use evkafka::testing::TestClient;

const DASHBOARD: &str = include_str!("../../docs/monitoring/grafana.json");
const ALERTS: &str = include_str!("../../docs/monitoring/alerts.yml");
const PAGE: &str = include_str!("../../docs/metrics.md");

/// The text of a service of which each kind of number is known.
async fn text() -> String {
    let app = billing(orders().failure_policy(policy()), &Calls::default());
    let metrics = app.metrics();
    let t = TestClient::new(app);
    t.send(&OrderCreated { id: 7, cents: 100 }).await.assert_handled();
    t.idle().await;
    metrics.prometheus()
}

/// Whether it is a metric that Kafka clients report, or a label of one: `embedded/statistics.rs` has them.
fn is_of_clients(name: &str) -> bool {
    let clients = ["evkafka_broker", "evkafka_group_", "evkafka_producer_queued", "evkafka_state"];
    clients.iter().any(|of| name.starts_with(of))
}

/// The names of metrics and labels in it.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("evkafka_") || word.starts_with("messaging_")).collect()
}

#[tokio::test(start_paused = true)]
async fn dashboard_and_alerts_use_no_name_that_the_text_does_not_have() {
    let text = text().await;
    let known = names(&text);
    for (what, used) in [("the dashboard", names(DASHBOARD)), ("the alerts", names(ALERTS))] {
        assert!(used.len() > 5, "{what}");
        let unknown: Vec<_> = used.difference(&known).filter(|name| !is_of_clients(name)).collect();
        assert!(unknown.is_empty(), "{what} uses {unknown:?}, which is not in the text:\n{text}");
    }
    serde_json::from_str::<serde_json::Value>(DASHBOARD).expect("the dashboard is JSON");
}

#[tokio::test(start_paused = true)]
async fn the_page_has_each_metric_and_no_other() {
    let text = text().await;
    let heads = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let there: BTreeSet<_> = heads.collect();
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.filter(|name| !is_of_clients(name)).collect::<BTreeSet<_>>(), there);
    // For `scripts/monitoring`.
    if let Some(path) = env::var_os("EVKAFKA_METRICS_TEXT") {
        fs::write(path, text).expect("the file can be written");
    }
}
