//! Many files, one after the other: `cargo run --example batch_of_files -- a.csv b.csv`. Without paths, three of its own.
//!
//! One file that cannot be read never stops the others. The same person in two files is counted once.

use std::collections::HashSet;
use std::path::PathBuf;
use std::{env, fs, io};

use valhalla_ingest::ingestion::{Ingestion, RowError};

fn main() -> io::Result<()> {
    let folder = env::temp_dir().join(format!("valhalla-example-{}", std::process::id()));
    let given: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let files = if given.is_empty() { write_files(&folder)? } else { given };

    let (mut people, mut leads, mut rejected, mut unread) = (HashSet::new(), 0, 0, 0);
    for path in &files {
        let ingestion = match Ingestion::open(path) {
            Ok(ingestion) => ingestion,
            Err(error) => {
                println!("[ERROR] {error}");
                unread += 1;
                continue;
            }
        };
        let before = (leads, rejected);
        for row in ingestion.leads() {
            match row {
                Ok(lead) => {
                    people.insert(lead.lead_id);
                    leads += 1;
                }
                Err(RowError::Rejected(_)) => rejected += 1,
                Err(RowError::Unread(error)) => println!("[ERROR] {error}"),
            }
        }
        println!("{}: {} leads, {} rejected", path.display(), leads - before.0, rejected - before.1);
    }
    println!("\n{} files: {leads} leads of {} people, {rejected} rows rejected, {unread} files unread", files.len(), people.len());
    if folder.exists() { fs::remove_dir_all(folder) } else { Ok(()) }
}

fn write_files(folder: &PathBuf) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    let files = [
        ("march.csv", "name,email,value\nPia Holm,pia.holm@example.com,410000\nRoy Kern,roy.kern@example.com,\n"),
        ("april.csv", "Full Name;E-mail;Asking Price\nPia Holm;PIA.HOLM@example.com;415000\nUma Rao;uma.rao@example.org;\"$1,050,000\"\n"),
        ("notes.csv", "subject,text\nMarch,nothing new\n"),
    ];
    files.iter().map(|(name, text)| (folder.join(name), text)).map(|(path, text)| fs::write(&path, text).map(|()| path)).collect()
}
