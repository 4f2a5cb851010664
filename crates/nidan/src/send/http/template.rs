//! Texts with names in braces, `Accounts/{account}/Messages`, and how a value is written in each place so that it never
//! becomes more than a value.

use std::fmt::Write;

use zeroize::Zeroizing;

/// A text with names in braces; `{{` and `}}` are braces themselves.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Template(Vec<Part>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Plain(String),
    Name(String),
}

/// What a name stands for. No `Debug`: it may be the text with its code.
pub enum Value {
    /// A text.
    Text(Zeroizing<String>),
    /// A whole number, which JSON writes without quotation marks where it stands alone.
    Number(i64),
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Zeroizing::new(text.into()))
    }

    fn write(&self, into: &mut String, escape: fn(&str, &mut String)) {
        match self {
            Self::Text(text) => escape(text, into),
            Self::Number(number) => {
                let _ = write!(into, "{number}");
            }
        }
    }
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let (brace, behind) = (&rest[at..at + 1], &rest[at + 1..]);
            if behind.starts_with(brace) {
                plain.push_str(brace);
                rest = &behind[1..];
                continue;
            }
            let name = behind.find('}').map(|end| &behind[..end]).filter(|name| brace == "{" && is_name(name));
            let Some(name) = name else {
                return Err(format!("{text}: a brace without a name; write {{name}}, or {{{{ and }}}} for braces"));
            };
            if !plain.is_empty() {
                parts.push(Part::Plain(std::mem::take(&mut plain)));
            }
            parts.push(Part::Name(name.to_owned()));
            rest = &behind[name.len() + 1..];
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Plain(plain));
        }
        Ok(Self(parts))
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

impl Template {
    /// The names in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| if let Part::Name(name) = part { Some(name.as_str()) } else { None })
    }

    /// The text with each name's value, written by `escape`; none when a value is not set.
    pub fn fill(
        &self,
        value: &dyn Fn(&str) -> Option<Value>,
        escape: fn(&str, &mut String),
    ) -> Option<Zeroizing<String>> {
        let mut filled = Zeroizing::new(String::new());
        for part in &self.0 {
            match part {
                Part::Plain(text) => filled.push_str(text),
                Part::Name(name) => value(name)?.write(&mut filled, escape),
            }
        }
        Some(filled)
    }

    /// As a JSON value: a number where a number stands alone, else a text.
    pub fn fill_json(&self, value: &dyn Fn(&str) -> Option<Value>) -> Option<serde_json::Value> {
        if let [Part::Name(name)] = self.0.as_slice()
            && let Value::Number(number) = value(name)?
        {
            return Some(number.into());
        }
        Some(self.fill(value, as_it_is)?.as_str().into())
    }
}

/// The value as it is: where what is around it does the writing (form encoder, JSON, header).
pub fn as_it_is(text: &str, into: &mut String) {
    into.push_str(text);
}

/// The value as one segment of a path or one part of a query: all but the unreserved characters of RFC 3986 §2.3 is
/// percent-encoded.
pub fn percent_encoded(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => into.push(char::from(byte)),
            _ => {
                let _ = write!(into, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn template(text: &str) -> Template {
        Template::try_from(text.to_owned()).expect("a template")
    }

    fn one(name: &str) -> Option<Value> {
        match name {
            "text" => Some(Value::text("a/{b}?\"&#\n𠮷")),
            "number" => Some(Value::Number(-7)),
            _ => None,
        }
    }

    #[test]
    fn names_are_filled_and_braces_kept() {
        let filled = template("{{x}} {number}{text}!").fill(&one, as_it_is).expect("all are set");
        assert_eq!(*filled, "{x} -7a/{b}?\"&#\n𠮷!");
        assert_eq!(template("{a}-{b_2}").names().collect::<Vec<_>>(), ["a", "b_2"]);
        assert!(template("x{unset}").fill(&one, as_it_is).is_none());
    }

    #[test]
    fn a_lone_brace_is_a_mistake() {
        for text in ["{", "}", "a{b", "a}b", "{A}", "{}", "{a b}", "{a}}"] {
            let wrong = Template::try_from(text.to_owned()).expect_err(text);
            assert!(wrong.contains("{name}"), "{wrong}");
        }
    }

    #[test]
    fn numbers_alone_are_numbers_in_json() {
        assert_eq!(template("{number}").fill_json(&one), Some((-7).into()));
        assert_eq!(template("{number}s").fill_json(&one), Some("-7s".into()));
        assert_eq!(template("{text}").fill_json(&one), Some("a/{b}?\"&#\n𠮷".into()));
    }

    proptest! {
        #[test]
        fn a_value_never_leaves_its_segment(text in any::<String>()) {
            let mut encoded = String::new();
            percent_encoded(&text, &mut encoded);
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
            let form = format!("v={encoded}");
            let read: Vec<_> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
            prop_assert_eq!(read, vec![("v".to_owned(), text)]);
        }
    }
}
