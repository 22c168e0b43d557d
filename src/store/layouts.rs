//! The layouts of each source's files: which columns they had, and which field came from where. The last one counts; those
//! before it are kept, because they count again when it is taken out.
//!
//! Only remembers. What counts as a change is decided by `engine::drift`; the names of extra columns, which the table
//! `layouts` holds, are another matter and belong to the leads.

use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use super::{Group, Result, Store};
use crate::engine::drift::{KnownColumn, KnownLayout};

impl Group<'_> {
    /// Remembers the layout of a file that was taken: the source's last one from now on.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn remember_layout(&self, source: &str, layout: &KnownLayout, job_id: Uuid) -> Result<()> {
        let columns: Vec<_> = layout.columns.iter().map(|column| (&column.header, &column.safe_name)).collect();
        let columns = serde_json::to_string(&columns).expect("texts are JSON");
        let fields = serde_json::to_string(&layout.fields).expect("numbers are JSON");
        self.store.run(|connection| {
            connection
                .prepare_cached(
                    "INSERT INTO source_layouts (source, job_id, columns, fields, delimiter, encoding, header_row)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    source,
                    job_id.as_bytes(),
                    columns,
                    fields,
                    layout.delimiter,
                    layout.encoding,
                    layout.header_row.cast_signed()
                ])
        })?;
        Ok(())
    }
}

impl Store {
    /// The layout of the last file that was taken from a source; `None` before the first, and in a store that a newer
    /// program reads before it has brought it forward.
    ///
    /// # Errors
    /// [`StoreError`](super::StoreError).
    pub fn layout_of(&self, source: &str) -> Result<Option<KnownLayout>> {
        let is_there: bool = self.run(|connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM pragma_table_info('source_layouts') WHERE name = 'id')")?
                .query_row([], |row| row.get(0))
        })?;
        if !is_there {
            return Ok(None);
        }
        let found = self.run(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT columns, fields, delimiter, encoding, header_row FROM source_layouts WHERE source = ?1 ORDER BY id DESC LIMIT 1",
            )?;
            let read = |row: &rusqlite::Row<'_>| {
                let (columns, fields): (String, String) = (row.get(0)?, row.get(1)?);
                let layout = KnownLayout {
                    columns: Vec::new(),
                    fields: Default::default(),
                    delimiter: row.get(2)?,
                    encoding: row.get(3)?,
                    header_row: row.get::<_, i64>(4)?.unsigned_abs(),
                };
                Ok((columns, fields, layout))
            };
            statement.query_row([source], read).optional()
        })?;
        Ok(found.and_then(|(columns, fields, layout)| complete(layout, &columns, &fields)))
    }
}

/// The layout with its lists; `None` where they are not ours to read, as if nothing had been remembered.
fn complete(layout: KnownLayout, columns: &str, fields: &str) -> Option<KnownLayout> {
    let columns: Vec<(String, String)> = serde_json::from_str(columns).ok()?;
    let fields: [Vec<usize>; 6] = serde_json::from_str(fields).ok()?;
    let columns: Vec<KnownColumn> = columns.into_iter().map(|(header, safe_name)| KnownColumn { header, safe_name }).collect();
    let is_sound = fields.iter().flatten().all(|at| *at < columns.len());
    is_sound.then_some(KnownLayout { columns, fields, ..layout })
}

#[cfg(test)]
mod tests {
    use super::super::tests::scratch;
    use super::super::{MIGRATIONS, SCHEMA, open_to_read};
    use super::*;

    fn layout(names: &[&str]) -> KnownLayout {
        let columns = names.iter().enumerate();
        KnownLayout {
            columns: columns.map(|(at, name)| KnownColumn { header: (*name).into(), safe_name: format!("column_{}", at + 1) }).collect(),
            fields: [vec![1, 0], vec![2], vec![], vec![], vec![], vec![]],
            delimiter: b';',
            encoding: "windows-1252".into(),
            header_row: 3,
        }
    }

    #[test]
    fn the_last_layout_of_each_source_is_remembered() {
        let (_dir, store) = scratch();
        assert_eq!(store.layout_of("zillow").expect("read"), None);
        let first = layout(&["Last \"Name\"", "First\nName", "E-Mail", ""]);
        let second = layout(&["a", "b", "c"]);
        let group = store.begin().expect("begin");
        group.remember_layout("zillow", &first, Uuid::from_u128(1)).expect("remember");
        group.remember_layout("redfin", &second, Uuid::from_u128(2)).expect("remember");
        assert_eq!(store.layout_of("zillow").expect("read").as_ref(), Some(&first), "within the group already");
        group.commit().expect("commit");
        let group = store.begin().expect("begin");
        group.remember_layout("zillow", &second, Uuid::from_u128(3)).expect("remember");
        drop(group);
        assert_eq!(store.layout_of("zillow").expect("read"), Some(first), "what was taken back is not remembered");
        assert_eq!(store.layout_of("redfin").expect("read"), Some(second));
    }

    #[test]
    fn what_cannot_be_read_is_not_known() {
        let (_dir, store) = scratch();
        for (columns, fields) in [("no JSON", "[[],[],[],[],[],[]]"), ("[]", "[[0],[],[],[],[],[]]"), ("[]", "[[]]"), ("{}", "[]")] {
            let insert = "INSERT INTO source_layouts VALUES (NULL, 'zillow', x'00', ?1, ?2, 44, 'UTF-8', 1)";
            store.run(|c| c.execute(insert, [columns, fields])).expect("insert");
            assert_eq!(store.layout_of("zillow").expect("read"), None, "{columns} {fields}");
        }
    }

    #[test]
    fn an_older_store_comes_forward_with_all_it_holds() {
        let (dir, store) = scratch();
        drop(store);
        let path = dir.path().join("older.db");
        let older = rusqlite::Connection::open(&path).expect("open");
        older.execute_batch(MIGRATIONS[0]).expect("version 1");
        older.execute_batch("INSERT INTO layouts (names) VALUES ('[\"Lot\"]'); PRAGMA user_version = 1").expect("fill");
        drop(older);
        let reader = open_to_read(&path).expect("read as it is");
        assert_eq!(reader.layout_of("zillow").expect("no table, no layout"), None);
        drop(reader);
        for _ in 0..2 {
            let store = Store::open(&path, 8).expect("brought forward, once");
            let read = |sql: &str| store.run(|c| c.query_row(sql, [], |row| row.get::<_, i64>(0))).expect(sql);
            assert_eq!((read("PRAGMA user_version"), read("SELECT count(*) FROM layouts")), (i64::from(SCHEMA), 1));
            let group = store.begin().expect("begin");
            group.remember_layout("zillow", &layout(&["a", "b", "c"]), Uuid::from_u128(1)).expect("remember");
            group.commit().expect("commit");
            assert_eq!(store.layout_of("zillow").expect("read"), Some(layout(&["a", "b", "c"])));
        }
    }
}
