#![deny(warnings)]

use evkafka::{Key, Metadata, State, handler, router};
use serde::Deserialize;

#[derive(Deserialize)]
struct Order {
    id: u64,
    #[serde(default)]
    _text: String,
}

#[derive(Deserialize)]
struct Seen<'a, 'b> {
    sku: &'a str,
    name: &'b str,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Either {
    Number(u8),
    Text(String),
}

#[handler(event = "A")]
async fn destructures(Order { id, .. }: Order, State((a, _)): State<(u8, u8)>, _: Metadata) {
    let _ = (id, a);
}

#[handler(event = "B")]
async fn names(context: Order, requirements: Metadata, State(argument_0): State<u8>, mut index: Key<'_>) {
    index = Key(index.0);
    let _ = (context.id, requirements, argument_0, index);
}

#[handler(event = "C")]
async fn lifetimes<'a, 'b: 'a>(seen: Seen<'a, 'b>, key: Key<'a>)
where
    'b: 'a,
{
    let _: (&'a str, &'a str, _) = (seen.sku, seen.name, key);
}

#[handler(event = "D")]
async fn higher_ranked(State(call): State<std::sync::Arc<dyn for<'x> Fn(&'x str) -> &'x str + Send + Sync>>) {
    let _ = call("");
}

#[handler(event = "E")]
async fn tuples((number, text): (u8, &str), either: Result<Either, evkafka::DecodeError>) {
    match either {
        Ok(Either::Number(_)) | Err(_) => assert_eq!(number, 1),
        Ok(Either::Text(other)) => drop(other + text),
    }
}

#[handler(event = "F")]
async fn context(_: [u8; 1 + 1]) {}

#[handler(event = "G")]
async fn nothing() {}

fn main() {
    let _ = router![destructures, names, lifetimes, higher_ranked, tuples, context, nothing];
}
