//! The language that somebody is answered in.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use nidan_core::language::Language;

use super::cookies::{CookieName, Cookies};

/// The language chosen before in this browser, else that of the account that is signed in to, else the one that the browser
/// asks for, else the site's.
pub fn choose(cookies: Option<&Cookies>, account: Option<Language>, headers: &HeaderMap, site: Language) -> Language {
    let chosen = cookies.and_then(|cookies| cookies.get(CookieName::Language));
    let chosen = chosen.and_then(|tag| Language::from_tag(tag.expose()));
    let asked = || Language::negotiate(headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?);
    chosen.or(account).or_else(asked).unwrap_or(site)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use axum::http::header::COOKIE;

    #[test]
    fn the_readers_choice_goes_before_the_accounts_before_the_browsers_before_the_sites() {
        let mut headers = HeaderMap::new();
        let signed_in = |headers: &HeaderMap, account| {
            choose(Cookies::read(headers).ok().as_ref(), account, headers, Language::Ja).tag()
        };
        let choice = |headers: &HeaderMap| signed_in(headers, None);
        assert_eq!(choice(&headers), "ja");
        assert_eq!(signed_in(&headers, Some(Language::En)), "en");
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static("fr, en-GB;q=0.8"));
        assert_eq!(choice(&headers), "en");
        assert_eq!(signed_in(&headers, Some(Language::Ja)), "ja");
        headers.insert(COOKIE, HeaderValue::from_static("__Host-nidan_lang=ja"));
        assert_eq!(choice(&headers), "ja");
        assert_eq!(signed_in(&headers, Some(Language::En)), "ja");
        headers.insert(COOKIE, HeaderValue::from_static("__Host-nidan_lang=fr"));
        assert_eq!(choice(&headers), "en");
    }
}
