//! What signatures cost by themselves, in one thread: the yardstick for tokens in docs/benchmarks.md. And client assertions
//! made beforehand, so that a load generator need not sign.
//!
//! `cargo run --release --example raw_signatures -- rates 2` prints a line of JSON for each algorithm: microseconds for a
//! signature and for its verification, measured for 2 seconds each.
//! `… -- assertions FILE COUNT CLIENT AUDIENCE` writes a public key in a line, and then assertions that are good for five
//! minutes.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use jsonwebtoken::{DecodingKey, crypto};
use provost::auth::key_pair::KeyPair;
use provost::domain::signing::Algorithm;
use provost::runtime::{Clock, random};
use serde_json::{Value, json};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const USAGE: &str = "rates SECONDS, or assertions FILE COUNT CLIENT AUDIENCE";

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["rates", seconds] => rates(Duration::from_secs_f64(seconds.parse()?)),
        ["assertions", file, count, client, audience] => assertions(file, count.parse()?, client, audience),
        _ => Err(USAGE.into()),
    }
}

fn rates(each: Duration) -> Outcome {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        let pair = KeyPair::read(algorithm, &KeyPair::make(algorithm)?)?;
        // As long as a token of an account with a few roles.
        let message = vec![b'a'; 500];
        let sign_us = micros(each, || {
            pair.sign(&message)?;
            Ok(())
        })?;
        let signature = BASE64_URL_SAFE_NO_PAD.encode(pair.sign(&message)?);
        let key = DecodingKey::from_jwk(&serde_json::from_value(pair.public())?)?;
        let verify_us = micros(each, || match crypto::verify(&signature, &message, &key, algorithm.name().parse()?)? {
            true => Ok(()),
            false => Err("a signature of ours is not good".into()),
        })?;
        let told = json!({ "algorithm": algorithm.name(), "sign_us": sign_us, "verify_us": verify_us });
        #[expect(clippy::print_stdout, reason = "an example tells its result")]
        {
            println!("{told}");
        }
    }
    Ok(())
}

/// Microseconds for one, over so long.
fn micros(each: Duration, mut one: impl FnMut() -> Outcome) -> Result<f64, Box<dyn std::error::Error>> {
    let (began, mut count) = (Instant::now(), 0_u32);
    while began.elapsed() < each {
        // Reading the clock costs too.
        for _ in 0..16 {
            one()?;
        }
        count += 16;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(count))
}

fn assertions(file: &str, count: usize, client: &str, audience: &str) -> Outcome {
    let pair = KeyPair::read(Algorithm::EdDsa, &KeyPair::make(Algorithm::EdDsa)?)?;
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let mut jwk = pair.public();
    jwk["kid"] = "measured".into();
    let mut out = format!("{jwk}\n");
    let header = part(&json!({ "alg": "EdDSA", "kid": "measured" }));
    for _ in 0..count {
        let now = Clock::system().now().micros() / 1_000_000;
        let claims = json!({
            "iss": client, "sub": client, "aud": audience, "iat": now, "exp": now + 295, "jti": random::key().to_string(),
        });
        let message = format!("{header}.{}", part(&claims));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes())?);
        writeln!(out, "{message}.{signature}")?;
    }
    Ok(std::fs::write(file, out)?)
}
