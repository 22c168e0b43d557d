//! The loop of the bad rows: what is written for people to mend comes back cell for cell.

use valhalla_ingest::engine::plan::{self, Head, Plan};
pub use valhalla_ingest::engine::rejects::Origin;
use valhalla_ingest::engine::rejects::header_line;
use valhalla_ingest::engine::rules::Rules;

use super::chunk::{self, Outcome};
use super::cutting::{Cutting, RowKind};

/// All rows of a file are given back as if they were bad, and the file that is written is read again.
pub fn come_back(text: &[u8], plan: &Plan, rules: &Rules) {
    let mut refusing = rules.clone();
    refusing.limits.columns = 0; // no row is taken, whatever is in it
    refusing.limits.record_bytes = 1 << 20;
    let given_back = chunk::read(text, plan, &refusing, text.len() + 1);
    if given_back.rejects.is_empty() || plan.reimport {
        return;
    }
    let file = written(plan, &given_back);
    let mut lenient = rules.clone();
    lenient.columns.required = [].into_iter().collect(); // what is required is no question of reading
    lenient.limits.columns = 2000;
    lenient.limits.record_bytes = 1 << 20;
    let told = || String::from_utf8_lossy(&file).into_owned();
    let again = plan::decide(Head::whole(&file), &lenient, "csv", None).unwrap_or_else(|error| panic!("{error}: {}", told()));
    assert!(again.reimport, "not seen as a rejects file: {:?} of {}", again.layout, told());
    assert_eq!(again.header, plan.header, "{}", told());
    let text_again = chunk::text_of(&file, &again);
    let read = chunk::read(&text_again, &again, &refusing, text_again.len() + 1);
    let cells = |outcome: &Outcome| outcome.rejects.iter().map(|(row, hash, _)| (*row, *hash)).collect::<Vec<_>>();
    // A cell that was no text is written with a sign in place of what cannot be written.
    let unwritable = unwritable_rows(text, plan);
    let comparable = |cells: Vec<(u64, u64)>| cells.into_iter().filter(|(row, _)| !unwritable.contains(row)).collect::<Vec<_>>();
    assert_eq!(
        comparable(cells(&read)),
        comparable(cells(&given_back)),
        "{} read as {}",
        told(),
        String::from_utf8_lossy(&written(&again, &read))
    );
}

/// The rejects file as it is written for people.
fn written(plan: &Plan, outcome: &Outcome) -> Vec<u8> {
    let mut file = header_line(&plan.header, plan.layout.dialect().delimiter);
    outcome.rejects.iter().for_each(|(_, _, line)| file.extend_from_slice(line));
    file
}

/// Rows with a cell that is no text.
fn unwritable_rows(text: &[u8], plan: &Plan) -> Vec<u64> {
    let cutting = Cutting { table: &plan.layout.table, limit: 1 << 20, chunk_bytes: text.len() + 1 };
    let rows = cutting.rows(text, plan.layout.data_start);
    let data = rows.iter().filter(|row| row.is_data()).zip(1..);
    let is_unwritable =
        |row: &super::cutting::Row| row.kind == RowKind::Oversize || row.cells.iter().any(|cell| std::str::from_utf8(cell).is_err());
    data.filter(|(row, _)| is_unwritable(row)).map(|(_, number)| number).collect()
}
