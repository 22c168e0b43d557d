//! Which folder we work in, and which file configures it: looked for in a fixed order, and the reason is told.
//!
//! Never an error: a file that cannot be read is named here and complained about when it is loaded.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::raw::RawConfig;

/// The configuration's name inside a root.
pub const FILE_NAME: &str = "valhalla.toml";

/// The folder that holds everything, unless the configuration says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Absolute.
    pub path: PathBuf,
    /// The configuration file to read; it is named by the user or was seen to exist.
    pub config_file: Option<PathBuf>,
    /// Why this one, e.g. `--root`; every command tells it.
    pub why: String,
}

/// Finds the root: `--root`, else `VALHALLA_ROOT`, else the folder of `--config` (or the root that file names), else the
/// current folder when it has an `inbox/` or a `valhalla.toml`, else `/etc/valhalla/valhalla.toml`, else the platform's
/// data folder.
#[must_use]
pub fn find_root(
    arg_root: Option<&Path>,
    arg_config: Option<&Path>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
    cwd: &Path,
) -> Root {
    let data = directories::ProjectDirs::from("", "", "valhalla").map(|dirs| dirs.data_dir().to_owned());
    let env_root = env.into_iter().find(|(name, value)| name == OsStr::new("VALHALLA_ROOT") && !value.is_empty()).map(|(_, value)| value);
    let machine = Machine { config: "/etc/valhalla/valhalla.toml".into(), root: "/var/lib/valhalla".into(), data };
    machine.find(arg_root, arg_config, env_root.as_deref().map(Path::new), cwd)
}

/// The places of this machine that do not depend on the caller.
struct Machine {
    config: PathBuf,
    root: PathBuf,
    data: Option<PathBuf>,
}

impl Machine {
    fn find(&self, arg_root: Option<&Path>, arg_config: Option<&Path>, env_root: Option<&Path>, cwd: &Path) -> Root {
        let arg_config = arg_config.map(|file| absolute(cwd, file));
        if let Some((path, why)) = arg_root.map(|path| (path, "--root")).or_else(|| env_root.map(|path| (path, "VALHALLA_ROOT"))) {
            let path = absolute(cwd, path);
            return Root { config_file: arg_config.or_else(|| config_of(&path)), path, why: why.into() };
        }
        if let Some(file) = arg_config {
            return rooted_by(file, None, "--config");
        }
        if let Some(file) = config_in(cwd) {
            return rooted_by(file, None, "the current folder has a valhalla.toml");
        }
        if cwd.join("inbox").is_dir() {
            return Root { path: absolute(cwd, Path::new("")), config_file: None, why: "the current folder has an inbox".into() };
        }
        if self.config.is_file() {
            return rooted_by(self.config.clone(), Some(&self.root), &self.config.display().to_string());
        }
        let path = self.data.clone().unwrap_or_else(|| self.root.clone());
        Root { config_file: config_in(&path), path, why: "the default data folder".into() }
    }
}

/// The root that a file names under `[folders]`, else the given one, else the file's own folder.
fn rooted_by(file: PathBuf, otherwise: Option<&Path>, why: &str) -> Root {
    let folder = file.parent().unwrap_or(Path::new("/"));
    match root_named_in(&file) {
        Some(named) => Root {
            path: absolute(folder, Path::new(&named)),
            why: format!("[folders] root in {}", file.display()),
            config_file: Some(file),
        },
        None => Root { path: otherwise.unwrap_or(folder).to_owned(), why: why.into(), config_file: Some(file) },
    }
}

fn root_named_in(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?; // loading it will tell why it cannot be read
    let raw = RawConfig::parse(file, &text).ok()?; // … or what is not TOML in it
    let named = raw.top.table()?.get("folders")?.table()?.get("root")?.text()?;
    (!named.is_empty()).then(|| named.to_owned())
}

fn config_in(folder: &Path) -> Option<PathBuf> {
    let file = folder.join(FILE_NAME);
    file.is_file().then_some(file)
}

/// The file of a root that was named. One that cannot be looked at is not taken for one that is not there: reading it will say
/// what is wrong, where going on without it would take files in under other rules.
fn config_of(root: &Path) -> Option<PathBuf> {
    let file = root.join(FILE_NAME);
    let is_there = match file.metadata() {
        Ok(metadata) => metadata.is_file(),
        Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
    };
    is_there.then_some(file)
}

/// The path as seen from a folder, without `.` parts.
pub(super) fn absolute(from: &Path, path: &Path) -> PathBuf {
    from.join(path).components().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A machine with an empty current folder `here`, a folder `other`, and no configuration of its own.
    struct World {
        dir: tempfile::TempDir,
        machine: Machine,
    }

    impl World {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("temporary folder");
            let at = |name: &str| dir.path().join(name);
            for folder in ["here", "other", "etc", "data"] {
                fs::create_dir(at(folder)).expect("folder");
            }
            let machine = Machine { config: at("etc/valhalla.toml"), root: at("var"), data: Some(at("data")) };
            Self { dir, machine }
        }

        fn write(&self, file: &str, text: &str) {
            fs::write(self.dir.path().join(file), text).expect("write");
        }

        /// Finds the root, told with names relative to the world: `root · file · why`.
        fn find(&self, arg_root: Option<&str>, arg_config: Option<&str>, env_root: Option<&str>) -> String {
            let found = self.machine.find(
                arg_root.map(Path::new),
                arg_config.map(Path::new),
                env_root.map(Path::new),
                &self.dir.path().join("here"),
            );
            let file = found.config_file.map_or("-".into(), |file| file.display().to_string());
            format!("{} · {file} · {}", found.path.display(), found.why).replace(&format!("{}/", self.dir.path().display()), "")
        }
    }

    #[test]
    fn the_order_of_places() {
        let world = World::new();
        assert_eq!(world.find(None, None, None), "data · - · the default data folder");
        world.write("data/valhalla.toml", "");
        assert_eq!(world.find(None, None, None), "data · data/valhalla.toml · the default data folder");
        world.write("etc/valhalla.toml", "");
        assert_eq!(world.find(None, None, None), "var · etc/valhalla.toml · etc/valhalla.toml");
        world.write("etc/valhalla.toml", "[folders]\nroot = \"/srv/leads\"");
        assert_eq!(world.find(None, None, None), "/srv/leads · etc/valhalla.toml · [folders] root in etc/valhalla.toml");
        fs::create_dir(world.dir.path().join("here/inbox")).expect("inbox");
        assert_eq!(world.find(None, None, None), "here · - · the current folder has an inbox");
        world.write("here/valhalla.toml", "");
        assert_eq!(world.find(None, None, None), "here · here/valhalla.toml · the current folder has a valhalla.toml");
        world.write("other/my.toml", "");
        assert_eq!(world.find(None, Some("../other/my.toml"), None), "here/../other · here/../other/my.toml · --config");
        assert_eq!(world.find(None, None, Some("deep")), "here/deep · - · VALHALLA_ROOT");
        assert_eq!(world.find(Some("."), None, Some("deep")), "here · here/valhalla.toml · --root");
        assert_eq!(world.find(Some("/r"), Some("x.toml"), None), "/r · here/x.toml · --root");
        assert_eq!(world.find(None, Some("x.toml"), Some("/r")), "/r · here/x.toml · VALHALLA_ROOT");
    }

    #[test]
    fn a_root_in_a_file_is_seen_from_that_file() {
        let world = World::new();
        world.write("other/my.toml", "[folders]\nroot = \"leads\"");
        let file = world.dir.path().join("other/my.toml");
        let found = world.find(None, file.to_str(), None);
        assert_eq!(found, "other/leads · other/my.toml · [folders] root in other/my.toml");
        world.write("other/my.toml", "not toml");
        assert_eq!(world.find(None, file.to_str(), None), "other · other/my.toml · --config", "loading it tells what is wrong");
    }

    #[test]
    fn without_a_home_there_is_still_a_root() {
        let mut world = World::new();
        world.machine.data = None;
        assert_eq!(world.find(None, None, None), "var · - · the default data folder");
    }

    #[test]
    fn the_environment_names_a_root() {
        let env = |value: &str| [(OsString::from("VALHALLA_ROOT"), OsString::from(value))];
        let dir = tempfile::tempdir().expect("temporary folder");
        assert_eq!(find_root(None, None, env("/r"), dir.path()).path, Path::new("/r"));
        let (unset, empty) = (find_root(None, None, [], dir.path()), find_root(None, None, env(""), dir.path()));
        assert_eq!(unset, empty, "an empty variable is as good as none");
    }
}
