/// Who sent a record, as the header `traceparent` says: the [W3C's Trace Context](https://www.w3.org/TR/trace-context-2/).
///
/// Parsed here because 55 bytes of fixed places are cheaper to read than a map of headers is to fill, which OpenTelemetry's propagators
/// read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceParent {
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    /// Those that are known: [`SAMPLED`] and [`RANDOM`].
    pub(crate) flags: u8,
}

/// The name of the header.
pub(crate) const NAME: &str = "traceparent";

/// The trace is recorded.
pub(crate) const SAMPLED: u8 = 0b01;

/// The trace's number is random, which the version 00 says since its second edition.
pub(crate) const RANDOM: u8 = 0b10;

const LEN: usize = 55;

/// `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`
const DASHES: [usize; 3] = [2, 35, 52];

impl TraceParent {
    /// Reads a header's value. What is malformed is `None`, as if there were none: upper case, white space, a trace or span of zeros.
    ///
    /// A version that is not known yet is read as far as it is known, as the specification wants it: more may follow behind a dash.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let (known, more) = value.split_first_chunk::<LEN>()?;
        if DASHES.iter().any(|place| known[*place] != b'-') {
            return None;
        }
        let [version] = bytes(&known[..2])?;
        let ends = match version {
            0 => more.is_empty(),
            1..=0xfe => more.is_empty() || more[0] == b'-',
            0xff => false,
        };
        let [flags] = bytes(&known[53..])?;
        let flags = flags & if version == 0 { SAMPLED | RANDOM } else { SAMPLED };
        let parent = Self { trace_id: bytes(&known[3..35])?, span_id: bytes(&known[36..52])?, flags };
        (ends && parent.trace_id != [0; 16] && parent.span_id != [0; 8]).then_some(parent)
    }

    /// The header's value.
    pub(crate) fn to_header(self) -> [u8; LEN] {
        let mut header = [b'-'; LEN];
        write(&mut header[..2], &[0]);
        write(&mut header[3..35], &self.trace_id);
        write(&mut header[36..52], &self.span_id);
        write(&mut header[53..], &[self.flags]);
        header
    }
}

/// What a digit is not.
const NO_DIGIT: u8 = 0xff;

/// By character.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        digits[CHARACTERS[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

const CHARACTERS: &[u8; 16] = b"0123456789abcdef";

/// `N` bytes from twice as many hexadecimal digits, in lower case.
fn bytes<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let mut seen = 0;
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
        seen |= high | low;
        *byte = (high << 4) | (low & 0xf);
    }
    (seen < 16).then_some(bytes)
}

fn write(digits: &mut [u8], bytes: &[u8]) {
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair[0] = CHARACTERS[usize::from(byte >> 4)];
        pair[1] = CHARACTERS[usize::from(byte & 0xf)];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn parse(value: &str) -> Option<TraceParent> {
        TraceParent::parse(value.as_bytes())
    }

    #[test]
    fn the_example_of_the_specification_is_read() {
        let parent = parse(EXAMPLE).unwrap();
        assert_eq!(u128::from_be_bytes(parent.trace_id), 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(u64::from_be_bytes(parent.span_id), 0xb7ad_6b71_6920_3331);
        assert_eq!(parent.flags, SAMPLED);
        assert_eq!(parent.to_header(), EXAMPLE.as_bytes());
    }

    #[test]
    fn what_is_malformed_is_none() {
        let upper = EXAMPLE.to_uppercase();
        for value in [
            "",
            "00",
            &EXAMPLE[..54],
            &upper,
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
            "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
            " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
        ] {
            assert_eq!(parse(value), None, "{value:?}");
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let known = parse(EXAMPLE);
        assert_eq!(parse("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), known);
        assert_eq!(parse("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"), known);
        assert_eq!(parse("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff"), known);
        let flags = parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff").unwrap().flags;
        assert_eq!(flags, SAMPLED | RANDOM, "what is not known is not passed on");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(trace_id in any::<[u8; 16]>(), span_id in any::<[u8; 8]>(), flags in 0_u8..4) {
            let parent = TraceParent { trace_id, span_id, flags };
            let is_valid = trace_id != [0; 16] && span_id != [0; 8];
            prop_assert_eq!(TraceParent::parse(&parent.to_header()), is_valid.then_some(parent));
        }

        #[test]
        fn one_character_changed_is_another_parent_or_none(place in 0..LEN, character in any::<u8>()) {
            let mut value: Vec<u8> = EXAMPLE.into();
            prop_assume!(value[place] != character);
            value[place] = character;
            let is_digit = character.is_ascii_digit() || (b'a'..=b'f').contains(&character);
            let parsed = TraceParent::parse(&value);
            if is_digit && !DASHES.contains(&place) {
                let written = parsed.map(TraceParent::to_header);
                prop_assert!(!(2..=52).contains(&place) || written.as_ref().map(|it| &it[..]) == Some(&value[..]));
            } else {
                prop_assert_eq!(parsed, None);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(value in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = TraceParent::parse(&value);
        }
    }
}
