/// Who sent a record, as the header `traceparent` says: the [W3C's Trace Context](https://www.w3.org/TR/trace-context-2/).
///
/// Parsed here because 55 bytes of fixed places are cheaper to read than a map of headers is to fill, which OpenTelemetry's propagators
/// read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceParent {
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
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
        let at = |place| known[place..place + 8].try_into().map_or(0, u64::from_be_bytes);
        let mut wrong = 0;
        let mut eight = |digits| {
            let (value, error) = of_eight(digits);
            wrong |= error;
            u64::from(value)
        };
        let mut sixteen = |place| (eight(at(place)) << 32) | eight(at(place + 8));
        let trace_id = (u128::from(sixteen(3)) << 64) | u128::from(sixteen(19));
        let span_id = sixteen(36);
        let ends = [b'0', b'0', b'0', b'0', known[0], known[1], known[53], known[54]];
        let [.., version, flags] = (eight(u64::from_be_bytes(ends)) as u32).to_be_bytes();
        if wrong != 0 || trace_id == 0 || span_id == 0 {
            return None;
        }
        let ends = match version {
            0 => more.is_empty(),
            1..=0xfe => more.is_empty() || more[0] == b'-',
            0xff => false,
        };
        let flags = flags & if version == 0 { SAMPLED | RANDOM } else { SAMPLED };
        ends.then_some(Self { trace_id, span_id, flags })
    }

    /// The header's value.
    pub(crate) fn to_header(self) -> [u8; LEN] {
        let mut header = [b'-'; LEN];
        write(&mut header[..2], &[0]);
        write(&mut header[3..35], &self.trace_id.to_be_bytes());
        write(&mut header[36..52], &self.span_id.to_be_bytes());
        write(&mut header[53..], &[self.flags]);
        header
    }
}

const CHARACTERS: &[u8; 16] = b"0123456789abcdef";

/// What eight digits say, all of them at once, and 0 if they are digits: each byte of the number is one of them. It is done for each
/// record, and a table, digit by digit, takes twice as many instructions.
#[inline]
fn of_eight(digits: u64) -> (u32, u64) {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    // The low four bits of `0` to `9` are their value, those of `a` to `f` 1 to 6; only letters have the bit above the next two.
    let letters = (digits >> 6) & ONES;
    let values = ((digits & (0xf * ONES)) + 9 * letters) & (0xf * ONES);
    // What is no digit is not what its value is written as.
    let tens = ((values + 6 * ONES) >> 4) & ONES;
    let written = values + u64::from(b'0') * ONES + u64::from(b'a' - b'0' - 10) * tens;
    let pairs = (values | (values >> 4)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | (pairs >> 8)) & 0x0000_ffff_0000_ffff;
    ((fours | (fours >> 16)) as u32, written ^ digits)
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
        assert_eq!(parent.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(parent.span_id, 0xb7ad_6b71_6920_3331);
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

    #[test]
    fn eight_digits_are_read_at_once_and_anything_else_is_noticed_wherever_it_is() {
        for (place, character) in (0..8).flat_map(|place| (0..=u8::MAX).map(move |it| (place, it))) {
            let mut eight = *b"89abcdef";
            eight[place] = character;
            let text =
                str::from_utf8(&eight).ok().filter(|_| !character.is_ascii_uppercase() && character != b'+');
            let expected = text.and_then(|text| u32::from_str_radix(text, 16).ok());
            let (value, error) = of_eight(u64::from_be_bytes(eight));
            assert_eq!((error == 0).then_some(value), expected, "{character:?} at {place}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(trace_id in any::<u128>(), span_id in any::<u64>(), flags in 0_u8..4) {
            let parent = TraceParent { trace_id, span_id, flags };
            let is_valid = trace_id != 0 && span_id != 0;
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
