//! What can be typed.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::command::{
    access, apikey, audit, consent, customer, duplicate, erase, export, health, hold, import,
    imports, keys, merge, migrate, privacy, relationship, report, restored, segment, serve, tag,
    token,
};
use crate::demo;
use crate::failure::{Failure, Result};
use crate::output::Output;

#[derive(Parser)]
#[command(
    name = "dossier",
    version,
    about = "A headless customer-data core: four gRPC services, one command",
    after_help = "Examples:\n  \
        dossier demo --once                          real purchases in, classes and segments out\n  \
        dossier serve --data-dir ./data              all four services on 127.0.0.1:50050\n  \
        dossier import customers.csv                 with progress, refused rows to a file\n  \
        dossier customer list --filter 'tags:\"vip\"'  who is who\n\n\
        Exit codes: 0 done, 1 refused, 64 usage or configuration, 65 rows left out, 69 no answer, \
        70 internal, 74 a file or pipe, 77 not allowed.",
    propagate_version = true
)]
struct Cli {
    /// Answer with one JSON document on standard output
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the suite, or some of its services
    Serve(serve::Serve),
    /// Show the suite at work on the purchases of 2,357 real customers
    Demo(demo::Demo),
    /// Bring the databases to the current schema
    Migrate(migrate::Migrate),
    /// Tell followers that the data was put back from a backup
    Restored(restored::Restored),
    /// Ask whether a suite is serving
    Health(health::Health),
    /// Replace keys, and see which there are
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Make a token that a running suite accepts
    Token(token::Token),
    /// Make, list and revoke the keys of programs
    #[command(subcommand)]
    Apikey(apikey::Apikey),
    /// Ask why a call is allowed or refused
    #[command(subcommand)]
    Access(access::Access),
    /// Read who did what, and find out whether anybody changed it
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Check what was erased
    #[command(subcommand)]
    Erase(erase::Erase),
    /// Enter and follow what people ask for about their data
    #[command(subcommand)]
    Privacy(privacy::Privacy),
    /// Keep customers from being erased, and let them go
    #[command(subcommand)]
    Hold(hold::Hold),
    /// Import customers from a CSV, NDJSON, XLSX or vCard file
    Import(import::Import),
    /// See what imports did, and take it back
    #[command(subcommand)]
    Imports(imports::Imports),
    /// Export customers to a CSV, NDJSON, XLSX or vCard file
    Export(export::Export),
    /// Read customers and their histories, and bring back what they were
    #[command(subcommand)]
    Customer(customer::Customer),
    /// Read and write what customers agreed to
    #[command(subcommand)]
    Consent(consent::Consent),
    /// Read and write how customers belong together
    #[command(subcommand)]
    Relationship(relationship::Relationship),
    /// Find customers that are in the files twice, and decide about them
    #[command(subcommand)]
    Duplicate(duplicate::Duplicate),
    /// Make one customer of several, and take it back
    #[command(subcommand)]
    Merge(merge::Merge),
    /// List, rename and merge tags
    #[command(subcommand)]
    Tag(tag::Tag),
    /// Try rules and see who is in a segment
    #[command(subcommand)]
    Segment(segment::Segment),
    /// Print totals, RFM and the frequency × amount matrix; a survey's results too
    Report(report::Report),
}

/// Parses the command line, does what it says and answers with the exit code of the README.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let asked_for = !error.use_stderr();
            // Nobody is left to tell when even this cannot be written.
            let _ = error.print();
            return if asked_for {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(64)
            };
        }
    };
    let output = Output::new(cli.json);
    match execute(cli.command, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn execute(command: Command, output: &Output) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("the threads of this process", error))?;
    let done = runtime.block_on(async {
        match command {
            Command::Serve(serve) => serve.run().await,
            Command::Demo(demo) => demo.run(output).await,
            Command::Migrate(migrate) => migrate.run(output).await,
            Command::Restored(restored) => restored.run(output).await,
            Command::Health(health) => health.run(output).await,
            Command::Keys(keys) => keys.run(output).await,
            Command::Token(token) => token.run(output),
            Command::Apikey(apikey) => apikey.run(output).await,
            Command::Access(access) => access.run(output).await,
            Command::Audit(audit) => audit.run(output).await,
            Command::Erase(erase) => erase.run(output),
            Command::Privacy(privacy) => privacy.run(output).await,
            Command::Hold(hold) => hold.run(output).await,
            Command::Import(import) => import.run(output).await,
            Command::Export(export) => export.run(output).await,
            Command::Customer(customer) => customer.run(output).await,
            Command::Consent(consent) => consent.run(output).await,
            Command::Relationship(relationship) => relationship.run(output).await,
            Command::Imports(imports) => imports.run(output).await,
            Command::Duplicate(duplicate) => duplicate.run(output).await,
            Command::Merge(merge) => merge.run(output).await,
            Command::Tag(tag) => tag.run(output).await,
            Command::Segment(segment) => segment.run(output).await,
            Command::Report(report) => report.run(output).await,
        }
    });
    // What still runs was cut on purpose: nobody waits for it.
    runtime.shutdown_background();
    done
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            let nested: Vec<_> = command.get_subcommands().collect();
            let all = if nested.is_empty() {
                vec![command]
            } else {
                nested
            };
            for command in all {
                let help = command
                    .get_after_help()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                assert!(
                    help.contains("dossier "),
                    "{} has no example",
                    command.get_name()
                );
            }
        }
    }
}
