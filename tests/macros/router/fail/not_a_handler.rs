use evkafka::router;

#[evkafka::handler(event = "A")]
async fn a() {}

async fn forgotten() {}

#[expect(non_camel_case_types)]
struct a_type;

mod orders {
    pub async fn forgotten_too() {}

    pub static SHARED: u8 = 0;

    pub fn routes() -> evkafka::Router {
        evkafka::Router::new()
    }
}

const ROUTES: u8 = 0;

fn main() {
    let _ = router![forgotten];
    let _ = router![a_type];
    let _ = router![nowhere];
    let _ = router![orders::forgotten_too];
    let router = router![a];
    let _ = router![router];
    let payments = router![a];
    let _ = router![payments];
    let _ = router![ROUTES];
    let _ = router![orders::SHARED];
    let _ = router![orders::routes()];
    let _ = router![&payments];
    let _ = router![router![a].merge(payments)];
}
