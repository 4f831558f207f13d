//! A PPO in Rust, judged by the gate (docs/protocol.md), without any crate:
//!
//!     rustc --edition 2021 -O -o ppo docs/examples/exec/ppo.rs && ppocore check --exec ./ppo
//!
//! The reader below is none of JSON in general.  It relies on what the gate promises of the lines it sends: each is
//! one object on one line, written as {"name": value, ...}, and no name occurs twice.

use std::io::{self, BufRead, Write};

const HELLO: &str = r#"{"name": "PPO in Rust", "language": "Rust", "dtype": "float64", "operations": {
    "token_gae": ["rewards", "values", "mask", "gamma", "gae_lambda"],
    "masked_mean": ["x", "mask"]}}"#;

/// The text of one input.
fn value<'a>(line: &'a str, name: &str) -> &'a str {
    let key = format!("\"{name}\": ");
    let start = line.find(&key).unwrap_or_else(|| panic!("no {name} in the question")) + key.len();
    let rest = &line[start..];
    let mut depth = 0;
    for (place, character) in rest.char_indices() {
        match character {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        if depth < 0 || (depth == 0 && matches!(character, ',' | '}')) {
            return &rest[..place];
        }
    }
    rest
}

/// A number, or a flag as 0 or 1; Rust reads nan, inf and -inf by itself.
fn number(text: &str) -> f64 {
    match text.trim_matches(|c: char| " []\"".contains(c)) {
        "true" => 1.0,
        "false" => 0.0,
        digits => digits.parse().expect("a number"),
    }
}

fn rows(line: &str, name: &str) -> Vec<Vec<f64>> {
    value(line, name).split("], [").map(|row| row.split(',').map(number).collect()).collect()
}

/// GAE over the valid tokens of each row; the value after the last one is 0.
fn token_gae(rewards: &[f64], values: &[f64], mask: &[f64], gamma: f64, lambda: f64) -> Vec<f64> {
    let mut advantages = vec![0.0; rewards.len()];
    let (mut carry, mut next) = (0.0, 0.0);
    for t in (0..rewards.len()).rev().filter(|&t| mask[t] != 0.0) {
        carry = rewards[t] + gamma * next - values[t] + gamma * lambda * carry;
        next = values[t];
        advantages[t] = carry;
    }
    advantages
}

fn masked_mean(x: &[Vec<f64>], mask: &[Vec<f64>]) -> f64 {
    let pairs = x.iter().flatten().zip(mask.iter().flatten()).filter(|(_, &valid)| valid != 0.0);
    let (sum, count) = pairs.fold((0.0, 0.0), |(sum, count), (x, _)| (sum + x, count + 1.0));
    sum / count
}

/// Numbers as JSON: the three that it lacks as strings.
fn shown(x: f64) -> String {
    if x.is_finite() { format!("{x:?}") } else { format!("\"{}\"", x.to_string().to_lowercase()) }
}

fn outputs(line: &str) -> String {
    let mask = rows(line, "mask");
    if value(line, "operation") == "\"masked_mean\"" {
        return format!("\"mean\": {}", shown(masked_mean(&rows(line, "x"), &mask)));
    }
    let (rewards, values) = (rows(line, "rewards"), rows(line, "values"));
    let (gamma, lambda) = (number(value(line, "gamma")), number(value(line, "gae_lambda")));
    let advantages: Vec<String> = (0..mask.len())
        .map(|row| token_gae(&rewards[row], &values[row], &mask[row], gamma, lambda))
        .map(|row| format!("[{}]", row.into_iter().map(shown).collect::<Vec<_>>().join(", ")))
        .collect();
    format!("\"advantages\": [{}]", advantages.join(", "))
}

fn main() -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let line = line?;
        match value(&line, "cmd") {
            "\"start\"" => println!("{}", HELLO.replace('\n', "")),
            "\"run\"" => println!("{{\"seq\": {}, \"outputs\": {{{}}}}}", value(&line, "seq"), outputs(&line)),
            _ => break,
        }
        io::stdout().flush()?;
    }
    Ok(())
}
