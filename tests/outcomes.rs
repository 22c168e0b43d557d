//! Outcomes come in through the folder like leads: recognised, checked, stored once, given back when wrong, joined to leads.

mod support;

use std::fs;

use rusqlite::Connection;
use serde_json::Value;
use support::{Random, Root, wait_for};

/// One stored outcome in a line: `row verdict date revenue waiting`, of a job's file.
fn stored(root: &Root) -> Vec<String> {
    let connection = Connection::open(root.path("valhalla.db")).expect("the store");
    let sql = "SELECT j.file, o.row, o.verdict, o.at_ms, o.revenue, o.revenue_scale, o.script, o.waiting FROM outcomes o JOIN jobs j ON j.seq = o.job
               ORDER BY o.job, o.row";
    let mut statement = connection.prepare(sql).expect("a query");
    let line = |row: &rusqlite::Row<'_>| -> rusqlite::Result<String> {
        let verdict = ["lost", "won", "open"][usize::from(row.get::<_, u8>(2)?)];
        let at: Option<i64> = row.get(3)?;
        let revenue = row.get::<_, Option<i64>>(4)?.map(|units| format!("{units}e-{}", row.get::<_, i64>(5).unwrap_or_default()));
        let (script, waits): (Option<String>, bool) = (row.get(6)?, row.get(7)?);
        let (file, number): (String, i64) = (row.get(0)?, row.get(1)?);
        let day = at.map(|ms| format!(" day {}", ms / 86_400_000)).unwrap_or_default();
        let more: Vec<String> = [revenue, script].into_iter().flatten().map(|text| format!(" {text}")).collect();
        Ok(format!("{file} {number} {verdict}{day}{}{}", more.concat(), if waits { " waits" } else { "" }))
    };
    statement.query_map([], line).expect("rows").map(|row| row.expect("a row")).collect()
}

/// The files of the jobs that have something to teach, in order.
fn lessons(root: &Root) -> Vec<String> {
    let connection = Connection::open(root.path("valhalla.db")).expect("the store");
    let sql = "SELECT j.file FROM lessons l JOIN jobs j ON j.seq = l.job WHERE l.turn = 0 ORDER BY l.job";
    let mut statement = connection.prepare(sql).expect("a query");
    statement.query_map([], |row| row.get(0)).expect("rows").map(|row| row.expect("a row")).collect()
}

/// `won/lost/open/waiting/not_understood`
fn told(report: &Value) -> String {
    let outcomes = &report["outcomes"];
    ["won", "lost", "open", "waiting", "not_understood"].map(|key| outcomes[key].to_string()).join("/")
}

/// `total/new/updated/duplicates/rejected`
fn rows(report: &Value) -> String {
    ["total", "accepted_new", "accepted_updated", "duplicates_in_file", "rejected"].map(|key| report["rows"][key].to_string()).join("/")
}

fn ingest(root: &Root, name: &str, text: &str) -> Value {
    let file = root.write(format!("drops/{name}"), text);
    let said = root.run(&["ingest", file.to_str().expect("a path"), "--json"]);
    said.json()[0].clone()
}

const LEADS: &str = "name,email,value\nAnn,ann@out.example,100\nBo,bo@out.example,200\nCy,cy@out.example,300\n";

#[test]
fn a_dropped_list_of_outcomes_is_taken_like_leads() {
    let root = Root::new();
    let _daemon = root.daemon();
    root.drop_renamed("leads.csv", LEADS);
    root.report_of("leads.csv");
    let list = "E-Mail,Result,Date,Revenue,Script\n\
        ANN@out.example,Closed Won,2024-05-01,\"1,200.50\",hello\n\
        bo@out.example,not interested,2024-05-02,,\n\
        ann@out.example,Closed Won,2024-05-01,\"1,200.50\",hello\n\
        nobody@out.example,won,,,\n\
        ann@out.example,lost,2024-05-03,,\n\
        cy@out.example,perhaps,,,\n";
    root.drop_renamed("results.csv", list);
    let report = root.report_of("results.csv");
    assert_eq!((report["kind"].as_str(), report["fate"].as_str()), (Some("outcomes"), Some("processed")), "{report}");
    assert_eq!((rows(&report), told(&report)), ("6/3/1/1/1".into(), "2/2/0/1/1".into()), "{report}");
    assert_eq!(report["issues"]["by_code"]["invalid_outcome"], 1);
    assert_eq!(
        (&report["tiers"]["A"], &report["value"]["sum"], &report["stages"]["ab_test"]["basis"]),
        (&0.into(), &Value::Null, &"none".into())
    );
    let read_as: Vec<&str> =
        report["columns"].as_array().expect("columns").iter().filter_map(|column| column["maps_to"].as_str()).collect();
    assert_eq!(read_as, ["email", "outcome", "outcome_date", "revenue", "script"]);
    let expected = [
        "results.csv 1 won day 19844 120050e-2 hello",
        "results.csv 2 lost day 19845",
        "results.csv 4 won waits",
        "results.csv 5 lost day 19846",
    ];
    assert_eq!(stored(&root), expected);
    assert_eq!(lessons(&root), ["results.csv"], "a list of leads alone teaches nothing");
    assert_eq!(root.leads().len(), 3, "outcomes make no leads");

    let receipt = root.text("processed/results.receipt.txt");
    for part in [
        "TAKEN: 5 of 6 rows of results.csv",
        "4 outcomes taken: 2 won, 2 lost, 0 open; 1 belongs to somebody we do not know yet and",
        "1 person had an outcome already",
        "1 row repeats what a row further up says already: row 3",
        "row 6 (line 7): Outcome not known: perhaps",
    ] {
        assert!(receipt.contains(part), "{part}\n{receipt}");
    }
    assert!(!root.has("processed/results.leads.jsonl"));

    // The same file again is a duplicate, and the rejected row comes back right.
    root.drop_renamed("again.csv", list);
    let again = root.report_of("again.csv");
    assert_eq!(
        (again["fate"].as_str(), again["kind"].as_str(), &again["duplicate_of"]),
        (Some("duplicate"), Some("outcomes"), &report["job_id"])
    );
    let fixed = root.text("failed/results.rejects.csv").replace("perhaps", "open");
    root.drop_renamed("results.rejects.csv", fixed);
    let back = root.report_of("results.rejects.csv");
    assert_eq!((&back["parent_job"], rows(&back), told(&back)), (&report["job_id"], "1/1/0/0/0".into(), "0/0/1/0/0".into()), "{back}");
    let story = root.run(&["reports", report["job_id"].as_str().expect("id"), "--json"]).exits(0).json();
    assert_eq!((&story["resolution"]["resolved"], &story["resolution"]["open"]), (&1.into(), &0.into()), "{story}");
    wait_for("our copy to leave failed/", || !root.has("failed/results.rejects.csv"));
    root.assert_sound();
    root.run(&["audit"]).exits(0);
    let status = root.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["totals"]["outcomes"], serde_json::json!({ "total": 5, "waiting": 1 }), "{status}");
    assert_eq!(root.report_of("results.csv")["rows"], report["rows"]);
}

#[test]
fn outcomes_wait_for_their_leads() {
    let root = Root::new();
    let first = ingest(&root, "early.csv", "email,outcome\nann@out.example,won\nbo@out.example,lost\nlate@out.example,open\n");
    assert_eq!((rows(&first), told(&first)), ("3/3/0/0/0".into(), "1/1/1/3/0".into()));
    let second = ingest(&root, "leads.csv", LEADS);
    assert_eq!((rows(&second), told(&second)), ("3/3/0/0/0".into(), "0/0/0/0/0".into()));
    assert_eq!(stored(&root), ["early.csv 1 won", "early.csv 2 lost", "early.csv 3 open waits"]);
    assert_eq!(lessons(&root), ["early.csv", "leads.csv"], "who joins outcomes has something to teach too");
    let third = ingest(&root, "more.csv", "name,email,value\nDi,di@out.example,5\n");
    assert_eq!(lessons(&root).len(), 2, "{third}");
    // By our own id as well as by e-mail.
    let id = root.leads()[0]["lead_id"].as_str().expect("an id").to_owned();
    let by_id = ingest(&root, "ids.csv", &format!("lead_id,won\n{id},no\n00112233-4455-6677-8899-aabbccddeeff,yes\nnot-an-id,yes\n"));
    assert_eq!((rows(&by_id), told(&by_id)), ("3/1/1/0/1".into(), "1/1/0/1/0".into()), "{by_id}");
    assert_eq!(by_id["issues"]["by_code"]["invalid_lead_id"], 1);
    root.run(&["audit"]).exits(0);
}

#[test]
fn a_list_of_leads_feeds_both() {
    let root = Root::new();
    let list = "name,email,value,Deal Stage,Close Date,Notes\n\
        Ann,ann@out.example,100,Closed Won,01/05/2024,x\n\
        Bo,bo@out.example,200,Closed Lost,13/05/2024,\n\
        Ann,ann@out.example,100,Closed Lost,14/05/2024,twice\n\
        Cy,cy@out.example,300,In the air,,\n\
        Di,di@out.example,400,,,\n\
        Ed,ed.example,400,Closed Won,,\n\
        Fi,fi@out.example,500,Negotiation,31/12/2199,\n\
        Gi,gi@out.example,600,Closed Won,,\n";
    let report = ingest(&root, "crm.csv", list);
    assert_eq!(
        (report["kind"].as_str(), rows(&report), told(&report)),
        (Some("leads"), "8/6/0/1/1".into(), "2/1/1/0/1".into()),
        "{report}"
    );
    let expected = ["crm.csv 1 won day 19844", "crm.csv 2 lost day 19856", "crm.csv 7 open", "crm.csv 8 won"];
    assert_eq!(stored(&root), expected, "a repeated person changes nothing, a date that lies ahead is none");
    let stage = report["columns"].as_array().expect("columns").iter().find(|column| column["name"] == "Deal Stage").expect("the column");
    assert_eq!(stage["maps_to"], Value::Null, "the column stays an extra one");
    assert!(stage["why"].as_str().expect("why").contains("read as outcome"), "{stage}");
    let lead = root.leads().into_iter().find(|lead| lead["email"] == "cy@out.example").expect("a lead");
    assert_eq!(lead["extra"]["Deal Stage"], "In the air", "{lead}");
    let codes: Vec<&str> =
        report["systematic"].as_array().expect("findings").iter().filter_map(|finding| finding["code"].as_str()).collect();
    assert!(codes.contains(&"outcome_not_understood") && codes.contains(&"outcome_date_not_understood"), "{codes:?}");
    assert_eq!(lessons(&root), ["crm.csv"]);

    // The rejected row comes back as a lead, with its outcome.
    let fixed = root.text("failed/crm.rejects.csv").replace("ed.example", "ed@out.example");
    let back = ingest(&root, "crm.rejects.csv", &fixed);
    assert_eq!((&back["parent_job"], rows(&back), told(&back)), (&report["job_id"], "1/1/0/0/0".into(), "1/0/0/0/0".into()), "{back}");
    root.run(&["audit"]).exits(0);
}

#[test]
fn the_mapping_is_configurable_also_by_source() {
    let root = Root::with_config(
        "[columns]\naliases = { outcome = ['Ampel'] }\n[outcomes]\nwon = ['Grün']\n[source.us.outcomes]\nlost = ['red']\ndates = 'month_first'\n",
    );
    let _daemon = root.daemon();
    root.drop_renamed("ampel.csv", "email,ampel\na@out.example,GRÜN\nb@out.example,red\n");
    let report = root.report_of("ampel.csv");
    assert_eq!((rows(&report), told(&report)), ("2/1/0/0/1".into(), "1/0/0/1/1".into()), "{report}");
    root.drop_renamed("us/ampel.csv", "email,ampel,date\na@out.example,grün,5/1/2024\nb@out.example,Red,5/2/2024\n");
    let report = root.report_of("us/ampel.csv");
    assert_eq!((rows(&report), told(&report)), ("2/1/1/0/0".into(), "1/1/0/2/0".into()), "{report}");
    assert_eq!(stored(&root)[1..], ["us/ampel.csv 1 won day 19844 waits", "us/ampel.csv 2 lost day 19845 waits"]);
    // Without a proof the day comes first, and it is said.
    root.drop_renamed("eu.csv", "email,outcome,date\na@out.example,won,5/1/2024\n");
    let report = root.report_of("eu.csv");
    assert_eq!(stored(&root)[3..], ["eu.csv 1 won day 19727 waits"]);
    assert!(report["systematic"].to_string().contains("dates_ambiguous"), "{report}");
}

#[test]
fn nothing_is_taken_of_a_list_without_a_good_row_or_in_a_dry_run() {
    let root = Root::new();
    let report = ingest(&root, "bad.csv", "email,outcome\nann,won\n,lost\n");
    assert_eq!(
        (report["fate"].as_str(), report["kind"].as_str(), rows(&report)),
        (Some("failed"), Some("outcomes"), "2/0/0/0/2".into()),
        "{report}"
    );
    assert!(stored(&root).is_empty() && lessons(&root).is_empty());
    let file = root.write("drops/dry.csv", "email,outcome\nann@out.example,won\n");
    let dry = root.run(&["ingest", file.to_str().expect("a path"), "--json", "--dry-run"]).exits(0).json()[0].clone();
    assert_eq!((&dry["dry_run"], rows(&dry), told(&dry)), (&true.into(), "1/1/0/0/0".into(), "1/0/0/1/0".into()), "{dry}");
    assert!(stored(&root).is_empty() && lessons(&root).is_empty());
    root.run(&["audit"]).exits(0);
}

#[test]
fn check_shows_a_list_of_outcomes_as_it_would_be_taken() {
    let root = Root::new();
    let file =
        root.write("x.csv", "email,status,amount\na@out.example,won,5\na@out.example,won,5\nb@out.example,lost,\nc@out.example,?!x,\n");
    let file = file.to_str().expect("a path");
    let told = root.run(&["check", file, "--json"]).exits(0).json()[0].clone();
    assert_eq!(told["kind"], "outcomes");
    assert_eq!(told["outcomes"], serde_json::json!({ "won": 1, "lost": 1, "open": 0 }), "{told}");
    assert_eq!(told["rows"], serde_json::json!({ "total": 4, "valid": 3, "duplicates_in_file": 1, "rejected": 1 }), "{told}");
    assert_eq!(told["columns"][2]["maps_to"], "revenue");
    let page = root.run(&["check", file]).exits(0).stdout;
    assert!(page.contains("This is a list of outcomes") && page.contains("outcomes: 1 won, 1 lost, 0 open"), "{page}");
    let said = root.run(&["ingest", file]).exits(0).stderr;
    assert!(said.contains("Valid outcomes: 3\n") && said.contains("Outcomes: 1 won, 1 lost, 0 open (2 wait for their leads)"), "{said}");
}

/// One large list read by several workers in many chunks, killed on the way: exactly once, and the same as the small ones.
#[test]
fn a_killed_daemon_takes_every_outcome_once() {
    let root = Root::new();
    let mut rng = Random::seeded();
    let people: u64 = 30_000;
    let line = |rng: &mut Random, number: u64| {
        let verdict = ["won", "lost", "open", "perhaps"][rng.index(4)];
        format!("p{}@kill.example,{verdict},2024-05-{:02}\n", number % 20_000, 1 + number % 28)
    };
    let list: String = "email,outcome,date\n".chars().map(String::from).chain((0..people).map(|number| line(&mut rng, number))).collect();
    let daemon = root.daemon();
    root.drop_renamed("large.csv", &list);
    wait_for("the claim", || !root.claims().is_empty() || !root.reports_of("large.csv").is_empty());
    daemon.kill();
    let _daemon = root.daemon();
    let report = root.report_of("large.csv");
    let rejected = list.matches(",perhaps,").count() as u64;
    assert_eq!((report["rows"]["total"].as_u64(), report["rows"]["rejected"].as_u64()), (Some(people), Some(rejected)), "{report}");
    let kept = stored(&root).len() as u64;
    assert_eq!(kept + rejected + report["rows"]["duplicates_in_file"].as_u64().expect("a count"), people);
    assert_eq!(
        report["rows"]["accepted_new"].as_u64().zip(report["rows"]["accepted_updated"].as_u64()).map(|(new, more)| new + more),
        Some(kept)
    );
    assert_eq!(lessons(&root), ["large.csv"]);
    root.assert_sound();
    root.run(&["audit"]).exits(0);
    fs::metadata(root.path("processed/large.csv")).expect("the original in the archive");
}

/// What a few rows cannot show any more is remembered from the file they were in: the kind, the columns, the order of dates.
#[test]
fn rejected_outcomes_are_read_as_before_when_they_come_back() {
    let root = Root::new();
    let list = "email,Stand,date,amount\na@out.example,won,5/13/2024,\"1.200,50\"\nb@out.example,???a,5/1/2024,\"1.200\"\n";
    let config = "[source.de.columns]\naliases = { outcome = ['Stand'] }\n";
    root.configure(config);
    let _daemon = root.daemon();
    root.drop_renamed("de/list.csv", list);
    let report = root.report_of("de/list.csv");
    assert_eq!((report["kind"].as_str(), rows(&report)), (Some("outcomes"), "2/1/0/0/1".into()), "{report}");
    // Dropped elsewhere, where nobody has heard of the alias.
    let fixed = root.text("failed/de/list.rejects.csv").replace("???a", "lost");
    root.drop_renamed("list.rejects.csv", fixed);
    let back = root.report_of("list.rejects.csv");
    assert_eq!(
        (back["kind"].as_str(), &back["parent_job"], &back["source"]),
        (Some("outcomes"), &report["job_id"], &"de".into()),
        "{back}"
    );
    assert_eq!(stored(&root), ["de/list.csv 1 won day 19856 120050e-2 waits", "list.rejects.csv 1 lost day 19844 1200e-0 waits"]);
}
