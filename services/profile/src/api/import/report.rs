//! What an import says while it runs.

use dossier_kernel::Reason;
use dossier_proto::common::v1::ErrorReason;
use dossier_proto::profile::v1::import_customers_response::Part;
use dossier_proto::profile::v1::{
    ImportColumns, ImportCustomersResponse, ImportProgress, ImportRowError, ImportSummary,
};
use dossier_tabular::Origin;
use uuid::Uuid;

use super::super::value::encode_count;
use crate::app::{BatchReport, RowError};
use crate::domain::ImportCounts;

/// Counts what became of the rows so far.
#[derive(Default)]
pub struct Tally {
    summary: ImportSummary,
}

impl Tally {
    /// What to say about one more batch: its errors, then how far the import is. `origins` has one
    /// entry per row of the batch.
    pub fn add(&mut self, report: BatchReport, origins: &[Origin]) -> Vec<ImportCustomersResponse> {
        let BatchReport {
            counts,
            errors,
            cursor,
        } = report;
        let ImportCounts {
            rows,
            created,
            updated,
            unchanged,
            errors: error_count,
        } = counts;
        let first = self.summary.row_count + 1;
        let mut answers: Vec<_> = errors
            .into_iter()
            .map(|error| row_error(error, first, origins))
            .collect();
        self.summary.row_count += encode_count(rows);
        self.summary.created_count += encode_count(created);
        self.summary.updated_count += encode_count(updated);
        self.summary.unchanged_count += encode_count(unchanged);
        self.summary.error_count += encode_count(error_count);
        if let Some(cursor) = cursor {
            self.summary.cursor = cursor;
        }
        let ImportSummary {
            row_count,
            error_count,
            ..
        } = self.summary;
        answers.push(answer(Part::Progress(ImportProgress {
            row_count,
            error_count,
        })));
        answers
    }

    /// Of a dry run.
    pub fn rehearsed(self) -> ImportCustomersResponse {
        answer(Part::Summary(self.summary))
    }

    /// `cursor` covers all of it: what other streams wrote too.
    pub fn done(self, import: Uuid, cursor: String) -> ImportCustomersResponse {
        let own = self.summary.cursor.clone();
        answer(Part::Summary(ImportSummary {
            import_id: import.to_string(),
            cursor: if own.is_empty() { cursor } else { own },
            ..self.summary
        }))
    }
}

pub fn columns(columns: ImportColumns) -> ImportCustomersResponse {
    answer(Part::Columns(columns))
}

fn row_error(error: RowError, first: i64, origins: &[Origin]) -> ImportCustomersResponse {
    let RowError {
        row,
        field,
        reason,
        message,
    } = error;
    let row = encode_count(row);
    let index = usize::try_from(row - first).unwrap_or(usize::MAX);
    let column = match origins.get(index) {
        Some(origin) if !field.is_empty() => origin.column_of(&field),
        _ => field,
    };
    let reason = reason_of(reason).into();
    answer(Part::RowError(ImportRowError {
        row,
        column,
        reason,
        message,
    }))
}

/// Why a row can fail; everything else fails the import.
const fn reason_of(reason: Reason) -> ErrorReason {
    match reason {
        Reason::InvalidArgument => ErrorReason::InvalidArgument,
        Reason::IdentityConflict => ErrorReason::IdentityConflict,
        Reason::FailedPrecondition => ErrorReason::FailedPrecondition,
        Reason::AlreadyExists => ErrorReason::AlreadyExists,
        Reason::LimitExceeded => ErrorReason::LimitExceeded,
        Reason::NotFound => ErrorReason::NotFound,
        Reason::PermissionDenied => ErrorReason::PermissionDenied,
        _ => ErrorReason::Internal,
    }
}

fn answer(part: Part) -> ImportCustomersResponse {
    ImportCustomersResponse { part: Some(part) }
}
