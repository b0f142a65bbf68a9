//! Finds a field at the top of a JSON object without looking at what is behind it.
//!
//! In well-formed JSON it finds what a parser does; of a field that is there twice, the first. What lies before the field is passed over
//! without being validated: a payload that is malformed there may name an event all the same, and then does not decode, which is an error
//! that is seen. No nesting is too deep, and the time is linear.

use std::borrow::Cow;

/// The value of a field that is a string.
#[inline]
pub(super) fn text<'j>(json: &'j [u8], field: &str) -> Option<Cow<'j, [u8]>> {
    Cursor::at_field(json, field)?.text()
}

/// The same, or the digits of a number.
pub(super) fn text_or_number<'j>(json: &'j [u8], field: &str) -> Option<Cow<'j, [u8]>> {
    let mut value = Cursor::at_field(json, field)?;
    value.skip_white_space();
    match value.peek()? {
        b'"' => value.text(),
        b'-' | b'0'..=b'9' => {
            let begin = value.at;
            value.skip_scalar()?;
            Some(Cow::Borrowed(&json[begin..value.at]))
        }
        _ => None,
    }
}

/// The first element of a field that is a list, if it is a string.
pub(super) fn first_text<'j>(json: &'j [u8], field: &str) -> Option<Cow<'j, [u8]>> {
    let mut value = Cursor::at_field(json, field)?;
    value.expect(b'[')?;
    value.text()
}

/// Whether there is a field of this name.
#[cfg(feature = "testing")]
pub(super) fn has_field(json: &[u8], field: &str) -> bool {
    Cursor::at_field(json, field).is_some()
}

/// A field that is looked for at the front of objects, where it mostly is if its writer knew what it is for.
#[derive(Clone, Debug)]
pub(super) struct FirstField {
    /// The name in its quotes.
    quoted: Box<[u8]>,
    /// The first eight bytes of it, and which of them there are: mostly that is all.
    start: u64,
    mask: u64,
}

impl FirstField {
    pub(super) fn new(name: &str) -> Self {
        let quoted: Box<[u8]> = format!("\"{name}\"").into_bytes().into();
        let (mut start, mut mask) = ([0; 8], [0; 8]);
        for (index, byte) in quoted.iter().take(8).enumerate() {
            (start[index], mask[index]) = (*byte, 0xff);
        }
        Self { quoted, start: u64::from_le_bytes(start), mask: u64::from_le_bytes(mask) }
    }

    /// Its value, if it is the first field, and a string, and it is written without escapes and with no more white space than usual.
    #[inline(always)]
    pub(super) fn text<'j>(&self, json: &'j [u8]) -> Option<&'j [u8]> {
        let [b'{', rest @ ..] = json else { return None };
        let rest = without_space(rest);
        let is_start = u64::from_le_bytes(*rest.first_chunk()?) & self.mask == self.start;
        if !is_start || (self.quoted.len() > 8 && !rest.starts_with(&self.quoted)) {
            return None;
        }
        let [b':', rest @ ..] = rest.get(self.quoted.len()..)? else { return None };
        let [b'"', rest @ ..] = without_space(rest) else { return None };
        let end = quote_or_backslash(rest)?;
        (rest[end] == b'"').then(|| &rest[..end])
    }
}

#[inline]
fn without_space(json: &[u8]) -> &[u8] {
    match json {
        [b' ', rest @ ..] => rest,
        _ => json,
    }
}

/// A place in a document. Its methods return `None` where the document is not what they read.
struct Cursor<'j> {
    json: &'j [u8],
    at: usize,
}

/// A string as it is written.
struct Written<'j> {
    /// With its quotes.
    quoted: &'j [u8],
    is_escaped: bool,
}

impl<'j> Cursor<'j> {
    /// In front of the value of a field.
    #[inline]
    fn at_field(json: &'j [u8], field: &str) -> Option<Self> {
        let mut cursor = Self { json, at: 0 };
        cursor.expect(b'{')?;
        loop {
            let name = cursor.string()?;
            cursor.expect(b':')?;
            if name.is(field) {
                return Some(cursor);
            }
            cursor.skip_value()?;
            cursor.expect(b',')?;
        }
    }

    #[inline]
    fn text(mut self) -> Option<Cow<'j, [u8]>> {
        self.string()?.text()
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    #[inline]
    fn skip_white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Passes over `byte`, which may have white space in front of it.
    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        self.skip_white_space();
        if self.peek()? != byte {
            return None;
        }
        self.at += 1;
        Some(())
    }

    #[inline]
    fn string(&mut self) -> Option<Written<'j>> {
        self.expect(b'"')?;
        let begin = self.at - 1;
        let mut is_escaped = false;
        loop {
            self.at += quote_or_backslash(self.json.get(self.at..)?)?;
            if self.peek()? == b'"' {
                break;
            }
            is_escaped = true;
            self.at += 2;
        }
        self.at += 1;
        Some(Written { quoted: &self.json[begin..self.at], is_escaped })
    }

    fn skip_value(&mut self) -> Option<()> {
        self.skip_white_space();
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' | b'[' => self.skip_nested(),
            _ => self.skip_scalar(),
        }
    }

    fn skip_nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// A number, `true`, `false` or `null`. Something has to follow it: it stands in an object.
    fn skip_scalar(&mut self) -> Option<()> {
        let is_part = |byte: &u8| matches!(byte, b'+' | b'-' | b'.') || byte.is_ascii_alphanumeric();
        let len = self.json[self.at..].iter().position(|byte| !is_part(byte)).filter(|len| *len > 0)?;
        self.at += len;
        Some(())
    }
}

impl<'j> Written<'j> {
    /// Whether it is this text.
    #[inline]
    fn is(&self, text: &str) -> bool {
        if self.is_escaped {
            return self.unescaped().is_some_and(|own| own == text);
        }
        self.between_quotes() == text.as_bytes()
    }

    /// Its bytes, which need not be UTF-8 if there are no escapes among them.
    #[inline]
    fn text(self) -> Option<Cow<'j, [u8]>> {
        if self.is_escaped {
            return self.unescaped().map(|text| Cow::Owned(text.into_bytes()));
        }
        Some(Cow::Borrowed(self.between_quotes()))
    }

    #[inline]
    fn between_quotes(&self) -> &'j [u8] {
        &self.quoted[1..self.quoted.len() - 1]
    }

    #[cold]
    fn unescaped(&self) -> Option<String> {
        serde_json::from_slice(self.quoted).ok()
    }
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
const BACKSLASHES: u64 = u64::from_ne_bytes([b'\\'; 8]);

/// Where the first quote or backslash is, looked for in eight bytes at a time.
#[inline]
fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        // A byte that is zero is marked by its highest bit, and so may be some above it.
        let zeros = |word: u64| word.wrapping_sub(ONES);
        let found = (zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES)) & !word & HIGHS;
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let in_rest = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    in_rest.map(|index| chunks.len() * 8 + index)
}

#[cfg(test)]
mod tests;
