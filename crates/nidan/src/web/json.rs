//! JSON bodies, read strictly: one object, each member known, once, of its type (ASVS 15.3.3 to 15.3.7).
//!
//! What a call takes is a type with [`FromObject`], which asks for its members by name. A derived `Deserialize` would do
//! less: it takes an array for an object, drops the place of a mistake, and quotes values in its errors.

use std::fmt;

use axum::body::Body;
use axum::extract::FromRequest;
use axum::http::Request;
use nidan_core::secret::Secret;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::body;
use super::form::{media_type, shown};
use super::problem::{Problem, UNSUPPORTED_TYPE};

/// More members than any object of ours has; it also bounds the search for repeated ones.
const MEMBERS_MAX: usize = 50;
const TOO_MANY_MEMBERS: &str = "too many members";

enum Node {
    Null,
    Bool(bool),
    Integer(i64),
    OtherNumber,
    Text(Secret<String>),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// The members of one JSON object, and where it stands in the body.
pub struct Object {
    path: String,
    members: Vec<(String, Node)>,
}

impl Object {
    /// Reads a whole body.
    ///
    /// # Errors
    /// Malformed: no JSON, bad UTF-8, too deep (128), trailing text, a member twice, not an object.
    pub fn parse(text: &[u8]) -> Result<Self, Problem> {
        match serde_json::from_slice(text) {
            Ok(Node::Object(members)) => Ok(Self { path: String::new(), members }),
            Ok(_) => Err(Problem::malformed("The body must be a JSON object.")),
            Err(error) => Err(syntax_problem(&error)),
        }
    }

    fn take(&mut self, name: &str) -> Option<Node> {
        let place = self.members.iter().position(|(known, _)| known == name)?;
        Some(self.members.swap_remove(place).1)
    }

    /// A member of one type, if it is there. `null` is not the same as absent and has no type that is taken.
    fn typed<T>(&mut self, name: &str, kind: &str, read: impl FnOnce(Node) -> Option<T>) -> Result<Option<T>, Problem> {
        let Some(node) = self.take(name) else { return Ok(None) };
        let wrong = || Problem::malformed(format!("{}{name} must be {kind}.", self.path));
        read(node).map(Some).ok_or_else(wrong)
    }

    fn needed<T>(&self, name: &str, value: Option<T>) -> Result<T, Problem> {
        value.ok_or_else(|| Problem::malformed(format!("{}{name} is missing.", self.path)))
    }

    /// A text, if there.
    ///
    /// # Errors
    /// Malformed: another type.
    pub fn optional_text(&mut self, name: &str) -> Result<Option<Secret<String>>, Problem> {
        self.typed(name, "a string", |node| if let Node::Text(text) = node { Some(text) } else { None })
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// Malformed: missing or another type.
    pub fn text(&mut self, name: &str) -> Result<Secret<String>, Problem> {
        let value = self.optional_text(name)?;
        self.needed(name, value)
    }

    /// `true` or `false`, if there.
    ///
    /// # Errors
    /// Malformed: another type.
    pub fn optional_bool(&mut self, name: &str) -> Result<Option<bool>, Problem> {
        self.typed(name, "true or false", |node| if let Node::Bool(value) = node { Some(value) } else { None })
    }

    /// A whole number, if there.
    ///
    /// # Errors
    /// Malformed: another type, a fraction, or beyond 64 bits.
    pub fn optional_integer(&mut self, name: &str) -> Result<Option<i64>, Problem> {
        self.typed(name, "a whole number", |node| if let Node::Integer(value) = node { Some(value) } else { None })
    }

    /// A list of texts, if there.
    ///
    /// # Errors
    /// Malformed: another type, or an item of another type.
    pub fn optional_texts(&mut self, name: &str) -> Result<Option<Vec<Secret<String>>>, Problem> {
        self.typed(name, "a list of strings", |node| {
            let Node::List(items) = node else { return None };
            items.into_iter().map(|item| if let Node::Text(text) = item { Some(text) } else { None }).collect()
        })
    }

    /// An object inside, if there, read as `T`.
    ///
    /// # Errors
    /// Malformed: another type, or something inside it.
    pub fn optional_object<T: FromObject>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        let members =
            self.typed(name, "an object", |node| if let Node::Object(inner) = node { Some(inner) } else { None })?;
        let path = format!("{}{name}.", self.path);
        members.map(|members| Self { path, members }.read()).transpose()
    }

    /// An object inside that must be there, read as `T`.
    ///
    /// # Errors
    /// Malformed: missing, another type, or something inside it.
    pub fn object<T: FromObject>(&mut self, name: &str) -> Result<T, Problem> {
        let value = self.optional_object(name)?;
        self.needed(name, value)
    }

    /// A member that is there but cannot be what it is, said by whoever knows: `problem("language", "must be ja or en")`.
    pub fn problem(&self, name: &str, what: &str) -> Problem {
        Problem::malformed(format!("{}{name} {what}.", self.path))
    }

    /// Reads the whole object as `T` and refuses what `T` did not take.
    ///
    /// # Errors
    /// Malformed, naming the place.
    pub fn read<T: FromObject>(mut self) -> Result<T, Problem> {
        let value = T::from_object(&mut self)?;
        match self.members.first() {
            None => Ok(value),
            Some((name, _)) if self.path.is_empty() => {
                Err(Problem::malformed(format!("{} is not known.", shown(name))))
            }
            Some((name, _)) => {
                let place = self.path.trim_end_matches('.');
                Err(Problem::malformed(format!("{} in {place} is not known.", shown(name))))
            }
        }
    }
}

/// serde_json's own words may quote the text; the kind of mistake and its place do not.
fn syntax_problem(error: &serde_json::Error) -> Problem {
    let what = match error.classify() {
        serde_json::error::Category::Data if error.to_string().starts_with(TOO_MANY_MEMBERS) => {
            return Problem::malformed("The body has too many members.");
        }
        serde_json::error::Category::Data => return Problem::malformed("A member of the body came twice."),
        serde_json::error::Category::Eof => "ends too early",
        _ => "is not well-formed JSON",
    };
    Problem::malformed(format!("The body {what}: line {}, column {}.", error.line(), error.column()))
}

/// What a call takes.
pub trait FromObject: Sized {
    /// Takes its members; what it leaves is refused by [`Object::read`].
    ///
    /// # Errors
    /// Malformed: a member is missing, of a wrong type, or cannot be.
    fn from_object(object: &mut Object) -> Result<Self, Problem>;
}

/// A JSON body as `T`.
pub struct Json<T>(pub T);

impl<T: FromObject, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        if media_type(&parts.headers).as_deref() != Some("application/json") {
            return Err(Problem::new(&UNSUPPORTED_TYPE).detail("application/json is expected."));
        }
        Object::parse(body::read(body).await?.expose())?.read().map(Self)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(i64::try_from(value).map_or(Node::OtherNumber, Node::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::OtherNumber)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(Secret::new(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(Secret::new(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut members: Vec<(String, Node)> = Vec::new();
        while let Some((name, node)) = entries.next_entry::<String, Node>()? {
            if members.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("twice"));
            }
            if members.len() == MEMBERS_MAX {
                return Err(A::Error::custom(TOO_MANY_MEMBERS));
            }
            members.push((name, node));
        }
        Ok(Node::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Client {
        ip: String,
    }

    struct Call {
        email: String,
        known: Option<bool>,
        groups: usize,
        at: Option<i64>,
        client: Client,
    }

    impl FromObject for Client {
        fn from_object(object: &mut Object) -> Result<Self, Problem> {
            Ok(Self { ip: object.text("ip")?.expose().clone() })
        }
    }

    impl FromObject for Call {
        fn from_object(object: &mut Object) -> Result<Self, Problem> {
            Ok(Self {
                email: object.text("email")?.expose().clone(),
                known: object.optional_bool("known")?,
                groups: object.optional_texts("groups")?.map_or(0, |groups| groups.len()),
                at: object.optional_integer("at")?,
                client: object.object("client")?,
            })
        }
    }

    fn read(text: impl AsRef<[u8]>) -> Result<Call, Problem> {
        Object::parse(text.as_ref())?.read()
    }

    #[test]
    fn what_fits_is_read() {
        let call = read(r#" {"email":"\u4f8b","client":{"ip":"::1"},"groups":["a","b"],"known":false,"at":-3} "#)
            .unwrap_or_else(|problem| panic!("{problem:?}"));
        assert_eq!((call.email.as_str(), call.client.ip.as_str()), ("例", "::1"));
        assert_eq!((call.known, call.groups, call.at), (Some(false), 2, Some(-3)));
    }

    #[test]
    fn what_does_not_names_its_place_and_no_value() {
        let fine = r#""client":{"ip":"::1"}"#;
        for (text, detail) in [
            (format!(r#"{{{fine}}}"#), "email is missing."),
            (format!(r#"{{"email":["hunter2"],{fine}}}"#), "email must be a string."),
            (format!(r#"{{"email":null,{fine}}}"#), "email must be a string."),
            (format!(r#"{{"email":482916,{fine}}}"#), "email must be a string."),
            (format!(r#"{{"email":"a","email":"hunter2",{fine}}}"#), "A member of the body came twice."),
            (r#"{"email":"a","client":{"ip":"a","ip":"b"}}"#.to_owned(), "A member of the body came twice."),
            (r#"{"email":"a","client":["::1"]}"#.to_owned(), "client must be an object."),
            (r#"{"email":"a","client":{}}"#.to_owned(), "client.ip is missing."),
            (r#"{"email":"a","client":{"ip":1}}"#.to_owned(), "client.ip must be a string."),
            (r#"{"email":"a","client":{"ip":"b","x":1}}"#.to_owned(), "The field x in client is not known."),
            (format!(r#"{{"email":"a",{fine},"aal":2}}"#), "The field aal is not known."),
            (format!(r#"{{"email":"a",{fine},"pass word!":2}}"#), "A field is not known."),
            (format!(r#"{{"email":"a",{fine},"known":"true"}}"#), "known must be true or false."),
            (format!(r#"{{"email":"a",{fine},"groups":["a",1]}}"#), "groups must be a list of strings."),
            (format!(r#"{{"email":"a",{fine},"at":1.5}}"#), "at must be a whole number."),
            (format!(r#"{{"email":"a",{fine},"at":9223372036854775808}}"#), "at must be a whole number."),
            (format!(r#"["a",{{{fine}}}]"#), "The body must be a JSON object."),
            ("\"hunter2\"".to_owned(), "The body must be a JSON object."),
            ("".to_owned(), "The body ends too early: line 1, column 0."),
            ("{\"email\":\"hunter".to_owned(), "The body ends too early: line 1, column 16."),
            (format!(r#"{{"email":"a",{fine}}} x"#), "The body is not well-formed JSON: line 1, column 37."),
        ] {
            assert_eq!(read(&text).map(|_| ()), Err(Problem::malformed(detail)), "{text}");
        }
    }

    #[test]
    fn bad_encodings_and_depth_are_refused() {
        for text in [
            &b"{\"email\":\"\xff\"}"[..],
            b"\xef\xbb\xbf{}",
            b"{\"email\":\"\\ud800\"}",
            b"{\"email\":NaN}",
            b"{'email':1}",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
        assert!(read("[".repeat(10_000)).is_err());
        let many: Vec<_> = (0..60).map(|number| format!("\"m{number}\":0")).collect();
        let refused = read(format!("{{{}}}", many.join(","))).map(|_| ());
        assert_eq!(refused, Err(Problem::malformed("The body has too many members.")));
        assert!(read(format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200))).is_err());
    }

    #[tokio::test]
    async fn only_json_is_taken() {
        let call = async |kind: &str| {
            let body = Body::from(r#"{"email":"a","client":{"ip":"b"}}"#);
            let request = Request::post("/").header("content-type", kind).body(body).expect("a request");
            Json::<Call>::from_request(request, &()).await.map(|_| ()).map_err(|problem| problem.kind().status.as_u16())
        };
        assert_eq!(call("application/json").await, Ok(()));
        assert_eq!(call("Application/JSON; charset=utf-8").await, Ok(()));
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
            assert_eq!(call(kind).await, Err(415), "{kind}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = read(bytes);
        }
    }
}
