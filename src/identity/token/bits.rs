//! Properties: a good token with any one bit changed is refused (not sampled: every
//! bit is tried, for each algorithm), and so is one with any part replaced.

use proptest::prelude::*;

use super::sign::{self, AUDIENCE, ISSUER, NOW, Signer, claims};
use super::{Refusal, verify};
use crate::config::identity::Provider;
use crate::identity::Secret;

fn refused(signer: &Signer) -> Vec<Refusal> {
    let keys = sign::key_set(&[signer.jwk()]);
    let issuer = sign::issuer(Provider::GitHub, ISSUER);
    let token = signer.token(&claims());
    let judge = |text: String| verify(&Secret::new(text), &keys, &issuer, AUDIENCE, NOW);
    assert!(judge(token.clone()).is_ok());
    let mut refused = Vec::new();
    for at in 0..token.len() * 8 {
        let mut bytes = token.clone().into_bytes();
        bytes[at / 8] ^= 1 << (at % 8);
        // The eighth bit makes it no text at all; a token is one.
        let Ok(text) = String::from_utf8(bytes) else { continue };
        match judge(text.clone()) {
            Ok(_) => panic!("{} with bit {at} changed is taken: {text}", signer.alg()),
            Err(reason) => refused.push(reason),
        }
    }
    assert_eq!(refused.len(), token.len() * 7, "each byte of it is ASCII");
    refused
}

fn all_bits(signer: &Signer) {
    let refused = refused(signer);
    let by_signature = refused.iter().filter(|r| **r == Refusal::Signature).count();
    // That is: it was not some check before the signature that caught them all.
    assert!(by_signature > 1000, "{by_signature} of {}", refused.len());
}

#[test]
fn every_bit_of_a_token_signed_with_rs256_counts() {
    all_bits(&Signer::rsa("one", "RS256"));
}

#[test]
fn every_bit_of_a_token_signed_with_ps256_counts() {
    all_bits(&Signer::rsa("one", "PS256"));
}

#[test]
fn every_bit_of_a_token_signed_with_es256_counts() {
    all_bits(&Signer::p256("one"));
}

proptest! {
    #[test]
    fn a_token_with_a_part_replaced_is_refused(
        from in any::<prop::sample::Index>(),
        length in 0_usize..40,
        other in "[A-Za-z0-9_.=-]{0,40}",
    ) {
        let signer = Signer::rsa("one", "RS256");
        let token = signer.token(&claims());
        let from = from.index(token.len());
        let to = (from + length).min(token.len());
        let changed = format!("{}{other}{}", &token[..from], &token[to..]);
        let keys = sign::key_set(&[signer.jwk()]);
        let issuer = sign::issuer(Provider::GitHub, ISSUER);
        let verdict = verify(&Secret::new(changed.clone()), &keys, &issuer, AUDIENCE, NOW);
        prop_assert_eq!(verdict.is_ok(), changed == token);
    }

    #[test]
    fn a_text_is_no_token(text in ".{0,60}") {
        let keys = sign::key_set(&[Signer::rsa("one", "RS256").jwk()]);
        let issuer = sign::issuer(Provider::GitHub, ISSUER);
        prop_assert!(verify(&Secret::new(text), &keys, &issuer, AUDIENCE, NOW).is_err());
    }
}
