use evkafka::Event;

#[derive(Event)]
#[event(name = "", topic = "", version = "2", crate = "evkafka")]
struct Empty;

#[derive(Event)]
#[event(name = " A", topic = "all orders", version = -1)]
struct Bad;

#[derive(Event)]
#[event(name = OrderPaid, topic = prices, version = 4294967296)]
struct Unquoted;

#[derive(Event)]
#[event(name = 7, topic = concat!("a", "b"))]
struct Expressions;

fn main() {}
