//! Links, pipes and folders put where the daemon writes and where it keeps what it has claimed: by somebody of the group that
//! shares the folders.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, mknodat};

use crate::support::{Root, TEN, comes_true, names_in, wait_for};
use crate::{Canary, all_below, numbered, seconds};

const BAD: &str = "name,email,value\nA,a@archive.example,5\nbad,nope,5\n";

#[test]
fn links_in_the_archive_lead_nowhere() {
    let root = Root::new();
    let canary = Canary::placed(&root);
    // At every name that the drops below would get, and in place of the folder of a source.
    for name in [
        "processed/x.csv",
        "processed/x.receipt.txt",
        "processed/x-2.csv",
        "failed/x.rejects.csv",
        "failed/empty.csv",
        "failed/empty.csv.error.txt",
        "processed/_STATUS.txt",
        "processed/._STATUS.txt.new",
        "logs/.production_execution.json.new",
        "logs/.risk_monitoring_results.json.new",
    ] {
        fs::create_dir_all(root.path(name).parent().expect("inside")).expect("folder");
        symlink(canary.path("secret.csv"), root.path(name)).expect("symlink");
    }
    for name in ["processed/zillow", "failed/zillow", "processed/deep", "failed/deep"] {
        symlink(&canary.dir, root.path(name)).expect("symlink");
    }
    let daemon = root.daemon();
    for (name, text) in [("x.csv", BAD), ("zillow/x.csv", BAD), ("deep/er/x.csv", TEN), ("empty.csv", ""), ("zillow/empty.csv", "")] {
        root.drop_renamed(name, text.replace("archive", &name.replace(['/', '.'], "-")));
        let report = root.report_of(name);
        let place = report["archived_as"].as_str().expect("archived");
        assert!(root.path(place).symlink_metadata().is_ok_and(|metadata| metadata.is_file()), "{place} is no file");
        let real = root.path(place).canonicalize().expect("there");
        assert!(!real.starts_with(canary.dir.canonicalize().expect("there")), "{place} went outside");
    }
    // Somebody takes a name between the commit and the move: another one is chosen, a link is never written through.
    root.assert_alive("good.csv");
    wait_for("the snapshots and the status", || {
        let is_ours = |name: &str| root.path(name).symlink_metadata().is_ok_and(|metadata| metadata.is_file());
        is_ours("processed/_STATUS.txt") && is_ours("logs/production_execution.json")
    });
    assert_eq!(daemon.stop().0, Some(0));
    canary.assert_untouched(&root, &["processed/x", "failed/x"]); // the links themselves stand there still
    root.assert_sound();
}

/// The rejects file waits in a folder that the group may write to: what stands there when its last row comes back is looked
/// at, and a pipe or a link in its place must neither hold us up nor be read.
#[test]
fn a_rejects_file_that_was_swapped_for_a_pipe_or_a_link() {
    let root = Root::new();
    let canary = Canary::placed(&root);
    let _daemon = root.daemon();
    for (name, is_pipe) in [("pipe", true), ("link", false)] {
        root.drop_renamed(format!("{name}.csv"), format!("name,email,value\nA,a@{name}.example,5\nB,nope,5\n"));
        root.report_of(&format!("{name}.csv"));
        let rejects = root.path(format!("failed/{name}.rejects.csv"));
        let fixed = fs::read_to_string(&rejects).expect("rejects").replace("nope", &format!("b@{name}.example"));
        fs::remove_file(&rejects).expect("remove");
        if is_pipe {
            mknodat(CWD, &rejects, FileType::Fifo, 0o644.into(), 0).expect("fifo");
        } else {
            symlink(canary.path("secret.csv"), &rejects).expect("symlink");
        }
        root.drop_renamed(format!("{name}.rejects.csv"), fixed);
        assert_eq!(root.report_of(&format!("{name}.rejects.csv"))["rows"]["accepted_new"], 1);
        assert!(rejects.symlink_metadata().is_ok(), "what others put there stays");
        root.assert_alive(&format!("after-{name}.csv"));
    }
    // The archived original, swapped: neither a replay nor the audit follows a link or waits for a pipe.
    for (name, swap) in [("pipe", true), ("link", false)] {
        let archived = root.path(format!("processed/{name}.csv"));
        fs::rename(&archived, root.path(format!("outside/{name}.csv"))).expect("rename");
        if swap {
            mknodat(CWD, &archived, FileType::Fifo, 0o644.into(), 0).expect("fifo");
        } else {
            symlink(canary.path("secret.csv"), &archived).expect("symlink");
        }
        let audit = root.run(&["audit"]).exits(1);
        assert!(audit.stdout.contains(&format!("{name}.csv")), "{audit:?}");
        for args in [&["replay", &format!("{name}.csv")][..], &["replay", &format!("{name}.csv"), "--apply"]] {
            let said = root.run(args);
            assert!(!said.stdout.contains(crate::SECRET) && !said.stderr.contains("panicked"), "{said:?}");
        }
        fs::remove_file(&archived).expect("remove");
        fs::rename(root.path(format!("outside/{name}.csv")), &archived).expect("back");
    }
    root.assert_alive("good.csv");
    canary.assert_untouched(&root, &["failed/link.rejects.csv"]);
    root.assert_sound();
}

/// Whoever gets into the claims (they may lie in a shared inbox) puts links and pipes where the outputs and the original are.
#[test]
fn claims_under_attack() {
    let root = Root::new();
    let canary = Canary::placed(&root);
    fs::create_dir_all(root.path("stolen")).expect("folder");
    let mut daemon = root.daemon();
    let stop = AtomicBool::new(false);
    let (mut dropped, started) = (0, Instant::now());
    let attacks = std::thread::scope(|scope| {
        let attacker = scope.spawn(|| attack(&root, &canary, &stop));
        while started.elapsed() < Duration::from_secs(seconds(6)) {
            let name = format!("{dropped}.csv");
            root.drop_renamed(&name, numbered(dropped) + "bad,nope,5\n");
            dropped += 1;
            comes_true(Duration::from_millis(30), || !root.has(Path::new("inbox").join(&name)));
        }
        stop.store(true, Ordering::Relaxed);
        attacker.join().expect("the attacker ends")
    });
    println!("{attacks} attacks on {dropped} files");
    assert!(attacks > 0, "nothing was attacked: the test proves nothing");
    assert!(daemon.ended().is_none(), "the daemon ended: {}", root.text("stderr.txt"));
    root.drop_renamed("good.csv", TEN); // a claim that holds what others put there may stay, and is told of
    wait_for("an ordinary file", || root.has("processed/good.csv") && root.has("processed/good.receipt.txt"));
    canary.assert_untouched(&root, &["stolen"]);
    assert!(!root.log().contains("panicked"), "{}", root.log());
    // Each drop was taken, or is where the attacker put it.
    wait_for("an inbox without files", || {
        names_in(&root.path("inbox"))
            .iter()
            .all(|name| root.path("inbox").join(name).is_symlink() || !root.path("inbox").join(name).is_file())
    });
    let stolen = names_in(&root.path("stolen")).len() as u64;
    let taken = || {
        root.leads().iter().filter(|lead| lead["email"].as_str().is_some_and(|email| email.ends_with("@numbered.example"))).count() as u64
    };
    // A claim may still wait its turn when a later drop is through.
    let is_all = comes_true(Duration::from_secs(30), || taken() + stolen >= dropped);
    let taken = taken();
    assert!(is_all, "{dropped} dropped, {taken} taken, {stolen} stolen: {:?}", all_below(&root.path(".claimed")));
    assert!(taken <= dropped);
}

/// Puts a link or a pipe in the place of whatever lies in a claim; returns how often it did.
fn attack(root: &Root, canary: &Canary, stop: &AtomicBool) -> u64 {
    let mut attacks = 0;
    while !stop.load(Ordering::Relaxed) {
        for claim in fs::read_dir(root.path(".claimed")).into_iter().flatten().filter_map(Result::ok) {
            let output = claim.path().join(if attacks % 2 == 0 { ".rejects" } else { ".receipt" });
            attacks += u64::from(symlink(canary.path("secret.csv"), output).is_ok());
            let originals: Vec<PathBuf> =
                fs::read_dir(claim.path()).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
            let original = originals.iter().find(|path| path.extension().is_some_and(|extension| extension == "csv"));
            if let Some(original) = original.filter(|_| attacks % 3 == 0)
                && fs::rename(original, root.path("stolen").join(original.file_name().expect("a name"))).is_ok()
            {
                let put = if attacks % 2 == 0 {
                    symlink(canary.path("secret.csv"), original).is_ok()
                } else {
                    mknodat(CWD, original, FileType::Fifo, 0o644.into(), 0).is_ok()
                };
                attacks += u64::from(put);
            }
        }
    }
    attacks
}
