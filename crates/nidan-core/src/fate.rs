//! What is left when a thing is lost: two methods on one phone are lost together.

use crate::id::AuthenticatorId;

/// A confirmed method and the thing that it lives on.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// The method.
    pub id: AuthenticatorId,
    /// What its owner calls the thing; equal names mean one thing.
    pub lives_on: Option<&'a str>,
    /// What to call the method by where its owner named no thing: it is one of its own then.
    pub otherwise: &'a str,
}

/// A thing that may be lost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loss<'a> {
    /// The thing.
    pub lose: &'a str,
    /// The methods that are still there without it.
    pub still_works: Vec<AuthenticatorId>,
}

/// Each thing once, in the order of `held`, with what its loss leaves.
pub fn shared_fate<'a>(held: &[Held<'a>]) -> Vec<Loss<'a>> {
    let together = |one: &Held<'_>, other: &Held<'_>| {
        one.id == other.id || (one.lives_on.is_some() && one.lives_on == other.lives_on)
    };
    let first_of_its_thing = |place: usize| !held[..place].iter().any(|earlier| together(earlier, &held[place]));
    (0..held.len())
        .filter(|place| first_of_its_thing(*place))
        .map(|place| {
            let lost = &held[place];
            let left = held.iter().filter(|other| !together(lost, other));
            Loss { lose: lost.lives_on.unwrap_or(lost.otherwise), still_works: left.map(|other| other.id).collect() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(n: u8, lives_on: Option<&'static str>) -> Held<'static> {
        Held { id: AuthenticatorId::from_bytes([n; 16]), lives_on, otherwise: "sms" }
    }

    fn fate(held: &[Held<'static>]) -> Vec<(&'static str, Vec<u8>)> {
        let losses = shared_fate(held).into_iter();
        losses.map(|loss| (loss.lose, loss.still_works.iter().map(|id| id.as_bytes()[0]).collect())).collect()
    }

    #[test]
    fn what_lives_on_one_thing_is_lost_together() {
        assert_eq!(fate(&[]), []);
        assert_eq!(fate(&[held(1, Some("phone")), held(2, Some("phone"))]), [("phone", vec![])]);
        assert_eq!(
            fate(&[held(1, Some("phone")), held(2, Some("tablet")), held(3, Some("phone"))]),
            [("phone", vec![2]), ("tablet", vec![1, 3])]
        );
    }

    #[test]
    fn what_has_no_name_stands_for_itself() {
        assert_eq!(fate(&[held(1, None), held(2, None)]), [("sms", vec![2]), ("sms", vec![1])]);
    }
}
