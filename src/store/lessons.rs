//! Lessons and what they taught: which wait to be worked out, the state after each, and the snapshots that somebody names.

use std::sync::Arc;

use rusqlite::{OptionalExtension, params};
use serde::de::DeserializeOwned;

use super::{Group, Result, Store, StoreError};
use crate::engine::features::Model;
use crate::engine::learned::Learned;
use crate::learning::lesson::State;

/// One lesson: the outcomes that a job brought or joined, or what people decided after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lesson {
    /// The job: its place in the order of commits.
    pub job: i64,
    /// 0 for its outcomes; from 1 what was decided after it.
    pub turn: i64,
    /// When that job began, milliseconds since 1970.
    pub at_ms: i64,
    /// Of a decision: the model that was pinned, empty for none.
    pub pin: Option<String>,
    /// The snapshot it led to; none while it waits.
    pub version: Option<u64>,
}

impl Store {
    /// Every lesson in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn lessons(&self) -> Result<Vec<Lesson>> {
        self.some_lessons("1 ORDER BY l.job, l.turn")
    }

    /// The last lesson before the first that waits; none before the first at all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn last_lesson(&self) -> Result<Option<Lesson>> {
        let waiting = self.next_lesson()?;
        let before = waiting.map_or((i64::MAX, i64::MAX), |lesson| (lesson.job, lesson.turn));
        let (job, turn) = before;
        Ok(self.some_lessons(&format!("(l.job, l.turn) < ({job}, {turn}) ORDER BY l.job DESC, l.turn DESC LIMIT 1"))?.pop())
    }

    /// The first lesson that waits to be worked out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn next_lesson(&self) -> Result<Option<Lesson>> {
        Ok(self.some_lessons("l.version IS NULL ORDER BY l.job, l.turn LIMIT 1")?.pop())
    }

    /// Whether what a job brought is still to be learned from.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn is_to_be_learned(&self, job: i64) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM lessons WHERE job = ?1 AND version IS NULL)";
        self.run(|c| c.prepare_cached(sql)?.query_row([job], |row| row.get(0)))
    }

    fn some_lessons(&self, condition: &str) -> Result<Vec<Lesson>> {
        let sql = format!(
            "SELECT l.job, l.turn, (SELECT started_at_ms FROM jobs j WHERE j.seq = l.job), l.pin, l.version FROM lessons l WHERE {condition}"
        );
        self.run(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([], |row| {
                Ok(Lesson {
                    job: row.get(0)?,
                    turn: row.get(1)?,
                    at_ms: row.get::<_, Option<i64>>(2)?.unwrap_or_default(),
                    pin: row.get(3)?,
                    version: row.get::<_, Option<i64>>(4)?.map(i64::unsigned_abs),
                })
            })?;
            rows.collect()
        })
    }

    /// The state that a lesson left.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn lesson_state<S: DeserializeOwned>(&self, lesson: &Lesson) -> Result<Option<S>> {
        let text: Option<Option<String>> = self.run(|connection| {
            let mut statement = connection.prepare_cached("SELECT state FROM lessons WHERE job = ?1 AND turn = ?2")?;
            statement.query_row(params![lesson.job, lesson.turn], |row| row.get(0)).optional()
        })?;
        text.flatten().map(|text| self.read_back(&text)).transpose()
    }

    /// The state that the last lesson left; none before the first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn learning_state(&self) -> Result<Option<State>> {
        self.last_lesson()?.map_or(Ok(None), |lesson| self.lesson_state(&lesson))
    }

    /// A snapshot with its model; none when nothing names it any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn learned(&self, version: u64) -> Result<Option<Learned>> {
        if version == 0 {
            return Ok(Some(Learned::none()));
        }
        let found: Option<(String, Option<String>)> = self.run(|connection| {
            let mut statement = connection.prepare_cached("SELECT content, model FROM learned WHERE version = ?1")?;
            statement.query_row([version.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })?;
        let Some((content, model)) = found else { return Ok(None) };
        let model = model.map(|id| self.model(&id)).transpose()?.flatten();
        Ok(Some(Learned { version, model: model.map(Arc::new), ..self.read_back(&content)? }))
    }

    /// Whether a lesson led to this model.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn was_active(&self, model: &str) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM lessons JOIN learned USING (version) WHERE learned.model = ?1)";
        self.run(|c| c.prepare_cached(sql)?.query_row([model], |row| row.get(0)))
    }

    /// A model by its id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn model(&self, id: &str) -> Result<Option<Model>> {
        let text: Option<String> = self.run(|connection| {
            connection.prepare_cached("SELECT content FROM models WHERE id = ?1")?.query_row([id], |row| row.get(0)).optional()
        })?;
        text.map(|text| self.read_back(&text)).transpose()
    }

    /// Reads what we have written ourselves.
    fn read_back<T: DeserializeOwned>(&self, text: &str) -> Result<T> {
        serde_json::from_str(text).map_err(|error| StoreError::Damaged {
            path: self.path.display().to_string(),
            what: format!("something learned cannot be read: {error}"),
        })
    }
}

impl Group<'_> {
    /// Notes that a job brought or joined outcomes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn add_lesson(&self, job: i64) -> Result<()> {
        self.store.run(|c| c.prepare_cached("INSERT OR IGNORE INTO lessons (job, turn) VALUES (?1, 0)")?.execute([job])).map(drop)
    }

    /// Notes that people pinned a model, or none, after the last lesson; false before the first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn add_decision(&self, pin: &str) -> Result<bool> {
        let sql = "INSERT INTO lessons (job, turn, pin) SELECT job, turn + 1, ?1 FROM lessons ORDER BY job DESC, turn DESC LIMIT 1";
        self.store.run(|connection| connection.execute(sql, [pin])).map(|rows| rows > 0)
    }

    /// Writes down what a lesson led to. `state` is JSON; `shadow` is kept until the next lesson has another.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finish_lesson(&self, lesson: &Lesson, state: &str, learned: &Learned, shadow: Option<&Model>) -> Result<()> {
        self.store.run(|connection| {
            for model in learned.model.as_deref().into_iter().chain(shadow) {
                let content = serde_json::to_string(model).expect("a model is JSON: its numbers are finite");
                connection
                    .prepare_cached("INSERT OR IGNORE INTO models (id, content) VALUES (?1, ?2)")?
                    .execute(params![model.id, content])?;
            }
            if learned.version != 0 {
                let content = serde_json::to_string(learned).expect("a snapshot is JSON: its numbers are finite");
                connection
                    .prepare_cached("INSERT OR IGNORE INTO learned (version, content, model) VALUES (?1, ?2, ?3)")?
                    .execute(params![learned.version.cast_signed(), content, learned.model.as_ref().map(|model| &model.id)])?;
            }
            connection.prepare_cached("UPDATE lessons SET version = ?3, state = ?4 WHERE job = ?1 AND turn = ?2")?.execute(params![
                lesson.job,
                lesson.turn,
                learned.version.cast_signed(),
                state
            ])
        })?;
        self.prune_learned(shadow.map(|shadow| shadow.id.as_str()))
    }

    /// Takes a job's lesson out; what later ones taught is to be worked out anew.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn forget_lessons_from(&self, job: i64) -> Result<()> {
        self.store.run(|connection| {
            connection.execute("DELETE FROM lessons WHERE job = ?1 AND turn = 0", [job])?;
            connection.execute("UPDATE lessons SET version = NULL, state = NULL WHERE job >= ?1", [job])
        })?;
        self.prune_learned(None)
    }

    /// What was taught from a job on is to be worked out anew.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn learn_anew_from(&self, job: i64) -> Result<()> {
        self.store.run(|c| c.execute("UPDATE lessons SET version = NULL, state = NULL WHERE job >= ?1", [job]))?;
        self.prune_learned(None)
    }

    /// Forgets snapshots that nobody names, and models that no snapshot has and that are not the `shadow` now.
    fn prune_learned(&self, shadow: Option<&str>) -> Result<()> {
        self.store.run(|connection| {
            connection
                .prepare_cached(
                    "DELETE FROM learned WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.learned <> 0 AND jobs.learned = learned.version)
                     AND version NOT IN (SELECT version FROM lessons WHERE version IS NOT NULL) AND version NOT IN (SELECT learned FROM stagings)",
                )?
                .execute([])?;
            connection
                .prepare_cached("DELETE FROM models WHERE id NOT IN (SELECT model FROM learned WHERE model IS NOT NULL) AND id IS NOT ?1")?
                .execute([shadow])
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::features::Recipe;
    use crate::store::tests::scratch;

    fn model(id: &str) -> Model {
        Model { id: id.into(), recipe: Recipe::AllHistory, columns: vec![], intercept: -1.5, terms: vec![], leads: 9, conversions: 3 }
    }

    fn learned(version: u64, model: Option<Model>) -> Learned {
        Learned { version, resolved: version, model: model.map(Arc::new), ..Learned::none() }
    }

    /// Lessons by job, turn and the version that they led to.
    fn told(store: &Store) -> Vec<(i64, i64, Option<u64>)> {
        store.lessons().expect("lessons").into_iter().map(|lesson| (lesson.job, lesson.turn, lesson.version)).collect()
    }

    fn work_off(store: &Store, results: &[(Learned, Option<Model>)]) {
        for (learned, shadow) in results {
            let lesson = store.next_lesson().expect("asked").expect("one waits");
            let group = store.begin().expect("begin");
            group.finish_lesson(&lesson, &format!("{}", learned.version), learned, shadow.as_ref()).expect("finish");
            group.commit().expect("commit");
        }
    }

    #[test]
    fn lessons_are_worked_off_in_order_and_forgotten_from_a_job_on() {
        let (_dir, store) = scratch();
        let group = store.begin().expect("begin");
        for job in [4, 2, 9] {
            group.add_lesson(job).expect("add");
        }
        assert!(group.add_decision("abc").expect("decide"));
        group.commit().expect("commit");
        assert_eq!(store.last_lesson().expect("asked"), None);
        work_off(&store, &[(learned(20, None), None), (learned(40, Some(model("m4"))), Some(model("s4")))]);
        assert_eq!(told(&store), [(2, 0, Some(20)), (4, 0, Some(40)), (9, 0, None), (9, 1, None)]);
        let last = store.last_lesson().expect("asked").expect("one");
        assert_eq!((last.job, store.lesson_state::<u64>(&last).expect("state")), (4, Some(40)));
        assert_eq!(store.learned(40).expect("read"), Some(learned(40, Some(model("m4")))));
        assert!(store.model("s4").expect("read").is_some());

        work_off(&store, &[(learned(90, Some(model("m9"))), None), (learned(91, Some(model("m4"))), None)]);
        assert!(store.model("s4").expect("read").is_none(), "no shadow any more");
        let group = store.begin().expect("begin");
        group.forget_lessons_from(4).expect("forget");
        group.commit().expect("commit");
        assert_eq!(told(&store), [(2, 0, Some(20)), (9, 0, None), (9, 1, None)]);
        assert_eq!([20, 40, 90].map(|version| store.learned(version).expect("read").is_some()), [true, false, false]);
        assert!(store.model("m4").expect("read").is_none());
    }

    #[test]
    fn nothing_can_be_decided_before_the_first_lesson() {
        let (_dir, store) = scratch();
        let group = store.begin().expect("begin");
        assert!(!group.add_decision("").expect("asked"));
    }
}
