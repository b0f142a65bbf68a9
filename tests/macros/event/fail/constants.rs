use evkafka::Event;

const NUMBER: u64 = 7;

#[derive(Event)]
#[event(name = NUMBER, topic = NUMBER, version = NUMBER)]
struct WrongType;

fn main() {}
