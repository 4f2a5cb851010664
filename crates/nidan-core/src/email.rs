//! E-mail addresses as an identity: one spelling per mailbox, checked after it was brought to that spelling.
//!
//! What is stored, looked up and sent to is the same string, never the typed one (docs/pitfalls.md).

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::secret::Secret;

/// Greatest length of an address in bytes: RFC 5321 §4.5.3.1.3 less the angle brackets.
const BYTES_MAX: usize = 254;
/// Greatest length of what stands before the `@` (RFC 5321 §4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;
/// Bytes of typed text beyond which nobody looks at it; a domain typed in full-width letters takes three bytes each.
const TYPED_BYTES_MAX: usize = 1024;

/// The text is no e-mail address that a message can be sent to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an e-mail address")]
pub struct NotAnEmailAddress;

/// An e-mail address in its one spelling: ASCII, lower case, the domain in IDNA form, at most 254 bytes.
///
/// It is a [`Secret`] inside and so has no `Debug`; what may be shown is [`EmailAddress::masked`].
#[derive(Clone)]
pub struct EmailAddress(Secret<String>);

impl EmailAddress {
    /// Reads a typed address; spaces around it are dropped.
    ///
    /// Before the `@` stands what browsers take in `<input type=email>` (WHATWG HTML): ASCII, no quotes, dots anywhere, for
    /// Japanese carriers gave out addresses with two dots in a row. Letters there count without case, which every large
    /// mail service does. Nothing is folded that names another mailbox at some service: not `+tag`, not dots. The domain
    /// may be typed in any script, needs a dot and no number for its last label.
    ///
    /// # Errors
    /// [`NotAnEmailAddress`], also for a full-width `＠` and any other character outside ASCII before it.
    pub fn parse(typed: &str) -> Result<Self, NotAnEmailAddress> {
        let typed = typed.trim();
        if typed.len() > TYPED_BYTES_MAX {
            return Err(NotAnEmailAddress);
        }
        let (local, domain) = typed.split_once('@').ok_or(NotAnEmailAddress)?;
        if local.is_empty() || local.len() > LOCAL_BYTES_MAX || !local.bytes().all(is_local_byte) {
            return Err(NotAnEmailAddress);
        }
        let domain = Uts46::new()
            .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
            .map_err(|_| NotAnEmailAddress)?;
        let (_, last_label) = domain.rsplit_once('.').ok_or(NotAnEmailAddress)?;
        if last_label.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAnEmailAddress); // an IPv4 address
        }
        let mut address = String::with_capacity(local.len() + 1 + domain.len());
        address.push_str(local);
        address.make_ascii_lowercase();
        address.push('@');
        address.push_str(&domain);
        if address.len() > BYTES_MAX {
            return Err(NotAnEmailAddress);
        }
        Ok(Self(Secret::new(address)))
    }

    /// The address, for the look-up key and for the mail that goes there.
    pub fn as_str(&self) -> &str {
        self.0.expose()
    }

    /// What a page may show of it: `t•••@example.jp`. The number of bullets says nothing, and a single letter is not shown.
    pub fn masked(&self) -> String {
        let (local, domain) = self.as_str().split_once('@').unwrap_or_default();
        let (domain, _) = idna::domain_to_unicode(domain);
        let shown = local.get(..1).filter(|_| local.len() > 1).unwrap_or_default();
        format!("{shown}•••@{domain}")
    }
}

/// A byte that may stand before the `@`: `atext` of RFC 5322 §3.2.3, and the dot.
const fn is_local_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'.' | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?')
        || matches!(byte, b'^'..=b'`' | b'{'..=b'~')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(typed: &str) -> Option<String> {
        EmailAddress::parse(typed).ok().map(|address| address.as_str().to_owned())
    }

    #[test]
    fn addresses_have_one_spelling() {
        for (typed, address) in [
            ("taro@example.jp", "taro@example.jp"),
            ("  Taro@Example.JP\u{3000}\n", "taro@example.jp"),
            ("taro.yamada+shop@example.co.jp", "taro.yamada+shop@example.co.jp"),
            ("a@b.jp", "a@b.jp"),
            ("da..me.@docomo.ne.jp", "da..me.@docomo.ne.jp"),
            ("!#$%&'*+-/=?^_`{|}~@example.jp", "!#$%&'*+-/=?^_`{|}~@example.jp"),
            ("taro@例社.jp", "taro@xn--fsq992h.jp"),
            ("taro@XN--FSQ992H.jp", "taro@xn--fsq992h.jp"),
            ("taro@ｅｘａｍｐｌｅ．ｊｐ", "taro@example.jp"),
            ("taro@example。jp", "taro@example.jp"),
            ("taro@straße.de", "taro@xn--strae-oqa.de"),
            ("taro@1.2.3.4.example", "taro@1.2.3.4.example"),
        ] {
            assert_eq!(read(typed).as_deref(), Some(address), "{typed}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for typed in [
            "",
            "@",
            "taro",
            "taro@",
            "@example.jp",
            "taro@@example.jp",
            "taro@a@example.jp",
            "taro@localhost",
            "taro＠example.jp",
            "ｔａｒｏ@example.jp",
            "太郎@example.jp",
            "tаro@example.jp", /* Cyrillic a */
            "ta ro@example.jp",
            "taro\u{200b}@example.jp",
            "taro@exa mple.jp",
            "taro@exam_ple.jp",
            "taro@-a.jp",
            "taro@a-.jp",
            "taro@a..jp",
            "taro@.jp",
            "taro@example.jp.",
            "taro@127.0.0.1",
            "taro@[127.0.0.1]",
            "\"ta ro\"@example.jp",
            "taro(x)@example.jp",
            "<taro@example.jp>",
            "taro@example.jp,jiro@example.jp",
            "taro@example.jp\r\nBcc: x@example.jp",
            "taro\0@example.jp",
            "taro@xn--a.jp",
            "taro@\u{202e}example.jp",
        ] {
            assert_eq!(read(typed), None, "{typed}");
        }
    }

    #[test]
    fn lengths_are_met_to_the_byte() {
        let label = "a".repeat(60);
        let domain = |last: usize| format!("{label}.{label}.{label}.{}.jp", "b".repeat(last));
        assert!(read(&format!("{}@example.jp", "x".repeat(64))).is_some());
        assert_eq!(read(&format!("{}@example.jp", "x".repeat(65))), None);
        for (local, last) in [(64, 3), (57, 10)] {
            assert_eq!(
                read(&format!("{}@{}", "x".repeat(local), domain(last))).map(|address| address.len()),
                Some(254)
            );
            assert_eq!(read(&format!("{}@{}", "x".repeat(local), domain(last + 1))), None);
        }
        assert!(read(&format!("taro@{}.jp", "a".repeat(63))).is_some());
        assert_eq!(read(&format!("taro@{}.jp", "a".repeat(64))), None);
        assert_eq!(read(&format!("taro@{}", "a.".repeat(500_000))), None);
    }

    #[test]
    fn every_ascii_character_before_the_at_is_decided() {
        let taken: String = ('\0'..='\x7f').filter(|c| read(&format!("x{c}x@example.jp")).is_some()).collect();
        assert_eq!(taken.len(), 26 * 2 + 10 + "!#$%&'*+-/=?^_`{|}~.".len());
    }

    #[test]
    fn little_is_shown() {
        for (typed, masked) in [
            ("taro@example.jp", "t•••@example.jp"),
            ("ta@example.jp", "t•••@example.jp"),
            ("t@example.jp", "•••@example.jp"),
            ("taro@例社.jp", "t•••@例社.jp"),
        ] {
            assert_eq!(EmailAddress::parse(typed).map(|address| address.masked()).as_deref(), Ok(masked));
        }
    }

    proptest! {
        #[test]
        fn what_is_read_reads_as_itself(typed in "[a-zA-Z0-9.+_-]{1,10}@[a-zA-Z0-9ぁ-ん一-龠ａ-ｚé.。-]{1,20}\\.(jp|JP|みんな)") {
            if let Ok(address) = EmailAddress::parse(&typed) {
                prop_assert!(address.as_str().is_ascii());
                prop_assert_eq!(address.as_str(), address.as_str().to_ascii_lowercase());
                prop_assert_eq!(read(address.as_str()), Some(address.as_str().to_owned()));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(typed: String) {
            if let Some(address) = read(&typed) {
                prop_assert_eq!(read(&address), Some(address));
            }
        }
    }
}
