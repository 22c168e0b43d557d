//! Headers and cells to fields: whatever the names are, the mapping holds together.

use std::collections::HashSet;

use valhalla_ingest::engine::headers::{self, ColumnProfile, FieldFrom, Mapping};
use valhalla_ingest::engine::lead::Field;
use valhalla_ingest::engine::record::Cells;
use valhalla_ingest::engine::rules::{ColumnRules, Rules};

use super::{pick, settings};

/// Settings: whether there is a header, whether there are rows, which column is configured as which field.
///
/// Cells are separated by `|`, lines by line feeds.
pub fn headers(data: &[u8]) {
    let ([mode, column, field], text) = settings(data);
    let mut lines = text.split(|byte| *byte == b'\n');
    let cells = |line: &[u8]| line.split(|byte| *byte == b'|').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let header: Vec<String> =
        cells(lines.next().unwrap_or_default()).iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
    let records: Vec<Cells> = lines.map(|line| cells(line).into_iter().collect()).collect();
    let has_profiles = mode % 2 == 0;
    let profiles = if has_profiles { ColumnProfile::of(&records, header.len()) } else { Vec::new() };
    let rules = Rules::default().columns;
    let map = if mode % 4 < 2 { headers::map_columns } else { headers::map_by_content };
    let mapping = map(&header, &profiles, &rules);
    assert_eq!(mapping, map(&header, &profiles, &rules));
    holds_together(&mapping, &header);
    keeps_to_itself(&mapping, &header, &profiles);
    a_configured_alias_wins(&header, &profiles, rules, usize::from(column), pick(&Field::ALL, field), map);
}

type Map = fn(&[String], &[ColumnProfile], &ColumnRules) -> Mapping;

/// Each column is used once, is there, and has a name of its own.
pub fn holds_together(mapping: &Mapping, header: &[String]) {
    assert_eq!(mapping.columns.len(), header.len());
    let mut used = HashSet::new();
    for field in Field::ALL {
        let columns = match mapping.from(field) {
            FieldFrom::Nowhere => &[][..],
            FieldFrom::Column(at) => std::slice::from_ref(at),
            FieldFrom::Joined(parts, _) => parts,
        };
        assert!(!matches!(mapping.from(field), FieldFrom::Joined(parts, _) if parts.is_empty()), "{field} is joined from nothing");
        for at in columns {
            assert!(*at < header.len(), "{field} is read from column {at} of {}", header.len());
            assert!(used.insert(*at), "column {at} is used twice: {mapping:?}");
            assert_eq!(mapping.columns[*at].maps_to, Some(field));
        }
    }
    let extra: Vec<usize> = (0..header.len()).filter(|at| !used.contains(at)).collect();
    assert_eq!(mapping.extra, extra);
    assert!(extra.iter().all(|at| mapping.columns[*at].maps_to.is_none()), "{mapping:?}");
    assert_eq!(mapping.extra_names.len(), extra.len() + usize::from(mapping.other_emails.is_some()));
    assert!(mapping.other_emails.is_none_or(|at| at == extra.len()));
    let names: HashSet<&str> = mapping.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names.len(), header.len(), "names are not distinct: {mapping:?}");
    assert_eq!(mapping.extra_names.iter().collect::<HashSet<_>>().len(), mapping.extra_names.len(), "{mapping:?}");
}

/// What is told for logs and journals holds no address, also where the header is a row of data.
fn keeps_to_itself(mapping: &Mapping, header: &[String], profiles: &[ColumnProfile]) {
    let said = headers::describe_missing(&Field::ALL, mapping, profiles);
    let safe = mapping.columns.iter().map(|column| &column.safe_name).chain([&said.what, &said.near]);
    let why = mapping.columns.iter().map(|column| &column.why);
    let warnings = mapping.warnings.iter().flat_map(|warning| warning.columns.iter().chain([&warning.sentence]));
    for told in safe.chain(why).chain(warnings) {
        assert!(!told.contains('@'), "{told:?} is told of {header:?}");
        assert!(!told.chars().any(char::is_control), "{told:?} is told of {header:?}");
    }
    assert!(mapping.warnings.len() <= 20);
    let _ = (headers::names_a_lead(header), headers::looks_like_data(header));
}

/// A field is read from the column that the configuration names, whatever else there is.
fn a_configured_alias_wins(header: &[String], profiles: &[ColumnProfile], mut rules: ColumnRules, column: usize, field: Field, map: Map) {
    let at = column % header.len();
    let normal = headers::normalise(&header[at]);
    let is_only = header.iter().filter(|name| headers::normalise(name) == normal).count() == 1;
    if normal.is_empty() || !is_only {
        return;
    }
    rules.aliases.insert(field, vec![header[at].clone()]);
    let mapping = map(header, profiles, &rules);
    holds_together(&mapping, header);
    assert_eq!(*mapping.from(field), FieldFrom::Column(at), "{field} is configured to be {:?}: {mapping:?}", header[at]);
}
