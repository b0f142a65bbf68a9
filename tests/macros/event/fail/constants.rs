use evkafka::Event;

const EMPTY: &str = "";
const PADDED: &str = "Padded ";
const NUMBER: u64 = 7;

#[derive(Event)]
#[event(name = NUMBER, topic = NUMBER, version = NUMBER)]
struct WrongType;

#[derive(Event)]
#[event(name = EMPTY)]
struct Empty;

#[derive(Event)]
#[event(name = PADDED)]
struct Padded;

fn main() {
    let _ = (Empty::NAME, Padded::NAME);
}
