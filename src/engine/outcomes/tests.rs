//! Which files are lists of outcomes, what their words mean, what their rows become.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::engine::chunk::{self, Chunk, ChunkOutcome, Context, Parents};
use crate::engine::file_error::FileError;
use crate::engine::lead::lead_id_of;
use crate::engine::learned::Learned;
use crate::engine::plan::{self, Head, Plan};
use crate::engine::rules::Rules;

fn plan_of(text: &str, rules: &Rules) -> Result<Plan, FileError> {
    plan::decide(Head::whole(text.as_bytes()), rules, "csv", None)
}

fn read(text: &str, rules: &Rules) -> (Plan, ChunkOutcome) {
    let plan = plan_of(text, rules).expect("a plan");
    let learned = Learned::none();
    let context = Context {
        plan: &plan,
        rules,
        learned: &learned,
        job_id: "job",
        ingested_at: "",
        parents: &Parents::Any,
        issues_kept: 100,
        render: None,
    };
    let start = plan.layout.encoding.mark_len() + plan.layout.data_start;
    let outcome = chunk::run(&Chunk::Records(text.as_bytes()[start..].to_vec()), &context);
    (plan, outcome)
}

/// What a header is read as: `outcomes` or `leads` and the headers of the parts, as `part=header`.
fn recognised(text: &str, rules: &Rules) -> String {
    let plan = match plan_of(text, rules) {
        Ok(plan) => plan,
        Err(error) => return error.code.to_owned(),
    };
    let kind = if plan.kind == PlanKind::Outcomes { "outcomes" } else { "leads" };
    let column = |part: Part| plan.outcome.as_ref()?.column(part).map(|at| format!(" {}={}", part.name(), plan.header[at]));
    format!("{kind}{}", Part::ALL.into_iter().filter_map(column).collect::<String>())
}

fn configured(aliases: &[(Part, &str)], words: &[(&str, Verdict)]) -> Rules {
    let mut rules = Rules::default();
    rules.outcomes.aliases = aliases.iter().map(|(part, name)| (*part, vec![(*name).to_owned()])).collect();
    rules.outcomes.words = words.iter().map(|(word, verdict)| (word_key(word), *verdict)).collect();
    rules
}

#[test]
fn what_kind_of_file_it_is_and_where_its_outcomes_stand() {
    let id = "00112233-4455-5677-8899-aabbccddeeff";
    for (text, expected) in [
        ("email,outcome\na@b.co,won\n", "outcomes outcome=outcome"),
        ("E-Mail;Status;Datum\na@b.co;Verloren;1.5.2024\n", "outcomes outcome=Status outcome_date=Datum"),
        ("email,converted,date,revenue\na@b.co,1,2024-05-01,10\n", "outcomes outcome=converted outcome_date=date revenue=revenue"),
        ("email,stage,amount\na@b.co,Closed Won,10\n", "outcomes outcome=stage revenue=amount"),
        ("email,y\na@b.co,no\nb@b.co,no\n", "outcomes outcome=y"),
        ("email,result,value\na@b.co,won,5\n", "outcomes outcome=result revenue=value"),
        ("name,email,status\nAnn Lee,a@b.co,won\n", "outcomes outcome=status"),
        (
            "email,outcome,script,variant,channel,cost\na@b.co,won,hello,control,email,3\n",
            "outcomes outcome=outcome cost=cost script=script variant=variant channel=channel",
        ),
        (&format!("lead_id,outcome\n{id},won\n"), "outcomes outcome=outcome lead_id=lead_id"),
        (&format!("lead_id,email,outcome\n{id},a@b.co,won\n"), "outcomes outcome=outcome lead_id=lead_id"),
        // A list of leads feeds both where its cells speak for it.
        ("name,email,value,status\nA,a@b.co,5,won\n", "leads outcome=status"),
        ("name,email,value,Deal Stage,Close Date\nA,a@b.co,5,Closed Lost,2024-05-01\n", "leads outcome=Deal Stage outcome_date=Close Date"),
        ("name,email,value,output\nA,a@b.co,5,no\n", "leads outcome=output"),
        ("name,email,value,converted\nA,a@b.co,5,new\n", "leads outcome=converted"),
        ("name,email,value,revenue,won\nA,a@b.co,5,7,true\n", "leads outcome=won revenue=revenue"),
        // And feeds only leads where they do not.
        ("name,email,value,status\nA,a@b.co,5,new\nB,b@b.co,5,contacted\n", "leads"),
        ("name,email,value,status\nA,a@b.co,5,1\nB,b@b.co,6,1\n", "leads"),
        ("name,email,value,status\nA,a@b.co,5,yes\nB,b@b.co,6,no\n", "leads outcome=status"),
        ("name,email,value,status\nA,a@b.co,5,single\nB,b@b.co,6,married\n", "leads"),
        ("name,email,value,target\nA,a@b.co,5,Toronto\n", "leads"),
        ("name,email,value,default,housing\nA,a@b.co,5,no,yes\n", "leads"),
        // Neither: what a mailing list calls status is none of ours.
        ("email,status\na@b.co,subscribed\nb@b.co,bounced\n", "missing_column"),
        ("name,outcome\nA,won\n", "missing_column"),
        ("lead_id,outcome\n17,won\n", "missing_column"),
        // The name that means nothing else comes first.
        ("name,email,value,status,converted\nA,a@b.co,5,won,no\n", "leads outcome=converted"),
    ] {
        assert_eq!(recognised(text, &Rules::default()), expected, "{text}");
    }
}

#[test]
fn configured_columns_and_words() {
    let rules = configured(&[(Part::Outcome, "Ampel"), (Part::Revenue, "Geld")], &[("Grün", Verdict::Won), ("rot", Verdict::Lost)]);
    assert_eq!(recognised("email,ampel,geld\na@b.co,grün,3\n", &rules), "outcomes outcome=ampel revenue=geld");
    assert_eq!(recognised("name,email,value,Ampel,status\nA,a@b.co,5,blau,won\n", &rules), "leads outcome=Ampel");
    let (_, outcome) = read("email,ampel\na@b.co,GRÜN\nb@b.co,rot!\nc@b.co,offen\nd@b.co,blau\n", &rules);
    let verdicts: Vec<Verdict> = outcome.outcomes.iter().map(|row| row.verdict).collect();
    assert_eq!(verdicts, [Verdict::Won, Verdict::Lost, Verdict::Open]);
    assert_eq!(outcome.issues[0].code.as_str(), "invalid_outcome");
}

#[test]
fn two_columns_that_would_do_are_told() {
    let plan = plan_of("email,status,stage\na@b.co,won,won\n", &Rules::default()).expect("a plan");
    let warning = plan.mapping.warnings.first().expect("a warning");
    assert_eq!((warning.doubt.as_str(), &warning.columns[..]), ("ambiguous", &["status".to_owned(), "stage".to_owned()][..]));
    let plan = plan_of("email,outcome,date\na@b.co,won,5/1/2024\n", &Rules::default()).expect("a plan");
    assert_eq!(plan.mapping.warnings[0].doubt.as_str(), "dates_ambiguous");
}

#[test]
fn words_for_how_it_went() {
    use Verdict::{Lost, Open, Won};
    for (word, expected) in [
        ("won", Some(Won)),
        (" WON ", Some(Won)),
        ("Closed - Won", Some(Won)),
        ("closed_won", Some(Won)),
        ("Deal: Closed Won (100%)", Some(Won)),
        ("6 - Won", Some(Won)),
        ("1", Some(Won)),
        ("1.0", Some(Won)),
        ("TRUE", Some(Won)),
        ("Sí", Some(Won)),
        ("gagné", Some(Won)),
        ("0", Some(Lost)),
        ("0.0", Some(Lost)),
        ("No", Some(Lost)),
        ("Not interested", Some(Lost)),
        ("closed-lost", Some(Lost)),
        ("Não", Some(Lost)),
        ("", Some(Open)),
        ("-", Some(Open)),
        ("N/A", Some(Open)),
        ("In Progress", Some(Open)),
        ("Nurturing", Some(Open)),
        ("Closed", None),
        ("10", None),
        ("2", None),
        ("Stage 3", None),
        ("maybe", None),
    ] {
        assert_eq!(words::verdict(word, &BTreeMap::new()), expected, "{word:?}");
    }
    assert!(Verdict::ALL.into_iter().all(|verdict| Verdict::from_code(verdict.code()) == Some(verdict)));
}

#[test]
fn a_row_becomes_an_outcome_or_all_its_issues() {
    let header = "email,lead_id,outcome,date,revenue,cost,script\n";
    let id = "00112233-4455-5677-8899-aabbccddeeff";
    for (row, expected) in [
        ("a@b.co,,won,2024-05-01,\"1,000.50\",3,hello", "won 1714521600000 1000.50 3 hello"),
        ("A@B.co ,,lost,,,,", "lost - - - -"),
        (&format!(",{id},open,,,,"), "open - - - -"),
        ("a@b.co,17,won,,,,", "won - - - -"),
        ("a@b.co,,won,,-5,0,", "won - -5 0 -"),
        (",,won,,,,", "missing_field@email"),
        ("a.b.co,,won,,,,", "invalid_email@email"),
        (",17,won,,,,", "invalid_lead_id@lead_id"),
        ("a@b.co,,maybe,soon,much,1e99,", "invalid_outcome@outcome invalid_date@date value_not_numeric@revenue value_not_numeric@cost"),
        ("a@b.co,,won,,,,,x", "too_many_fields@"),
        ("a@b.co,,won", "too_few_fields@"),
    ] {
        // Two rows more, so that the file's own shape does not depend on the one that is looked at.
        let text = format!("{header}{row}\nx@b.co,{id},won,2024-05-01,1,1,s\ny@b.co,{id},lost,2024-05-01,1,1,s\n");
        let (plan, outcome) = read(&text, &Rules::default());
        assert_eq!(plan.kind, PlanKind::Outcomes, "{row}");
        assert_eq!(outcome.rows, outcome.outcomes.len() as u64 + outcome.rejects.len() as u64, "{row}");
        let shown = |found: Option<String>| found.unwrap_or_else(|| "-".to_owned());
        let told = match outcome.outcomes.first().filter(|first| first.row == 1) {
            Some(found) => {
                let expected_person = if row.starts_with(',') { Uuid::parse_str(id).expect("an id") } else { lead_id_of("a@b.co") };
                assert_eq!(found.person, expected_person, "{row}");
                let (at, script) = (found.at_ms.map(|ms| ms.to_string()), found.script.as_deref().map(str::to_owned));
                let amounts = [found.revenue, found.cost].map(|amount| shown(amount.map(|amount| amount.to_string())));
                format!("{} {} {} {}", found.verdict.as_str(), shown(at), amounts.join(" "), shown(script))
            }
            None => outcome.issues.iter().map(|issue| format!("{}@{}", issue.code.as_str(), issue.column)).collect::<Vec<_>>().join(" "),
        };
        assert_eq!(told, expected, "{row}");
    }
}

#[test]
fn beside_a_lead_nothing_about_the_outcome_rejects_the_row() {
    let text = "name,email,value,outcome,close_date,revenue\nA,a@b.co,5,won,2024-05-01,7\nB,b@b.co,5,maybe,,\nC,c@b.co,5,,,\nD,d@b.co,5,lost,soon,much\n\
                E,e,5,won,,\nF,f@b.co,5,won,,\nG,g@b.co,5,won,,\n";
    let (plan, outcome) = read(text, &Rules::default());
    assert_eq!(plan.kind, PlanKind::Leads);
    assert_eq!((outcome.leads.len(), outcome.rejects.len()), (6, 1));
    let told: Vec<(u64, Verdict, bool, bool)> =
        outcome.outcomes.iter().map(|row| (row.row, row.verdict, row.at_ms.is_some(), row.revenue.is_some())).collect();
    let (won, lost) = (Verdict::Won, Verdict::Lost);
    assert_eq!(told, [(1, won, true, true), (4, lost, false, false), (6, won, false, false), (7, won, false, false)]);
    let noted: Vec<(&str, &str)> = outcome.notes.counts.iter().map(|note| (note.column.as_str(), note.code.as_str())).collect();
    let expected = [
        ("outcome", "outcome_not_understood"),
        ("close_date", "outcome_date_not_understood"),
        ("revenue", "outcome_amount_not_understood"),
    ];
    assert_eq!(noted, expected);
    assert_eq!(plan.mapping.extra_names, ["outcome", "close_date", "revenue", "email (others)"], "extra columns stay as they were");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Rows of a list of outcomes: every row is one outcome or one rejected row, and cutting changes nothing.
    #[test]
    fn any_rows_are_taken_or_rejected_and_cut_anywhere_the_same(
        rows in prop::collection::vec(
            ("[ab]?@?[bc]?\\.?co", prop_oneof![Just("won"), Just("Lost"), Just(""), Just("hm"), Just("\"x\"\"")], "[0-9/.: -]{0,10}", "[0-9.,-]{0,5}"),
            1..12,
        ),
        cut in 0usize..12,
    ) {
        let header = "email,outcome,date,revenue\n";
        let lines: Vec<String> = rows.iter().map(|(who, how, when, much)| format!("{who},{how},{when},\"{much}\"\n")).collect();
        let rules = Rules::default();
        let Ok(plan) = plan_of(&format!("{header}z@z.co,won,,\n{}", lines.concat()), &rules) else { return Ok(()) };
        let learned = Learned::none();
        let context = Context { plan: &plan, rules: &rules, learned: &learned, job_id: "job", ingested_at: "", parents: &Parents::Any, issues_kept: 100, render: None };
        let run = |text: &str| chunk::run(&Chunk::Records(text.as_bytes().to_vec()), &context);
        let whole = run(&lines.concat());
        prop_assert_eq!(whole.rows, whole.outcomes.len() as u64 + whole.rejects.len() as u64);
        // A quote that is never closed joins lines: only rows that are whole by themselves may be cut apart.
        if lines.iter().all(|line| line.matches('"').count() % 2 == 0) {
            let (front, back) = lines.split_at(cut.min(lines.len()));
            let parts = [run(&front.concat()), run(&back.concat())];
            let people = |outcome: &ChunkOutcome| outcome.outcomes.iter().map(|row| (row.person, row.verdict, row.at_ms, row.revenue)).collect::<Vec<_>>();
            prop_assert_eq!(people(&whole), [people(&parts[0]), people(&parts[1])].concat());
        }
    }

    #[test]
    fn any_bytes_are_a_plan_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), header in "(email|status|lead_id|outcome|date)(,(status|outcome|y|date|revenue)){0,4}") {
        let mut text = header.into_bytes();
        text.push(b'\n');
        text.extend(bytes);
        let rules = Rules::default();
        if let Ok(plan) = plan::decide(Head::whole(&text), &rules, "csv", None) {
            let learned = Learned::none();
            let context = Context { plan: &plan, rules: &rules, learned: &learned, job_id: "job", ingested_at: "", parents: &Parents::Any, issues_kept: 5, render: None };
            let start = (plan.layout.encoding.mark_len() + plan.layout.data_start).min(text.len());
            let outcome = chunk::run(&Chunk::Records(text[start..].to_vec()), &context);
            let taken = if plan.kind == PlanKind::Outcomes { outcome.outcomes.len() } else { outcome.leads.len() };
            prop_assert_eq!(outcome.rows, (taken + outcome.rejects.len()) as u64);
        }
    }
}
