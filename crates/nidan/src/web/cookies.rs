//! The six cookies: `__Host-`, so that no sibling domain and no plain-http page can plant or read one (ASVS 3.3).

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use cookie::{Cookie, SameSite};
use nidan_core::secret::Secret;
use nidan_core::time::Span;

use super::problem::Problem;

/// Which cookie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CookieName {
    /// The signed-in session, `nds_…`.
    Session,
    /// The browser's hold on a ceremony that is under way, `ndf_…`.
    Flow,
    /// The trusted device, `ndd_…`.
    Device,
    /// Random bytes that only this browser has: what CSRF tokens are bound to.
    Browser,
    /// The language chosen with `?lang=`.
    Language,
    /// The reference of the notice that is being answered.
    Notice,
}

impl CookieName {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Session, Self::Flow, Self::Device, Self::Browser, Self::Language, Self::Notice];

    /// The name on the wire.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Session => "__Host-nidan_session",
            Self::Flow => "__Host-nidan_flow",
            Self::Device => "__Host-nidan_device",
            Self::Browser => "__Host-nidan_browser",
            Self::Language => "__Host-nidan_lang",
            Self::Notice => "__Host-nidan_notice",
        }
    }
}

/// Longest value read: a token has 90 characters.
const VALUE_MAX: usize = 128;

/// Our cookies as the browser sent them.
pub struct Cookies([Option<Secret<String>>; CookieName::ALL.len()]);

impl Cookies {
    /// Reads them. Other cookies, and what is no cookie at all, are passed over; values that none of ours can have count
    /// as absent.
    ///
    /// # Errors
    /// One of ours sent twice: a browser's jar cannot hold a `__Host-` cookie twice, so somebody is trying something.
    pub fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut found = [const { None }; CookieName::ALL.len()];
        let mut seen = [false; CookieName::ALL.len()];
        let pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
        for pair in pairs {
            let Some(at) = pair.iter().position(|byte| *byte == b'=') else { continue };
            let (name, value) = (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii());
            let Some(place) = CookieName::ALL.iter().position(|ours| ours.text().as_bytes() == name) else { continue };
            if std::mem::replace(&mut seen[place], true) {
                return Err(Problem::malformed(format!("The cookie {} came twice.", CookieName::ALL[place].text())));
            }
            found[place] = readable(value);
        }
        Ok(Self(found))
    }

    /// The value of one of them.
    pub fn get(&self, name: CookieName) -> Option<&Secret<String>> {
        self.0[name as usize].as_ref()
    }
}

fn readable(value: &[u8]) -> Option<Secret<String>> {
    let text = std::str::from_utf8(value).ok()?;
    let fits = !text.is_empty() && text.len() <= VALUE_MAX;
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    (fits && plain).then(|| Secret::new(text.to_owned()))
}

/// The `Set-Cookie` value that gives the browser `value` for `life`. Letters, digits, `-` and `_` are all that our values
/// have; anything else gives `None`, since it could not be read back.
pub fn set(name: CookieName, value: &str, life: Span) -> Option<HeaderValue> {
    readable(value.as_bytes())?;
    written(name, value, life.as_ms() / 1000)
}

/// The `Set-Cookie` value that takes the cookie from the browser.
pub fn clear(name: CookieName) -> HeaderValue {
    written(name, "", 0).expect("a fixed name and no value are a legal header value")
}

fn written(name: CookieName, value: &str, life_s: i64) -> Option<HeaderValue> {
    let cookie = Cookie::build((name.text(), value))
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Lax)
        .max_age(cookie::time::Duration::seconds(life_s))
        .build();
    let mut header = HeaderValue::try_from(cookie.to_string()).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_bytes(line).expect("legal bytes"));
        }
        headers
    }

    #[test]
    fn names_and_places_agree() {
        for (place, name) in CookieName::ALL.into_iter().enumerate() {
            assert_eq!(name as usize, place);
        }
    }

    #[test]
    fn set_cookies_have_every_attribute() {
        let line = set(CookieName::Session, "nds_abc-_9", Span::days(90)).expect("legal");
        assert_eq!(
            line.to_str().expect("text"),
            "__Host-nidan_session=nds_abc-_9; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=7776000"
        );
        assert!(line.is_sensitive());
        assert_eq!(
            clear(CookieName::Flow).to_str().expect("text"),
            "__Host-nidan_flow=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"
        );
        for value in ["", "a;b", "a b", "a\r\nSet-Cookie: x=y", "é", &"a".repeat(129)] {
            assert!(set(CookieName::Device, value, Span::days(1)).is_none(), "{value}");
        }
    }

    #[test]
    fn ours_are_found_among_garbage() {
        let jar = headers(&[
            b"a=1; ;; =; x; __Host-nidan_session=nds_1; \xff\xfe=2; __host-nidan_flow=no",
            b"__Host-nidan_lang = ja",
        ]);
        let cookies = Cookies::read(&jar).expect("readable");
        assert_eq!(cookies.get(CookieName::Session).map(|value| value.expose().as_str()), Some("nds_1"));
        assert_eq!(cookies.get(CookieName::Language).map(|value| value.expose().as_str()), Some("ja"));
        assert!(cookies.get(CookieName::Flow).is_none(), "names are exact");
    }

    #[test]
    fn values_that_are_not_ours_count_as_absent() {
        for value in ["", "a,b", "\"quoted\"", "a=b", "%41", &"x".repeat(129)] {
            let jar = headers(&[format!("__Host-nidan_device={value}").as_bytes()]);
            assert!(Cookies::read(&jar).expect("readable").get(CookieName::Device).is_none(), "{value}");
        }
    }

    #[test]
    fn twice_the_same_is_refused() {
        assert!(Cookies::read(&headers(&[b"__Host-nidan_flow=a; __Host-nidan_flow=a"])).is_err());
        assert!(Cookies::read(&headers(&[b"__Host-nidan_flow=a", b"__Host-nidan_flow="])).is_err());
        assert!(Cookies::read(&headers(&[b"other=a; other=b"])).is_ok());
    }
}
