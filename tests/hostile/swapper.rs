//! A swapper: puts a file, a link, a pipe, a hard link, a folder and a link to a folder under one name, one after the other,
//! as fast as the system lets it, while the daemon looks, opens and renames.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, OFlags, RenameFlags, mknodat, renameat_with};

use crate::support::{Random, Root, comes_true, wait_for};
use crate::{Canary, number_in, numbered, numbers_below, seconds};

/// What the swapper puts under a name.
#[derive(Debug, Clone, Copy)]
enum Trick {
    File,
    Link,
    Pipe,
    HardLink,
    Folder,
    FolderLink,
}

const TRICKS: [Trick; 6] = [Trick::File, Trick::Link, Trick::Pipe, Trick::HardLink, Trick::Folder, Trick::FolderLink];

/// Makes things in a folder of its own, and exchanges them with what lies in the inbox: nothing it made is ever destroyed.
struct Swapper<'a> {
    stage: PathBuf,
    canary: &'a Canary,
    numbers: &'a AtomicU64,
    made: u64,
}

impl Swapper<'_> {
    /// Something new on the stage.
    fn make(&mut self, trick: Trick) -> PathBuf {
        self.made += 1;
        let path = self.stage.join(format!("{:?}-{}", trick, self.made));
        match trick {
            Trick::File => fs::write(&path, self.numbered()).expect("write"),
            Trick::Link => symlink(self.canary.path("secret.csv"), &path).expect("symlink"),
            Trick::Pipe => mknodat(CWD, &path, FileType::Fifo, 0o644.into(), 0).expect("fifo"),
            Trick::HardLink => fs::hard_link(self.canary.path("secret.csv"), &path).expect("hard link"),
            Trick::Folder => {
                fs::create_dir(&path).expect("folder");
                fs::write(path.join("x.csv"), self.numbered()).expect("write");
            }
            Trick::FolderLink => symlink(&self.canary.dir, &path).expect("symlink"),
        }
        path
    }

    fn numbered(&self) -> String {
        numbered(self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    /// Swaps it with whatever has the name in a folder, or puts it there when nothing has; whether it could. The folder is
    /// opened as itself: through a link the swapper would be the one who goes outside.
    fn swap(made: &Path, (folder, name): &(PathBuf, &str)) -> bool {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(folder) = rustix::fs::open(folder, flags, Mode::empty()) else { return false };
        renameat_with(CWD, made, &folder, *name, RenameFlags::EXCHANGE).is_ok()
            || renameat_with(CWD, made, &folder, *name, RenameFlags::NOREPLACE).is_ok()
    }

    /// Swaps until told to stop. What comes back onto the stage is used again.
    fn run(&mut self, targets: &[(PathBuf, &str)], mut random: Random, stop: &AtomicBool) -> u64 {
        let mut swaps = 0;
        let mut at_hand: Vec<Option<PathBuf>> = vec![None; TRICKS.len()];
        while !stop.load(Ordering::Relaxed) {
            let which = usize::try_from(random.below(TRICKS.len() as u64)).expect("small");
            let target = &targets[usize::try_from(random.below(targets.len() as u64)).expect("small")];
            let made = match at_hand[which].take() {
                Some(made) if made.symlink_metadata().is_ok() => made,
                _ => self.make(TRICKS[which]),
            };
            swaps += u64::from(Self::swap(&made, target));
            if matches!(TRICKS[which], Trick::File) && random.below(30) == 0 {
                let (folder, name) = target;
                comes_true(Duration::from_millis(400), || folder.join(name).symlink_metadata().is_err()); // it may be taken
            }
            at_hand[which] = Some(made); // what stood there before, or the same again; none when it went in
        }
        swaps
    }
}

#[test]
fn a_name_that_is_swapped_while_we_look_never_leads_us_outside() {
    let root = Root::new();
    let canary = Canary::placed(&root);
    for dir in ["stage/0", "stage/1", "inbox/zillow", "inbox/other"] {
        fs::create_dir_all(root.path(dir)).expect("folder");
    }
    let mut daemon = root.daemon();
    // A name, a name in a subfolder, and the subfolder itself.
    let names = vec![(root.path("inbox"), "x.csv"), (root.path("inbox/other"), "x.csv")];
    let folders = vec![(root.path("inbox"), "zillow"), (root.path("inbox/zillow"), "x.csv")];
    let (numbers, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let seed = Random::seeded();
    let started = Instant::now();
    let swaps: u64 = std::thread::scope(|scope| {
        let swappers: Vec<_> = [&names, &folders]
            .into_iter()
            .enumerate()
            .map(|(at, targets)| {
                let mut random = seed.clone();
                let _ = (0..at).map(|_| random.next()).last(); // each its own numbers
                let mut swapper = Swapper { stage: root.path(format!("stage/{at}")), canary: &canary, numbers: &numbers, made: 0 };
                let stop = &stop;
                scope.spawn(move || swapper.run(targets, random, stop))
            })
            .collect();
        let mut alive = 0;
        while started.elapsed() < Duration::from_secs(seconds(8)) {
            root.assert_alive(&format!("alive-{alive}.csv")); // never stuck, while it goes on
            alive += 1;
        }
        stop.store(true, Ordering::Relaxed);
        swappers.into_iter().map(|swapper| swapper.join().expect("the swapper ends")).sum()
    });
    assert!(daemon.ended().is_none(), "the daemon ended: {}", root.text("stderr.txt"));
    root.assert_alive("afterwards.csv");

    // What still lies there as a plain file is taken now; links, pipes and hard links stay.
    let dropped = numbers.load(Ordering::Relaxed);
    let waiting = || numbers_below(&[root.path("inbox"), root.path(".claimed")]).len();
    wait_for("an inbox without files", || waiting() == 0);
    root.wait_idle();
    let mut taken: Vec<u64> = root.leads().iter().filter_map(|lead| number_in(lead["email"].as_str().expect("an address"))).collect();
    taken.sort_unstable();
    println!("{swaps} swaps in {:?}, {dropped} files made, {} of them taken", started.elapsed(), taken.len());
    assert!(swaps > 1000, "too few swaps to prove anything: {swaps}");
    assert!(!taken.is_empty(), "nothing was taken: the test proves nothing");
    let archived = numbers_below(&[root.path("processed"), root.path("failed")]);
    let on_stage = numbers_below(&[root.path("stage")]);
    assert_eq!(taken, archived, "each file that was taken is in the archive, once");
    let mut all = [taken, on_stage].concat();
    all.sort_unstable();
    assert_eq!(all, (0..dropped).collect::<Vec<_>>(), "each file was taken once, or is back with whoever made it");
    canary.assert_untouched(&root, &["stage", "inbox"]); // where the swapper left its hard links
    root.assert_sound();
    assert_eq!(daemon.stop().0, Some(0));
}
