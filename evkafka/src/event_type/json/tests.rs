use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn field(json: &str, name: &str) -> Option<String> {
    let found = text(json.as_bytes(), name).map(|text| String::from_utf8_lossy(&text).into_owned());
    // The shortcut says the same, or nothing.
    if let Some(first) = FirstField::new(name).text(json.as_bytes()) {
        assert_eq!(Some(String::from_utf8_lossy(first)), found.as_deref().map(Into::into), "{json}");
    }
    found
}

#[test]
fn the_value_of_a_field_is_found_wherever_it_is() {
    for json in [
        r#"{"type":"A"}"#,
        r#"{"type": "A", "id": 7}"#,
        r#" { "type" : "A" , "id" : 7 } "#,
        "{\n\t\"id\": 7,\r\n\t\"type\": \"A\"\n}",
        r#"{"a":{"type":"B","b":["}","\"",{}]},"c":"type","d":[[],{}],"e":-1.5e+7,"f":null,"type":"A"}"#,
        r#"{"a\"type\":\"B":"\\","type":"A"}"#,
        r#"{"\u0074ype":"\u0041"}"#,
        r#"{"type":"A","type":"B"}"#,
        // What is behind it is not looked at.
        r#"{"type":"A" and no JSON any more"#,
    ] {
        assert_eq!(field(json, "type").as_deref(), Some("A"), "{json}");
    }
}

#[test]
fn what_is_no_string_at_the_top_of_an_object_is_not_found() {
    for json in [
        "",
        "{",
        "{}",
        "[]",
        "null",
        r#""type""#,
        r#"["type","A"]"#,
        r#"[{"type":"A"}]"#,
        r#"{"type"}"#,
        r#"{"type":}"#,
        r#"{"type":"A"#,
        r#"{"type":"A\"#,
        r#"{"type":"\ud800"}"#,
        r#"{"type":"\x"}"#,
        r#"{"type":7}"#,
        r#"{"type":null}"#,
        r#"{"type":["A"]}"#,
        r#"{"type":{"type":"A"}}"#,
        r#"{"Type":"A","typ":"B","types":"C"}"#,
        r#"{"a":{"type":"A"}}"#,
        r#"{"a":,"type":"A"}"#,
        r#"{"a" 1,"type":"A"}"#,
        r#"{"a":1 "type":"A"}"#,
        r#"{a:1,"type":"A"}"#,
        "\u{feff}{\"type\":\"A\"}",
    ] {
        assert_eq!(field(json, "type"), None, "{json}");
    }
}

#[test]
fn a_long_name_is_found_at_the_front_only_as_a_whole() {
    for (name, json) in
        [("event_type", r#"{"event_type":"A","b":"cccccc"}"#), ("kind", r#"{"kind":"A","b":"cccccc"}"#)]
    {
        assert_eq!(FirstField::new(name).text(json.as_bytes()), Some(&b"A"[..]));
        assert_eq!(field(json, name).as_deref(), Some("A"));
    }
    for json in [r#"{"event_tXXX":"A","b":"ccccccc"}"#, r#"{"event_types":"A","b":"ccccccc"}"#] {
        assert_eq!(FirstField::new("event_type").text(json.as_bytes()), None);
    }
}

#[test]
fn no_nesting_is_too_deep() {
    let deep = format!("{{\"a\":{}{},\"type\":\"A\"}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert_eq!(field(&deep, "type").as_deref(), Some("A"));
}

#[test]
fn numbers_and_the_first_of_a_list_are_read_where_they_are_asked_for() {
    for (json, version) in [
        (r#"{"v":2}"#, Some("2")),
        (r#"{"a":[1],"v": 2.1 }"#, Some("2.1")),
        (r#"{"v":"2"}"#, Some("2")),
        (r#"{"v":-2,"a":1}"#, Some("-2")),
        (r#"{"v":true}"#, None),
        (r#"{"v":2"#, None),
    ] {
        let found = text_or_number(json.as_bytes(), "v");
        assert_eq!(found.as_deref(), version.map(str::as_bytes), "{json}");
    }
    for (json, first) in [
        (r#"{"l":["A","B"]}"#, Some("A")),
        (r#"{"l": [ "\u0041" ]}"#, Some("A")),
        (r#"{"l":[]}"#, None),
        (r#"{"l":[1,"A"]}"#, None),
        (r#"{"l":"A"}"#, None),
    ] {
        assert_eq!(first_text(json.as_bytes(), "l").as_deref(), first.map(str::as_bytes), "{json}");
    }
}

/// Names and texts with all that makes reading them hard.
fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "type",
            "a",
            "",
            "typ",
            "\"",
            "\\",
            "\\\"type\\\":",
            "{",
            "]}",
            "é😀",
            "\u{0}\n"
        ])
        .prop_map(str::to_owned),
        "[a-z\"\\\\{}\\[\\]:, é\u{1}]{0,24}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        string().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(string(), inner, 0..5)
                .prop_map(|map| Value::from(Map::from_iter(map))),
        ]
    })
}

/// Writes every character of a string as an escape.
fn escaped(text: &str) -> String {
    let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
    format!("\"{}\"", units.collect::<String>())
}

proptest! {
    #[test]
    fn says_what_serde_json_says(
        fields in prop::collection::btree_map(string(), value(), 0..6),
        own in prop::option::of(value()),
        escape: bool,
        pretty: bool,
        name in prop_oneof![Just("type".to_owned()), string()],
    ) {
        let mut object = Map::from_iter(fields);
        if let Some(own) = own {
            object.insert(name.clone(), own);
        }
        let expected = object.get(&name).and_then(Value::as_str);
        let json = if escape {
            let write = |(name, value): (&String, &Value)| match value {
                Value::String(text) => format!("{}:{}", escaped(name), escaped(text)),
                value => format!("{} : {value}", escaped(name)),
            };
            format!("{{{}}}", object.iter().map(write).collect::<Vec<_>>().join(","))
        } else if pretty {
            serde_json::to_string_pretty(&object).unwrap()
        } else {
            json!(object).to_string()
        };
        let found = field(&json, &name);
        prop_assert_eq!(found.as_deref(), expected, "{}", json);
    }

    #[test]
    fn anything_is_read_without_a_panic(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..64),
            prop::collection::vec(prop::sample::select(b"{}[]\":,\\ tye1u".to_vec()), 0..40),
        ],
    ) {
        for name in ["type", "", "\"", "e"] {
            let found = text(&bytes, name);
            if let Some(first) = FirstField::new(name).text(&bytes) {
                prop_assert_eq!(Some(first), found.as_deref());
            }
            let _ = (text_or_number(&bytes, name), first_text(&bytes, name));
        }
    }

    #[test]
    fn quotes_and_backslashes_are_found_in_all_bytes(bytes in prop::collection::vec(
        prop_oneof![any::<u8>(), Just(b'"'), Just(b'!'), Just(b'#'), Just(b'['), Just(b'\\'), Just(0xa2), Just(0xdc)], 0..40,
    )) {
        let expected = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
        prop_assert_eq!(quote_or_backslash(&bytes), expected);
    }
}
