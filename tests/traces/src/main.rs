//! A service whose traces go to the receiver at `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`: what `scripts/traces` looks at.
//!
//! It prints the address of its cluster, handles what is written to `orders`, and ends when its standard input does.

mod http_client;

use std::{error::Error, io};

use evkafka::{ConsumerConfig, Event, ProducerConfig, SendError, Sender, Traces, embedded::Cluster, handler};
use opentelemetry::{
    global,
    trace::{Tracer, TracerProvider},
};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::{Deserialize, Serialize};

use crate::http_client::HttpClient;

#[derive(Deserialize, Event)]
struct OrderCreated {
    id: u64,
}

#[derive(Serialize, Event)]
#[event(topic = "prices", key = id)]
struct OrderPriced {
    id: u64,
}

#[derive(Serialize, Event)]
#[event(topic = "audits", key = id)]
struct OrderAudited {
    id: u64,
}

#[handler]
async fn on_order_created(
    order: OrderCreated,
    audits: Sender<OrderAudited>,
) -> Result<OrderPriced, SendError> {
    global::tracer("pricing").in_span("look up the price", |_| {});
    audits.send(&OrderAudited { id: order.id }).await?;
    Ok(OrderPriced { id: order.id })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let exporter = SpanExporter::builder().with_http().with_http_client(HttpClient).build()?;
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    global::set_tracer_provider(provider.clone());
    // Spans of the service's own tracer are of the same provider.
    let _ = provider.tracer("pricing");

    let cluster = Cluster::start()?;
    for topic in ["orders", "prices", "audits"] {
        cluster.create_topic(topic, 1)?;
    }
    let servers = cluster.bootstrap_servers();
    let orders = ConsumerConfig::new(["orders"]).bootstrap_servers(servers).group_id("billing");
    let app = evkafka::app! {
        title: "billing",
        traces: Traces::new(),
        consumers: { orders: orders => [on_order_created] },
        producers: { out: ProducerConfig::new().bootstrap_servers(servers) },
    };
    println!("{servers}");
    let closed = tokio::task::spawn_blocking(|| io::read_to_string(io::stdin()));
    app.run_until(async {
        let _ = closed.await;
    })
    .await?;
    tokio::task::spawn_blocking(move || provider.shutdown()).await??;
    Ok(())
}
