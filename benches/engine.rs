//! Rows per second of each part of the engine, on a file in memory: `cargo bench --bench engine`.
//!
//! One thread, no file, no store. What `chunk` takes is what one worker takes; the parts above it say where it goes.

use std::hint::black_box;
use std::sync::LazyLock;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

use valhalla_ingest::engine::check::{self, RawRow};
use valhalla_ingest::engine::chunk::{self, Chunk, Context, Parents};
use valhalla_ingest::engine::lead::{Lead, LeadBatch};
use valhalla_ingest::engine::learned::Learned;
use valhalla_ingest::engine::notes::Notes;
use valhalla_ingest::engine::plan::{self, Head, Plan};
use valhalla_ingest::engine::record::Cells;
use valhalla_ingest::engine::records::Records;
use valhalla_ingest::engine::rules::{Experiment, Rules, Script, ScriptStatus, Variant};
use valhalla_ingest::engine::split::{self, Cut};
use valhalla_ingest::engine::stages::{self, Staged, ab_test, clone_readiness, deal_packet, lead_score, outcome, script_promotion};

mod rows;

/// Rows of the file for [`one_thread_engine_only`]: many chunks, far more than fits into a cache.
const LONG_ROWS: u64 = 100_000;
/// Bytes that are cut at a time, as when a file is read.
const CHUNK_BYTES: usize = 256 << 10;

/// Rows of the file; small enough to stay in a processor's cache, as a chunk does.
const ROWS: u64 = 2_500;

fn main() {
    divan::main();
}

/// The file and everything that is made of it.
struct Sample {
    data: Vec<u8>,
    plan: Plan,
    rules: Rules,
    learned: Learned,
    records: Vec<Cells>,
    leads: LeadBatch,
}

static SAMPLE: LazyLock<Sample> = LazyLock::new(|| {
    let mut file = Vec::new();
    rows::write_file(&mut file, 0..ROWS).expect("writing to memory");
    let (rules, learned) = (rules(), Learned::none());
    let plan = plan::decide(Head::whole(&file), &rules, "csv", None).expect("a plan");
    let data = file.split_off(plan.layout.data_start);
    let records: Vec<Cells> = reader(&data).byte_records().map(|record| record.expect("a record").iter().collect()).collect();
    let leads = chunk::run(&Chunk::Records(data.clone()), &context(&plan, &rules, &learned)).leads;
    assert_eq!(records.len() as u64, ROWS);
    assert_eq!(leads.len() as u64, ROWS - rows::rejected(0..ROWS), "what the generator says is what the engine finds");
    Sample { data, plan, rules, learned, records, leads }
});

/// One experiment of two arms, each with its script, so that no stage has nothing to do.
fn rules() -> Rules {
    let variant = |id: &str| Variant { id: id.into(), weight: "1".parse().expect("a weight"), script: Some(id.into()) };
    let variants = vec![variant("long"), variant("short")];
    let thresholds = Experiment::thresholds(&variants);
    let script = |id: &str, status| Script { id: id.into(), version: 1, channel: "email".into(), status };
    let mut rules = Rules::default();
    rules.experiments.push(Experiment {
        id: "first-contact".into(),
        version: 1,
        salt: "first-contact".into(),
        variants,
        thresholds,
        filter: None,
    });
    rules.scripts = vec![script("long", ScriptStatus::Primary), script("short", ScriptStatus::Testing)];
    rules.outcome.prior = Some(0.04);
    rules
}

fn context<'a>(plan: &'a Plan, rules: &'a Rules, learned: &'a Learned) -> Context<'a> {
    Context { plan, rules, learned, job_id: "job", ingested_at: "", parents: &Parents::Any, issues_kept: 20, render: None }
}

/// The same records by the `csv` crate alone, which repairs nothing.
fn reader(data: &[u8]) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(data)
}

/// Decides how the file is read: encoding, dialect, table, mapping. Once per file, on its first MiB at most.
#[divan::bench]
fn plan(bencher: Bencher) {
    let Sample { data, plan, rules, .. } = &*SAMPLE;
    let header = format!("{}\n", plan.header.join(","));
    let file = [header.as_bytes(), data].concat();
    bencher.counter(BytesCount::new(file.len())).bench(|| plan::decide(Head::whole(black_box(&file)), rules, "csv", None).expect("a plan"));
}

/// Finds where the records end.
#[divan::bench]
fn split(bencher: Bencher) {
    let Sample { data, plan, .. } = &*SAMPLE;
    of_file(bencher).bench(|| split::cut(black_box(data), &plan.layout.table, 1 << 20, true));
}

/// Takes the records apart into cells.
#[divan::bench]
fn records(bencher: Bencher) {
    let Sample { data, plan, .. } = &*SAMPLE;
    of_file(bencher).bench(|| {
        let (mut records, mut record) = (Records::new(black_box(data), &plan.layout.table, 1 << 20), Cells::new());
        while records.next(&mut record).is_some() {
            black_box(&record);
        }
    });
}

/// The same by the `csv` crate, to compare.
#[divan::bench]
fn records_by_the_csv_crate(bencher: Bencher) {
    let Sample { data, .. } = &*SAMPLE;
    of_file(bencher).bench(|| {
        let (mut reader, mut record) = (reader(black_box(data)), csv::ByteRecord::new());
        while reader.read_byte_record(&mut record).expect("reading from memory") {
            black_box(&record);
        }
    });
}

/// Checks and cleans every row: e-mail, amount, phone, identity.
#[divan::bench]
fn check(bencher: Bencher) {
    let Sample { records, plan, rules, .. } = &*SAMPLE;
    of_file(bencher).bench(|| {
        let (mut batch, mut issues, mut notes) = (LeadBatch::default(), Vec::new(), Notes::default());
        for (record, row) in records.iter().zip(1..) {
            issues.clear();
            check::check(&RawRow { row, line: row, record }, plan, rules, &mut issues, &mut notes, &mut batch);
        }
        batch
    });
}

/// The figure for the engine as such: a long file in memory, cut and taken through everything, on one thread.
#[divan::bench(sample_count = 10)]
fn one_thread_engine_only(bencher: Bencher) {
    let Sample { plan, rules, learned, .. } = &*SAMPLE;
    let mut file = Vec::new();
    rows::write_file(&mut file, 0..LONG_ROWS).expect("writing to memory");
    let data = &file[plan.layout.data_start..];
    let context = context(plan, rules, learned);
    bencher.counter(ItemsCount::new(LONG_ROWS)).counter(BytesCount::of_slice(data)).bench(|| {
        let (mut at, mut rows) = (0, 0);
        while at < data.len() {
            let upto = data.len().min(at + CHUNK_BYTES);
            let Cut::Records(length) = split::cut(&data[at..upto], &plan.layout.table, 1 << 20, upto == data.len()) else {
                panic!("the generator makes nothing but records")
            };
            rows += chunk::run(&Chunk::Records(data[at..at + length].to_vec()), &context).rows;
            at += length;
        }
        assert_eq!(rows, LONG_ROWS);
    });
}

/// Everything that one worker does with a chunk.
#[divan::bench]
fn the_whole_chunk(bencher: Bencher) {
    let Sample { data, plan, rules, learned, .. } = &*SAMPLE;
    let chunk = Chunk::Records(data.clone());
    of_file(bencher).bench(|| chunk::run(black_box(&chunk), &context(plan, rules, learned)));
}

#[divan::bench]
fn stage_1_ab_test(bencher: Bencher) {
    of_leads(bencher, |lead, _| ab_test::assign(lead, &[], &SAMPLE.rules));
}

#[divan::bench]
fn stage_2_script_promotion(bencher: Bencher) {
    let ladder = script_promotion::Ladder::of(&SAMPLE.rules, &SAMPLE.learned);
    of_leads(bencher, |_, staged| script_promotion::choose(&staged.ab_test, &SAMPLE.rules, &ladder));
}

#[divan::bench]
fn stage_3_deal_packet(bencher: Bencher) {
    of_leads(bencher, |lead, _| deal_packet::prepare(lead, &SAMPLE.rules, &SAMPLE.learned));
}

#[divan::bench]
fn stage_4_outcome(bencher: Bencher) {
    of_leads(bencher, |lead, staged| outcome::evaluate(lead, staged.deal_packet.band, &SAMPLE.rules, &SAMPLE.learned, None));
}

#[divan::bench]
fn stage_5_clone_readiness(bencher: Bencher) {
    of_leads(bencher, |lead, staged| clone_readiness::assess(lead, staged.deal_packet.band, &SAMPLE.rules, &SAMPLE.learned));
}

#[divan::bench]
fn stage_6_lead_score(bencher: Bencher) {
    let scale = lead_score::Scale::of(&SAMPLE.rules, &SAMPLE.learned);
    of_leads(bencher, |lead, staged| {
        lead_score::score(lead, staged.deal_packet.risks, &staged.outcome, &staged.clone_readiness, &SAMPLE.rules, scale)
    });
}

#[divan::bench]
fn stages_1_to_6(bencher: Bencher) {
    of_leads(bencher, |lead, _| stages::run(lead, &[], &SAMPLE.rules, &SAMPLE.learned));
}

fn of_file<'a, 'b>(bencher: Bencher<'a, 'b>) -> Bencher<'a, 'b> {
    bencher.counter(ItemsCount::new(ROWS)).counter(BytesCount::of_slice(&SAMPLE.data))
}

/// Runs a stage over every lead, with what the earlier stages found.
fn of_leads<Found>(bencher: Bencher, stage: impl Fn(&Lead<'_>, &Staged<'static>) -> Found) {
    let Sample { leads, plan, rules, learned, .. }: &'static Sample = &SAMPLE;
    let staged = |lead| (lead, stages::run(&lead, &[], rules, learned));
    let leads: Vec<(Lead<'_>, Staged<'static>)> = (0..leads.len()).map(|at| staged(leads.lead(at, &plan.mapping.extra_names))).collect();
    bencher.counter(ItemsCount::new(leads.len())).bench_local(|| {
        for (lead, staged) in &leads {
            black_box(stage(black_box(lead), staged));
        }
    });
}
