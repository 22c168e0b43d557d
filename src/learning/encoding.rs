//! Leads as numbers: what a fit sees of each column, and a fitted model laid over many leads at once.
//!
//! A column whose filled cells are plain numbers is standardised, with a flag for where there is none. Any other becomes one
//! feature per level; rare and surplus levels share one. Everything is decided from the rows of the fit alone, so that
//! later rows, which judge the model, had no say in it.

use std::collections::HashMap;
use std::ops::Range;

use super::metrics::count;
use super::regression::{Design, Fit, in_order};
use crate::engine::features::{Effect, Input, Model, Recipe, Term, Traits, number_of};

/// Features of one model at most.
pub const FEATURES_MAX: usize = 500;

/// Rows that a level needs to be a feature of its own.
pub const LEVEL_ROWS_MIN: usize = 30;

/// Levels of one column at most.
pub const LEVELS_MAX: usize = 50;

/// Share of a column's filled cells that must be plain numbers for it to be one of numbers.
const NUMBERS_MIN: f64 = 0.95;

/// A feature that a row does not have.
const NONE: u16 = u16::MAX;

/// Leads, input by input; each distinct text is kept and read once.
#[derive(Debug)]
pub struct Table<'a> {
    /// Whether each lead converted.
    pub outcomes: Vec<bool>,
    /// What models may look at: the known fields, then the configured columns in order.
    pub inputs: Vec<Source<'a>>,
}

/// One input of all leads.
#[derive(Debug)]
pub struct Source<'a> {
    /// What it is; a column by its place among the configured ones.
    pub input: Input,
    /// As it is called in settings.
    pub name: &'a str,
    /// The cells.
    pub cells: Cells<'a>,
}

/// The cells of one input.
#[derive(Debug)]
pub enum Cells<'a> {
    /// Texts by their place in a list, in the order in which they first occur.
    Texts {
        /// Of each lead.
        codes: Vec<u32>,
        /// The distinct ones.
        texts: Vec<&'a str>,
        /// What they read as.
        numbers: Vec<Option<f64>>,
    },
    /// Numbers.
    Numbers(Vec<Option<f64>>),
    /// Flags.
    Flags(Vec<bool>),
}

impl<'a> Table<'a> {
    /// Of leads with their outcomes; columns that are not wanted stay out.
    #[must_use]
    pub fn of(leads: &[(&Traits<'a>, bool)], columns: &'a [String], is_wanted: impl Fn(usize) -> bool) -> Self {
        let texts = |input, name, cell: &dyn Fn(&Traits<'a>) -> &'a str| Source { input, name, cells: texts_of(leads, cell) };
        let mut inputs = vec![
            Source { input: Input::Value, name: "value", cells: Cells::Numbers(leads.iter().map(|lead| lead.0.value_log10).collect()) },
            texts(Input::Source, "source", &|traits| traits.source),
            texts(Input::Location, "location", &|traits| traits.location),
            Source { input: Input::Phone, name: "phone", cells: Cells::Flags(leads.iter().map(|lead| lead.0.has_phone).collect()) },
            Source {
                input: Input::FreeMail,
                name: "free e-mail",
                cells: Cells::Flags(leads.iter().map(|lead| lead.0.is_free_mail).collect()),
            },
        ];
        for (at, name) in columns.iter().enumerate().filter(|(at, _)| is_wanted(*at)) {
            inputs.push(texts(Input::Column(at), name, &|traits| traits.columns.get(at).copied().unwrap_or("")));
        }
        Self { outcomes: leads.iter().map(|lead| lead.1).collect(), inputs }
    }

    /// Leads.
    #[must_use]
    pub fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }

    /// Conversions among some of them.
    #[must_use]
    pub fn conversions(&self, rows: Range<usize>) -> usize {
        self.outcomes[rows].iter().filter(|outcome| **outcome).count()
    }

    /// What a model says of these leads, to the bit as [`Model::log_odds`] does, but each distinct text once.
    #[must_use]
    pub fn log_odds(&self, model: &Model, rows: Range<usize>) -> Vec<f64> {
        let mut sums = vec![model.intercept; rows.len()];
        for term in &model.terms {
            let Some(source) = self.source_of(model, term.input) else {
                let none = term.of_text("");
                for sum in &mut sums {
                    *sum += none;
                }
                continue;
            };
            match &source.cells {
                Cells::Texts { codes, texts, .. } => {
                    let each: Vec<f64> = texts.iter().map(|text| term.of_text(text)).collect();
                    sums.iter_mut().zip(&codes[rows.clone()]).for_each(|(sum, code)| *sum += each[*code as usize]);
                }
                Cells::Numbers(numbers) => sums.iter_mut().zip(&numbers[rows.clone()]).for_each(|(sum, x)| *sum += term.of_number(*x)),
                Cells::Flags(flags) => sums.iter_mut().zip(&flags[rows.clone()]).for_each(|(sum, holds)| *sum += term.of_flag(*holds)),
            }
        }
        sums
    }

    fn source_of(&self, model: &Model, input: Input) -> Option<&Source<'a>> {
        match input {
            Input::Column(at) => {
                let name = model.columns.get(at)?;
                self.inputs.iter().find(|source| matches!(source.input, Input::Column(_)) && source.name == name)
            }
            other => self.inputs.iter().find(|source| source.input == other),
        }
    }
}

/// How the inputs become features, decided from the rows of a fit.
#[derive(Debug)]
pub struct Encoding {
    /// Of each input that says anything: its place in the table and what it becomes.
    coders: Vec<(usize, Coder)>,
    width: usize,
}

#[derive(Debug)]
enum Coder {
    Number { mean: f64, deviation: f64, feature: u16, missing: u16 },
    Level { of_code: Vec<u16>, levels: Vec<(u32, u16)>, other: u16 },
    Flag { feature: u16 },
}

/// What an input could become, before features are given out.
enum Shape {
    Number {
        mean: f64,
        deviation: f64,
        has_missing: bool,
    },
    /// Levels that are kept, as codes with their rows, and whether any row has none of them.
    Level {
        kept: Vec<(u32, usize)>,
        has_other: bool,
    },
    Flag,
}

impl Encoding {
    /// Decides it from these rows, without the inputs that are refused.
    #[must_use]
    pub fn of(table: &Table<'_>, rows: &Range<usize>, is_refused: impl Fn(&Source<'_>) -> bool) -> Self {
        let mut shapes: Vec<(usize, Shape)> = table
            .inputs
            .iter()
            .enumerate()
            .filter(|(_, source)| !is_refused(source))
            .filter_map(|(place, source)| shape(&source.cells, rows).map(|shape| (place, shape)))
            .collect();
        limit(&mut shapes, table);
        let mut width = 0_u16;
        let mut next = || {
            width += 1;
            width - 1
        };
        let coders = shapes.into_iter().map(|(place, shape)| (place, coder(shape, &table.inputs[place].cells, &mut next))).collect();
        Self { coders, width: usize::from(width) }
    }

    /// Features.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The rows as features.
    #[must_use]
    pub fn design(&self, table: &Table<'_>, rows: Range<usize>) -> Design {
        let mut design = Design::of_width(self.width);
        let mut cells: Vec<(u16, f64)> = Vec::new();
        for row in rows {
            cells.clear();
            for (place, coder) in &self.coders {
                let cell = match (coder, &table.inputs[*place].cells) {
                    (Coder::Number { mean, deviation, feature, missing }, source) => match number_at(source, row) {
                        Some(x) => (*feature, (x - mean) / deviation),
                        None => (*missing, 1.0),
                    },
                    (Coder::Level { of_code, .. }, Cells::Texts { codes, .. }) => (of_code[codes[row] as usize], 1.0),
                    (Coder::Flag { feature }, Cells::Flags(flags)) => (if flags[row] { *feature } else { NONE }, 1.0),
                    _ => (NONE, 0.0),
                };
                // A zero adds nothing to any sum.
                if cell.0 != NONE && cell.1 != 0.0 {
                    cells.push(cell);
                }
            }
            design.push(&cells, table.outcomes[row]);
        }
        design
    }

    /// The fitted weights as a model that leads can be asked with. Its id is still to be told.
    #[must_use]
    pub fn model(&self, table: &Table<'_>, fit: &Fit, recipe: Recipe, rows: Range<usize>) -> Model {
        let weight = |feature: u16| if feature == NONE { 0.0 } else { fit.weights[usize::from(feature)] };
        let mut columns = Vec::new();
        let terms = self.coders.iter().map(|(place, coder)| {
            let source = &table.inputs[*place];
            let input = match source.input {
                Input::Column(_) => {
                    columns.push(source.name.to_owned());
                    Input::Column(columns.len() - 1)
                }
                other => other,
            };
            Term { input, effect: effect(coder, &source.cells, weight) }
        });
        let terms = terms.collect();
        Model {
            id: String::new(),
            recipe,
            columns,
            intercept: fit.intercept,
            terms,
            leads: rows.len() as u64,
            conversions: table.conversions(rows) as u64,
        }
    }
}

fn texts_of<'a>(leads: &[(&Traits<'a>, bool)], cell: &dyn Fn(&Traits<'a>) -> &'a str) -> Cells<'a> {
    let mut places: HashMap<&str, u32> = HashMap::new();
    let mut texts = Vec::new();
    let codes = leads
        .iter()
        .map(|(traits, _)| {
            let text = cell(traits);
            *places.entry(text).or_insert_with(|| {
                texts.push(text);
                u32::try_from(texts.len() - 1).expect("leads in memory are fewer than 2^32")
            })
        })
        .collect();
    let numbers = texts.iter().map(|text| number_of(text)).collect();
    Cells::Texts { codes, texts, numbers }
}

fn number_at(cells: &Cells<'_>, row: usize) -> Option<f64> {
    match cells {
        Cells::Texts { codes, numbers, .. } => numbers[codes[row] as usize],
        Cells::Numbers(numbers) => numbers[row],
        Cells::Flags(_) => None,
    }
}

/// Whether a column of texts is one of numbers: nearly all of its filled cells in these rows are.
#[must_use]
pub fn is_numeric(codes: &[u32], texts: &[&str], numbers: &[Option<f64>]) -> bool {
    let (mut filled, mut plain) = (0, 0);
    for code in codes {
        filled += usize::from(!texts[*code as usize].is_empty());
        plain += usize::from(numbers[*code as usize].is_some());
    }
    plain > 0 && count(plain) >= NUMBERS_MIN * count(filled)
}

/// What an input becomes, as these rows have it; none where all of them are alike.
fn shape(cells: &Cells<'_>, rows: &Range<usize>) -> Option<Shape> {
    match cells {
        Cells::Flags(flags) => {
            let flags = &flags[rows.clone()];
            (flags.contains(&true) && flags.contains(&false)).then_some(Shape::Flag)
        }
        Cells::Texts { codes, texts, numbers } if !is_numeric(&codes[rows.clone()], texts, numbers) => {
            levels(&codes[rows.clone()], texts).filter(|shape| !is_constant(shape))
        }
        _ => number(cells, rows),
    }
}

fn number(cells: &Cells<'_>, rows: &Range<usize>) -> Option<Shape> {
    let numbers = || rows.clone().filter_map(|row| number_at(cells, row));
    let n = count(numbers().count());
    let has_missing = numbers().count() < rows.len();
    if n == 0.0 {
        return None;
    }
    let mean = in_order(numbers()) / n;
    let variance = in_order(numbers().map(|x| (x - mean) * (x - mean))) / n;
    // Rounding leaves a constant column a spread of its last digits.
    let is_constant = variance.sqrt() <= 1e-12 * mean.abs();
    (!is_constant || has_missing).then_some(Shape::Number { mean, deviation: if is_constant { 1.0 } else { variance.sqrt() }, has_missing })
}

fn levels(codes: &[u32], texts: &[&str]) -> Option<Shape> {
    let mut rows_of = vec![0_usize; texts.len()];
    for code in codes {
        rows_of[*code as usize] += 1;
    }
    let mut kept: Vec<(u32, usize)> = (0_u32..).zip(rows_of).filter(|(_, rows)| *rows >= LEVEL_ROWS_MIN).collect();
    kept.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| texts[a.0 as usize].cmp(texts[b.0 as usize])));
    kept.truncate(LEVELS_MAX);
    let has_other = kept.iter().map(|level| level.1).sum::<usize>() < codes.len();
    (!codes.is_empty()).then_some(Shape::Level { kept, has_other })
}

/// One feature for all rows is the intercept once more.
fn is_constant(shape: &Shape) -> bool {
    matches!(shape, Shape::Level { kept, has_other } if kept.len() + usize::from(*has_other) < 2)
}

fn features(shape: &Shape) -> usize {
    match shape {
        Shape::Number { has_missing, .. } => 1 + usize::from(*has_missing),
        Shape::Level { kept, has_other } => kept.len() + usize::from(*has_other),
        Shape::Flag => 1,
    }
}

/// Gives up the rarest levels until no more features are left than a model may have; then whole columns, the last first.
fn limit(shapes: &mut Vec<(usize, Shape)>, table: &Table<'_>) {
    let mut total: usize = shapes.iter().map(|(_, shape)| features(shape)).sum();
    while total > FEATURES_MAX {
        // Levels stand by falling rows, so the rarest of an input is its last one.
        let rarest = shapes
            .iter()
            .enumerate()
            .filter_map(|(at, (place, shape))| match shape {
                Shape::Level { kept, .. } => kept.last().map(|(code, rows)| (*rows, *place, name_of(table, *place, *code), at)),
                _ => None,
            })
            .min_by(|a, b| (a.0, b.1, b.2).cmp(&(b.0, a.1, a.2)));
        let Some((.., at)) = rarest else {
            total -= shapes.pop().map_or(total, |(_, shape)| features(&shape));
            continue;
        };
        let before = features(&shapes[at].1);
        if let Shape::Level { kept, has_other } = &mut shapes[at].1 {
            kept.pop();
            *has_other = true;
        }
        let is_spent = is_constant(&shapes[at].1);
        total = total - before + if is_spent { 0 } else { features(&shapes[at].1) };
        if is_spent {
            shapes.remove(at);
        }
    }
}

fn name_of<'a>(table: &Table<'a>, place: usize, code: u32) -> &'a str {
    match &table.inputs[place].cells {
        Cells::Texts { texts, .. } => texts[code as usize],
        _ => "",
    }
}

fn coder(shape: Shape, cells: &Cells<'_>, next: &mut impl FnMut() -> u16) -> Coder {
    match shape {
        Shape::Number { mean, deviation, has_missing } => {
            Coder::Number { mean, deviation, feature: next(), missing: if has_missing { next() } else { NONE } }
        }
        Shape::Level { mut kept, has_other } => {
            let Cells::Texts { texts, .. } = cells else { return Coder::Level { of_code: Vec::new(), levels: Vec::new(), other: NONE } };
            kept.sort_by_key(|(code, _)| texts[*code as usize]);
            let levels: Vec<(u32, u16)> = kept.into_iter().map(|(code, _)| (code, next())).collect();
            let other = if has_other { next() } else { NONE };
            let mut of_code = vec![other; texts.len()];
            for (code, feature) in &levels {
                of_code[*code as usize] = *feature;
            }
            Coder::Level { of_code, levels, other }
        }
        Shape::Flag => Coder::Flag { feature: next() },
    }
}

fn effect(coder: &Coder, cells: &Cells<'_>, weight: impl Fn(u16) -> f64) -> Effect {
    match (coder, cells) {
        (Coder::Number { mean, deviation, feature, missing }, _) => {
            Effect::Number { mean: *mean, deviation: *deviation, weight: weight(*feature), missing: weight(*missing) }
        }
        (Coder::Level { levels, other, .. }, Cells::Texts { texts, .. }) => Effect::Level {
            levels: levels.iter().map(|(code, feature)| (texts[*code as usize].to_owned(), weight(*feature))).collect(),
            other: weight(*other),
        },
        (Coder::Level { other, .. }, _) => Effect::Level { levels: Vec::new(), other: weight(*other) },
        (Coder::Flag { feature }, _) => Effect::Flag { weight: weight(*feature) },
    }
}
