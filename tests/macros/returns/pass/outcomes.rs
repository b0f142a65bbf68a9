#![deny(warnings)]

use evkafka::{Outcome, handle::IntoOutcome, handler, router};

type Answer<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[handler(event = "A")]
async fn unit() {}

#[handler(event = "B")]
async fn explicit_unit() -> () {}

#[handler(event = "C")]
async fn alias() -> Answer {
    Ok(())
}

#[handler(event = "D")]
fn outcome() -> Answer<Outcome> {
    Ok(Outcome::Skip)
}

#[handler(event = "E")]
async fn text() -> Result<(), &'static str> {
    Err("no")
}

#[handler(event = "F")]
async fn opaque() -> impl IntoOutcome {}

#[handler(event = "G")]
async fn opaque_inside(name: &str) -> Result<impl IntoOutcome, impl std::error::Error + Send + Sync + use<>> {
    name.parse::<u8>().map(|_| Outcome::Done)
}

#[handler(event = "H")]
async fn never() -> ! {
    std::future::pending().await
}

#[handler(event = "I")]
fn plain_never() -> ! {
    panic!()
}

fn main() {
    let _ = router![unit, explicit_unit, alias, outcome, text, opaque, opaque_inside, never, plain_never];
}
