//! What we are built from, checked without a network: licences, banned crates, where each comes from, and that the crates
//! the user fixed are there.
//!
//! Reads `cargo metadata` of the locked versions for every platform. Where only this platform's packages are in the local
//! cache it says so and checks those; `cargo fetch --locked` brings the others.

use std::env;
use std::process::Command;

use serde_json::{Value, json};

/// Licences that ask for no more than to be named.
const ALLOWED: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "BSL-1.0",
    "CC0-1.0",
    "Unlicense",
    "Unicode-3.0",
];

/// Other licences of single crates, and why they will do.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("webpki-root-certs", "CDLA-Permissive-2.0", "the same for other systems; comes with `rustls-platform-verifier`"),
    (
        "webpki-roots",
        "CDLA-Permissive-2.0",
        "a list of certificates: asks for nothing where only its results are passed on; comes with `ureq`",
    ),
    ("option-ext", "MPL-2.0", "binds only its own files, which we do not change; comes with `directories`, which the user fixed"),
];

/// Crates that must not come in, with the versions meant, and why.
const BANNED: &[(&str, &str, &str)] = &[
    ("openssl", "", "needs a system library and its security updates"),
    ("openssl-sys", "", "needs a system library and its security updates"),
    ("native-tls", "", "brings openssl with it"),
    ("time", "0.1.", "unmaintained, reads the environment unsoundly (RUSTSEC-2020-0071)"),
    ("atty", "", "unmaintained; std::io::IsTerminal does it"),
    ("serde_yaml", "", "unmaintained"),
    ("tempdir", "", "unmaintained; `tempfile` took its place"),
    ("failure", "", "unmaintained; `thiserror` took its place"),
];

/// Direct dependencies that the user fixed.
const FIXED: &[&str] = &["notify", "tokio", "csv", "serde", "serde_json", "tracing", "tracing-appender", "directories", "chrono"];

#[test]
fn what_we_are_built_from_is_in_order() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("cargo lists the packages");
    assert!(packages.len() > FIXED.len(), "only {} packages: was the list read?", packages.len());
    let mut told: Vec<String> =
        packages.iter().flat_map(|package| [licence_fault(package), ban(package), strange_origin(package)]).flatten().collect();
    told.extend(missing_fixed(&metadata));
    assert!(told.is_empty(), "\n{}", told.join("\n"));
}

#[test]
fn each_check_finds_what_it_is_for() {
    let package = |name: &str, version: &str, licence: Value, source: Value| json!({"name": name, "version": version, "license": licence, "source": source});
    let registry = || json!("registry+https://example.org/index");

    assert_eq!(licence_fault(&package("a", "1.0.0", json!("MIT OR GPL-3.0-only"), registry())), None);
    assert_eq!(licence_fault(&package("option-ext", "1.0.0", json!("MPL-2.0"), registry())), None);
    for licence in [json!("GPL-3.0-only"), json!("MPL-2.0"), json!("MIT AND GPL-2.0-only"), json!("MIT OR"), Value::Null] {
        assert!(licence_fault(&package("a", "1.0.0", licence.clone(), registry())).is_some(), "{licence}");
    }

    assert!(ban(&package("openssl-sys", "0.9.1", json!("MIT"), registry())).is_some());
    assert!(ban(&package("time", "0.1.45", json!("MIT"), registry())).is_some());
    assert_eq!(ban(&package("time", "0.3.1", json!("MIT"), registry())), None);

    assert!(strange_origin(&package("a", "1.0.0", json!("MIT"), json!("git+https://example.org/a"))).is_some());
    assert!(strange_origin(&package("a", "1.0.0", json!("MIT"), Value::Null)).is_some());
    assert_eq!(strange_origin(&package("a", "1.0.0", json!("MIT"), registry())), None);

    let ours = |dependencies: &[Value]| json!({"packages": [{"name": env!("CARGO_PKG_NAME"), "dependencies": dependencies}]});
    let dependency = |kind: Value| -> Vec<Value> { FIXED.iter().map(|name| json!({"name": name, "kind": kind})).collect() };
    assert_eq!(missing_fixed(&ours(&dependency(Value::Null))), [""; 0]);
    assert_eq!(missing_fixed(&ours(&dependency(Value::Null)[1..])).len(), 1);
    assert_eq!(missing_fixed(&ours(&dependency(json!("dev")))).len(), FIXED.len(), "for tests only is not there");
}

fn licence_fault(package: &Value) -> Option<String> {
    let Some(licence) = package["license"].as_str() else { return Some(format!("{}: names no licence", told(package))) };
    let is_allowed =
        |id: &str| ALLOWED.contains(&id) || EXCEPTIONS.iter().any(|(name, excepted, _)| package["name"] == **name && id == *excepted);
    match holds(licence, &is_allowed) {
        Ok(true) => None,
        Ok(false) => Some(format!("{}: {licence} is not among the licences we allow", told(package))),
        Err(error) => Some(format!("{}: {licence} cannot be read: {error}", told(package))),
    }
}

fn ban(package: &Value) -> Option<String> {
    let (name, version) = (package["name"].as_str()?, package["version"].as_str()?);
    let (.., why) = BANNED.iter().find(|(banned, versions, _)| *banned == name && version.starts_with(versions))?;
    Some(format!("{}: banned: {why}", told(package)))
}

/// Only registries keep a version as it is; a git branch or a folder beside ours does not.
fn strange_origin(package: &Value) -> Option<String> {
    let is_ours = package["name"] == env!("CARGO_PKG_NAME");
    let source = package["source"].as_str().unwrap_or("a folder");
    let is_published = source.starts_with("registry+") || source.starts_with("sparse+");
    (!is_ours && !is_published).then(|| format!("{}: comes from {source}, not from a registry", told(package)))
}

fn missing_fixed(metadata: &Value) -> Vec<String> {
    let ours =
        metadata["packages"].as_array().and_then(|packages| packages.iter().find(|package| package["name"] == env!("CARGO_PKG_NAME")));
    let direct: Vec<&Value> =
        ours.and_then(|ours| ours["dependencies"].as_array()).into_iter().flatten().filter(|d| d["kind"].is_null()).collect();
    let missing = FIXED.iter().filter(|name| !direct.iter().any(|dependency| dependency["name"] == ***name));
    missing.map(|name| format!("{name}: fixed by the user, and no longer a dependency")).collect()
}

fn told(package: &Value) -> String {
    format!("{} {}", package["name"].as_str().unwrap_or("?"), package["version"].as_str().unwrap_or("?"))
}

/// Whether an SPDX expression can be met with the allowed licences: `AND` binds closer than `OR`, an exception
/// (`WITH`) only ever permits more. The old `MIT/Apache-2.0` means `OR`.
fn holds(expression: &str, is_allowed: &impl Fn(&str) -> bool) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let holds = any_of(&mut rest, is_allowed)?;
    if rest.is_empty() { Ok(holds) } else { Err(format!("'{}' is left over", rest.join(" "))) }
}

/// What is left of an expression.
type Words<'w> = &'w [&'w str];

fn any_of(rest: &mut Words<'_>, is_allowed: &impl Fn(&str) -> bool) -> Result<bool, String> {
    let mut holds = all_of(rest, is_allowed)?;
    while let Some(("OR", after)) = first(rest) {
        *rest = after;
        holds |= all_of(rest, is_allowed)?;
    }
    Ok(holds)
}

fn all_of(rest: &mut Words<'_>, is_allowed: &impl Fn(&str) -> bool) -> Result<bool, String> {
    let mut holds = one(rest, is_allowed)?;
    while let Some(("AND", after)) = first(rest) {
        *rest = after;
        holds &= one(rest, is_allowed)?;
    }
    Ok(holds)
}

fn one(rest: &mut Words<'_>, is_allowed: &impl Fn(&str) -> bool) -> Result<bool, String> {
    let Some((word, after)) = first(rest) else { return Err("it ends too soon".to_owned()) };
    *rest = after;
    match word {
        "(" => {
            let holds = any_of(rest, is_allowed)?;
            let Some((")", after)) = first(rest) else { return Err("a parenthesis is not closed".to_owned()) };
            *rest = after;
            Ok(holds)
        }
        ")" | "AND" | "OR" | "WITH" => Err(format!("'{word}' stands where a licence should")),
        id => {
            if let Some(("WITH", after)) = first(rest) {
                *rest = after.get(1..).ok_or("it ends too soon")?;
            }
            Ok(is_allowed(id))
        }
    }
}

fn first<'w>(rest: &Words<'w>) -> Option<(&'w str, Words<'w>)> {
    rest.split_first().map(|(word, after)| (*word, after))
}

#[test]
fn licence_expressions() {
    let is_allowed = |id: &str| ["MIT", "Apache-2.0"].contains(&id);
    for (expression, expected) in [
        ("MIT", Ok(true)),
        ("GPL-3.0-only", Ok(false)),
        ("MIT OR GPL-3.0-only", Ok(true)),
        ("MIT/Apache-2.0", Ok(true)),
        ("MIT AND GPL-3.0-only", Ok(false)),
        ("GPL-3.0-only OR MIT AND Apache-2.0", Ok(true)),
        ("MIT AND (GPL-3.0-only OR Apache-2.0)", Ok(true)),
        ("(MIT OR Apache-2.0) AND GPL-3.0-only", Ok(false)),
        ("Apache-2.0 WITH LLVM-exception OR MIT", Ok(true)),
        ("GPL-3.0-only WITH GCC-exception-3.1", Ok(false)),
        ("MIT OR", Err("it ends too soon")),
        ("(MIT", Err("a parenthesis is not closed")),
        ("MIT Apache-2.0", Err("'Apache-2.0' is left over")),
        ("AND MIT", Err("'AND' stands where a licence should")),
        ("MIT WITH", Err("it ends too soon")),
        ("", Err("it ends too soon")),
    ] {
        assert_eq!(holds(expression, &is_allowed), expected.map_err(str::to_owned), "{expression}");
    }
}

/// All packages of all platforms, or of this one when the others are not in the local cache.
fn metadata() -> Value {
    let told_by_rustc = run("rustc", &["-vV"]).expect("rustc is there, it built this test");
    let host = told_by_rustc.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned();
    let arguments = [
        "metadata",
        "--offline",
        "--locked",
        "--format-version",
        "1",
        "--manifest-path",
        concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
    ];
    let text = run("cargo", &arguments).or_else(|error| {
        println!("note: only the packages of {host} are checked (cargo fetch --locked brings the others): {error}");
        run("cargo", &[&arguments[..], &["--filter-platform", &host]].concat())
    });
    serde_json::from_str(&text.unwrap_or_else(|error| panic!("cargo metadata: {error}"))).expect("cargo writes JSON")
}

fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let named = env::var_os(program.to_uppercase()).unwrap_or_else(|| program.into()); // cargo tells tests where it is
    let output = Command::new(named).args(arguments).output().map_err(|error| error.to_string())?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}
