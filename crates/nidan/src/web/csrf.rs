//! Only our own pages may make a browser change something (ASVS 3.5.1 to 3.5.3).
//!
//! Two independent locks. The browser says where a request comes from (`Sec-Fetch-Site`, `Origin`), which no page can
//! forge; and every form carries a token that only a page of ours, shown to this browser, could contain: an HMAC of the
//! browser's own random cookie. [`super::form::Form`] applies both, so a handler that takes a form cannot forget them.

use std::sync::Arc;

use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, HeaderName};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::cookies::{CookieName, Cookies};
use super::problem::{CROSS_SITE, Problem};
use crate::keys::KeyRing;

/// What forms are checked with; part of the application's state.
#[derive(Clone)]
pub struct FormGuard {
    origins: Arc<[String]>,
    keys: Arc<KeyRing>,
}

/// The random bytes of the browser cookie.
pub type Browser = [u8; 32];

/// The value of the browser cookie for fresh random bytes.
pub fn browser_cookie(browser: &Browser) -> String {
    URL_SAFE_NO_PAD.encode(browser)
}

/// The browser's bytes, if it sent a cookie that we can have set.
pub fn browser(cookies: &Cookies) -> Option<Browser> {
    let mut bytes = [0; 32];
    let read = URL_SAFE_NO_PAD.decode_slice(cookies.get(CookieName::Browser)?.expose(), &mut bytes).ok()?;
    (read == bytes.len()).then_some(bytes)
}

impl FormGuard {
    /// `origins`: the site's own (`https://id.example.jp`), and in a demo the one it listens at; each as browsers write
    /// them: scheme, host, port unless usual, no slash.
    pub fn new(origins: impl IntoIterator<Item = String>, keys: Arc<KeyRing>) -> Self {
        Self { origins: origins.into_iter().collect(), keys }
    }

    /// The token to put into every form shown to this browser.
    pub fn token(&self, browser: &Browser) -> String {
        self.keys.csrf_token(browser)
    }

    /// Whether the browser says that the request comes from our own page.
    ///
    /// # Errors
    /// [`CROSS_SITE`].
    pub fn check_source(&self, headers: &HeaderMap) -> Result<(), Problem> {
        const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
        let refused = || Problem::new(&CROSS_SITE);
        let site = single(headers, &SEC_FETCH_SITE).map_err(|()| refused())?;
        let origin = single(headers, &ORIGIN).map_err(|()| refused())?;
        let ours = |origin: &[u8]| self.origins.iter().any(|known| known.as_bytes() == origin);
        let fine = match (site, origin) {
            (Some(b"same-origin" | b"none"), None) => true,
            (Some(b"same-origin" | b"none") | None, Some(origin)) => ours(origin),
            _ => false,
        };
        if fine { Ok(()) } else { Err(refused()) }
    }

    /// Whether `token` was made for this browser; takes the same time for every wrong one.
    ///
    /// # Errors
    /// [`CROSS_SITE`].
    pub fn check_token(&self, cookies: &Cookies, token: &str) -> Result<(), Problem> {
        let browser = browser(cookies).ok_or_else(|| Problem::new(&CROSS_SITE))?;
        if self.keys.csrf_token_is_right(&browser, token) { Ok(()) } else { Err(Problem::new(&CROSS_SITE)) }
    }
}

/// The one value of a header, `None` without, `Err` with several.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h [u8]>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value.map(|value| value.as_bytes())),
        (_, Some(_)) => Err(()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use axum::http::header::COOKIE;

    pub(in crate::web) fn guard() -> FormGuard {
        let keys = KeyRing::for_test(1, 1);
        FormGuard::new(["https://id.example.jp".to_owned(), "http://127.0.0.1:8080".to_owned()], Arc::new(keys))
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn our_own_pages_pass() {
        let own = "https://id.example.jp";
        for pairs in [
            &[("sec-fetch-site", "same-origin")][..],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-origin"), ("origin", own)],
            &[("origin", own)],
            &[("origin", "http://127.0.0.1:8080")],
        ] {
            assert_eq!(guard().check_source(&headers(pairs)), Ok(()), "{pairs:?}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let own = "https://id.example.jp";
        for pairs in [
            &[][..],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("origin", own)],
            &[("sec-fetch-site", "SAME-ORIGIN")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
            &[("origin", "null")],
            &[("origin", "http://id.example.jp")],
            &[("origin", "https://id.example.jp.evil.example")],
            &[("origin", "https://id.example.jp:8443")],
            &[("origin", own), ("origin", own)],
            &[("referer", "https://id.example.jp/sign-in")],
        ] {
            assert_eq!(guard().check_source(&headers(pairs)), Err(Problem::new(&CROSS_SITE)), "{pairs:?}");
        }
    }

    #[test]
    fn a_token_is_good_for_one_browser_only() {
        let jar = |browser: &Browser| {
            let mut headers = HeaderMap::new();
            let line = format!("__Host-nidan_browser={}", browser_cookie(browser));
            headers.insert(COOKIE, HeaderValue::try_from(line).expect("legal"));
            Cookies::read(&headers).expect("readable")
        };
        let (mine, other) = ([1; 32], [2; 32]);
        let token = guard().token(&mine);
        assert_eq!(guard().check_token(&jar(&mine), &token), Ok(()));
        for (cookies, token) in [
            (jar(&other), token.as_str()),
            (jar(&mine), ""),
            (jar(&mine), "token"),
            (Cookies::read(&HeaderMap::new()).expect("readable"), &token),
        ] {
            assert_eq!(guard().check_token(&cookies, token), Err(Problem::new(&CROSS_SITE)));
        }
    }
}
