use evkafka::{Call, Layer, Next, handle::Attempt, handler, router};

#[handler(event = "A")]
async fn a() {}

#[handler(event = "B")]
async fn b() {}

struct NoLayer;

/// Calls the handler again.
struct Again;

impl Layer for Again {
    async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt {
        if !next.run(call).await.is_success() {
            return next.run(call).await;
        }
        Attempt::done()
    }
}

/// Waits for what cannot go to another thread.
struct Stays;

impl Layer for Stays {
    async fn call(&self, call: Call<'_>, next: impl Next) -> Attempt {
        let stays = std::rc::Rc::new(1);
        let attempt = next.run(call).await;
        drop(stays);
        attempt
    }
}

fn main() {
    let _ = router![a].layer(NoLayer);
    let _ = router![a, b.layer(NoLayer)];
    let _ = router![a.layer(), b.layer(Again, Stays)];
    let _ = router![a.layer(Again).when(true), b.layer];
    let _ = router![a.layer(1 +)];
}
