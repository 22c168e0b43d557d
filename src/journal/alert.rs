//! The wire type of `alerts.jsonl`, the closed list of what can be alerted, and the folding of repeats.
//!
//! Deliberately absent: channels. An alert is a line; who is told, and how, is decided elsewhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::report::SCHEMA;

/// Something a person should know. Never holds a lead's content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Version of the record.
    pub schema: u32,
    /// Unique.
    pub id: String,
    /// When: RFC 3339, UTC, milliseconds, `Z`.
    pub at: String,
    /// How bad.
    pub severity: Severity,
    /// What.
    pub code: AlertCode,
    /// What, in a few words.
    pub title: String,
    /// What exactly, in a sentence.
    pub detail: String,
    /// The job it is about.
    pub job_id: Option<String>,
    /// The file it is about.
    pub file: Option<String>,
    /// The measured figure.
    pub metric: Option<f64>,
    /// The limit it crossed.
    pub threshold: Option<f64>,
    /// What to do.
    pub action: String,
    /// How many occurrences a folded line stands for; absent on the first line, which stands for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// When the first of these came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_at: Option<String>,
    /// Of the alert whose condition has ended with this line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolves: Option<String>,
}

impl Alert {
    /// An alert with the code's own severity, title and action; the caller adds what it is about.
    #[must_use]
    pub fn new(code: AlertCode, id: &str, at: &str, detail: &str) -> Self {
        Self {
            schema: SCHEMA,
            id: id.to_owned(),
            at: at.to_owned(),
            severity: code.severity(),
            code,
            title: code.title().to_owned(),
            detail: detail.to_owned(),
            job_id: None,
            file: None,
            metric: None,
            threshold: None,
            action: code.action().to_owned(),
            count: None,
            first_at: None,
            resolves: None,
        }
    }

    /// The line, without its newline.
    #[must_use]
    pub fn to_line(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an alert holds only strings and numbers")
    }
}

/// How bad it is, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look at it.
    Warning,
    /// Somebody must act, or nothing more is taken in.
    Critical,
}

/// Writes the enum and its facts from one table, so that no code can lack a title or something to do.
macro_rules! alert_codes {
    ($($code:ident $text:literal $severity:ident $title:literal $action:literal;)+) => {
        /// What can be alerted: a closed list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum AlertCode {
            $(#[doc = $title] #[serde(rename = $text)] $code,)+
        }

        impl AlertCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$code),+];

            /// The code as it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$code => $text),+ }
            }

            /// How bad it is unless the caller knows better.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$code => Severity::$severity),+ }
            }

            /// A few words for a list.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$code => $title),+ }
            }

            /// What to do about it.
            #[must_use]
            pub const fn action(self) -> &'static str {
                match self { $(Self::$code => $action),+ }
            }
        }
    };
}

alert_codes! {
    QualityBelowMinimum "quality_below_minimum" Warning "The file's quality is below the minimum"
        "Open the receipt, correct the rejects file and drop it again; or set score_min under [quality].";
    DuplicatesOverTolerance "duplicates_over_tolerance" Info "People appear more than once in the file"
        "Nothing was counted twice; ask the source for a list without repeats, or raise duplicate_tolerance under [quality].";
    MissingFieldsOverLimit "missing_fields_over_limit" Info "Rows lack required fields"
        "Fill in the rejects file and drop it again; or raise missing_fields_max under [quality].";
    FileFailed "file_failed" Warning "A file gave nothing"
        "Read the .error.txt beside it in failed/, correct the file and drop it again.";
    NotARegularFile "not_a_regular_file" Warning "Something in the inbox is not a plain file"
        "Replace the link, pipe or device in the inbox by a copy of the file itself.";
    WorldWritableInbox "world_writable_inbox" Warning "Anyone on this machine can write to the inbox"
        "Take the right to write away from others (chmod o-w), or set group under [folders].";
    FolderRecreated "folder_recreated" Warning "A folder was missing and was made anew"
        "Find out who removed it; `valhalla audit` lists the originals that are missing.";
    InboxReplaced "inbox_replaced" Warning "The inbox is another folder than before"
        "Nothing to do if it was moved or mounted on purpose; otherwise look for drops in the old folder.";
    WatcherDegraded "watcher_degraded" Warning "The system no longer tells about new files"
        "Files are still found at every rescan; raise fs.inotify.max_user_watches, or set poll = \"always\" under [watch].";
    ScriptMoved "script_moved" Info "A script took a step"
        "Nothing to do; `valhalla scripts` shows the ladder and the figures.";
    ExperimentWinner "experiment_winner" Info "A variant is better than every other"
        "`valhalla experiments` shows the figures; give it all of the weight, or end the experiment.";
    ExperimentMismatch "experiment_mismatch" Warning "An experiment's leads are not shared out as its weights say"
        "Its results cannot be trusted: look for a filter, an import or a tool that treats the variants differently.";
    DeliveredDiffers "delivered_differs" Warning "Outcomes name another variant or script than the assigned one"
        "Find out why leads are not worked with what they were assigned; until then the comparison mixes them.";
    CoverageLow "coverage_low" Warning "Of many mature leads no outcome is known"
        "Rates rest on the few that are: report the others, or set outcomes_complete for sources that report all.";
    ModelActivated "model_activated" Info "Another outcome model is active"
        "Nothing to do; `valhalla model` shows what it rests on, `valhalla rescore` brings stored leads up to it.";
    ModelDrift "model_drift" Warning "Leads convert more or less often than predicted"
        "Report outcomes soon after they are known; see `valhalla model`, and whether something in the business has changed.";
    ColumnRefused "column_refused" Warning "A column was refused because it tells the outcome"
        "It is known only after the fact, or it is the outcome itself: take it out of features; or list it under known_on_arrival.";
    DiskFull "disk_full" Critical "The disk is full, nothing is taken in"
        "Free some space: work goes on by itself, and no file is lost.";
    StoreFault "store_fault" Critical "The store or a journal could not be written"
        "Check the disk and the permissions of the root; recovery runs by itself, after three failures the daemon stops.";
    StoreBusy "store_busy" Critical "Another program holds the database, nothing is taken in"
        "Close it (a database browser, a backup?): work goes on by itself, and no file is lost.";
    StoreBehind "store_behind" Critical "The store knows less than the journals"
        "Was an older backup put back? Stop the daemon and run `valhalla rebuild`: it makes the store anew from the archive and the journals.";
    JournalTampered "journal_tampered" Critical "A journal was changed by somebody else"
        "Run `valhalla audit`; exclude logs/*.jsonl from editors, clean-up jobs and logrotate.";
    JobUnfinishedRepeatedly "job_unfinished_repeatedly" Warning "A file was interrupted several times"
        "It is tried again, alone and last; check memory and power, or take the file out of .claimed/ while the daemon is stopped.";
    PoisonedFile "poisoned_file" Critical "A file made the program fail three times"
        "The file is in failed/; please report it with the log, this is a fault of the program.";
    FileChangedAfterCommit "file_changed_after_commit" Warning "A file was written to after it had been taken"
        "The changed file was dropped anew; write elsewhere and move finished files into the inbox.";
    LinesNotRead "lines_not_read" Warning "Lines behind the table of a file were not read"
        "If they hold leads, put that table into a file of its own and drop it.";
    LayoutDrift "layout_drift" Warning "A source's files have other columns than before"
        "Look whether the fields are taken from the right columns; if not, set aliases for the source, or correct the export.";
    FormulaCells "formula_cells" Warning "Cells would run as formulas in a spreadsheet"
        "Look at the rows before opening an export of them; ask the source why they are there.";
    // ---- data quality, per source; jobs that are held ----
    RejectRateUp "reject_rate_up" Warning "More rows of a source are rejected than before"
        "Open the receipt: it names the causes. Ask the source what changed; correct the rejects file and drop it again.";
    MissingUp "missing_up" Warning "More leads of a source lack a field than before"
        "Look whether the column is still read as it is meant; ask the source why it is empty.";
    ValuesDrifted "values_drifted" Warning "The values of a source lie elsewhere than before"
        "Look at the file: another unit or currency, another column, other properties? `valhalla undo` takes it out again.";
    VolumeUnusual "volume_unusual" Warning "A source's file has far more or fewer rows than before"
        "Ask the source whether the file is complete, and whether it holds more than it should.";
    OutliersUp "outliers_up" Warning "More values of a source stand out than before"
        "The report lists the rows under `outliers`: look whether amounts were typed or exported wrongly.";
    JobHeld "job_held" Critical "A file is held: its figures are too bad to count them unseen"
        "Look at the file, then `valhalla hold release JOB` to take it in, or `valhalla hold discard JOB` to move it to failed/.";
    // Files that should have come.
    ExpectedFileMissing "expected_file_missing" Warning "A file that was due did not come"
        "Ask the source for it and drop it; or correct `expected` under [source] if it is not due any more.";
    SourceQuiet "source_quiet" Warning "A source that used to send files is silent"
        "Ask the source; acknowledge it if nothing more is to come, or set `expected` for the source to say when its files are due.";
    // Delivery.
    ChannelFailing "channel_failing" Warning "Alerts do not get through a channel"
        "Run `valhalla alerts test CHANNEL`; check its address and secret under [[alerts.channel]]. What waits is tried again by itself.";
    ChannelTest "channel_test" Info "A test of a channel"
        "Nothing to do: somebody ran `valhalla alerts test`.";
    DeliveryGivenUp "delivery_given_up" Warning "A channel refused an alert for good"
        "Correct the channel's address, secret or recipients, then run `valhalla alerts test CHANNEL`; the alert stands in alerts.jsonl.";
    DeliveriesDropped "deliveries_dropped" Warning "Alerts were dropped from the full queue of a channel"
        "Nothing is missing in alerts.jsonl; repair or remove the channel, or raise its min_severity.";
    // The machine and the installation.
    CpuHigh "cpu_high" Warning "The machine's processors are busy for long"
        "See what else runs; lower workers under [engine], or raise cpu_percent_max under [risk].";
    MemoryHigh "memory_high" Warning "Memory is nearly used up"
        "See what uses it; add memory, raise the service's limit, or raise memory_percent_max under [risk].";
    DiskLow "disk_low" Warning "A file system is nearly full"
        "Free or add room before the intake pauses; the limits are disk_free_percent_min and disk_free_min under [risk].";
    InodesLow "inodes_low" Warning "A file system has few inodes left"
        "Remove small files that nobody needs, or move the folder to a file system with more inodes.";
    OpenFilesHigh "open_files_high" Warning "Nearly as many files are open as are allowed"
        "Raise the limit of open files (ulimit -n, LimitNOFILE); if it comes back, please report it.";
    StoreSlow "store_slow" Warning "Writing beside the store is slow or fails"
        "Check the disk for errors and for other programs that write much; a network share is no place for the store.";
    QueueOld "queue_old" Warning "A drop waits long for its report"
        "`valhalla status` shows what is in hand; look whether the file is still being written, and in the log.";
    ReportSlow "report_slow" Warning "It takes long from a drop to its report"
        "Drop smaller files, give it more workers, or raise request_seconds_max under [risk].";
    ConnectionsHigh "connections_high" Warning "Many programs talk to the daemon at once"
        "See which scripts ask for its status, and how often; or raise connections_max under [risk].";
    WatcherSilent "watcher_silent" Warning "A file touched in the inbox was not announced"
        "Files are still found at every rescan; restart the daemon, or set poll = \"always\" under [watch].";
    ClockJumped "clock_jumped" Warning "The machine's clock jumped"
        "Set up time synchronisation; times written before and after the jump do not compare.";
    MonitorStalled "monitor_stalled" Warning "Looking at the machine takes too long"
        "A disk or a share probably hangs: see the system's journal. The intake goes on meanwhile.";
    PermissionsTooWide "permissions_too_wide" Critical "Others may change or read what is ours alone"
        "Take the right away from others (chmod o-w, for the store chmod o-r) and look at what was changed.";
    ForeignOwner "foreign_owner" Warning "Something of ours belongs to another user"
        "Give it to the user that the daemon runs as (chown), or find out who put it there.";
    SecretExposed "secret_exposed" Critical "Others may read a secret"
        "chmod 600 the file that is named, and change the secret: it may have been read.";
    RunsAsRoot "runs_as_root" Warning "The service runs as root"
        "Run it as a user of its own (User= in the unit) who owns the root and nothing else.";
    SuspiciousName "suspicious_name" Warning "A dropped file's name hides what it is"
        "Do not open the file by a double click; ask who dropped it.";
    DropBurst "drop_burst" Warning "Far more files than usual are dropped"
        "Look for an export that runs in a loop; or raise drops_per_minute_max under [risk].";
    RejectBurst "reject_burst" Warning "Very many rows of one source are rejected"
        "Read a receipt of that source: its export has probably changed; or raise rejects_per_minute_max under [risk].";
    SuspiciousActivity "suspicious_activity" Critical "Several suspicious things happened within an hour"
        "Find out who can write to the inbox, and look at the files that are named in the other alerts.";
    DataNotEncrypted "data_not_encrypted" Info "The disk under the data is not encrypted"
        "Keep the root on an encrypted file system (LUKS) if the machine or its disks may be stolen.";
    PlainRemote "plain_remote" Warning "Something is sent over the network unencrypted"
        "Use an https:// address, or STARTTLS or TLS for e-mail.";

    PreviousRunDied "previous_run_died" Warning "The last run did not end by itself"
        "Nothing is lost, recovery has run; look in the system's journal for the cause (memory, power, kill).";
}

/// Folds repeats of the same (code, file): the first is told at once, those within the window in one later line.
///
/// Every occurrence is in exactly one line: a line stands for `count`, or for one. Time is in milliseconds on any one clock.
#[derive(Debug)]
pub struct Folding {
    window_ms: i64,
    open: BTreeMap<(AlertCode, Option<String>), Window>,
}

#[derive(Debug)]
struct Window {
    opened_ms: i64,
    /// The latest repeat, with the count and the time of the first.
    repeats: Option<Alert>,
}

impl Folding {
    /// At most so many (code, file) pairs are followed; beyond, alerts pass unfolded rather than get lost.
    pub const OPEN_MAX: usize = 1024;

    /// Folds within windows of so many milliseconds.
    #[must_use]
    pub const fn new(window_ms: i64) -> Self {
        Self { window_ms, open: BTreeMap::new() }
    }

    /// Takes an alert; gives back the line to publish now, if any.
    pub fn offer(&mut self, alert: Alert, now_ms: i64) -> Option<Alert> {
        let key = (alert.code, alert.file.clone());
        let full = self.open.len() >= Self::OPEN_MAX;
        let Some(window) = self.open.get_mut(&key) else {
            if !full {
                self.open.insert(key, Window { opened_ms: now_ms, repeats: None });
            }
            return Some(alert);
        };
        let over = window.is_over(now_ms, self.window_ms);
        let folded = match window.repeats.take() {
            None if over => alert,
            None => Alert { count: Some(1), first_at: Some(alert.at.clone()), ..alert },
            Some(before) => Alert {
                count: before.count.map(|count| count + 1),
                first_at: before.first_at,
                severity: before.severity.max(alert.severity),
                ..alert
            },
        };
        if over {
            window.opened_ms = now_ms;
            return Some(folded);
        }
        window.repeats = Some(folded);
        None
    }

    /// The folded lines whose window is over. At a stop, `due(i64::MAX)` gives all that is left.
    pub fn due(&mut self, now_ms: i64) -> Vec<Alert> {
        let mut lines = Vec::new();
        self.open.retain(|_, window| {
            if !window.is_over(now_ms, self.window_ms) {
                return true;
            }
            let repeats = window.repeats.take();
            window.opened_ms = now_ms;
            let again = repeats.is_some(); // it still happens: the next one is folded too
            lines.extend(repeats);
            again
        });
        lines
    }
}

impl Window {
    /// A clock that went backwards ends the window: better a line too many than one years late.
    fn is_over(&self, now_ms: i64, window_ms: i64) -> bool {
        now_ms < self.opened_ms || now_ms.saturating_sub(self.opened_ms) >= window_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(id: u32) -> Alert {
        let mut alert = Alert::new(AlertCode::FileFailed, &id.to_string(), &format!("t{id}"), "x.csv: no column for 'email'");
        alert.file = Some("x.csv".into());
        alert
    }

    #[test]
    fn the_keys_are_the_documented_ones_in_order() {
        let keys = |alert: &Alert| {
            let value: serde_json::Value = serde_json::from_slice(&alert.to_line()).expect("JSON");
            value.as_object().expect("object").keys().cloned().collect::<Vec<_>>().join(" ")
        };
        let usual = "schema id at severity code title detail job_id file metric threshold action";
        assert_eq!(keys(&alert(1)), usual);
        let folded = Alert { count: Some(2), first_at: Some("t0".into()), ..alert(1) };
        assert_eq!(keys(&folded), format!("{usual} count first_at"));
        assert_eq!(serde_json::from_slice::<Alert>(&folded.to_line()).expect("own line"), folded);
    }

    #[test]
    fn every_code_is_written_as_its_text() {
        for &code in AlertCode::ALL {
            assert_eq!(serde_json::to_value(code).expect("JSON"), code.as_str());
            assert!(code.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            assert!(code.title().len() > 10 && code.action().ends_with('.'), "{code:?}");
        }
    }

    #[test]
    fn the_page_of_alerts_is_the_catalogue() {
        let page = include_str!("../../docs/ALERTS.md");
        let listed: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        let row = |code: &AlertCode| {
            let severity = serde_json::to_value(code.severity()).expect("a word");
            format!("| `{}` | {} | {} | {} |", code.as_str(), severity.as_str().expect("a word"), code.title(), code.action())
        };
        let expected: Vec<String> = AlertCode::ALL.iter().map(row).collect();
        let missing: Vec<&String> = expected.iter().filter(|row| !listed.contains(&row.as_str())).collect();
        let unknown: Vec<&&str> = listed.iter().filter(|line| !expected.iter().any(|row| row == **line)).collect();
        assert!(missing.is_empty() && unknown.is_empty(), "docs/ALERTS.md lacks {missing:#?} and has {unknown:#?}");
    }

    #[test]
    fn repeats_are_one_later_line_and_none_is_lost() {
        let mut folding = Folding::new(100);
        assert_eq!(folding.offer(alert(1), 0), Some(alert(1)));
        assert_eq!(folding.offer(alert(2), 10), None);
        assert_eq!(folding.offer(alert(3), 20), None);
        let other = Alert { file: Some("y.csv".into()), ..alert(4) };
        assert_eq!(folding.offer(other.clone(), 30), Some(other), "another file is another matter");
        assert_eq!(folding.due(99), vec![]);
        assert_eq!(folding.due(100), vec![Alert { count: Some(2), first_at: Some("t2".into()), ..alert(3) }]);
        assert_eq!(folding.offer(alert(5), 150), None, "it goes on: folded again");
        assert_eq!(folding.offer(alert(6), 250), Some(Alert { count: Some(2), first_at: Some("t5".into()), ..alert(6) }));
        assert_eq!(folding.due(i64::MAX), vec![]);
        assert_eq!(folding.offer(alert(7), 9_000), Some(alert(7)), "quiet for a window: told at once");
        assert_eq!(folding.offer(alert(8), 8_000), Some(alert(8)), "the clock went back");
    }

    #[test]
    fn what_is_followed_is_bounded_and_nothing_is_lost() {
        let mut folding = Folding::new(100);
        for id in 0..2_000 {
            let alert = Alert { file: Some(id.to_string()), ..alert(id) };
            assert_eq!(folding.offer(alert.clone(), 0), Some(alert));
        }
        assert_eq!(folding.open.len(), Folding::OPEN_MAX);
    }
}
