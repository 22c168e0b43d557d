//! Nothing personal in logs and journals, whatever the file looks like.

mod support;

use support::{Root, tree, wait_for};

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
