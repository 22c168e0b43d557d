//! A rejects file on its way back: which job it came from, and what its return resolves.

use csv::ByteRecord;
use uuid::Uuid;

use crate::engine::chunk::Parents;
use crate::engine::plan::{self, Head};
use crate::engine::records::Records;
use crate::engine::rules::Rules;
use crate::journal::report::Rows;
use crate::render::receipt;
use crate::store::jobs::Earlier;
use crate::store::{Result, Store};

/// What is known about a returning rejects file; empty for any other.
#[derive(Debug, Default)]
pub(super) struct Returned {
    /// The job that its first row names.
    pub parent: Option<Earlier>,
    /// The jobs whose rows it may hold.
    pub parents: Parents,
    open_before: u64,
    /// Digests of every set of rows that was given back in this loop.
    given: Vec<u64>,
}

impl Returned {
    /// Finds the job that the first linked row names.
    ///
    /// Looks at the layout only: which columns are required and how they are named is for the parent's source to say.
    pub fn find(store: &Store, head: Head<'_>, rules: &Rules) -> Result<Self> {
        let Ok((layout, text)) = plan::read_layout(head, rules) else { return Ok(Self::default()) };
        let Some(columns) = plan::returned_columns(&layout.header) else { return Ok(Self::default()) };
        let known = store.jobs_with_rejects()?;
        let mut records = Records::new(&text[layout.data_start..], &layout.table, rules.limits.record_bytes);
        let mut record = ByteRecord::new();
        let mut named = None;
        while named.is_none() && records.next(&mut record).is_some() {
            let cell = record.get(columns + 2).and_then(|cell| std::str::from_utf8(cell).ok());
            named = cell.and_then(|cell| Uuid::parse_str(cell.trim()).ok()).filter(|job| known.contains(job));
        }
        let parent = named.map(|job| store.job(job)).transpose()?.flatten();
        let open_before = match &parent {
            Some(parent) => parent.rejected.saturating_sub(store.resolved(parent.seq)?),
            None => 0,
        };
        let given = match &parent {
            Some(parent) => store.rejects_given(parent.job_id)?,
            None => Vec::new(),
        };
        Ok(Self { parent, parents: Parents::Known(known), open_before, given })
    }

    /// Whether all rows came back exactly as we had given them, in the first round or a later one.
    pub fn is_unchanged(&self, rows: Rows, rejects_digest: u64) -> bool {
        rows.total > 0 && rows.rejected == rows.total && self.given.contains(&rejects_digest)
    }

    /// What the receipt says about the loop.
    pub fn told(&self, store: &Store, unchanged: bool) -> Result<Option<receipt::Returned>> {
        let Some(parent) = &self.parent else { return Ok(None) };
        let open = parent.rejected.saturating_sub(store.resolved(parent.seq)?);
        Ok(Some(receipt::Returned {
            parent_file: parent.file.clone(),
            parent_job: parent.job_id.to_string(),
            resolved_now: self.open_before.saturating_sub(open),
            resolved_total: parent.rejected - open,
            open,
            unchanged,
        }))
    }
}
