use evkafka::Event;

#[derive(Event)]
enum Order {
    Created,
    Paid,
}

#[derive(Event)]
union Bits {
    a: u32,
    b: f32,
}

#[derive(Event)]
struct Envelope<T> {
    inner: T,
}

#[derive(Event)]
struct Samples<'a, const N: usize>(&'a [u8; N]);

fn main() {}
