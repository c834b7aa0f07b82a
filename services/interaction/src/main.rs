//! The interaction service on its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    dossier_runtime::main(dossier_interaction::recipe())
}
