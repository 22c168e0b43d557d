//! Lists in twenty-odd languages, made here, in every encoding that their people use.

use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, GB18030, GBK, IBM866, ISO_8859_2, ISO_8859_4, ISO_8859_5, ISO_8859_7, ISO_8859_13, ISO_8859_15, KOI8_R, KOI8_U,
    MACINTOSH, SHIFT_JIS, WINDOWS_874, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1255, WINDOWS_1256,
    WINDOWS_1257,
};
use proptest::prelude::*;

use super::*;

/// Names and places of one language, none of them chosen by how easy they are; and the encodings they come in.
struct People {
    language: &'static str,
    cells: &'static str,
    charsets: &'static [&'static encoding_rs::Encoding],
}

const WEST: &[&encoding_rs::Encoding] = &[WINDOWS_1252, MACINTOSH, ISO_8859_15];
const EAST: &[&encoding_rs::Encoding] = &[WINDOWS_1250, ISO_8859_2];
const RUSSIAN: &[&encoding_rs::Encoding] = &[WINDOWS_1251, KOI8_R, ISO_8859_5, IBM866];

const PEOPLE: &[People] = &[
    People {
        language: "German",
        cells: "Käthe Bräunig|Böblingen|Gräfin-Dönhoff-Weg|Jürgen Süßmilch|Plön|Übach|Rößler|Hüttner|Veit Öttl|Ägidius Kürten|Fränzi Möhn|Bünde",
        charsets: WEST,
    },
    People {
        language: "French",
        cells: "Hélène Béchard|Angoulême|Rue du Maréchal|Noémie Crépin|Béziers|Allée des Érables|Aimé Césaire|Mâcon|Loïck Duchêne|Bénédicte Prévôt|Rhône",
        charsets: WEST,
    },
    People {
        language: "Spanish",
        cells: "Íñigo Quiñones|Cáceres|Calle Núñez de Balboa|Ángela Peñalver|Logroño|Iván Cañizares|Begoña Ávalos|Mérida|Damián Bermúdez|Güímar|Tomás Ureña",
        charsets: WEST,
    },
    People {
        language: "Portuguese",
        cells: "Tomé Falcão|Covilhã|Rua da Conceição|Estêvão Simões|Portimão|Natália Bragança|Póvoa|Uberlândia|Cecília Antunes|Ilhéus|Ângelo Brandão",
        charsets: WEST,
    },
    People {
        language: "Italian",
        cells: "Niccolò Scirè|Forlì|Via della Libertà|Mosè Pagà|Cefalù|Totò Macrì|Viale Unità d'Italia|Nicolò Rendà|Località Fontanè|Cantù",
        charsets: WEST,
    },
    People {
        language: "Danish and Norwegian",
        cells: "Øjvind Kjærbøl|Hjørring|Åboulevarden|Sølvi Brødløs|Ålgård|Grønnegade|Bjørnar Fløgstad|Tønder|Håvar Sæbø|Ærøskøbing|Rødovre",
        charsets: WEST,
    },
    People {
        language: "Swedish and Finnish",
        cells: "Märit Hägglund|Härnösand|Ängsvägen|Örjan Sjöstedt|Åmål|Yrjö Pänkäläinen|Kyösti Häkämies|Hyvinkää|Gösta Bäckström|Råå|Ulvsjön",
        charsets: WEST,
    },
    People {
        language: "Icelandic",
        cells: "Þorgerður Óðinsdóttir|Stykkishólmur|Ráðhústorg|Ásbjörn Þráinsson|Siglufjörður|Hávarður Ýmisson|Sauðárkrókur|Úlfhildur Ægisdóttir",
        charsets: &[WINDOWS_1252],
    },
    People {
        language: "Polish",
        cells: "Błażej Gąsior|Świętochłowice|ulica Żwirki|Łucja Szczęsna|Wąbrzeźno|Iść Mróz|Bronisława Żółkoś|Pułtusk|Krzyżanowska-Śledź|Żory",
        charsets: EAST,
    },
    People {
        language: "Czech",
        cells: "Oldřich Přikryl|Třeboň|Dlážděná|Květoslava Šťávová|Česká Třebová|Radůza Ježková|Uherské Hradiště|Břetislav Žďárský|Mělník",
        charsets: EAST,
    },
    People {
        language: "Slovak",
        cells: "Ľuboš Hrušovský|Vráble|Tatranská Štrba|Žaneta Rybárová|Stará Ľubovňa|Čestmír Ďurček|Kežmarok|Svätý Jur|Viliam Škvarenina|Púchov",
        charsets: EAST,
    },
    People {
        language: "Hungarian",
        cells: "Csörgő Dezső|Hajdúböszörmény|Jókai utca|Szűts Rózsa|Kőszeg|Füredi Márton|Gyöngyvér Bődi|Mátészalka|Hegedűs Ádám|Pápa|Öcsöd",
        charsets: EAST,
    },
    People {
        language: "Croatian and Slovene",
        cells: "Božidarka Šverko|Đurđevac|Ulica Matije Ivanića|Žarko Čupić|Ljutomer Šolska|Metličar Vlašić|Kuća Grubišić|Našice|Anže Črnko|Žužemberk",
        charsets: EAST,
    },
    People {
        language: "Russian",
        cells: "Прохор Щукин|Череповец|улица Рылеева|Зинаида Тюленева|Элиста|Гульнара Хасанова|Магнитогорск|Эдуард Чижов|Невинномысск|Юлиан Пьяных",
        charsets: RUSSIAN,
    },
    People {
        language: "Ukrainian",
        cells: "Остап Гриценко|Бердичів|вулиця Січових Стрільців|Зоряна Їжакевич|Кам'янець|Соломія Єфремова|Дрогобич|Левко Ящук|Ізюм",
        charsets: &[WINDOWS_1251, KOI8_U],
    },
    People {
        language: "Greek",
        cells: "Θωμάς Ζαχαρίου|Κοζάνη|Οδός Φιλελλήνων|Ευτυχία Ψαρρά|Ναύπλιο|Λάμπρος Ξένος|Ρέθυμνο|Βαρβάρα Χατζή|Δράμα|Ήλιος Ώριμος",
        charsets: &[WINDOWS_1253, ISO_8859_7],
    },
    People {
        language: "Turkish",
        cells: "Tuğrul Kırmızıgül|Şırnak|Gülbahçe Sokağı|Feyzioğlu Işıl|Muğla|Özge Büyükçınar|Hakkâri Yeniköy|Çiğdem Ağırbaş|Bingöl|Şafak Eroğlu",
        charsets: &[WINDOWS_1254],
    },
    People {
        language: "Lithuanian",
        cells: "Žygimantas Šimėnas|Anykščiai|Pušyno gatvė|Jolė Čepaitė|Širvintos|Gintarė Vyšniūnaitė|Naujoji Akmenė|Ąžuolo Kęsgaila|Rūdiškės",
        charsets: &[WINDOWS_1257, ISO_8859_13, ISO_8859_4],
    },
    People {
        language: "Latvian",
        cells: "Ģederts Šķēle|Kandavas iela|Ķegums|Žanete Dūmiņa|Smiltēnu iela|Līksna Ēķis|Ainārs Šļakota|Pļaviņas|Dzērbene|Ādaži",
        charsets: &[WINDOWS_1257, ISO_8859_13, ISO_8859_4],
    },
    People {
        language: "Hebrew",
        cells: "גלעד שטרן|קריית גת|רחוב העצמאות|נגה אלמוג|נהריה|אסף טולדנו|זכרון יעקב",
        charsets: &[WINDOWS_1255],
    },
    People {
        language: "Arabic",
        cells: "سمير العطار|طنطا|شارع الزهور|لمياء قاسم|الإسماعيلية|وليد بدران|حلب|نجلاء شاهين",
        charsets: &[WINDOWS_1256],
    },
    People {
        language: "Thai", cells: "กมล รุ่งเรือง|ลำปาง|ถนนมิตรภาพ|จันทร์เพ็ญ ศรีทอง|ตราด|ปรีชา แก้วมณี", charsets: &[WINDOWS_874]
    },
    People {
        language: "Japanese",
        cells: "村上 龍之介|鎌倉市|青葉区美しが丘|大塚 ひとみ|盛岡市|松田 沙織|タナカ商店|堺市北区|三浦 健吾|新宿区西新宿",
        charsets: &[SHIFT_JIS, EUC_JP],
    },
    People {
        language: "Chinese (simplified)",
        cells: "欧阳振华|绍兴市越城区|人民路|司徒晓燕|烟台市|解放大道|尉迟敬德|洛阳市|牡丹江|顾晓彤",
        charsets: &[GB18030, GBK],
    },
    People {
        language: "Chinese (traditional)",
        cells: "歐陽靖雯|新竹縣竹北市|光復北路|司馬懿德|台東縣|羅東鎮|民族一路|鍾佩玲|葉志豪|鳳山區",
        charsets: &[BIG5],
    },
    People {
        language: "Korean",
        cells: "선우재덕|춘천시|소양로|황보라|경상북도 구미시|남궁민수|제천시|독고영재|충청남도 아산시|배수아",
        charsets: &[EUC_KR],
    },
];

/// Cells that are the same in ASCII in every list.
fn list(cells: &[&str], rows: usize, delimiter: char) -> String {
    let mut text = ["name", "email", "city", "note", "value"].join(&delimiter.to_string());
    text.push_str("\r\n");
    for row in 0..rows {
        let cell = |at: usize| cells[(row * 3 + at) % cells.len()];
        let (name, city, email) = (cell(0), cell(1), format!("lead{row}@example.com"));
        let note = if row % 3 == 0 { cell(2) } else { "call back" };
        text.push_str(&[name, &email, city, note, &format!("{}", 1000 * row)].join(&delimiter.to_string()));
        text.push_str("\r\n");
    }
    text
}

/// The text in an encoding, or `None` where it has letters that the encoding does not.
fn encode(text: &str, charset: &'static encoding_rs::Encoding) -> Option<Vec<u8>> {
    let (bytes, _, is_lossy) = charset.encode(text);
    (!is_lossy).then(|| bytes.into_owned())
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

fn decode(bytes: &[u8], encoding: Encoding) -> Vec<u8> {
    let mut out = Vec::new();
    Decoder::new(encoding).decode(bytes, true, &mut out);
    out
}

fn read(bytes: &[u8]) -> String {
    let detected = detect(bytes, true, None).expect("a list");
    String::from_utf8_lossy(&decode(bytes, detected.encoding)).into_owned()
}

/// How many of the lists of so many rows are read as they were written, by encoding.
fn accuracy(rows: usize) -> Vec<(&'static str, usize, usize, Vec<String>)> {
    let mut by_charset: Vec<(&'static str, usize, usize, Vec<String>)> = Vec::new();
    for people in PEOPLE {
        let cells: Vec<&str> = people.cells.split('|').collect();
        for (charset, start) in people.charsets.iter().flat_map(|charset| (0..cells.len()).map(move |start| (*charset, start))) {
            let mut turned = cells.clone();
            turned.rotate_left(start);
            let text = list(&turned, rows, [',', ';', '\t', '|'][start % 4]);
            let Some(bytes) = encode(&text, charset) else { continue };
            if !by_charset.iter().any(|(name, ..)| *name == charset.name()) {
                by_charset.push((charset.name(), 0, 0, Vec::new()));
            }
            let (_, all, right, wrong) = by_charset.iter_mut().find(|(name, ..)| *name == charset.name()).expect("just pushed");
            *all += 1;
            if read(&bytes) == text {
                *right += 1;
            } else {
                wrong.push(format!("{} from {}: {:?}", people.language, turned[0], detect(&bytes, true, None)));
            }
        }
    }
    by_charset
}

fn check_accuracy(rows: usize, least_percent: usize) {
    for (name, all, right, wrong) in accuracy(rows) {
        println!("{rows} rows, {name}: {right} of {all}");
        assert!(right * 100 >= all * least_percent, "{rows} rows in {name}: {right} of {all} right; wrong: {wrong:#?}");
    }
}

#[test]
fn lists_of_one_row_are_mostly_read_right() {
    check_accuracy(1, 75);
}

#[test]
fn lists_of_three_rows_are_read_right() {
    check_accuracy(3, 95);
}

#[test]
fn lists_of_ten_rows_are_read_right() {
    check_accuracy(10, 98);
}

#[test]
fn lists_of_fifty_rows_are_read_right() {
    check_accuracy(50, 98);
}

#[test]
fn utf16_is_read_in_every_language_with_and_without_a_mark() {
    for people in PEOPLE {
        let cells: Vec<&str> = people.cells.split('|').collect();
        for (rows, delimiter) in [(1, ','), (3, ';'), (30, '\t')] {
            let text = list(&cells, rows, delimiter);
            for (name, bytes) in [("UTF-16LE", u16::to_le_bytes as fn(u16) -> [u8; 2]), ("UTF-16BE", u16::to_be_bytes)] {
                let plain = utf16(&text, bytes);
                let marked = utf16(&format!("\u{feff}{text}"), bytes);
                let told = |bytes: &[u8]| detect(bytes, true, None).expect("a list").encoding.as_str();
                assert_eq!((told(&plain), told(&marked)), (name, format!("{name} with BOM").as_str()), "{}", people.language);
                assert_eq!((read(&plain), read(&marked)), (text.clone(), text.clone()), "{}", people.language);
                // A head that is cut inside a unit is still known.
                assert_eq!(detect(&plain[..plain.len() - 3], false, None).expect("a list").encoding.as_str(), name);
            }
        }
    }
}

#[test]
fn signs_alone_are_read_right() {
    for text in [
        "name,price\nAnn,€ 500\nBob,£20\n",
        "name,note\nO’Brien,“call back”\nD’Arcy,2–3 rooms…\n",
        "name,note\nAnn,café – 25°\n",
        "name,note\nAnn,Acme®\nBob,Foo™ Ltd\n",
        "name,note\nAnn,Nº 5\nBob,3º izq.\n",
        "name,note\nAnn,¿Cuándo?\n",
        "name,note\nAnn,a\u{a0}b\n",
    ] {
        for charset in [WINDOWS_1252, MACINTOSH] {
            let bytes = encode(text, charset).expect("western signs");
            assert_eq!(read(&bytes), text, "{}: {:?}", charset.name(), detect(&bytes, true, None));
        }
    }
}

#[test]
fn damage_in_utf8_costs_its_rows_only() {
    for damaged in [
        &b"name\nJos\xc3\xa9\nM\xc3\xbcller\n\xff\xfe\n"[..],
        b"name\nJos\xc3\xa9\nan\xffn\n",
        b"name\nJos\xc3\xa9\nM\xfcller\n",
        b"name\nann\nb\xffb\n",
        b"name\nann\nb\xc3(b\n",
        b"name\n\xe6\x9d\x8e\xe6\x98\x8e,\xe6\x9d\n",
    ] {
        let detected = detect(damaged, true, None).expect("a list");
        assert!(detected.encoding.is_utf8(), "{}: {detected:?}", damaged.escape_ascii());
        assert!(detected.confidence < 1.0);
        assert_eq!(decode(damaged, detected.encoding), damaged, "damage passes through");
    }
    // A character that the end of the head cuts is no damage.
    let cut = detect(b"name\nJos\xc3", false, None).expect("a list");
    assert_eq!((cut.encoding, cut.confidence.to_bits()), (Encoding::UTF_8, 1.0_f64.to_bits()));
}

#[test]
fn text_is_read_with_and_without_a_mark() {
    for (head, name, mark_len) in [
        (&b"name,email"[..], "UTF-8", 0),
        (b"\xef\xbb\xbfname", "UTF-8 with BOM", 3),
        (b"\xef\xbb\xbf", "UTF-8 with BOM", 3),
        (b"\xff\xfen\0a\0", "UTF-16LE with BOM", 2),
        (b"\xfe\xff\0n\0a", "UTF-16BE with BOM", 2),
        (
            b"na\0me,email,value,location,phone,source,notes,more,and more so that one zero byte is less than one in a hundred bytes",
            "UTF-8",
            0,
        ),
        (b"a,b\n\x1b$B;3ED\x1b(B,1\n", "ISO-2022-JP", 0),
        (b"MZ,a\n1,2\n", "UTF-8", 0),
    ] {
        let encoding = detect(head, true, None).expect("text").encoding;
        assert_eq!((encoding.as_str(), encoding.mark_len()), (name, mark_len));
    }
}

#[test]
fn what_is_wanted_is_heeded_after_the_mark() {
    let latin = named("latin1").expect("an encoding");
    let wide = named("utf-16").expect("an encoding");
    for (head, wanted, name, text) in [
        (&b"Jos\xe9"[..], latin, "windows-1252", "José"),
        (b"Jos\xc3\xa9", latin, "windows-1252", "JosÃ©"),
        (b"\xef\xbb\xbfJos\xe9", latin, "windows-1252", "José"),
        (b"\xfe\xff\0a\0b", latin, "UTF-16BE with BOM", "ab"),
        (b"\xfe\xff\0a\0b", wide, "UTF-16BE with BOM", "ab"),
        (b"a\0b\0", wide, "UTF-16LE", "ab"),
        (b"\xef\xbb\xbfab", Encoding::UTF_8, "UTF-8 with BOM", "ab"),
    ] {
        let detected = detect(head, true, Some(wanted)).expect("text");
        assert_eq!(detected.encoding.as_str(), name);
        assert_eq!(String::from_utf8(decode(head, detected.encoding)).expect("UTF-8"), text);
    }
}

#[test]
fn what_is_not_a_list_is_named() {
    for (head, told) in [
        (&b""[..], "empty"),
        (b"\x89PNG\r\n\x1a\n....", "PNG"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04....", "ZIP archive or an Excel"),
        (b"\0\0\0\0", "zero bytes"),
        (b"\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0\x03", "zero bytes"),
        (b"d>\x01\x8f7\x02\xa0\x9dKh\x1f\x03P\xff\x04\x05", "no text"),
        (b"  <!DOCTYPE html>", "web page"),
        (b"\xff\xfe<\0h\0t\0m\0l\0>\0", "web page"),
        (b"\xff\xfe\0\0a\0\0\0", "UTF-32"),
        (b"MZ\x90\0\x03\0\0\0\x04", "program"),
    ] {
        let error = detect(head, true, None).expect_err("refused");
        assert!(error.what.contains(told), "{} should name {told}", error.what);
    }
    assert!(detect(b"\0\0\0\0", true, named("windows-1252")).is_err(), "whatever is wanted");
}

#[test]
fn encodings_go_by_many_names() {
    for (label, name) in [
        ("utf8", Some("UTF-8")),
        (" UTF-8 ", Some("UTF-8")),
        ("utf_8_sig", Some("UTF-8")),
        ("latin1", Some("windows-1252")),
        ("Latin-1", Some("windows-1252")),
        ("ISO 8859-1", Some("windows-1252")),
        ("cp1252", Some("windows-1252")),
        ("Windows 1250", Some("windows-1250")),
        ("ANSI", Some("windows-1252")),
        ("mac roman", Some("macintosh")),
        ("MacRoman", Some("macintosh")),
        ("UTF-16", Some("UTF-16LE")),
        ("utf-16be", Some("UTF-16BE")),
        ("Shift JIS", Some("Shift_JIS")),
        ("sjis", Some("Shift_JIS")),
        ("cp932", Some("Shift_JIS")),
        ("GB18030", Some("gb18030")),
        ("gb2312", Some("GBK")),
        ("big5", Some("Big5")),
        ("cp949", Some("EUC-KR")),
        ("euc_kr", Some("EUC-KR")),
        ("koi8r", Some("KOI8-R")),
        ("iso-8859-2", Some("ISO-8859-2")),
        ("hz-gb-2312", None),
        ("x-user-defined", None),
        ("klingon", None),
        ("", None),
    ] {
        assert_eq!(named(label).map(Encoding::as_str), name, "{label}");
    }
}

/// Every encoding that a [`Decoder`] may be made for.
fn any_encoding() -> impl Strategy<Value = Encoding> {
    let labels = [
        "utf-8",
        "utf-16le",
        "utf-16be",
        "windows-1252",
        "windows-1253",
        "macintosh",
        "koi8-r",
        "shift_jis",
        "euc-jp",
        "iso-2022-jp",
        "gb18030",
        "big5",
        "euc-kr",
        "iso-8859-7",
    ];
    (proptest::sample::select(labels.to_vec()), 0_usize..4)
        .prop_map(|(label, mark_len)| Encoding { mark_len, ..named(label).expect("a label of the Encoding Standard") })
}

proptest! {
    #[test]
    fn any_bytes_are_borne(head in proptest::collection::vec(any::<u8>(), 0..400), whole: bool) {
        if let Ok(detected) = detect(&head, whole, None) {
            prop_assert!((0.0..=1.0).contains(&detected.confidence), "{}", detected.confidence);
            decode(&head, detected.encoding);
        }
    }

    /// Wherever a file is cut into pieces, the same text comes out.
    #[test]
    fn decoding_is_independent_of_cuts(
        encoding in any_encoding(),
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0x80_u8..0xff, proptest::sample::select(b"\x1b$B(J\n,0aa\0".to_vec())], 0..120),
        cuts in proptest::collection::vec(0_usize..120, 0..6),
    ) {
        let whole = decode(&bytes, encoding);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.sort_unstable();
        let mut decoder = Decoder::new(encoding);
        let mut out = Vec::new();
        let mut start = 0;
        for cut in cuts {
            decoder.decode(&bytes[start..cut], false, &mut out);
            start = cut;
        }
        decoder.decode(&bytes[start..], true, &mut out);
        prop_assert_eq!(&out, &whole);
        if encoding.is_utf8() {
            prop_assert_eq!(&out[..], &bytes[encoding.mark_len.min(bytes.len())..]);
        } else {
            prop_assert!(out.split(|byte| *byte == MALFORMED).all(|part| std::str::from_utf8(part).is_ok()));
        }
    }

    /// ASCII is UTF-8 and certain, whatever it says.
    #[test]
    fn ascii_is_utf8(text in "[ -~\r\n\t]{1,200}") {
        if let Ok(detected) = detect(text.as_bytes(), true, None) {
            prop_assert_eq!(detected, certain(Encoding::UTF_8));
        }
    }
}
