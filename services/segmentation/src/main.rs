//! The segmentation service as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    dossier_runtime::main(dossier_segmentation::recipe())
}
