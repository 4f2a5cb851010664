//! `/security/password`: another password.

use askama::Template;

use super::{Frame, PasswordProblem};

/// Why the password was not changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ChangeProblem {
    /// The current one was left empty, or is another.
    Current,
    /// The new one is not taken.
    New(PasswordProblem),
    /// The new one is the current one.
    Same,
}

/// `/security/password`.
#[derive(Template)]
#[template(path = "password.html")]
pub struct Password<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// Whether the password is changed here, and not at the site.
    pub kept_here: bool,
    /// Why it was not changed.
    pub problem: Option<ChangeProblem>,
    /// Least length of a password, in characters of one byte.
    pub password_length_min: usize,
}

impl Password<'_> {
    fn current_is_wrong(&self) -> bool {
        self.problem == Some(ChangeProblem::Current)
    }

    /// What is wrong with the new one.
    fn new_problem(&self) -> Option<&'static str> {
        match self.problem? {
            ChangeProblem::Current => None,
            ChangeProblem::New(problem) => Some(problem.key()),
            ChangeProblem::Same => Some("password-same"),
        }
    }
}
