//! A text that must not be seen: a token, a request token, a password.
//!
//! Has no `Display`, no `Serialize`, no comparison and no copy; a test holds
//! that. Its memory is overwritten when it is dropped.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::name::Digest;

/// A text that must not be seen.
pub struct Secret(SecretString);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// The text, for the one place that sends it. Never for a message, a record,
    /// a file or a process's arguments.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Its SHA-256: what a record may say of a token that nobody chose.
    pub fn digest(&self) -> Digest {
        Digest::of(self.expose().as_bytes())
    }

    /// Hands the secret to a library that knows the same type.
    pub fn into_inner(self) -> SecretString {
        self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    /// Does not compile where the type has the trait: then there are two to choose
    /// from.
    macro_rules! lacks {
        ($type:ty, $bound:path) => {{
            trait Either<Which> {
                fn is_clear() -> bool {
                    true
                }
            }
            struct Has;
            impl<T: ?Sized> Either<()> for T {}
            impl<T: ?Sized + $bound> Either<Has> for T {}
            <$type as Either<_>>::is_clear()
        }};
    }

    #[test]
    fn it_cannot_be_shown_written_compared_or_copied() {
        assert!(lacks!(Secret, fmt::Display) && lacks!(Secret, Serialize) && lacks!(Secret, Clone));
        assert!(lacks!(Secret, PartialEq) && lacks!(Secret, AsRef<str>) && lacks!(Secret, Into<String>));
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!((format!("{secret:?}"), secret.expose()), ("Secret".to_owned(), "hunter2"));
        assert_eq!(secret.digest(), Digest::of(b"hunter2"));
        assert!(!format!("{:?}", secret.into_inner()).contains("hunter2"));
    }
}
