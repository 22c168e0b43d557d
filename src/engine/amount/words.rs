//! The words that stand around amounts, in the languages that lead files come in: money, zeros, measures, labels, ranges.
//!
//! Only lists and their look-up; what a word means beside a number is decided elsewhere. A word in no list is just a word.

/// Bytes of the longest word in the lists; longer words are in none.
const LONGEST: usize = 32;

/// On which side of a number a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// `USD 5`
    Before,
    /// `5 USD`
    Behind,
}

/// Whether a word names a currency, standing on that side of a number.
#[must_use]
pub fn is_money(word: &str, side: Side) -> bool {
    !word.is_empty() && is_money_name(word, side)
}

fn is_money_name(word: &str, side: Side) -> bool {
    is_code(word)
        || AS_THEY_STAND.binary_search(&word.trim_end_matches('.')).is_ok()
        || folded(word, |word| MONEY.binary_search(&word).is_ok())
        || (side == Side::Behind && folded(word, |word| MONEY_BEHIND.binary_search(&word).is_ok()))
}

/// Whether it is the three-letter code of a currency, in capitals.
#[must_use]
pub fn is_code(word: &str) -> bool {
    word.len() == 3 && CODES.binary_search(&word).is_ok()
}

/// How many zeros a word behind a number stands for: 3 for `k`, 5 for `lakh`.
#[must_use]
pub fn zeros(word: &str) -> Option<u8> {
    let mut zeros = None;
    folded(word, |word| {
        zeros = TIMES.binary_search_by(|(known, _)| (*known).cmp(word)).ok().map(|at| TIMES[at].1);
        zeros.is_some()
    });
    zeros
}

/// Zeros and the currency in one word, as bookkeepers write them: `TEUR`, `kUSD`, `MSEK`.
#[must_use]
pub fn zeros_and_code(word: &str) -> Option<(u8, &str)> {
    let zeros = match word.as_bytes().first()? {
        b'k' | b'K' | b't' | b'T' => 3,
        b'm' | b'M' => 6,
        _ => return None,
    };
    word.get(1..).filter(|code| is_code(code)).map(|code| (zeros, code))
}

/// Whether a word behind a number says that it is a measure or a count, not money.
#[must_use]
pub fn is_measure(word: &str) -> bool {
    folded(word, |word| MEASURES.binary_search(&word).is_ok())
}

/// Whether a word before a number says that it is the number of something, not how much.
#[must_use]
pub fn is_label(word: &str) -> bool {
    folded(word, |word| LABELS.binary_search(&word).is_ok())
}

/// Whether a word beside a number makes it part of a date.
#[must_use]
pub fn is_date(word: &str) -> bool {
    folded(word, |word| DATES.binary_search(&word).is_ok())
}

/// Whether a word behind a number makes it a share.
#[must_use]
pub fn is_percent(word: &str) -> bool {
    folded(word, |word| PERCENT.binary_search(&word).is_ok())
}

/// Whether a word stands between the ends of a range.
#[must_use]
pub fn is_to(word: &str) -> bool {
    folded(word, |word| TO.binary_search(&word).is_ok())
}

/// Whether a word stands between the ends of a range that was announced.
#[must_use]
pub fn is_and(word: &str) -> bool {
    folded(word, |word| AND.binary_search(&word).is_ok())
}

/// Whether a word announces a range.
#[must_use]
pub fn is_between(word: &str) -> bool {
    folded(word, |word| BETWEEN.binary_search(&word).is_ok())
}

/// Whether a word without blanks around it, as in Chinese, is in one of the lists that matter behind a number.
#[must_use]
pub fn is_known_unspaced(word: &str) -> bool {
    [MONEY, MEASURES, TO, AND].iter().any(|list| list.binary_search(&word).is_ok()) || zeros(word).is_some()
}

/// Asks about a word in small letters and without the dot of an abbreviation.
fn folded(word: &str, mut ask: impl FnMut(&str) -> bool) -> bool {
    let word = word.trim_end_matches('.');
    if word.is_empty() {
        return false; // what stands there is no word
    }
    let mut buffer = [0; LONGEST];
    if word.is_ascii() {
        let Some(room) = buffer.get_mut(..word.len()) else { return false };
        room.copy_from_slice(word.as_bytes());
        room.make_ascii_lowercase();
        return std::str::from_utf8(room).is_ok_and(ask);
    }
    if ask(word) {
        return true;
    }
    let mut length = 0;
    for char in word.chars().flat_map(char::to_lowercase) {
        let Some(room) = buffer.get_mut(length..length + char.len_utf8()) else { return false };
        length += char.encode_utf8(room).len();
    }
    std::str::from_utf8(&buffer[..length]).is_ok_and(ask)
}

/// Three-letter codes, of ISO 4217 and those it has retired; many spell a word (`ALL`, `TRY`), so they count in
/// capitals only.
#[rustfmt::skip]
const CODES: &[&str] = &[
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "ATS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BEF", "BGL",
    "BGN", "BHD", "BIF", "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BYR", "BZD", "CAD", "CDF", "CHF",
    "CLF", "CLP", "CNH", "CNY", "COP", "CRC", "CUC", "CUP", "CVE", "CYP", "CZK", "DEM", "DJF", "DKK", "DOP", "DZD",
    "EEK", "EGP", "ERN", "ESP", "ETB", "EUR", "FIM", "FJD", "FKP", "FRF", "GBP", "GEL", "GGP", "GHC", "GHS", "GIP",
    "GMD", "GNF", "GRD", "GTQ", "GYD", "HKD", "HNL", "HRK", "HTG", "HUF", "IDR", "IEP", "ILS", "IMP", "INR", "IQD",
    "IRR", "ISK", "ITL", "JEP", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT",
    "LAK", "LBP", "LKR", "LRD", "LSL", "LTL", "LUF", "LVL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP",
    "MRO", "MRU", "MTL", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NLG", "NOK", "NPR", "NTD",
    "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PTE", "PYG", "QAR", "RMB", "ROL", "RON", "RSD", "RUB",
    "RUR", "RWF", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SIT", "SKK", "SLE", "SLL", "SOS", "SPL", "SRD",
    "SSP", "STD", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRL", "TRY", "TTD", "TVD", "TWD",
    "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VED", "VEF", "VES", "VND", "VUV", "WST", "XAF", "XCD", "XOF", "XPF",
    "YER", "YUM", "ZAR", "ZMK", "ZMW", "ZWD", "ZWL",
];

/// Abbreviations that are money only as they stand here: in another case they are words or measures (`Ft`, `ft`).
#[rustfmt::skip]
const AS_THEY_STAND: &[&str] = &[
    "Af", "Afl", "Ar", "BD", "Bds", "Bs", "CND", "CUC", "DM", "Db", "Dh", "Esc", "FRw", "Fbu", "Ft", "GBp", "Gs",
    "KD", "KM", "Kz", "LE", "LL", "Lek", "MDh", "MK", "MT", "NTD", "Nu", "P", "QR", "R", "RM", "Rbl", "Re", "Rf",
    "SFr", "SR", "Sh", "TSh", "USh", "VT", "Vt",
];

/// Names and abbreviations of money in any case, on either side of the amount. Without a dot at their end.
#[rustfmt::skip]
const MONEY: &[&str] = &[
    "aed", "aud", "b/", "balboa", "bdt", "bgn", "birr", "bolivares", "bolivianos", "bolívares", "brl", "bucks", "cad",
    "cedi", "cedis", "cfa", "chf", "cny", "colones", "cordobas", "czk", "córdobas", "dem", "den", "dh", "dhs", "din",
    "dinaar", "dinar", "dinara", "dinars", "dirham", "dirhams", "dirhem", "dkk", "dolar", "dolares", "dolarów",
    "dollar", "dollari", "dollars", "drachma", "drachmas", "dram", "dólar", "dólares", "egp", "eur", "eura", "euro",
    "euros", "eurot", "eurų", "evro", "evrov", "fcfa", "forint", "forints", "fr", "franc", "franchi", "francs",
    "franken", "frs", "gbp", "guaranies", "guaraníes", "hkd", "hrn", "hrv", "huf", "idr", "ils", "inr", "jpy", "kc",
    "kcs", "kes", "kn", "korun", "koruna", "koruny", "korún", "kr", "krona", "krone", "kroner", "kronor", "kronur",
    "krw", "krónur", "ks", "ksh", "kshs", "kuna", "kune", "kwacha", "kyat", "kč", "kčs", "lari", "lei", "lempira",
    "lempiras", "leu", "lev", "leva", "libras", "lira", "liras", "lirası", "lire", "livres", "lkr", "manat", "markka",
    "mxn", "myr", "naira", "ngn", "nis", "nok", "nzd", "peso", "pesos", "php", "pkr", "pln", "pound", "pounds",
    "pula", "qar", "quetzal", "quetzales", "quid", "rand", "rands", "rbl", "reais", "rial", "rials", "ringgit",
    "riyal", "riyals", "rmb", "ron", "roubles", "rp", "rs", "rub", "rubl", "ruble", "rubles", "rupee", "rupees",
    "rupiah", "s/", "sar", "sek", "sfr", "sgd", "shilling", "shillings", "so'm", "soles", "som", "soum", "sterlina",
    "sterling", "stg", "taka", "tenge", "thb", "tl", "toman", "tomans", "tsh", "twd", "uah", "usd", "ush", "vnd",
    "vnđ", "ytl", "zar", "zl", "zlote", "zloty", "zlotych", "zł", "złote", "złoty", "złotych", "đồng", "ευρω", "ευρώ",
    "гривен", "гривень", "гривня", "гривні", "грн", "ден", "денари", "дин", "динара", "долл", "доллар", "доллара",
    "долларов", "драм", "евро", "лари", "лв", "лева", "лей", "манат", "руб", "рублей", "рубль", "рубля", "рублях",
    "сом", "тг", "тенге", "ש\"ח", "שח", "שקל", "שקלים", "ש״ח", "تومان", "ج.م", "جنيه", "د.أ", "د.إ", "د.ا", "د.ب",
    "د.ت", "د.ج", "د.ك", "د.م", "دج", "دراهم", "درهم", "دينار", "ر.س", "ر.ع", "ر.ق", "روپے", "ريال", "ریال", "ع.د",
    "ل.د", "ل.س", "ل.ل", "ليرة", "रु", "रुपया", "रुपये", "টাকা", "ரூ", "රු", "บาท", "人民币", "人民幣", "元", "円", "台幣", "圆",
    "圓", "块", "塊", "新台幣", "日元", "日圓", "欧元", "歐元", "港元", "港币", "美元", "달러", "엔", "원", "유로",
];

/// Money only behind the amount: before one they are more often something else (`won 500`, `Q3`).
#[rustfmt::skip]
const MONEY_BEHIND: &[&str] = &[
    "baht", "crown", "crowns", "dong", "lek", "q", "real", "som", "stg", "won", "yen", "yuan", "đ", "р",
];

/// Words and letters that stand for zeros, and how many.
#[rustfmt::skip]
const TIMES: &[(&str, u8)] = &[
    ("b", 9), ("billion", 9), ("billions", 9), ("bin", 3), ("bln", 9), ("bn", 9), ("cr", 7), ("crore", 7),
    ("crores", 7), ("crs", 7), ("duizend", 3), ("ezer", 3), ("grand", 3), ("hazaar", 3), ("hazar", 3), ("hundred", 2),
    ("jt", 6), ("juta", 6), ("k", 3), ("l", 5), ("lac", 5), ("lacks", 5), ("lacs", 5), ("lakh", 5), ("lakhs", 5),
    ("m", 6), ("md", 9), ("mds", 9), ("mia", 9), ("mii", 3), ("mila", 3), ("milhao", 6), ("milhoes", 6),
    ("milhão", 6), ("milhões", 6), ("miliar", 9), ("miliard", 9), ("miliardi", 9), ("miliardo", 9), ("miliardy", 9),
    ("miliardów", 9), ("milijun", 6), ("milijuna", 6), ("milioane", 6), ("milion", 6), ("miliona", 6), ("milione", 6),
    ("milioni", 6), ("miliony", 6), ("milionów", 6), ("milionů", 6), ("milión", 6), ("miliónov", 6), ("milióny", 6),
    ("milj", 6), ("miljard", 9), ("miljarder", 9), ("miljoen", 6), ("miljon", 6), ("miljoner", 6), ("miljoona", 6),
    ("miljoonaa", 6), ("mill", 6), ("mille", 3), ("milliard", 9), ("milliarde", 9), ("milliarden", 9),
    ("milliarder", 9), ("milliards", 9), ("million", 6), ("millionen", 6), ("millioner", 6), ("millions", 6),
    ("millon", 6), ("millones", 6), ("millón", 6), ("milyar", 9), ("milyon", 6), ("mio", 6), ("mkr", 6), ("mld", 9),
    ("mln", 6), ("mlrd", 9), ("mm", 6), ("mn", 6), ("mrd", 9), ("nghìn", 3), ("ngàn", 3), ("rb", 3), ("ribu", 3),
    ("tausend", 3), ("thd", 3), ("thousand", 3), ("thousands", 3), ("thsd", 3), ("tis", 3), ("tisíc", 3), ("tkr", 3),
    ("tn", 12), ("trillion", 12), ("trillions", 12), ("triệu", 6), ("trn", 12), ("tsd", 3), ("tuhat", 3),
    ("tusen", 3), ("tys", 3), ("tysięcy", 3), ("tỉ", 9), ("tỷ", 9), ("εκ", 6), ("εκατ", 6), ("χιλ", 3),
    ("χιλιάδες", 3), ("миллиард", 9), ("миллиарда", 9), ("миллиардов", 9), ("миллион", 6), ("миллиона", 6),
    ("миллионов", 6), ("млн", 6), ("млрд", 9), ("мільйон", 6), ("мільйонів", 6), ("тис", 3), ("тисяч", 3),
    ("трлн", 12), ("тыс", 3), ("тысяч", 3), ("тысячи", 3), ("хил", 3), ("хиляди", 3), ("אלף", 3), ("מיליארד", 9),
    ("מיליון", 6), ("آلاف", 3), ("ألف", 3), ("الف", 3), ("ملايين", 6), ("مليار", 9), ("مليون", 6), ("ملیون", 6),
    ("میلیارد", 9), ("میلیون", 6), ("هزار", 3), ("करोड़", 7), ("लाख", 5), ("हज़ार", 3), ("हजार", 3), ("พัน", 3),
    ("ล้าน", 6), ("หมื่น", 4), ("แสน", 5), ("万", 4), ("亿", 8), ("億", 8), ("兆", 12), ("千", 3), ("百万", 6), ("百萬", 6),
    ("萬", 4), ("만", 4), ("백만", 6), ("억", 8), ("조", 12), ("천", 3),
];

/// What is counted or measured: a number before one of these is no money.
#[rustfmt::skip]
const MEASURES: &[&str] = &[
    "ac", "acre", "acres", "am", "an", "anni", "anno", "ano", "anos", "ans", "año", "años", "ba", "bath", "bathroom",
    "bathrooms", "baths", "bd", "bdr", "bdrm", "bdrms", "bds", "bed", "bedroom", "bedrooms", "beds", "bhk", "br",
    "brs", "c", "camera", "camere", "cent", "cents", "chambre", "chambres", "cm", "cm²", "ct", "cts", "day", "days",
    "dia", "dias", "dormitorios", "día", "días", "etage", "feet", "floor", "floors", "foot", "ft", "g", "gaj",
    "giorni", "giorno", "gr", "groszy", "guests", "h", "ha", "habitaciones", "habitación", "hectare", "hectares",
    "hektar", "heure", "heures", "hora", "horas", "hour", "hours", "hr", "hrs", "inch", "inches", "jahr", "jahre",
    "jour", "jours", "kanal", "kg", "kgs", "kilo", "kilos", "km", "kms", "km²", "lb", "lbs", "liter", "liters",
    "litre", "litres", "locale", "locali", "m2", "marla", "mes", "mese", "meses", "mesi", "meter", "meters", "metre",
    "metres", "metri", "metros", "mi", "mile", "miles", "min", "mins", "minute", "minutes", "ml", "mois", "monat",
    "monate", "month", "months", "mq", "mts", "m²", "m³", "mètres", "mês", "nd", "o'clock", "ora", "ore", "oz", "pax",
    "pc", "pcs", "pence", "people", "person", "personen", "persons", "piece", "pieces", "pièce", "pièces", "pm",
    "psf", "qm", "quadratmeter", "quarto", "quartos", "rd", "rk", "room", "rooms", "semaine", "semaines", "semana",
    "semanas", "senti", "sf", "sq", "sqft", "sqm", "st", "stk", "storey", "storeys", "stunden", "stück", "tag",
    "tage", "th", "ton", "tonne", "tonnes", "tons", "uhr", "vani", "week", "weeks", "wk", "wks", "woche", "wochen",
    "yard", "yards", "yd", "yds", "year", "years", "yr", "yrs", "zimmer", "год", "года", "день", "дней", "дня",
    "кв.м", "кг", "км", "комн", "комнаты", "коп", "копеек", "лет", "м", "м2", "м²", "мес", "месяц", "месяцев", "час",
    "часов", "шт", "㎡", "个", "人", "個", "分", "台", "号", "坪", "室", "平方米", "平米", "年", "日", "時", "月", "歳", "號", "階", "개",
    "년", "명", "세", "시", "월", "일", "층", "평", "호",
];

/// Names for what is numbered: a number behind one of these is no money.
#[rustfmt::skip]
const LABELS: &[&str] = &[
    "age", "apartamento", "apartment", "appartement", "apt", "area", "art", "article", "artikel", "bldg", "block",
    "box", "building", "call", "case", "cell", "chapter", "code", "etage", "fax", "flat", "floor", "house", "id",
    "ids", "interno", "item", "level", "line", "lot", "lote", "mob", "mobile", "model", "no", "nr", "num", "number",
    "numero", "nummer", "numéro", "n°", "nº", "número", "page", "phase", "phone", "piso", "planta", "plot", "plz",
    "postal", "postcode", "ref", "reference", "room", "row", "sec", "section", "size", "sku", "stage", "ste", "step",
    "suite", "tel", "telefon", "telefono", "telephone", "teléfono", "text", "ticket", "téléphone", "unit", "ver",
    "version", "vol", "whatsapp", "wohnung", "zimmer", "zip", "étage", "дом", "кв", "квартира", "номер", "тел",
    "этаж",
];

/// Months and days of the week: a number beside one is part of a date.
#[rustfmt::skip]
const DATES: &[&str] = &[
    "abr", "abril", "agosto", "août", "apr", "april", "aprile", "aug", "august", "avr", "avril", "dec", "december",
    "dez", "dezember", "dezembro", "dic", "dicembre", "diciembre", "dienstag", "dimanche", "donnerstag", "déc",
    "décembre", "ene", "enero", "feb", "febbraio", "febrero", "februar", "february", "fev", "fevereiro", "freitag",
    "fri", "friday", "févr", "février", "gen", "gennaio", "giu", "giugno", "jan", "janeiro", "januar", "january",
    "janv", "janvier", "jeudi", "juil", "juillet", "juin", "jul", "julho", "juli", "julio", "july", "jun", "june",
    "junho", "juni", "junio", "lug", "luglio", "lundi", "mag", "maggio", "mai", "maio", "mar", "march", "mardi",
    "mars", "marzo", "março", "may", "mayo", "mercredi", "mittwoch", "mon", "monday", "montag", "mär", "märz", "nov",
    "november", "novembre", "novembro", "noviembre", "oct", "october", "octobre", "octubre", "okt", "oktober", "ott",
    "ottobre", "outubro", "samedi", "samstag", "saturday", "sep", "sept", "september", "septembre", "septiembre",
    "setembro", "settembre", "sonntag", "sunday", "thu", "thurs", "thursday", "tue", "tues", "tuesday", "vendredi",
    "wed", "wednesday", "августа", "апреля", "декабря", "июля", "июня", "марта", "мая", "ноября", "октября",
    "сентября", "февраля", "января",
];

/// Between the ends of a range.
#[rustfmt::skip]
const TO: &[&str] = &[
    "a", "al", "ate", "até", "bis", "do", "hasta", "jusqu'à", "through", "thru", "til", "till", "to", "tot", "upto",
    "à", "έως", "до", "إلى", "الى", "تا", "から", "到", "至",
];

/// Between the ends of a range that was announced by one of [`BETWEEN`].
#[rustfmt::skip]
const AND: &[&str] = &[
    "a", "and", "e", "en", "et", "i", "ja", "och", "og", "und", "ve", "y", "и", "和",
];

/// Announces a range.
#[rustfmt::skip]
const BETWEEN: &[&str] = &[
    "between", "entre", "fra", "mellan", "mellem", "mellom", "mezi", "między", "tra", "tussen", "zwischen", "между",
];

/// A share, not an amount.
#[rustfmt::skip]
const PERCENT: &[&str] = &[
    "pct", "percent", "percento", "percents", "porcento", "procent", "procenta", "procentos", "prozent", "процентов",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_in_order() {
        let lists = [CODES, AS_THEY_STAND, MONEY, MONEY_BEHIND, MEASURES, LABELS, DATES, TO, AND, BETWEEN, PERCENT];
        let times: Vec<&str> = TIMES.iter().map(|(word, _)| *word).collect();
        for list in lists.into_iter().chain([&times[..]]) {
            assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
            assert!(list.iter().all(|word| word.len() <= LONGEST && !word.ends_with('.')), "{list:?}");
        }
    }

    #[test]
    fn money_and_zeros_are_never_the_same_word() {
        let both: Vec<&str> = TIMES.iter().map(|(word, _)| *word).filter(|word| is_money(word, Side::Behind)).collect();
        assert!(both.is_empty(), "{both:?}");
    }

    #[test]
    fn words_are_found_as_people_write_them() {
        assert!(
            is_money("EUR", Side::Before)
                && is_money("Eur", Side::Behind)
                && is_money("Руб.", Side::Behind)
                && is_money("ZŁ", Side::Behind)
        );
        assert!(is_money("TRY", Side::Behind) && !is_money("try", Side::Behind), "a code that is a word counts in capitals only");
        assert!(is_money("Ft", Side::Behind) && !is_money("ft", Side::Behind) && !is_money("RM2", Side::Before));
        assert!(is_money("won", Side::Behind) && !is_money("won", Side::Before));
        assert_eq!([zeros("Mio."), zeros("LAKHS"), zeros("万"), zeros("cat")], [Some(6), Some(5), Some(4), None]);
        assert_eq!([zeros_and_code("TEUR"), zeros_and_code("kSEK"), zeros_and_code("TRY")], [Some((3, "EUR")), Some((3, "SEK")), None]);
        assert!(is_measure("Sqft.") && is_label("No.") && is_date("März") && is_percent("%") == is_percent("x"));
        assert!(!is_money(&"x".repeat(500), Side::Before));
    }
}
