//! Files of every kind that are read: report, archive, duplicates, and the loop of the rejected rows.

use std::fs;

use serde_json::{Value, json};

use crate::made::{gzip, utf16, western, workbook, zipped, zstd};
use crate::support::{Root, wait_for};
use crate::{leads_at, taken, told_once};

/// A file, and what is to come of it.
struct Export {
    file: &'static str,
    bytes: Vec<u8>,
    encoding: &'static str,
    delimiter: &'static str,
    /// 0 for none.
    header_row: u64,
    /// `column=field` for each column; nothing behind the sign where it is kept beside the lead.
    columns: &'static str,
    /// The leads with addresses at this domain, as `name|email|value|location`.
    domain: String,
    leads: Vec<String>,
    /// Each rejected row as it comes back, its cells joined by bars, without our three columns.
    given_back: Vec<String>,
    /// What is told once about the file.
    told: &'static [&'static str],
    /// What somebody writes in place of what in the rejects file.
    fixed: (&'static str, &'static str),
}

/// Drops it, drops it again, corrects what comes back, and looks at everything that is said and kept.
fn check(root: &Root, export: &Export) {
    let Export { file, bytes, .. } = export;
    root.drop_renamed(file, bytes);
    let report = root.report_of(file);
    assert_eq!(report["fate"], "processed", "{file}: {report}");
    let dialect = &report["dialect"];
    let header_row = if export.header_row == 0 { Value::Null } else { json!(export.header_row) };
    assert_eq!(
        (&dialect["encoding"], &dialect["delimiter"], &dialect["header_row"]),
        (&json!(export.encoding), &json!(export.delimiter), &header_row),
        "{file}"
    );
    let columns: Vec<String> = report["columns"]
        .as_array()
        .expect("columns")
        .iter()
        .map(|column| format!("{}={}", column["name"].as_str().expect("a name"), column["maps_to"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(columns.join(" "), export.columns, "{file}");
    assert_eq!(taken(&report), (export.leads.len() as u64, export.given_back.len() as u64), "{file}: {report}");
    assert_eq!(leads_at(root, &export.domain), export.leads, "{file}");
    assert_eq!(told_once(&report), export.told, "{file}: {}", report["systematic"]);
    let archived = report["archived_as"].as_str().expect("a place");
    assert_eq!(fs::read(root.path(archived)).expect("archived"), *bytes, "{file} is kept as it came");

    root.drop_renamed(file, bytes);
    wait_for(&format!("the second report of {file}"), || root.reports_of(file).len() == 2);
    let again = root.report_of(file);
    assert_eq!((&again["fate"], &again["duplicate_of"]), (&json!("duplicate"), &report["job_id"]), "{file}");

    if !export.given_back.is_empty() {
        comes_back(root, export, &report);
    }
}

/// The rejected rows as they were, in UTF-8; corrected, they are taken and nothing is left to do.
fn comes_back(root: &Root, export: &Export, report: &Value) {
    let Export { file, given_back, fixed, .. } = export;
    let place = report["rejects_as"].as_str().expect("a rejects file");
    let text = String::from_utf8(fs::read(root.path(place)).expect("rejects")).expect("UTF-8, whatever the file was");
    let text = text.strip_prefix('\u{feff}').expect("the mark that spreadsheets go by");
    let delimiter = export.delimiter.as_bytes()[0];
    let records = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text.as_bytes()).into_records();
    let cells: Vec<Vec<String>> = records.map(|record| record.expect("RFC 4180").iter().map(str::to_owned).collect()).collect();
    let width = export.columns.split(' ').count();
    let rows: Vec<String> = cells.iter().map(|cells| cells[..width].join("|")).collect();
    assert_eq!(rows, *given_back, "{file}");

    let name = place.rsplit('/').next().expect("a name");
    root.drop_renamed(name, text.replace(fixed.0, fixed.1));
    let child = root.report_of(name);
    assert_eq!(child["parent_job"], report["job_id"], "{file}: {child}");
    assert_eq!(taken(&child), (given_back.len() as u64, 0), "{file}: {child}");
    let told = root.run(&["reports", report["job_id"].as_str().expect("id"), "--json"]).exits(0).json();
    assert_eq!((&told["resolution"]["resolved"], &told["resolution"]["open"]), (&json!(given_back.len()), &json!(0)), "{file}");
    wait_for("our copy to leave failed/", || !root.has(place));
    assert_eq!(leads_at(root, &export.domain).len(), export.leads.len() + given_back.len(), "{file}");
}

/// Makes the file of a list whose addresses are at a domain.
type Wrap<'w> = &'w dyn Fn(&str) -> Vec<u8>;

/// Rows like everybody's, the second one bad.
fn list(domain: &str) -> String {
    format!(
        "name,email,value,location,notes\n\
         Ada Stone,ada@{domain},100,Tulsa,\"call, then mail\"\n\
         Bo Fjäll,bo.at.{domain},200,Malmö,\"says \"\"no\"\"\nand so on\"\n\
         Zoë Ångström,zoe@{domain},1250.50,Malmö,\n"
    )
}

#[test]
fn one_list_in_whatever_it_comes() {
    let root = Root::new();
    let daemon = root.daemon();
    let sheet = |domain: &str| {
        let (ada, bo, zoe) = (format!("ada@{domain}"), format!("bo.at.{domain}"), format!("zoe@{domain}"));
        let rows: [&[&str]; 4] = [
            &["name", "email", "value", "location", "notes"],
            &["Ada Stone", &ada, "100", "Tulsa", "call, then mail"],
            &["Bo Fjäll", &bo, "200", "Malmö", "says \"no\"\nand so on"],
            &["Zoë Ångström", &zoe, "1250.50", "Malmö"],
        ];
        workbook(&[("Leads", &rows)])
    };
    let zip = |domain: &str| zipped(&[("export/leads.csv", list(domain)), ("__MACOSX/export/._leads.csv", "?".to_owned())]);
    let cases: [(&'static str, &'static str, Wrap<'_>); 10] = [
        ("plain.csv", "UTF-8", &|domain| list(domain).into_bytes()),
        ("marked.csv", "UTF-8 with BOM", &|domain| format!("\u{feff}{}", list(domain)).into_bytes()),
        ("small.csv.gz", "UTF-8", &|domain| gzip(list(domain))),
        ("small.csv.zst", "UTF-8", &|domain| zstd(list(domain))),
        ("folder.zip", "UTF-8", &zip),
        ("book.xlsx", "UTF-8", &sheet),
        ("named-wrongly.csv", "UTF-8", &sheet),
        ("unicode.txt", "UTF-16LE with BOM", &|domain| utf16(&list(domain))),
        ("unicode.csv.gz", "UTF-16LE with BOM", &|domain| gzip(utf16(&list(domain)))),
        ("western.csv", "windows-1252", &|domain| western(&list(domain))),
    ];
    for (file, encoding, wrap) in cases {
        let domain = format!("{}.example", file.replace('.', "-"));
        check(
            &root,
            &Export {
                file,
                bytes: wrap(&domain),
                encoding,
                delimiter: ",",
                header_row: 1,
                columns: "name=name email=email value=value location=location notes=",
                leads: vec![format!("Ada Stone|ada@{domain}|100|Tulsa"), format!("Zoë Ångström|zoe@{domain}|1250.5|Malmö")],
                given_back: vec![format!("Bo Fjäll|bo.at.{domain}|200|Malmö|says \"no\"\nand so on")],
                domain,
                told: &[],
                fixed: (".at.", "@"),
            },
        );
    }
    assert_eq!(daemon.stop().0, Some(0));
    root.assert_sound();
}

#[test]
fn lists_of_other_shapes() {
    let root = Root::new();
    let daemon = root.daemon();
    let rows = |rows: &[&str]| rows.iter().map(|row| (*row).to_owned()).collect::<Vec<String>>();
    let plain = |file: &'static str, domain: &str, bytes: Vec<u8>| Export {
        file,
        bytes,
        encoding: "UTF-8",
        delimiter: ",",
        header_row: 1,
        columns: "name=name email=email value=value",
        domain: domain.to_owned(),
        leads: Vec::new(),
        given_back: Vec::new(),
        told: &[],
        fixed: ("", ""),
    };
    let cases = [
        Export {
            encoding: "windows-1252",
            delimiter: ";",
            columns: "Nombre=name Correo=email Presupuesto=value Ciudad=location",
            leads: rows(&["Anne Müller|anne@sol.example|99.9|Köln", "José Núñez|jose@sol.example|1234.5|Málaga"]),
            given_back: rows(&["Iñaki Peña|iñaki.sol.example|1.500,00|Cádiz"]),
            fixed: ("iñaki.", "inaki@"),
            ..plain(
                "semicolons.csv",
                "sol.example",
                western(
                    "Nombre;Correo;Presupuesto;Ciudad\r\nJosé Núñez;jose@sol.example;1.234,50;Málaga\r\nIñaki Peña;iñaki.sol.example;1.500,00;Cádiz\r\nAnne Müller;anne@sol.example;99,90;Köln\r\n",
                ),
            )
        },
        Export {
            delimiter: "\t",
            leads: rows(&["Ada, Jr.|ada@tab.example|100|", "Bo|bo@tab.example|2500.5|"]),
            ..plain("tabs.txt", "tab.example", b"name\temail\tvalue\nAda, Jr.\tada@tab.example\t100\nBo\tbo@tab.example\t\"2,500.50\"\n".to_vec())
        },
        Export {
            delimiter: ";",
            header_row: 2,
            leads: rows(&["Ada|ada@sep.example|1.5|", "Bo|bo@sep.example|2.75|"]),
            ..plain("separator.csv", "sep.example", b"sep=;\r\nname;email;value\r\nAda;ada@sep.example;1,50\r\nBo;bo@sep.example;2,75\r\n".to_vec())
        },
        Export {
            header_row: 4,
            leads: rows(&["Ada|ada@rep.example|100|", "Bo|bo@rep.example|200|", "Cy|cy@rep.example|300|"]),
            told: &["beyond_table", "footer_skipped", "preamble_skipped"],
            ..plain(
                "report.csv",
                "rep.example",
                b"Leads of the third quarter\nMade on 2024-05-01\n\nname,email,value\nAda,ada@rep.example,100\nBo,bo@rep.example,200\nCy,cy@rep.example,300\nTotal,,600\n\nagent,region\nX,North\nY,South\n".to_vec(),
            )
        },
        Export {
            header_row: 0,
            columns: "column_1=name column_2=email column_3=phone column_4=value",
            leads: rows(&["Ada Stone|ada@bare.example|100000|", "Bo Field|bo@bare.example|250000|", "Cy Brook|cy@bare.example|300000|"]),
            told: &["by_content", "by_content", "by_content", "by_content", "no_header"],
            ..plain(
                "bare.csv",
                "bare.example",
                b"Ada Stone,ada@bare.example,416-555-0101,100000\nBo Field,bo@bare.example,416-555-0102,250000\nCy Brook,cy@bare.example,416-555-0103,300000\n".to_vec(),
            )
        },
        Export {
            leads: rows(&["Łukasz|luk@by.example|300|", "Zoë|zoe@by.example|100|"]),
            given_back: rows(&["Jos\u{fffd}|jose@by.example|200"]),
            fixed: ("\u{fffd}", "é"),
            ..plain(
                "two-encodings.csv",
                "by.example",
                ["name,email,value\nZoë,zoe@by.example,100\n".as_bytes(), b"Jos\xe9,jose@by.example,200\n", "Łukasz,luk@by.example,300\n".as_bytes()]
                    .concat(),
            )
        },
        Export {
            leads: rows(&["Ada|ada@nul.example|100|"]),
            given_back: rows(&["B\0o|bo.nul.example|200"]),
            told: &["nul_removed", "nul_removed"],
            fixed: ("bo.nul", "bo@nul"),
            ..plain("zeros.csv", "nul.example", b"name,email,value\nA\0da,ada@nul.example,100\0\nB\0o,bo.nul.example,200\n".to_vec())
        },
        Export {
            leads: rows(&["Ada|ada@mac.example|100|", "Bo|bo@mac.example|200|"]),
            given_back: rows(&["Cy|cy.mac.example|300"]),
            fixed: ("cy.mac", "cy@mac"),
            ..plain("mac.csv", "mac.example", b"name,email,value\rAda,ada@mac.example,100\rCy,cy.mac.example,300\rBo,bo@mac.example,200".to_vec())
        },
        Export {
            columns: "Full Name=name Emial=email Value=value",
            leads: rows(&["Ada|ada@near.example|100|", "Bo|bo@near.example|200|"]),
            told: &["spelled_like"],
            ..plain("misspelt.csv", "near.example", b"Full Name,Emial,Value\nAda,ada@near.example,100\nBo,bo@near.example,200\n".to_vec())
        },
        Export {
            columns: "name=name Contact 2=email value=value",
            leads: rows(&["Ada|ada@second.example|100|", "Bo|bo@second.example|200|", "Cy|cy@second.example|300|"]),
            told: &["by_content"],
            ..plain(
                "by-content.csv",
                "second.example",
                b"name,Contact 2,value\nAda,ada@second.example,100\nBo,bo@second.example,200\nCy,cy@second.example,300\n".to_vec(),
            )
        },
    ];
    for export in &cases {
        check(&root, export);
    }
    let report = &root.reports_of("report.csv")[0];
    assert!(report["systematic"].to_string().contains("put them into a file of their own"), "{report}");
    assert_eq!(daemon.stop().0, Some(0));
    root.assert_sound();
}

/// As an argument, the file stays with its owner, whatever it is.
#[test]
fn as_arguments_of_ingest() {
    let root = Root::new();
    let sheet: [&[&str]; 2] = [&["name", "email", "value"], &["Cy", "cy@args.example", "300"]];
    let files = [
        ("a.csv.gz", gzip("name,email,value\nAda,ada@args.example,100\n")),
        ("b.csv", utf16("name;email;value\nBo;bo@args.example;200\n")),
        ("c.xlsx", workbook(&[("Leads", &sheet)])),
    ];
    let mut args = vec!["ingest".to_owned(), "--json".to_owned()];
    for (name, bytes) in &files {
        args.push(root.write(format!("outside/{name}"), bytes).to_str().expect("UTF-8").to_owned());
    }
    let said = root.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).exits(0).json();
    for (report, (name, bytes)) in said.as_array().expect("a report each").iter().zip(&files) {
        assert_eq!((report["file"].as_str(), taken(report)), (Some(*name), (1, 0)), "{report}");
        assert_eq!(fs::read(root.path(format!("outside/{name}"))).expect("still there"), *bytes);
    }
    assert_eq!(leads_at(&root, "args.example"), ["Ada|ada@args.example|100|", "Bo|bo@args.example|200|", "Cy|cy@args.example|300|"]);
    root.assert_sound();
}
