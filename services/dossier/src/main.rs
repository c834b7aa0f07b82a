//! `dossier`: the suite in one process, and the command line.

fn main() -> std::process::ExitCode {
    dossier::run()
}
