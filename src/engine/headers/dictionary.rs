//! What columns are called in the lead world: customer systems, ad platforms, portals and county exports.
//!
//! English first, then Spanish, French, German, Portuguese and Italian. Names stand here as people write them, in lower
//! case and without accents. What a name alone cannot settle (`contact` may be a person or a phone) is marked [`HINT`], and
//! is taken only where the content does not speak against it. How a header becomes one of these names is `reading.rs`'s
//! business; what is chosen when several are there is `choice.rs`'s.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::super::lead::Field;

/// What a column of this name holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// A whole field.
    Field(Field),
    /// The given name.
    FirstName,
    /// What stands between given name and surname.
    MiddleName,
    /// The surname.
    LastName,
    /// The second surname of Spanish and Portuguese names.
    SecondSurname,
    /// Who owns the property: the lead in a county export, a colleague in a customer system.
    Owner,
    /// Street and number.
    Street,
    /// Flat, floor, second address line.
    Unit,
    /// City, town or municipality.
    City,
    /// State, province, region or county.
    State,
    /// Postal code.
    Zip,
    /// Country.
    Country,
    /// Known, and none of the above.
    Other,
    /// Not known.
    Unknown,
}

/// One entry, found by its normalised name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Term {
    /// What a column of this name holds.
    pub(super) role: Role,
    /// Order of preference among the names of a role; the lowest is preferred, equals are equally good.
    pub(super) tier: u8,
    /// Whether the name alone settles it.
    pub(super) is_sure: bool,
}

/// The name alone settles it.
const SURE: bool = true;
/// The name is a hint that the content may contradict.
const HINT: bool = false;

const NAME: Role = Role::Field(Field::Name);
const EMAIL: Role = Role::Field(Field::Email);
const VALUE: Role = Role::Field(Field::Value);
const LOCATION: Role = Role::Field(Field::Location);
const PHONE: Role = Role::Field(Field::Phone);
const SOURCE: Role = Role::Field(Field::Source);

/// Tier of locations that are whole; they come before a city.
pub(super) const WHOLE_PLACE: u8 = 0;

/// Every entry: role, tier, whether it is sure, and the names.
#[rustfmt::skip] // one entry below the other
const ENTRIES: &[(Role, u8, bool, &str)] = &[
    // Who.
    (NAME, 0, SURE, "\
        name, full name, fullname, contact name, contact full name, client name, customer name, lead name, person name, prospect \
        name, first and last name, first last name, first name last name, last name first name, last first name, complete name, \
        display name, contact person, name of contact, name of client, lead full name, customer full name, client full name, names, \
        nombre completo, nombre y apellido, nombre y apellidos, nombres y apellidos, apellidos y nombre, apellido y nombre, nombre \
        del cliente, nombre del contacto, nombre contacto, nombre cliente, nombre prospecto, razon social o nombre, persona de \
        contacto, nom complet, nom et prenom, nom et prenoms, prenom et nom, nom prenom, prenom nom, nom du client, nom du contact, \
        nom client, nom contact, nom du prospect, nom de famille et prenom, vollstandiger name, vollstaendiger name, ganzer name, \
        vor und nachname, vor und zuname, vorname nachname, vorname und nachname, nachname vorname, name vorname, kundenname, name \
        des kunden, kontaktname, kontaktperson, ansprechpartner, ansprechperson, interessentenname, nome completo, nome e sobrenome, \
        nome e apelido, nome e cognome, cognome e nome, nome cognome, cognome nome, nominativo, nome do cliente, nome do contato, \
        nome do contacto, nome cliente, nome contato, nome contatto, nome del cliente, nome lead"),
    (NAME, 1, SURE, "nombre, nombres, nom, nome, nomes, naam, volledige naam"),
    (NAME, 2, SURE, "\
        buyer name, seller name, borrower name, tenant name, renter name, applicant name, guest name, homeowner name, member name, \
        subscriber name, attendee name, registrant name, participant name, visitor name, inquirer name, enquirer name, investor \
        name, nom de l acheteur, nom acheteur, nombre del comprador, nome do comprador, nome acquirente, name des kaufers, \
        kaufername"),
    (NAME, 3, HINT, "\
        contact, client, customer, lead, associated contact, primary contact, prospect, person, buyer, seller, borrower, applicant, \
        homeowner, tenant, renter, guest, attendee, registrant, inquirer, who, contacto, cliente, prospecto, comprador, interesado, \
        kunde, kontakt, interessent, kaufer, kaeufer, prospect client, acheteur, contato, interessado, contatto, acquirente, \
        interessato, potenziale cliente"),
    (Role::Owner, 0, HINT, "\
        owner name, owners name, owner full name, property owner, property owner name, name of owner, owner names, owner 1 name"),
    (Role::Owner, 1, HINT, "owner, owner 1, owner1, owner of record, taxpayer, taxpayer name, deed owner, titleholder, grantee"),
    (Role::FirstName, 0, SURE, "\
        first name, firstname, given name, forename, fname, first, christian name, f name, given names, first names, primer nombre, \
        nombre de pila, prenom, prenoms, vorname, vornamen, rufname, primeiro nome, nome proprio, nome di battesimo, voornaam"),
    (Role::MiddleName, 0, SURE, "\
        middle name, middlename, middle initial, mname, second name, segundo nombre, deuxieme prenom, zweiter vorname, nome do meio, \
        secondo nome, mi"),
    (Role::LastName, 0, SURE, "\
        last name, lastname, surname, family name, lname, last, l name, last names, family names, apellido, apellidos, primer \
        apellido, apellido paterno, nom de famille, nachname, familienname, zuname, sobrenome, apelido, ultimo nome, nome de \
        familia, cognome, cognomi, achternaam"),
    (Role::SecondSurname, 0, SURE, "segundo apellido, apellido materno, second surname, second last name"),
    // The address that identifies the person.
    (EMAIL, 0, SURE, "\
        email, e mail, mail, email address, e mail address, mail address, emails, email id, mail id, e mail id, email addr, email \
        adress, lead email, contact email, client email, customer email, primary email, email 1 value, email primary, email main, \
        user email, electronic mail, email contact, your email, lead email address, contact email address, primary email address, \
        correo, correo electronico, email correo, correo e, direccion de correo, direccion de correo electronico, direccion de \
        email, direccion email, correo electronico del cliente, cuenta de correo, courriel, courrier electronique, adresse email, \
        adresse e mail, adresse mail, adresse courriel, adresse electronique, mel, email adresse, e mail adresse, mailadresse, \
        emailadresse, elektronische post, kunden email, kontakt email, e mail anschrift, correio eletronico, correio electronico, \
        endereco de email, endereco email, endereco de e mail, endereco eletronico, posta elettronica, indirizzo email, indirizzo e \
        mail, indirizzo mail, indirizzo di posta elettronica, recapito email"),
    (EMAIL, 1, SURE, "\
        personal email, personal email address, home email, private email, email personal, email home, email privat, email \
        personnel, work email, work email address, business email, business email address, company email, corporate email, \
        professional email, email work, email business, office email, email professionnel, correo corporativo, correo personal, \
        email pessoal, email aziendale, buyer email, seller email, homeowner email, borrower email, tenant email, applicant email, \
        person email, person email work"),
    (EMAIL, 2, SURE, "\
        email other, other email, reply to, reply to email, from email, email from, sender email, paypal email, billing email"),
    // How much.
    (VALUE, 0, SURE, "\
        value, lead value, deal value, opportunity value, opportunity amount, deal amount, deal size, expected value, total value, \
        contract value, lead amount, pipeline value, conversion value, customer value, client value, prospect value, valor, valor \
        del lead, valor del negocio, valor estimado, valor do lead, valor do negocio, valor da oportunidade, valor total, valeur, \
        valeur du lead, valeur de l affaire, valeur de l opportunite, wert, leadwert, dealwert, auftragswert, angebotswert, valore, \
        valore del lead, valore trattativa, valore opportunita"),
    (VALUE, 1, SURE, "\
        budget, total budget, budget amount, budget range, purchase budget, home budget, buying budget, monthly budget, target \
        budget, investment budget, estimated budget, property budget, project budget, price range, desired price, target price, \
        price point, investment amount, approved amount, preapproval amount, pre approval amount, pre approved amount, loan amount, \
        mortgage amount, presupuesto, presupuesto maximo, presupuesto estimado, rango de precio, rango de presupuesto, inversion, \
        monto de inversion, budget maximum, budget max, budget total, fourchette de prix, enveloppe budgetaire, maximales budget, \
        preisvorstellung, budgetrahmen, orcamento, verba, faixa de preco, valor de investimento, valor do imovel, budget massimo, \
        budget indicativo, fascia di prezzo"),
    (VALUE, 2, SURE, "\
        guide price, valuation, property valuation, home valuation, estimated price, est price, approx price, asking price, list \
        price, listing price, purchase price, offer price, sale price, sales price, selling price, original price, current price, \
        property price, home price, house price, price usd, list amount, asking amount, offer amount, offer, precio de venta, precio \
        de lista, precio solicitado, precio de compra, precio venta, prix de vente, prix demande, prix d achat, kaufpreis, \
        verkaufspreis, angebotspreis, preco de venda, preco pedido, prezzo di vendita, prezzo richiesto, prezzo di acquisto"),
    (VALUE, 3, SURE, "\
        property value, estimated value, home value, house value, market value, estimated home value, estimated property value, \
        zestimate, est value, est home value, appraised value, total market value, just value, fair market value, full market value, \
        arv, expected revenue, expected amount, expected deal value, forecast amount, weighted amount, valor de mercado, valor del \
        inmueble, valor de la propiedad, valeur du bien, valeur estimee, marktwert, immobilienwert, verkehrswert, valor de \
        avaliacao, valore immobile"),
    (VALUE, 4, SURE, "\
        assessed value, total assessed value, tax value, assessment value, total assessment, taxable value, valor catastral, valore \
        catastale"),
    (VALUE, 5, SURE, "\
        max price, maximum price, price max, max budget, maximum budget, price to, budget to, avg price, average price, median \
        price, precio maximo, prix max, prix maximum, preis bis, preco maximo, prezzo massimo"),
    (VALUE, 6, SURE, "\
        min price, minimum price, price min, min budget, minimum budget, price from, budget from, precio minimo, prix minimum, preis \
        ab, preco minimo, prezzo minimo, last sale price, last sale amount, last sold price, mortgage balance, estimated equity"),
    (VALUE, 7, HINT, "\
        amount, price, total, total amount, total price, order total, worth, deal worth, rent, monthly rent, rental price, spend, \
        importe, monto, precio, cantidad, montant, prix, montant total, betrag, preis, summe, gesamtbetrag, quantia, montante, \
        preco, importo, prezzo, totale, cifra, loyer, miete, alquiler, aluguel, affitto"),
    // Where.
    (LOCATION, 0, SURE, "\
        location, lead location, full address, complete address, address formatted, formatted address, address 1 formatted, property \
        location, preferred location, desired location, location preference, locality, contact location, place, city state, city and \
        state, plz ort, plz und ort, ort plz, plz wohnort, code postal ville, cp ville, code postal et ville, city state zip, city \
        st, city st zip, city province, address full, customer location, client location, target location, ubicacion, localizacion, \
        lugar, direccion completa, localisation, emplacement, lieu, adresse complete, standort, lage, wunschort, vollstandige \
        adresse, vollstaendige adresse, localizacao, endereco completo, local, posizione, luogo, ubicazione, indirizzo completo"),
    (LOCATION, 1, HINT, "\
        area, neighborhood, neighbourhood, preferred area, area of interest, areas of interest, target area, district, market, \
        metro, metro area, subdivision, community, zone, zona, barrio, colonia, zona de interes, quartier, secteur, secteur \
        recherche, stadtteil, wohnlage, gebiet, bairro, regiao de interesse, quartiere"),
    (LOCATION, 2, SURE, "\
        address, property address, mailing address, home address, site address, situs address, primary address, billing address, \
        current address, subject property address, subject property, listing address, residence address, shipping address, postal \
        address, physical address, situs, contact address, owner address, mail address line, house address, direccion, domicilio, \
        direccion postal, direccion de la propiedad, adresse, adresse postale, adresse du bien, anschrift, wohnadresse, \
        postanschrift, objektadresse, endereco, morada, endereco do imovel, indirizzo, indirizzo immobile, adres"),
    (Role::Street, 0, SURE, "\
        street, street address, street 1, street line 1, street name, address 1, address line 1, address line, street address 1, \
        address street, addr 1, addr1, addressline1, street address line 1, street and number, calle, calle y numero, rue, numero et \
        rue, numero et nom de rue, adresse ligne 1, voie, strasse, strasse und hausnummer, strasse hausnummer, strasse nr, str, rua, \
        logradouro, via, via e numero civico"),
    (Role::Unit, 0, SURE, "\
        unit, unit number, unit no, apt, apartment, apartment number, apt number, apt no, suite, address 2, address line 2, street \
        2, street line 2, street address 2, addr 2, addressline2, floor, adresse ligne 2, complement d adresse, piso, hausnummer, \
        adresszusatz, complemento, interno"),
    (Role::City, 0, SURE, "\
        city, town, city town, city name, municipality, town city, suburb, city or town, city village, ciudad, poblacion, localidad, \
        municipio, ville, commune, localite, stadt, ort, wohnort, gemeinde, cidade, municipio cidade, citta, comune, localita, stad, \
        plaats, woonplaats"),
    (Role::State, 0, SURE, "\
        province, state, state province, province state, state region, state or province, state code, prov, st, province region, us \
        state, provincia, bundesland, uf, unidade federativa, departement, kanton, canton, comunidad autonoma, state province \
        region, state abbreviation"),
    (Role::State, 1, SURE, "region, regione, regiao, estado"),
    (Role::State, 2, SURE, "county, departamento, landkreis, parish, comarca, concelho, distrito"),
    (Role::Zip, 0, SURE, "\
        zip, zip code, zipcode, postcode, post code, postal code, postal, zip postal code, zip postal, postal zip code, zip 5, zip5, \
        pin code, pincode, zip code postal code, postal zip, codigo postal, cp, c p, code postal, plz, postleitzahl, cep, codice \
        postale, cap, postcode zip"),
    (Role::Country, 0, SURE, "\
        country, country region, country name, nation, country of residence, pais, pays, staat, paese, nazione, pais de residencia"),
    (Role::Country, 1, HINT, "land"),
    // How to call.
    (PHONE, 0, SURE, "\
        phone, phone number, telephone, tel, telephone number, lead phone, contact phone, contact number, phone no, primary phone, \
        tel no, lead phone number, contact phone number, customer phone, client phone, phone num, phones, phone 1 value, best phone, \
        phone nbr, ph, contact no, contact tel, contact telephone, tel number, telephone no, ph no, ph number, phone primary, phone \
        main, main phone, call number, best phone number, best contact number, phone contact, phone mobile number, fon, phonenr, tel \
        nr, tlf, tfno, tfn, tlfn, telefono, numero de telefono, numero telefono, num telefono, n telefono, n de telefono, no \
        telefono, no de telefono, telefono de contacto, telefono contacto, telefono del cliente, telefone, numero de telefone, \
        telefone de contato, telefone de contacto, telefone contato, fone, numero de telephone, numero telephone, num tel, no tel, n \
        tel, n telephone, n de telephone, no telephone, numero de tel, telephone du contact, telefon, telefonnummer, telefon nr, \
        rufnummer, tel nummer, telefoon, telefoonnummer, telefon kontakt, numero di telefono, recapito telefonico, numero \
        telefonico, recapito, tel contatto, telefono contatto"),
    (PHONE, 1, SURE, "\
        mobile, mobile phone, mobile number, mobile phone number, mobile no, cell, cell phone, cell number, cellphone, cell phone \
        number, phone mobile, phone cell, person phone mobile, cellular, cell no, mob, mob no, mobile num, sms number, text number, \
        mobile tel, movil, telefono movil, celular, telefono celular, numero de celular, numero de movil, portable, telephone \
        portable, tel portable, telephone mobile, handy, handynummer, mobil, mobilnummer, mobiltelefon, mobilfunk, mobilfunknummer, \
        handy nr, telemovel, numero de telemovel, telefone celular, numero do celular, cellulare, numero cellulare, numero di \
        cellulare, telefono cellulare"),
    (PHONE, 2, SURE, "whatsapp, whatsapp number, whatsapp no, whats app, numero de whatsapp, numero whatsapp, wa number"),
    (PHONE, 3, SURE, "\
        home phone, home phone number, home tel, phone home, landline, landline number, house phone, evening phone, residential \
        phone, telefono fijo, telephone fixe, tel fixe, fixe, festnetz, telefon privat, telefone fixo, telefono fisso, telefono casa"),
    (PHONE, 4, SURE, "\
        work phone, work phone number, office phone, business phone, business phone number, company phone, phone work, daytime \
        phone, day phone, direct phone, direct line, work tel, work number, telefon geschaftlich, telefon arbeit, telephone bureau, \
        telephone professionnel, telefono trabajo, telefone comercial, telefono ufficio, office number, direct number, phone office"),
    (PHONE, 5, SURE, "other phone, phone other, phone alt, wireless phone, buyer phone, seller phone, landline phone"),
    // Where the lead came from.
    (SOURCE, 0, HINT, "\
        source, lead source, source of lead, leadsource, source lead, contact source, client source, customer source, fuente, fuente \
        del lead, fuente de lead, origen, origen del lead, origen del contacto, procedencia, source du lead, source du contact, \
        provenance, origine, origine du lead, origine du contact, quelle, leadquelle, lead quelle, herkunft, kontaktquelle, lead \
        herkunft, fonte, fonte do lead, origem, origem do lead, origem do contato, fonte lead, provenienza, origine lead, fonte del \
        contatto"),
    (SOURCE, 1, HINT, "\
        original source, original lead source, original traffic source, first source, original source type, first touch source"),
    (SOURCE, 2, HINT, "\
        source name, latest source, latest traffic source, lead source name, last touch source, marketing source, referral source, \
        how did you hear about us, how did you hear, how you heard about us, how did you find us, heard from, hear about us, where \
        did you hear about us, como nos conocio, comment nous avez vous connu, wie haben sie von uns erfahren, como nos conheceu, \
        come ci hai conosciuto"),
    (SOURCE, 3, HINT, "\
        utm source, traffic source, web source, source medium, first utm source, last utm source, source website, source site, lead \
        source site"),
    (SOURCE, 4, HINT, "\
        data source, list source, record source, import source, source system, deal source channel, source channel, lead channel"),
    (SOURCE, 5, HINT, "\
        platform, channel, marketing channel, origin, lead origin, acquisition channel, plataforma, canal, canal de origen, \
        plateforme, canal d acquisition, plattform, kanal, canal de aquisicao, piattaforma, canale"),
    // Known, and none of the six: not to be taken for a misspelt name, nor for a lead's by what they hold.
    (Role::Other, 0, SURE, "\
        lead no, lead number, client no, client number, customer no, customer number, deal no, deal number, contact info, info, id, \
        lead id, contact id, record id, client id, customer id, external id, uuid, key, ref, reference, number, no, nr, row, index, \
        serial, date, time, created, created at, created date, create date, created time, date created, date added, updated, updated \
        at, modified, timestamp, last contact, last contacted, first contact, next contact, last activity, next activity, close \
        date, sale date, last seen, status, lead status, stage, state of lead, statu, crm status, pipeline, lifecycle stage, rating, \
        score, lead score, priority, tier, grade, type, lead type, property type, category, class, segment, group, tag, tags, label, \
        labels, list, lists, segments, groups, kind, model, note, notes, comment, comments, message, description, details, remarks, \
        subject, body, text, question, answer, feedback, background, company, company name, compny, organization, organisation, \
        organization name, organization 1 name, account, account name, business, business name, employer, firm, brand, brokerage, \
        office, office name, team, team name, department, division, branch, job title, title, position, designation, role, \
        occupation, profession, industry, sector, company size, employees, number of employees, no of employees, annual revenue, \
        revenue, annual income, income, household income, net worth, credit score, commission, salary, tax amount, taxes, annual \
        taxes, down payment, deposit, campaign, campaign name, ad, ad name, ad set, adset name, ad group, form, form name, form \
        title, creative, creative name, keyword, keywords, gclid, fbclid, device, browser, ip, ip address, medium, utm medium, utm \
        campaign, utm term, utm content, landing page, page, url, website, web site, web, site, homepage, domain, link, links, \
        referrer, referer, referring site, referring url, facebook, twitter, linkedin, instagram, skype, conversion name, conversion \
        time, conversion, event, event name, product, product name, project, project name, service, interest, interests, lead owner, \
        contact owner, deal owner, account owner, record owner, owner alias, owner id, sales rep, sales person, salesperson, rep, \
        agent, agent name, assigned to, assigned, assigned agent, assignee, assigned user, listing agent, buyer agent, buyers agent, \
        listing office, lender, realtor, broker, manager, account manager, created by, updated by, modified by, referred by, \
        referral, recruiter, staff, from, to, cc, bcc, salutation, prefix, suffix, honorific, mr mrs, nickname, nick name, initials, \
        gender, sex, age, birthday, birth date, date of birth, dob, marital status, spouse, spouse name, partner, co owner, co \
        buyer, co borrower, language, nationality, time zone, timezone, locale, deal, deal name, deal title, lead title, \
        opportunity, opportunity name, property, property name, listing, listing name, mls, mls number, mls no, parcel, parcel id, \
        parcel number, apn, folio, lot, lot size, acres, acreage, beds, bedrooms, bed, baths, bathrooms, bath, rooms, garage, pool, \
        sqft, sq ft, square feet, square footage, living area, floor area, year built, year, dom, days on market, zoning, land use, \
        legal description, latitude, longitude, lat, lng, lon, price per sqft, price per square foot, hoa, hoa fee, quantity, qty, \
        count, units, percent, probability, currency, fax, fax number, extension, phone extension, phone ext, country code, area \
        code, preferred contact, contact preference, preferred contact method, contacted, contacts, contact attempts, contact \
        method, contact owner email, contract, is organic, organic, unsubscribed, opt in, opt out, consent, do not call, dnc, do not \
        contact, bounced, verified, active, enabled, archived, deleted, converted, hotness, temperature, timeframe, timeline, \
        username, user name, user, login, password, file, file name, filename, source file, batch, batch id, import, import id, \
        duplicate, region code, fecha, estado civil, estado del lead, notas, nota, observaciones, comentarios, mensaje, empresa, \
        compania, cargo, puesto, vendedor, asesor, agente, comercial, campana, etapa, genero, sexo, edad, idioma, etiquetas, \
        propiedad, inmueble, tratamiento, titulo, pagina web, date de creation, statut, etat, notes internes, remarques, \
        commentaire, commentaires, entreprise, societe, fonction, poste, conseiller, civilite, langue, campagne, agence, bien, \
        proprietaire, titre, ingresos, revenus, einkommen, renda, reddito, datum, erstellt, erstellt am, status des leads, notiz, \
        notizen, bemerkung, bemerkungen, kommentar, nachricht, firma, firmenname, unternehmen, abteilung, anrede, titel, sprache, \
        geschlecht, geburtsdatum, kampagne, berater, makler, betreuer, verkaufer, zustandig, beruf, immobilie, data, data de \
        criacao, data creazione, situacao, observacoes, mensagem, setor, corretor, responsavel, campanha, imovel, stato, note \
        interne, messaggio, azienda, societa, ruolo, settore, consulente, agenzia, campagna, immobile, lingua, eta, professione"),
];

/// Words around a name that add nothing to it.
pub(super) const FILLERS: &str = "\
    the a your my our is are s what whats please enter provide of de del la el los las du des d le les l do da dos di dell della il \
    der die das den dem su tu votre ihre ihr seu sua vostro tuo cual es quel quelle est qual";

/// Words that stand for "this one", where there are several.
pub(super) const PREFERRED: &str =
    "primary main default preferred best principal current required optional requerido obligatorio obligatoire pflichtfeld haupt";

/// Words that stand for "not this one", where there are several.
pub(super) const SECONDARY: &str =
    "secondary second alternate alternative alt other additional another backup secundario secondaire autre otro weitere zweite";

/// Words for the lead as a person, in order of preference where parts of names stand with several of them.
pub(super) const PERSONS: &str = "\
    lead leads contact person prospect client clients customer buyer seller homeowner borrower applicant tenant renter guest member \
    subscriber attendee registrant participant visitor investor user contacto cliente prospecto comprador interesado acheteur kunde \
    kunden kontakt interessent interessenten kaufer kaeufer contato interessado contatto acquirente deal opportunity taxpayer owner \
    properties fields attributes";

/// Words before the parts of an address, in order of preference.
pub(super) const PLACES: &str = "property prop site situs subject listing address contact lead home mailing mail billing shipping work";

/// Words for somebody else than the lead: what stands behind them is theirs.
pub(super) const OTHERS: &str = "\
    agent agents owner owners rep reps representative sales salesperson assigned assignee assistant manager broker realtor lender loan \
    referrer referral referred spouse partner husband wife emergency co coowner cobuyer coborrower coapplicant created creator \
    modified updated sender from recipient to cc bcc recruiter supervisor advisor consultant vendor attorney executor operator host \
    organizer account company team support admin staff employee brokerage vendedor agente asesor comercial responsable conseiller \
    commercial berater betreuer makler verkaufer corretor consulente propietario proprietaire proprietario responsavel firma empresa \
    societe azienda entreprise organization office business";

/// Words that make of a field something about the field: when, which kind, whether.
pub(super) const ABOUT: &str = "\
    id ids date time status stage type types label opt opted optin optout consent verified verification valid validity bounced bounce \
    domain count score code url link notes note message hash sent opened open clicked clicks subscribed unsubscribed permission \
    template subject body quality deliverability detail details category per extension ext has days attempts method preference \
    preferences history reason result results marketing confirmation eligible eligibility provider format formatted drill down rank \
    percent percentage rate tags tag timezone carrier check hard soft";

/// Words of an address, which beside an owner make a list of properties.
pub(super) const ADDRESS: &str = "address street city zip";

/// Words that only a register of properties has; in one, the owner is the lead.
pub(super) const REGISTER: &str = "parcel apn situs folio assessed assessor assessment taxpayer grantee";

/// What a word of a header is, whatever name it is a part of; a word may be of several classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    /// One of [`FILLERS`].
    Filler,
    /// One of [`PREFERRED`].
    Preferred,
    /// One of [`SECONDARY`].
    Secondary,
    /// One of [`PERSONS`] or [`PLACES`].
    Owner,
    /// One of [`OTHERS`].
    Others,
    /// One of [`ABOUT`].
    About,
}

const CLASSES: [(Class, &str); 7] = [
    (Class::Filler, FILLERS),
    (Class::Preferred, PREFERRED),
    (Class::Secondary, SECONDARY),
    (Class::Owner, PERSONS),
    (Class::Owner, PLACES),
    (Class::Others, OTHERS),
    (Class::About, ABOUT),
];

/// Every known name, ready to be looked up.
pub(super) struct Dictionary {
    /// The classes of each word, as bits.
    classes: HashMap<&'static str, u8>,
    terms: HashMap<String, Term>,
    /// The names that a slip may be compared with, the shortest first, with their letters as a bit set.
    spelled: Vec<(String, u32, Term)>,
}

/// A constant, worked out when it is first asked for.
static DICTIONARY: LazyLock<Dictionary> = LazyLock::new(Dictionary::new);

impl Dictionary {
    /// The one there is.
    pub(super) fn shared() -> &'static Self {
        &DICTIONARY
    }

    /// Builds it: a few tenths of a millisecond.
    fn new() -> Self {
        let mut classes = HashMap::<&str, u8>::new();
        for (class, list) in CLASSES {
            list.split_ascii_whitespace().for_each(|word| *classes.entry(word).or_default() |= 1 << class as u8);
        }
        let is_filler = |word: &str| classes.get(word).is_some_and(|bits| bits & 1 << Class::Filler as u8 != 0);
        let mut terms = HashMap::with_capacity(4000);
        let mut spelled = Vec::with_capacity(3000);
        let entries = || {
            let names = |(role, tier, is_sure, names): &'static (Role, u8, bool, &'static str)| {
                let term = Term { role: *role, tier: *tier, is_sure: *is_sure };
                names.split(", ").map(move |name| (name, term))
            };
            ENTRIES.iter().flat_map(names)
        };
        for (name, term) in entries() {
            let key: String = name.split(' ').collect();
            if key.len() >= 4 {
                spelled.push((key.clone(), letters(&key), term));
            }
            terms.entry(key).or_insert(term);
        }
        for (name, term) in entries().filter(|(name, _)| name.split(' ').any(is_filler)) {
            let short: String = name.split(' ').filter(|word| !is_filler(word)).collect();
            if !short.is_empty() {
                terms.entry(short).or_insert(term);
            }
        }
        spelled.sort_by_key(|(name, ..)| name.len()); // stable: the preferred names stay in front
        Self { classes, terms, spelled }
    }

    /// Whether a word is of a class.
    pub(super) fn is(&self, class: Class, word: &str) -> bool {
        self.classes.get(word).is_some_and(|bits| bits & 1 << class as u8 != 0)
    }

    /// The entry of a normalised name.
    pub(super) fn get(&self, key: &str) -> Option<Term> {
        self.terms.get(key).copied()
    }

    /// The one role that an unknown name is nearly spelled like: the term, and how many slips away.
    ///
    /// One slip in four or five letters, two in more; a slip is a letter too many, too few, wrong, or two of them
    /// swapped (optimal string alignment). `None` when names of different roles are equally near.
    pub(super) fn spelled_like(&self, key: &str) -> Option<(Term, &str, usize)> {
        let (length, set) = (key.chars().count(), letters(key));
        if length < 3 || key.bytes().any(|b| b.is_ascii_digit()) {
            return None;
        }
        let in_list = self.spelled.partition_point(|(name, ..)| name.len() + 2 < length);
        let mut best: Option<(Term, &str, usize)> = None;
        let mut is_torn = false;
        for (name, name_set, term) in self.spelled[in_list..].iter().take_while(|(name, ..)| name.len() <= length + 2) {
            let allowed = if name.len() <= 5 { 1 } else { 2 };
            // One slip changes at most two letters of the set, so most names need no comparison.
            if name.len().abs_diff(length) > allowed || (set ^ name_set).count_ones() as usize > 2 * allowed {
                continue;
            }
            let so_far = best.map_or(allowed, |(.., slips)| slips.min(allowed));
            let Some(slips) = slips(key, name, so_far) else { continue };
            match best {
                Some((found, _, known)) if known == slips => is_torn |= found.role != term.role,
                _ => {
                    best = Some((*term, name, slips));
                    is_torn = false;
                }
            }
        }
        best.filter(|_| !is_torn)
    }

    /// How near a name is to those of a role, for suggestions: nearer than for a slip is not asked.
    pub(super) fn nearness(&self, key: &str, role: Role) -> Option<usize> {
        let (length, set) = (key.len(), letters(key));
        let near = |(name, name_set, term): &(String, u32, Term)| {
            if term.role != role || name.len() > length + 3 || length > name.len() * 2 {
                return None;
            }
            let allowed = (name.len() / 3).clamp(2, 4).min(length.saturating_sub(2));
            let is_comparable = (set ^ name_set).count_ones() as usize <= 2 * allowed;
            let is_inside = || (name.len() * 2 > length && key.contains(name.as_str())).then(|| length - name.len());
            is_comparable.then(|| slips(key, name, allowed)).flatten().or_else(is_inside)
        };
        self.spelled.iter().filter_map(near).min()
    }
}

/// How many slips lie between two names, when at most `most` (four or fewer) do: letters too many, too few, wrong, or swapped
/// with the next. This is the optimal string alignment distance, computed only near the diagonal.
pub(super) fn slips(one: &str, other: &str, most: usize) -> Option<usize> {
    const LONGEST: usize = 64;
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len().abs_diff(other.len()) > most || one.len() >= LONGEST || other.len() >= LONGEST {
        return None;
    }
    let far = most + 1;
    let mut rows = [[far; LONGEST]; 3];
    for (at, cell) in rows[0].iter_mut().enumerate().take(far.min(other.len() + 1)) {
        *cell = at;
    }
    for i in 1..=one.len() {
        let (this, last, before) = (i % 3, (i + 2) % 3, (i + 1) % 3);
        let (from, to) = (i.saturating_sub(most).max(1), (i + most).min(other.len()));
        rows[this][from - 1] = if from == 1 { i.min(far) } else { far };
        let mut nearest = rows[this][from - 1];
        for j in from..=to {
            let above = if j < i + most { rows[last][j] } else { far };
            let mut cell = (rows[last][j - 1] + usize::from(one[i - 1] != other[j - 1])).min(rows[this][j - 1] + 1).min(above + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                cell = cell.min(rows[before][j - 2] + 1);
            }
            rows[this][j] = cell.min(far);
            nearest = nearest.min(cell);
        }
        if nearest > most {
            return None;
        }
    }
    Some(rows[one.len() % 3][other.len()]).filter(|slips| *slips <= most)
}

/// Whether a blank-separated list has this word.
pub(super) fn has_word(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|listed| listed == word)
}

/// Where a word stands in a blank-separated list, from 1; 0 for no word, beyond all for one that is not listed.
pub(super) fn preference(list: &str, word: &str) -> usize {
    if word.is_empty() { 0 } else { list.split_ascii_whitespace().position(|listed| listed == word).map_or(usize::MAX, |at| at + 1) }
}

/// The letters of a name as a bit set.
fn letters(name: &str) -> u32 {
    name.bytes().fold(0, |set, byte| set | 1 << (if byte.is_ascii_lowercase() { byte - b'a' } else { 26 + byte % 6 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_twice() {
        let mut seen = HashMap::new();
        for (role, _, _, names) in ENTRIES {
            for name in names.split(", ") {
                assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == ' '), "{name:?} is not normalised");
                let key: String = name.split(' ').collect();
                if let Some(other) = seen.insert(key, *role) {
                    assert_eq!(other, *role, "{name:?} has two meanings");
                }
            }
        }
        assert!(seen.len() > 1000, "{}", seen.len());
    }

    #[test]
    fn slips_are_counted_as_by_the_full_table() {
        let words = [
            "",
            "a",
            "email",
            "emial",
            "emailaddress",
            "emialadress",
            "name",
            "nmae",
            "mane",
            "phone",
            "phne",
            "value",
            "valeu",
            "location",
            "loaction",
            "lcation",
            "abcdef",
            "fedcba",
            "badcfe",
        ];
        for one in words {
            for other in words {
                let all = strsim::osa_distance(one, other);
                for most in 0..=4 {
                    assert_eq!(slips(one, other, most), Some(all).filter(|all| *all <= most), "{one} {other} {most}");
                }
            }
        }
    }

    #[test]
    fn slips_that_are_near_enough() {
        let dictionary = Dictionary::shared();
        for (key, expected) in [
            ("emial", Some(EMAIL)),
            ("nmae", Some(NAME)),
            ("phne", Some(PHONE)),
            ("phoen", Some(PHONE)),
            ("adress", Some(LOCATION)),
            ("locaton", Some(LOCATION)),
            ("fristname", Some(Role::FirstName)),
            ("lastnaem", Some(Role::LastName)),
            ("emailadress2", None),
            ("telefno", Some(PHONE)),
            ("presupesto", Some(VALUE)),
            ("prenmo", Some(Role::FirstName)),
            ("xyzzy", None),
            ("na", None),
        ] {
            assert_eq!(dictionary.spelled_like(key).map(|(term, ..)| term.role), expected, "{key}");
        }
    }
}
