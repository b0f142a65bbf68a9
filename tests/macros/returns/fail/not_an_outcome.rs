use evkafka::handler;

#[handler(event = "A")]
async fn number() -> u64 {
    7
}

#[handler(event = "B")]
fn blocking() -> Option<()> {
    None
}

#[handler(event = "C")]
async fn inner() -> Result<u64, std::io::Error> {
    Ok(7)
}

struct NoError;

#[handler(event = "D")]
async fn error() -> Result<(), NoError> {
    Err(NoError)
}

#[handler(event = "E")]
async fn opaque() -> impl Sized {}

fn main() {
    let _ = evkafka::router![number, blocking, inner, error, opaque];
}
