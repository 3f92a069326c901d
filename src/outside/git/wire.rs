//! git's packet lines and side bands (gitprotocol-common(5), gitprotocol-v2(5)).
//!
//! Does not know what the packets say, and never reads past what it was asked for.

use std::io::{self, Read};

/// The largest packet, its four digits included (gitprotocol-common(5)).
const MAX_PACKET: usize = 65520;

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packet {
    /// `0000`: the end of a message.
    Flush,
    /// `0001`: the end of a section.
    Delimiter,
    /// Bytes.
    Data(Vec<u8>),
}

impl Packet {
    /// The packet as text without its line end; `None` for the ends of things.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Data(bytes) => Some(String::from_utf8_lossy(bytes).trim_end_matches('\n').to_owned()),
            Self::Flush | Self::Delimiter => None,
        }
    }
}

/// Reads one packet; `None` at the end of the input.
pub(super) fn read(input: &mut impl Read) -> io::Result<Option<Packet>> {
    let mut digits = [0; 4];
    match input.read(&mut digits)? {
        0 => return Ok(None),
        n => input.read_exact(&mut digits[n..])?,
    }
    let size = str::from_utf8(&digits).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
    match size {
        Some(0) => Ok(Some(Packet::Flush)),
        // 2 is "response end", which means the same to a reader of one response.
        Some(1 | 2) => Ok(Some(Packet::Delimiter)),
        Some(size @ 4..=MAX_PACKET) => {
            let mut bytes = vec![0; size - 4];
            input.read_exact(&mut bytes)?;
            Ok(Some(Packet::Data(bytes)))
        }
        Some(_) | None => Err(invalid("the answer is not in git's protocol")),
    }
}

/// Appends one packet of text and a line end.
pub(super) fn line(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(format!("{:04x}{text}\n", text.len() + 5).as_bytes());
}

/// `0000`
pub(super) const FLUSH: &[u8] = b"0000";
/// `0001`
pub(super) const DELIMITER: &[u8] = b"0001";

pub(super) fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

/// The first band of a side-band stream as a reader; the second (what the
/// server says to people) is collected, the third ends the stream as an error.
pub(super) struct Bands<R> {
    input: R,
    rest: Vec<u8>,
    at: usize,
    done: bool,
    /// Bytes of the second band, at most [`MAX_MESSAGES`].
    pub(super) messages: Vec<u8>,
}

/// More than this of what a server says to people is dropped, in bytes.
const MAX_MESSAGES: usize = 16 << 10;

impl<R: Read> Bands<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, rest: Vec::new(), at: 0, done: false, messages: Vec::new() }
    }

    fn fill(&mut self) -> io::Result<()> {
        while !self.done && self.at == self.rest.len() {
            match read(&mut self.input)? {
                None | Some(Packet::Flush | Packet::Delimiter) => self.done = true,
                Some(Packet::Data(bytes)) => match bytes.split_first() {
                    Some((1, _)) => (self.rest, self.at) = (bytes, 1),
                    Some((2, text)) => {
                        let room = MAX_MESSAGES.saturating_sub(self.messages.len());
                        self.messages.extend_from_slice(&text[..text.len().min(room)]);
                    }
                    Some((3, text)) => return Err(invalid(String::from_utf8_lossy(text).trim())),
                    Some(_) | None => return Err(invalid("the answer has an unknown band")),
                },
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Bands<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.fill()?;
        let n = buf.len().min(self.rest.len() - self.at);
        buf[..n].copy_from_slice(&self.rest[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_and_bands_are_read() {
        let mut input: &[u8] = b"0009done\n00010000";
        let mut packets = Vec::new();
        while let Some(packet) = read(&mut input).unwrap() {
            packets.push(packet);
        }
        assert_eq!(packets, [Packet::Data(b"done\n".to_vec()), Packet::Delimiter, Packet::Flush]);
        let mut bands = Bands::new(&b"0008\x01abc0009\x02note\n0006\x01d0000rest"[..]);
        let mut text = String::new();
        let error = bands.read_to_string(&mut text);
        assert!(error.is_err(), "a packet longer than it says is no packet");
        let mut bands = Bands::new(&b"0008\x01abc000a\x02note\n0006\x01d0000rest"[..]);
        text.clear();
        bands.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), bands.messages.as_slice()), ("abcd", &b"note\n"[..]));
    }

    #[test]
    fn what_is_not_the_protocol_is_an_error() {
        for bad in [&b"<htm"[..], b"0003", b"ffff", b"00", b"0009do"] {
            assert!(read(&mut &*bad).is_err(), "{bad:?}");
        }
        assert!(Bands::new(&b"0009\x03fatal0000"[..]).read(&mut [0; 4]).is_err());
    }
}
