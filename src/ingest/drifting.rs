//! A source whose files change: what is known of its last one, what is told when the next differs, what is remembered.
//!
//! Only for sources that are folders of the inbox. People drop all kinds of lists into the inbox itself, and there a
//! difference says nothing.

use super::Job;
use super::ledger::Raised;
use crate::engine::drift::{Drift, KnownLayout};
use crate::engine::plan::Plan;
use crate::journal::AlertCode;
use crate::journal::report::Systematic;
use crate::store::{Group, Result, Store};

/// The layout of the last file of the job's source. An archived file that is taken in again is not held against it.
///
/// # Errors
/// [`StoreError`](crate::store::StoreError).
pub(super) fn known(store: &Store, job: &Job) -> Result<Option<KnownLayout>> {
    job.source.as_deref().filter(|_| job.replays.is_none()).map_or(Ok(None), |source| store.layout_of(source))
}

/// Remembers how a file is laid out that was taken for good.
///
/// # Errors
/// [`StoreError`](crate::store::StoreError).
pub(super) fn remember(group: &Group<'_>, job: &Job, plan: &Plan) -> Result<()> {
    match (job.source.as_deref(), KnownLayout::of(plan)) {
        (Some(source), Some(layout)) if !job.dry_run && job.replays.is_none() => group.remember_layout(source, &layout, job.job_id),
        _ => Ok(()),
    }
}

/// Each difference as the report tells it.
pub(super) fn told(drifts: &[Drift]) -> Vec<Systematic> {
    let column = |drift: &Drift| match drift {
        Drift::Moved { now, before, .. } => now.first().or(before.first()).cloned(),
        Drift::Gone(names) | Drift::New(names) => Some(names).filter(|names| names.len() == 1).map(|names| names[0].clone()),
        Drift::Headless { .. } | Drift::Delimiter { .. } | Drift::Encoding { .. } => None,
    };
    let told = drifts.iter().map(|drift| Systematic {
        column: column(drift),
        code: AlertCode::LayoutDrift.as_str().to_owned(),
        share: 1.0,
        rows: Vec::new(),
        advice: format!("Other than in the last file of this source, {drift}: look whether the columns are read as they are meant"),
    });
    told.collect()
}

/// The alert that the differences are worth together; none where only the writing differs, which changes nothing.
pub(super) fn raised(drifts: &[Drift]) -> Option<Raised> {
    drifts.iter().any(Drift::concerns_columns).then(|| {
        let clauses: Vec<String> = drifts.iter().map(ToString::to_string).collect();
        Raised::new(AlertCode::LayoutDrift, format!("other than in the last file of this source, {}", clauses.join("; ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::lead::Field;
    use crate::journal::Severity;

    #[test]
    fn columns_are_worth_an_alert_and_delimiters_are_not() {
        let moved = Drift::Moved { field: Field::Phone, before: vec!["Phone".into()], now: vec!["Mobile".into()] };
        let delimiter = Drift::Delimiter { before: b',', now: b';' };
        assert!(raised(&[]).is_none() && raised(std::slice::from_ref(&delimiter)).is_none());
        let alert = raised(&[moved.clone(), delimiter.clone()]).expect("a field moved");
        assert_eq!((alert.code, alert.severity), (AlertCode::LayoutDrift, Severity::Warning));
        assert_eq!(
            alert.detail,
            "other than in the last file of this source, 'phone' is now read from 'Mobile', before from 'Phone'; cells are now separated by ';', before by ','"
        );
        let told = told(&[moved, Drift::Gone(vec!["Fax".into()]), Drift::New(vec!["a".into(), "b".into()]), delimiter]);
        let columns: Vec<Option<&str>> = told.iter().map(|entry| entry.column.as_deref()).collect();
        assert_eq!(columns, [Some("Mobile"), Some("Fax"), None, None]);
        assert!(told.iter().all(|entry| entry.code == "layout_drift" && entry.share.total_cmp(&1.0).is_eq()));
    }
}
