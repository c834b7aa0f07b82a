//! Imports as messages, and requests about them to commands.

use dossier_db::Once;
use dossier_kernel::Result;
use dossier_proto::profile::v1 as wire;
use uuid::Uuid;

use super::request::{self, invalid};
use super::value::{encode_count, encode_time};
use crate::domain::{Import, ImportCounts, ImportState, Violations};

pub fn encode(import: Import) -> wire::Import {
    let Import {
        id,
        state,
        create_time,
        update_time,
        creator,
        counts,
        undone_count,
        kept_count,
    } = import;
    let state = match state {
        ImportState::Running => wire::ImportState::Running,
        ImportState::Succeeded => wire::ImportState::Succeeded,
        ImportState::Undoing => wire::ImportState::Undoing,
        ImportState::Undone => wire::ImportState::Undone,
    };
    let ImportCounts {
        rows,
        created,
        updated,
        unchanged,
        errors,
    } = counts;
    wire::Import {
        name: Import::name_of(id),
        state: state.into(),
        create_time: Some(encode_time(create_time)),
        update_time: Some(encode_time(update_time)),
        creator,
        row_count: encode_count(rows),
        created_count: encode_count(created),
        updated_count: encode_count(updated),
        unchanged_count: encode_count(unchanged),
        error_count: encode_count(errors),
        undone_count: encode_count(undone_count),
        kept_count: encode_count(kept_count),
    }
}

pub fn undo(asked: wire::UndoImportRequest) -> Result<(Uuid, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "ImportService/UndoImport";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let id = name(&asked.name)?;
    problems.into_result()?;
    Ok((id, once))
}

/// The id of an import.
pub fn name(name: &str) -> Result<Uuid> {
    let id = name
        .split_once('/')
        .filter(|(collection, _)| *collection == Import::COLLECTION)
        .and_then(|(_, id)| Uuid::try_parse(id).ok());
    id.ok_or_else(|| invalid("name", "must be imports/{import} with a UUID"))
}
