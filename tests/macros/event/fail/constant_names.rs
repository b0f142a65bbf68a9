use evkafka::Event;

const EMPTY: &str = "";
const PADDED: &str = "Padded ";

#[derive(Event)]
#[event(name = EMPTY)]
struct Empty;

#[derive(Event)]
#[event(name = PADDED)]
struct Padded;

fn main() {}
