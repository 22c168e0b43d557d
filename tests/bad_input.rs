//! Bad input: whatever is dropped gets a fate, a sentence a person can act on and an alert where it matters. Never a panic,
//! never a stuck daemon, and the next file goes through.

mod support;

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Root, TEN, comes_true, names_in, said, tree, wait_for};

/// A PNG of one pixel's worth of header and noise.
const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\x03\x01\x01\0";

/// A ZIP archive with two files.
fn zip() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in ["a.csv", "b.csv"] {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).expect("memory");
        writer.write_all(b"name,email,value\n").expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}

#[test]
fn what_is_no_list_fails_with_a_sentence() {
    let root = Root::new();
    let daemon = root.daemon();
    let quoted_lines = format!("\"{}", "x\n".repeat(500_000));
    let columns = (0..1_000_000).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
    // File, bytes, what the sentence must hold (in lower case).
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("picture.csv", PNG.to_vec(), &["png", "csv"]),
        ("zeros.csv", vec![0; 4096], &["export"]),
        ("big-zeros.csv", vec![0; 5 << 20], &["export"]),
        ("empty.csv", Vec::new(), &["empty"]),
        ("lines.csv", b"\r\n\n\n\r\n".to_vec(), &["empty"]),
        ("only-mark.csv", b"\xef\xbb\xbf".to_vec(), &["empty"]),
        ("header.csv", b"name,email,value\n".to_vec(), &["header"]),
        ("header-no-end.csv", b"name,email,value".to_vec(), &["header"]),
        ("blank-rows.csv", b"name,email,value\n,,\n ,\t,\n".to_vec(), &["header"]),
        ("column.csv", b"name,mailbox,value\nA,front desk,5\n".to_vec(), &["'email'", "did you mean 'mailbox'", "alias"]),
        ("all-bad.csv", b"name,email,value\nA,nope,5\nB,b@b.example,-1\n".to_vec(), &["none of its 2 rows", "rejects"]),
        ("open-long.csv", quoted_lines.into_bytes(), &["not split into columns"]),
        ("columns.csv", format!("{columns}\n1\n").into_bytes(), &["columns"]),
        ("report.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n".to_vec(), &["pdf", "csv"]),
        ("pdf.csv", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n".to_vec(), &["pdf", "csv"]),
        ("several.zip", zip(), &["zip", "csv"]),
        ("gzip.csv.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03KL\x04\0\0\0".to_vec(), &["gzip"]),
        ("sheet.xlsx", zip(), &["csv"]),
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0\0\0\0\0\0\0".to_vec(), &["workbook is damaged"]),
        ("page.csv", b"<!DOCTYPE html><html><body>Sign in</body></html>".to_vec(), &["csv"]),
        ("data.json", b"[{\"name\":\"A\",\"email\":\"a@a.example\"}]".to_vec(), &["name,email,value"]),
    ];
    for (name, bytes, words) in &cases {
        let started = Instant::now();
        root.drop_renamed(name, bytes);
        let report = root.report_of(name);
        println!("{name} took {:?}", started.elapsed());
        assert!(started.elapsed() < Duration::from_secs(20), "{name} took {:?}", started.elapsed());
        assert_eq!(report["fate"], "failed", "{name}: {report}");
        let reason = report["reason"].as_str().expect("a reason");
        let lower = reason.to_lowercase();
        for word in *words {
            assert!(lower.contains(word), "{name}: no '{word}' in: {reason}");
        }
        assert!(reason.len() < 2000, "{name}: a sentence, not {} bytes", reason.len());
        assert_eq!(report["archived_as"], format!("failed/{name}"));
        assert_eq!(fs::read(root.path("failed").join(name)).expect("archived"), *bytes);
        let text = root.text(format!("failed/{name}.error.txt"));
        assert!(text.contains("NOTHING WAS TAKEN"), "{name}: {text}");
        let alerts = report["alerts"].as_array().expect("alerts");
        assert!(!alerts.is_empty(), "{name}: no alert");
    }
    assert_eq!(root.alert_codes().iter().filter(|code| *code == "file_failed").count(), cases.len());
    root.assert_alive("good.csv");
    assert_eq!(root.leads().len(), 1);
    assert_eq!(daemon.stop().0, Some(0));
    root.assert_sound();
}

/// File, text, accepted, rejected, codes that must be told.
type BadRows = (&'static str, Vec<u8>, u64, u64, &'static [&'static str]);

#[test]
fn rows_that_are_bad_leave_the_others_alone() {
    let root = Root::new();
    let _daemon = root.daemon();
    let field = "x".repeat(200_000);
    let wide = vec!["y"; 3000].join(",");
    let cases: Vec<BadRows> = vec![
        ("unclosed.csv", b"name,email,value\nA,a@u.example,1\nB,\"b@u.example,2\nC,c@u.example,3\nD,d@u.example,4\n".to_vec(), 3, 1, &[]),
        ("unclosed-header.csv", b"\"name,email,value\nA,a@h.example,5\n".to_vec(), 1, 0, &[]),
        ("unclosed-last.csv", b"name,email,value\nA,a@v.example,1\nB,b@v.example,\"2\n".to_vec(), 2, 0, &[]),
        ("ragged.csv", b"name,email,value\nA,a@r.example,1\nB,b@r.example\nC,c@r.example,3,4\nD,d@r.example,4,,\n".to_vec(), 2, 2, &["too_few_fields", "too_many_fields"]),
        ("field.csv", format!("name,email,value\n{field},a@f.example,1\nB,b@f.example,2\n").into_bytes(), 1, 1, &["field_too_long"]),
        ("wide.csv", format!("name,email,value\n{wide}\nB,b@w.example,2\n").into_bytes(), 1, 1, &["too_many_fields"]),
        ("bytes.csv", b"name,email,value\nA\xff,a@b.example,1\nB,b@b.example,2\n".to_vec(), 1, 1, &["invalid_encoding"]),
        ("nul.csv", b"name,email,value\nA\0A,a@n.example,1\nB,b@n.example,2\n".to_vec(), 2, 0, &[]),
        ("mixed-ends.csv", b"name,email,value\r\nA,a@m.example,1\rB,b@m.example,2\nC,c@m.example,3".to_vec(), 3, 0, &[]),
        ("mac-ends.csv", b"name,email,value\rA,a@mac.example,1\rB,b@mac.example,2\r".to_vec(), 2, 0, &[]),
        ("values.csv", b"name,email,value\nA,a@x.example,1e5\nB,b@x.example,inf\nC,c@x.example,nan\nD,d@x.example,0\nE,e@x.example,-5\nF,f@x.example,99999999999999999999\nG,g@x.example,0.0000001\nH,h@x.example,7\n".to_vec(), 1, 7, &["value_not_numeric", "value_not_positive", "value_out_of_range"]),
        ("mails.csv", b"name,email,value\nA,a@,1\nB,@b.example,1\nC,c c@c.example,1\nD,d@d,1\nE,e@e..example,1\nF,f@f.example,1\nG,a@b@c.example,1\n".to_vec(), 1, 6, &["invalid_email"]),
        ("missing.csv", b"name,email,value\n,,5\nB,b@y.example,\n ,c@y.example,1\nD,d@y.example,2\n".to_vec(), 1, 3, &["missing_field"]),
    ];
    for (name, bytes, accepted, rejected, codes) in cases {
        root.drop_renamed(name, &bytes);
        let report = root.report_of(name);
        assert_eq!(report["fate"], "processed", "{name}: {report}");
        assert_eq!(
            (report["rows"]["accepted_new"].as_u64(), report["rows"]["rejected"].as_u64()),
            (Some(accepted), Some(rejected)),
            "{name}: {report}"
        );
        for code in codes {
            assert!(report["issues"]["by_code"][code].is_u64(), "{name}: no {code} in {}", report["issues"]);
        }
        assert_eq!(report["rejects_as"].is_string(), rejected > 0, "{name}: {report}");
    }
    root.assert_alive("good.csv");
    root.assert_sound();
}

#[test]
fn a_line_of_a_hundred_megabytes() {
    let root = Root::new();
    let daemon = root.daemon();
    // As the only line, and between good rows: with and without a quote before it.
    for (name, before) in
        [("alone.csv", ""), ("between.csv", "name,email,value\nA,a@l.example,1\n"), ("quoted.csv", "name,email,value\nA,a@q.example,1\n\"")]
    {
        let staged = root.path("outside/long");
        let mut file = File::create(&staged).expect("create");
        file.write_all(before.as_bytes()).expect("write");
        let part = vec![b'x'; 1 << 20];
        for _ in 0..100 {
            file.write_all(&part).expect("write");
        }
        write!(file, "\nZ,z@{name}.example,9\n").expect("write");
        drop(file);
        fs::rename(&staged, root.path("inbox").join(name)).expect("rename");
        let report = root.report_of(name);
        if before.is_empty() {
            assert_eq!(report["fate"], "failed", "{report}");
        } else {
            assert_eq!(report["fate"], "processed", "{report}");
            assert_eq!(report["rows"]["accepted_new"], 2, "the rows before and after are taken: {report}");
            assert_eq!(report["rows"]["rejected"], 1, "{report}");
            let rejects = root.text(report["rejects_as"].as_str().expect("rejects"));
            assert!(rejects.len() < 10_000 && rejects.contains("byte"), "{} bytes", rejects.len());
        }
    }
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap_or_default();
    let peak_kb: u64 =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or(0);
    assert!(peak_kb < 200 * 1024, "peak memory {peak_kb} kB");
    root.assert_alive("good.csv");
    root.assert_sound();
}

#[test]
fn names_of_every_kind() {
    let root = Root::new();
    let _daemon = root.daemon();
    let long = |tail: &str| format!("{}{tail}", "n".repeat(255 - tail.len()));
    let long_bytes = long(".csv");
    let umlauts = format!("{}.csv", "ü".repeat(125));
    let names: Vec<&[u8]> = vec![
        b"new\nline.csv",
        b"car\rriage.csv",
        b"quo\"te's.csv",
        b"up\\..\\..\\up.csv",
        b"%2e%2e%2fup.csv",
        b"non-utf8-\xff\xfe.csv",
        b"non-utf8-\xff\xfd.csv",
        "rtl-\u{202e}vsc.exe".as_bytes(),
        "עברית.csv".as_bytes(),
        b" leading and trailing ",
        b"-rf",
        b"--help.csv",
        b"esc\x1b[31mred.csv",
        b"tab\there.csv",
        b"no_extension",
        b"two.dots.csv.csv",
        b"$(touch pwned).csv",
        b"\xe2\x80\x8b.csv",
        "e\u{301}.csv".as_bytes(),
        "\u{e9}.csv".as_bytes(),
        umlauts.as_bytes(),
        long_bytes.as_bytes(),
    ];
    for (number, name) in names.iter().enumerate() {
        let name = OsStr::from_bytes(name);
        root.drop_renamed(Path::new(name), format!("name,email,value\nN,n{number}@names.example,5\nbad,nope,5\n"));
        wait_for(&format!("the report of {name:?}"), || root.reports().len() > number);
    }
    root.wait_idle();
    let reports = root.reports();
    assert_eq!(reports.len(), names.len());
    for report in &reports {
        assert_eq!(report["fate"], "processed", "{report}");
        assert!(report["rejects_as"].is_string(), "{report}");
    }
    let archived: Vec<Vec<u8>> =
        fs::read_dir(root.path("processed")).expect("list").map(|entry| entry.expect("entry").file_name().as_bytes().to_vec()).collect();
    for name in &names {
        // An over-long stem is shortened, so that the receipt and the rows to fix can carry it too.
        let kept = if name.len() < 200 { name } else { &name[..150] };
        assert!(archived.iter().any(|found| found.starts_with(kept)), "{} is not archived under its name", name.escape_ascii());
    }
    assert!(names_in(&root.path("inbox")).is_empty());
    // A long name twice more: suffix, receipt and rejects still fit.
    for round in 0..2 {
        root.drop_renamed(&long_bytes, format!("name,email,value\nN,again{round}@names.example,5\nbad,nope,5\n"));
        wait_for("the report", || root.reports().len() > names.len() + round);
    }
    // One line in the log each, whatever the name holds.
    for line in root.log().lines() {
        assert!(!line.contains('\x1b') || !line.contains("red.csv") || !line.contains("\x1b[31mred"), "a name moves the cursor: {line:?}");
    }
    assert!(!root.log().contains("new\nline"), "a name breaks a log line");
    assert!(!root.log().contains('\u{202e}'), "a name turns the log's direction around");
    root.assert_alive("good.csv");
    assert_eq!(root.leads().len(), names.len() + 3);
    let audit = root.run(&["audit", "--json"]).exits(0).json();
    assert_eq!(audit["jobs"]["proven"], names.len() + 3, "{audit}");
    root.run(&["reports"]).exits(0);
    root.run(&["reports", "--json"]).exits(0).json();
    root.assert_sound();
}

#[test]
fn folders_that_people_take_for_files_and_folders_in_folders() {
    let root = Root::new();
    let _daemon = root.daemon();
    root.write("outside/Sheet.numbers/Index.zip", zip());
    root.write("outside/Sheet.numbers/Data/preview.jpg", b"jpg");
    fs::rename(root.path("outside/Sheet.numbers"), root.path("inbox/Sheet.numbers")).expect("rename");
    let report = root.report_of("Sheet.numbers");
    assert_eq!(report["fate"], "failed");
    assert!(report["reason"].as_str().expect("reason").contains("Export"), "{report}");
    assert!(root.has("failed/Sheet.numbers/Data/preview.jpg") && root.has("failed/Sheet.numbers.error.txt"));

    // Deeper than any source, empty, or looping back through a link.
    fs::create_dir_all(root.path("inbox/empty/inner")).expect("folders");
    let deep = Path::new("inbox").join(["d"; 40].join("/"));
    root.write(deep.join("deep.csv"), TEN);
    std::os::unix::fs::symlink(root.path("inbox"), root.path("inbox/empty/loop")).expect("link");
    std::os::unix::fs::symlink("..", root.path("inbox/up")).expect("link");
    root.assert_alive("good.csv");
    root.assert_alive("empty/good.csv");
    wait_for("alerts", || root.alert_codes().iter().filter(|code| *code == "not_a_regular_file").count() >= 3);
    assert_eq!(root.reports().len(), 3, "{:?}", root.reports());
    root.assert_sound();
}

#[test]
fn links_pipes_and_devices_are_not_taken() {
    let root = Root::new();
    let secret = root.write("outside/secret.csv", TEN);
    std::os::unix::fs::symlink(&secret, root.path("inbox/link.csv")).expect("symlink");
    std::os::unix::fs::symlink("/etc/passwd", root.path("inbox/passwd.csv")).expect("symlink");
    std::os::unix::fs::symlink("nowhere", root.path("inbox/dangling.csv")).expect("symlink");
    fs::hard_link(&secret, root.path("inbox/hard.csv")).expect("hard link");
    rustix::fs::mknodat(rustix::fs::CWD, root.path("inbox/pipe.csv"), rustix::fs::FileType::Fifo, 0o644.into(), 0).expect("fifo");
    let _socket = std::os::unix::net::UnixListener::bind(root.path("inbox/socket.csv")).expect("socket");
    let mut odd = vec!["link.csv", "passwd.csv", "dangling.csv", "hard.csv", "pipe.csv", "socket.csv"];
    let device = rustix::fs::makedev(1, 5);
    if rustix::fs::mknodat(rustix::fs::CWD, root.path("inbox/zero.csv"), rustix::fs::FileType::CharacterDevice, 0o644.into(), device)
        .is_ok()
    {
        odd.push("zero.csv");
    } else {
        println!("skipped: devices can only be made by root");
    }
    let _daemon = root.daemon();
    root.assert_alive("good.csv");
    wait_for("an alert for each", || root.alert_codes().iter().filter(|code| *code == "not_a_regular_file").count() == odd.len());
    for name in &odd {
        assert!(root.has(Path::new("inbox").join(name)), "{name} was taken");
        let told = root.journal("alerts").iter().any(|alert| alert["detail"].as_str().is_some_and(|detail| detail.contains(name)));
        assert!(told, "no alert names {name}");
    }
    // Made a plain file again, it is taken.
    fs::remove_file(&secret).expect("remove the other name");
    assert_eq!(root.report_of("hard.csv")["rows"]["accepted_new"], 10);
    // As an explicit argument: no hanging, no panic, a sentence.
    for (name, expected) in [("pipe.csv", &[1, 2, 3][..]), ("dangling.csv", &[1, 2, 3]), ("", &[1, 2, 3])] {
        let path = root.path("inbox").join(name);
        let answer = root.run(&["check", path.to_str().expect("UTF-8")]);
        assert!(expected.contains(&answer.code.unwrap_or(-1)) && answer.stderr.contains("[ERROR]"), "check {name}: {answer:?}");
    }
    root.assert_sound();
}

#[test]
fn files_and_folders_that_may_not_be_read() {
    let root = Root::new();
    root.drop_copied("closed.csv", TEN);
    fs::set_permissions(root.path("inbox/closed.csv"), fs::Permissions::from_mode(0o000)).expect("chmod");
    root.write("inbox/dark/inside.csv", TEN);
    fs::set_permissions(root.path("inbox/dark"), fs::Permissions::from_mode(0o000)).expect("chmod");
    if rustix::process::geteuid().is_root() {
        // Root reads everything: give the root folder to nobody and run as nobody.
        let owned = std::process::Command::new("chown")
            .args(["-R", "65534:65534"])
            .arg(root.path(""))
            .status()
            .is_ok_and(|status| status.success());
        let mut daemon = std::process::Command::new("setpriv");
        daemon.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
        if !owned || daemon.arg("true").status().map_or(true, |status| !status.success()) {
            println!("skipped: no setpriv here to run as another user");
            return;
        }
        let mut daemon = std::process::Command::new("setpriv");
        daemon.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--", support::VALHALLA, "--root"]).arg(root.path("")).arg("run");
        daemon.current_dir("/").stderr(File::options().append(true).create(true).open(root.path("stderr.txt")).expect("stderr"));
        let child = daemon.spawn().expect("setpriv starts");
        let _daemon = support::Daemon::of(child);
        unreadable(&root);
    } else {
        let _daemon = root.daemon();
        unreadable(&root);
    }
    fs::set_permissions(root.path("inbox/dark"), fs::Permissions::from_mode(0o755)).expect("chmod back");
}

fn unreadable(root: &Root) {
    let report = root.report_of("closed.csv");
    assert_eq!(report["fate"], "failed", "{report}");
    assert!(report["reason"].as_str().expect("reason").contains("permission"), "{report}");
    wait_for("the alert about the folder", || {
        root.journal("alerts").iter().any(|alert| alert["detail"].as_str().is_some_and(|detail| detail.contains("dark")))
    });
    root.assert_alive("good.csv");
    assert!(!root.log().contains("panicked"), "{}", root.log());
}

#[test]
fn a_file_that_vanishes_grows_or_shrinks() {
    let root = Root::new();
    let _daemon = root.daemon();
    // Created and removed, again and again, while good files go through.
    for number in 0..30 {
        root.drop_copied("ghost.csv", TEN);
        let _ = fs::remove_file(root.path("inbox/ghost.csv")); // it may have been taken already
        if number % 10 == 0 {
            root.assert_alive(&format!("between-{number}.csv"));
        }
    }
    // Renamed away and back under another name.
    root.drop_copied("a.csv", "name,email,value\nA,a@moves.example,5\n");
    let _ = fs::rename(root.path("inbox/a.csv"), root.path("inbox/b.csv")); // likewise
    wait_for("the file under one of its names", || {
        root.reports().iter().any(|report| report["file"] == "a.csv" || report["file"] == "b.csv")
    });

    // A writer that keeps its file open through the claim and goes on writing: every byte is taken in the end, once.
    let path = root.path("inbox/growing.csv");
    let mut writer = OpenOptions::new().create(true).append(true).open(&path).expect("open");
    writeln!(writer, "name,email,value").expect("write");
    for number in 0..2000 {
        writeln!(writer, "G{number},g{number}@grows.example,{}", number + 1).expect("write");
        if number % 500 == 0 {
            root.assert_alive(&format!("growing-{number}.csv"));
        }
    }
    drop(writer);
    let report = root.report_of("growing.csv");
    assert_eq!(report["rows"]["accepted_new"], 2000, "{report}");
    assert_eq!(root.reports_of("growing.csv").len(), 1);

    // Shrinks while it waits.
    root.drop_copied("shrinks.csv", TEN);
    root.drop_copied("shrinks.csv", "name,email,value\nS,s@shrinks.example,5\n");
    wait_for("its report", || root.leads().iter().any(|lead| lead["email"] == "s@shrinks.example"));
    root.wait_idle();
    assert!(names_in(&root.path("inbox")).is_empty(), "{:?}", names_in(&root.path("inbox")));
    root.assert_sound();
}

/// A renamed file is taken at once although a writer that nobody can see may go on writing into it.
#[test]
fn a_large_file_written_to_while_it_is_read_rolls_back_and_waits_again() {
    let root = Root::new();
    let made = support::generate(60_000, "writes", 3);
    let _daemon = root.daemon_with(&[], &[("VALHALLA_ENGINE__WORKERS", "1")]);
    root.drop_renamed("large.csv", &made.text);
    wait_for("the file in hand", || root.run(&["status", "--json"]).json()["current"]["rows_done"].as_u64().unwrap_or(0) > 0);
    let claimed = tree(&root.path(".claimed")).into_iter().map(|(path, _)| path).find(|path| path.ends_with("large.csv"));
    let Some(claimed) = claimed else {
        println!("skipped: it was through before it could be written to");
        return;
    };
    let mut writer = OpenOptions::new().append(true).open(root.path(".claimed").join(claimed)).expect("open in its claim");
    writeln!(writer, "Late,late@late.example,5,Toronto,,x").expect("write");
    drop(writer);
    let report = root.report_of("large.csv");
    assert_eq!(report["rows"]["accepted_new"], made.new + 1, "{report}");
    assert_eq!(root.reports().len(), 1, "{:?}", root.log());
    assert_eq!(root.leads().len() as u64, made.new + 1);
    root.assert_sound();
}

#[test]
fn bad_files_as_arguments_end_with_a_code_and_a_sentence() {
    let root = Root::new();
    let files = [
        ("zeros.csv", vec![0; 100]),
        ("empty.csv", Vec::new()),
        ("picture.csv", PNG.to_vec()),
        ("column.csv", b"name,mailbox,value\nA,front desk,5\n".to_vec()),
        ("header.csv", b"name,email,value\n".to_vec()),
        ("quote.csv", b"\"name,email\n".to_vec()),
    ];
    for (name, bytes) in &files {
        let path = root.write(Path::new("outside").join(name), bytes);
        let path = path.to_str().expect("UTF-8");
        let ingest = root.run(&["ingest", path]).exits(1);
        assert!(ingest.stderr.contains("[ERROR]") && ingest.stderr.contains(name), "{ingest:?}");
        for emit in [None, Some("csv"), Some("leads"), Some("issues")] {
            let mut args = vec!["check", path];
            args.extend(emit.iter().flat_map(|emit| ["--emit", emit]));
            let check = root.run(&args);
            assert!(matches!(check.code, Some(0 | 1)), "{args:?}: {check:?}");
            assert!(!check.stderr.contains("panicked"), "{check:?}");
        }
        assert!(root.has(Path::new("outside").join(name)), "the original stays where it is");
    }
    let folder = root.path("outside");
    let answer = root.run(&["ingest", folder.to_str().expect("UTF-8")]);
    assert!(matches!(answer.code, Some(1..=3)) && answer.stderr.contains("[ERROR]"), "{answer:?}");
    let dev = said(root.command(&["ingest", "/dev/null"]).arg("--json"));
    assert!(matches!(dev.code, Some(1..=3)), "{dev:?}");
    assert!(dev.stdout.is_empty() || serde_json::from_str::<Value>(&dev.stdout).is_ok(), "{dev:?}");
    root.assert_sound();
}

/// A lead in the first line must not be told as column names, neither where it is read nor where the file is refused.
#[test]
fn a_first_line_of_data_is_not_told_as_column_names() {
    let root = Root::new();
    let _daemon = root.daemon();
    root.drop_renamed("headless.csv", "Jane Canary,jane.canary@secret.example,500000\nJoe,joe@secret.example,6\n");
    let report = root.report_of("headless.csv");
    assert_eq!((report["fate"].as_str(), report["rows"]["accepted_new"].as_u64()), (Some("processed"), Some(2)), "{report}");
    root.drop_renamed("nameless.csv", "416-555-0101,jane.canary@secret.example\n416-555-0102,joe@secret.example\n");
    assert_eq!(root.report_of("nameless.csv")["fate"], "failed");
    assert!(comes_true(Duration::from_secs(5), || root.has("failed/nameless.csv.error.txt")));
    let logs = tree(&root.path("logs")).into_iter().flat_map(|(_, bytes)| bytes).collect::<Vec<u8>>();
    let told = String::from_utf8_lossy(&logs).to_lowercase() + &root.text("failed/nameless.csv.error.txt").to_lowercase();
    assert!(told.contains("headless.csv") && !told.contains("canary") && !told.contains("secret.example"), "{told}");
    root.assert_sound();
}
