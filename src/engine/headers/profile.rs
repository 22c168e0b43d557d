//! What a column holds, judged by a sample of its cells: the second opinion on what its header says.
//!
//! The tests are light and look at the shape of a cell only; whether a cell is valid is `check.rs`'s business. Nothing of a
//! cell's content is kept.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::dictionary::has_word;
use super::reading::fold;

/// Records that are looked at, spread evenly over those given.
const RECORDS: usize = 400;
/// Cells that are looked at in all columns together, so that a list of a thousand columns costs no more.
const CELLS: usize = 40_000;
/// Bytes of a cell that is looked at; a longer one is text.
const CELL_BYTES: usize = 200;

/// What the cells of one column look like. A cell may count for several shapes: ten digits are a number and a phone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnProfile {
    /// Records that were looked at.
    pub rows: u32,
    /// Cells that hold something else than a word for nothing (`N/A`, `-`).
    pub filled: u32,
    /// How many different ones.
    pub distinct: u32,
    /// Hold an e-mail address.
    pub emails: u32,
    /// Look like a phone number.
    pub phones: u32,
    /// Numbers of any kind, also with currency.
    pub numbers: u32,
    /// Of the numbers, those with a currency or a word for thousands or millions.
    pub amounts: u32,
    /// Of the numbers, plain digits.
    pub integers: u32,
    /// Of the numbers, those below 1000.
    pub small: u32,
    /// Of the integers, those from 1900 to 2100.
    pub years: u32,
    /// Of the integers, those of five digits, as ZIP codes have.
    pub five_digits: u32,
    /// Of the integers, those that end in 0.
    pub round: u32,
    /// Of the integers, those of seven digits or more that do not end in 00: serial numbers, or phones without punctuation.
    pub long_odd: u32,
    /// Of the integers, those that are one more than the one before.
    pub steps: u32,
    /// Dates, with or without time.
    pub dates: u32,
    /// Web addresses.
    pub links: u32,
    /// One to five words of letters, as names of people are.
    pub names: u32,
    /// Of these, those of two words or more.
    pub full_names: u32,
    /// Of these, those with a word that is also in the e-mail address of the same row.
    pub echoes: u32,
    /// A city with its state, or a street with its number.
    pub places: u32,
    /// Two or three capital letters, as states are abbreviated.
    pub codes: u32,
    /// Known ways that leads come in.
    pub sources: u32,
    /// Known words for how far a lead has come.
    pub statuses: u32,
}

/// What most cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No cell is filled.
    Empty,
    /// E-mail addresses.
    Emails,
    /// Web addresses.
    Links,
    /// Dates.
    Dates,
    /// Numbers with a currency or a word of magnitude.
    Amounts,
    /// Phone numbers.
    Phones,
    /// Other numbers.
    Numbers,
    /// Words for how far a lead has come.
    Statuses,
    /// Ways that leads come in.
    Sources,
    /// Cities with their state, or streets.
    Places,
    /// Words such as names are.
    Names,
    /// Nothing that most have in common.
    Mixed,
}

impl Kind {
    /// What a column of this kind holds, for people: `e-mail addresses`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Empty => "nothing",
            Self::Emails => "e-mail addresses",
            Self::Links => "web addresses",
            Self::Dates => "dates",
            Self::Amounts => "amounts",
            Self::Phones => "phone numbers",
            Self::Numbers => "numbers",
            Self::Statuses => "words of a status",
            Self::Sources => "sources of leads",
            Self::Places => "places",
            Self::Names => "names or words",
            Self::Mixed => "various things",
        }
    }
}

impl ColumnProfile {
    /// The profiles of the first `width` columns.
    #[must_use]
    pub fn of(records: &[crate::engine::record::Cells], width: usize) -> Vec<Self> {
        let listed = Listed::new();
        let looked_at = records.len().min(RECORDS).min((CELLS / width.max(1)).max(20));
        let mut profiles = vec![Self::default(); width];
        let mut seen: Vec<HashSet<u64>> = vec![HashSet::new(); width];
        let mut last: Vec<u64> = vec![u64::MAX; width];
        for at in 0..looked_at {
            let record = &records[at * records.len() / looked_at];
            let local = local_part(record, width);
            for (at, profile) in profiles.iter_mut().enumerate() {
                profile.rows += 1;
                let cell = record.get(at).unwrap_or_default();
                profile.add(cell, local.as_deref(), &listed, &mut seen[at], &mut last[at]);
            }
        }
        for (profile, seen) in profiles.iter_mut().zip(seen) {
            profile.distinct = u32::try_from(seen.len()).unwrap_or(u32::MAX);
        }
        profiles
    }

    /// What most (four of five) filled cells are; of addresses, which nothing else can be taken for, more than half will do.
    #[must_use]
    pub fn kind(&self) -> Kind {
        if self.emails * 2 > self.filled {
            return Kind::Emails;
        }
        let kinds = [
            (Kind::Links, self.links),
            (Kind::Dates, self.dates),
            (Kind::Phones, if self.amounts == 0 { self.phones } else { 0 }),
            (Kind::Amounts, if self.amounts * 2 >= self.filled { self.numbers } else { 0 }),
            (Kind::Numbers, self.numbers),
            (Kind::Statuses, self.statuses),
            (Kind::Sources, self.sources),
            (Kind::Places, self.places),
            (Kind::Names, self.names),
        ];
        if self.filled == 0 {
            return Kind::Empty;
        }
        kinds.into_iter().find(|(_, count)| self.is_most(*count)).map_or(Kind::Mixed, |(kind, _)| kind)
    }

    /// Whether so many are most of the filled cells: four of five.
    #[must_use]
    pub fn is_most(&self, count: u32) -> bool {
        self.filled > 0 && count * 5 >= self.filled * 4
    }

    /// Numbers that count rows, years, rooms or postal areas, or name something, rather than money.
    #[must_use]
    pub fn counts_something(&self) -> bool {
        let is_sequence = self.integers > 2 && self.steps * 10 >= (self.integers - 1) * 8;
        let is_zips = self.is_most(self.five_digits) && self.round * 2 < self.filled;
        is_sequence || is_zips || self.is_most(self.years) || self.long_odd * 2 >= self.filled.max(1) || self.small * 2 > self.filled
    }

    fn add(&mut self, cell: &[u8], local: Option<&str>, listed: &Listed, seen: &mut HashSet<u64>, last: &mut u64) {
        let cell = cell.trim_ascii();
        let text = std::str::from_utf8(cell).map_or("\u{fffd}", |text| text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}'));
        if says_nothing(text) {
            return;
        }
        self.filled += 1;
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        seen.insert(hasher.finish());
        if text.len() > CELL_BYTES {
            return;
        }
        if text.contains('@') && is_email(text) {
            self.emails += 1;
        } else if is_link(text) {
            self.links += 1;
        } else if text.bytes().any(|b| b.is_ascii_digit()) {
            self.add_digits(text, listed, last);
        } else {
            self.add_words(text, local, listed);
        }
    }

    /// A cell with digits: date, phone, number or street.
    fn add_digits(&mut self, text: &str, listed: &Listed, last: &mut u64) {
        if is_date(text) || listed.has_month(text) {
            self.dates += 1;
            return;
        }
        self.phones += u32::from(is_phone(text));
        let Some(number) = Number::read(text) else {
            self.places += u32::from(is_street(text) || is_city_with_state(text));
            return;
        };
        self.numbers += 1;
        self.amounts += u32::from(number.is_marked);
        self.small += u32::from(number.whole_digits < 4 && !number.is_marked);
        if number.is_plain {
            let value = text.parse::<u64>().unwrap_or(u64::MAX); // more digits than an amount can have
            self.integers += 1;
            self.years += u32::from((1900..=2100).contains(&value) && text.len() == 4);
            self.five_digits += u32::from(text.len() == 5);
            self.long_odd += u32::from(text.len() >= 7 && value % 100 != 0);
            self.round += u32::from(value % 10 == 0);
            self.steps += u32::from(*last != u64::MAX && value == *last + 1);
            *last = value;
        }
    }

    /// A cell without digits: name, place, source, status or just text.
    fn add_words(&mut self, text: &str, local: Option<&str>, listed: &Listed) {
        let plain = folded_words(text);
        self.codes += u32::from((2..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase()));
        if listed.sources.contains(plain.as_str()) {
            self.sources += 1;
        } else if listed.statuses.contains(plain.as_str()) {
            self.statuses += 1;
        } else if let Some(count) = name_words(text) {
            self.names += 1;
            self.full_names += u32::from(count >= 2);
            self.echoes += u32::from(local.is_some_and(|local| plain.split(' ').any(|word| word.len() >= 3 && local.contains(word))));
            self.places += u32::from(is_city_with_state(text));
        } else {
            self.places += u32::from(is_city_with_state(text));
        }
    }
}

/// Words that stand in a cell for nothing.
const NOTHING: &str = "\
    - -- --- . ? n/a na n.a. #n/a null none nil nan unknown #ref! #value! #name? #div/0! (blank) blank empty tbd undefined [null] \
    (null)";

const SOURCES: &str = "\
    |facebook|facebook ads|facebook lead ads|fb|ig|instagram|instagram ads|google|google ads|google adwords|adwords|bing|tiktok|\
    linkedin|twitter|x|youtube|whatsapp|pinterest|snapchat|zillow|trulia|realtor|realtor com|redfin|homes com|opcity|craigslist|\
    idealista|fotocasa|immoscout|seloger|website|web|web form|landing page|organic|organic search|paid search|paid social|\
    social media|direct|direct traffic|direct mail|email|email marketing|email campaign|referral|referrals|partner referral|\
    customer referral|employee referral|cold call|cold calling|walk in|open house|trade show|trade fair|event|sms|radio|tv|\
    newspaper|print|flyer|sign|yard sign|billboard|door knocking|skiptrace|skip trace|other campaigns|offline|offline sources|\
    phone inquiry|word of mouth|import|sign call|purchased list|internet|social|seo|ppc|advertisement|external referral|affiliate|\
    webinar|seminar|recomendacion|empfehlung|messe|passaparola|indicacao|recommandation|bouche a oreille|";

const STATUSES: &str = "\
    |new|open|closed|contacted|not contacted|qualified|unqualified|disqualified|won|lost|closed won|closed lost|active|inactive|\
    pending|working|nurture|nurturing|converted|hot|warm|cold|in progress|attempted|attempted to contact|attempting contact|\
    connected|did not connect|good lead|bad lead|good lead follow up|sale done|dead|prospecting|follow up|negotiation|\
    open not contacted|working contacted|closed converted|closed not converted|bad timing|true|false|yes|no|y|n|sold|withdrawn|\
    expired|nuevo|abierto|cerrado|contactado|activo|inactivo|pendiente|ganado|perdido|nouveau|ouvert|ferme|contacte|gagne|perdu|\
    en cours|neu|offen|geschlossen|kontaktiert|gewonnen|verloren|aktiv|novo|aberto|fechado|contatado|ativo|inativo|ganho|nuovo|\
    aperto|chiuso|contattato|attivo|vinto|perso|subscribed|unsubscribed|single|married|divorced|";

const MONTHS: &str = "\
    jan feb mar apr may jun jul aug sep sept oct nov dec january february march april june july august september october november \
    december ene abr ago dic enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre janv fevr avr \
    mai juin juil aout janvier fevrier mars avril juillet septembre octobre novembre decembre mrz okt dez januar februar marz maerz \
    juni juli oktober dezember fev set out janeiro fevereiro marco maio junho julho setembro outubro novembro dezembro gen mag giu lug \
    ott gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre";

/// The lists above, ready to be looked up.
struct Listed {
    sources: HashSet<&'static str>,
    statuses: HashSet<&'static str>,
    months: HashSet<&'static str>,
}

impl Listed {
    fn new() -> Self {
        let split = |list: &'static str| list.split('|').filter(|entry| !entry.is_empty()).collect();
        Self { sources: split(SOURCES), statuses: split(STATUSES), months: MONTHS.split_ascii_whitespace().collect() }
    }

    /// `15-Jan-2024`, `20 de marzo de 2024`: a few words, one of them a month, one a number.
    fn has_month(&self, text: &str) -> bool {
        let is_number = |word: &str| (1..=4).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit());
        if text.len() > 40 || !text.chars().any(char::is_alphabetic) {
            return false;
        }
        let words = || text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let is_month = |word: &str| (3..=12).contains(&word.len()) && self.months.contains(folded_words(word).as_str());
        words().count() <= 8 && words().any(is_number) && words().any(is_month)
    }
}

fn says_nothing(text: &str) -> bool {
    text.is_empty() || text.len() <= 9 && has_word(NOTHING, &text.to_ascii_lowercase())
}

/// The letters before the `@` of the first address in a record.
fn local_part(record: &crate::engine::record::Cells, width: usize) -> Option<String> {
    let cells = record.iter().take(width).filter(|cell| cell.contains(&b'@') && cell.len() <= CELL_BYTES);
    let mut texts = cells.filter_map(|cell| std::str::from_utf8(cell).ok()); // what is not text is no address
    texts.find(|text| is_email(text.trim())).and_then(|text| {
        let local = text.split('@').next()?;
        Some(local.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect())
    })
}

/// The words of a cell in lower case, without accents and punctuation.
fn folded_words(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() {
            fold(c, &mut plain);
        } else if !plain.is_empty() && !plain.ends_with(' ') {
            plain.push(' ');
        }
    }
    plain.truncate(plain.trim_end().len());
    plain
}

/// An address, alone or with a few words around it.
fn is_email(text: &str) -> bool {
    let Some(at) = text.find('@') else { return false };
    let is_end = |c: char| c.is_whitespace() || "<>,;:\"'()[]|".contains(c);
    let local = text[..at].rsplit(is_end).next().unwrap_or_default();
    let domain = text[at + 1..].split(is_end).next().unwrap_or_default();
    let is_domain = domain.rsplit_once('.').is_some_and(|(name, top)| !name.is_empty() && top.chars().count() >= 2);
    !local.is_empty() && is_domain && !domain.contains(['@', '/']) && text.split_whitespace().count() <= 6
}

fn is_link(text: &str) -> bool {
    ["http://", "https://", "www."].iter().any(|start| text.get(..start.len()).is_some_and(|front| front.eq_ignore_ascii_case(start)))
}

/// `2024-03-15 09:12`, `03/15/2024`, `20.03.24`.
fn is_date(text: &str) -> bool {
    if text.len() > 40 {
        return false;
    }
    let mut parts = [0u32; 3];
    let (mut found, mut mark, mut digits) = (0, ' ', 0);
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10).filter(|_| found < 3) {
            digits += 1;
            if digits > 4 {
                return false;
            }
            parts[found] = parts[found] * 10 + digit;
        } else if digits > 0 && found < 2 && matches!(c, '-' | '/' | '.') && (mark == ' ' || mark == c) {
            (mark, found, digits) = (c, found + 1, 0);
        } else if found == 2 && digits > 0 && matches!(c, ' ' | 'T' | ',') {
            break;
        } else {
            return false;
        }
    }
    let [first, middle, last] = parts;
    let is_year = |year: u32| (1900..=2100).contains(&year);
    let are_day_and_month = |a: u32, b: u32| a > 0 && b > 0 && a.max(b) <= 31 && a.min(b) <= 12;
    let has_year = (is_year(first) && are_day_and_month(middle, last))
        || (are_day_and_month(first, middle) && (is_year(last) || last <= 99 && digits == 2));
    found == 2 && digits > 0 && has_year
}

/// Seven to fifteen digits with the punctuation of phones; plain digits only when ten or more, or with a leading zero.
fn is_phone(text: &str) -> bool {
    let text = text.strip_prefix("p:").or_else(|| text.strip_prefix("tel:")).unwrap_or(text).trim();
    let lower = text.to_ascii_lowercase();
    let text = ["ext", "x", "#"].iter().find_map(|mark| lower.find(mark)).map_or(lower.as_str(), |at| &lower[..at]);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_shaped = text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '(' | ')' | '-' | '.' | '/' | '+' | '\u{a0}' | '‑' | '–'));
    if !is_shaped || !(7..=15).contains(&digits) {
        return false;
    }
    if text.starts_with(['+', '(']) || text.len() == digits && text.starts_with('0') {
        return true;
    }
    if text.len() == digits {
        return digits >= 10;
    }
    let groups = text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
    groups.clone().count() >= 2 && groups.clone().all(|group| (1..=6).contains(&group.len())) && !text.starts_with('-')
}

/// What the light reading of a number finds.
struct Number {
    is_marked: bool,
    is_plain: bool,
    whole_digits: usize,
}

impl Number {
    /// Reads digits with separators, a sign, a currency, a magnitude or a percent sign; a range counts as its first end.
    fn read(text: &str) -> Option<Self> {
        const MAGNITUDES: &str = "\
            k m mm b bn cr crore crores l lac lacs lakh lakhs mio mil mill million millions millionen milliarden mrd tsd thousand \
            thousands e";
        const CURRENCIES: &str = "\
            usd eur gbp cad aud nzd chf sek nok dkk pln czk huf inr jpy cny brl mxn zar aed sgd hkd ils try rub thb php idr myr vnd \
            krw rs kr zl kc ft us r euro euros eu dollar dollars pesos reais pounds rupees";
        const AROUND: &str = "to a bis hasta ate from up under over";
        let mut is_marked = text.chars().any(|c| "$€£¥₹₽₩₪₴₫฿₺₱₦¢".contains(c));
        let mut core = String::with_capacity(text.len());
        let mut word = String::new();
        for c in text.chars().chain([' ']) {
            if c.is_alphabetic() {
                fold(c, &mut word);
                continue;
            }
            if !word.is_empty() {
                // `5 k` is five thousand, `K5` and `R5` are names of something; `R 5` and `R$ 5` are money.
                let is_behind = core.bytes().any(|b| b.is_ascii_digit());
                let is_magnitude = is_behind && has_word(MAGNITUDES, &word);
                let is_currency = has_word(CURRENCIES, &word) && (is_behind || word.len() > 1 || !c.is_ascii_digit());
                if !is_magnitude && !is_currency && !has_word(AROUND, &word) {
                    return None;
                }
                is_marked |= is_currency || is_magnitude && word != "e";
                word.clear();
            }
            match c {
                '0'..='9' | '.' | ',' | '\'' | '’' | '-' | '–' => core.push(if c == '–' { '-' } else { c }),
                _ if c.is_whitespace() => core.push(' '),
                '+' | '(' | ')' | '%' | '_' => {}
                _ if "$€£¥₹₽₩₪₴₫฿₺₱₦¢".contains(c) => {}
                _ => return None,
            }
        }
        let core = core.trim();
        let digits = core.bytes().filter(u8::is_ascii_digit).count();
        if text.starts_with('+') && digits >= 9 || text.contains(")-") || text.contains(") ") && !is_marked {
            return None;
        }
        let ends: Vec<&str> = core.trim_start_matches('-').split('-').map(str::trim).filter(|end| !end.is_empty()).collect();
        let is_range = ends.len() == 2 && (is_marked || ends.iter().all(|end| end.len() >= 5));
        let first = ends.first().filter(|_| ends.len() == 1 || is_range)?;
        let is_plain = text.bytes().all(|b| b.is_ascii_digit());
        let whole_digits = whole_digits(first, is_marked)?;
        (!(is_plain && digits >= 9 && text.starts_with('0'))).then_some(Self { is_marked, is_plain, whole_digits })
    }
}

/// Digits before the decimal mark; `None` where separators do not stand as in a number.
fn whole_digits(core: &str, is_marked: bool) -> Option<usize> {
    let groups: Vec<&str> = core.split(|c: char| !c.is_ascii_digit()).collect();
    let marks: Vec<char> = core.chars().filter(|c| !c.is_ascii_digit()).collect();
    let last = groups.last()?;
    if groups.len() == 1 || is_marked {
        let is_decimal = groups.len() > 1 && last.len() != 3 && matches!(marks.last(), Some('.' | ','));
        let kept = if is_decimal { &groups[..groups.len() - 1] } else { &groups[..] };
        return (!groups[0].is_empty() || groups.len() > 1).then(|| kept.iter().map(|group| group.len()).sum());
    }
    let is_decimal =
        matches!(marks.last(), Some('.' | ',')) && (last.len() != 3 || marks.len() > 1 && marks[marks.len() - 2] != marks[marks.len() - 1]);
    let kept = if is_decimal { &groups[..groups.len() - 1] } else { &groups[..] };
    let are_grouped =
        kept.iter().skip(1).all(|group| (2..=3).contains(&group.len())) && (kept.len() == 1 || kept[kept.len() - 1].len() == 3);
    (are_grouped && kept[0].len() <= if kept.len() > 1 { 3 } else { 18 }).then(|| kept.iter().map(|group| group.len()).sum())
}

/// How many words a name has; `None` for what is not shaped like one.
fn name_words(text: &str) -> Option<usize> {
    const NO_PERSON: &str = "llc inc ltd gmbh corp co ag sa srl sas bv plc limited company group and of the for with in is to";
    if text.len() > 60 || text.chars().any(|c| c.is_control() || "!?;:/\\|_<>{}[]@#$%^&*=+~".contains(c)) {
        return None;
    }
    let words: Vec<&str> = text.split([' ', ',', '\u{a0}']).filter(|word| word.chars().any(char::is_alphabetic)).collect();
    let is_person =
        words.iter().all(|word| word.chars().count() <= 24 && !has_word(NO_PERSON, &word.to_ascii_lowercase().replace('.', "")));
    let first = words.first()?.chars().find(|c| c.is_alphabetic())?;
    let begins_well = !first.is_lowercase() || words.len() <= 3;
    (is_person && begins_well && words.len() <= 5).then_some(words.len())
}

/// `123 Main St`, `Hauptstr. 5`, `Via Roma 12`: a house number before words, or behind a word for street.
fn is_street(text: &str) -> bool {
    const BEFORE: &str = "via viale piazza corso calle avenida avda av plaza paseo rue avenue place boulevard rua travessa am an der zum";
    const WITHIN: [&str; 7] = ["str", "strasse", "weg", "platz", "allee", "gasse", "straat"];
    let words: Vec<&str> = text.split([' ', ',', '\n']).filter(|word| !word.is_empty()).collect();
    let is_house = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && word.len() <= 6;
    let plain = folded_words(text);
    let is_named = || {
        plain.split(' ').next().is_some_and(|word| has_word(BEFORE, word))
            || plain.split(' ').any(|word| WITHIN.iter().any(|end| word.ends_with(end)))
    };
    let has_house =
        words.first().is_some_and(is_house) && plain.split(' ').any(|word| word.len() > 1 && word.bytes().all(|b| b.is_ascii_lowercase()));
    (2..=12).contains(&words.len()) && (has_house || words.iter().skip(1).any(is_house) && is_named())
}

/// `Tulsa OK`, `Winkler, MB`, `Austin, TX 78701`.
fn is_city_with_state(text: &str) -> bool {
    const STATES: &str = "\
        AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN \
        TX UT VT VA WA WV WI WY DC PR AB BC MB NB NL NS NT NU ON PE QC SK YT NSW VIC QLD TAS ACT UK USA";
    let mut words = text.split([' ', ',']).filter(|word| !word.is_empty());
    let mut last = words.next_back();
    if last.is_some_and(|word| word.bytes().any(|b| b.is_ascii_digit())) {
        last = words.next_back();
    }
    last.is_some_and(|word| has_word(STATES, word)) && words.next().is_some_and(|word| word.chars().any(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(cells: &[&str]) -> ColumnProfile {
        let records: Vec<crate::engine::record::Cells> = cells.iter().map(|cell| crate::engine::record::Cells::from(vec![*cell])).collect();
        ColumnProfile::of(&records, 1).remove(0)
    }

    #[test]
    fn the_kinds_of_columns() {
        for (cells, expected) in [
            (&["", "N/A", " - "][..], Kind::Empty),
            (&["ann@example.com", "Bo <bo@example.org>", "mailto:c@example.net", "d@example.com; e@example.com"], Kind::Emails),
            (&["+1 (204) 555-0101", "555-0102", "204.555.0103", "2045550104", "p:+12045550105"], Kind::Phones),
            (&["06 12 34 56 78", "0612345678", "+33 6 12 34 56 78"], Kind::Phones),
            (&["$238,224", "€ 1.250.000,50", "200k", "1.2 Cr", "85 L", "$200k-$300k"], Kind::Amounts),
            (&["238,224", "1250000.5", "1.250.000,50", "500", "(500)", "-12,5", "1 234 567", "12%"], Kind::Numbers),
            (
                &["2024-03-15 09:12:00", "03/15/2024 9:12 AM", "20.03.2024", "15-Jan-2024", "Mar 20 2024", "2025-10-30T16:11:03.563139"],
                Kind::Dates,
            ),
            (&["https://example.com/a", "www.example.org"], Kind::Links),
            (&["Ann Lee", "José Ñandú", "O'Hara, Tess", "Jean-Luc P.", "田中太郎", "van der Berg"], Kind::Names),
            (&["Tulsa OK", "Winkler, MB", "Austin, TX 78701", "12 Elm St", "Hauptstr. 5"], Kind::Places),
            (&["Facebook Ads", "Google", "Walk-in", "Referral"], Kind::Sources),
            (&["New", "CONTACTED", "Closed - Won", "Open"], Kind::Statuses),
            (&["L001", "L002", "R101", "K12"], Kind::Mixed),
            (&["Contact 1", "Tower 2", "Company 0"], Kind::Mixed),
            (&["R$ 450.000,00", "R 5000", "kr 1 000", "CHF 1'000"], Kind::Amounts),
            (&["Ann Lee", "5", "ann@example.com", "2024-01-01"], Kind::Mixed),
            (&["She asked for a call, but only after six; is to be tried again!"], Kind::Mixed),
        ] {
            assert_eq!(profile(cells).kind(), expected, "{cells:?} {:?}", profile(cells));
        }
    }

    #[test]
    fn numbers_that_are_no_money() {
        for (cells, expected) in [
            (&["1", "2", "3", "4"][..], true),
            (&["10001", "10002", "10003", "10004"], true),
            (&["74101", "83702", "97301", "30303"], true),
            (&["1987", "2004", "2019"], true),
            (&["3", "2", "4"], true),
            (&["400000", "325000", "99000"], false),
            (&["45000", "52000", "87500"], false),
            (&["5550142", "5550177"], true),
            (&["5550100", "5550101"], true),
            (&["1250000", "2300000"], false),
        ] {
            assert_eq!(profile(cells).counts_something(), expected, "{cells:?}");
        }
    }

    #[test]
    fn names_echo_in_the_address_of_their_row() {
        let rows = [["Ann Lee", "ann.lee@example.com", "Tower West"], ["Bo Dahl", "bdahl@example.org", "Park East"]];
        let records: Vec<crate::engine::record::Cells> = rows.iter().map(|row| crate::engine::record::Cells::from(row.to_vec())).collect();
        let profiles = ColumnProfile::of(&records, 4);
        assert_eq!(profiles.iter().map(|profile| profile.echoes).collect::<Vec<_>>(), [2, 0, 0, 0]);
        assert_eq!(profiles[3], ColumnProfile { rows: 2, ..ColumnProfile::default() });
    }

    #[test]
    fn bytes_that_are_no_text_are_just_filled() {
        let records = [crate::engine::record::Cells::from(vec![b"Orl\xe9ans".as_slice()])];
        let profile = ColumnProfile::of(&records, 1).remove(0);
        assert_eq!((profile.filled, profile.kind()), (1, Kind::Mixed));
    }
}
