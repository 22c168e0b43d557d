//! Tables of what people type, and what must come of it.

use super::*;
use crate::engine::amount::DecimalMark;
use crate::engine::lead::Field;
use crate::engine::rules::{ConstraintRule, EmailRule, HeaderRule, QuoteRule, ReadingRules};

/// The configuration of `/srv/v` with this file and environment (`NAME=value`).
fn read(file: &str, env: &[&str]) -> Result<Config, ConfigErrors> {
    read_with(file, env, Overrides::default())
}

fn read_with(file: &str, env: &[&str], overrides: Overrides) -> Result<Config, ConfigErrors> {
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = dir.path().join("valhalla.toml");
    std::fs::write(&path, file).expect("write");
    let root = Root { path: "/srv/v".into(), config_file: Some(path), why: String::new() };
    let env = env.iter().map(|pair| pair.split_once('=').expect("NAME=value")).map(|(name, value)| (name.into(), value.into()));
    Config::load(&root, env, &overrides)
}

fn good(file: &str) -> Config {
    read(file, &[]).unwrap_or_else(|mistakes| panic!("{file}\n{mistakes}"))
}

fn version(file: &str) -> String {
    good(file).rules_for(None).version.clone()
}

/// Everything that a configuration says, without where it was said.
fn essence(config: &Config) -> String {
    format!("{:#?}", Config { settings: Vec::new(), config_file: None, ..config.clone() })
}

/// The mistakes, a line each, without the name of the temporary file: `3: [watch] …`.
fn mistakes(file: &str, env: &[&str]) -> Vec<String> {
    let errors = read(file, env).expect_err(file);
    errors.to_string().lines().map(|line| line.split_once("valhalla.toml:").map_or(line, |(_, rest)| rest).to_owned()).collect()
}

#[test]
#[allow(clippy::too_many_lines)] // a table
fn every_mistake_says_what_where_and_what_to_do() {
    for (file, expected) in [
        // Keys.
        ("[watch]\nsetle_ms = 1", "2: [watch] setle_ms: unknown key; did you mean 'settle_ms'?"),
        ("[wacth]\nsettle_ms = 1", "1: wacth: unknown key; did you mean 'watch'?"),
        ("settle_ms = 1", "1: settle_ms: unknown key; 'settle_ms' belongs under [watch]"),
        ("[watch]\nmode = 'live'", "2: [watch] mode: unknown key; 'mode' stands at the top of the file, before any [section]"),
        ("[output]\nzzz = 1", "2: [output] zzz: unknown key; remove it; the keys here are leads, receipts"),
        (
            "[source.zillow]\nrequired = ['email']",
            "2: [source.zillow] required: unknown key; 'required' belongs under [source.zillow.columns]",
        ),
        ("[source.zillow.columns]\nrequird = ['email']", "2: [source.zillow.columns] requird: unknown key; did you mean 'required'?"),
        ("[columns.rules.Lot]\nmatch = 'x'", "2: [columns.rules.Lot] match: unknown key; did you mean 'matches'?"),
        // Later versions.
        ("[metrics]", "1: metrics: not available in this version; remove it"),
        (
            "[retention]\ndays = 3",
            "2: [retention] days: unknown key; remove it; the keys here are processed_days, failed_days, rejects_days",
        ),
        (
            "[retention]\nprocessed_days = -1",
            "2: [retention] processed_days: must be a whole number from 0 to 36500, not -1; write for example processed_days = 0",
        ),
        (
            "[source.a]\noutcomes_complete = 3",
            "2: [source.a] outcomes_complete: must be true or false, not 3; write outcomes_complete = true",
        ),
        (
            "[risk]\nhold_on_risk = 'always'",
            "2: [risk] hold_on_risk: must be \"off\" or \"critical\" or \"high\", not 'always'; write for example hold_on_risk = \"off\"",
        ),
        // Types and words.
        ("watch = 5", "1: watch: must be a table, not 5; write it as a section: [watch]"),
        (
            "mode = 'prod'",
            "1: mode: must be \"production\" or \"live\" or \"dry-run\", not 'prod'; write for example mode = \"production\"",
        ),
        ("[store]\nleads = 'maybe'", "2: [store] leads: must be true or false, not 'maybe'; write for example leads = true"),
        (
            "[watch]\nsettle_ms = 0",
            "2: [watch] settle_ms: must be a whole number from 1 to 86400000, not 0; write for example settle_ms = 200",
        ),
        (
            "[watch]\nrescan_seconds = 1.5",
            "2: [watch] rescan_seconds: must be a whole number from 1 to 86400, not 1.5; write for example rescan_seconds = 30",
        ),
        ("[engine]\nworkers = 0", "2: [engine] workers: must be a whole number from 1 to 1024, not 0; write for example workers = 4"),
        (
            "[log]\nlevel = 'loud'",
            "2: [log] level: must be \"error\" or \"warn\" or \"info\" or \"debug\" or \"trace\", not 'loud'; write for example level = \"info\"",
        ),
        (
            "[log]\nrotate_bytes = 'big'",
            "2: [log] rotate_bytes: must be an amount of bytes from 1 KiB to 1 TiB, not 'big'; write for example rotate_bytes = \"50 MiB\"",
        ),
        (
            "[limits]\nrows = 0",
            "2: [limits] rows: must be a whole number from 1 to 1000000000000, not 0; write for example rows = 100000000",
        ),
        (
            "[limits]\nrecord_bytes = '0 MiB'",
            "2: [limits] record_bytes: must be an amount of bytes from 1 B to 1 GiB, not '0 MiB'; write for example record_bytes = \"1 MiB\"",
        ),
        // Folders.
        (
            "[folders]\nprocessed = 'inbox'",
            "2: [folders] processed: is the same folder as 'inbox' (/srv/v/inbox); give each a folder of its own",
        ),
        (
            "[folders]\nlogs = 'inbox/logs'",
            "2: [folders] logs: 'logs' and 'inbox' lie inside one another (/srv/v/inbox/logs, /srv/v/inbox); put them side by side",
        ),
        ("[folders]\ninbox = 3", "2: [folders] inbox: must be a path in quotes, not 3; write for example inbox = \"inbox\""),
        ("[folders]\ngroup = ''", "2: [folders] group: must be a text in quotes, not ''; write for example group = \"leads\""),
        ("[store]\npath = 'inbox/v.db'", "2: [store] path: lies inside the inbox (/srv/v/inbox/v.db); put the store beside it"),
        // Columns.
        (
            "[columns]\nrequired = ['name', 'e_mail', 'email']",
            "2: [columns] required[2]: unknown field 'e_mail'; did you mean 'email'? the fields are name, email, value, location, phone, source",
        ),
        (
            "[columns]\nrequired = ['name']",
            "2: [columns] required: must hold \"email\"; add it: the address is what tells one person from another",
        ),
        (
            "[columns]\nrequired = 3",
            "2: [columns] required: must be a list of field names, not 3; write for example required = [\"name\", \"email\", \"value\"]",
        ),
        (
            "[columns.aliases]\nprice = ['Preis']",
            "2: [columns.aliases] price: unknown field 'price'; the fields are name, email, value, location, phone, source, outcome, outcome_date, revenue, cost, script, variant, channel, lead_id",
        ),
        (
            "[columns.aliases]\noutcom = ['Stand']",
            "2: [columns.aliases] outcom: unknown field 'outcom'; did you mean 'outcome'? the fields are name, email, value, location, phone, source, outcome, outcome_date, revenue, cost, script, variant, channel, lead_id",
        ),
        (
            "[columns.aliases]\nrevenue = 5",
            "2: [columns.aliases] revenue: must be a list of column names; write for example revenue = [\"E-Mail Privat\"]",
        ),
        (
            "[columns.aliases]\nrevenue = ['Geld']\ncost = ['geld']",
            "2: [columns.aliases] revenue: 'Geld' is also an alias of 'cost'; take it out of one of the two",
        ),
        // Outcomes.
        (
            "[outcomes]\nwon = ['Fertig']\nlost = ['fertig!']",
            "3: [outcomes] lost: 'fertig!' is also listed under 'won'; take it out of one of the two",
        ),
        (
            "[outcomes]\ndates = 'us'",
            "2: [outcomes] dates: must be \"auto\" or \"day_first\" or \"month_first\", not 'us'; write for example dates = \"auto\"",
        ),
        (
            "[columns.aliases]\nname = [3]",
            "2: [columns.aliases] name: must be a list of column names; write for example name = [\"E-Mail Privat\"]",
        ),
        (
            "[columns.aliases]\nname = 'Who'\nphone = ['WHO']",
            "3: [columns.aliases] phone: 'WHO' is also an alias of 'name'; take it out of one of the two",
        ),
        (
            "[columns.defaults]\nvalue = 'a lot'",
            "2: [columns.defaults] value: must be an amount above zero, not 'a lot'; write for example value = \"1\"",
        ),
        (
            "[columns.defaults]\nvalue = 0",
            "2: [columns.defaults] value: must be an amount above zero, not '0'; write for example value = \"1\"",
        ),
        ("[columns.defaults]\nname = ''", "2: [columns.defaults] name: must be a text, not ''; write it in quotes, or remove it"),
        (
            "[columns.defaults]\nemail = 'a@b.ca'",
            "2: [columns.defaults] email: an address cannot have a default; remove it: all rows without one would become the same person",
        ),
        (
            "[columns.rules]\nLot = { matches = '(' }",
            "2: [columns.rules.Lot] matches: not a regular expression: unclosed group; correct the pattern; single quotes keep backslashes as they are",
        ),
        (
            "[columns.rules.value]\nmin = 5\nmax = 4",
            "3: [columns.rules.value] max: min 5 is above max 4: no row could pass; swap them, or remove one",
        ),
        (
            "[columns.rules.value]\nmax = 4\n[source.a.columns.rules.value]\nmin = 5",
            "4: [source.a.columns.rules.value] min: min 5 is above max 4: no row could pass; swap them, or remove one",
        ),
        (
            "[columns.rules.x]\none_of = []",
            "2: [columns.rules.x] one_of: must be a list of at least one value, not []; write for example one_of = [\"Toronto\", \"Ottawa\"]",
        ),
        (
            "[columns.rules.x]\nmax_length = 0",
            "2: [columns.rules.x] max_length: must be a whole number above 0, not 0; write for example max_length = 80",
        ),
        (
            "[columns.rules.x]\nmin = 1e3",
            "2: [columns.rules.x] min: must be a plain number with at most 6 decimals, not 1e3; write for example min = 1000",
        ),
        (
            "[columns]\nemail = 'strict'",
            "2: [columns] email: must be \"standard\" or \"minimal\", not 'strict'; write for example email = \"standard\"",
        ),
        (
            "[columns]\nphone_country = 'CA'",
            "2: [columns] phone_country: must be a country calling code of one to three digits, not 'CA'; write for example phone_country = \"1\"",
        ),
        (
            "[columns]\nranges = 'middle'",
            "2: [columns] ranges: must be \"low\" or \"mid\" or \"high\" or \"reject\", not 'middle'; write for example ranges = \"low\"",
        ),
        // Reading.
        ("[reading]\ndelimeter = ';'", "2: [reading] delimeter: unknown key; did you mean 'delimiter'?"),
        ("delimiter = ';'", "1: delimiter: unknown key; 'delimiter' belongs under [reading]"),
        ("[source.a]\nheader = 'none'", "2: [source.a] header: unknown key; 'header' belongs under [source.a.reading]"),
        (
            "[reading]\nencoding = 1252",
            "2: [reading] encoding: must be the name of an encoding in quotes, or \"auto\", not 1252; write for example encoding = \"windows-1252\"",
        ),
        (
            "[reading]\nencoding = 'windows1252x'",
            "2: [reading] encoding: there is no encoding 'windows1252x'; did you mean 'windows-1252'?",
        ),
        ("[reading]\nencoding = 'klingon'", "2: [reading] encoding: there is no encoding 'klingon'; write for example \"windows-1252\""),
        (
            "[reading]\ndelimiter = ';;'",
            "2: [reading] delimiter: must be one ASCII character that is no letter, digit or quote, \"tab\" or \"auto\", not ';;'; write for example delimiter = \";\"",
        ),
        (
            "[reading]\nquote = '`'",
            "2: [reading] quote: must be \"\\\"\", \"'\" or \"none\", or \"auto\", not '`'; write for example quote = \"\\\"\"",
        ),
        (
            "[reading]\nescape = 'no'",
            "2: [reading] escape: must be one ASCII punctuation sign, \"doubled\" or \"auto\", not 'no'; write for example escape = \"\\\\\"",
        ),
        (
            "[reading]\ncomment = '//'",
            "2: [reading] comment: must be one ASCII punctuation sign, \"none\" or \"auto\", not '//'; write for example comment = \"#\"",
        ),
        (
            "[reading]\nheader = 0",
            "2: [reading] header: must be \"auto\", \"none\" or the number of a line from 1 to 1000, not 0; write for example header = 3",
        ),
        ("[reading]\nsheet = 2", "2: [reading] sheet: must be a text in quotes, not 2; write for example sheet = \"Leads\""),
        (
            "[reading]\nrepair_mojibake = 'yes'",
            "2: [reading] repair_mojibake: must be true or false, not 'yes'; write for example repair_mojibake = false",
        ),
        (
            "[reading]\ndelimiter = '#'\ncomment = '#'",
            "2: [reading] delimiter: is the same character as comment; one character cannot mean both: change one of them",
        ),
        (
            "[reading]\ncomment = '#'\n[source.a.reading]\ndelimiter = '#'",
            "4: [source.a.reading] delimiter: is the same character as comment; one character cannot mean both: change one of them",
        ),
        (
            "[limits]\nexpansion_ratio = 0",
            "2: [limits] expansion_ratio: must be a whole number from 1 to 1000000, not 0; write for example expansion_ratio = 200",
        ),
        // Packet, model, score, quality.
        ("[packet]\noffer_ratio = 70", "2: [packet] offer_ratio: must be above 0 and at most 1, not 70; write 70 % as 0.70"),
        (
            "[packet]\nfee = -1",
            "2: [packet] fee: must be a plain number of at least 0 with at most 6 decimals, not -1; write for example fee = 0",
        ),
        (
            "[packet]\nbands = [2, 1]",
            "2: [packet] bands: must be a list of rising amounts above zero, not [2, 1]; write for example bands = [250000, 500000, 1000000]",
        ),
        ("[model]\nprior = 1.5", "2: [model] prior: must be a probability above 0 and below 1, not 1.5; write for example prior = 0.05"),
        ("[model]\nprior = nan", "2: [model] prior: must be a probability above 0 and below 1, not nan; write for example prior = 0.05"),
        (
            "[clone]\ndecline_max = -0.1",
            "2: [clone] decline_max: must be a number from 0 to 1, not -0.1; write for example decline_max = 0.95",
        ),
        (
            "[score]\nweights = { outcome = 50 }",
            "2: [score] weights: the four weights must sum to 100, not 110 (50 + 25 + 20 + 15); set all four: outcome, value, quality, clone",
        ),
        (
            "[score]\ntiers = [50, 75, 25]",
            "2: [score] tiers: must be three falling scores from 100 to 0, for A, B and C, not [50, 75, 25]; write for example tiers = [75, 50, 25]",
        ),
        (
            "[score]\nvalue_low = 3_000_000",
            "2: [score] value_low: value_low 3000000 is not below value_high 2000000; the score rises from the one to the other: swap or change them",
        ),
        (
            "[quality]\nscore_min = 101",
            "2: [quality] score_min: must be a number from 0 to 100, not 101; write for example score_min = 85.0",
        ),
        // Sources.
        (
            "[source.a]\nwatch = { settle_ms = 3 }",
            "2: [source.a] watch: cannot differ between sources; set it once for all of them, outside [source]",
        ),
        (
            "[source.a.model]\nfeatures = ['x']",
            "2: [source.a.model] features: cannot differ between sources; set it once for all of them, under [model]",
        ),
        (
            "[source.a.limits]\n[source.A.limits]",
            "1: [source] a: source 'a' is there twice: upper and lower case are the same; merge the two",
        ),
        ("[source.'a/b'.limits]", "1: [source] a/b: 'a/b' cannot be the name of a folder; name the first folder below the inbox"),
    ] {
        assert_eq!(mistakes(file, &[]), [expected], "{file}");
    }
}

#[test]
fn mistakes_in_experiments_and_scripts() {
    let two = |head: &str, variants: &str| format!("[[experiments]]\n{head}\nvariants = [{variants}]");
    let ab = "{ id = 'a', weight = 1 }, { id = 'b', weight = 1 }";
    for (file, expected) in [
        (two("id = 'x'", "{ id = 'a', weight = 1 }"), "needs at least two variants"),
        (two("id = 'x'", "{ id = 'a', weight = 0 }, { id = 'b', weight = 0.0 }"), "all weights are 0"),
        (two("id = 'x'", "{ id = 'a', weight = -1 }, { id = 'b', weight = 1 }"), "from 0 to 1000000 with at most 6 decimals, not -1"),
        (two("id = 'x'", "{ id = 'a', weight = 0.1234567 }, { id = 'b', weight = 1 }"), "at most 6 decimals, not 0.1234567"),
        (two("id = 'x'", "{ id = 'a', weight = 1 }, { id = 'a', weight = 1 }"), "variant 'a' is there twice"),
        (two("id = 'x'", "{ id = 'a' }, { id = 'b', weight = 1 }"), "[experiments[1].variants[1]] weight: is missing"),
        (two("salt = 'x'", ab), "[experiments[1]] id: is missing"),
        (
            two("id = 'x'\nfilter = { column = 'location', one_of = [] }", ab),
            "[experiments[1].filter] one_of: must be a list of at least one value, not []",
        ),
        (two("id = 'x'\nwieghts = 3", ab), "wieghts: unknown key; remove it; the keys here are id, salt, variants, filter"),
        (format!("{}\n{}", two("id = 'x'", ab), two("id = 'x'\nsalt = 'other'", ab)), "experiment 'x' is there twice"),
        (format!("{}\n{}", two("id = 'x'", ab), two("id = 'y'\nsalt = 'x'", ab)), "experiments 'x' and 'y' have the same salt 'x'"),
        (
            format!(
                "{}\n[[scripts]]\nid = 'hello'\nchannel = 'email'",
                two("id = 'x'", "{ id = 'a', weight = 1, script = 'helo' }, { id = 'b', weight = 1 }")
            ),
            "there is no script 'helo'; did you mean 'hello'?",
        ),
        ("[scripts]\nid = 'x'".to_owned(), "must be a list of tables, not a table; write each as [[scripts]]"),
        ("[[scripts]]\nid = 'x'".to_owned(), "[scripts[1]] channel: is missing"),
        ("[[scripts]]\nid = 'x'\nchannel = 'email'\nstatus = 'best'".to_owned(), "status: must be \"experimental\" or"),
        ("scripts = [{ id = 'x', channel = 'a' }, { id = 'x', channel = 'b' }]".to_owned(), "script 'x' version 1 is there twice"),
        (
            "scripts = [{ id = 'x', channel = 'a', status = 'primary' }, { id = 'y', channel = 'a', status = 'primary' }]".to_owned(),
            "channel 'a' has two primary scripts, 'x' and 'y'; make one of them \"secondary\"",
        ),
    ] {
        let told = mistakes(&file, &[]);
        assert!(told.len() == 1 && told[0].contains(expected), "{file}\n{told:#?}");
    }
}

#[test]
fn all_mistakes_are_told_together_in_the_order_of_the_file() {
    let file = "mode = 'x'\n[score]\ntiers = []\n[limits]\nrows = 0\nrow = 1\n[source.a.limits]\ncolumns = 0\n";
    let told = mistakes(file, &["VALHALLA_LOG__KEEP=none"]);
    let places: Vec<&str> = told.iter().map(|line| &line[..line.find(": ").expect("a place")]).collect();
    assert_eq!(places, ["1", "3", "5", "6", "8", "VALHALLA_LOG__KEEP"], "an inherited mistake is told once: {told:#?}");
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let told = mistakes("mode = 'live'\n[watch\nsettle_ms = = 3\n", &[]);
    assert!(told[0].starts_with("2: not TOML: "), "{told:#?}");
    assert!(told.iter().any(|line| line.starts_with("3: not TOML: ")), "{told:#?}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let root = Root { path: "/srv/v".into(), config_file: Some("/nowhere/valhalla.toml".into()), why: String::new() };
    let told = Config::load(&root, [], &Overrides::default()).expect_err("there is no such file").to_string();
    assert!(told.starts_with("/nowhere/valhalla.toml: cannot be read: "), "{told}");
}

#[test]
fn layers_lie_over_one_another() {
    let file = "mode = 'live'\n[watch]\nsettle_ms = 100\nrescan_seconds = 10";
    let env = ["VALHALLA_WATCH__SETTLE_MS=50", "VALHALLA_ROOT=/elsewhere", "PATH=/bin", "VALHALLA_LOG__ROTATE_BYTES=1 MiB"];
    let config = read(file, &env).expect("valid");
    assert_eq!((config.watch.settle_ms, config.watch.rescan_seconds, config.watch.settle_unknown_ms), (50, 10, 3000));
    assert_eq!((config.log.rotate_bytes, config.mode), (1 << 20, Mode::Live));
    let origin = |key: &str| {
        let setting = config.settings().iter().find(|setting| setting.key == key).expect("known");
        setting.origin.to_string().rsplit('/').next().unwrap_or_default().to_owned()
    };
    assert_eq!(
        [origin("settle_ms"), origin("rescan_seconds"), origin("keep")],
        ["VALHALLA_WATCH__SETTLE_MS", "valhalla.toml:4", "default"]
    );
    let dry = read_with(file, &["VALHALLA_MODE=production"], Overrides { dry_run: true }).expect("valid");
    assert!(dry.mode.is_dry_run(), "an argument is stronger than the environment");
    assert!(read(file, &["VALHALLA_MODE=dry-run"]).expect("valid").mode.is_dry_run());
}

#[test]
fn the_environment_is_read_as_toml_else_as_text() {
    let config = read(
        "",
        &[
            "VALHALLA_COLUMNS__REQUIRED=[\"name\", \"email\"]",
            "VALHALLA_COLUMNS__PHONE_COUNTRY=49",
            "VALHALLA_FOLDERS__GROUP=1000",
            "VALHALLA_PACKET__TERMS=2026-01-01",
            "VALHALLA_STORE__LEADS=false",
            "VALHALLA_SOURCE__ZILLOW__COLUMNS__DEFAULTS__VALUE=7",
            "VALHALLA_EXPERIMENTS=[{ id = 'x', variants = [{ id = 'a', weight = 1 }, { id = 'b', weight = 1 }] }]",
        ],
    )
    .expect("valid");
    let (rules, zillow) = (config.rules_for(None), config.rules_for(Some("zillow")));
    assert!(!rules.columns.required.contains(Field::Value) && !config.store.leads);
    assert_eq!((rules.columns.phone_country.as_deref(), config.folders.group.as_deref()), (Some("49"), Some("1000")));
    assert_eq!((rules.packet.terms.as_str(), rules.experiments.len()), ("2026-01-01", 1));
    assert_eq!(zillow.columns.defaults[&Field::Value], "7");
    for (pair, expected) in [
        ("VALHALLA_MOD=dry-run", "VALHALLA_MOD: mod: unknown key; did you mean 'mode'?"),
        ("VALHALLA_WATCH__SETLE_MS=1", "VALHALLA_WATCH__SETLE_MS: [watch] setle_ms: unknown key; did you mean 'settle_ms'?"),
        ("VALHALLA_FOLDERS__ROOT=/x", "VALHALLA_FOLDERS__ROOT: [folders] root: the root is not set this way ('/x'); set VALHALLA_ROOT"),
        ("VALHALLA_SCORE__TIERS=high", "VALHALLA_SCORE__TIERS: [score] tiers: must be three falling"),
    ] {
        let told = mistakes("", &[pair]);
        assert!(told.len() == 1 && told[0].starts_with(expected), "{told:#?}");
    }
}

#[test]
fn paths_are_seen_from_the_root() {
    let config = good("[folders]\ninbox = './drop'\nlogs = '/var/log/valhalla'\n[store]\npath = 'db/v.db'");
    assert_eq!(config.folders.inbox, Path::new("/srv/v/drop"));
    assert_eq!(config.folders.processed, Path::new("/srv/v/processed"));
    assert_eq!(config.folders.logs, Path::new("/var/log/valhalla"));
    assert_eq!(config.folders.claimed, Path::new("/srv/v/.claimed"));
    assert_eq!(config.store.path, Path::new("/srv/v/db/v.db"));
}

#[test]
fn a_source_has_its_own_tables_over_the_global_ones() {
    let config = good(
        r#"
        [columns]
        decimal = "comma"
        aliases = { name = ["Wer"], value = ["Preis"] }
        rules.location = { max_length = 80 }
        [limits]
        rows = 500
        [source.Zillow.columns]
        required = ["name", "email"]
        defaults = { value = "1" }
        aliases = { email = ["E-Mail Privat"], name = "Kunde" }
        rules.location.one_of = ["Toronto", 7]
        email = "minimal"
        [source.zillow2.score]
        weights = { outcome = 25, value = 25.5, quality = "24.5", clone = 25 }
        "#,
    );
    let (global, zillow) = (config.rules_for(None), config.rules_for(Some("zillow")));
    assert_eq!(config.sources().collect::<Vec<_>>(), ["zillow", "zillow2"]);
    assert!(Arc::ptr_eq(&zillow, &config.rules_for(Some("ZILLOW"))) && Arc::ptr_eq(&global, &config.rules_for(Some("other"))));
    assert!(global.columns.required.contains(Field::Value) && !zillow.columns.required.contains(Field::Value));
    assert_eq!((zillow.columns.decimal_mark, zillow.columns.email, zillow.limits.rows), (DecimalMark::Comma, EmailRule::Minimal, 500));
    assert_eq!(global.columns.email, EmailRule::Standard);
    let aliases: Vec<_> = zillow.columns.aliases.iter().map(|(field, names)| format!("{field}={}", names.join("+"))).collect();
    assert_eq!(aliases, ["name=Kunde", "email=E-Mail Privat", "value=Preis"], "tables merge, lists replace");
    assert!(matches!(&zillow.columns.constraints[..], [a, b] if matches!(&a.rule, ConstraintRule::OneOf(v) if v[..] == ["Toronto", "7"])
        && matches!(b.rule, ConstraintRule::MaxLength(80))));
    assert_eq!((global.columns.constraints.len(), global.columns.defaults.len()), (1, 0));
    assert_eq!(config.rules_for(Some("zillow2")).score.weights.value, 2550);
}

#[test]
fn how_files_are_read_may_be_known_beforehand() {
    let detected = good("").rules_for(None).reading.clone();
    assert_eq!(detected, ReadingRules::default());
    for (typed, expected) in [
        ("encoding = ' Shift_JIS '", ReadingRules { encoding: Some("Shift_JIS".into()), ..detected.clone() }),
        ("encoding = 'latin1'", ReadingRules { encoding: Some("windows-1252".into()), ..detected.clone() }),
        ("delimiter = 'Tab'", ReadingRules { delimiter: Some(b'\t'), ..detected.clone() }),
        ("delimiter = \"\\t\"", ReadingRules { delimiter: Some(b'\t'), ..detected.clone() }),
        ("delimiter = '|'", ReadingRules { delimiter: Some(b'|'), ..detected.clone() }),
        ("quote = '\"'", ReadingRules { quote: Some(QuoteRule::Quote(b'"')), ..detected.clone() }),
        ("quote = \"'\"", ReadingRules { quote: Some(QuoteRule::Quote(b'\'')), ..detected.clone() }),
        ("quote = 'None'", ReadingRules { quote: Some(QuoteRule::Nothing), ..detected.clone() }),
        (
            "escape = '\\'\ncomment = '#'",
            ReadingRules { escape: Some(QuoteRule::Quote(b'\\')), comment: Some(QuoteRule::Quote(b'#')), ..detected.clone() },
        ),
        (
            "escape = 'doubled'\ncomment = 'none'",
            ReadingRules { escape: Some(QuoteRule::Nothing), comment: Some(QuoteRule::Nothing), ..detected.clone() },
        ),
        ("header = 'none'", ReadingRules { header: HeaderRule::Absent, ..detected.clone() }),
        ("header = '3'", ReadingRules { header: HeaderRule::Line(3), ..detected.clone() }),
        (
            "sheet = 'Leads'\nrepair_mojibake = true",
            ReadingRules { sheet: Some("Leads".into()), repair_mojibake: true, ..detected.clone() },
        ),
    ] {
        let config = good(&format!("[reading]\n{typed}\n[source.a.columns]\nranges = 'high'"));
        assert_eq!(config.rules_for(None).reading, expected, "{typed}");
        assert_eq!(config.rules_for(Some("a")).reading, expected, "{typed}, inherited");
    }
    let file = "[reading]\ndelimiter = ';'\nheader = 2\n[source.zillow.reading]\ndelimiter = 'auto'\nencoding = 'macintosh'";
    let zillow = good(file).rules_for(Some("zillow")).reading.clone();
    assert_eq!(
        zillow,
        ReadingRules { encoding: Some("macintosh".into()), header: HeaderRule::Line(2), ..detected.clone() },
        "a source can go back to detecting"
    );
    for (variable, expected) in [
        ("VALHALLA_READING__ENCODING=windows-1251", ReadingRules { encoding: Some("windows-1251".into()), ..detected.clone() }),
        ("VALHALLA_READING__DELIMITER=;", ReadingRules { delimiter: Some(b';'), ..detected.clone() }),
        ("VALHALLA_READING__DELIMITER=,", ReadingRules { delimiter: Some(b','), ..detected.clone() }),
        ("VALHALLA_READING__DELIMITER=\t", ReadingRules { delimiter: Some(b'\t'), ..detected.clone() }),
        ("VALHALLA_READING__QUOTE='", ReadingRules { quote: Some(QuoteRule::Quote(b'\'')), ..detected.clone() }),
        ("VALHALLA_READING__QUOTE=\"", ReadingRules { quote: Some(QuoteRule::Quote(b'"')), ..detected.clone() }),
        ("VALHALLA_READING__ESCAPE=\\", ReadingRules { escape: Some(QuoteRule::Quote(b'\\')), ..detected.clone() }),
        ("VALHALLA_READING__COMMENT=#", ReadingRules { comment: Some(QuoteRule::Quote(b'#')), ..detected.clone() }),
        ("VALHALLA_READING__HEADER=4", ReadingRules { header: HeaderRule::Line(4), ..detected.clone() }),
        ("VALHALLA_READING__REPAIR_MOJIBAKE=true", ReadingRules { repair_mojibake: true, ..detected.clone() }),
    ] {
        let config = read("", &[variable]).unwrap_or_else(|mistakes| panic!("{variable}\n{mistakes}"));
        assert_eq!(config.rules_for(None).reading, expected, "{variable}");
    }
}

#[test]
fn a_pattern_has_to_match_the_whole_cell() {
    let rules = good("[columns.rules]\nLot = { matches = 'a|ab' }").rules_for(None);
    let ConstraintRule::Matches(pattern) = &rules.columns.constraints[0].rule else { panic!("a pattern") };
    for (cell, expected) in [("a", true), ("ab", true), ("abc", false), ("xa", false), ("a\n", false)] {
        assert_eq!(pattern.is_match(cell), expected, "{cell:?}");
    }
}

#[test]
fn experiments_are_exact_and_in_order() {
    let rules = good(
        r#"
        [[experiments]]
        id = "second"
        variants = [{ id = "b", weight = 0.9 }, { id = "a", weight = "0.1", script = "hello" }]
        filter = { column = "location", one_of = ["Toronto"] }
        [[experiments]]
        id = "first"
        salt = "s"
        variants = [{ id = "x", weight = 0 }, { id = "y", weight = 3 }]
        [[scripts]]
        id = "hello"
        version = 2
        channel = "email"
        status = "primary"
        [[scripts]]
        id = "hello"
        channel = "email"
        "#,
    )
    .rules_for(None);
    let [first, second] = &rules.experiments[..] else { panic!("two experiments") };
    assert_eq!((first.id.as_str(), first.salt.as_str(), second.salt.as_str(), second.version), ("first", "s", "second", 0));
    assert_eq!(second.variants[0].id, "a");
    assert_eq!(second.thresholds, [900_719_925_474_099, 1 << 53]);
    assert_eq!(first.thresholds, [0, 1 << 53]);
    assert_eq!(rules.scripts.iter().map(|script| script.version).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn the_rules_version_depends_on_what_affects_rows_and_on_nothing_else() {
    let default = version("");
    assert_eq!(default, "3908bbaee8e1b74d", "a change here makes every file ever taken new: say so in the changelog");
    let trials = "experiments = [{ id = 'x', salt = 'a', variants = [{ id = 'p', weight = 1 }, { id = 'q', weight = 2 }] }]\n";
    for same in [
        DEFAULT_FILE,
        "[watch]\nsettle_ms = 1\n[log]\nkeep = 3\n[engine]\nworkers = 3\n[folders]\nlogs = '/l'",
        "[quality]\nscore_min = 1",
        "[packet]\noffer_ratio = 0.7\n[limits]\nfile_bytes = 68_719_476_736",
        "[columns]\nrequired = ['value', 'email', 'name']",
        "[source.other.columns]\nemail = 'minimal'",
        "[source.other.reading]\nheader = 'none'",
        "[reading]\nencoding = 'AUTO'\ndelimiter = 'auto'\nheader = 'Auto'",
        "mode = 'dry-run'",
        "[outcomes]\nwon = []\ndates = 'auto'",
        "[columns]\naliases = { outcome = [] }",
    ] {
        assert_eq!(version(same), default, "{same}");
    }
    let mut seen = vec![default];
    for different in [
        "[columns]\nrequired = ['email', 'name']",
        "[columns]\nrequired = ['email', 'name', 'value', 'phone']",
        "[columns]\naliases = { name = ['Wer'] }",
        "[columns]\naliases = { phone = ['Wer'] }",
        "[columns]\naliases = { outcome = ['Wer'] }",
        "[columns]\naliases = { revenue = ['Wer'] }",
        "[outcomes]\nwon = ['fertig']",
        "[outcomes]\nlost = ['fertig']",
        "[outcomes]\ndates = 'month_first'",
        "[columns]\ndefaults = { source = 'x' }",
        "[columns]\nrules.location.one_of = ['a']",
        "[columns]\nrules.location.matches = 'a'",
        "[columns]\nrules.value.min = 5",
        "[columns]\nrules.value.max = 5",
        "[columns]\nrules.value.max_length = 5",
        "[columns]\nemail = 'minimal'",
        "[columns]\nphone_country = 1",
        "[columns]\ndecimal = 'comma'",
        "[columns]\nranges = 'mid'",
        "[reading]\nencoding = 'windows-1252'",
        "[reading]\ndelimiter = ';'",
        "[reading]\nquote = 'none'",
        "[reading]\nescape = '\\'",
        "[reading]\ncomment = '#'",
        "[reading]\nheader = 'none'",
        "[reading]\nheader = 2",
        "[reading]\nsheet = 'Leads'",
        "[reading]\nrepair_mojibake = true",
        "[limits]\nexpansion_ratio = 10",
        "[limits]\nfield_bytes = 5",
        "[packet]\nrequired = ['email']",
        "[packet]\noffer_ratio = 0.71",
        "[packet]\narv = 'ARV'",
        "[packet]\nrepairs = 'ARV'",
        "[packet]\nfee = 1",
        "[packet]\nterms = 'cash'",
        "[packet]\nbands = [1]",
        "[model]\nprior = 0.1",
        "[model]\nhorizon_days = 91",
        "[clone]\nmin_outcomes = 31",
        "[score]\ntiers = [76, 50, 25]",
        "[score]\nweights = { outcome = 39, value = 26 }",
        "[score]\nexplore = 0",
        "scripts = [{ id = 'a', channel = 'b' }]",
        "scripts = [{ id = 'a', channel = 'b', status = 'testing' }]",
        trials,
        &trials.replace("'a'", "'b'"),
        &trials.replace("2 }]", "3 }]"),
        &trials.replace("2 }]", "2 }], filter = { column = 'location', one_of = ['a'] }"),
    ] {
        let version = version(different);
        assert!(!seen.contains(&version) && version.len() == 16, "{different}");
        seen.push(version);
    }
}

#[test]
fn the_order_of_a_file_says_nothing() {
    let a = "[columns]\nemail = 'minimal'\naliases = { name = ['a'], phone = ['b'] }\n[score]\nexplore = 0.1\n[[scripts]]\nid = 'p'\nchannel = 'x'\n[[scripts]]\nid = 'q'\nchannel = 'x'";
    let b = "[[scripts]]\nchannel = 'x'\nid = 'q'\n[[scripts]]\nchannel = 'x'\nid = 'p'\n[score]\nexplore = 0.10\n[columns]\naliases.phone = ['b']\naliases.name = ['a']\nemail = 'minimal'";
    assert_eq!(version(a), version(b));
    assert_eq!(version("[reading]\nencoding = 'latin1'"), version("[reading]\nencoding = 'Windows-1252'"), "two labels of one encoding");
    let source = "[source.zillow.columns]\nemail = 'minimal'";
    assert_eq!(good(source).rules_for(Some("zillow")).version, version("[columns]\nemail = 'minimal'"), "the same rules by another way");
}

#[test]
fn the_default_file_is_the_defaults() {
    let nothing = Config::defaults(Path::new("/srv/v"));
    let file = good(DEFAULT_FILE);
    assert_eq!(essence(&file), essence(&nothing));
    let mut rules = (*nothing.rules_for(None)).clone();
    rules.version = Rules::default().version;
    assert_eq!(format!("{rules:?}"), format!("{:?}", Rules::default()), "the engine's defaults are the documented ones");
    let unset: Vec<&str> = file.settings().iter().filter(|s| s.origin == Origin::Default).map(|s| s.key.as_str()).collect();
    let optional = [
        "root",
        "group",
        "workers",
        "channel",
        "sheet",
        "aliases",
        "defaults",
        "rules",
        "phone_country",
        "arv",
        "repairs",
        "prior",
        "baseline",
        "date",
    ];
    assert_eq!(unset, optional, "every setting with a default stands in the file");
    assert!(optional.iter().all(|key| DEFAULT_FILE.contains(&format!("\n# {key} = "))), "and every other is shown in a comment");
}

#[test]
fn the_examples_in_the_default_file_are_valid() {
    let uncommented = DEFAULT_FILE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => rest,
            _ => line,
        })
        .chain(["", "[[scripts]]", "id = 'warm-hello'", "channel = 'email'"])
        .collect::<Vec<_>>()
        .join("\n");
    let config = good(&uncommented);
    let rules = config.rules_for(None);
    assert_eq!((rules.experiments.len(), rules.scripts.len(), rules.columns.constraints.len()), (1, 2, 5));
    assert!(!config.rules_for(Some("zillow")).columns.required.contains(Field::Value));
}

#[test]
fn what_is_shown_reads_back() {
    let file = r#"
        mode = "dry-run"
        [folders]
        inbox = "/drop \"here\""
        [columns]
        aliases = { name = ["Wer \\ was"] }
        rules."Lot Size" = { matches = '[A-Z]{2}\d+', min = 1.50 }
        [reading]
        delimiter = "tab"
        quote = '"'
        escape = '\'
        comment = "none"
        header = 3
        sheet = "Leads \"2026\""
        [source.old.reading]
        encoding = "windows-1252"
        quote = "'"
        header = "none"
        repair_mojibake = true
        [packet]
        terms = "Cash.\nNo # conditions."
        fee = 12.5
        [score]
        weights = { outcome = 39.5, value = 25.5 }
        [source."Größe 1".limits]
        rows = 3
        [source.a.columns]
        required = ["email"]
        [[experiments]]
        id = "x"
        variants = [{ id = "b", weight = 0.9 }, { id = "a", weight = 1, script = "hello" }]
        filter = { column = "location", one_of = ["Toronto", "a\tb"] }
        [[scripts]]
        id = "hello"
        channel = "email"
        "#;
    let config = read(file, &["VALHALLA_WATCH__SETTLE_MS=7"]).expect("valid");
    let shown = config.show();
    assert!(shown.contains("settle_ms = 7  # VALHALLA_WATCH__SETTLE_MS\n"), "{shown}");
    assert!(shown.contains("# group is not set\n") && shown.contains("\nkeep = 10\n"), "{shown}");
    assert_eq!(essence(&good(&shown)), essence(&config), "{shown}");

    let kept = config.row_settings();
    let back = good(&kept);
    for source in [None, Some("old"), Some("größe 1"), Some("a")] {
        assert_eq!(format!("{:?}", back.rules_for(source)), format!("{:?}", config.rules_for(source)), "{kept}");
    }
    assert_eq!((back.row_settings(), back.store.leads), (kept.clone(), config.store.leads));
    assert!(!kept.contains('#') || kept.contains("No # conditions"), "no word about where it was said: {kept}");
    assert!(!kept.contains("settle_ms") && !kept.contains("/srv"), "nothing that differs from one start to the next: {kept}");
}
