//! A file as it lies on the disk, in whatever container: opened, unpacked and read to its end.

use std::io::{Seek, SeekFrom, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::NamedTempFile;
use valhalla_ingest::ingestion::{Ingestion, IngestionError, RowError};

/// No settings: the whole input is the file.
pub fn unpack(data: &[u8]) {
    let plain = read(data);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(data).expect("room in memory");
    // What is packed twice is not a list, and an empty file is told as such.
    if let Ok(rows) = plain
        && !data.starts_with(b"PK")
        && ![&b"\x1f\x8b"[..], b"\x28\xb5\x2f\xfd", b"\xd0\xcf\x11\xe0"].iter().any(|start| data.starts_with(start))
        && data.get(1..4).is_none_or(|rest| rest != b"\x2a\x4d\x18")
    {
        let packed = read(&gzip.finish().expect("room in memory"));
        assert_eq!(packed.as_ref().ok(), Some(&rows), "the same list in gzip: {packed:?}");
    }
}

/// The rows of a file in words, or why there are none.
fn read(bytes: &[u8]) -> Result<Vec<String>, String> {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for a small file");
    file.seek(SeekFrom::Start(0)).expect("a file can be rewound");
    let told = |error: &IngestionError| match error {
        IngestionError::File { error, .. } => format!("{}: {}", error.code, error.what),
        IngestionError::NotFound { .. } | IngestionError::Unreadable { .. } => panic!("{error}"),
    };
    let ingestion = Ingestion::open(file.path()).map_err(|error| told(&error))?;
    let mut rows = Vec::new();
    for row in ingestion.leads() {
        match row {
            Ok(lead) => rows.push(format!("{} {} {lead:?}", lead.row, lead.line)),
            Err(RowError::Rejected(rejected)) => {
                assert!(!rejected.issues.is_empty());
                rows.push(format!("{} {} {rejected}", rejected.row, rejected.line));
            }
            Err(RowError::Unread(error)) => return Err(told(&error)),
        }
        let number = rows.last().and_then(|row| row.split(' ').next()?.parse().ok());
        assert_eq!(number, Some(rows.len()), "rows are told once and in order");
    }
    let summary = ingestion.summary().map_err(|error| told(&error))?;
    assert_eq!((summary.total, summary.total), (rows.len() as u64, summary.valid + summary.rejected));
    Ok(rows)
}
