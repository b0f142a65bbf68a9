//! Headers of any bytes are read as they were written, from librdkafka's memory as from a record of our own.
//!
//! Input: for each header a byte with the length of the name, the name, a byte with the length of the value, the value. 255 is the
//! length of a value that is null.
#![no_main]

use std::cell::RefCell;

use evkafka::{Headers, record::OwnedRecord};
use evkafka_fuzz::message::{Header, Message};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static MESSAGE: RefCell<Message> = RefCell::default();
}

fuzz_target!(|data: &[u8]| {
    let headers = parse(data);
    let of_ours =
        headers.iter().cloned().fold(OwnedRecord::new("orders", 0, 0), |record, (name, value)| match value {
            Some(value) => record.header(name, value),
            None => record.null_header(name),
        });
    compare(of_ours.as_record().headers(), &headers);

    MESSAGE.with_borrow_mut(|message| message.with_headers(&headers, |read| compare(read, &headers)));
});

fn parse(mut data: &[u8]) -> Vec<Header> {
    let mut headers = Vec::new();
    while let Some(name) = take(&mut data) {
        let is_null = data.first() == Some(&255);
        let value = if is_null { data.split_off_first().and(None) } else { take(&mut data) };
        headers.push((name.to_vec(), value.map(<[u8]>::to_vec)));
    }
    headers
}

/// A byte with a length, and so many bytes or what there is of them.
fn take<'d>(data: &mut &'d [u8]) -> Option<&'d [u8]> {
    let length = usize::from(*data.split_off_first()?);
    data.split_off(..length.min(data.len()))
}

fn compare(read: Headers<'_>, written: &[Header]) {
    let all: Vec<_> = read.iter().collect();
    let expected: Vec<_> = written.iter().map(|(name, value)| (name.as_slice(), value.as_deref())).collect();
    assert_eq!(all, expected);
    let names = written.iter().filter_map(|(name, _)| str::from_utf8(name).ok());
    for name in names.chain(["Event-Type", ""]) {
        let last = written.iter().rev().find(|(other, _)| other == name.as_bytes());
        assert_eq!(read.get(name), last.and_then(|(_, value)| value.as_deref()), "{name:?}");
    }
    let shown = format!("{read:?}");
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
}
