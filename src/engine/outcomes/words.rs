//! Words for how it went, in the languages of the dictionary of columns: won, lost, open.
//!
//! A word is compared without case, accents, spaces and punctuation, first as it stands, then without what customer systems
//! put around it (`Deal - Closed Won (100%)`). What is not here is not guessed: the row says so, or the configuration adds
//! the word. `Closed` alone is left out on purpose: to some it means sold, to others given up.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use super::Verdict;
use crate::engine::cells;
use crate::engine::headers::normalise;

const WON: &str = "\
    won|win|yes|y|true|t|1|1.0|converted|conversion|closed won|closed/won|closedwon|closed converted|won deal|deal won|won closed|\
    sold|sale|sales|sale done|sale made|closed sale|success|successful|succeeded|customer|became customer|new customer|client|signed|\
    contract signed|signed contract|agreement signed|purchased|purchase|bought|paid|ordered|order placed|enrolled|deal done|deal made|\
    ganado|ganada|cerrado ganado|cerrada ganada|vendido|vendida|si|convertido|convertida|cliente|exito|firmado|comprado|\
    gagne|gagnee|affaire gagnee|conclu|conclue|oui|vendu|vendue|vente|converti|convertie|signe|signee|succes|\
    gewonnen|ja|verkauft|verkauf|konvertiert|kunde|neukunde|erfolg|erfolgreich|unterschrieben|abgeschlossen gewonnen|geschlossen gewonnen|\
    ganho|ganha|fechado ganho|sim|venda|vendido|sucesso|assinado|\
    vinto|vinta|chiuso vinto|venduto|venduta|vendita|convertita|convertito|successo|firmato|verkocht|klant";

const LOST: &str = "\
    lost|loss|lose|no|n|false|f|0|0.0|closed lost|closed/lost|closedlost|closed not converted|lost deal|deal lost|lost closed|\
    lost to competitor|lost to competition|not interested|no interest|uninterested|not converted|unconverted|did not convert|not won|\
    no sale|not sold|unsold|no deal|dead|dead lead|dead deal|disqualified|unqualified|not qualified|failed|fail|failure|unsuccessful|\
    rejected|rejection|declined|refused|cancelled|canceled|withdrawn|abandoned|junk|junk lead|bad lead|invalid|invalid lead|\
    do not contact|went elsewhere|bought elsewhere|\
    perdido|perdida|cerrado perdido|cerrada perdida|no interesado|no interesada|sin interes|descartado|descartada|rechazado|rechazada|\
    cancelado|no convertido|\
    perdu|perdue|affaire perdue|non|pas interesse|pas interessee|refuse|refusee|disqualifie|annule|\
    verloren|nein|kein interesse|nicht interessiert|abgelehnt|disqualifiziert|abgesagt|abgeschlossen verloren|geschlossen verloren|\
    storniert|\
    fechado perdido|nao|nao interessado|nao interessada|recusado|desqualificado|\
    perso|persa|chiuso perso|non interessato|non interessata|rifiutato|scartato|annullato|nee|geen interesse";

const OPEN: &str = "\
    open|opened|reopened|new|new lead|pending|in progress|ongoing|contacted|not contacted|open not contacted|working|working contacted|\
    in contact|attempted|attempted to contact|attempting contact|attempting to contact|no answer|not reached|left voicemail|callback|\
    call back|called|qualified|qualifying|in qualification|sales qualified|marketing qualified|sales qualified lead|\
    marketing qualified lead|negotiation|negotiating|in negotiation|nurturing|nurture|nurtured|follow up|followup|proposal|\
    proposal sent|quote sent|offer sent|offer made|contract sent|under contract|appointment|appointment set|appointment scheduled|\
    meeting|meeting scheduled|demo|demo scheduled|presentation|presentation scheduled|needs analysis|prospecting|prospect|discovery|\
    evaluation|interested|connected|engaged|on hold|waiting|in review|under review|undecided|not yet|tbd|\
    qualified to buy|decision maker bought in|value proposition|perception analysis|id decision makers|\
    nuevo|nueva|abierto|abierta|pendiente|en proceso|en curso|contactado|contactada|calificado|cualificado|negociacion|en negociacion|\
    nouveau|nouvelle|ouvert|ouverte|en cours|en attente|contacte|contactee|qualifie|qualifiee|negociation|\
    neu|offen|in bearbeitung|laufend|kontaktiert|qualifiziert|verhandlung|in verhandlung|wiedervorlage|\
    novo|nova|aberto|aberta|em andamento|pendente|contatado|contactado|qualificado|negociacao|em negociacao|\
    nuovo|nuova|aperto|aperta|in corso|in attesa|contattato|contattata|qualificato|trattativa|in trattativa|nieuw|lopend";

/// What customer systems put around the word.
const AROUND: [&str; 14] =
    ["deal", "lead", "opportunity", "opp", "status", "stage", "state", "case", "outcome", "result", "the", "is", "as", "contract"];

/// Words that are only yes or no: they say how it went where the column asks that, and nothing under a mere `status`.
const YES_OR_NO: &str = "|yes|no|y|n|true|false|t|f|1|0|1.0|0.0|si|oui|non|ja|nein|sim|nao|nee|";

static WORDS: LazyLock<HashMap<String, Verdict>> = LazyLock::new(|| {
    let lists = [(WON, Verdict::Won), (LOST, Verdict::Lost), (OPEN, Verdict::Open)];
    lists.into_iter().flat_map(|(list, verdict)| list.split('|').map(move |word| (key_of(word), verdict))).collect()
});

/// What a cell says; `None` for a word that is not known. `own` are configured words by their keys.
pub(super) fn verdict(cell: &str, own: &BTreeMap<String, Verdict>) -> Option<Verdict> {
    let text = cells::trim(cell);
    if text.len() > 100 {
        return None; // a text, not a word
    }
    let key = key_of(text);
    if let Some(verdict) = own.get(&normalise(text)).or_else(|| WORDS.get(&key)) {
        return Some(*verdict);
    }
    if key.is_empty() && text.chars().all(|c| !c.is_alphanumeric()) || cells::means_missing(text) {
        return Some(Verdict::Open);
    }
    let bare = without_surroundings(text);
    own.get(&bare).or_else(|| WORDS.get(&bare)).copied()
}

/// Whether a cell says no more than yes or no.
pub(super) fn is_yes_or_no(cell: &str) -> bool {
    let text = cells::trim(cell).to_lowercase();
    YES_OR_NO.contains(&format!("|{text}|")) || YES_OR_NO.contains(&format!("|{}|", normalise(&text)))
}

/// `1.0`, as programs write a 1 among numbers, must not become a 10.
fn key_of(word: &str) -> String {
    match word {
        "1.0" | "1.00" => "1".to_owned(),
        "0.0" | "0.00" => "0".to_owned(),
        _ => normalise(word),
    }
}

/// The key of a text without numbers and the words in [`AROUND`]; as it is where nothing else is in it.
fn without_surroundings(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let is_bare = |word: &&str| {
        let lower = word.to_lowercase();
        !AROUND.contains(&lower.as_str()) && !word.bytes().all(|byte| byte.is_ascii_digit())
    };
    words.filter(is_bare).map(normalise).collect()
}
