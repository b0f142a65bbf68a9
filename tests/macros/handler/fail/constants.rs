use evkafka::{handler, router};
const E: &str = ""; const P: &str = " x"; const B: &str = "B"; const N: u8 = 7;
#[handler(event = E)] async fn a() {}
#[handler(event = [P, B, "A"])] async fn c() {}
#[handler(event = ["B", B])] async fn d() {}
#[handler(event = N)] async fn e() {}
#[handler(event = nowhere::X)] async fn f() {}
#[handler(event = B)] async fn g() {}
#[handler(event = ["A", B])] async fn h() {}
fn main() { let _ = router![g, h]; }
