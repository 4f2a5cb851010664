//! AWS Signature Version 4 in the Authorization header ("Signing AWS API requests", AWS IAM user guide), as every AWS
//! service but S3 checks it.

use std::collections::BTreeMap;
use std::fmt::Write;

use aws_lc_rs::{digest, hmac};
use nidan_core::secret::Secret;
use nidan_core::time::Timestamp;

use super::template::percent_encoded;

/// Whose request it is, and for which service.
pub struct Signer<'s> {
    /// The access key's id.
    pub access_key: &'s str,
    /// The secret access key.
    pub secret: &'s Secret<String>,
    /// The region, e.g. `ap-northeast-1`.
    pub region: &'s str,
    /// The service's name in signatures, e.g. `sms-voice`.
    pub service: &'s str,
}

/// What is signed of a request. The headers have lower-case names and hold `host` and `x-amz-date`.
pub struct Signed<'r> {
    /// The method.
    pub method: &'r str,
    /// The path as it goes over the wire.
    pub path: &'r str,
    /// The query as it goes over the wire; empty for none.
    pub query: &'r str,
    /// The headers that are signed.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: &'r [u8],
}

/// `20260829T000000Z`: what `x-amz-date` says.
pub fn date(now: Timestamp) -> String {
    let now = jiff::Timestamp::from_millisecond(now.ms()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    now.strftime("%Y%m%dT%H%M%SZ").to_string()
}

impl Signer<'_> {
    /// The value of the Authorization header for a request of `date`, which its header `x-amz-date` says too.
    pub fn authorization(&self, request: &Signed<'_>, date: &str) -> String {
        let day = date.get(..8).unwrap_or(date);
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let names = request.headers.keys().map(String::as_str).collect::<Vec<_>>().join(";");
        let to_sign =
            format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256_hex(canonical(request, &names).as_bytes()));
        let mut key = mac(format!("AWS4{}", self.secret.expose()).as_bytes(), day);
        for part in [self.region, self.service, "aws4_request", &to_sign] {
            key = mac(key.as_ref(), part);
        }
        let signature = hex(key.as_ref());
        format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", self.access_key)
    }
}

fn canonical(request: &Signed<'_>, names: &str) -> String {
    // What is already encoded is encoded once more, segment by segment.
    let path = request.path.split('/').map(encoded).collect::<Vec<_>>().join("/");
    let mut pairs: Vec<(String, String)> = url::form_urlencoded::parse(request.query.as_bytes())
        .map(|(name, value)| (encoded(&name), encoded(&value)))
        .collect();
    pairs.sort();
    let query = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let mut text = format!("{}\n{path}\n{query}\n", request.method);
    for (name, value) in &request.headers {
        let _ = writeln!(text, "{name}:{}", value.trim());
    }
    let _ = write!(text, "\n{names}\n{}", sha256_hex(request.body));
    text
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    percent_encoded(text, &mut encoded);
    encoded
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

/// SHA-256 in lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "20150830T123600Z";

    fn signature(method: &str, query: &str, content_type: Option<&str>, body: &str) -> String {
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned());
        let signer = Signer { access_key: "AKIDEXAMPLE", secret: &secret, region: "us-east-1", service: "service" };
        let mut headers = BTreeMap::from([
            ("host".to_owned(), "example.amazonaws.com".to_owned()),
            ("x-amz-date".to_owned(), DATE.to_owned()),
        ]);
        headers.extend(content_type.map(|kind| ("content-type".to_owned(), kind.to_owned())));
        let request = Signed { method, path: "/", query, headers, body: body.as_bytes() };
        signer.authorization(&request, DATE)
    }

    /// The cases of AWS's Signature Version 4 test suite, by their names there.
    #[test]
    fn the_published_cases() {
        let form = Some("application/x-www-form-urlencoded");
        for (name, signed, expected) in [
            (
                "get-vanilla",
                signature("GET", "", None, ""),
                "SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "post-vanilla",
                signature("POST", "", None, ""),
                "SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "get-vanilla-query-order-key-case",
                signature("GET", "Param2=value2&Param1=value1", None, ""),
                "SignedHeaders=host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "post-x-www-form-urlencoded",
                signature("POST", "", form, "Param1=value1"),
                "SignedHeaders=content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            let head = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ";
            assert_eq!(signed, format!("{head}{expected}"), "{name}");
        }
    }

    #[test]
    fn the_date_is_of_utc() {
        assert_eq!(date(Timestamp::from_ms(1_440_938_160_000)), DATE);
    }
}
