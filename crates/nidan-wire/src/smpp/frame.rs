//! Where one PDU ends and the next begins: SMPP 3.4 §3.2.

/// Octets of a PDU's header.
pub(super) const HEADER: usize = 16;
/// Octets of the longest PDU that is believed. The longest that the standard knows is a message_payload of 64 KiB, which
/// nobody sends in a receipt.
pub(super) const FRAME_MAX: usize = 64 * 1024;

/// The header of a PDU, but for its length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    /// command_id.
    pub(super) command: u32,
    /// command_status; zero in a request.
    pub(super) status: u32,
    /// sequence_number.
    pub(super) sequence: u32,
}

/// What the bytes that are there begin with.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Cut<'a> {
    /// A whole PDU, and what follows it.
    Frame { header: Header, body: &'a [u8], rest: &'a [u8] },
    /// A part of one.
    Part,
    /// A length that cannot be true: below a header, or beyond [`FRAME_MAX`].
    Unbelievable(u32),
}

/// Cuts the first PDU off. It looks at nothing but the length, so that what is wrong within one PDU stays there.
pub(super) fn cut(bytes: &[u8]) -> Cut<'_> {
    let Some(length) = word(bytes, 0) else { return Cut::Part };
    let Some(size) = usize::try_from(length).ok().filter(|size| (HEADER..=FRAME_MAX).contains(size)) else {
        return Cut::Unbelievable(length);
    };
    let Some((frame, rest)) = bytes.split_at_checked(size) else { return Cut::Part };
    match (word(frame, 4), word(frame, 8), word(frame, 12)) {
        (Some(command), Some(status), Some(sequence)) => {
            Cut::Frame { header: Header { command, status, sequence }, body: &frame[HEADER..], rest }
        }
        _ => Cut::Part,
    }
}

/// Appends a PDU whose body `body` writes.
pub(super) fn put(out: &mut Vec<u8>, header: Header, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    for word in [header.command, header.status, header.sequence] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    body(out);
    let length = u32::try_from(out.len() - start).expect("a PDU that is written here has a few hundred octets");
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let octets = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(octets.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_by_their_length() {
        let header = Header { command: 0x15, status: 0, sequence: 7 };
        let mut bytes = Vec::new();
        put(&mut bytes, header, |_| {});
        put(&mut bytes, Header { sequence: 8, ..header }, |out| out.extend_from_slice(b"ab"));
        let Cut::Frame { header: first, body, rest } = cut(&bytes) else { panic!("it is whole") };
        assert_eq!((first, body.len(), rest.len()), (header, 0, 18));
        let Cut::Frame { header: second, body, rest } = cut(rest) else { panic!("it is whole") };
        assert_eq!((second.sequence, body, rest), (8, &b"ab"[..], &b""[..]));
        for part in 0..16 {
            assert_eq!(cut(&bytes[..part]), Cut::Part, "{part}");
        }
    }

    #[test]
    fn a_length_is_believed_from_header_to_cap() {
        let first = |length: u32| length.to_be_bytes();
        for length in [0, 1, 15, FRAME_MAX as u32 + 1, u32::MAX] {
            assert_eq!(cut(&first(length)), Cut::Unbelievable(length));
        }
        for length in [16, FRAME_MAX as u32] {
            assert_eq!(cut(&first(length)), Cut::Part, "{length}");
        }
    }
}
