// A new way in which an attempt may end is no break for layers: they have to expect one.
use evkafka::handle::Attempt;

fn main() {
    match Attempt::done() {
        Attempt::Returned(_) | Attempt::Sends(_) => {}
        Attempt::Failed(_) | Attempt::Panicked(_) | Attempt::TimedOut(_) => {}
        Attempt::Undecodable(_) | Attempt::UndecodableAmong(_) => {}
    }
}
