//! What is dropped before the cut: a history, and on top of it a drop for each way that one can end.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use crate::support::{Root, TEN, generate};

/// Dropped without an fsync right before the daemon starts: whoever dropped it did not make it durable, nobody else can.
pub const LOOSE: &str = "loose.csv";

/// How many drops there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drops {
    /// One for each way to end, in one group.
    Many,
    /// A single one, with rejects, in a subfolder.
    One,
}

impl Drops {
    /// A root with a history, and with the drops in its inbox; to be made durable by whoever asks for it.
    pub fn prepare(self, root: &Root) {
        root.configure("[output]\nleads = \"jsonl\"\n");
        root.drop_renamed("old.csv", TEN);
        root.drop_renamed("bad.csv", "name,email,value\nGood,good@cut.example,5\nBad,not-an-address,5\nAlso bad,also@cut.example,x\n");
        let daemon = root.daemon();
        root.wait_reports(2);
        assert_eq!(daemon.stop().0, Some(0));

        let mixed = "name,email,value\nJohn Doe,john@example.com,600000\nNew,new@cut.example,5\nBad,neither,5\n";
        if self == Self::One {
            put(root, "zillow/homes.csv", mixed, 1);
            return;
        }
        let fixed = root.text("failed/bad.rejects.csv").replace("not-an-address", "bad@cut.example").replace(",x,", ",7,");
        let drops = [
            ("leads.csv", mixed.to_owned()),
            ("again.csv", TEN.to_owned()),
            ("broken.csv", "nothing,here\n1,2\n".to_owned()),
            ("zillow/homes.csv", "name,email,value\nHome,home@cut.example,5\nNo home,none,5\n".to_owned()),
            ("bad.rejects.csv", fixed),
            ("old.csv", "name,email,value\nOther,other@cut.example,5\n".to_owned()),
            ("large.csv", generate(250, "large", 3).text),
        ];
        for (number, (name, text)) in (1..).zip(drops) {
            put(root, name, &text, number);
        }
    }

    /// One more drop, last in order, that nobody made durable.
    pub fn drop_loose(self, root: &Root) {
        if self == Self::Many {
            put(root, LOOSE, "name,email,value\nLoose,loose@cut.example,5\n", 60);
        }
    }

    /// Whether every durable drop has come to its end, and whatever is left of the others.
    pub fn are_done(self, root: &Root) -> bool {
        let reports = match self {
            Self::Many => 9,
            Self::One => 3,
        };
        root.reports_whole() >= reports
            && root.claims().is_empty()
            && fs::read_dir(root.path("inbox")).is_ok_and(|entries| !entries.flatten().any(|entry| entry.path().is_file()))
            && fs::read_dir(root.path("inbox/zillow")).is_ok_and(|mut entries| entries.next().is_none())
    }
}

/// Puts a file into the inbox whose time says where in the order it stands.
fn put(root: &Root, name: &str, text: &str, number: u64) {
    let path = root.write(Path::new("inbox").join(name), text);
    let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000 + number);
    File::options().write(true).open(path).and_then(|file| file.set_modified(time)).expect("modification time");
}
