//! Nothing personal in logs and journals, whatever the file looks like.

mod support;

#[allow(dead_code, reason = "written for the exports; some of it is used here")]
#[path = "exports/made.rs"]
mod made;

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use support::{Root, tree, wait_for};
use valhalla_ingest::{config, logging};

/// Marks that stand in names, addresses, phones and cells, and must not be found under `logs/` nor on stderr of `run`.
const CANARIES: [&str; 9] =
    ["canaryname", "canarymail", "5550199", "555-0199", "555 0199", "canarycell", "canarybad", "canaryhead", "canaryquote"];

const FILES: [(&str, &str); 14] = [
    ("valid.csv", "name,email,value,phone,Notes\nCanaryname One,canarymail1@example.com,5,416-555-0199,canarycell\n"),
    (
        "invalid.csv",
        "name,email,value,phone\nCanaryname Two,canarybad.example.com,canarybad,+1 416 555 0199\nCanaryname Three,,-5,4165550199\nOk,ok@example.com,5,\n",
    ),
    ("all-invalid.csv", "name,email,value\nCanaryname,canarybad,canarybad\n"),
    ("headless.csv", "Canaryhead Name,canaryhead@example.com,500000,416-555-0199\nCanaryname,canarymail2@example.com,6,416-555-0199\n"),
    ("headless-quoted.csv", "\"Canaryhead, Name\",\"canaryhead@example.com\",500000\n"),
    ("headless-one.csv", "canaryhead@example.com\ncanarymail@example.com\n"),
    ("half-head.csv", "name,canaryhead@example.com,value\nCanaryname,canarymail@example.com,6\n"),
    ("phone-head.csv", "name,email,value,416-555-0199\nCanaryname,canarymail3@example.com,6,x\nCanaryname,canarybad,6,x\n"),
    ("unclosed.csv", "name,email,value\nCanaryname,\"canaryquote@example.com,5\nCanaryname,canarymail4@example.com,5\n"),
    ("open-head.csv", "\"Canaryhead Name,canaryhead@example.com,5\nCanaryname,canarymail5@example.com,5\n"),
    ("wide.csv", "name,email,value\nCanaryname,canarymail6@example.com,5,canarycell,canarycell\nOk,ok2@example.com,7\n"),
    ("formula.csv", "name,email,value,Notes\nCanaryname,canarymail7@example.com,5,=canarycell()\nCanaryname,canarybad,5,=canarycell()\n"),
    ("tabs.csv", "Canaryhead Name\tcanaryhead@example.com\t5\nCanaryname\tcanarymail8@example.com\t5\n"),
    ("source.csv", "name,email,value,source\nCanaryname,canarymail9@example.com,5,canarycell\n"),
];

#[test]
fn nothing_personal_in_logs_and_journals() {
    for level in ["info", "trace"] {
        let root = Root::with_config(&format!(
            "[log]\nlevel = \"{level}\"\n[columns.rules]\nphone = {{ max_length = 5 }}\nName = {{ max_length = 6 }}\n[output]\nleads = \"jsonl\"\n"
        ));
        let daemon = root.daemon_with(if level == "trace" { &["-vvv"] } else { &[] }, &[]);
        for (name, text) in FILES {
            root.drop_copied(name, text);
        }
        root.wait_reports(FILES.len());
        root.drop_renamed("again.csv", FILES[0].1);
        root.report_of("again.csv");
        // Their way back, and a replay.
        root.drop_renamed(
            "invalid.rejects.csv",
            root.text("failed/invalid.rejects.csv").replace("canarybad.example.com", "canarymail@example.com"),
        );
        root.report_of("invalid.rejects.csv");
        root.run(&["replay", "valid.csv", "--apply"]);
        wait_for("the snapshots", || root.text("logs/production_execution.json").contains("timestamp"));
        daemon.stop();

        let mut written: Vec<(String, String)> = tree(&root.path("logs"))
            .into_iter()
            .map(|(path, bytes)| (path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()))
            .collect();
        assert!(written.len() >= 5, "{written:?}");
        written.push(("stderr of run".to_owned(), root.text("stderr.txt")));
        for (file, text) in &written {
            let lower = text.to_lowercase();
            for canary in CANARIES {
                let found = lower
                    .find(canary)
                    .map(|at| &text[text.floor_char_boundary(at.saturating_sub(120))..text.ceil_char_boundary((at + 60).min(text.len()))]);
                assert!(found.is_none(), "{level}: {file} holds '{canary}': …{}…", found.unwrap_or_default());
            }
        }
        // Neither a lead's id.
        for lead in root.leads() {
            let id = lead["lead_id"].as_str().expect("id");
            assert!(written.iter().all(|(_, text)| !text.contains(id)), "a lead_id is in the logs");
        }
        root.assert_sound();
    }
}

/// One person whose name, address and phone stand in one place only, so that a find tells which place leaked.
struct Person(usize);

impl Person {
    fn name(&self) -> String {
        format!("Kanari{}q Vogel", self.0)
    }

    fn email(&self) -> String {
        format!("kmail{0}q@kdom{0}q.example", self.0)
    }

    fn phone(&self) -> String {
        format!("416 {:03} {:04}", 200 + self.0 / 10_000, self.0 % 10_000)
    }

    /// A cell of a column that nobody knows.
    fn cell(&self) -> String {
        format!("kcell{}q", self.0)
    }

    /// Whether a text in lower case, or its digits alone, tell of this person.
    fn is_in(&self, lower: &str, digits: &str) -> Option<String> {
        let Self(tag) = self;
        let words = [format!("kanari{tag}q"), format!("kmail{tag}q"), format!("kdom{tag}q"), format!("kcell{tag}q")];
        let phone: String = self.phone().chars().filter(char::is_ascii_digit).collect();
        words.into_iter().find(|word| lower.contains(word.as_str())).or_else(|| digits.contains(&phone).then_some(phone))
    }
}

/// A file with the people of one place in it, under a name that tells the place.
type Place = (&'static str, fn(&mut dyn FnMut() -> Person) -> Vec<u8>);

/// A header, a good row of each person, and whatever `more` makes of further ones.
fn list(people: &mut dyn FnMut() -> Person, more: impl Fn(&Person) -> String) -> String {
    let mut text = "name,email,value,phone,Remark\n".to_owned();
    for _ in 0..3 {
        let good = people();
        text += &format!("{},{},5000,{},{}\n", good.name(), good.email(), good.phone(), good.cell());
        text += &more(&people());
    }
    text
}

fn row(person: &Person, value: &str) -> String {
    format!("{},{},{value},{},{}\n", person.name(), person.email(), person.phone(), person.cell())
}

/// Every kind of place in which a lead can stand.
const PLACES: &[Place] = &[
    ("good.csv", |people| list(people, |person| row(person, "7")).into()),
    ("rejected-value.csv", |people| list(people, |person| row(person, &person.cell())).into()),
    ("rejected-address.csv", |people| {
        list(people, |person| format!("{},{} at {},5,{},x\n", person.name(), person.email(), person.cell(), person.phone())).into()
    }),
    ("rejected-name.csv", |people| list(people, |person| format!(",{},5,{},{}\n", person.email(), person.phone(), person.cell())).into()),
    ("all-rejected.csv", |people| format!("name,email,value\n{}", (0..3).map(|_| row(&people(), "-1")).collect::<String>()).into()),
    ("swapped-cells.csv", |people| list(people, |person| format!("{},{},5,{},x\n", person.email(), person.name(), person.cell())).into()),
    ("doubtful-address.csv", |people| {
        list(people, |person| format!("{},{}@gmial.com,5,{},x\n", person.name(), person.cell(), person.phone())).into()
    }),
    ("mailto.csv", |people| {
        list(people, |person| format!("{},\"{} <mailto:{}>; {}\",5,,x\n", person.name(), person.name(), person.email(), person.cell()))
            .into()
    }),
    ("words-in-amount.csv", |people| list(people, |person| row(person, &format!("about 5 k says {}", person.name()))).into()),
    ("phone-with-words.csv", |people| {
        list(people, |person| format!("{},{},5,{} ask for {},x\n", person.name(), person.email(), person.phone(), person.cell())).into()
    }),
    ("formula.csv", |people| {
        list(people, |person| format!("=HYPERLINK({}),{},x,{},=1+{}\n", person.name(), person.email(), person.phone(), person.cell()))
            .into()
    }),
    ("too-many-cells.csv", |people| {
        list(people, |person| row(person, "5").trim_end().to_owned() + &format!(",{},{}\n", person.cell(), person.email())).into()
    }),
    ("too-few-cells.csv", |people| list(people, |person| format!("{},{}\n", person.name(), person.email())).into()),
    ("stray-quotes.csv", |people| {
        list(people, |person| format!("\"{}\" the \"{}\",{},5,\"{},x\n", person.name(), person.cell(), person.email(), person.phone()))
            .into()
    }),
    ("open-quote.csv", |people| {
        list(people, |person| row(person, "5"))
            .into_bytes()
            .into_iter()
            .chain(format!("\"{},5\n", row(&people(), "6")).into_bytes())
            .collect()
    }),
    ("over-a-limit.csv", |people| {
        list(people, |person| row(person, &"9".repeat(300))).replace("kcell", &format!("{}kcell", "x".repeat(70_000))).into()
    }),
    ("headless.csv", |people| (0..4).map(|_| row(&people(), "5")).collect::<String>().into()),
    ("headless-without-addresses.csv", |people| {
        (0..4).map(|_| people()).map(|person| format!("{},{}\n", person.name(), person.phone())).collect::<Vec<_>>().concat().into()
    }),
    ("person-as-header.csv", |people| format!("name,{},value,{}\n{}", people().email(), people().phone(), row(&people(), "5")).into()),
    ("names-as-header.csv", |people| {
        format!("name,email,value,{},{}\n{}", people().name(), people().cell() + "@x.example", row(&people(), "5")).into()
    }),
    ("title-above.csv", |people| {
        format!("Export for {} {}\n{}\n\n{}", people().name(), people().email(), people().phone(), list(people, |person| row(person, "5")))
            .into()
    }),
    ("comments-and-totals.csv", |people| list(people, |person| format!("# {}\nTotal {},,99,,\n", person.email(), person.name())).into()),
    ("second-table.csv", |people| {
        format!(
            "{}\n\nContact,Mail\n{},{}\n{},{}\n",
            list(people, |person| row(person, "5")),
            people().name(),
            people().email(),
            people().cell(),
            people().phone()
        )
        .into()
    }),
    ("no-such-column.csv", |people| {
        format!(
            "who,where,what\n{}",
            (0..3)
                .map(|_| people())
                .map(|person| format!("{},{},{}\n", person.name(), person.cell(), person.phone()))
                .collect::<Vec<_>>()
                .concat()
        )
        .into()
    }),
    ("page.csv", |people| {
        format!("<!DOCTYPE html><html><body>{} {} {}</body></html>", people().name(), people().email(), people().phone()).into()
    }),
    ("data.json", |people| format!("[{{\"name\":\"{}\",\"email\":\"{}\"}}]", people().name(), people().email()).into()),
    ("document.pdf", |people| format!("%PDF-1.7\n{} {}", people().name(), people().email()).into()),
    ("utf-16.csv", |people| made::utf16(&list(people, |person| row(person, &person.cell())))),
    ("western.csv", |people| made::western(&list(people, |person| row(person, "caf\u{e9}")))),
    ("broken-bytes.csv", |people| {
        list(people, |person| row(person, "5\u{fffd}"))
            .replace('\u{fffd}', "\u{1}")
            .into_bytes()
            .iter()
            .map(|&byte| if byte == 1 { 0xff } else { byte })
            .collect()
    }),
    ("broken-utf-16.csv", |people| {
        let mut bytes = made::utf16(&list(people, |person| row(person, "5")));
        bytes.extend([0x00, 0xd8, b'x']);
        bytes
    }),
    ("packed.csv.gz", |people| made::gzip(list(people, |person| row(person, &person.cell())))),
    ("cut.csv.gz", |people| {
        let whole = made::gzip(list(people, |person| row(person, &person.cell())).repeat(50));
        whole[..whole.len() - 20].to_vec()
    }),
    ("packed.zip", |people| made::zipped(&[("leads.csv", list(people, |person| row(person, &person.cell())))])),
    ("workbook.xlsx", |people| {
        let (one, two, three) = (people(), people(), people());
        let cells = [[one.name(), one.email(), "5".into(), one.phone()], [two.name(), two.cell(), "x".into(), two.phone()]];
        let rows: Vec<Vec<&str>> = cells.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
        let (third, third_email) = (three.name(), three.email());
        made::workbook(&[
            ("Leads", &[&["name", "email", "value", "phone"], &rows[0], &rows[1]]),
            ("Other", &[&["name", "email"], &[&third, &third_email]]),
        ])
    }),
];

/// Everything that is written down or said about files while people stand in every kind of place.
#[test]
fn nobody_is_told_of_wherever_they_stand() {
    let root = Root::with_config(
        "[log]\nlevel = \"trace\"\n[output]\nleads = \"jsonl\"\n[columns.rules]\nphone = { max_length = 13 }\nRemark = { max_length = 30 }\n",
    );
    let daemon = root.daemon_with(&["-vvv"], &[]);
    let mut owners: Vec<&str> = Vec::new();
    for (name, make) in PLACES {
        let bytes = make(&mut || {
            owners.push(name);
            Person(1000 + owners.len())
        });
        root.drop_renamed(format!("{}/{name}", if name.len() % 2 == 0 { "even" } else { "odd" }), bytes);
    }
    let mut reports = root.wait_reports(PLACES.len());
    // The same again, half of the rejected rows fixed and the other half not, and a replay under the same rules.
    root.drop_renamed("good-again.csv", root.text("processed/odd/good.csv") + root.text("processed/even/good.csv").as_str());
    for report in reports.clone() {
        let Some(rejects) = report["rejects_as"].as_str() else { continue };
        let name = Path::new(rejects).file_name().expect("a name").to_owned();
        let text = root.text(rejects);
        root.drop_renamed(Path::new("back").join(&name), text.replacen(" at kcell", "x.kcell", 1).replacen(",-1,", ",1,", 2));
        reports.push(report);
    }
    reports = root.wait_reports(reports.len() + 1);
    root.run(&["replay", "odd/good.csv", "--apply"]);
    root.run(&["replay", "even/good.csv", "--apply"]);
    wait_for("the snapshots", || root.text("logs/production_execution.json").contains("timestamp"));

    let mut told = sayings(&root, &reports);
    assert_eq!(daemon.stop().0, Some(0));
    for (path, bytes) in tree(&root.path("logs")) {
        told.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    told.push(("stderr of run".to_owned(), root.text("stderr.txt")));
    told.push(("the status for everybody".to_owned(), root.text("processed/_STATUS.txt")));
    assert!(told.len() > 50, "{} texts", told.len());
    let stored = root.leads().iter().map(ToString::to_string).collect::<String>().to_lowercase();
    let known = (0..owners.len()).filter(|at| stored.contains(&format!("kmail{}q", 1001 + at))).count();
    assert!(known > 40, "only {known} of {} people were taken: the test proves little", owners.len());
    let mut leaks = Vec::new();
    for (what, text) in &told {
        let lower = text.to_lowercase();
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        for (at, place) in owners.iter().enumerate() {
            leaks.extend(Person(1001 + at).is_in(&lower, &digits).map(|found| format!("{what} tells '{found}' of {place}")));
        }
    }
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
    root.assert_sound();
}

/// What the commands say that promise to tell of nobody, and what the socket answers, also to what is no request.
fn sayings(root: &Root, reports: &[serde_json::Value]) -> Vec<(String, String)> {
    let mut told = Vec::new();
    let mut commands: Vec<Vec<String>> = [
        &["status"][..],
        &["status", "--json"],
        &["reports"],
        &["reports", "--json"],
        &["audit", "--all"],
        &["audit", "--json"],
        &["config", "show"],
    ]
    .iter()
    .map(|args| args.iter().map(ToString::to_string).collect())
    .collect();
    for report in reports {
        let job = report["job_id"].as_str().expect("a job").to_owned();
        commands.push(vec!["reports".into(), job.clone()]);
        commands.push(vec!["reports".into(), job.clone(), "--json".into()]);
        commands.push(vec!["replay".into(), job]);
    }
    for args in commands {
        let said = root.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        told.push((format!("stdout of {args:?}"), said.stdout));
        told.push((format!("stderr of {args:?}"), said.stderr));
    }
    for request in
        ["{\"command\":\"status\"}", "{\"command\":\"leads\"}", "{\"command\":\"replay\",\"job\":\"odd/good.csv\"}", "no request", ""]
    {
        let mut stream = UnixStream::connect(root.path(".valhalla.sock")).expect("the socket");
        writeln!(stream, "{request}").expect("write");
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).expect("an answer");
        assert!(serde_json::from_str::<serde_json::Value>(&answer).is_ok(), "{request}: {answer}");
        told.push((format!("the answer to {request}"), answer));
    }
    told
}

/// The words of a panic may quote what was at hand, as those of the standard library do: the place is told, the words are not.
#[test]
fn the_words_of_a_panic_are_withheld() {
    const ASKED: &str = "TEST_PANIC_INTO";
    if let Some(dir) = env::var_os(ASKED) {
        let settings = config::Log { level: config::LogLevel::Trace, rotate_bytes: 1 << 20, keep: 1, journal_rotate_bytes: 1 << 20 };
        let log = logging::start(config::LogLevel::Trace, Some((Path::new(&dir), &settings))).expect("a log");
        logging::withhold_panic_words();
        let cell = "Canaryname \u{f6}canarymail@example.com 416-555-0199".to_owned();
        let faults: [fn(&str); 5] = [
            |cell| drop(cell[..12].to_owned()),
            |cell| cell.strip_prefix('!').map(drop).ok_or_else(|| cell.to_owned()).expect("a fault"),
            |cell| assert_eq!(cell, "", "told by {cell}"),
            |cell| panic!("{cell}"),
            |_| panic!("compiled-in words"),
        ];
        for fault in faults {
            let cell = cell.clone();
            assert!(std::thread::spawn(move || fault(&cell)).join().is_err());
        }
        drop(log);
        return;
    }
    let dir = tempfile::tempdir().expect("temporary folder");
    for backtrace in ["0", "1"] {
        let mut again = Command::new(env::current_exe().expect("this program"));
        again.args(["--exact", "the_words_of_a_panic_are_withheld", "--nocapture"]).env(ASKED, dir.path()).env("RUST_BACKTRACE", backtrace);
        let output = again.output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let log = std::fs::read_to_string(dir.path().join("valhalla.log")).expect("a log");
        for told in [&said, &log] {
            assert!(told.matches("panicked at tests/personal_data.rs").count() >= 3 && told.contains("compiled-in words"), "{told}");
            let lower = told.to_lowercase();
            for canary in CANARIES {
                assert!(!lower.contains(canary), "{canary} in:\n{told}");
            }
        }
        assert_eq!(said.contains("   0: "), backtrace == "1", "{said}");
    }
}
