//! The odd little files of the `csv` crate: another encoding, another delimiter, no header, everything at once.

use crate::as_read::{as_read, data_folder, records, same_record};

/// A file, its header, how many records it has, and some of them by their number from 1.
struct Odd {
    file: &'static str,
    header: &'static str,
    count: usize,
    some: &'static [(usize, &'static str)],
}

const PLACES: &str = "City|State|Population|Latitude|Longitude";

const ODD: &[Odd] = &[
    Odd {
        file: "uspop-latin1.csv",
        header: PLACES,
        count: 100,
        some: &[(1, "Davidsons Landing|AK||65.2419444|-165.2716667"), (3, "Õakman|AL||33.7133333|-87.3886111")],
    },
    Odd { file: "uspop-null.csv", header: PLACES, count: 100, some: &[(42, "Flint Springs|KY|NULL|37.3433333|-86.7136111")] },
    Odd {
        file: "smallpop-colon.csv",
        header: "city|region|country|population",
        count: 10,
        some: &[(1, "Southborough|MA|United States|9686"), (10, "Concord|NH|United States|42605")],
    },
    Odd {
        file: "smallpop-no-headers.csv",
        header: "column_1|column_2|column_3|column_4",
        count: 10,
        some: &[(1, "Southborough|MA|United States|9686"), (10, "Concord|NH|United States|42605")],
    },
    // Semicolons, quotes behind backslashes, a comment, a record without its year, and no header.
    Odd {
        file: "strange.csv",
        header: "column_1|column_2",
        count: 6,
        some: &[
            (1, "\"Hacksaw\" Jim Duggan|1987"),
            (2, "Bret \"Hit Man\" Hart|1984"),
            (3, "Rafael Halperin"),
            (4, "\"Big Cat\" Ernie Ladd|1964"),
            (5, "\"Macho Man\" Randy Savage|1985"),
            (6, "Jake \"The Snake\" Roberts|1986"),
        ],
    },
];

#[test]
fn the_odd_files_of_the_csv_crate() {
    let Some(folder) = data_folder() else { return };
    let mut failures = Vec::new();
    for odd in ODD {
        match as_read("", &folder.join("rust-csv").join(odd.file)) {
            Err(refused) => failures.push(format!("{}: {refused}", odd.file)),
            Ok(read) => failures.extend(odd.failures(&read.header, &read.records)),
        }
    }
    crate::as_read::assert_none(&failures);
}

impl Odd {
    fn failures(&self, header: &[String], found: &[Vec<String>]) -> Vec<String> {
        let mut failures = Vec::new();
        if header.join("|") != self.header {
            failures.push(format!("{}: expected the header {}, read {}", self.file, self.header, header.join("|")));
        }
        if found.len() != self.count {
            failures.push(format!("{}: expected {} records, read {}", self.file, self.count, found.len()));
        }
        for (number, expected) in self.some {
            let expected = &records(&[expected])[0];
            let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
            match found.get(number - 1) {
                Some(record) if same_record(record, &expected) => {}
                record => failures.push(format!("{}, record {number}: expected {expected:?}, read {record:?}", self.file)),
            }
        }
        failures
    }
}
