//! What all headers and the sample together say → which column is which field, why, and what is doubtful about it.
//!
//! The order of evidence: configured alias, the field's own name, a name known from other systems, nearly such a name, and
//! what the cells hold. The cells may contradict a name, and then decide; what could be read otherwise is always told.

use super::dictionary::{self, Dictionary, PERSONS, PLACES, Role, preference};
use super::profile::{ColumnProfile, Kind};
use super::reading::{self, Evidence, Rank, Reading};
use super::{ColumnUse, Doubt, Field, FieldFrom, FieldHeader, Mapping, MappingWarning, normalise};
use crate::engine::rules::ColumnRules;

/// Warnings of one file; a header so odd that it earns more is told by these.
const WARNINGS: usize = 20;

/// What to do when a column is not what we take it for.
const REMEDY: &str = "if that is wrong, rename the column or add an alias under [columns]";

/// What the cells say about a column taken for a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Confirmed,
    Silent,
    Empty,
    /// It holds something else.
    Contradicted,
}

/// The mapping while it is made.
#[derive(Clone)]
pub(super) struct Choice<'a> {
    header: &'a [String],
    names: Vec<String>,
    safe: Vec<String>,
    profiles: &'a [ColumnProfile],
    readings: Vec<Reading>,
    uses: Vec<Option<(Field, String)>>,
    fields: [FieldFrom; 6],
    /// Columns that are called like a field and not read as it, with the reason.
    refused: Vec<(usize, String)>,
    warnings: Vec<MappingWarning>,
}

impl<'a> Choice<'a> {
    /// Reads every header; none of them where the file has none.
    pub(super) fn new(
        header: &'a [String],
        profiles: &'a [ColumnProfile],
        rules: &ColumnRules,
        has_header: bool,
        (names, safe): (Vec<String>, Vec<String>),
    ) -> Self {
        let dictionary = Dictionary::shared();
        let in_register = has_header && is_register(header);
        let nothing = || Reading::of(Role::Unknown);
        let read = |name: &String| if has_header { reading::read(name, dictionary, in_register) } else { nothing() };
        let mut readings: Vec<Reading> = header.iter().map(read).collect();
        for (field, aliases) in &rules.aliases {
            for (tier, alias) in aliases.iter().enumerate() {
                let wanted = normalise(alias);
                for at in (0..header.len()).filter(|at| normalise(&header[*at]) == wanted) {
                    let tier = u8::try_from(tier).unwrap_or(u8::MAX);
                    let rank = Rank { evidence: Evidence::Configured, tier, ..Rank::default() };
                    let is_better = readings[at].rank.evidence != Evidence::Configured || rank < readings[at].rank;
                    if is_better {
                        readings[at] = Reading { is_sure: true, rank, ..Reading::of(Role::Field(*field)) };
                    }
                }
            }
        }
        let uses = vec![None; header.len()];
        let (fields, refused, warnings) = (Default::default(), Vec::new(), Vec::new());
        let mut choice = Self { header, names, safe, profiles, readings, uses, fields, refused, warnings };
        for (field, parts) in &rules.joined {
            let found: Vec<usize> = parts.iter().filter_map(|part| header.iter().position(|name| name == part)).collect();
            if found.len() == parts.len() {
                choice.join(*field, found, if *field == Field::Location { ", " } else { " " });
            }
        }
        choice
    }

    /// Maps what the names and the cells settle.
    pub(super) fn decide(mut self, has_header: bool) -> Mapping {
        for field in Field::ALL {
            match field {
                _ if !self.is_open(field) => {}
                Field::Name => self.name_by_name(),
                Field::Location => self.location_by_name(),
                _ => {
                    let candidates = self.ranked(|reading| reading.role == Role::Field(field));
                    self.take_best(field, &candidates);
                }
            }
        }
        self = self.decide_by_content(has_header);
        if has_header {
            self.last_resorts();
            self.tell_duplicates();
        }
        self.finish()
    }

    /// Fills what is open and replaces what is doubtful by what the cells say.
    ///
    /// A doubtful column goes to another field only when its own has found a better one: otherwise it stays and is told.
    /// The e-mail alone may take it at any time, as nothing is worth more.
    fn decide_by_content(self, has_header: bool) -> Self {
        let mut kept: Vec<usize> = Vec::new();
        loop {
            let mut trial = self.clone();
            let doubted = trial.release_doubted(&kept);
            for field in [Field::Email, Field::Phone, Field::Value, Field::Name, Field::Location, Field::Source] {
                if trial.is_open(field) {
                    let before = doubted.iter().find(|(doubted, _)| *doubted == field).map(|(_, at)| *at);
                    trial.by_content(field, has_header, before);
                }
            }
            let is_stuck = |(field, at): &&(Field, usize)| {
                trial.is_open(*field) && trial.uses[*at].as_ref().is_some_and(|(taker, _)| *taker != Field::Email)
            };
            let stuck: Vec<usize> = doubted.iter().filter(is_stuck).map(|(_, at)| *at).collect();
            if stuck.is_empty() {
                trial.restore_doubted(&doubted);
                return trial;
            }
            kept.extend(stuck); // one more each time, so six rounds at most
        }
    }

    fn is_open(&self, field: Field) -> bool {
        self.fields[field as usize] == FieldFrom::Nowhere
    }

    /// Columns not yet used that are read so, the preferred first.
    fn ranked(&self, is_wanted: impl Fn(&Reading) -> bool) -> Vec<usize> {
        let is_free = |at: &usize| self.uses[*at].is_none() && !self.readings[*at].is_last_resort && is_wanted(&self.readings[*at]);
        let mut found: Vec<usize> = (0..self.header.len()).filter(is_free).collect();
        found.sort_by_key(|at| (self.readings[*at].rank, *at));
        found
    }

    fn kind(&self, at: usize) -> Kind {
        self.profiles.get(at).map_or(Kind::Mixed, ColumnProfile::kind)
    }

    fn verdict(&self, field: Field, at: usize) -> Verdict {
        match self.profiles.get(at) {
            Some(profile) if profile.rows > 0 => judge(field, profile),
            _ => Verdict::Silent,
        }
    }

    /// The preferred candidate whose cells do not speak against it; else one that is empty; else one that is sure by name.
    fn best(&self, field: Field, candidates: &[usize]) -> Option<usize> {
        let verdicts = || candidates.iter().map(|at| (*at, self.verdict(field, *at)));
        let configured = candidates.first().filter(|at| self.readings[**at].rank.evidence == Evidence::Configured).copied();
        configured
            .or_else(|| verdicts().find(|(_, verdict)| matches!(verdict, Verdict::Confirmed | Verdict::Silent)).map(|(at, _)| at))
            .or_else(|| verdicts().find(|(_, verdict)| *verdict == Verdict::Empty).map(|(at, _)| at))
            .or_else(|| verdicts().find(|(at, _)| self.readings[*at].is_sure).map(|(at, _)| at))
    }

    /// Reads the field from the best candidate, and tells what else there was.
    fn take_best(&mut self, field: Field, candidates: &[usize]) -> bool {
        let candidates: Vec<usize> = candidates.iter().copied().filter(|at| self.is_borne_out(field, *at)).collect();
        let best = self.best(field, &candidates);
        let refused = candidates.iter().filter(|at| Some(**at) != best && self.verdict(field, **at) == Verdict::Contradicted);
        let reason = |at: usize| format!("kept as extra: called like '{field}', but holds {}", self.kind(at).words());
        let refused: Vec<(usize, String)> = refused.map(|at| (*at, reason(*at))).collect();
        self.refused.extend(refused);
        let Some(at) = best else { return false };
        self.tell_others(field, at, &candidates);
        let why = match self.readings[at].rank.evidence {
            Evidence::Configured => format!("configured alias of '{field}'"),
            Evidence::Named => format!("named '{field}'"),
            Evidence::Known => format!("alias of '{field}'"),
            Evidence::Contained => format!("speaks of '{field}'"),
            Evidence::Spelled => format!("spelled like '{field}'"),
        };
        self.take(field, at, why);
        true
    }

    /// Whether the cells are on the side of a header that alone does not say enough.
    fn is_borne_out(&self, field: Field, at: usize) -> bool {
        let (reading, verdict) = (&self.readings[at], self.verdict(field, at));
        match reading.rank.evidence {
            Evidence::Contained => verdict == Verdict::Confirmed || self.profiles.get(at).is_none_or(|profile| profile.rows == 0),
            Evidence::Spelled => verdict == Verdict::Confirmed || reading.is_sure && verdict != Verdict::Contradicted,
            Evidence::Configured | Evidence::Named | Evidence::Known => true,
        }
    }

    fn take(&mut self, field: Field, at: usize, why: String) {
        self.uses[at] = Some((field, why));
        self.fields[field as usize] = FieldFrom::Column(at);
        if self.readings[at].is_slip {
            let sentence = format!("column '{}' is read as '{field}', because it is nearly spelled so; {REMEDY}", self.safe[at]);
            self.warn(Doubt::Spelled, field, &[at], sentence);
        }
    }

    fn join(&mut self, field: Field, columns: Vec<usize>, separator: &'static str) {
        let together: Vec<&str> = columns.iter().map(|at| self.told(*at)).collect();
        let why = format!("joined into '{field}' ({})", together.join(" + "));
        for at in &columns {
            self.uses[*at] = Some((field, why.clone()));
        }
        let slips: Vec<usize> = columns.iter().copied().filter(|at| self.readings[*at].is_slip).collect();
        for at in slips {
            let sentence = format!("column '{}' is read as a part of '{field}', because it is nearly spelled so; {REMEDY}", self.safe[at]);
            self.warn(Doubt::Spelled, field, &[at], sentence);
        }
        self.fields[field as usize] = FieldFrom::Joined(columns, separator);
    }

    /// The header as people wrote it, or its safe name.
    fn told(&self, at: usize) -> &str {
        if self.safe[at] == self.names[at] { self.names[at].trim() } else { &self.safe[at] }
    }

    fn warn(&mut self, doubt: Doubt, field: Field, columns: &[usize], sentence: String) {
        if self.warnings.len() < WARNINGS {
            let columns = columns.iter().map(|at| self.safe[*at].clone()).collect();
            self.warnings.push(MappingWarning { doubt, field: Some(field), columns, sentence });
        }
    }

    /// Tells better names that were passed over, and equally good ones.
    fn tell_others(&mut self, field: Field, best: usize, candidates: &[usize]) {
        let rank = self.readings[best].rank;
        let passed = candidates.iter().copied().find(|at| self.readings[*at].rank < rank);
        if let Some(at) = passed {
            let (doubt, held) = match self.verdict(field, at) {
                Verdict::Empty => (Doubt::Empty, "is empty".to_owned()),
                _ => (Doubt::Contradicted, format!("holds {}", self.kind(at).words())),
            };
            let sentence = format!("column '{}' {held}, so '{field}' is read from '{}'; {REMEDY}", self.safe[at], self.safe[best]);
            self.warn(doubt, field, &[best, at], sentence);
        }
        let is_rival = |at: &usize| {
            *at != best
                && self.readings[*at].rank == rank
                && self.names[*at] != self.names[best]
                && self.header[*at] != self.header[best]
                && matches!(self.verdict(field, *at), Verdict::Confirmed | Verdict::Silent)
        };
        let rival = candidates.iter().copied().find(is_rival);
        if let Some(rival) = rival {
            let sentence =
                format!("'{field}' is read from '{}', though '{}' would do as well; {REMEDY}", self.safe[best], self.safe[rival]);
            self.warn(Doubt::Ambiguous, field, &[best, rival], sentence);
        }
    }

    /// One whole name; else first and last name; else what may be a name.
    fn name_by_name(&mut self) {
        let singles = self.ranked(|reading| reading.role == Role::Field(Field::Name));
        let usable =
            |at: &usize| self.readings[*at].is_sure && !matches!(self.verdict(Field::Name, *at), Verdict::Contradicted | Verdict::Empty);
        let sure: Vec<usize> = singles.iter().copied().filter(usable).collect();
        let parts = self.name_parts();
        let first = sure.first().copied();
        if singles.first().is_some_and(|at| self.readings[*at].rank.evidence == Evidence::Configured) {
            self.take_best(Field::Name, &singles);
        } else if let Some(halves) = first.and_then(|at| self.halves(at, &parts)) {
            self.join(Field::Name, halves, " ");
        } else if let Some(at) = first.filter(|at| !(parts.is_whole && self.readings[*at].is_slip)) {
            let _ = self.take_best(Field::Name, &singles) || self.take_best(Field::Name, &[at]);
        } else if parts.is_whole || !self.take_best(Field::Name, &singles) && !parts.columns.is_empty() {
            self.join(Field::Name, parts.columns, " ");
        }
    }

    /// The columns of the best set of name parts, in the order in which names are spoken.
    fn name_parts(&self) -> NameParts {
        let candidates = |role: Role| {
            let mut found = self.ranked(|reading| reading.role == role);
            found.retain(|at| self.verdict(Field::Name, *at) != Verdict::Contradicted);
            found
        };
        let (firsts, lasts) = (candidates(Role::FirstName), candidates(Role::LastName));
        let person = |at: usize| {
            let reading = &self.readings[at];
            let person = preference(PERSONS, &reading.group);
            (reading.is_slip, reading.rank.is_second, person, reading.rank.number)
        };
        let pairs = firsts.iter().flat_map(|first| lasts.iter().map(move |last| (*first, *last)));
        let pair = pairs
            .filter(|(first, last)| self.are_together(*first, *last))
            .min_by_key(|(first, last)| (person(*first).max(person(*last)), *first));
        let Some((first, last)) = pair else {
            let lone = firsts.iter().chain(&lasts).copied().min_by_key(|at| person(*at));
            return NameParts { is_whole: false, columns: lone.into_iter().collect() };
        };
        let with = |role: Role| candidates(role).into_iter().find(|at| self.are_together(first, *at));
        let columns = [Some(first), with(Role::MiddleName), Some(last), with(Role::SecondSurname)];
        NameParts { is_whole: true, columns: columns.into_iter().flatten().collect() }
    }

    /// Whether two columns belong to the same person or place: `Buyer First Name` is none of the seller's.
    fn are_together(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.readings[one], &self.readings[other]);
        one.group == other.group && one.rank.number == other.rank.number
    }

    /// A whole name that is only half of one here: `Vorname, Name`; `Nombre, Apellidos`.
    fn halves(&self, whole: usize, parts: &NameParts) -> Option<Vec<usize>> {
        let [other] = parts.columns[..] else { return None };
        if parts.is_whole {
            return None;
        }
        let (called, other_called) = (normalise(&self.header[whole]), normalise(&self.header[other]));
        let is_short = self.profiles.get(whole).is_some_and(|profile| profile.filled > 0 && profile.full_names * 2 < profile.filled);
        match self.readings[other].role {
            Role::LastName if ["nombre", "nombres", "nome", "nomes"].contains(&&*called) => {
                let second =
                    self.ranked(|reading| reading.role == Role::SecondSurname).into_iter().find(|at| self.are_together(other, *at));
                Some([whole, other].into_iter().chain(second).collect())
            }
            Role::FirstName if ["nom", "naam"].contains(&&*called) => Some(vec![other, whole]),
            Role::FirstName if called == "name" => (is_short || other_called.starts_with("vorname")).then(|| vec![other, whole]),
            _ => None,
        }
    }

    /// A whole place; else the city with what belongs to it; else an area, an address, or what there is of one.
    ///
    /// A street joins the city only where it is called a street: an `address` may hold the city already.
    fn location_by_name(&mut self) {
        let tier = |wanted: std::ops::RangeInclusive<u8>| {
            self.ranked(|reading| reading.role == Role::Field(Field::Location) && wanted.contains(&reading.rank.tier))
        };
        let configured =
            self.ranked(|reading| reading.role == Role::Field(Field::Location) && reading.rank.evidence == Evidence::Configured);
        let whole = if configured.is_empty() { tier(dictionary::WHOLE_PLACE..=dictionary::WHOLE_PLACE) } else { configured };
        let rest = tier(dictionary::WHOLE_PLACE + 1..=u8::MAX);
        let is_usable = |at: &usize| !matches!(self.verdict(Field::Location, *at), Verdict::Contradicted | Verdict::Empty);
        if whole.iter().any(|at| is_usable(at) || self.readings[*at].rank.evidence == Evidence::Configured) {
            self.take_best(Field::Location, &whole);
            return;
        }
        let parts = self.place_parts();
        let has_city = parts.iter().any(|at| self.readings[*at].role == Role::City);
        let has_rest = rest.iter().any(is_usable);
        if !parts.is_empty() && (has_city || !has_rest) {
            match parts[..] {
                [single] => {
                    self.take_best(Field::Location, &[single]);
                }
                _ => self.join(Field::Location, parts, ", "),
            }
            return;
        }
        let all: Vec<usize> = whole.into_iter().chain(rest).collect();
        self.take_best(Field::Location, &all);
    }

    /// The columns of the best set of address parts, in the order in which they are written.
    fn place_parts(&self) -> Vec<usize> {
        let candidates = |role: Role| {
            let mut found = self.ranked(|reading| reading.role == role);
            found.retain(|at| !self.contradicts_part(role, *at));
            found
        };
        let place = |at: usize| {
            let reading = &self.readings[at];
            let place = preference(PLACES, &reading.group);
            (reading.rank.evidence, reading.rank.is_second, place, reading.rank, at)
        };
        let anchor = [Role::City, Role::Street, Role::State, Role::Zip, Role::Country]
            .into_iter()
            .find_map(|role| candidates(role).into_iter().min_by_key(|at| place(*at)));
        let Some(anchor) = anchor else { return Vec::new() };
        let group = &self.readings[anchor].group;
        let number = self.readings[anchor].rank.number;
        let with = |role: Role| {
            let mut found = candidates(role);
            found.retain(|at| self.readings[*at].group == *group);
            found.into_iter().min_by_key(|at| (self.readings[*at].rank.number != number, place(*at)))
        };
        let (street, city, state) = (with(Role::Street), with(Role::City), with(Role::State));
        let unit = street.and_then(|_| with(Role::Unit));
        let zip = if street.is_some() || city.is_none() && state.is_none() { with(Role::Zip) } else { None };
        let country = if street.is_none() && city.is_none() { with(Role::Country) } else { None };
        [street, unit, city, state, zip, country].into_iter().flatten().collect()
    }

    fn contradicts_part(&self, role: Role, at: usize) -> bool {
        let kind = self.kind(at);
        match role {
            Role::Zip | Role::Unit => matches!(kind, Kind::Emails | Kind::Links | Kind::Dates),
            Role::State => matches!(kind, Kind::Emails | Kind::Links | Kind::Dates | Kind::Phones | Kind::Amounts | Kind::Statuses),
            Role::Country if !self.readings[at].is_sure => kind != Kind::Names,
            _ => self.verdict(Field::Location, at) == Verdict::Contradicted,
        }
    }

    /// Gives back the columns that the cells speak against, so that a better one can be looked for.
    fn release_doubted(&mut self, kept: &[usize]) -> Vec<(Field, usize)> {
        let mut doubted = Vec::new();
        for field in Field::ALL {
            let FieldFrom::Column(at) = self.fields[field as usize] else { continue };
            let is_configured = self.readings[at].rank.evidence == Evidence::Configured;
            let is_weak = matches!(self.verdict(field, at), Verdict::Contradicted | Verdict::Empty);
            if is_weak && !is_configured && !kept.contains(&at) {
                self.uses[at] = None;
                self.fields[field as usize] = FieldFrom::Nowhere;
                doubted.push((field, at));
            }
        }
        doubted
    }

    /// Takes back what nothing better was found for, and tells what speaks against it.
    fn restore_doubted(&mut self, doubted: &[(Field, usize)]) {
        for (field, at) in doubted {
            if self.is_open(*field) && self.uses[*at].is_none() {
                let why = match self.readings[*at].rank.evidence {
                    Evidence::Named => format!("named '{field}'"),
                    Evidence::Spelled => format!("spelled like '{field}'"),
                    _ => format!("alias of '{field}'"),
                };
                self.uses[*at] = Some((*field, why));
                self.fields[*field as usize] = FieldFrom::Column(*at);
            }
        }
        for field in Field::ALL {
            let FieldFrom::Column(at) = self.fields[field as usize] else { continue };
            if self.verdict(field, at) == Verdict::Contradicted {
                let sentence = format!(
                    "column '{}' is read as '{field}', but holds {}; look into the file, or add an alias for the right column under [columns]",
                    self.safe[at],
                    self.kind(at).words()
                );
                self.warn(Doubt::Contradicted, field, &[at], sentence);
            }
        }
    }

    /// Looks for a column that holds what the field holds, whatever it is called.
    fn by_content(&mut self, field: Field, has_header: bool, before: Option<usize>) {
        let mut found: Vec<usize> =
            (0..self.header.len()).filter(|at| Some(*at) != before && self.may_hold(field, *at, has_header)).collect();
        if field == Field::Value && found.iter().any(|at| self.kind(*at) == Kind::Amounts) {
            found.retain(|at| self.kind(*at) == Kind::Amounts);
        }
        if field == Field::Name {
            let echo = |at: &usize| self.profiles[*at].echoes * 2 >= self.profiles[*at].filled;
            if found.iter().any(echo) {
                found.retain(echo);
            }
        }
        if field == Field::Email && has_header {
            // The fullest is the address; the others are further ones.
            found.sort_by_key(|at| (std::cmp::Reverse(self.profiles[*at].filled), *at));
        }
        let is_split_name = field == Field::Name
            && !has_header
            && found.len() == 2
            && found[0] + 1 == found[1]
            && found.iter().all(|at| {
                let profile = &self.profiles[*at];
                profile.echoes * 2 >= profile.filled && profile.full_names * 4 < profile.filled
            });
        match found[..] {
            [] => {}
            [first, second] if is_split_name => {
                let sentence = format!(
                    "columns '{}' and '{}' are joined into 'name', because they hold words of the e-mail addresses; {REMEDY}",
                    self.safe[first], self.safe[second]
                );
                self.join(field, vec![first, second], " ");
                self.warn(Doubt::ByContent, field, &[first, second], sentence);
            }
            [at] => self.take_by_content(field, at, before),
            [at, rival, ..] if field == Field::Email && has_header => {
                self.take_by_content(field, at, before);
                if self.profiles[rival].filled * 2 <= self.profiles[at].filled {
                    return;
                }
                let sentence =
                    format!("'{field}' is read from '{}', though '{}' would do as well; {REMEDY}", self.safe[at], self.safe[rival]);
                self.warn(Doubt::Ambiguous, field, &[at, rival], sentence);
            }
            [at, rival, ..] => {
                let held = holds(field, self.kind(at));
                let sentence = format!(
                    "'{field}' is left open, because '{}' and '{}' both hold {held}; add an alias for the right one under [columns]",
                    self.safe[at], self.safe[rival]
                );
                self.warn(Doubt::Ambiguous, field, &[at, rival], sentence);
            }
        }
    }

    fn take_by_content(&mut self, field: Field, at: usize, before: Option<usize>) {
        let held = holds(field, self.kind(at));
        self.uses[at] = Some((field, format!("holds {held}")));
        self.fields[field as usize] = FieldFrom::Column(at);
        let Some(before) = before else {
            let sentence = format!("column '{}' is read as '{field}', because it holds {held}; {REMEDY}", self.safe[at]);
            self.warn(Doubt::ByContent, field, &[at], sentence);
            return;
        };
        let is = match self.kind(before) {
            Kind::Empty => "is empty".to_owned(),
            kind => format!("holds {}", kind.words()),
        };
        let sentence =
            format!("column '{}' {is}, so '{field}' is read from '{}', which holds {held}; {REMEDY}", self.safe[before], self.safe[at]);
        self.refused.push((before, format!("kept as extra: called like '{field}', but {is}")));
        self.warn(Doubt::Contradicted, field, &[at, before], sentence);
    }

    /// Whether a free column holds what the field holds, and its name does not say that it is something else.
    fn may_hold(&self, field: Field, at: usize, has_header: bool) -> bool {
        let (Some(profile), reading) = (self.profiles.get(at), &self.readings[at]) else { return false };
        let is_misnamed = match reading.role {
            Role::Field(own) => !reading.is_sure || self.verdict(own, at) == Verdict::Contradicted,
            Role::FirstName | Role::LastName => self.verdict(Field::Name, at) == Verdict::Contradicted,
            Role::Unknown => true,
            _ => false,
        };
        if self.uses[at].is_some() || reading.is_last_resort || !is_misnamed {
            return false;
        }
        let kind = profile.kind();
        match field {
            Field::Email => kind == Kind::Emails && profile.filled * 5 >= profile.rows,
            Field::Phone => kind == Kind::Phones,
            Field::Value => kind == Kind::Amounts || !has_header && kind == Kind::Numbers && !profile.counts_something(),
            Field::Location => kind == Kind::Places,
            Field::Source => kind == Kind::Sources,
            Field::Name => {
                let is_various = profile.distinct * 10 >= profile.filled * 7;
                let is_whole = profile.is_most(profile.full_names) && profile.filled > 2;
                let is_belied = profile.echoes == 0 && profile.filled > 3 && self.profiles.iter().any(|other| other.kind() == Kind::Emails);
                kind == Kind::Names && !is_belied && (profile.echoes * 2 >= profile.filled || is_various && (is_whole || !has_header))
            }
        }
    }

    /// Somebody else's address or name is the lead's where nothing else is, and it is not the same in most rows.
    fn last_resorts(&mut self) {
        for field in [Field::Email, Field::Name] {
            if !self.is_open(field) {
                continue;
            }
            let is_candidate = |at: &usize| {
                let (reading, kind) = (&self.readings[*at], self.kind(*at));
                let is_various = self.profiles.get(*at).is_some_and(|profile| profile.filled > 0 && profile.distinct * 2 >= profile.filled);
                let is_called_so = reading.is_last_resort && reading.role == Role::Field(field);
                self.uses[*at].is_none()
                    && is_various
                    && match field {
                        Field::Email => kind == Kind::Emails && (is_called_so || reading.role == Role::Other),
                        _ => kind == Kind::Names && is_called_so,
                    }
            };
            let mut found: Vec<usize> = (0..self.header.len()).filter(is_candidate).collect();
            found.sort_by_key(|at| (self.readings[*at].role == Role::Other, self.readings[*at].rank, *at));
            if let Some(at) = found.first().copied() {
                self.uses[at] = Some((field, format!("holds {}, and no other column does", holds(field, self.kind(at)))));
                self.fields[field as usize] = FieldFrom::Column(at);
                let sentence = format!(
                    "column '{}' is read as '{field}', because no other column can be; is it really the lead's? {REMEDY}",
                    self.safe[at]
                );
                self.warn(Doubt::ByContent, field, &[at], sentence);
            }
        }
    }

    /// Headers that stand more than once.
    fn tell_duplicates(&mut self) {
        let mut told = std::collections::HashSet::new();
        let mut places = std::collections::HashMap::<&str, Vec<usize>>::new();
        for (at, name) in self.header.iter().enumerate().filter(|(_, name)| !name.trim().is_empty()) {
            places.entry(name.trim()).or_default().push(at);
        }
        for name in self.header {
            let Some(columns) = places.get(name.trim()).filter(|columns| columns.len() > 1) else { continue };
            if self.warnings.len() >= WARNINGS || !told.insert(name.trim()) {
                continue;
            }
            let used = columns.iter().copied().find(|at| self.uses[*at].is_some());
            let read = used.and_then(|at| Some((at, self.uses[at].as_ref()?.0)));
            let kept: Vec<String> =
                columns.iter().filter(|at| self.uses[**at].is_none()).take(3).map(|at| format!("'{}'", self.safe[*at])).collect();
            let as_extra = if kept.is_empty() { String::new() } else { format!("kept as extra: {}", kept.join(", ")) };
            let sentence = match read {
                Some((at, field)) => format!(
                    "the header '{}' stands {} times: column {} is read as '{field}', {as_extra}; give each its own name",
                    self.safe[columns[0]],
                    columns.len(),
                    at + 1
                ),
                None => {
                    format!("the header '{}' stands {} times, {as_extra}; give each its own name", self.safe[columns[0]], columns.len())
                }
            };
            let columns = columns.iter().take(5).map(|at| self.safe[*at].clone()).collect();
            self.warnings.push(MappingWarning { doubt: Doubt::Duplicate, field: read.map(|(_, field)| field), columns, sentence });
        }
    }

    fn finish(self) -> Mapping {
        let columns: Vec<ColumnUse> = (0..self.header.len())
            .map(|at| ColumnUse {
                name: self.names[at].clone(),
                safe_name: self.safe[at].clone(),
                maps_to: self.uses[at].as_ref().map(|(field, _)| *field),
                part: None,
                why: self.uses[at].as_ref().map_or_else(|| self.why_extra(at), |(_, why)| why.clone()),
            })
            .collect();
        let extra: Vec<usize> = (0..self.header.len()).filter(|at| self.uses[*at].is_none()).collect();
        let mut extra_names: Vec<String> = extra.iter().map(|at| self.names[*at].clone()).collect();
        let other_emails = match self.fields[Field::Email as usize] {
            FieldFrom::Column(at) => {
                extra_names.push(distinct(&format!("{} (others)", self.names[at].trim()), &self.names));
                Some(extra_names.len() - 1)
            }
            _ => None,
        };
        let field_headers = Field::ALL.into_iter().filter_map(|field| match self.fields[field as usize] {
            FieldFrom::Column(at) if self.names[at] != field.name() => Some(FieldHeader { field, header: self.names[at].clone() }),
            _ => None,
        });
        let field_headers = field_headers.collect();
        Mapping { fields: self.fields, columns, extra, extra_names, field_headers, other_emails, warnings: self.warnings }
    }

    fn why_extra(&self, at: usize) -> String {
        let rival = match self.readings[at].role {
            Role::Field(field) => Some(field),
            Role::FirstName | Role::MiddleName | Role::LastName | Role::SecondSurname => Some(Field::Name),
            Role::City | Role::Street | Role::State => Some(Field::Location),
            _ => None,
        };
        if let Some((_, why)) = self.refused.iter().find(|(refused, _)| *refused == at) {
            return why.clone();
        }
        match rival.map(|field| (field, &self.fields[field as usize])) {
            Some((field, FieldFrom::Column(taken))) => format!("kept as extra: '{field}' is taken from '{}'", self.told(*taken)),
            Some((field, FieldFrom::Joined(parts, _))) => format!("kept as extra: '{field}' is taken from '{}'", self.told(parts[0])),
            _ => "kept as extra".to_owned(),
        }
    }
}

/// Whether the owners in this list are the leads: a county's register, or a list of properties with their owners.
fn is_register(header: &[String]) -> bool {
    let all: Vec<Vec<String>> = header.iter().map(|name| reading::words(name)).collect();
    let has = |list: &str, words: &[String]| words.iter().any(|word| dictionary::has_word(list, word));
    let is_owned = all.iter().any(|words| words.first().is_some_and(|word| word == "owner"));
    let is_property = |words: &Vec<String>| has("property", words) && has(dictionary::ADDRESS, words);
    all.iter().any(|words| has(dictionary::REGISTER, words)) || is_owned && all.iter().any(is_property)
}

/// First and last name, or the one of them that is there.
struct NameParts {
    is_whole: bool,
    columns: Vec<usize>,
}

/// What a field's cells are called when they are recognised.
fn holds(field: Field, kind: Kind) -> &'static str {
    if field == Field::Name { "names" } else { kind.words() }
}

/// Whether the cells speak for or against a field.
fn judge(field: Field, profile: &ColumnProfile) -> Verdict {
    use Kind::{Amounts, Dates, Emails, Empty, Links, Names, Numbers, Phones, Places, Sources, Statuses};
    let kind = profile.kind();
    let (is_so, is_not) = match field {
        Field::Name => (kind == Names, matches!(kind, Emails | Links | Dates | Phones | Amounts | Numbers)),
        Field::Email => {
            let are_few = profile.filled > 2 && profile.emails * 5 < profile.filled;
            (kind == Emails, are_few || matches!(kind, Links | Dates | Phones | Amounts | Numbers | Places | Names | Statuses))
        }
        Field::Value => (profile.is_most(profile.numbers), matches!(kind, Emails | Links | Dates | Phones | Places | Names | Sources)),
        Field::Phone => {
            let is_long = profile.is_most(profile.integers) && profile.small == 0 && profile.five_digits == 0;
            (kind == Phones || is_long, matches!(kind, Emails | Links | Dates | Amounts | Names | Places | Sources | Statuses))
        }
        Field::Location => {
            let is_zips = profile.is_most(profile.five_digits);
            (matches!(kind, Places | Names), matches!(kind, Emails | Links | Dates | Phones | Amounts) || kind == Numbers && !is_zips)
        }
        Field::Source => (kind == Sources, matches!(kind, Emails | Dates | Phones | Amounts | Numbers)),
    };
    match (kind, is_so, is_not) {
        (Empty, ..) => Verdict::Empty,
        (_, true, _) => Verdict::Confirmed,
        (_, _, true) => Verdict::Contradicted,
        _ => Verdict::Silent,
    }
}

/// The name, with a number when it is taken.
fn distinct(name: &str, taken: &[String]) -> String {
    let mut candidates = std::iter::once(name.to_owned()).chain((2..).map(|number| format!("{name} ({number})")));
    candidates.find(|candidate| !taken.contains(candidate)).expect("numbers do not end before a header does")
}
