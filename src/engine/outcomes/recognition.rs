//! Which columns tell outcomes, and whether the file is a list of them: from headers, the mapping of leads, and a sample.
//!
//! In a list of leads a column is taken only where nothing speaks against it: its cells are known words, and its name asks
//! how it went or they decide it. A column that is a field of leads is never read as anything else there. In a list of
//! outcomes the e-mail alone keeps its field.

use uuid::Uuid;

use super::dates::{DateOrder, OrderEvidence};
use super::{OutcomeColumns, Part, PlanKind, Verdict, words};
use crate::engine::amount::{DecimalMark, MarkEvidence};
use crate::engine::cells::trim;
use crate::engine::headers::{Doubt, FieldFrom, Mapping, MappingWarning, normalise};
use crate::engine::lead::Field;
use crate::engine::record::Cells;
use crate::engine::rules::Rules;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// What kind of rows the file has.
    pub kind: PlanKind,
    /// Where the outcomes are.
    pub columns: OutcomeColumns,
    /// The columns read, and why.
    pub uses: Vec<(usize, Part, String)>,
    /// What could be read otherwise.
    pub warnings: Vec<MappingWarning>,
}

/// How much a header says by itself, the most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    /// The configuration says so; the place in its list.
    Configured(usize),
    /// It asks nothing else than how it went.
    Sure,
    /// It may.
    Asked,
    /// How far a lead has come, of which only the last steps are outcomes.
    Progress,
}

/// Names of the column of outcomes that mean nothing else.
const SURE: &str = "\
    |outcome|lead outcome|deal outcome|call outcome|sales outcome|final outcome|outcome status|converted|is converted|has converted|\
    did convert|lead converted|won|is won|deal won|won lost|won or lost|closed won|is closed won|win loss|win lost|\
    is sold|was sold|sale made|bought|purchased|has purchased|became customer|is customer|\
    resultado final|convertido|convertida|ganado|ganada|vendido|vendida|resultat final|converti|gagne|vendu|ergebnis|verkaufsergebnis|\
    konvertiert|gewonnen|verkauft|abschluss|ganho|esito|esito finale|vinto|venduto|convertito|";

/// Names that may stand above outcomes.
const ASKED: &str = "\
    |result|results|final result|lead result|deal result|conversion|conversion status|y|output|target|label|class|response|responded|\
    sale|sold|success|successful|purchase|deposit|subscribed|closed|resultado|resultat|exito|succes|erfolg|sucesso|esito vendita|\
    vente|venta|venda|vendita|verkauf|objetivo|";

/// Names for how far a lead has come.
const PROGRESS: &str = "\
    |status|lead status|deal status|opportunity status|crm status|contact status|client status|current status|final status|\
    sales status|stage|deal stage|lead stage|opportunity stage|sales stage|pipeline stage|final stage|lifecycle stage|state of lead|\
    disposition|lead disposition|call disposition|\
    estado|estado del lead|etapa|etapa del negocio|situacion|statut|statut du lead|etape|etat|\
    stand|phase|leadstatus|status des leads|situacao|status do lead|fase|stato|stato del lead|stato lead|";

/// Names of the other parts in a list of outcomes, the preferred first.
const IN_OUTCOMES: [(Part, &str); 7] = [
    (
        Part::Date,
        "outcome date|date of outcome|outcome at|closed at|close date|closed date|date closed|closing date|converted at|conversion date|\
         converted date|date converted|won at|won date|date won|sold at|sold date|sale date|date sold|date of sale|decided at|\
         decision date|result date|status date|event date|date|datetime|timestamp|time|updated at|last updated|\
         fecha de cierre|fecha|date de cloture|date de conclusion|abschlussdatum|datum|data de fechamento|data di chiusura|data",
    ),
    (
        Part::Revenue,
        "revenue|outcome revenue|deal value|deal amount|deal size|sale price|sales price|sold price|sale amount|sale value|won amount|\
         won value|closed amount|closed value|contract value|conversion value|commission|amount|value|price|total|income|proceeds|\
         ingresos|ingreso|chiffre d affaires|ca|umsatz|erlos|receita|ricavo|fatturato|importe|montant|betrag|valor|valeur|wert|valore|\
         importo",
    ),
    (
        Part::Cost,
        "cost|costs|lead cost|cost per lead|acquisition cost|cost of sale|total cost|spend|spent|expense|expenses|\
         coste|costo|cout|kosten|custo",
    ),
    (Part::Script, "script|script id|script name|script used|used script|delivered script|guion|skript|roteiro|copione"),
    (Part::Variant, "variant|variant id|variant name|ab variant|a b variant|test variant|delivered variant|arm|variante"),
    (Part::Channel, "channel|channel used|contact channel|sales channel|delivered channel|medium|canal|kanal|canale"),
    (Part::LeadId, LEAD_IDS),
];

/// The same in a list of leads: only what cannot be about the lead itself.
const BESIDE_LEADS: [(Part, &str); 3] = [
    (
        Part::Date,
        "outcome date|date of outcome|outcome at|closed at|close date|closed date|date closed|converted at|conversion date|\
         converted date|date converted|won at|won date|date won|fecha de cierre|date de cloture|abschlussdatum|data de fechamento|\
         data di chiusura",
    ),
    (Part::Revenue, "revenue|outcome revenue|won amount|won value|closed amount|closed value"),
    (Part::Cost, "cost|lead cost|cost per lead|acquisition cost"),
];

const LEAD_IDS: &str = "lead id|leadid|lead uuid|valhalla id";

/// Finds where outcomes stand, if anywhere. `mapping` is that of leads.
#[must_use]
pub fn recognise(header: &[String], mapping: &Mapping, records: &[Cells], rules: &Rules) -> Option<Recognised> {
    let search = Search { header, mapping, records, rules, keys: header.iter().map(|name| normalise(name)).collect() };
    let candidates = search.candidates();
    let kind = rules.outcomes.kind.unwrap_or_else(|| search.kind(&candidates));
    let (outcome, warning) = search.choose(&candidates, kind)?;
    Some(search.recognised(kind, outcome, warning))
}

/// A column that may hold outcomes, with what its cells show.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    at: usize,
    named: Named,
    /// Cells that are not empty.
    filled: usize,
    /// Of those, known words.
    known: usize,
    /// Of those, won or lost in more than a yes or a no.
    decided: usize,
    yes: usize,
    no: usize,
}

impl Candidate {
    /// Whether two of three cells are known words.
    fn is_known(&self) -> bool {
        self.filled > 0 && self.known * 3 >= self.filled * 2
    }

    /// Whether it is read in a list of leads.
    fn is_beside_leads(&self) -> bool {
        match self.named {
            Named::Configured(_) => true,
            Named::Sure => self.filled == 0 || self.is_known(),
            Named::Asked => self.is_known() && self.decided + self.yes + self.no > 0,
            // `status = 1` says that a record is in use; only both answers together are outcomes.
            Named::Progress => self.is_known() && (self.decided > 0 || self.yes > 0 && self.no > 0),
        }
    }

    /// Whether it makes a list of outcomes, of which otherwise nothing could be taken: more than half will do.
    fn is_of_outcomes(&self) -> bool {
        matches!(self.named, Named::Configured(_) | Named::Sure) || self.known * 2 > self.filled
    }

    fn is_good(&self, kind: PlanKind) -> bool {
        match kind {
            PlanKind::Leads => self.is_beside_leads(),
            PlanKind::Outcomes => self.is_of_outcomes(),
        }
    }
}

struct Search<'a> {
    header: &'a [String],
    mapping: &'a Mapping,
    records: &'a [Cells],
    rules: &'a Rules,
    keys: Vec<String>,
}

impl Search<'_> {
    /// Every column that is called so.
    fn candidates(&self) -> Vec<Candidate> {
        (0..self.header.len()).filter_map(|at| Some(self.look(at, self.named(at)?))).collect()
    }

    fn named(&self, at: usize) -> Option<Named> {
        let key = &self.keys[at];
        let lists = [(SURE, Named::Sure), (ASKED, Named::Asked), (PROGRESS, Named::Progress)];
        let configured = self.configured(Part::Outcome).position(|alias| alias == *key).map(Named::Configured);
        configured.or_else(|| lists.into_iter().find(|(list, _)| position(list, key).is_some()).map(|(_, named)| named))
    }

    fn configured(&self, part: Part) -> impl Iterator<Item = String> {
        self.rules.outcomes.aliases.get(&part).into_iter().flatten().map(|alias| normalise(alias))
    }

    fn cells(&self, at: usize) -> impl Iterator<Item = &str> {
        let texts = self.records.iter().filter_map(move |record| std::str::from_utf8(record.get(at)?).ok());
        texts.map(trim).filter(|cell| !cell.is_empty())
    }

    fn look(&self, at: usize, named: Named) -> Candidate {
        let mut seen = Candidate { at, named, filled: 0, known: 0, decided: 0, yes: 0, no: 0 };
        for cell in self.cells(at) {
            seen.filled += 1;
            let verdict = self.rules.outcomes.verdict(cell);
            seen.known += usize::from(verdict.is_some());
            match (verdict, words::is_yes_or_no(cell)) {
                (Some(Verdict::Won), true) => seen.yes += 1,
                (Some(Verdict::Lost), true) => seen.no += 1,
                (Some(Verdict::Won | Verdict::Lost), false) => seen.decided += 1,
                _ => {}
            }
        }
        seen
    }

    /// What kind of file it is: outcomes when it says whose and how, and is no list of leads.
    fn kind(&self, candidates: &[Candidate]) -> PlanKind {
        let is_nowhere = |field: Field| *self.mapping.from(field) == FieldFrom::Nowhere;
        let columns = &self.rules.columns;
        let lacks_required = columns.required.iter().any(|field| is_nowhere(field) && !columns.defaults.contains_key(&field));
        let is_no_lead = lacks_required || is_nowhere(Field::Name) && is_nowhere(Field::Value);
        let has_identity = !is_nowhere(Field::Email) || self.lead_id().is_some();
        let is_outcomes = is_no_lead && has_identity && candidates.iter().any(Candidate::is_of_outcomes);
        if is_outcomes { PlanKind::Outcomes } else { PlanKind::Leads }
    }

    /// The column of our own ids: called so, and holding UUIDs.
    fn lead_id(&self) -> Option<usize> {
        let is_configured = |at: &usize| self.configured(Part::LeadId).any(|alias| alias == self.keys[*at]);
        if let Some(at) = (0..self.header.len()).find(is_configured) {
            return Some(at);
        }
        let holds_ids = |at: &usize| {
            let (filled, ids) =
                self.cells(*at).fold((0, 0), |(filled, ids), cell| (filled + 1, ids + usize::from(Uuid::parse_str(cell).is_ok())));
            filled == 0 || ids * 2 > filled
        };
        (0..self.header.len()).find(|at| position(LEAD_IDS, &self.keys[*at]).is_some() && holds_ids(at))
    }

    fn is_field(&self, at: usize) -> bool {
        self.mapping.columns[at].maps_to.is_some()
    }

    /// The column that is read: the strongest name, then the most known words; with a warning where another is as good.
    fn choose(&self, candidates: &[Candidate], kind: PlanKind) -> Option<(Candidate, Option<MappingWarning>)> {
        let is_email = |at: usize| self.mapping.columns[at].maps_to == Some(Field::Email);
        let is_free = |found: &&Candidate| match kind {
            PlanKind::Leads => !self.is_field(found.at) || matches!(found.named, Named::Configured(_)),
            PlanKind::Outcomes => !is_email(found.at),
        };
        let mut good: Vec<Candidate> = candidates.iter().filter(|found| found.is_good(kind)).filter(is_free).copied().collect();
        good.sort_by_key(|found| (found.named, std::cmp::Reverse((found.known, found.decided)), found.at));
        let best = *good.first()?;
        let rival = good.get(1).filter(|rival| rival.named == best.named).map(|rival| self.safe(rival.at));
        let warning = rival.map(|rival| {
            let sentence = format!(
                "outcomes are read from '{}', though '{rival}' would do as well; if that is wrong, name the right one as an alias of outcome under [columns]",
                self.safe(best.at)
            );
            MappingWarning { doubt: Doubt::Ambiguous, field: None, columns: vec![self.safe(best.at).to_owned(), rival.to_owned()], sentence }
        });
        Some((best, warning))
    }

    fn safe(&self, at: usize) -> &str {
        &self.mapping.columns[at].safe_name
    }

    /// The other parts, and how their cells are read.
    fn recognised(&self, kind: PlanKind, outcome: Candidate, warning: Option<MappingWarning>) -> Recognised {
        let mut at = [None; 8];
        at[Part::Outcome as usize] = Some(outcome.at);
        let lists = if kind == PlanKind::Outcomes { &IN_OUTCOMES[..] } else { &BESIDE_LEADS[..] };
        for part in Part::ALL.into_iter().skip(1) {
            let known = lists.iter().find(|(listed, _)| *listed == part).map_or("", |(_, list)| list);
            at[part as usize] = match part {
                Part::LeadId if kind == PlanKind::Outcomes => self.lead_id(),
                Part::LeadId => None, // a lead is whose its e-mail is
                _ => self.part(part, known, kind, &at),
            };
        }
        let beside = if kind == PlanKind::Leads { "read as outcome, and kept as extra: " } else { "" };
        let why = |part: Part, at: usize| match (part, outcome.named) {
            _ if self.configured(part).any(|alias| alias == self.keys[at]) => format!("{beside}configured alias of '{}'", part.name()),
            (Part::Outcome, Named::Sure) => format!("{beside}its name asks how it went"),
            (Part::Outcome, _) => format!("{beside}it holds words for won, lost or open"),
            _ => format!("{beside}its {}", part.name()),
        };
        let uses = Part::ALL.into_iter().filter_map(|part| at[part as usize].map(|at| (at, part, why(part, at)))).collect();
        let (dates, doubt) = self.dates(at[Part::Date as usize]);
        let decimal_mark = self.decimal_mark(at[Part::Revenue as usize].into_iter().chain(at[Part::Cost as usize]));
        let columns = OutcomeColumns { at, dates, decimal_mark };
        Recognised { kind, columns, uses, warnings: warning.into_iter().chain(doubt).collect() }
    }

    fn part(&self, part: Part, known: &str, kind: PlanKind, taken: &[Option<usize>; 8]) -> Option<usize> {
        let is_email = |at: usize| self.mapping.columns[at].maps_to == Some(Field::Email);
        let is_free = |at: &usize| !taken.contains(&Some(*at)) && !is_email(*at) && (kind == PlanKind::Outcomes || !self.is_field(*at));
        let by_alias = self.configured(part).find_map(|alias| (0..self.header.len()).filter(is_free).find(|at| self.keys[*at] == alias));
        by_alias.or_else(|| {
            let named = (0..self.header.len()).filter(is_free).filter_map(|at| Some((position(known, &self.keys[at])?, at)));
            named.min().map(|(_, at)| at)
        })
    }

    /// Whether day or month comes first, and a word about it where the dates leave it open.
    fn dates(&self, at: Option<usize>) -> (DateOrder, Option<MappingWarning>) {
        let Some(at) = at else { return (self.rules.outcomes.dates.unwrap_or_default(), None) };
        let mut evidence = OrderEvidence::default();
        self.cells(at).for_each(|cell| evidence.add(cell));
        match (self.rules.outcomes.dates, evidence.decide()) {
            (Some(order), _) | (None, (order, false)) => (order, None),
            (None, (order, true)) => {
                let name = self.safe(at);
                let sentence = format!(
                    "the dates of '{name}' can be read with the day or the month first; the day is read first. If that is wrong, set dates = \"month_first\" under [outcomes]"
                );
                (order, Some(MappingWarning { doubt: Doubt::Dates, field: None, columns: vec![name.to_owned()], sentence }))
            }
        }
    }

    fn decimal_mark(&self, columns: impl Iterator<Item = usize>) -> DecimalMark {
        let mut evidence = MarkEvidence::default();
        columns.for_each(|at| self.cells(at).for_each(|cell| evidence.add(cell)));
        let configured = self.rules.columns.decimal_mark;
        if configured == DecimalMark::Unknown { evidence.decide() } else { configured }
    }
}

/// Whether a header asks nothing else than how it went.
#[must_use]
pub fn names_outcome(header: &str) -> bool {
    position(SURE, &normalise(header)).is_some()
}

/// The place of a normalised name in a list of names.
fn position(list: &str, key: &str) -> Option<usize> {
    if key.is_empty() {
        return None;
    }
    list.split('|').filter(|name| !name.is_empty()).position(|name| name.bytes().filter(|byte| *byte != b' ').eq(key.bytes()))
}
