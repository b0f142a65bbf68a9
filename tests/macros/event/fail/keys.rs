use evkafka::Event;

#[derive(Event)]
#[event(nmae = "A", name = "B", nothing)]
struct Unknown;

#[derive(Event)]
#[event(name = "A", name = "B")]
#[event(key = id, key = id)]
struct Twice {
    id: u64,
}

#[derive(Event)]
#[event]
#[event = "A"]
#[event("A")]
#[event(name)]
#[event(name "A")]
#[event(name = "A" topic = "b")]
struct Form;

#[derive(Event)]
struct Field {
    #[event(key)]
    id: u64,
}

fn main() {
    let _ = (Unknown::NAME, Twice::NAME, Form::NAME, Field::NAME);
}
