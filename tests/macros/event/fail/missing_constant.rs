use evkafka::Event;

#[derive(Event)]
#[event(name = ORDER_PAID, topic = topics::ORDERS)]
struct Missing;

fn main() {}
