use std::fmt;

/// What a payload is that is not the JSON or the text that was expected, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    ByteOrderMark,
    Utf16,
    Utf32,
    Confluent { schema: u32 },
    Compressed(&'static str),
    AvroFile,
    JavaObject,
}

/// How compressed data begins.
const COMPRESSED: &[(&[u8], &str)] = &[
    (b"\x1f\x8b\x08", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\xff\x06\x00\x00sNaPpY", "snappy"),
    (b"\x82SNAPPY\x00", "snappy"),
    (b"\x78\x01", "zlib"),
    (b"\x78\x5e", "zlib"),
    (b"\x78\x9c", "zlib"),
    (b"\x78\xda", "zlib"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"PK\x03\x04", "a zip file"),
];

impl Foreign {
    /// Looks at a payload that did not decode. No JSON begins like any of these.
    pub(super) fn recognize(bytes: &[u8]) -> Option<Self> {
        if let Some((_, name)) = COMPRESSED.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return Some(Self::Compressed(name));
        }
        match *bytes {
            [0xef, 0xbb, 0xbf, ..] => Some(Self::ByteOrderMark),
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some(Self::Utf32),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(Self::Utf16),
            [b'O', b'b', b'j', 1, ..] => Some(Self::AvroFile),
            [0xac, 0xed, 0, 5, ..] => Some(Self::JavaObject),
            // Without a mark: every second byte of ASCII text is zero.
            [1..=0x7f, 0, 1..=0x7f, 0, ..] | [0, 1..=0x7f, 0, 1..=0x7f, ..] => Some(Self::Utf16),
            // A magic byte, the schema's number, and at least one byte of data.
            [0, a, b, c, d, _, ..] if bytes[1..].iter().any(|byte| *byte != 0) => {
                Some(Self::Confluent { schema: u32::from_be_bytes([a, b, c, d]) })
            }
            _ => None,
        }
    }
}

/// What it is, and what to do.
impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByteOrderMark => f.write_str("it begins with a byte order mark; send UTF-8 without one"),
            Self::Utf16 => f.write_str("it looks like UTF-16; send UTF-8"),
            Self::Utf32 => f.write_str("it looks like UTF-32; send UTF-8"),
            Self::Confluent { schema } => write!(
                f,
                "it looks like Confluent's wire format (schema id {schema}), which is not supported; send plain JSON, or take `Raw`"
            ),
            Self::Compressed(name) => write!(
                f,
                "it looks like compressed data ({name}); send it uncompressed (Kafka's own `compression.type` is fine), or take `Raw`"
            ),
            Self::AvroFile => {
                f.write_str("it looks like an Avro file, which is not supported; send JSON, or take `Raw`")
            }
            Self::JavaObject => {
                f.write_str("it looks like a serialized Java object; have the producer serialize to JSON")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn what_is_no_json_is_recognized_by_its_first_bytes() {
        let json = r#"{"id": 7}"#;
        for (bytes, expected) in [
            (b"\xef\xbb\xbf{}".to_vec(), Some(Foreign::ByteOrderMark)),
            (utf16(json, u16::to_le_bytes), Some(Foreign::Utf16)),
            (utf16(json, u16::to_be_bytes), Some(Foreign::Utf16)),
            (utf16("\u{feff}{}", u16::to_le_bytes), Some(Foreign::Utf16)),
            (utf16("\u{feff}{}", u16::to_be_bytes), Some(Foreign::Utf16)),
            (b"\xff\xfe\0\0{\0\0\0".to_vec(), Some(Foreign::Utf32)),
            (b"\0\0\0\0\x2a\x0eAda".to_vec(), Some(Foreign::Confluent { schema: 42 })),
            (b"\0\0\x01\x86\xa1{\"id\": 7}".to_vec(), Some(Foreign::Confluent { schema: 100_001 })),
            (b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), Some(Foreign::Compressed("gzip"))),
            (b"\x28\xb5\x2f\xfd\x04".to_vec(), Some(Foreign::Compressed("zstd"))),
            (b"\x04\x22\x4d\x18\x64".to_vec(), Some(Foreign::Compressed("lz4"))),
            (b"\xac\xed\0\x05t".to_vec(), Some(Foreign::JavaObject)),
            (json.as_bytes().to_vec(), None),
            (b"".to_vec(), None),
            (b"\0".to_vec(), None),
            (vec![0; 10_000], None),
            (b"Ada".to_vec(), None),
            (b"\xff".to_vec(), None),
        ] {
            assert_eq!(Foreign::recognize(&bytes), expected, "{bytes:?}");
        }
    }
}
