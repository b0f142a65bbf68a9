use evkafka::Event;

#[derive(Event)]
#[event(key = order_ids)]
struct Misspelt {
    order_id: u64,
}

#[derive(Event)]
#[event(key = 1)]
struct Tuple(u64);

#[derive(Event)]
#[event(key = id)]
struct Unit;

#[derive(Event)]
#[event(key = "id")]
struct Quoted {
    id: u64,
}

#[derive(Event)]
#[event(key = self.id)]
struct WithSelf {
    id: u64,
}

#[derive(Event)]
#[event(key = id.to_string())]
struct Called {
    id: u64,
}

#[derive(Event)]
#[event(key = at)]
struct Float {
    at: f64,
}

struct Customer;

#[derive(Event)]
#[event(key = customer.id)]
struct Inner {
    customer: Customer,
}

fn main() {}
