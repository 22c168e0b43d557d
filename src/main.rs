//! Arguments → configuration → logging → command → exit code; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    valhalla_ingest::cli::main()
}
