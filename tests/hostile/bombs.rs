//! Files that are small to send and large to read: each under a limit on memory, in bounded time, and an ordinary file goes
//! through afterwards.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Daemon, Root, comes_true, wait_for};

/// How much each bomb has of what makes it one.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Megabytes of a plain file.
    mb: usize,
    /// Columns of the widest header.
    columns: usize,
    /// Megabytes that a container unpacks to.
    unpacked_mb: usize,
    /// Seconds of processor time that one of them may take.
    cpu_seconds: f64,
}

impl Size {
    fn asked_for() -> Self {
        if std::env::var("TEST_BOMBS").is_ok_and(|size| size == "full") {
            return Self { mb: 200, columns: 1_000_000, unpacked_mb: 5000, cpu_seconds: 120.0 };
        }
        Self { mb: 1, columns: 100_000, unpacked_mb: 24, cpu_seconds: 20.0 }
    }
}

/// Writes a bomb into an open file.
type Fill = fn(&mut dyn Write, Size) -> std::io::Result<()>;

fn repeat(out: &mut dyn Write, part: &[u8], bytes: usize) -> std::io::Result<()> {
    let block: Vec<u8> = part.iter().copied().cycle().take(part.len() * (1 << 16).max(part.len()).div_ceil(part.len())).collect();
    let mut left = bytes;
    while left > 0 {
        let now = left.min(block.len());
        out.write_all(&block[..now])?;
        left -= now;
    }
    Ok(())
}

fn headed(out: &mut dyn Write) -> std::io::Result<()> {
    out.write_all(b"name,email,value\nA,a@bombs.example,5\n")
}

const PLAIN: &[(&str, Fill)] = &[
    ("commas.csv", |out, size| repeat(out, b",", size.mb << 20)),
    ("commas-headed.csv", |out, size| headed(out).and_then(|()| repeat(out, b",", size.mb << 20))),
    ("line.csv", |out, size| repeat(out, b"x", (size.mb * 3 / 2) << 20)),
    ("line-headed.csv", |out, size| headed(out).and_then(|()| repeat(out, b"x", (size.mb * 3 / 2) << 20))),
    ("newlines.csv", |out, size| repeat(out, b"\n", size.mb << 20)),
    ("newlines-headed.csv", |out, size| headed(out).and_then(|()| repeat(out, b"\r\n", size.mb << 20))),
    ("nuls.csv", |out, size| repeat(out, b"\0", size.mb << 20)),
    ("nuls-headed.csv", |out, size| headed(out).and_then(|()| repeat(out, b"\0", size.mb << 20))),
    ("quotes-even.csv", |out, size| headed(out).and_then(|()| repeat(out, b"\"\"", size.mb << 20))),
    ("quotes-odd.csv", |out, size| headed(out).and_then(|()| repeat(out, b"\"", (size.mb << 20) + 1))),
    ("quote-open.csv", |out, size| headed(out).and_then(|()| repeat(out, b"\"x\ny,", size.mb << 20))),
    ("quotes-by-line.csv", |out, size| headed(out).and_then(|()| repeat(out, b"a,\"b,\n", size.mb << 20))),
    ("quotes-nested.csv", |out, size| headed(out).and_then(|()| repeat(out, b"\"a\"\"b\"c\",\"", size.mb << 20))),
    ("inches.csv", |out, size| {
        headed(out)?;
        let row = (0..150).map(|n| format!("{n}\" pipe")).collect::<Vec<_>>().join(",") + "\n";
        repeat(out, row.as_bytes(), size.mb << 20)
    }),
    ("inches-wide.csv", |out, size| {
        let names = (0..150).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
        writeln!(out, "name,email,value,{names}")?;
        let row = format!("A,a@inches.example,5,{}\n", (0..150).map(|n| format!("\"{n}\" pipe\"")).collect::<Vec<_>>().join(","));
        repeat(out, row.as_bytes(), size.mb << 20)
    }),
    ("columns.csv", |out, size| {
        let names = (0..size.columns).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
        writeln!(out, "name,email,value,{names}\nA,a@columns.example,5")
    }),
    ("columns-in-a-row.csv", |out, size| {
        headed(out).and_then(|()| repeat(out, b"y,", size.columns * 2)).and_then(|()| writeln!(out, "\nB,b@row.example,5"))
    }),
    ("one-column.csv", |out, size| repeat(out, b"x\n", size.mb << 20)),
    ("one-column-headed.csv", |out, size| headed(out).and_then(|()| repeat(out, b"x\n", size.mb << 20))),
    ("utf-16.csv", |out, size| out.write_all(b"\xff\xfe").and_then(|()| repeat(out, b"x\0", size.mb << 20))),
    ("utf-16-odd.csv", |out, size| out.write_all(b"\xfe\xff").and_then(|()| repeat(out, b"\xd8\0", (size.mb << 20) + 1))),
    ("invalid.csv", |out, size| headed(out).and_then(|()| repeat(out, b"\xff\xfe,\xc3(\n", size.mb << 20))),
    ("digits.csv", |out, size| headed(out).and_then(|()| repeat(out, b"A,a@d.example,99999999999999999999999999999999\n", size.mb << 20))),
    ("ats.csv", |out, size| headed(out).and_then(|()| repeat(out, b"A,@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@,5\n", size.mb << 20))),
    ("combining.csv", |out, size| {
        headed(out)?;
        let row = format!("A{},a@m.example,5\n", "\u{300}\u{316}".repeat(2000));
        repeat(out, row.as_bytes(), size.mb << 20)
    }),
    ("same-names.csv", |out, _| writeln!(out, "name,email,value,{}\nA,a@same.example,5", vec!["x"; 900].join(","))),
];

const PACKED: &[(&str, Fill)] = &[
    ("zeros.csv.gz", |out, size| {
        let mut packer = flate2::write::GzEncoder::new(out, flate2::Compression::best());
        repeat(&mut packer, b"\0", size.unpacked_mb << 20)?;
        packer.finish().map(|_| ())
    }),
    ("rows.csv.gz", |out, size| {
        let mut packer = flate2::write::GzEncoder::new(out, flate2::Compression::best());
        headed(&mut packer)?;
        let row = format!("A,a@gz.example,5,{}\n", "x".repeat(2000));
        repeat(&mut packer, row.as_bytes(), size.unpacked_mb << 20)?;
        packer.finish().map(|_| ())
    }),
    ("gz-in-gz.csv.gz", |out, size| {
        let mut packer =
            flate2::write::GzEncoder::new(flate2::write::GzEncoder::new(out, flate2::Compression::best()), flate2::Compression::best());
        repeat(&mut packer, b"\0", size.unpacked_mb << 20)?;
        packer.finish().and_then(flate2::write::GzEncoder::finish).map(|_| ())
    }),
    ("zip-in-zip.zip", |out, size| {
        out.write_all(&zipped("inner.zip", &zipped("innermost.zip", &zipped("a.csv", &vec![0; size.unpacked_mb << 17]))))
    }),
    ("ratio.zip", |out, size| out.write_all(&zipped("a.csv", &vec![b','; size.unpacked_mb << 17]))),
    ("entries.zip", |out, size| {
        let names: Vec<String> = (0..size.columns / 20).map(|n| format!("{n}.csv")).collect();
        let parts: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
        out.write_all(&archive(&parts))
    }),
    ("window.csv.zst", |out, _| {
        // A frame whose window is 2 GB (exponent 21, RFC 8878 3.1.1.1.2), then a raw block of three bytes.
        out.write_all(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x19, 0, 0, b'a', b',', b'b'])
    }),
    ("repeated.csv.zst", |out, size| {
        // Blocks of one byte repeated 128 KiB times (RFC 8878 3.1.1.2.2).
        out.write_all(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 7 << 3])?;
        let header = |last: u32| (((128 << 10) << 3) | (1 << 1) | last).to_le_bytes();
        for _ in 0..size.unpacked_mb * 8 {
            out.write_all(&header(0)[..3])?;
            out.write_all(b",")?;
        }
        out.write_all(&header(1)[..3]).and_then(|()| out.write_all(b","))
    }),
    ("strings.xlsx", |out, size| {
        let strings = format!("<sst>{}</sst>", "<si><t>x</t></si>".repeat(size.unpacked_mb << 10));
        out.write_all(&workbook("<row><c t=\"s\"><v>0</v></c></row>", Some(&strings)))
    }),
    ("cell.xlsx", |out, size| {
        let cell = format!("<row><c t=\"inlineStr\"><is><t>{}</t></is></c></row>", "x".repeat(size.unpacked_mb << 15));
        out.write_all(&workbook(&cell, None))
    }),
    ("deep.xlsx", |out, size| out.write_all(&workbook(&"<a>".repeat(size.unpacked_mb << 10), None))),
    ("far.xlsx", |out, _| out.write_all(&workbook("<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>", None))),
    ("entities.xlsx", |out, _| {
        let strings = "<!DOCTYPE x [<!ENTITY a \"xxxxxxxxxx\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]><sst><si><t>&c;</t></si></sst>";
        out.write_all(&workbook("<row><c t=\"s\"><v>0</v></c></row>", Some(strings)))
    }),
];

fn zipped(name: &str, bytes: &[u8]) -> Vec<u8> {
    archive(&[(name, bytes)])
}

fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("memory");
        writer.write_all(bytes).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}

/// The parts of a workbook without which none is read, around the rows of its only sheet.
fn workbook(rows: &str, strings: Option<&str>) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let book = format!(
        "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\"><sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
    );
    let root =
        format!("<Relationships><Relationship Id=\"a\" Type=\"{RELATIONS}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>");
    let linked = format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"rId2\" Type=\"{RELATIONS}/sharedStrings\" Target=\"sharedStrings.xml\"/></Relationships>"
    );
    let sheet = format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>");
    let mut parts: Vec<(&str, &[u8])> = vec![
        ("[Content_Types].xml", b"<Types/>"),
        ("_rels/.rels", root.as_bytes()),
        ("xl/workbook.xml", book.as_bytes()),
        ("xl/_rels/workbook.xml.rels", linked.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ];
    parts.extend(strings.map(|strings| ("xl/sharedStrings.xml", strings.as_bytes())));
    archive(&parts)
}

/// Bytes written for each that came: a rejected row of two bytes comes back with its number, its job and what is wrong.
const MOST_WRITTEN: u64 = 80;
/// Address space that the daemon gets, in kB. Each thread reserves some of it without using it.
const ADDRESS_SPACE_KB: u64 = 800_000;
/// Memory that it may use at its peak.
const PEAK_KB: u64 = 200 << 10;

/// The daemon with a hard limit on its address space.
fn limited(root: &Root) -> Daemon {
    let usual = root.command(&["run"]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v \"$0\" && exec \"$@\"", &ADDRESS_SPACE_KB.to_string()]).arg(usual.get_program()).args(usual.get_args());
    for (name, value) in usual.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let stderr = File::options().create(true).append(true).open(root.path("stderr.txt")).expect("file for stderr");
    command.current_dir(root.path("outside")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    let daemon = Daemon::of(command.spawn().expect("sh starts"));
    wait_for("the daemon's answer", || root.run(&["status", "--json"]).code == Some(0));
    daemon
}

/// A figure of `/proc/PID/status`, in kB.
fn figure_kb(daemon: &Daemon, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or(0)
}

/// Seconds of processor time that a process has used.
fn cpu_seconds(daemon: &Daemon) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = behind_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / 100.0
}

#[test]
fn plain_bombs_under_a_limit_on_memory() {
    explode(PLAIN);
}

#[test]
fn packed_bombs_under_a_limit_on_memory() {
    explode(PACKED);
}

fn explode(bombs: &[(&str, Fill)]) {
    let size = Size::asked_for();
    let only = std::env::var("TEST_BOMB").unwrap_or_default();
    let root = Root::new();
    let mut daemon = limited(&root);
    println!("{:24} {:>9} {:>8} {:>8} {:>8} {:>8}  fate", "bomb", "bytes", "wall s", "cpu s", "cpu s/MB", "peak MB");
    for (name, fill) in bombs.iter().filter(|(name, _)| name.contains(&only)) {
        let staged = root.path("outside/bomb");
        let mut out = BufWriter::new(File::create(&staged).expect("create"));
        fill(&mut out, size).and_then(|()| out.flush()).expect("write");
        drop(out);
        let bytes = fs::metadata(&staged).expect("metadata").len();
        let (started, cpu) = (Instant::now(), cpu_seconds(&daemon));
        fs::rename(&staged, root.path("inbox").join(name)).expect("rename");
        // Others may work on this machine: what counts is the processor's time, unless nothing happens at all.
        let is_over = |daemon: &mut Daemon| daemon.ended().is_some() || cpu_seconds(daemon) - cpu > size.cpu_seconds;
        let mut done = false;
        comes_true(Duration::from_secs(600), || {
            done = !root.reports_of(name).is_empty();
            done || is_over(&mut daemon)
        });
        assert!(daemon.ended().is_none(), "{name} ended the daemon: {}", root.text("stderr.txt"));
        let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds(&daemon) - cpu);
        assert!(done, "{name} took {wall:.1} s, {cpu:.1} s of processor time, and is not through");
        let report = root.report_of(name);
        #[allow(clippy::cast_precision_loss, reason = "a figure to look at")]
        let per_mb = cpu * 1e6 / bytes as f64;
        let peak = figure_kb(&daemon, "VmHWM");
        println!(
            "{name:24} {bytes:9} {wall:8.2} {cpu:8.2} {per_mb:8.3} {:8}  {} {}",
            peak >> 10,
            report["fate"].as_str().unwrap_or("?"),
            report["reason"].as_str().unwrap_or("")
        );
        let rows = &report["rows"];
        assert!(report["fate"] == "processed" || report["reason"].is_string(), "{name}: {report}");
        assert!(rows["rejected"].is_u64() && report.to_string().len() < 200_000, "{name}: {} bytes of report", report.to_string().len());
        assert!(peak < PEAK_KB, "{name}: {peak} kB at the peak");
        // What came of it is no bomb either.
        for (path, written) in written_about(&root, name) {
            assert!(written < bytes * MOST_WRITTEN + (1 << 20), "{name}: {} has {written} bytes", path.display());
        }
        let archived = root.path(report["archived_as"].as_str().expect("archived"));
        fs::remove_file(archived).expect("remove"); // room on the disk
    }
    println!("address space {} MB at the peak", figure_kb(&daemon, "VmPeak") >> 10);
    root.assert_alive("good.csv");
    assert_eq!(daemon.stop().0, Some(0));
    assert!(!root.log().contains("panicked"), "{}", root.log());
}

/// What was written beside the original, with its length.
fn written_about(root: &Root, name: &str) -> Vec<(std::path::PathBuf, u64)> {
    let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let files =
        ["processed", "failed"].into_iter().flat_map(|folder| fs::read_dir(root.path(folder)).into_iter().flatten().filter_map(Result::ok));
    files
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&stem))
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?.len())))
        .collect()
}
