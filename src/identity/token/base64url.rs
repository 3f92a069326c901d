//! Base64url without padding, one spelling for each text (RFC 7515, section 2;
//! RFC 4648, section 3.5).
//!
//! Takes no padding, no line break and no stray bits, which many decoders do: two
//! spellings of one token would have two digests.

/// The bytes, or `None` where it is not the one spelling of anything.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for digit in text.bytes() {
        bits = (bits << 6 | u32::from(six_bits(digit)?)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    // What is left is less than a digit, and nothing but zeros.
    (held < 6 && bits & ((1 << held) - 1) == 0).then_some(bytes)
}

fn six_bits(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::token::sign::encode;

    #[test]
    fn what_is_written_is_read() {
        // RFC 4648, section 10, without its padding.
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!((decode(text), encode(bytes.as_bytes())), (Some(bytes.into()), text.to_owned()));
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), Some(all));
        assert_eq!(decode("-_-_"), Some(vec![0xfb, 0xff, 0xbf]));
    }

    #[test]
    fn every_other_spelling_is_refused() {
        for text in ["Z", "Zm9vY", "Zh", "Zm9", "Zg==", "Zg=", "Zm8=", "Z g", "Zg\n", "+/+/", "Zg.", "Zé"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
