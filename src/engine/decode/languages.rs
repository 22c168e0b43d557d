//! What the letters of people's names, towns and streets look like, language by language: the knowledge by which
//! [`super::legacy`] tells one reading of the same bytes from another.
//!
//! For every language its letters beyond ASCII with their share per hundred (rounded from general knowledge of the
//! language; only the order of magnitude matters), and everyday words that show which letters stand beside which. It is
//! no dictionary: a word that is not here is judged by its letters alone.

/// One language, as far as its letters go.
#[derive(Debug)]
pub(super) struct Language {
    /// The letters that are not ASCII, each followed by its share in per cent of them all.
    pub letters: &'static str,
    /// Words of the kind that stand in lists.
    pub words: &'static str,
    /// How usual it is in lists beside the others of its encodings, which are about 1.
    pub usual: f64,
}

/// Written with Latin letters.
pub(super) const GERMAN: Language = Language {
    letters: "ü36 ä26 ö20 ß15 é2 è1",
    words: "Müller Schäfer Köhler Krüger Böhm Größe Straße Weiß Groß Jürgen Günther Günter Björn Jörg Jörn Bärbel Käthe Rüdiger \
        Sören Götz Schröder Krämer Jäger Möller Schütz Kühn Bräuer Fröhlich Lübeck München Köln Düsseldorf Nürnberg Würzburg \
        Tübingen Göttingen Münster Saarbrücken Österreich Zürich Fürth Mönchengladbach Osnabrück Lüneburg Gütersloh \
        Königstraße Schloßstraße Brücke Mühle Mühlweg Grün Hügel Höhe Gärten Gäste Bäcker Küche Häuser Hänsel Löwe Förster \
        Börse Straßburg Gießen Meißen Preußen Thüringen Römer Händler Größer Märkte über für Übersicht Ärzte Öffnung Käufer \
        Verkäufer Schön Grünewald Schäffer Böttcher Küster Lütt Dörr Süd Nürtingen Mädchen René André Hélène",
    usual: 1.0,
};
pub(super) const FRENCH: Language = Language {
    letters: "é60 è13 ê5 ç5 à4 ô4 î2 ë2 â2 ï1 û1 ù1 œ1 ÿ0.1",
    words: "José André René Hélène Hervé Stéphane Stéphanie Frédéric Jérôme Sébastien Cédric Gérard Thérèse Geneviève François \
        Françoise Benoît Noël Zoé Chloé Léa Élodie Émilie Éric Étienne Agnès Mélanie Céline Valérie Véronique Aurélie Désirée \
        Raphaël Gaëlle Joël Maël Loïc Anaïs Inès Irène Hélier Lefèvre Lefèbvre Béranger Bérard Gérardin Lévêque Lemaître \
        Orléans Nîmes Besançon Évry Créteil Saint-Étienne Châtelet Montréal Québec Genève Neuchâtel Liège Trois-Rivières \
        Château Hôtel Théâtre Église Forêt Côte Chêne République Général Président Rivière Vallée Allée Fossé Prés Légion \
        Fédération Société Propriété Qualité Côté Bâtiment Août Février Décembre à où déjà très près après même être \
        Pâquerettes Cœur Sœur Œuvre garçon reçu leçon Guérin Mahé Dupré Rémi Rémy Gaétan Adélaïde Héloïse Zoë Côme Jérémy",
    usual: 1.0,
};
pub(super) const SPANISH: Language = Language {
    letters: "é14 á22 í24 ó20 ñ12 ú7 ü1",
    words: "José María Jesús Ramón Ángel Martín Sofía Lucía Andrés Raúl Iván Óscar Víctor Héctor Adrián Joaquín Agustín Sebastián \
        Fabián Germán Julián Nicolás Tomás Inés Mónica Verónica Rocío Belén Concepción Asunción Encarnación García Martínez \
        López Sánchez Pérez Gómez Fernández Rodríguez González Hernández Jiménez Díaz Álvarez Muñoz Núñez Peña Ibáñez Ordóñez \
        Gutiérrez Suárez Ramírez Vázquez Domínguez Benítez Méndez Cortés Cáceres Córdoba Málaga Cádiz León Bogotá Medellín \
        México Yucatán Mérida Perú Panamá Asunción España Logroño Coruña Ávila Jaén Almería Gijón Móstoles Alcalá \
        Calle Constitución Estación Mayor Señora Niño Año Avda Médico Teléfono Dirección Código Población Número Pública \
        Jardín Río Plaza Camión Unión Revolución Héroes Ignacio Zúñiga Agüero Güemes Cigüeña Begoña Íñigo Íñiguez Úbeda",
    usual: 1.0,
};
pub(super) const PORTUGUESE: Language = Language {
    letters: "ã20 é13 á12 ç15 í9 ó9 ê7 õ4 ú5 â3 ô3 à2",
    words: "João José António Antônio Sebastião Simão Estêvão Conceição Assunção Gonçalo Gonçalves Magalhães Guimarães Simões \
        Fernão Inês Luís Luísa Sérgio Mário Cláudia Patrícia Vítor Mónica Mônica Verônica Júlia Júlio Lúcia Lívia Letícia \
        Flávia Fábio Rogério Antão Leão Brandão Falcão Galvão Araújo Sá Mendonça França Lourenço Conceição Moisés Jesús \
        São Paulo Brasília Goiânia Belém Maceió Vitória Florianópolis Santarém Évora Setúbal Guimarães Ribeirão Sorocaba \
        Uberlândia Jundiaí Maringá Paraná Ceará Maranhão Amapá Rondônia Açores Lisboa Avenida Praça Condomínio Número Jardim \
        Estação Travessa Coração Nações Constituição República Câmara Ângelo Ângela Antônia Câncio Três Corações Irmão Órfãos \
        não informação endereço preço código telefone município Água Águas Sé Hélio Zé André Thaís Taís Íris Érica",
    usual: 1.0,
};
pub(super) const ITALIAN: Language = Language {
    letters: "à30 è20 ò18 ù14 ì12 é6",
    words: "Nicolò Niccolò Mosè Noè Giosuè Salomè Cantù Forlì Città Libertà Università Trinità Santità Unità Carità Civiltà Società \
        Proprietà Qualità Attività Comò Salò Cefalù Canicattì Mondovì Lunedì Martedì Mercoledì Giovedì Venerdì Perché però più già può \
        Calò Patanè Nardò Cirò Agrò Macrì Chiricò Laganà Falcomatà Romanò Marafiotì Zagarì Strangì Bonfà Corrò Casà Almè Zanè Caffè \
        Papà Virtù Gesù Sanità Totò Niccolò Portà Novità Umiltà Comunità Piè Sarà Sì Così Lì Là Fè Cortà Località Autorità José",
    usual: 1.0,
};
pub(super) const DANISH: Language = Language {
    letters: "ø44 å30 æ23 é2 ö1",
    words: "Søren Jørgen Jørn Bjørn Børge Hårbø Åse Åge Pål Gård Kåre Kærsgaard Kjær Præst Jæger Sørensen Jørgensen Nørgaard \
        Højgaard Mølgaard Østergaard Bødker Kjærgaard Møller Bøgh Lærke Mærsk Strøm Strømme Lønn Østby Ødegård Bakåsen \
        København Ålborg Ærø Århus Helsingør Køge Sønderborg Nørrebro Østerbro Tromsø Bodø Ålesund Tønsberg Lillestrøm Ås Bærum \
        Gjøvik Hønefoss Mosjøen Smørum Brønshøj Hillerød Næstved Nørregade Søndergade Kirkegård Sjælland Åsane Sør Nord Sø Ø Å \
        Vænge Hølje Åboulevard Ågade Skovbrynet Ørsted Gråbrødre Rådhus Rådhuspladsen Håkon Håvard Stræde Strædet Vestergade Bækken Kærvej Præstegade Kystvænget Øystein Øyvind Bergljót Frøya \
        Sæther Sætre Nygård Nygårds Bråten Bråthen Hågen Næss Bø Sørlie Grønn Røed André Linnéa Malmö",
    usual: 1.0,
};
pub(super) const SWEDISH: Language = Language {
    letters: "ä36 ö34 å27 é3",
    words: "Göran Björn Sören Åke Åsa Mårten Måns Pär Pernilla Märta Käre Görel Björk Håkan Håkansson Sjöberg Lindström Bergström \
        Nyström Åberg Öberg Söderberg Söderström Björklund Sjögren Åkesson Åström Lövgren Löfgren Hägg Häggström Nordström \
        Ström Engström Holmström Malmö Göteborg Västerås Örebro Norrköping Linköping Jönköping Umeå Luleå Gävle Borås Växjö \
        Östersund Skövde Södertälje Trollhättan Västervik Ängelholm Hässleholm Mölndal Täby Nässjö Kungsör Järfälla Åre \
        Storgatan Drottninggatan Kyrkogården Västra Östra Södra Norra vägen Björkvägen Skolvägen Åsvägen Älvsjö Väg Kärr Sjö \
        Mäkinen Hämäläinen Lähde Jyväskylä Hämeenlinna Seinäjoki Järvinen Järvi Mäki Mäkelä Hyvönen Köyhä Väinö Päivi Äijälä \
        Jääskeläinen Heinonen Pöllänen Töölö Pöytyä Kärkkäinen Räsänen Leppänen Kivelä Niemelä Mättö Yliperttulä Idé Linné André",
    usual: 1.0,
};
pub(super) const ICELANDIC: Language = Language {
    letters: "ð18 í14 á16 ó11 ö9 é6 æ7 ú7 þ7 ý5",
    words: "Guðmundur Sigurður Guðrún Þór Þórður Þorsteinn Þóra Björn Björk Jón Jónsson Jónsdóttir Guðmundsdóttir Sigurðardóttir \
        Ólafur Ólafsdóttir Ásta Ásgeir Ágúst Ægir Örn Össur Hörður Kristín Árni Hólmfríður Ragnheiður Ingibjörg Sólveig \
        Reykjavík Kópavogur Hafnarfjörður Ísafjörður Húsavík Garðabær Selfoss Mosfellsbær Vestmannaeyjar Egilsstaðir Höfn \
        Akranes Keflavík Grundarfjörður Laugavegur Skólavörðustígur Bústaðavegur Háaleiti Suðurgata Vík Bíldudalur Ýr \
        Tórshavn Føroyar Eyðun Jákup Hallgrímur Benedikt Friðrik Þuríður Védís Hjörtur Snær Sæmundur Davíð Daníel Óskar",
    usual: 0.1,
};
pub(super) const CATALAN: Language = Language {
    letters: "à18 é18 è14 ó14 ç10 í12 ò8 ú4 ï1 ü1",
    words: "Jordi Martí Núria Mercè Montserrat Òscar Àngel Àlex Roger Ferré Puigdemont Solà Vilà Pérez Solé Güell València Lleó \
        Barcelonès Alacant Castelló Mallorca Sóller Vallès Lleida Girona Plaça Carrer Gràcia Poblenou Besòs Montjuïc Torruëlla \
        Siobhán Seán Róisín Pádraig Caoimhín Sinéad Órla Máire Úna Áine Éamon Brían Fiachra Gráinne Ó Murchú Dún Laoghaire \
        Zoë Chloë Daniël Michaël Noël Renée Desirée Coöperatie Ruïne België Israël Gëzim Shqipëri Durrës Vlorë Tiranë Korçë Përmet",
    usual: 0.3,
};
pub(super) const DUTCH: Language = Language {
    letters: "ë45 é25 ï10 è8 ö6 ü4 ó2",
    words: "Daniël Michaël Joël Raphaël Noël Zoë Chloë Gaëlle Loïs Anaïs Heleen René André Renée Désirée José Joséphine Cécile Thérèse \
        Coöperatie België Israël Italië Azië Industrieweg Patiënt Geïnteresseerd Financiële Officiële Materiële Zoëven Coördinator \
        Geërfd Reünie Café Entrée Privé Logé Hè Scène Carrière Mariëtte Mariëlle Joëlle Arïan Gerdiën Beïnvloed Curaçao",
    usual: 0.5,
};
pub(super) const ALBANIAN: Language = Language {
    letters: "ë85 ç15",
    words: "Gëzim Shqipëri Durrës Vlorë Tiranë Korçë Përmet Prishtinë Pejë Gjirokastër Elbasanit Kavajë Lezhë Besë Drilonë Çela Çoba \
        Fatmirë Ilirë Luljetë Besnikë Ardianë Agnesë Rrugë Rrugë Dëshmorët Çami Hoxhë Këmbë Mëngjes Nëntor Skënder Skënderbeu",
    usual: 0.02,
};
/// Central European, in windows-1250 and ISO-8859-2.
pub(super) const POLISH: Language = Language {
    letters: "ł27 ó13 ą13 ę14 ś12 ż11 ń5 ć4 ź1",
    words: "Łukasz Michał Paweł Rafał Stanisław Mirosław Jarosław Zdzisław Władysław Bogusław Przemysław Wiesław Małgorzata Elżbieta \
        Józef Grażyna Bożena Żaneta Świętosław Święcicki Wójcik Kamiński Kowalczyk Zieliński Szymański Woźniak Dąbrowski \
        Kozłowski Jankowski Wiśniewski Wiśniewska Kwiatkowska Krawczyk Piątek Wróbel Król Jabłoński Pawłowski Michałowski \
        Górski Rutkowski Wróblewski Zając Stępień Jaworska Adamczyk Sikorska Głowacki Wysocki Kołodziej Łuczak Żak Źródło \
        Kraków Wrocław Gdańsk Poznań Łódź Białystok Częstochowa Toruń Rzeszów Bielsko-Biała Gdynia Płock Elbląg Wałbrzych \
        Zielona Góra Tarnów Chorzów Koszalin Legnica Dąbrowa Górnicza Włocławek Słupsk Jelenia Świdnica Ząbki Będzin Piła \
        Świętokrzyska Marszałkowska Piłsudskiego Mickiewicza Słowackiego Kościuszki Główna Długa Księży Młyńska Źródlana Łąkowa \
        Osiedle Polną Leśna Słoneczna Różana Sądowa Wąska Żeromskiego Ćwikła Gołębiewski Jagiełło Kępa Pękala Dębski Mączka",
    usual: 1.0,
};
pub(super) const CZECH: Language = Language {
    letters: "á17 í22 é9 ě11 š7 č8 ř8 ž8 ý8 ů4 ú1 ň1 ť1 ď1 ó1",
    words: "Jiří Tomáš Lukáš Ondřej Matěj Vojtěch Zdeněk Václav František Miloš Aleš Luboš Radomír Vlastimil Bohumír Řehoř Šárka \
        Lucie Kateřina Jiřina Růžena Zdeňka Markéta Alžběta Tereza Hana Božena Drahomíra Anežka Novák Nováková Dvořák Dvořáková \
        Černý Černá Procházka Procházková Kučera Kučerová Veselý Veselá Horák Horáková Němec Němcová Marešová Pospíšil \
        Hájek Hájková Jelínek Král Králová Růžička Růžičková Beneš Benešová Fiala Sedláček Doležal Zeman Kolář Kolářová Navrátil \
        Čermák Říha Šimek Šťastný Žák Ježek Bílý Kříž Malý Urbánek Vaněk Vondráček Blažek Kovářová Štěpánek Křížek Šebesta \
        Plzeň Liberec Olomouc České Budějovice Hradec Králové Ústí nad Labem Pardubice Zlín Havířov Kladno Most Opava \
        Frýdek-Místek Jihlava Teplice Děčín Karviná Chomutov Přerov Jablonec Mladá Boleslav Prostějov Třebíč Třinec Příbram \
        Náměstí Ulice Hlavní Nádražní Školní Zahradní Husova Komenského Žižkova Průmyslová Sídliště Okružní Míru Příčná Květinová",
    usual: 1.0,
};
pub(super) const SLOVAK: Language = Language {
    letters: "á24 í14 é12 š10 č12 ž10 ý9 ľ4 ť3 ú8 ň3 ď1 ô2 ó1 ä1 ĺ1 ŕ1",
    words: "Ján Jozef Štefan Tomáš Lukáš Ľubomír Ľudovít Juraj Mária Zuzana Katarína Alžbeta Žofia Ľubica Božena Želmíra Kováč \
        Kováčová Horváth Horváthová Varga Vargová Tóth Tóthová Nagy Balážová Baláž Szabó Molnár Lukáč Kučerová Novotný \
        Hudák Oravcová Polák Šimko Ďuriš Ďurica Vlček Krajčí Žilka Gašpar Mikuláš Štefánik Hlaváč Hlaváčová Krnáč Jurčík \
        Košice Prešov Žilina Banská Bystrica Nitra Trnava Trenčín Poprad Prievidza Zvolen Považská Michalovce Spišská Nová Ves \
        Komárno Levice Humenné Bardejov Liptovský Mikuláš Ružomberok Lučenec Piešťany Čadca Dubnica Rimavská Šaľa Ľubotice \
        Hlavná Námestie Štúrova Štefánikova Hviezdoslavova Železničná Kukučínova Záhradná Školská Dlhá Ružová Mierová Športová Kôň Stĺp Vŕba",
    usual: 0.7,
};
pub(super) const HUNGARIAN: Language = Language {
    letters: "á31 é28 ö11 ó10 ő8 í5 ü5 ú3 ű2",
    words: "László István János József Zoltán Sándor Gábor Ferenc Károly Lajos Gyula Béla Jenő Ernő Tamás Péter Pál Géza Árpád Ödön Győző \
        Mária Erzsébet Katalin Éva Ágnes Julianna Ildikó Anikó Mónika Tünde Réka Zsófia Kovács Szabó Tóth Horváth Németh Molnár \
        Balogh Papp Takács Juhász Mészáros Oláh Rácz Fehér Szűcs Kocsis Fodor Szőke Kiss Gáspár Pásztor Lőrincz Vörös Török \
        Székely Fülöp Bíró Katona Bálint Bognár Győr Debrecen Miskolc Pécs Nyíregyháza Kecskemét Székesfehérvár Szombathely \
        Érd Tatabánya Sopron Kaposvár Veszprém Békéscsaba Zalaegerszeg Nagykanizsa Dunaújváros Hódmezővásárhely Ózd Cegléd Szolnok \
        utca tér körút Petőfi Kossuth Rákóczi Széchenyi Dózsa György Deák Ady Arany János Béke Szabadság Fő Erdő Mező Hősök Szőlő Gyöngy Gyöngyös",
    usual: 1.0,
};
pub(super) const ROMANIAN: Language = Language {
    letters: "ă42 ş12 ș12 ţ9 ț9 î11 â12",
    words: "Ştefan Ștefan Cătălin Cătălina Mădălina Bogdan Răzvan Brânduşa Crăciun Pătraşcu Pătrașcu Dumitraşcu Ionaşcu Stănescu \
        Rădulescu Văcărescu Brătianu Moţoc Moțoc Ţepeş Țepeș Roşu Roșu Albăstroiu Băsescu Năstase Iliaşcu Mureşan Mureșan \
        Bucureşti București Iaşi Iași Timişoara Timișoara Constanţa Constanța Braşov Brașov Galaţi Galați Ploieşti Ploiești \
        Brăila Piteşti Pitești Bacău Târgu Mureş Mureș Botoşani Botoșani Buzău Satu Mare Râmnicu Vâlcea Bistriţa Bistrița Reşiţa Reșița \
        Suceava Neamţ Neamț Călăraşi Călărași Slobozia Târgovişte Sfântu Piaţa Piața Unirii Strada Şoseaua Șoseaua Bulevardul \
        Ştirbei Împăratul Înfrăţirii Libertăţii Grădinii Gării Pădurii Măgura Câmpia Română Mihăilescu Lăcătuş Gheorghiţă Păun Sârbu",
    usual: 1.0,
};
pub(super) const CROATIAN: Language = Language {
    letters: "č26 ć22 š25 ž19 đ8",
    words: "Krešimir Željko Željka Hrvoje Tomislav Ivančica Mišo Siniša Boža Božidar Dražen Mladenović Anđelka Anđela Đorđe Đuro Đurđica \
        Žarko Živko Nataša Saša Miloš Uroš Tadej Aljaž Žiga Matjaž Blaž Boštjan Primož Dušan Jurišić Kovač Kovačević Kovačič Horvatić \
        Babić Marić Jurić Novaković Knežević Vuković Marković Petrović Matić Tomić Pavlović Božić Blažević Grgić Pavić Radić Perić \
        Filipović Šarić Lovrić Vidović Perković Popović Bošnjak Jukić Barišić Jovanović Nikolić Đorđević Stojanović Ilić Kos Zupančič \
        Potočnik Mlakar Kralj Vidmar Golob Turk Božič Kranjc Žagar Krajnc Rožman Šmid Štrukelj Čuk Oblak Hočevar Žnidaršič \
        Šibenik Zadar Pula Čakovec Varaždin Bjelovar Požega Ogulin Križevci Đakovo Poreč Opatija Niš Čačak Šabac Užice Kruševac Leskovac \
        Tuzla Bihać Mostar Goražde Brčko Bosanska Krško Škofja Loka Kočevje Žalec Črnomelj Ribniška Šmarje Cesta Ulica Trg Šetalište \
        Školska Željeznička Križna Svačića Gajeva Tomislavova Čehova Žrtava Kralja Držićeva Ruđera Boškovića Štefanićeva Mošćenica",
    usual: 1.0,
};
pub(super) const TURKISH: Language = Language {
    letters: "ı30 ü15 ş15 ç11 ğ10 ö9 İ8 â1 î1",
    words: "Ayşe Gülşen Yılmaz Kaya Demir Çelik Şahin Yıldız Yıldırım Öztürk Aydın Özdemir Arslan Doğan Kılıç Aslan Çetin Kurt Koç Özkan \
        Şimşek Polat Özcan Korkmaz Çakır Erdoğan Güneş Tekin Yavuz Işık Güler Taş Aktaş Ateş Keskin Bulut Ünal Çoban Özgür Gökhan Gök \
        Tuğba Tuğçe Büşra Kübra Çağla Çağatay Oğuz Oğuzhan Barış Uğur Yiğit Ümit Ömer Hüseyin Süleyman Müslüm Gökçe Gönül Özlem Şule \
        Şükrü Mükremin İbrahim İsmail İlker İrem İpek İstanbul İzmir İzmit Diyarbakır Eskişehir Şanlıurfa Kahramanmaraş Aydın Balıkesir \
        Çanakkale Çorum Muğla Nevşehir Niğde Kırıkkale Kırşehir Iğdır Ağrı Muş Uşak Ordu Gümüşhane Düzce Tekirdağ Kadıköy Beşiktaş Üsküdar \
        Şişli Beyoğlu Fatih Bakırköy Çankaya Keçiören Karşıyaka Konak Caddesi Sokağı Mahallesi Bulvarı Atatürk İnönü Cumhuriyet Çarşı \
        Bağdat Gazi Mustafa Yeşil Güzel Müdürlüğü Şirketi Ağaoğlu Kâzım Hacıoğlu Çiçek Sarı Bağcı Satış Değer İli Açık",
    usual: 1.0,
};
/// Baltic, in windows-1257, ISO-8859-13 and ISO-8859-4.
pub(super) const LITHUANIAN: Language = Language {
    letters: "ė29 š17 ž14 ū9 ų14 č7 į6 ą6 ę3",
    words: "Žydrūnas Šarūnas Ąžuolas Eglė Agnė Rūta Jūratė Birutė Danutė Ramunė Živilė Gražina Vaiva Aušra Neringa Miglė Ugnė Simonė Mindaugas \
        Kęstutis Algirdas Gediminas Česlovas Saulė Žemaitis Žukauskas Žukauskienė Kazlauskienė Petrauskienė Jankauskaitė Stankevičius \
        Butkevičius Paulauskaitė Urbonavičius Vasiliauskaitė Navickaitė Ramanauskaitė Šimkus Kaušakys Bernotienė Juškevičius Mažeika \
        Kaunas Klaipėda Šiauliai Panevėžys Alytus Marijampolė Mažeikiai Jonava Utena Kėdainiai Telšiai Tauragė Ukmergė Visaginas Plungė \
        Kretinga Šilutė Radviliškis Palanga Druskininkai Rokiškis Biržai Gargždai Kuršėnai Elektrėnai Jurbarkas Garliava Vilkaviškis \
        gatvė Žemaičių Vytauto Gedimino Laisvės alėja Šeimyniškių Taikos Savanorių Nepriklausomybės Sodų Ežero Miškų Žalgirio Kęstučio Tilžės Ąžuolų Beržų Pušų",
    usual: 1.0,
};
pub(super) const LATVIAN: Language = Language {
    letters: "ā30 ī16 š10 ē14 ū7 ņ6 ļ5 ž5 č2 ķ3 ģ2",
    words: "Jānis Kārlis Pēteris Andrejs Mārtiņš Māris Aigārs Guntārs Ģirts Ēriks Žanis Krišjānis Juris Zigurds Raimonds Jēkabs Kaspars \
        Anna Inga Līga Ilze Kristīne Iveta Zane Mārīte Dzintra Ināra Agnese Ķēniņš Bērziņš Bērziņa Kalniņš Kalniņa Ozoliņš Ozoliņa \
        Liepiņš Krūmiņš Krūmiņa Zariņš Vītols Vītoliņa Pētersons Kļaviņš Kļaviņa Kārkliņš Vanags Āboliņš Āboliņa Šmits Grīnbergs Zvirbuļa \
        Rīga Liepāja Jelgava Jūrmala Ventspils Rēzekne Valmiera Jēkabpils Ogre Tukums Cēsis Salaspils Kuldīga Olaine Saldus Talsi \
        Dobele Krāslava Bauska Līvāni Ludza Alūksne Gulbene Madona Aizkraukle Sigulda Brīvības iela Elizabetes Čaka Ģertrūdes Mūkusalas \
        Raiņa bulvāris Skolas Krišjāņa Barona Lāčplēša Mazā Lielā Dārza Meža Pļavas Ezera Upes Kalēju Vaļņu Šķūņu Grēcinieku Ķengaraga",
    usual: 1.0,
};
pub(super) const ESTONIAN: Language = Language {
    letters: "ä36 õ26 ü22 ö13 š2 ž1",
    words: "Jüri Ülle Õie Mõttus Põld Pärn Pärnu Tõnu Tõnis Mäe Mägi Jõgi Jõe Rüütel Püss Sööt Kõiv Kõrv Lõhmus Lõoke Ööbik Tamm Saar Sepp \
        Õunapuu Väli Hüdro Jõgeva Jõhvi Põlva Võru Viljandi Kärdla Haapsalu Türi Tõrva Mõisaküla Põltsamaa Sillamäe Pärnumaa Lääne Järve \
        Mäepealse Võidu Üliõpilaste Ülikooli Põhja Lõuna Lääne-Viru Järva tänav Kõrgemäe Nõmme Mustamäe Õismäe Lasnamäe Tähe Küüni \
        Hõbe Käo Mänd Männik Kütt Sõber Õnne Räni Tööstuse Sügise Šmidt Žukov",
    usual: 0.3,
};

/// Written with Cyrillic letters; the shares are of all letters.
pub(super) const RUSSIAN: Language = Language {
    letters: "о110 е84 а95 и74 н67 т60 с55 р52 в48 л44 к40 м32 д30 п28 у26 я21 ы14 ь15 г17 з16 б16 ч14 й12 х10 ж9 ш7 ю6 ц5 щ4 э3 ф4 ъ1 ё2",
    words: "Иванов Иванова Смирнов Кузнецов Попов Васильев Петров Соколов Михайлов Новиков Федоров Морозов Волков Алексеев Лебедев Семенов \
        Егоров Павлов Козлов Степанов Николаев Орлов Андреев Макаров Никитин Захаров Зайцев Соловьев Борисов Яковлев Григорьев Романов \
        Александр Дмитрий Максим Сергей Андрей Алексей Артем Илья Кирилл Михаил Никита Матвей Роман Егор Арсений Иван Денис Евгений \
        Владимир Анастасия Мария Анна Виктория Екатерина Наталья Марина Полина София Дарья Алиса Ксения Александра Елена Ольга Татьяна \
        Ирина Светлана Юлия Людмила Галина Валентина Сергеевич Александровна Николаевич Ивановна Москва Санкт-Петербург Новосибирск \
        Екатеринбург Казань Нижний Новгород Челябинск Самара Омск Ростов-на-Дону Уфа Красноярск Воронеж Пермь Волгоград Краснодар Саратов \
        Тюмень Тольятти Ижевск Барнаул Иркутск Хабаровск Ярославль Владивосток Махачкала Томск Оренбург Кемерово улица Ленина Советская \
        проспект Мира Центральная Молодежная Школьная Лесная Садовая Набережная переулок шоссе площадь дом квартира город область район \
        Гагарина Пушкина Кирова Октябрьская Первомайская Комсомольская Зеленая Заречная Фёдоров Артём Алёна Семён Щербаков Цветкова Жуков",
    usual: 1.0,
};
pub(super) const UKRAINIAN: Language = Language {
    letters: "о94 а83 и61 н65 в53 е46 т55 р47 с40 і57 к39 л36 у33 д32 м29 п29 я21 з22 ь18 г15 б16 ч13 й12 х11 ж8 ц8 ю8 ї8 є6 ш7 щ5 ф2 ґ1",
    words: "Шевченко Бойко Коваленко Бондаренко Ткаченко Кравченко Ковальчук Олійник Шевчук Коваль Поліщук Бондар Ткачук Мельник Марченко \
        Лисенко Руденко Савченко Петренко Кравчук Клименко Павленко Савчук Кузьменко Гончаренко Гаврилюк Іваненко Сидоренко Юрченко \
        Олександр Андрій Сергій Володимир Микола Іван Василь Юрій Віктор Дмитро Олексій Ігор Євген Анатолій Петро Григорій Тарас Богдан \
        Олена Наталія Тетяна Світлана Ірина Оксана Людмила Ганна Юлія Марія Надія Валентина Катерина Київ Харків Одеса Дніпро Львів \
        Запоріжжя Кривий Ріг Миколаїв Вінниця Херсон Чернігів Полтава Черкаси Хмельницький Чернівці Житомир Суми Рівне Івано-Франківськ \
        Тернопіль Луцьк Ужгород вулиця Шевченка Лесі Українки Франка Незалежності Хрещатик проспект бульвар площа Соборна Грушевського Київська",
    usual: 0.7,
};
pub(super) const BULGARIAN: Language = Language {
    letters: "а124 о90 и93 е84 т74 н74 р56 с53 в47 л38 д37 к36 п29 м27 я22 з22 г16 б16 ъ18 у16 ч14 ц10 щ6 й6 ж8 х6 ш5 ю3 ф3 ь1",
    words: "Иванов Димитров Георгиев Петров Николов Тодоров Стоянов Христов Илиев Василев Ангелов Колев Атанасов Петков Йорданов Маринов Бориславов \
        Петър Димитър Георги Христо Стефан Николай Красимир Пламен Тодор Любомир Веселин Ивайло Калоян Мария Иванка Елена Йорданка Пенка \
        Марийка Десислава Силвия Цветелина Гергана Румяна Радка София Пловдив Варна Бургас Русе Стара Загора Плевен Сливен Добрич Шумен \
        Перник Ямбол Хасково Казанлък Пазарджик Благоевград Велико Търново Враца Габрово Асеновград Видин Кърджали Кюстендил улица \
        булевард Васил Левски Христо Ботев Цар Борис Александър България Шипка Опълченска Съединение площад област Първи май",
    usual: 0.5,
};
pub(super) const SERBIAN: Language = Language {
    letters: "а115 и95 о90 е88 н56 р53 с48 т43 у40 в37 к36 д37 ј51 м33 л32 п27 г18 з16 б15 ч10 ш8 ц9 ж6 њ6 љ5 х6 ћ6 ђ3 ф2 џ1 ѓ1 ќ1 ѕ1",
    words: "Јовановић Петровић Николић Марковић Ђорђевић Стојановић Илић Станковић Павловић Милошевић Живковић Томић Ђурђевић Јанковић Љубица \
        Марија Милица Јелена Драгана Снежана Љиљана Небојша Милош Никола Стефан Александар Душан Немања Живојин Ђорђе Београд Нови Сад Ниш \
        Крагујевац Суботица Зрењанин Панчево Чачак Краљево Смедерево Лесковац Ужице Врање Шабац Сомбор Скопје Битола Куманово Прилеп Тетово \
        Велес Штип Охрид Гостивар Струмица Трајковски Стојановски Николовски Јовановски Ристовски Христовски Ѓорѓи Ѓорѓиевски Бранко \
        улица Кнеза Милоша Краља Петра Булевар Немањина Македонија Партизанска Климент Охридски Димитар Јордан Благоја Ќосев Ѕвезда Џамбаз",
    usual: 0.3,
};
/// Written with letters of their own; the shares are of all letters.
pub(super) const GREEK: Language = Language {
    letters: "α100 ο85 ι70 ε70 τ70 σ50 ν60 η45 υ36 ρ42 π36 κ42 μ33 λ30 ς40 ω16 γ18 δ17 θ11 χ10 φ8 β7 ξ4 ζ4 ψ2 ά18 ί22 ό20 έ16 ή15 ύ9 ώ8 ϊ2 ϋ1 ΐ1",
    words: "Γιώργος Δημήτρης Κώστας Νίκος Ιωάννης Παναγιώτης Γεώργιος Κωνσταντίνος Νικόλαος Δημήτριος Χρήστος Βασίλειος Αθανάσιος Σπυρίδων \
        Μιχαήλ Ανδρέας Αλέξανδρος Εμμανουήλ Θεόδωρος Στέφανος Μαρία Ελένη Κατερίνα Αικατερίνη Βασιλική Σοφία Αγγελική Γεωργία Δήμητρα \
        Ειρήνη Άννα Παρασκευή Ευαγγελία Χρυσούλα Παπαδόπουλος Παπαδοπούλου Γεωργίου Δημητρίου Παπαγεωργίου Νικολάου Ιωάννου Οικονόμου \
        Βασιλείου Παππάς Καραγιάννης Αντωνίου Μακρής Αθήνα Θεσσαλονίκη Πάτρα Ηράκλειο Λάρισα Βόλος Ιωάννινα Τρίκαλα Χαλκίδα Σέρρες \
        Αλεξανδρούπολη Ξάνθη Κατερίνη Αγρίνιο Καλαμάτα Καβάλα Χανιά Λαμία Κομοτηνή Ρόδος Κέρκυρα Πειραιάς Λευκωσία Λεμεσός οδός \
        Λεωφόρος Πλατεία Ερμού Σταδίου Πανεπιστημίου Ακαδημίας Πατησίων Κηφισίας Βενιζέλου Αγίου Ελευθερίας Όθωνος Ύδρας Έβρου Ήρας",
    usual: 1.0,
};
pub(super) const HEBREW: Language = Language {
    letters: "י110 ו100 ה90 ל70 א65 מ60 ר60 ת50 ב50 ש45 נ45 ם30 ח25 ד27 ק22 ע30 פ20 ט12 כ20 צ12 ג13 ן15 ז10 ס15 ך8 ף3 ץ3",
    words: "יוסף דוד משה אברהם יצחק יעקב כהן לוי מזרחי פרץ ביטון דהן אברהם פרידמן מלכה אזולאי כץ יוסף חדד עמר אוחיון שרה רחל לאה מרים חנה אסתר \
        נועה תמר שירה מאיה יעל אורי איתן נועם אריאל ירושלים תל אביב חיפה ראשון לציון פתח תקווה אשדוד נתניה באר שבע בני ברק חולון רמת גן \
        רחוב שדרות הרצל בן גוריון ויצמן רוטשילד דיזנגוף אלנבי הנביאים סוקולוב אשקלון רחובות בת ים כפר סבא הרצליה חדרה מודיעין רעננה",
    usual: 1.0,
};
pub(super) const ARABIC: Language = Language {
    letters: "ا150 ل115 ي70 م60 و52 ن52 ر50 ت40 ب38 ع37 د35 س30 ه30 ة28 ف26 ح22 ك22 ق22 أ18 ج15 ش12 ص12 ى10 خ10 ط10 إ7 ز9 ذ7 ض7 غ6 ث6 ئ4 ء4 آ2 ؤ2 ظ2 پ1 چ1 گ1 ژ1",
    words: "محمد أحمد محمود علي حسن حسين إبراهيم عبد الله عبدالله عبد الرحمن خالد سعيد عمر يوسف مصطفى فاطمة عائشة مريم زينب سارة نور هدى ليلى \
        السيد الشمري العتيبي القحطاني الغامدي الزهراني الحربي المطيري الدوسري القاهرة الإسكندرية الجيزة الرياض جدة مكة المدينة المنورة \
        الدمام دبي أبو ظبي الشارقة عمان بيروت دمشق بغداد البصرة الموصل شارع الملك فهد عبدالعزيز الجمهورية التحرير النيل طريق ميدان حي \
        الجامعة السلام الاستقلال مدينة نصر المعادي الزمالك الخرطوم تونس الجزائر الرباط الدار البيضاء طرابلس صنعاء الكويت الدوحة المنامة",
    usual: 1.0,
};
pub(super) const THAI: Language = Language {
    letters: "า80 น70 ร60 อ50 ก50 เ45 ง45 ่45 ้35 ม40 ย35 ล30 ว35 ั40 ท30 ิ35 ด28 ส30 ต25 ะ20 ี30 ป22 บ22 ค22 ห25 แ20 ์20 จ18 พ20 ช16 ข15 ไ14 ใ8 โ8 ุ16 ู14 ื12 ึ6 ำ10 ผ6 ณ8 ถ9 ศ9 ธ8 ซ6 ็6 ภ6 ญ6 ษ5 ฐ3 ฟ3 ฉ3 ฒ1 ฝ1 ๆ1 ฯ1 ฎ1 ฏ1 ฌ1 ฮ1 ฤ1 ๊1 ๋1",
    words: "กรุงเทพ กรุงเทพมหานคร เชียงใหม่ เชียงราย นครราชสีมา ขอนแก่น อุดรธานี ภูเก็ต สงขลา หาดใหญ่ ชลบุรี พัทยา นนทบุรี ปทุมธานี สมุทรปราการ \
        ระยอง นครสวรรค์ พิษณุโลก อุบลราชธานี สุราษฎร์ธานี ถนน ซอย ตำบล อำเภอ จังหวัด แขวง เขต สุขุมวิท พหลโยธิน เพชรบุรี ลาดพร้าว รัชดาภิเษก \
        สมชาย สมหญิง สมศักดิ์ ประเสริฐ วิชัย สุรชัย อนุชา กิตติ ณัฐพล ธนากร พิมพ์ใจ สุดา อรุณ มาลี ศรีสุข แสงทอง ใจดี วงศ์ สุวรรณ ทองดี บุญมี นาย นาง นางสาว",
    usual: 1.0,
};

/// Characters that make up most of what stands in Chinese lists, as written on the mainland.
pub(super) const HANZI_SIMPLIFIED: &str = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严武戴莫孔向汤温康施文\
    伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂兰凤琴玉梅红霞华建国志海波宇飞鹏辉斌浩凯健俊帆雪荣爱香月莺媛瑞凡佳嘉琼勤珍贞莉婷雯颖欣怡瑶思雨晨子轩梓涵一诺浩然\
    北京上海天津重庆广州深圳成都武汉杭州南京西安长沙郑东青岛苏宁波合肥昆明哈尔滨沈阳大连济福厦门无锡温州佛山莞石家庄太原贵阳南昌呼和特乌鲁木齐银川兰海口省市区县镇乡村街道路号楼室单元栋层弄巷园苑花新中心和人民解放建设中山广场公司有限科技工业开发姓名电话地址邮箱邮编备注客户年月日男女先生士朝浦\
    白云河湖港城桥门关口外内东西南北前后左右上下大小高清长兴永安定宝通怀柔密化阜辛集合拉萨亮晶柳六盘水荆宜章倩春帅想洁萍旭鑫淑博雄琳岩峰超丹成倩少健鹏程晓慧雷巧美娜静冬畅";
/// The same as written on Taiwan and in Hong Kong.
pub(super) const HANZI_TRADITIONAL: &str = "陳林黃張李王吳劉蔡楊許鄭謝洪郭邱曾廖賴徐周葉蘇莊呂江何蕭羅高潘簡朱鍾彭游詹胡施沈余盧梁趙顏柯翁魏孫戴范方宋鄧杜傅侯曹薛丁卓阮馬董温唐藍石蔣古紀姚連馮歐程湯黄田康姜白汪鄒尤巫塗涂龔韓袁金伍\
    雅婷怡君家豪志明俊傑建宏淑芬美玲惠娟麗華秀英玉蘭文雄國強信政偉承翰冠宇宗翰彥廷柏佩珊欣宜詩涵怡安宜芳雅雯雅惠筱涵靜宜佳穎嘉玲慧君心怡子軒品妤宥廷柏翰思羽淑惠淑貞淑華美惠鳳嬌春梅金龍進財添丁月娥秋香\
    台臺北中南高雄新竹桃園嘉義基隆屏東宜蘭花蓮彰化投苗栗雲林澎湖金門連江香港九龍島縣市區鄉鎮村里路街段巷弄號樓室之忠孝仁愛信義和平民生權族復興中山正光四維八德大安松山板橋永和重土城三新店淡水士萬內文化成功自由公園民國年月日姓名電話地址信箱備註客戶先生小姐有限公司股份企業工程科技貿易實業一二五六七十西太田前後";
/// Kanji of Japanese names and addresses.
pub(super) const KANJI: &str = "佐藤鈴木高橋田中伊渡辺山本村小林加吉山口松井木清水斎崎森池橋石川前岡長谷後近坂遠青藤西福太三岡和中原野島金子上杉丸今河武平久保工横宮内柴酒大塚内菊地桜村飯新千葉岩菅市浜安秋永北服部関浅樋堀荒東早吉尾矢土土屋児玉片馬\
    裕樹翔太郎一二三健大輔拓也直人和也浩二誠学修治明正雄隆弘英幸博文秀康孝義昭洋司信行真美智子恵由美加奈陽香結衣愛里花七海春夏秋冬涼純聡淳哲章剛勇進豊稔実清茂勝男女夫雄彦之助介平助次朗亮晃翼悠斗蓮颯葵凛咲彩優莉桃さくら知花美穂裕香里沙恭\
    東京都大阪府京北海道横浜名古屋札幌神戸福岡広島仙台市区町村県丁目番地号室埼玉神奈川愛知兵庫静岡茨城新潟長野宮城群馬栃木岐阜福島三重熊本鹿児島岡山滋賀奈良青森岩手秋山形富石井梨取根徳香媛高佐長崎分縄沖渋谷宿港品川世田谷江戸川練馬足立中央千代丸池袋駅前通本株式会社有限氏名住所電話番号郵便備考様年月日姓国籍会員御東西南北上下春日荘館台町坂代央央台場浦布";
/// Hangul syllables of Korean names and addresses.
pub(super) const HANGUL: &str = "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구나민진지엄채원천방공현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국은어예경봉사부\
    영수철희숙순미경자정호준민서현우지훈예은수진동재성상용승태형규환혁빈욱석찬혜윤아연주하나라리린솔별가람보배슬기다은채원유진소율시후건도혜란애춘말자옥복덕만길남창대광식종근택필섭웅홍\
    서울특별시부산광역시대구인천광주대전울산세종경기도강원충청북남전라경상제주수원성남고양용인안양안산평택부천의정부군포하화파김천포항창원청주천안전주목여수순동구서중종로강남초송파마포영등관악노원도봉은평서대문읍면리길번길로동호층아파트빌딩상가백제고분논현삼성테헤란가산디지털단지학역압구정봉은사잠실석촌호수도산반포언주선릉개포회주식유한이름전화주소성명연락처메모고객사과";
