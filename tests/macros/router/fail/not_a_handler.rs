use evkafka::router;

#[evkafka::handler(event = "A")]
async fn a() {}

async fn forgotten() {}

#[expect(non_camel_case_types)]
struct a_type;

mod orders {
    pub async fn forgotten_too() {}
}

fn main() {
    let _ = router![forgotten];
    let _ = router![a_type];
    let _ = router![nowhere];
    let _ = router![orders::forgotten_too];
    let router = router![a];
    let _ = router![router];
}
