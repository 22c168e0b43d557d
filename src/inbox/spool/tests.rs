//! The spool's promises, held against real folders.

use super::super::listing::{IgnoredWhy, NotRegular};
use super::claims::DEATHS_MAX;
use super::*;
use crate::inbox::names::{Names, Wants};
use std::fs::{OpenOptions, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;

struct Room {
    dir: tempfile::TempDir,
    spool: Spool,
}

fn layout(root: &Path) -> Layout {
    Layout {
        root: root.to_path_buf(),
        inbox: root.join("inbox"),
        processed: root.join("processed"),
        failed: root.join("failed"),
        claimed: root.join(".claimed"),
        group: None,
    }
}

fn room() -> Room {
    let dir = tempfile::tempdir().expect("temporary folder");
    let spool = Spool::open(layout(dir.path())).expect("open");
    Room { dir, spool }
}

impl Room {
    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn put(&self, path: &str, content: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().expect("has a parent")).expect("folder");
        fs::write(path, content).expect("write");
    }

    fn drop(&self, rel: &str) -> Drop {
        let drops = self.spool.scan().expect("scan").drops;
        drops.into_iter().find(|drop| drop.rel == Path::new(rel)).expect("the drop is listed")
    }

    fn claim(&self, job: u128, rel: &str) -> Claim {
        let drop = self.drop(rel);
        self.spool.claim(Uuid::from_u128(job), &drop).expect("claim").expect("it is there")
    }

    /// Every file under the root, hidden ones too.
    fn files(&self) -> Vec<String> {
        fn walk(dir: &Path, root: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(dir).expect("list").flatten() {
                if entry.file_type().expect("type").is_dir() {
                    walk(&entry.path(), root, found);
                } else {
                    found.push(display_name(entry.path().strip_prefix(root).expect("below")));
                }
            }
        }
        let mut found = Vec::new();
        walk(self.dir.path(), self.dir.path(), &mut found);
        found.sort();
        found
    }

    fn claim_folders(&self) -> usize {
        fs::read_dir(&self.spool.layout().claimed).expect("list").count()
    }
}

const EVERYTHING: Wants =
    Wants { original: Some(Folder::Processed), receipt: true, error: false, rejects: true, leads: None, dry_run_note: false };

fn moves(names: &Names) -> Vec<Move> {
    let step = |from, to: &Option<Place>| to.clone().map(|to| Move { from, to });
    [
        step(Source::Original, &names.original),
        step(Source::Output(Output::Receipt), &names.receipt),
        step(Source::Output(Output::Rejects), &names.rejects),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).expect("metadata").mode() & 0o7777
}

#[test]
fn opening_makes_the_folders_and_leaves_what_is_there() {
    let room = room();
    for folder in ["inbox", "processed", "failed", ".claimed"] {
        assert_eq!(mode_of(&room.at(folder)) & 0o027, 0, "{folder} is closed to others");
    }
    assert!(room.files().is_empty(), "the probe is gone");
    assert!(room.spool.take_findings().is_empty());
    fs::set_permissions(room.at("inbox"), Permissions::from_mode(0o777)).expect("chmod");
    let again = Spool::open(layout(room.dir.path())).expect("open again");
    assert_eq!(again.take_findings(), [Finding::WorldWritableInbox(room.at("inbox"))]);
    assert_eq!(mode_of(&room.at("inbox")), 0o777, "modes that someone set stay");
}

#[test]
fn a_group_shares_inbox_and_failed() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let gid = fs::metadata(dir.path()).expect("metadata").gid();
    let spool = Spool::open(Layout { group: Some(gid.to_string()), ..layout(dir.path()) }).expect("open");
    for (folder, mode) in [("inbox", 0o2770), ("failed", 0o2770), ("processed", 0o2750), (".claimed", 0o2750)] {
        assert_eq!(mode_of(&dir.path().join(folder)), mode, "{folder}");
    }
    let claim = spool.claim_outputs_only(Uuid::from_u128(1), Path::new("x.csv")).expect("claim");
    spool.create_output(&claim, Output::Rejects).expect("rejects");
    spool.create_output(&claim, Output::Receipt).expect("receipt");
    assert_eq!((mode_of(&claim.output(Output::Rejects)), mode_of(&claim.output(Output::Receipt))), (0o660, 0o640));
    let unknown = Spool::open(Layout { group: Some("no such group".to_owned()), ..layout(dir.path()) });
    assert!(unknown.expect_err("unknown").to_string().contains("[folders] group"));
    assert_eq!(gid_in("root:x:0:\nleads:x:1007:ann,bob\nbroken\n", "leads"), Some(1007));
    assert_eq!(gid_in("root:x:0:\nbroken\n", "broken"), None);
}

#[test]
fn a_scan_lists_drops_and_names_what_it_ignores_once() {
    let room = room();
    room.put("inbox/x.csv", "x");
    room.put("inbox/zillow/y.csv", "y");
    room.put("inbox/.hidden/z.csv", "z");
    room.put("inbox/z.csv.part", "z");
    room.put("linked.csv", "l");
    fs::hard_link(room.at("linked.csv"), room.at("inbox/linked.csv")).expect("link");
    symlink("/etc/passwd", room.at("inbox/symlink.csv")).expect("symlink");
    symlink("/etc", room.at("inbox/folder")).expect("symlink");
    rustix::fs::mknodat(rustix::fs::CWD, room.at("inbox/fifo.csv"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).expect("fifo");
    room.put("inbox/sheet.numbers/index.zip", "z");

    let scan = room.spool.scan().expect("scan");
    let mut drops: Vec<_> = scan.drops.iter().map(|drop| (drop.rel.clone(), drop.kind)).collect();
    drops.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [("sheet.numbers", DropKind::Bundle), ("x.csv", DropKind::File), ("zillow/y.csv", DropKind::File)];
    assert_eq!(drops, expected.map(|(rel, kind)| (PathBuf::from(rel), kind)));
    let mut ignored: Vec<_> = scan.ignored.iter().map(|ignored| (ignored.path.clone(), ignored.why)).collect();
    ignored.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        (".hidden", IgnoredWhy::Hidden),
        ("fifo.csv", IgnoredWhy::NotRegular(NotRegular::Fifo)),
        ("folder", IgnoredWhy::NotRegular(NotRegular::Symlink)),
        ("linked.csv", IgnoredWhy::NotRegular(NotRegular::HardLink)),
        ("symlink.csv", IgnoredWhy::NotRegular(NotRegular::Symlink)),
        ("z.csv.part", IgnoredWhy::Unfinished),
    ];
    assert_eq!(ignored, expected.map(|(path, why)| (PathBuf::from(path), why)));
    assert!(scan.ignored.iter().all(|ignored| ignored.first_time) && scan.new_folders);
    assert_eq!(room.spool.waiting_count().expect("count"), 4, "by name alone, the hard link counts");

    fs::remove_file(room.at("inbox/fifo.csv")).expect("remove");
    let scan = room.spool.scan().expect("scan");
    assert!(scan.ignored.iter().all(|ignored| !ignored.first_time) && !scan.new_folders);
    room.put("inbox/fifo.csv.tmp", "");
    let new: Vec<_> = room.spool.scan().expect("scan").ignored.into_iter().filter(|ignored| ignored.first_time).collect();
    assert_eq!(new.len(), 1);
}

#[test]
fn folders_that_were_removed_are_made_anew() {
    let room = room();
    assert!(!room.spool.scan().expect("scan").inbox_changed);
    fs::remove_dir(room.at("inbox")).expect("remove");
    fs::remove_dir(room.at("processed")).expect("remove");
    assert!(room.spool.scan().expect("scan").inbox_changed);
    assert_eq!(room.spool.take_findings(), [Finding::FolderRemade(room.at("inbox")), Finding::FolderRemade(room.at("processed"))]);
    fs::rename(room.at("inbox"), room.at("old")).expect("rename");
    fs::create_dir(room.at("inbox")).expect("another inbox");
    assert!(room.spool.scan().expect("scan").inbox_changed, "another folder under the same name");
    assert!(!room.spool.scan().expect("scan").inbox_changed);
}

#[test]
fn a_writer_is_seen() {
    let room = room();
    room.put("inbox/x.csv", "x");
    let drop = room.drop("x.csv");
    if room.spool.writer_proof(&drop) == WriterProof::Unknown {
        eprintln!("skipped: the temporary folder's file system has no leases");
        return;
    }
    assert_eq!(room.spool.writer_proof(&drop), WriterProof::NoWriter);
    let writer = OpenOptions::new().append(true).open(room.at("inbox/x.csv")).expect("open");
    assert_eq!(room.spool.writer_proof(&drop), WriterProof::MayHaveWriter);
    std::mem::drop(writer);
    assert_eq!(room.spool.writer_proof(&drop), WriterProof::NoWriter);
}

#[test]
fn a_claim_takes_the_drop_and_giving_it_back_leaves_no_trace() {
    let room = room();
    room.put("inbox/zillow/x.csv", "x");
    let claim = room.claim(1, "zillow/x.csv");
    assert_eq!(fs::read(claim.original()).expect("read"), b"x");
    assert_eq!(room.spool.claims().expect("claims"), [Found::Claim(claim.clone())]);
    room.spool.create_output(&claim, Output::Rejects).expect("output");
    mark_death(&claim.dir).expect("mark");

    assert_eq!(room.spool.unclaim(&claim).expect("unclaim"), Some(PathBuf::from("zillow/x.csv")));
    assert_eq!(room.files(), ["inbox/zillow/x.csv"]);
    assert_eq!(room.claim_folders(), 0);
    assert_eq!(room.spool.unclaim(&claim).expect("again"), None);
}

#[test]
fn a_drop_given_back_never_replaces_another() {
    let room = room();
    room.put("inbox/a/x.csv", "old");
    let claim = room.claim(1, "a/x.csv");
    room.put("inbox/a/x.csv", "new");
    assert_eq!(room.spool.unclaim(&claim).expect("unclaim"), Some(PathBuf::from("a/x-2.csv")));
    assert_eq!(fs::read(room.at("inbox/a/x.csv")).expect("read"), b"new");

    let claim = room.claim(2, "a/x.csv");
    fs::remove_dir_all(room.at("inbox")).expect("somebody removes the inbox");
    fs::create_dir(room.at("inbox")).expect("inbox");
    symlink(room.dir.path(), room.at("inbox/a")).expect("and puts a link in the folder's place");
    assert_eq!(room.spool.unclaim(&claim).expect("unclaim"), Some(PathBuf::from("x.csv")), "beside the link, not through it");
    assert_eq!(room.files(), ["inbox/a", "inbox/x.csv"]);
}

#[test]
fn a_drop_that_vanished_or_was_swapped_is_not_claimed() {
    let job = Uuid::from_u128(1);
    let room = room();
    room.put("inbox/x.csv", "x");
    room.put("inbox/a/y.csv", "y");
    let (x, y) = (room.drop("x.csv"), room.drop("a/y.csv"));

    fs::remove_file(room.at("inbox/x.csv")).expect("remove");
    assert_eq!(room.spool.claim(job, &x).expect("vanished"), None);
    symlink("/etc/passwd", room.at("inbox/x.csv")).expect("symlink");
    assert_eq!(room.spool.claim(job, &x).expect("swapped for a link"), None);
    assert!(room.at("inbox/x.csv").is_symlink(), "given back");
    fs::remove_file(room.at("inbox/x.csv")).expect("remove");
    room.put("inbox/x.csv", "written again");
    assert_eq!(room.spool.claim(job, &x).expect("another file"), None);

    fs::rename(room.at("inbox/a"), room.at("elsewhere")).expect("rename");
    symlink(room.at("elsewhere"), room.at("inbox/a")).expect("symlink");
    assert_eq!(room.spool.claim(job, &y).expect("a folder swapped for a link"), None);
    assert_eq!(room.files(), ["elsewhere/y.csv", "inbox/a", "inbox/x.csv"]);
    assert_eq!(room.claim_folders(), 0);
}

#[test]
fn a_job_id_is_used_once() {
    let room = room();
    room.put("inbox/x.csv", "x");
    room.put("inbox/y.csv", "y");
    let claim = room.claim(1, "x.csv");
    room.spool.create_output(&claim, Output::Rejects).expect("output");
    let other = room.drop("y.csv");
    room.spool.claim(claim.job_id, &other).expect_err("the id is taken");
    assert!(claim.original().exists() && claim.output(Output::Rejects).exists(), "the first claim is untouched");
}

#[test]
fn recovery_tells_what_lies_in_the_claims() {
    let room = room();
    room.put("inbox/b.csv", "b");
    room.put("inbox/zillow/a.csv", "a");
    room.put("inbox/s.numbers/index.zip", "s");
    let late = room.claim(9, "b.csv");
    let early = room.claim(2, "zillow/a.csv");
    let bundle = room.claim(5, "s.numbers");
    mark_death(&early.dir).expect("mark");
    let outputs_only = room.spool.claim_outputs_only(Uuid::from_u128(3), Path::new("x.csv")).expect("claim");
    room.spool.create_output(&outputs_only, Output::Rejects).expect("output");
    let job = |job: u128| format!(".claimed/{}", Uuid::from_u128(job));
    fs::create_dir_all(room.at(&job(4)).join("deep/er")).expect("an empty claim");
    room.put(&format!("{}/.death-1", job(6)), "");
    room.put(&format!("{}/one.csv", job(7)), "1");
    room.put(&format!("{}/two.csv", job(7)), "2");
    fs::create_dir(room.at(&job(8))).expect("folder");
    symlink("/etc/passwd", room.at(&job(8)).join("link.csv")).expect("a link, swapped in just before a crash");
    room.put(".claimed/notes.txt", "?");
    room.put(&job(11), "a file with the name of a job is no claim");
    room.put(&format!("{}/.unknown", job(10)), "?");

    let found = room.spool.claims().expect("claims");
    let kinds: Vec<_> = found
        .iter()
        .map(|found| match found {
            Found::Claim(claim) => format!("claim {} {}", claim.job_id.as_u128(), claim.rel.display()),
            Found::OutputsOnly { job_id, .. } => format!("outputs {}", job_id.as_u128()),
            Found::Stray { why, .. } => format!("stray: {why}"),
        })
        .collect();
    let expected = [
        "claim 2 zillow/a.csv",
        "outputs 3",
        "claim 5 s.numbers",
        "stray: the claim folder holds more than one drop",
        "claim 9 b.csv",
        "stray: the claim folder holds no drop but something unknown",
        "stray: it is not named after a job",
        "stray: it is not named after a job",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(found[4], Found::Claim(late));
    assert_eq!(found[2], Found::Claim(bundle));
    assert_eq!(deaths(&early), 1);
    assert!(room.at("inbox/link.csv").is_symlink(), "given back, for the scan to refuse");
    assert!(!room.at(&job(4)).exists() && !room.at(&job(6)).exists());
}

#[test]
fn deaths_are_counted() {
    let room = room();
    room.put("inbox/x.csv", "x");
    let claim = room.claim(1, "x.csv");
    assert_eq!(deaths(&claim), 0);
    for count in [1, 2, 3] {
        assert_eq!(mark_death(&claim.dir).expect("mark"), count);
        assert_eq!(deaths(&claim), count);
    }
    (0..20).for_each(|_| assert!(mark_death(&claim.dir).expect("bounded") <= DEATHS_MAX));
    assert!(mark_death(&room.at("no such folder")).is_err(), "a mark that could not be made is none");
}

#[test]
fn finishing_moves_everything_and_can_be_repeated_after_any_half() {
    for done_before in 0..=4 {
        let room = room();
        room.put("inbox/zillow/x.csv", "original");
        let claim = room.claim(1, "zillow/x.csv");
        for output in [Output::Receipt, Output::Rejects] {
            room.spool.create_output(&claim, output).expect("output");
        }
        mark_death(&claim.dir).expect("mark");
        let names = room.spool.choose_names(&claim.rel, EVERYTHING).expect("names");
        let moves = moves(&names);
        room.spool.sync_claims(&[&claim]).expect("sync");

        // What a crash after so many steps leaves: outputs first, the original last, then a link without its unlink.
        fs::create_dir_all(room.at("processed/zillow")).expect("folder");
        fs::create_dir_all(room.at("failed/zillow")).expect("folder");
        let steps = [&moves[1], &moves[2], &moves[0]];
        for step in steps.iter().take(done_before.min(3)) {
            fs::rename(claim.dir.join(Spool::source_of(&claim, step.from)), room.spool.path(&step.to)).expect("rename");
        }
        if done_before == 4 {
            fs::hard_link(room.spool.path(&moves[0].to), claim.original()).expect("link");
        }

        let finished = room.spool.finish(&claim, &moves).expect("finish");
        assert!(finished.missing.is_empty());
        let finished = [finished, room.spool.finish(&claim, &moves).expect("again")];
        room.spool.sync_finished(&finished).expect("sync");
        room.spool.remove_claims(&finished);
        let expected = ["failed/zillow/x.rejects.csv", "processed/zillow/x.csv", "processed/zillow/x.receipt.txt"];
        assert_eq!(room.files(), expected, "after {done_before} steps");
        assert_eq!(room.claim_folders(), 0);
        assert!(room.spool.take_findings().is_empty());
        assert!(lock(&room.spool.names).taken.is_empty(), "nothing stays reserved");
    }
}

#[test]
fn finishing_never_replaces_and_never_sticks() {
    let room = room();
    room.put("inbox/x.csv", "ours");
    let claim = room.claim(1, "x.csv");
    room.spool.create_output(&claim, Output::Receipt).expect("output");
    let wants = Wants { rejects: false, ..EVERYTHING };
    let names = room.spool.choose_names(&claim.rel, wants).expect("names");
    room.put("processed/x.csv", "somebody's");
    let taken = room.spool.finish(&claim, &moves(&names)).expect_err("taken");
    assert!(matches!(&taken, SpoolError::NameTaken { to } if Some(to) == names.original.as_ref()), "{taken}");
    assert!(claim.output(Output::Receipt).exists(), "nothing is moved under half-wrong names");
    room.spool.release_names(&names);

    let names = room.spool.choose_names(&claim.rel, wants).expect("names");
    assert_eq!(names.receipt.as_ref().map(Place::to_string).as_deref(), Some("processed/x-2.receipt.txt"));
    fs::remove_file(claim.output(Output::Receipt)).expect("somebody removes an output");
    fs::remove_dir_all(room.at("processed")).expect("and the archive");
    fs::write(claim.dir.join("surprise"), "?").expect("and puts something there");
    let finished = room.spool.finish(&claim, &moves(&names)).expect("finish");
    assert_eq!(finished.missing, [names.receipt.expect("wanted")]);
    room.spool.remove_claims(&[finished]);
    room.spool.scan().expect("tries once more");
    assert_eq!(room.spool.take_findings(), [Finding::FolderRemade(room.at("processed")), Finding::LeftBehind(claim.dir.clone())]);
    assert_eq!(fs::read(room.at("processed/x-2.csv")).expect("read"), b"ours");
    assert!(claim.dir.join("surprise").exists(), "what is unknown is never removed");
}

#[test]
fn a_claim_whose_drop_was_not_moved_keeps_everything() {
    let room = room();
    room.put("inbox/x.csv", "x");
    let claim = room.claim(1, "x.csv");
    room.spool.create_output(&claim, Output::Rejects).expect("output");
    let finished = room.spool.finish(&claim, &[]).expect("nothing to move");
    room.spool.remove_claims(&[finished]);
    assert!(claim.original().exists() && claim.output(Output::Rejects).exists());
}

#[test]
fn the_same_name_again_gets_a_suffix_that_all_its_files_share() {
    let room = room();
    let mut seen = Vec::new();
    for round in 1..=3 {
        let names = room.spool.choose_names(Path::new("list.csv"), EVERYTHING).expect("names");
        seen.extend(names.places().map(Place::to_string));
        if round == 1 {
            room.put("processed/list.csv", "on disk now");
            room.put("processed/list.receipt.txt", "on disk now");
            room.spool.release_names(&names);
        }
    }
    let expected = ["list.receipt.txt", "list.rejects.csv", "list.csv", "list-2.receipt.txt", "list-2.rejects.csv", "list-2.csv"]
        .into_iter()
        .chain(["list-3.receipt.txt", "list-3.rejects.csv", "list-3.csv"])
        .map(|name| if name.contains("rejects") { format!("failed/{name}") } else { format!("processed/{name}") });
    assert_eq!(seen, expected.collect::<Vec<_>>());
    let other = room.spool.choose_names(Path::new("list.txt"), EVERYTHING).expect("names");
    assert_eq!(other.original.map(|place| place.to_string()).as_deref(), Some("processed/list-4.txt"), "its receipt would collide");
}

#[test]
fn ten_thousand_drops_of_one_name_do_not_count_from_the_start() {
    let room = room();
    for _ in 0..10_000 {
        room.spool.choose_names(Path::new("list.csv"), EVERYTHING).expect("names");
    }
    let names = room.spool.choose_names(Path::new("list.csv"), EVERYTHING).expect("names");
    assert_eq!(names.original.map(|place| place.to_string()).as_deref(), Some("processed/list-10001.csv"));
    let reserved = lock(&room.spool.names);
    assert_eq!(reserved.next_suffix.values().copied().collect::<Vec<_>>(), [10_002]);
}

#[test]
fn a_rejects_file_that_comes_back_counts_its_rounds() {
    let room = room();
    let rejects_of = |name: &str| {
        let names = room.spool.choose_names(Path::new(name), EVERYTHING).expect("names");
        (names.original.expect("wanted").to_string(), names.rejects.expect("wanted").to_string())
    };
    let pair = |original: &str, rejects: &str| (original.to_owned(), rejects.to_owned());
    assert_eq!(rejects_of("list.rejects.csv"), pair("processed/list.rejects.csv", "failed/list.rejects-2.csv"));
    assert_eq!(rejects_of("list.rejects-2.csv"), pair("processed/list.rejects-2.csv", "failed/list.rejects-3.csv"));
    assert_eq!(rejects_of("list.rejects.csv"), pair("processed/list.rejects-3.csv", "failed/list.rejects-4.csv"));
}

#[test]
fn names_of_any_bytes_go_through() {
    let room = room();
    let long = "é".repeat(125) + ".csv";
    for (job, name) in
        [&b"caf\xe9.csv"[..], b"a\nb\"c.csv", b"a\\..\\x.csv", "…/名前.csv".as_bytes(), long.as_bytes()].into_iter().enumerate()
    {
        let rel = Path::new(OsStr::from_bytes(name));
        let path = room.at("inbox").join(rel);
        fs::create_dir_all(path.parent().expect("has a parent")).expect("folder");
        fs::write(&path, "x").expect("write");
        let drop = room.spool.scan().expect("scan").drops.remove(0);
        assert_eq!(drop.rel, rel);
        let claim = room.spool.claim(Uuid::from_u128(job as u128), &drop).expect("claim").expect("there");
        let names = room.spool.choose_names(rel, Wants { original: Some(Folder::Failed), ..Wants::default() }).expect("names");
        let place = names.original.clone().expect("wanted");
        assert_eq!(place.to_string().parse(), Ok(place.clone()), "the store gives back the same place");
        let finished = room.spool.finish(&claim, &moves(&names)).expect("finish");
        room.spool.remove_claims(&[finished]);
        assert_eq!(fs::read(room.spool.path(&place)).expect("in the archive"), b"x");
    }
    assert_eq!(room.claim_folders(), 0);
}

#[test]
fn a_file_in_the_way_of_a_subfolder_stops_nothing() {
    let room = room();
    room.put("processed/zillow", "a drop without an extension, archived earlier");
    room.put("inbox/zillow/x.csv", "x");
    let claim = room.claim(1, "zillow/x.csv");
    let names = room.spool.choose_names(&claim.rel, EVERYTHING).expect("names");
    assert_eq!(names.original.as_ref().map(Place::to_string).as_deref(), Some("processed/zillow-2/x.csv"));
    assert_eq!(names.rejects.as_ref().map(Place::to_string).as_deref(), Some("failed/zillow/x.rejects.csv"));
    room.put("processed/zillow-2", "and now this one too");
    let taken = room.spool.finish(&claim, &moves(&names)).expect_err("in the way");
    assert!(matches!(taken, SpoolError::NameTaken { .. }), "{taken}");
}

#[test]
fn a_resolved_rejects_file_moves_within_the_archive() {
    let room = room();
    room.put("failed/x.rejects.csv", "x");
    let place = |text: &str| text.parse::<Place>().expect("a place");
    let (from, to) = (place("failed/x.rejects.csv"), place("processed/old/x.rejects.csv"));
    assert!(room.spool.relocate(&from, &to).expect("move"));
    assert!(room.spool.relocate(&from, &to).expect("again"));
    assert!(!room.spool.relocate(&from, &place("processed/y.csv")).expect("nothing to move"));
    room.put("failed/x.rejects.csv", "another");
    assert!(matches!(room.spool.relocate(&from, &to), Err(SpoolError::NameTaken { .. })));
}

#[test]
fn errors_tell_what_follows() {
    let at = |kind: io::ErrorKind| SpoolError::at("take the drop", Path::new("/x"), kind.into());
    assert!(matches!(at(io::ErrorKind::StorageFull), SpoolError::OutOfSpace { .. }));
    assert!(matches!(at(io::ErrorKind::QuotaExceeded), SpoolError::OutOfSpace { .. }));
    assert!(matches!(at(io::ErrorKind::NotFound), SpoolError::Gone { .. }));
    let text = at(io::ErrorKind::PermissionDenied).to_string();
    assert!(text.starts_with("/x: cannot take the drop") && text.contains("chmod -t"), "{text}");
}

#[test]
fn only_a_torn_text_is_made_whole() {
    let room = room();
    let place = Place { folder: Folder::Processed, rel: PathBuf::from("x.receipt.txt") };
    let whole = "TAKEN: 2 of 3 rows\n";
    let check = |found: &str, expected: &str| {
        room.put("processed/x.receipt.txt", found);
        room.spool.mend_text(&place, whole).expect("mend");
        assert_eq!(fs::read_to_string(room.at("processed/x.receipt.txt")).expect("read"), expected, "{found:?}");
    };
    check("", whole);
    check("TAKEN: 2", whole);
    check("TAKEN\0\0\0\0\0\0\0\0\0\0\0\0\0\0", whole);
    check(whole, whole);
    check("TAKEN: 2 of 4 rows\n", "TAKEN: 2 of 4 rows\n");
    check("mine\n", "mine\n");
    check("TAKEN: 2 of 3 rows\nand a word of mine\n", "TAKEN: 2 of 3 rows\nand a word of mine\n");
    fs::remove_file(room.at("processed/x.receipt.txt")).expect("remove");
    room.spool.mend_text(&place, whole).expect("what is gone stays gone");
    room.put("processed/other.txt", "TAKEN");
    symlink("other.txt", room.at("processed/x.receipt.txt")).expect("symlink");
    room.spool.mend_text(&place, whole).expect("not ours");
    assert_eq!(fs::read_to_string(room.at("processed/other.txt")).expect("read"), "TAKEN");
}

#[test]
fn a_copy_dropped_anew_replaces_nothing_and_is_seen_only_whole() {
    let room = room();
    room.put("processed/zillow/list.csv", "changed after its commit");
    room.put("inbox/zillow/list.csv", "another");
    let place = Place { folder: Folder::Processed, rel: PathBuf::from("zillow/list.csv") };
    for name in ["list-2.csv", "list-3.csv"] {
        room.spool.drop_anew(&place, Path::new("zillow/list.csv")).expect("dropped");
        assert_eq!(fs::read_to_string(room.at(&format!("inbox/zillow/{name}"))).expect("read"), "changed after its commit");
    }
    let files = ["inbox/zillow/list-2.csv", "inbox/zillow/list-3.csv", "inbox/zillow/list.csv", "processed/zillow/list.csv"];
    assert_eq!(room.files(), files);
    assert_eq!(fs::read_to_string(room.at("inbox/zillow/list.csv")).expect("read"), "another");
}
