//! Compiles the contract without protoc and refuses strings that nobody classed.

use std::path::{Path, PathBuf};

use protox::prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    println!("cargo::rerun-if-changed={}", root.join("dossier").display());
    let mut files = Vec::new();
    find_protos(&root.join("dossier"), &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new([&root])?;
    compiler
        .include_source_info(true)
        .include_imports(true)
        .open_files(&files)?;
    check_classes(&compiler)?;

    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(
        out.join("descriptors.bin"),
        compiler.encode_file_descriptor_set(),
    )?;
    tonic_prost_build::configure()
        .btree_map(".")
        // A derived Debug would print personal data into the first log line that asks for it.
        .skip_debug(["."])
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

fn find_protos(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            find_protos(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "proto")
        {
            files.push(path);
        }
    }
    Ok(())
}

/// Encryption, masking and erasure follow the `(data)` option, so a text field without one is a
/// hole in all three.
fn check_classes(compiler: &protox::Compiler) -> Result<(), Failure> {
    let pool = compiler.descriptor_pool();
    let option = pool
        .get_extension_by_name("dossier.common.v1.data")
        .ok_or("no (data) option")?;
    let classed = |field: &FieldDescriptor| {
        let options: DynamicMessage = field.options();
        let Value::Message(policy) = options.get_extension(&option).into_owned() else {
            return false;
        };
        policy
            .get_field_by_name("class")
            .and_then(|class| class.as_enum_number())
            .unwrap_or(0)
            != 0
    };
    let texts = |message: &MessageDescriptor| {
        message
            .fields()
            .filter(|field| matches!(field.kind(), Kind::String | Kind::Bytes))
            .filter(|field| !classed(field))
            .map(|field| field.full_name().to_owned())
            .collect::<Vec<_>>()
    };
    let bare: Vec<String> = pool
        .all_messages()
        .filter(|message| message.package_name().starts_with("dossier.") && !message.is_map_entry())
        .flat_map(|message| texts(&message))
        .collect();
    if bare.is_empty() {
        return Ok(());
    }
    Err(format!(
        "string or bytes fields without a (data) class: {}",
        bare.join(", ")
    )
    .into())
}
