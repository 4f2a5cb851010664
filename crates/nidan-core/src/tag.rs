//! The tag of a code message: two letters that stand in the message and on the page that asked for it, so that the owner
//! can tell which message belongs to what he is doing. It is no secret and proves nothing.

use std::fmt;

/// Capital letters that are not taken for one another or for a digit: no B, D, G, I, L, N, O, Q, S, U, V, Z.
const LETTERS: [u8; 14] = *b"ACEFHJKMPRTWXY";

/// Pairs that are rude, or mean something, in English or in Japanese chat.
const UNWANTED: [[u8; 2]; 10] = [*b"AF", *b"AH", *b"CP", *b"FK", *b"FY", *b"JC", *b"JK", *b"KY", *b"MF", *b"WC"];

/// How many tags there are: pairs of two different letters, less the unwanted ones.
pub const TAGS: usize = LETTERS.len() * (LETTERS.len() - 1) - UNWANTED.len();

/// Two letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tag([u8; 2]);

impl Tag {
    /// A tag out of two random bytes; all tags are equally likely but for one part in 300.
    pub fn new(random: [u8; 2]) -> Self {
        let nth = usize::from(u16::from_be_bytes(random)) % TAGS;
        Self(all().nth(nth).unwrap_or(*b"KX")) // there are exactly TAGS of them: a test counts
    }

    /// The two letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default() // letters of ASCII
    }

    /// A stored tag; `None` for what cannot be one.
    pub fn from_stored(text: &str) -> Option<Self> {
        let pair: [u8; 2] = text.as_bytes().try_into().ok()?;
        all().any(|tag| tag == pair).then_some(Self(pair))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn all() -> impl Iterator<Item = [u8; 2]> {
    let pairs = LETTERS.iter().flat_map(|first| LETTERS.iter().map(move |second| [*first, *second]));
    pairs.filter(|pair| pair[0] != pair[1] && !UNWANTED.contains(pair))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn every_random_value_gives_a_wanted_tag_and_all_come_up_alike() {
        let mut times: HashMap<String, u32> = HashMap::new();
        for random in 0..=u16::MAX {
            let tag = Tag::new(random.to_be_bytes());
            let text = tag.to_string();
            assert_eq!(text.len(), 2);
            assert_eq!(Tag::from_stored(&text), Some(tag));
            *times.entry(text).or_default() += 1;
        }
        assert_eq!(all().count(), TAGS);
        assert_eq!(times.len(), TAGS);
        let (least, most) = (times.values().min(), times.values().max());
        assert_eq!((least, most), (Some(&381), Some(&382)), "65,536 over {TAGS}");
        for tag in times.keys() {
            assert!(
                tag.bytes().all(|letter| letter.is_ascii_uppercase() && !b"BDGILNOQSUVZ".contains(&letter)),
                "{tag}"
            );
            assert!(!["FK", "WC", "KY", "JK", "AA", "XX"].contains(&tag.as_str()));
        }
        assert!(times.contains_key("KX"));
    }

    #[test]
    fn other_texts_are_no_tags() {
        for text in ["", "K", "KXX", "kx", "KK", "WC", "K1", "O0", "段"] {
            assert_eq!(Tag::from_stored(text), None, "{text}");
        }
    }
}
