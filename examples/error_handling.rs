//! Everything that can go wrong, and how it is told: `cargo run --example error_handling`.
//!
//! A file that cannot be read is an error. A row that breaks a rule is data: it is told with every issue it has, and the
//! next row follows.

use std::path::Path;
use std::{env, fs, io};

use valhalla_ingest::ingestion::{Ingestion, IngestionError, RowError};

fn main() -> io::Result<()> {
    let folder = env::temp_dir().join(format!("valhalla-example-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("slip.csv"), "name,e_mial,value\nPia Holm,pia.holm@example.com,410000\n")?;
    fs::write(folder.join("picture.csv"), b"\x89PNG\r\n\x1a\n0000")?;
    fs::write(folder.join("empty.csv"), "")?;
    fs::write(
        folder.join("rows.csv"),
        "name,email,value\nPia Holm,pia.holm@example.com,410000\n,john.example.com,abc\nRoy Kern,roy.kern@example.com,-5\ntorn li\n",
    )?;

    for name in ["nowhere.csv", "slip.csv", "picture.csv", "empty.csv", "", "rows.csv"] {
        read(&folder.join(name));
    }
    fs::remove_dir_all(folder)
}

fn read(path: &Path) {
    match Ingestion::open(path) {
        Ok(ingestion) => read_rows(&ingestion),
        Err(error @ IngestionError::NotFound { .. }) => println!("not there:   {error}"),
        Err(error @ IngestionError::Unreadable { .. }) => println!("unreadable:  {error}"),
        Err(IngestionError::File { path, error }) => {
            println!("{:<12} {}\n{:13}→ {}", format!("{}:", error.code), path.display(), "", error.what);
            println!("{:13}→ {}", "", error.remedy);
        }
    }
}

fn read_rows(ingestion: &Ingestion) {
    for row in ingestion.leads() {
        match row {
            Ok(lead) => println!("taken:       {}", lead.name),
            Err(RowError::Rejected(rejected)) => {
                println!("rejected:    row {}, line {}", rejected.row, rejected.line);
                for issue in rejected.issues {
                    println!("{:13}{}: {}", "", issue.code.as_str(), issue.message);
                }
            }
            Err(RowError::Unread(error)) => println!("stopped:     {error}"),
        }
    }
}
