//! Items of the user's that are called like what the expansions use.
#![allow(dead_code, non_camel_case_types, non_snake_case, unused_macros)]

mod std {}
mod core {}
mod evkafka {}
struct Context;
struct Result;
struct String;
struct Option;
struct Handler;
struct HandlerSpec;
struct Attempt;
struct Router;
struct Requirements;
struct Routes;
struct usize;
struct str;
struct __Names;
trait Send {}
trait Sync {}
trait Clone {}
trait Copy {}
trait Debug {}
trait Future {}
trait FnMut {}
trait IntoOutcome {
    fn into_attempt(self) -> u8;
}
impl<T> IntoOutcome for T {
    fn into_attempt(self) -> u8 {
        7
    }
}
trait Extract {
    fn extract(self, _: u8) -> u8;
    fn requires(self, _: u8) -> u8;
}
impl<T> Extract for T {
    fn extract(self, _: u8) -> u8 {
        7
    }
    fn requires(self, _: u8) -> u8 {
        7
    }
}
#[allow(non_upper_case_globals)]
const context: u8 = 1;
#[allow(non_upper_case_globals)]
const requirements: u8 = 1;
#[allow(non_upper_case_globals)]
const value: u8 = 1;
#[allow(non_upper_case_globals)]
const index: u8 = 1;
#[allow(non_upper_case_globals)]
const argument_0: u8 = 1;
fn Ok() {}
fn Err() {}
fn Some() {}
fn drop() {}
macro_rules! concat {
    ($($t:tt)*) => {
        compile_error!("mine")
    };
}
macro_rules! module_path {
    ($($t:tt)*) => {
        compile_error!("mine")
    };
}
macro_rules! unreachable {
    ($($t:tt)*) => {
        compile_error!("mine")
    };
}
macro_rules! panic {
    ($($t:tt)*) => {
        compile_error!("mine")
    };
}

#[::evkafka::handler(event = "A")]
async fn call(_: u8, _: ::evkafka::Metadata) {}

#[::evkafka::handler(event = "B")]
fn requires(_: u8) -> ::core::result::Result<(), ::std::string::String> {
    ::core::result::Result::Ok(())
}

#[::evkafka::handler(event = "C")]
async fn visit(_: u8) {}

#[::evkafka::handler(event = "D")]
async fn f() {}

trait Event {
    fn key(&self) {}
}
impl<T> Event for T {}
trait IntoEvents {
    fn encode(self);
}
struct EventKey;
struct EventSpec;
struct Outbox;
struct u32;
#[allow(non_upper_case_globals)]
const key: u8 = 1;
#[allow(non_upper_case_globals)]
const outbox: u8 = 1;
macro_rules! assert {
    ($($t:tt)*) => {
        compile_error!("mine")
    };
}

#[derive(::evkafka::Event)]
#[event(version = 1, topic = "t", key = outbox)]
struct Priced {
    outbox: ::core::primitive::u64,
}

fn main() {
    let title = "billing";
    let _ = ::evkafka::router![call, requires, visit, f];
    let _ = move || {
        let state_0 = 8_u8;
        ::evkafka::app! {
            state: 7_u16,
            state: state_0,
            title: title,
            consumers: { orders: config() => [call, requires, visit, f] },
        }
    };
}

fn config<T>() -> T {
    loop {}
}
