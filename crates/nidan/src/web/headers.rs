//! The headers that every answer carries, whoever made it (ASVS 3.4, 14.3.2).

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};

/// Says on an answer that browsers and proxies may keep it for good, because its address changes with its content.
pub const KEEP_FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

const FIXED: [(HeaderName, &str); 7] = [
    (STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not no-referrer: browsers then send "Origin: null" with our own forms.
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("x-frame-options"), "DENY"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// The headers, made once at start.
#[derive(Clone)]
pub struct SecurityHeaders {
    content_security_policy: HeaderValue,
}

impl SecurityHeaders {
    /// `style_sha256` is the SHA-256 of the text between `<style>` and `</style>`, the one stylesheet that pages inline.
    pub fn new(style_sha256: &[u8; 32]) -> Self {
        use base64::Engine;
        let hash = base64::engine::general_purpose::STANDARD.encode(style_sha256);
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
             form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        );
        let content_security_policy =
            HeaderValue::try_from(policy).expect("base64 and fixed ASCII text are a legal header value");
        Self { content_security_policy }
    }

    /// Puts them on an answer. `Cache-Control` is kept where the handler set one, and is `no-store` otherwise.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in FIXED {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(CONTENT_SECURITY_POLICY, self.content_security_policy.clone());
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_gets_them_and_only_caching_can_be_chosen() {
        let mut headers = HeaderMap::new();
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("unsafe-url"));
        SecurityHeaders::new(&[0; 32]).apply(&mut headers);
        assert_eq!(headers[REFERRER_POLICY], "same-origin");
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().expect("text");
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(policy.contains("style-src 'sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='"), "{policy}");
        assert!(!policy.contains("unsafe"));
        let age = headers[STRICT_TRANSPORT_SECURITY].to_str().expect("text");
        assert!(age.starts_with("max-age=63072000"), "two years: {age}");

        let mut asset = HeaderMap::new();
        asset.insert(CACHE_CONTROL, KEEP_FOR_GOOD);
        SecurityHeaders::new(&[0; 32]).apply(&mut asset);
        assert_eq!(asset[CACHE_CONTROL], KEEP_FOR_GOOD);
    }
}
