//! Forms and query strings, read strictly: each field known, once, well-formed.
//!
//! What a page's form holds is a type with [`FromFields`]; [`Form`] reads it after the checks of [`super::csrf`]. Values
//! may be secret, so problems name fields and never values.

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, FromRequestParts};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request};
use nidan_core::secret::Secret;

use super::body;
use super::cookies::Cookies;
use super::csrf::FormGuard;
use super::problem::{CROSS_SITE, Problem, UNSUPPORTED_TYPE};

/// The fields of one form or query string.
pub struct Fields(Vec<(String, Secret<String>)>);

/// More fields than any form of ours has.
const FIELDS_MAX: usize = 20;

impl Fields {
    /// Reads `a=1&b=%E4%BE%8B` as browsers write it (application/x-www-form-urlencoded).
    ///
    /// # Errors
    /// Malformed: wrong percent signs, bad UTF-8, a field twice, too many fields.
    pub fn parse(text: &[u8]) -> Result<Self, Problem> {
        let mut fields: Vec<(String, Secret<String>)> = Vec::new();
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let name = decode(&pair[..at]).ok_or_else(badly_encoded)?;
            let value = decode(pair.get(at + 1..).unwrap_or_default()).ok_or_else(badly_encoded)?;
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(Problem::malformed(format!("{} came twice.", shown(&name))));
            }
            if fields.len() == FIELDS_MAX {
                return Err(Problem::malformed("There are too many fields."));
            }
            fields.push((name, Secret::new(value)));
        }
        Ok(Self(fields))
    }

    /// Takes a field that may be missing.
    pub fn optional(&mut self, name: &str) -> Option<Secret<String>> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(place).1)
    }

    /// Takes a field that must be there; it may be empty, which is for the rules to judge.
    ///
    /// # Errors
    /// Malformed, naming the field.
    pub fn required(&mut self, name: &str) -> Result<Secret<String>, Problem> {
        self.optional(name).ok_or_else(|| Problem::malformed(format!("The field {name} is missing.")))
    }

    /// Takes a check box: absent, or sent with the value `yes`.
    ///
    /// # Errors
    /// Malformed for any other value.
    pub fn ticked(&mut self, name: &str) -> Result<bool, Problem> {
        match self.optional(name) {
            None => Ok(false),
            Some(value) if value.expose() == "yes" => Ok(true),
            Some(_) => Err(Problem::malformed(format!("The field {name} has a value that it cannot have."))),
        }
    }

    /// That nothing was sent which nobody takes.
    ///
    /// # Errors
    /// Malformed, naming the field.
    pub fn finish(self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(Problem::malformed(format!("{} is not known here.", shown(name)))),
        }
    }
}

/// A name from outside, if it looks like a name: what somebody pasted into the wrong place is not repeated.
pub(super) fn shown(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if plain && (1..=30).contains(&name.len()) { format!("The field {name}") } else { "A field".to_owned() }
}

fn badly_encoded() -> Problem {
    Problem::malformed("The fields are not well-formed: percent-encoded UTF-8 is expected.")
}

fn decode(text: &[u8]) -> Option<String> {
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => digit(rest.next())? << 4 | digit(rest.next())?,
            byte => *byte,
        });
    }
    String::from_utf8(std::mem::take(&mut *bytes)).ok()
}

fn digit(letter: Option<&u8>) -> Option<u8> {
    char::from(*letter?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// What a form or query string holds.
pub trait FromFields: Sized {
    /// Takes its fields; what it leaves is refused by the caller.
    ///
    /// # Errors
    /// Malformed: a field is missing or cannot be.
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem>;
}

/// A form with nothing in it but its button.
pub struct NoFields;

impl FromFields for NoFields {
    fn from_fields(_: &mut Fields) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// The form of a POST from one of our own pages. Refused with [`CROSS_SITE`] if it is not: see [`super::csrf`].
pub struct Form<T>(pub T);

impl<T: FromFields, S: Send + Sync> FromRequest<S> for Form<T>
where
    FormGuard: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Problem> {
        let guard = FormGuard::from_ref(state);
        let (parts, body) = request.into_parts();
        guard.check_source(&parts.headers)?;
        let cookies = Cookies::read(&parts.headers)?;
        if media_type(&parts.headers).as_deref() != Some("application/x-www-form-urlencoded") {
            return Err(Problem::new(&UNSUPPORTED_TYPE));
        }
        let mut fields = Fields::parse(body::read(body).await?.expose())?;
        let token = fields.optional("csrf").ok_or_else(|| Problem::new(&CROSS_SITE))?;
        guard.check_token(&cookies, token.expose())?;
        let form = T::from_fields(&mut fields)?;
        fields.finish()?;
        Ok(Self(form))
    }
}

/// The query string of a page. `lang` is taken on every page and so never unknown.
pub struct Query<T>(pub T);

impl<T: FromFields, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut fields = Fields::parse(parts.uri.query().unwrap_or_default().as_bytes())?;
        let query = T::from_fields(&mut fields)?;
        let _ = fields.optional("lang");
        fields.finish()?;
        Ok(Self(query))
    }
}

/// The one media type of a body, without parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let essence = value.to_str().ok()?.split(';').next()?.trim();
    Some(essence.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::csrf;
    use proptest::prelude::*;

    struct SignIn {
        email: String,
        trust: bool,
    }

    impl FromFields for SignIn {
        fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
            Ok(Self { email: fields.required("email")?.expose().clone(), trust: fields.ticked("trust_device")? })
        }
    }

    fn request(body: &str, kind: &str) -> Request<Body> {
        let cookie = format!("__Host-nidan_browser={}", csrf::browser_cookie(&[1; 32]));
        Request::post("/")
            .header("origin", "https://id.example.jp")
            .header("cookie", cookie)
            .header("content-type", kind)
            .body(Body::from(body.to_owned()))
            .expect("a request")
    }

    async fn read(body: &str) -> Result<SignIn, Problem> {
        let guard = csrf::tests::guard();
        let body = body.replace("TOKEN", &guard.token(&[1; 32]));
        Form::from_request(request(&body, "application/x-www-form-urlencoded; charset=UTF-8"), &guard)
            .await
            .map(|form| form.0)
    }

    #[tokio::test]
    async fn a_form_of_ours_is_read() {
        let form = read("csrf=TOKEN&email=%E4%BE%8B+a%40b&trust_device=yes").await.unwrap_or_else(|p| panic!("{p:?}"));
        assert_eq!((form.email.as_str(), form.trust), ("例 a@b", true));
        assert!(!read("email=&csrf=TOKEN").await.unwrap_or_else(|p| panic!("{p:?}")).trust);
    }

    #[tokio::test]
    async fn anything_else_is_refused_without_its_values() {
        for (body, detail) in [
            ("csrf=TOKEN", "The field email is missing."),
            ("csrf=TOKEN&email=a&email=hunter2", "The field email came twice."),
            ("csrf=TOKEN&email=a&mfa_required=hunter2", "The field mfa_required is not known here."),
            ("csrf=TOKEN&email=a&Hunter2", "A field is not known here."),
            ("csrf=TOKEN&email=a&trust_device=hunter2", "The field trust_device has a value that it cannot have."),
            ("csrf=TOKEN&email=%", "The fields are not well-formed: percent-encoded UTF-8 is expected."),
            ("csrf=TOKEN&email=%4", "The fields are not well-formed: percent-encoded UTF-8 is expected."),
            ("csrf=TOKEN&email=%zz", "The fields are not well-formed: percent-encoded UTF-8 is expected."),
            ("csrf=TOKEN&email=%+1", "The fields are not well-formed: percent-encoded UTF-8 is expected."),
            ("csrf=TOKEN&email=%FF", "The fields are not well-formed: percent-encoded UTF-8 is expected."),
        ] {
            let problem = read(body).await.map(|_| ()).expect_err(body);
            assert_eq!(problem, Problem::malformed(detail), "{body}");
        }
        let many: String = (0..30).map(|number| format!("f{number}=1&")).collect();
        assert_eq!(read(&many).await.map(|_| ()), Err(Problem::malformed("There are too many fields.")));
    }

    #[tokio::test]
    async fn the_token_is_needed() {
        for body in ["email=a", "email=a&csrf=", "email=a&csrf=TOKENx"] {
            assert_eq!(read(body).await.map(|_| ()), Err(Problem::new(&CROSS_SITE)), "{body}");
        }
    }

    #[tokio::test]
    async fn other_types_and_sources_are_refused() {
        let guard = csrf::tests::guard();
        let body = format!("email=a&csrf={}", guard.token(&[1; 32]));
        for kind in ["text/plain", "application/json", "multipart/form-data; boundary=x", ""] {
            let refused = Form::<SignIn>::from_request(request(&body, kind), &guard).await.map(|_| ());
            assert_eq!(refused, Err(Problem::new(&UNSUPPORTED_TYPE)), "{kind}");
        }
        let mut foreign = request(&body, "application/x-www-form-urlencoded");
        foreign.headers_mut().insert("origin", "https://evil.example".parse().expect("legal"));
        assert_eq!(Form::<SignIn>::from_request(foreign, &guard).await.map(|_| ()), Err(Problem::new(&CROSS_SITE)));
    }

    #[tokio::test]
    async fn query_strings_are_read_likewise() {
        let query = async |uri: &str| {
            let (mut parts, ()) = Request::get(uri).body(()).expect("a request").into_parts();
            Query::<SignIn>::from_request_parts(&mut parts, &()).await.map(|query| query.0.email)
        };
        assert_eq!(query("/?email=a%26b&lang=ja").await, Ok("a&b".to_owned()));
        assert!(query("/?lang=ja").await.is_err());
        assert!(query("/?email=a&x=1").await.is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Fields::parse(&bytes);
        }

        #[test]
        fn what_browsers_write_reads_back(value: String) {
            let text: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("a", &value).finish();
            let mut fields = Fields::parse(text.as_bytes()).expect("well-formed");
            let read = fields.required("a").expect("there");
            prop_assert_eq!(read.expose(), &value);
        }
    }
}
