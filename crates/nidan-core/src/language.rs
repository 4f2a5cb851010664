//! The languages that owners are spoken to in.

/// A language that every page and message exists in. Japanese is what a site has unless it says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// Japanese.
    Ja,
    /// English.
    En,
}

/// How much of an `Accept-Language` header is read; browsers send a few dozen bytes.
const HEADER_BYTES_MAX: usize = 1024;

impl Language {
    /// Every language, the first being what nobody's wish leads to.
    pub const ALL: [Self; 2] = [Self::Ja, Self::En];

    /// The tag of BCP 47: for `lang` attributes, settings, file names and the database.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    /// The language of a tag that [`Language::tag`] gave; `None` for any other text.
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// The language that a reader wants most, by an `Accept-Language` header (RFC 9110 §12.5.4); `None` if it names none
    /// that there is, so that the caller's own default holds. A sub-tag is passed over (`ja-JP` is `ja`), `*` is no wish,
    /// `q=0` is a refusal, and of equal weights the first counts. Malformed parts are passed over.
    pub fn negotiate(accept_language: &str) -> Option<Self> {
        let read = accept_language.get(..HEADER_BYTES_MAX).unwrap_or(accept_language);
        if read.len() > HEADER_BYTES_MAX {
            return None; // cut within a character: nothing that a browser sends
        }
        let mut best: Option<(u16, Self)> = None;
        for part in read.split(',') {
            let (range, weight) = match part.split_once(';') {
                Some((range, parameter)) => (range, parse_weight(parameter)),
                None => (part, Some(1000)),
            };
            let primary = range.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            let (Some(language), Some(weight)) = (Self::from_tag(&primary), weight) else { continue };
            if weight > best.map_or(0, |(weight, _)| weight) {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }
}

/// A weight `q=0.8` in thousandths; `None` if it is not one (RFC 9110 §12.4.2: at most three decimals, at most 1).
fn parse_weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, decimals) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    if decimals.len() > 3 || !decimals.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{decimals:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tags_read_back() {
        for language in Language::ALL {
            assert_eq!(Language::from_tag(language.tag()), Some(language));
        }
        for other in ["", "JA", "ja-JP", "fr", "en "] {
            assert_eq!(Language::from_tag(other), None, "{other}");
        }
    }

    #[test]
    fn the_greatest_weight_wins() {
        for (header, wanted) in [
            ("", None),
            ("*", None),
            ("fr-FR, de;q=0.8", None),
            ("ja", Some(Language::Ja)),
            ("en-US,en;q=0.9,ja;q=0.8", Some(Language::En)),
            ("ja,en-US;q=0.7,en;q=0.3", Some(Language::Ja)),
            ("fr, JA-jp ; Q=0.5, en;q=0.499", Some(Language::Ja)),
            ("en;q=0.3,ja;q=0.31", Some(Language::Ja)),
            ("en;q=1.000,ja", Some(Language::En)),
            ("en;q=0", None),
            ("en;q=0,ja;q=0.001", Some(Language::Ja)),
            ("en;q=1.5,ja;q=0.1", Some(Language::Ja)),
            ("en;q=0.1234,ja;q=0.1", Some(Language::Ja)),
            ("en;q=-1,en;q=abc,en;level=1,,;;,=", None),
            ("enx,jax", None),
        ] {
            assert_eq!(Language::negotiate(header), wanted, "{header}");
        }
        assert_eq!(Language::negotiate(&("ja,".to_owned() + &"x,".repeat(100_000) + "en")), Some(Language::Ja));
    }

    proptest! {
        #[test]
        fn any_header_is_read(header in "\\PC{0,200}", pad in 1020usize..1030) {
            let _ = Language::negotiate(&header);
            let _ = Language::negotiate(&(" ".repeat(pad) + &header));
        }
    }
}
