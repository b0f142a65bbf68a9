use evkafka::router;

async fn forgotten() {}

#[expect(non_camel_case_types)]
struct a_type;

fn main() {
    let _ = router![forgotten];
    let _ = router![a_type];
    let _ = router![nowhere];
}
