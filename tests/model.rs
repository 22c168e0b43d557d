//! The spool, the store and the journals against a model of a few lines: whatever is dropped, returned, cut, renamed or
//! interrupted in whatever order, people, jobs and files are what the model says.
//!
//! Through the library, with real folders and a real store. A crash is an `Ingest` that is dropped where it stood: with a
//! drop claimed, with a commit whose journals cannot be written, with journals whose moves cannot be made. At the end of
//! each story the store is removed and rebuilt, and must be the same once more.
//!
//! Seeds are printed; failures are kept in `model.proptest-regressions`. `TEST_MODEL_CASES` and `TEST_MODEL_OPS` tell more and longer stories,
//! `TEST_MODEL_SEED` the same ones again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngAlgorithm, TestRng, TestRunner};
use uuid::Uuid;
use valhalla_ingest::config::{Config, Overrides, find_root};
use valhalla_ingest::ingest::undo::UndoVerdict;
use valhalla_ingest::ingest::{Ended, Fatal, Ingest, Job, Start, archived_place, rebuild};
use valhalla_ingest::journal::Report;
use valhalla_ingest::journal::report::Fate;
use valhalla_ingest::progress::Progress;
use valhalla_ingest::store::read::LeadQuery;

/// A row: which person, which version of them, and whether its value is none.
type Row = (u8, u8, bool);

/// Where the program dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    Never,
    /// With the drop claimed and nothing committed.
    Claimed,
    /// After the commit, before the journals.
    BeforeJournals,
    /// After the journals, before the moves.
    BeforeMoves,
    /// The same, and then somebody takes the name that the original was to get.
    BeforeMovesNameTaken,
}

#[derive(Debug, Clone)]
enum Op {
    Drop {
        rows: Vec<Row>,
        zillow: bool,
        name_taken: bool,
        death: Death,
    },
    DropAgain {
        which: usize,
        zillow: bool,
        death: Death,
    },
    DropBroken {
        death: Death,
    },
    /// The rejects file of an earlier job comes back, some of its rows right.
    Return {
        which: usize,
        right: u8,
        death: Death,
    },
    /// Somebody removes an archived original.
    Remove {
        which: usize,
    },
    /// A job is taken out.
    Undo {
        which: usize,
    },
    /// The journal loses its end while nothing runs.
    CutReports {
        bytes: usize,
    },
    Rules {
        version: u8,
    },
    Restart {
        clean: bool,
    },
}

fn death() -> impl Strategy<Value = Death> {
    prop_oneof![
        4 => Just(Death::Never),
        1 => Just(Death::Claimed),
        1 => Just(Death::BeforeJournals),
        1 => Just(Death::BeforeMoves),
        1 => Just(Death::BeforeMovesNameTaken),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let row = (0..6u8, 0..4u8, prop::bool::weighted(0.25));
    let rows = prop::collection::vec(row, 0..6);
    prop_oneof![
        6 => (rows, any::<bool>(), prop::bool::weighted(0.2), death())
            .prop_map(|(rows, zillow, name_taken, death)| Op::Drop { rows, zillow, name_taken, death }),
        2 => (any::<usize>(), prop::bool::weighted(0.3), death()).prop_map(|(which, zillow, death)| Op::DropAgain { which, zillow, death }),
        1 => death().prop_map(|death| Op::DropBroken { death }),
        4 => (any::<usize>(), any::<u8>(), death()).prop_map(|(which, right, death)| Op::Return { which, right, death }),
        1 => any::<usize>().prop_map(|which| Op::Remove { which }),
        3 => any::<usize>().prop_map(|which| Op::Undo { which }),
        1 => (1..2000usize).prop_map(|bytes| Op::CutReports { bytes }),
        1 => (0..3u8).prop_map(|version| Op::Rules { version }),
        1 => any::<bool>().prop_map(|clean| Op::Restart { clean }),
    ]
}

/// What a job must have come to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Expected {
    file: String,
    fate: Fate,
    /// Total, new, known, repeated, rejected.
    rows: [u64; 5],
    source: String,
    rules: u8,
    content: Vec<u8>,
    /// The rows that it rejected and that had not been rejected before.
    own_rejects: BTreeSet<u64>,
    is_removed: bool,
    /// The people that it brought, with name and value.
    people: Vec<(String, (String, String))>,
    /// Rejected rows of earlier jobs that it brought back.
    resolves: BTreeSet<(usize, u64)>,
    /// The job that the first of its rows comes back from.
    parent: Option<usize>,
    is_undone: bool,
}

/// All that the program is supposed to know.
#[derive(Debug, Default)]
struct Model {
    rules: u8,
    people: BTreeMap<String, (String, String)>,
    jobs: Vec<Expected>,
    /// Rejected rows that were taken since, by job and row.
    resolved: BTreeSet<(usize, u64)>,
}

/// A row as the model sees it: address, name, value (none that is wrong), and for one that came back which it was.
struct ModelRow {
    email: String,
    name: String,
    value: Option<String>,
    origin: Option<(usize, u64)>,
}

impl Model {
    /// What a file must come to, and remembers it.
    fn take(&mut self, file: &str, source: &str, content: &[u8], rows: Option<Vec<ModelRow>>) {
        let is_same = |job: &&Expected| {
            job.fate == Fate::Processed && !job.is_undone && job.content == content && job.source == source && job.rules == self.rules
        };
        let mut job = Expected {
            file: file.to_owned(),
            fate: Fate::Failed,
            rows: [0; 5],
            source: source.to_owned(),
            rules: self.rules,
            content: content.to_vec(),
            own_rejects: BTreeSet::new(),
            is_removed: false,
            people: Vec::new(),
            resolves: BTreeSet::new(),
            parent: rows.as_ref().and_then(|rows| rows.first()?.origin.map(|(job, _)| job)),
            is_undone: false,
        };
        match rows {
            None => {}
            Some(_) if self.jobs.iter().any(|job| is_same(&job)) => job.fate = Fate::Duplicate,
            Some(rows) => {
                let mut seen = BTreeSet::new();
                for (number, row) in (1..).zip(rows) {
                    job.rows[0] += 1;
                    let Some(value) = row.value else {
                        job.rows[4] += 1;
                        if row.origin.is_none() {
                            job.own_rejects.insert(number);
                        }
                        continue;
                    };
                    self.resolved.extend(row.origin);
                    job.resolves.extend(row.origin);
                    if !seen.insert(row.email.clone()) {
                        job.rows[3] += 1;
                        continue;
                    }
                    let person = (row.email, (row.name, value));
                    job.people.push(person.clone());
                    let is_known = self.people.insert(person.0, person.1).is_some();
                    job.rows[if is_known { 2 } else { 1 }] += 1;
                }
                if job.rows[4] < job.rows[0] {
                    job.fate = Fate::Processed;
                }
            }
        }
        self.jobs.push(job);
    }

    /// Takes a job out, and says what is to be said of it.
    fn undo(&mut self, at: usize) -> UndoVerdict {
        let returns = |job: &&Expected| job.parent == Some(at) && job.fate == Fate::Processed && !job.is_undone;
        match &self.jobs[at] {
            job if job.is_undone => UndoVerdict::AlreadyUndone,
            job if job.fate != Fate::Processed => UndoVerdict::NothingToUndo,
            _ if self.jobs.iter().any(|job| returns(&job)) => UndoVerdict::Refused,
            _ => {
                self.jobs[at].is_undone = true;
                let left = self.jobs.iter().filter(|job| !job.is_undone);
                self.people = left.clone().flat_map(|job| job.people.iter().cloned()).collect();
                self.resolved = left.flat_map(|job| job.resolves.iter().copied()).collect();
                UndoVerdict::Undone
            }
        }
    }
}

/// A root with the program in it.
struct World {
    dir: tempfile::TempDir,
    ingest: Option<Ingest>,
    model: Model,
    /// Files of somebody else in the archive.
    strangers: Vec<PathBuf>,
    drops: usize,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("valhalla-model-").tempdir().expect("temporary folder");
        fs::create_dir(dir.path().join("inbox")).expect("inbox");
        let mut world = Self { dir, ingest: None, model: Model::default(), strangers: Vec::new(), drops: 0 };
        world.open(Start::Clean);
        world
    }

    fn path(&self, rel: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(rel)
    }

    fn config(&self) -> Arc<Config> {
        fs::write(self.path("valhalla.toml"), format!("[limits]\nrows = {}\n", 1000 + u32::from(self.model.rules))).expect("configuration");
        let root = find_root(Some(self.dir.path()), None, [], self.dir.path());
        Arc::new(Config::load(&root, [], &Overrides::default()).expect("a valid configuration"))
    }

    /// Starts the program and lets it take up what lies in the claims.
    fn open(&mut self, start: Start) {
        self.ingest = None; // the one before is dead
        let stop = Arc::new(AtomicBool::new(false));
        let (mut ingest, recovered) = Ingest::open(self.config(), Arc::new(Progress::default()), stop, "daemon", start).expect("it starts");
        for job in recovered.again.into_iter().chain(recovered.doubtful) {
            run(&mut ingest, job).expect("taken after all");
        }
        self.ingest = Some(ingest);
    }

    fn ingest(&mut self) -> &mut Ingest {
        self.ingest.as_mut().expect("open")
    }

    /// Drops a file and has it taken, dying where it is to die.
    fn drop_file(&mut self, rel: &str, content: &[u8], death: Death) {
        let path = self.path("inbox").join(rel);
        fs::create_dir_all(path.parent().expect("below the inbox")).expect("folder");
        fs::write(&path, content).expect("dropped");
        let job = self.ingest().claim_path(Path::new(rel)).expect("claimed").expect("it is there");
        match death {
            Death::Never => {
                run(self.ingest(), job).expect("taken");
            }
            Death::Claimed => self.open(Start::AfterDeath),
            Death::BeforeJournals => {
                let (reports, aside) = (self.path("logs/reports.jsonl"), self.path("logs/aside"));
                let _ = fs::rename(&reports, &aside); // there is none before the first job
                fs::create_dir(&reports).expect("in the way");
                assert!(run(self.ingest(), job).is_err(), "a folder is no journal");
                fs::remove_dir(&reports).expect("out of the way");
                let _ = fs::rename(&aside, &reports);
                self.open(Start::AfterDeath);
            }
            Death::BeforeMoves | Death::BeforeMovesNameTaken => {
                let claim = self.path(".claimed").join(job.job_id.to_string());
                let in_the_way = [claim.join(".receipt"), claim.join(".error")];
                for path in &in_the_way {
                    fs::create_dir(path).expect("in the way");
                }
                assert!(run(self.ingest(), job).is_err(), "a folder is no receipt");
                for path in &in_the_way {
                    fs::remove_dir(path).expect("out of the way");
                }
                if death == Death::BeforeMovesNameTaken {
                    let report = self.reports().pop().expect("it was told");
                    self.take_name(&report.archived_as.expect("a place"));
                }
                self.open(Start::AfterDeath);
            }
        }
    }

    fn take_name(&mut self, rel: &str) {
        let path = self.path(rel);
        fs::create_dir_all(path.parent().expect("below the root")).expect("folder");
        if !path.exists() {
            fs::write(&path, "somebody else's").expect("written");
            self.strangers.push(path);
        }
    }

    fn reports(&self) -> Vec<Report> {
        let text = fs::read_to_string(self.path("logs/reports.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a report")).collect()
    }

    fn next_name(&mut self, zillow: bool) -> (String, &'static str) {
        self.drops += 1;
        if zillow { (format!("zillow/f{}.csv", self.drops), "zillow") } else { (format!("f{}.csv", self.drops), "csv") }
    }

    // ---- what can happen ---------------------------------------------------------------------------------------------

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Drop { rows, zillow, name_taken, death } => {
                let (rel, source) = self.next_name(*zillow);
                if *name_taken {
                    self.take_name(&format!("processed/{rel}"));
                    self.take_name(&format!("failed/{rel}"));
                }
                let mut text = "name,email,value\n".to_owned();
                let mut seen = Vec::new();
                for (person, version, is_bad) in rows {
                    let value = format!("{}", 1 + u32::from(*person) + 100 * u32::from(*version));
                    let (name, email) = (format!("Person {person} v{version}"), format!("p{person}@model.example"));
                    text += &format!("{name},{email},{}\n", if *is_bad { "x" } else { &value });
                    seen.push(ModelRow { email, name, value: (!is_bad).then_some(value), origin: None });
                }
                self.model.take(&rel, source, text.as_bytes(), Some(seen));
                self.drop_file(&rel, text.as_bytes(), *death);
            }
            Op::DropAgain { which, zillow, death } => self.drop_again(*which, *zillow, *death),
            Op::DropBroken { death } => {
                let (rel, source) = self.next_name(false);
                let text = format!("nothing,here\n{},2\n", self.drops);
                self.model.take(&rel, source, text.as_bytes(), None);
                self.drop_file(&rel, text.as_bytes(), *death);
            }
            Op::Return { which, right, death } => self.give_back(*which, *right, *death),
            Op::Remove { which } => {
                let kept: Vec<usize> = (0..self.model.jobs.len()).filter(|at| !self.model.jobs[*at].is_removed).collect();
                if !kept.is_empty() {
                    let at = kept[which % kept.len()];
                    let place = self.place_of(at);
                    fs::remove_file(place).expect("it was there");
                    self.model.jobs[at].is_removed = true;
                }
            }
            Op::Undo { which } if !self.model.jobs.is_empty() => {
                let at = which % self.model.jobs.len();
                let reports = self.reports();
                let ingest = self.ingest();
                let job = ingest.store().find_job(&reports[at].job_id).expect("store").expect("known");
                let told = ingest.undo(&job, false).expect("asked");
                assert_eq!(told.verdict, self.model.undo(at), "{told:?}");
            }
            Op::Undo { .. } => {}
            Op::CutReports { bytes } => {
                self.ingest = None;
                let path = self.path("logs/reports.jsonl");
                let whole = fs::read(&path).unwrap_or_default();
                fs::write(&path, &whole[..whole.len().saturating_sub(*bytes)]).expect("cut");
                self.open(Start::Clean);
            }
            Op::Rules { version } => {
                self.model.rules = *version;
                self.open(Start::Clean);
            }
            Op::Restart { clean } => {
                let ingest = self.ingest.take().expect("open");
                if *clean {
                    ingest.close().expect("closed");
                }
                self.open(if *clean { Start::Clean } else { Start::AfterDeath });
            }
        }
    }

    /// The content of an earlier drop, under another name.
    fn drop_again(&mut self, which: usize, zillow: bool, death: Death) {
        let plain: Vec<usize> = (0..self.model.jobs.len()).filter(|at| self.model.jobs[*at].content.starts_with(b"name,email")).collect();
        if plain.is_empty() {
            return;
        }
        let content = self.model.jobs[plain[which % plain.len()]].content.clone();
        let (rel, source) = self.next_name(zillow);
        let text = String::from_utf8(content.clone()).expect("ours");
        let rows = text.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let value = Some(cells[2].to_owned()).filter(|value| value != "x");
            ModelRow { email: cells[1].to_owned(), name: cells[0].to_owned(), value, origin: None }
        });
        let rows = rows.collect();
        self.model.take(&rel, source, &content, Some(rows));
        self.drop_file(&rel, &content, death);
    }

    /// A rejects file as it lies in `failed/`, with the rows put right whose bit is set.
    fn give_back(&mut self, which: usize, right: u8, death: Death) {
        let reports = self.reports();
        let given: Vec<PathBuf> = reports
            .iter()
            .filter_map(|report| report.rejects_as.as_ref().map(|place| self.path(place)))
            .filter(|path| path.exists())
            .collect();
        if given.is_empty() {
            return;
        }
        let file = fs::read(&given[which % given.len()]).expect("a rejects file");
        let text = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&file);
        let mut reader = csv::Reader::from_reader(text);
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        writer.write_record(reader.headers().expect("a header")).expect("written");
        let (mut rows, mut parent) = (Vec::new(), None);
        for (number, record) in reader.records().enumerate() {
            let record = record.expect("a record");
            let mut cells: Vec<String> = record.iter().map(str::to_owned).collect();
            let job = reports.iter().position(|report| report.job_id == cells[5]).expect("a job of ours");
            parent.get_or_insert(job);
            if right >> (number % 8) & 1 == 1 {
                cells[2] = format!("{}", 7000 + u32::from(right));
            }
            let value = Some(cells[2].clone()).filter(|value| value != "x");
            let origin = Some((job, cells[3].parse().expect("a row")));
            rows.push(ModelRow { email: cells[1].clone(), name: cells[0].clone(), value, origin });
            writer.write_record(&cells).expect("written");
        }
        let content = ["\u{feff}".as_bytes(), &writer.into_inner().expect("in memory")].concat();
        let source = self.model.jobs[parent.expect("at least one row")].source.clone();
        let (rel, _) = self.next_name(false);
        self.model.take(&rel, &source, &content, Some(rows));
        self.drop_file(&rel, &content, death);
    }

    fn place_of(&mut self, at: usize) -> PathBuf {
        let job = Uuid::parse_str(&self.reports()[at].job_id).expect("an id");
        let moves = self.ingest().store().moves_of(job).expect("store").expect("known");
        self.path(archived_place(&moves).expect("archived").to_string())
    }

    // ---- what must be so ---------------------------------------------------------------------------------------------

    fn check(&mut self) {
        let reports = self.reports();
        let told: Vec<_> = reports
            .iter()
            .map(|report| {
                let rows = report.rows;
                assert!(rows.conserved(), "{rows:?}");
                let rows = [rows.total, rows.accepted_new, rows.accepted_updated, rows.duplicates_in_file, rows.rejected];
                (report.file.clone(), report.fate, rows, report.source.clone())
            })
            .collect();
        let jobs = self.model.jobs.iter();
        let expected: Vec<_> = jobs.map(|job| (job.file.clone(), job.fate, job.rows, job.source.clone())).collect();
        assert_eq!(told, expected, "each job once, with its fate and its rows");

        let mut people = BTreeMap::new();
        let store = self.ingest.as_ref().expect("open").store();
        store
            .leads(&LeadQuery::default(), |stored| {
                let lead = stored.lead();
                let known = people
                    .insert(lead.email.to_owned(), (lead.name.to_owned(), lead.value.map_or(String::new(), |value| value.to_string())));
                assert!(known.is_none(), "each person once");
                Ok::<(), Fatal>(())
            })
            .expect("leads");
        for (at, report) in reports.iter().enumerate() {
            let job = store.job(Uuid::parse_str(&report.job_id).expect("an id")).expect("store").expect("known");
            let resolved = self.model.resolved.range((at, 0)..=(at, u64::MAX)).count() as u64;
            let own = self.model.jobs[at].own_rejects.len() as u64;
            assert_eq!(store.resolved(job.seq).expect("store"), resolved, "{}: {own} rows of its own were rejected", report.file);
        }
        assert_eq!(people, self.model.people);

        assert_eq!(files_below(&self.path(".claimed")), Vec::<PathBuf>::new(), "nothing is left in the claims");
        assert_eq!(files_below(&self.path("inbox")), Vec::<PathBuf>::new(), "nothing is left in the inbox");
        for at in 0..self.model.jobs.len() {
            if !self.model.jobs[at].is_removed {
                let place = self.place_of(at);
                assert_eq!(fs::read(&place).ok().as_ref(), Some(&self.model.jobs[at].content), "{}", place.display());
            }
        }
        assert!(self.strangers.iter().all(|path| fs::read(path).is_ok_and(|bytes| bytes == b"somebody else's")), "nothing is replaced");
    }

    /// Removes the store and makes it anew; everything is as it was.
    fn rebuild(&mut self) {
        self.ingest = None;
        for name in ["valhalla.db", "valhalla.db-wal", "valhalla.db-shm"] {
            let _ = fs::remove_file(self.path(name)); // not each is there
        }
        let rebuilt = rebuild::rebuild(&self.config(), &rebuild::Wishes::default(), &mut |_| {}).expect("rebuilt");
        let is_whole = self.model.jobs.iter().all(|job| !job.is_removed || job.rows[0] == 0);
        if is_whole {
            assert!(rebuilt.is_complete(), "{:#?}", rebuilt.problems);
            self.open(Start::Clean);
            self.check();
        } else {
            assert!(!rebuilt.is_complete() || self.has_copies(), "a file that is gone is missed");
        }
    }

    /// Whether every original that was removed has a twin in the archive, from which it was rebuilt: another original, or the
    /// rejects file that came back as it was.
    fn has_copies(&self) -> bool {
        let archive = ["processed", "failed"].map(|folder| files_below(&self.path(folder))).concat();
        let there: Vec<Vec<u8>> = archive.iter().filter_map(|path| fs::read(path).ok()).collect();
        self.model.jobs.iter().filter(|job| job.is_removed && job.rows[0] > 0).all(|job| there.contains(&job.content))
    }
}

fn run(ingest: &mut Ingest, job: Job) -> Result<(), Fatal> {
    let ended = ingest.run(&[job])?;
    assert!(matches!(ended[..], [Ended::Done(_)]), "{ended:?}");
    Ok(())
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok) {
        if entry.path().is_dir() { found.extend(files_below(&entry.path())) } else { found.push(entry.path()) }
    }
    found
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn whatever_happens_in_whatever_order() {
    let cases = u32::try_from(number("TEST_MODEL_CASES", 24)).expect("a number of cases");
    let ops = usize::try_from(number("TEST_MODEL_OPS", 14)).expect("a number of operations");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |now| u64::from(now.subsec_nanos()));
    let seed = number("TEST_MODEL_SEED", now);
    println!("seed: TEST_MODEL_SEED={seed}, {cases} stories of up to {ops} operations");
    let config = ProptestConfig {
        cases,
        max_shrink_iters: 400,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/model.proptest-regressions"))),
        ..ProptestConfig::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let told = runner.run(&prop::collection::vec(op(), 1..=ops), |story| {
        let mut world = World::new();
        for op in &story {
            world.apply(op);
            world.check();
        }
        world.rebuild();
        Ok(())
    });
    if let Err(error) = told {
        panic!("TEST_MODEL_SEED={seed}: {error}");
    }
}
