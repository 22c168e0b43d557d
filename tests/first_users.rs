//! Files as the first users send them, read through the library: our own small cases, and theirs where they are.
//!
//! A new case is a file in `tests/data` and a line in a table here.

use std::collections::HashSet;
use std::env;
use std::path::{Path, PathBuf};

use valhalla_ingest::ingestion::{Field, Ingestion, IngestionError, OwnedLead, RowError, Rules};

/// Files that give leads: each row as `row/line name|email|value|location|source`, or `row/line !` and the codes of its issues.
const READ: &[(&str, &[&str])] = &[
    (
        "clean.csv",
        &[
            "1/2 Nora Feld|nora.feld@example.com|500000|Tulsa OK|csv",
            "2/3 Sam Okoro|sam.okoro@example.org|500000.50|Salem OR|csv",
            "3/4 Li Wen|li.wen@example.net|1200000|Boise ID|csv",
        ],
    ),
    (
        "budgets.csv",
        &[
            "1/2 Contact One|one@example.com|$238224|Brandon|instagram",
            "2/3 Contact Two|two@example.com|$1026852|Gimli|phone",
            "3/4 Contact Three|three@example.com|$98424.75|Morden|trade_fair",
        ],
    ),
    (
        "split_names.csv",
        &[
            "1/2 Ida Krol|ida@example.com|250000|Winkler, MB|csv",
            "2/3 Max|max@example.com|180000|Steinbach, MB|csv",
            "3/4 Petit|petit@example.com|320000|QC|csv",
        ],
    ),
    ("aliases.csv", &["1/2 Anton Berg|anton@example.com|1250000.50||csv", "2/3 Bea Roth|bea@example.com|99.90||csv"]),
    (
        "quoted_newlines.csv",
        &["1/2 Kim Larsen|kim@example.com|1||csv", "2/7 O\"Hara, Tess|tess@example.com|2||csv", "3/8 Ada|ada@example.com|3||csv"],
    ),
    ("bom_crlf.csv", &["1/2 Zoë Ng|zoe@example.com|7||csv", "2/4 Ivo Dahl|ivo@example.com|8||csv"]),
    ("returns_only.csv", &["1/2 A|a@example.com|1||csv", "2/3 B|b@example.com|2||csv"]),
    (
        "ragged.csv",
        &[
            "1/2 A|a@example.com|1||csv",
            "2/3 !too_few_fields missing_field",
            "3/4 C|c@example.com|3||csv",
            "4/5 !too_many_fields",
            "5/6 E|e@example.com|5||csv",
        ],
    ),
    ("short_by_habit.csv", &["1/2 A|a@example.com|1||csv", "2/3 B|b@example.com|2||csv", "3/4 C|c@example.com|3||csv"]),
    ("blank_lines.csv", &["1/5 A|a@example.com|1||csv", "2/9 B|b@example.com|2||csv"]),
    ("open_quote.csv", &["1/2 A|a@example.com|1||csv", "2/3 \"B|b@example.com|2||csv", "3/4 C|c@example.com|3||csv"]),
    (
        "bad_rows.csv",
        &[
            "1/2 !invalid_email",
            "2/3 !value_not_numeric",
            "3/4 !value_not_positive",
            "4/5 !value_not_positive",
            "5/6 !value_not_numeric",
            "6/7 !value_out_of_range",
            "7/8 !missing_field missing_field",
            "8/9 !missing_field invalid_email value_not_numeric",
            "9/10 Jane Roe|jane@example.com|6||csv",
        ],
    ),
    ("latin1.csv", &["1/2 Paul Roy|paul@example.com|1|Orléans|csv", "2/3 Ann|ann@example.com|2|Tulsa|csv"]),
    ("stray_bytes.csv", &["1/2 !invalid_encoding", "2/3 Zoë|zoe@example.com|2|Orléans|csv", "3/4 Ann|ann@example.com|3|Tulsa|csv"]),
    ("slip_in_header.csv", &["1/2 A|a@example.com|1||csv"]),
    ("no_header.csv", &["1/1 Ann Lee|ann.lee@example.com|400000||csv", "2/2 Ben Day|ben.day@example.com|300000||csv"]),
    ("header_only.csv", &[]),
];

/// Files that give nothing: the code, and a part of what is said.
const REFUSED: &[(&str, &str, &str)] = &[
    ("no_email_column.csv", "missing_column", "no column for 'email', 'value' (found: lead_id, name, phone)"),
    ("near_header.csv", "missing_column", "did you mean 'mailbox'?"),
    ("duplicates.csv", "missing_column", "no column for 'value'"),
    ("no_header_no_email.csv", "no_header", "which column is 'email' cannot be told"),
    ("zero_bytes.csv", "zero_bytes", "0 bytes"),
    ("picture.csv", "not_a_csv", "a PNG image"),
];

/// One of the user's own files, and what is asked of its rows.
struct Theirs {
    file: &'static str,
    rules: fn() -> Rules,
    /// Valid rows, all rows and people; none where a column is missing.
    expected: Option<(usize, usize, usize)>,
}

const THEIRS: &[Theirs] = &[
    Theirs { file: "real_leads.csv", rules: Rules::default, expected: Some((10, 10, 10)) },
    Theirs { file: "batch_01_first_40.csv", rules: Rules::default, expected: Some((40, 40, 40)) },
    Theirs { file: "sample_leads_01.csv", rules: Rules::default, expected: Some((3, 3, 3)) },
    Theirs { file: "edge_case_bad_csv.csv", rules: Rules::default, expected: None },
    Theirs { file: "edge_case_bad_csv.csv", rules: without_value, expected: None },
    Theirs { file: "edge_case_duplicates.csv", rules: Rules::default, expected: None },
    Theirs { file: "edge_case_duplicates.csv", rules: without_value, expected: Some((5, 5, 2)) },
];

#[test]
fn files_that_give_leads() {
    for (file, expected) in READ {
        let rows: Vec<String> = Ingestion::open(ours(file)).unwrap_or_else(|error| panic!("{error}")).leads().map(told).collect();
        assert_eq!(rows, *expected, "{file}");
    }
}

#[test]
fn files_that_give_nothing_say_why() {
    for (file, code, said) in REFUSED {
        match Ingestion::open(ours(file)) {
            Err(IngestionError::File { error, .. }) => assert!(error.code == *code && error.what.contains(said), "{file}: {error:?}"),
            other => panic!("{file}: {other:?}"),
        }
    }
}

#[test]
fn every_file_of_ours_has_its_line_here() {
    let named: HashSet<&str> = READ.iter().map(|(file, _)| *file).chain(REFUSED.iter().map(|(file, ..)| *file)).collect();
    let files = std::fs::read_dir(ours(""))
        .expect("tests/data is there")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
    let unnamed: Vec<String> = files.filter(|file| !file.starts_with('.') && !named.contains(file.as_str())).collect();
    assert!(unnamed.is_empty(), "no expectation for {unnamed:?}");
}

#[test]
fn a_person_in_several_rows_is_one_person() {
    let leads = Ingestion::open_with(ours("duplicates.csv"), without_value()).expect("a list").collect_valid().expect("readable");
    assert_eq!((leads.len(), people(&leads)), (4, 2));
    assert!(leads.iter().all(|lead| lead.value.is_none()));
}

#[test]
fn columns_we_do_not_know_are_kept_as_written() {
    let leads = Ingestion::open(ours("split_names.csv")).expect("a list").collect_valid().expect("readable");
    let extra: Vec<(&str, &str)> = leads[0].extra.iter().map(|(name, cell)| (name.as_str(), cell.as_str())).collect();
    assert_eq!(extra, [("lead_id", "S1"), ("address", "1 Elm St"), ("notes", "quick close, cash")]);
}

#[test]
fn the_first_users_own_files() {
    let Some(folder) = data_folder() else {
        println!("skipped: the data folder is not there (TEST_DATA names another)");
        return;
    };
    for Theirs { file, rules, expected } in THEIRS {
        let path = folder.join("valhalla").join(file);
        let found = match Ingestion::open_with(&path, rules()) {
            Ok(ingestion) => {
                let leads = ingestion.collect_valid().unwrap_or_else(|error| panic!("{error}"));
                Some((leads.len(), ingestion.leads().count(), people(&leads)))
            }
            Err(IngestionError::File { error, .. }) => {
                assert_eq!(error.code, "missing_column", "{file}: {error:?}");
                None
            }
            Err(error) => panic!("{error}"),
        };
        assert_eq!(found, *expected, "{file}");
    }
}

fn told(row: Result<OwnedLead, RowError>) -> String {
    match row {
        Ok(lead) => {
            let value = lead.value.map(|value| format!("{}{value}", lead.currency)).unwrap_or_default();
            format!("{}/{} {}|{}|{value}|{}|{}", lead.row, lead.line, lead.name, lead.email, lead.location, lead.source)
        }
        Err(RowError::Rejected(rejected)) => {
            let codes: Vec<&str> = rejected.issues.iter().map(|issue| issue.code.as_str()).collect();
            format!("{}/{} !{}", rejected.row, rejected.line, codes.join(" "))
        }
        Err(RowError::Unread(error)) => error.to_string(),
    }
}

fn people(leads: &[OwnedLead]) -> usize {
    leads.iter().map(|lead| lead.lead_id).collect::<HashSet<_>>().len()
}

fn without_value() -> Rules {
    let mut rules = Rules::default();
    rules.columns.required.remove(Field::Value);
    rules
}

fn ours(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file)
}

/// Files that we did not write, for tests only: `TEST_DATA`, else a folder beside the project.
fn data_folder() -> Option<PathBuf> {
    let beside = || [env!("CARGO_MANIFEST_DIR"), "..", "shared", "data"].iter().collect();
    let folder = env::var_os("TEST_DATA").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}
