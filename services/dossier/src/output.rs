//! Data to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use dossier_rpc::reason_name;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::json;

use crate::failure::{Failure, Result};

#[derive(Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Answers: the value as JSON where that was asked for, else the text.
    pub fn answer(self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<()> {
        let words = if self.json {
            serde_json::to_string_pretty(value)
                .map_err(|error| Failure::io("the answer", io::Error::other(error)))?
        } else {
            printable(&text())
        };
        let mut out = io::stdout().lock();
        match writeln!(out, "{}", words.trim_end()).and_then(|()| out.flush()) {
            // Whoever reads, such as `head`, has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            outcome => outcome.map_err(|error| Failure::io("standard output", error)),
        }
    }

    /// Says something beside the data.
    pub fn say(self, words: &str) {
        // Nobody is left to tell when even this cannot be written.
        let _ = writeln!(io::stderr().lock(), "{}", printable(words));
    }

    pub fn failure(self, failure: &Failure) {
        let message = failure.to_string();
        let violations = failure.error().map_or(&[][..], |error| error.violations());
        if self.json {
            let violations: Vec<_> = violations
                .iter()
                .map(|one| json!({ "field": one.field, "description": one.description }))
                .collect();
            let document = json!({ "error": {
                "exit_code": failure.exit_code(),
                "reason": failure.error().map(|error| reason_name(error.reason())),
                "message": message,
                "violations": violations,
            }});
            self.say(&document.to_string());
            return;
        }
        self.say(&format!("error: {message}"));
        // A single violation is often the whole message.
        for one in violations
            .iter()
            .filter(|one| !message.contains(&one.description))
        {
            self.say(&format!("  {}: {}", one.field, one.description));
        }
    }

    /// A bar with rate and time left on a terminal; nothing where nobody looks.
    pub fn progress(self, length: u64, template: &str) -> ProgressBar {
        let shown = io::stderr().is_terminal();
        let target = if shown {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("█▉▊▋▌▍▎▏ ");
        let bar = ProgressBar::with_draw_target(Some(length), target).with_style(style);
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

/// The text without what a terminal obeys: names and pages were written by strangers.
fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_who_is_listed_commands_the_terminal() {
        let listed = "客户\tAda\n\u{1b}]0;owned\u{7}\u{9b}2J";
        assert_eq!(
            printable(listed),
            "客户\tAda\n\u{fffd}]0;owned\u{fffd}\u{fffd}2J"
        );
    }
}
