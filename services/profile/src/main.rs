//! Profile alone in a process.

fn main() -> std::process::ExitCode {
    dossier_runtime::main(dossier_profile::recipe())
}
