//! Headers as they are exported, and what they are read as: a new case is a new line.

use super::*;
use crate::engine::rules::Rules;

fn split(header: &str) -> Vec<String> {
    header.split('|').map(str::to_owned).collect()
}

fn profiles(rows: &[&str], width: usize) -> Vec<ColumnProfile> {
    let records: Vec<crate::engine::record::Cells> =
        rows.iter().map(|row| crate::engine::record::Cells::from(row.split('|').collect::<Vec<_>>())).collect();
    ColumnProfile::of(&records, width)
}

fn mapped(header: &str, rows: &[&str]) -> Mapping {
    let header = split(header);
    map_columns(&header, &profiles(rows, header.len()), &Rules::default().columns)
}

fn told(mapping: &Mapping) -> String {
    let extra: Vec<&str> = mapping.extra.iter().map(|at| mapping.columns[*at].name.as_str()).collect();
    let fields = Field::ALL.into_iter().filter(|field| *mapping.from(*field) != FieldFrom::Nowhere);
    fields
        .map(|field| format!("{field}={}", mapping.column_of(field)))
        .chain((!extra.is_empty()).then(|| format!("extra={}", extra.join(","))))
        .collect::<Vec<_>>()
        .join(" ")
}

fn check(header: &str, expected: &str) {
    assert_eq!(told(&mapped(header, &[])), expected, "{header}");
}

/// Only the fields, in a table of whole exports; the rest of their columns is extra.
fn check_fields(header: &str, expected: &str) {
    let mapping = mapped(header, &[]);
    let told = told(&mapping);
    assert_eq!(told.split(" extra=").next().unwrap_or_default(), expected, "{header}\n{:#?}", mapping.warnings);
}

fn doubts(mapping: &Mapping) -> Vec<String> {
    mapping.warnings.iter().map(|warning| format!("{} {}", warning.doubt.as_str(), warning.columns.join(","))).collect()
}

/// Each row with the mapping and the doubts that it must give.
fn check_content(header: &str, rows: &[&str], expected: &str, doubted: &[&str]) {
    let mapping = mapped(header, rows);
    assert_eq!(told(&mapping), expected, "{header} {rows:?}\n{:#?}", mapping.warnings);
    assert_eq!(doubts(&mapping), doubted, "{header} {rows:?}\n{:#?}", mapping.warnings);
}

#[test]
fn headers_of_the_first_users() {
    check("name|email|value|location|phone", "name=name email=email value=value location=location phone=phone");
    check(
        "lead_id|name|phone|email|city|property_type|budget|source|score",
        "name=name email=email value=budget location=city phone=phone source=source extra=lead_id,property_type,score",
    );
    check(
        "lead_id|first_name|last_name|email|address|city|province|asking_price",
        "name=first_name+last_name email=email value=asking_price location=city+province extra=lead_id,address",
    );
    check("Full Name|E-mail|Budget ($)", "name=Full Name email=E-mail value=Budget ($)");
    check("Last Name|First Name|Email Address", "name=First Name+Last Name email=Email Address");
}

#[test]
fn the_better_name_wins_and_the_other_is_kept() {
    check("Price|Value|Email", "email=Email value=Value extra=Price");
    check("Email|Email|Name", "name=Name email=Email extra=Email (2)");
    check("Name||Email|", "name=Name email=Email extra=column_2,column_4");
    check("Name|State|City|Location|Email", "name=Name email=Email location=Location extra=State,City");
}

#[test]
fn exports_of_customer_systems_ad_platforms_and_portals() {
    for (header, expected) in [
        // HubSpot
        (
            "Record ID|First Name|Last Name|Email|Phone Number|Mobile Phone Number|Contact owner|Lead Status|Lifecycle Stage|Original Source|Create Date|Annual Revenue",
            "name=First Name+Last Name email=Email phone=Phone Number source=Original Source",
        ),
        (
            "Street Address|City|State/Region|Postal Code|Country/Region|Email|First Name|Last Name|Number of Employees",
            "name=First Name+Last Name email=Email location=Street Address+City+State/Region+Postal Code",
        ),
        ("Record ID|Deal Name|Deal Stage|Close Date|Deal owner|Amount|Associated Contact", "name=Associated Contact value=Amount"),
        // Salesforce
        (
            "Lead Source|Salutation|First Name|Middle Name|Last Name|Title|Company|Email|Phone|Lead Status|Owner Alias|Created Date",
            "name=First Name+Middle Name+Last Name email=Email phone=Phone source=Lead Source",
        ),
        (
            "Opportunity Name|Account Name|Amount|Expected Revenue|Contact: Full Name|Contact: Email|Mailing Street|Mailing City|Mailing State/Province|Mailing Zip/Postal Code",
            "name=Contact: Full Name email=Contact: Email value=Expected Revenue location=Mailing Street+Mailing City+Mailing State/Province+Mailing Zip/Postal Code",
        ),
        (
            "LeadId|FirstName|LastName|LeadSource|MobilePhone|OwnerId|IsConverted",
            "name=FirstName+LastName phone=MobilePhone source=LeadSource",
        ),
        // Pipedrive
        (
            "Deal - Title|Deal - Value|Deal - Owner|Person - Name|Person - Email - Work|Person - Phone - Mobile|Organization - Name|Deal - Source channel",
            "name=Person - Name email=Person - Email - Work value=Deal - Value phone=Person - Phone - Mobile source=Deal - Source channel",
        ),
        // Zoho
        (
            "Record Id|Lead Owner|Company|First Name|Last Name|Designation|Email|Secondary Email|Phone|Mobile|Fax|Lead Source|Rating|Annual Revenue|City|State|Zip Code|Country|Email Opt Out",
            "name=First Name+Last Name email=Email location=City+State phone=Phone source=Lead Source",
        ),
        // Follow Up Boss
        (
            "ID|Date Added|First Name|Last Name|Stage|Lead Source|Assigned To|Tags|Email 1|Email 1 - Type|Email 2|Phone 1|Phone 1 - Type|Phone 2|Address 1 - Street|Address 1 - City|Address 1 - State|Address 1 - Zip|Price|Property MLS Number",
            "name=First Name+Last Name email=Email 1 value=Price location=Address 1 - Street+Address 1 - City+Address 1 - State+Address 1 - Zip phone=Phone 1 source=Lead Source",
        ),
        // kvCORE
        (
            "First Name|Last Name|Email|Cell Phone 1|Home Phone|Work Phone|Primary Address|Primary City|Primary State|Deal Type|Source|Avg Price|Avg Beds|Agent",
            "name=First Name+Last Name email=Email value=Avg Price location=Primary City+Primary State phone=Cell Phone 1 source=Source",
        ),
        // BoomTown
        (
            "Lead ID|First Name|Last Name|Email|Phone|Cell Phone|Agent|Lender|Min Price|Max Price|Category|Registration Date|Source",
            "name=First Name+Last Name email=Email value=Max Price phone=Phone source=Source",
        ),
        // LionDesk
        (
            "First Name|Last Name|Spouse Name|Email|Mobile Phone|Home Phone|Office Phone|Street Address 1|City|State|Zip Code|Hotness|Birthday",
            "name=First Name+Last Name email=Email location=Street Address 1+City+State+Zip Code phone=Mobile Phone",
        ),
        // Google contacts
        (
            "Name|Given Name|Family Name|E-mail 1 - Type|E-mail 1 - Value|Phone 1 - Type|Phone 1 - Value|Address 1 - Formatted|Organization 1 - Name",
            "name=Name email=E-mail 1 - Value location=Address 1 - Formatted phone=Phone 1 - Value",
        ),
        // Facebook and Instagram lead forms
        (
            "id|created_time|ad_id|ad_name|adset_name|campaign_name|form_id|form_name|is_organic|platform|what_is_your_budget?|full_name|email|phone_number|city|zip_code|lead_status",
            "name=full_name email=email value=what_is_your_budget? location=city phone=phone_number source=platform",
        ),
        // Google Ads
        ("GCLID|Lead Email|Lead Phone|Conversion Name|Conversion Time|Keyword|Device", "email=Lead Email phone=Lead Phone"),
        (
            "Lead ID|Campaign ID|Form ID|FULL_NAME|EMAIL|PHONE_NUMBER|POSTAL_CODE|CITY|REGION",
            "name=FULL_NAME email=EMAIL location=CITY+REGION phone=PHONE_NUMBER",
        ),
        // LinkedIn
        (
            "firstName|lastName|emailAddress|workEmail|phoneNumber|companyName|campaignName|creativeName",
            "name=firstName+lastName email=emailAddress phone=phoneNumber",
        ),
        ("First Name|Last Name|URL|Email Address|Company|Position|Connected On", "name=First Name+Last Name email=Email Address"),
        // TikTok
        (
            "created_time|ad_name|Name|Phone number|Email|Province/State|City",
            "name=Name email=Email location=City+Province/State phone=Phone number",
        ),
        // Portals
        (
            "Lead Name|Lead Email|Lead Phone|Listing Address|List Price|MLS #|Beds|Baths|Sq Ft|Year Built|Days on Market|Listing Agent",
            "name=Lead Name email=Lead Email value=List Price location=Listing Address phone=Lead Phone",
        ),
        (
            "Buyer Name|Buyer Email|Buyer Phone|Property Value|Zestimate",
            "name=Buyer Name email=Buyer Email value=Property Value phone=Buyer Phone",
        ),
        (
            "Property|Client Name|Email|Phone|Sales Rep|CRM Status|Data Source|City|Budget",
            "name=Client Name email=Email value=Budget location=City phone=Phone source=Data Source",
        ),
        // Counties and skip tracing
        (
            "Parcel ID|Owner 1|Owner 2|Situs Address|Situs City|Mailing Address|Assessed Value|Market Value|Sale Date|Land Use|Year Built",
            "name=Owner 1 value=Market Value location=Situs City",
        ),
        (
            "Address|City|State|Zip|County|APN|Owner 1 First Name|Owner 1 Last Name|Owner 2 First Name|Owner 2 Last Name|Mailing City|Est. Value|Email 1|Email 2|Wireless 1",
            "name=Owner 1 First Name+Owner 1 Last Name email=Email 1 value=Est. Value location=City+State",
        ),
        (
            "Property Address|Property City|Property State|Owner First Name|Owner Last Name|Mailing Address",
            "name=Owner First Name+Owner Last Name location=Property City+Property State",
        ),
        // Others
        (
            "Lead ID|Contact Name|Email|Mobile|Lead Owner|Source|Campaign|Status|Notes",
            "name=Contact Name email=Email phone=Mobile source=Source",
        ),
        (
            "Name|Email ID|Mobile No.|Budget Range|Preferred Location|How did you hear about us?",
            "name=Name email=Email ID value=Budget Range location=Preferred Location phone=Mobile No. source=How did you hear about us?",
        ),
        (
            "Your Name *|Your Email (required)|What's your phone number?|utm_source|utm_medium",
            "name=Your Name * email=Your Email (required) phone=What's your phone number? source=utm_source",
        ),
        (
            "Buyer First Name|Buyer Last Name|Agent First Name|Agent Last Name|Agent Email|Buyer Email",
            "name=Buyer First Name+Buyer Last Name email=Buyer Email",
        ),
        ("Full Name|Email|Phone|Country|Language", "name=Full Name email=Email location=Country phone=Phone"),
    ] {
        check_fields(header, expected);
    }
}

#[test]
fn single_headers_of_many_languages_and_vendors() {
    for (field, headers) in [
        (
            Some(Field::Name),
            "NAME|Client|Lead|Contact|customer name|Prospect Name|Homeowner Name|Nombre|Nombre completo|Nombre y Apellidos|Nombre del cliente|Contacto|Nom|Nom complet|\
             Nom et prénom|Nom du client|Vollständiger Name|Ansprechpartner|Kundenname|Name des Kunden|Kunde|Interessent|Vor- und Nachname|Nome completo|Nome|Nome do cliente|Nominativo|Nome e Cognome|\
             First Name|Prénom|Vorname|Apellidos|Nachname|Cognome|Sobrenome|First_Name__c1",
        ),
        (
            Some(Field::Email),
            "EMAIL|E-Mail|e_mail|Mail|Email Address|Email ID|Contact Email|Primary Email Address|Work Email|Email 1|Email (1)|E-mail 1 - Value|Client's Email|Customer E-Mail|\
             Correo|Correo electrónico|Correo Electronico|Dirección de correo|Email del cliente|Courriel|Adresse e-mail|Adresse mail|Adresse électronique|E-Mail-Adresse|EMail Adresse|\
             E-mail do cliente|Endereço de e-mail|Correio eletrónico|Indirizzo e-mail|Posta elettronica|Email contatto|What is your email address?",
        ),
        (
            Some(Field::Value),
            "Value|Budget|Budget ($)|Total Budget (USD)|Lead Value|Deal Value|Deal Size|Amount|Price|Asking Price|List Price (€)|Purchase Price|Property Value|Estimated Home Value|\
             Max Budget|Price Range|Presupuesto|Precio|Valor|Importe|Valeur|Prix|Montant|Prix de vente|Wert|Preis|Kaufpreis|Betrag|Orçamento|Preço|Valore|Prezzo|Importo|What's your budget?|Market Value",
        ),
        (
            Some(Field::Location),
            "Location|City|Town|Area|Region|Address|Property Address|Street Address|Neighborhood|Full Address|Zip|Postcode|State|Country|Ciudad|Ubicación|Dirección|Población|Ville|\
             Adresse|Code postal|Localisation|Ort|Stadt|Straße|PLZ|Wohnort|Anschrift|Standort|Cidade|Localização|Endereço|Città|Indirizzo|Luogo|Provincia|Bundesland|CEP|CAP",
        ),
        (
            Some(Field::Phone),
            "Phone|Phone Number|PHONE #|Phone (mobile)|Mobile|Mobile No|Cell|Cell Phone|Telephone|Tel|Tel.|Contact Phone 1|Contact No.|WhatsApp Number|Primary Phone|Home Phone|Work Phone|\
             Teléfono|Telefono|Teléfono móvil|Celular|Móvil|Número de teléfono|Téléphone|N° de téléphone|Tél. portable|Portable|Telefon|Telefonnummer|Handy|Handynummer|Mobiltelefon|Rufnummer|\
             Telefone|Telemóvel|Celular do cliente|Cellulare|Numero di telefono|Recapito telefonico",
        ),
        (
            Some(Field::Source),
            "Source|Lead Source|Original Source|utm_source|UTM Source|Data Source|Platform|Traffic Source|Source Name|Channel|Fuente|Origen|Origen del lead|Source du lead|Provenance|Origine|\
             Quelle|Lead-Quelle|Herkunft|Fonte|Origem|Origem do lead|Provenienza|Referral Source",
        ),
        (
            None,
            "Owner|Lead Owner|Sales Rep|Agent|Agent Name|Agent Email|Owner Email|From|Assigned to|Company|Company Name|Campaign|Campaign Name|Form name|Ad Name|Created Date|Created Time|Lead ID|ID|\
             Square feet|Sqft|Bedrooms|Bathrooms|Year built|Annual revenue|Company size|Number of Employees|GCLID|Keyword|Device|Status|Lead Status|Stage|Notes|Message|Tags|Title|Job Title|Email Opt Out|\
             Email Status|Phone Type|Source ID|Lead Source Detail|Salutation|Website|Spouse Name|Co-Buyer Name|Price per sqft|Contact owner|Last Contact|Preferred Contact Method|Gender|Birthday|Credit Score|\
             Project Name|Deal Name|Deal Stage|User ID|Latitude|Currency|Fax|Country Code|Empresa|Notas|Fecha|Vendedor|Entreprise|Statut|Remarques|Firma|Anrede|Datum|Observações|Azienda|Contacted|Emergency Contact Name",
        ),
    ] {
        for header in split(headers) {
            let expected = field.map(|field| vec![field]).unwrap_or_default();
            let mapping = mapped(header.trim(), &[]);
            let found: Vec<Field> = Field::ALL.into_iter().filter(|field| *mapping.from(*field) != FieldFrom::Nowhere).collect();
            assert_eq!(found, expected, "{header}");
        }
    }
}

#[test]
fn parts_are_joined_with_what_belongs_to_them() {
    for (header, expected) in [
        ("Vorname|Name|Straße|PLZ|Ort|E-Mail", "name=Vorname+Name email=E-Mail location=Straße+Ort+PLZ"),
        ("Nom|Prénom|Courriel|Ville|Code postal", "name=Prénom+Nom email=Courriel location=Ville"),
        ("Nombre|Apellidos|Correo", "name=Nombre+Apellidos email=Correo"),
        (
            "Nombre|Apellido paterno|Apellido materno|Correo|Ciudad|Estado",
            "name=Nombre+Apellido paterno+Apellido materno email=Correo location=Ciudad+Estado",
        ),
        ("Primer nombre|Apellido paterno|Apellido materno", "name=Primer nombre+Apellido paterno+Apellido materno"),
        ("Nome|Cognome|Telefono|Comune|Provincia", "name=Nome+Cognome location=Comune+Provincia phone=Telefono"),
        ("Nome|Sobrenome|Cidade|UF", "name=Nome+Sobrenome location=Cidade+UF"),
        ("First Name|Middle Initial|Last Name", "name=First Name+Middle Initial+Last Name"),
        ("Name|First Name|Last Name", "name=Name"),
        ("Contact|First Name|Last Name", "name=First Name+Last Name"),
        ("Street|Unit|City|State|Zip|Country", "location=Street+Unit+City+State+Zip"),
        (
            "Property Street|Property City|Property State|Mailing City|Mailing State",
            "location=Property Street+Property City+Property State",
        ),
        ("Mailing City|City|State", "location=City+State"),
        ("Address|State|Zip", "location=Address"),
        ("Street|State", "location=Street+State"),
        ("Buyer First Name|Seller First Name|Seller Last Name", "name=Seller First Name+Seller Last Name"),
    ] {
        check_fields(header, expected);
    }
}

#[test]
fn slips_are_mapped_with_a_warning() {
    for (header, expected, doubted) in [
        (
            "Nmae|Emial|Phne|Compny|Statu",
            "name=Nmae email=Emial phone=Phne extra=Compny,Statu",
            &["spelled_like Nmae", "spelled_like Emial", "spelled_like Phne"][..],
        ),
        ("name|e_mial|value", "name=name email=e_mial value=value", &["spelled_like e_mial"]),
        (
            "Frist Name|Last Nmae|Email Adress",
            "name=Frist Name+Last Nmae email=Email Adress",
            &["spelled_like Frist Name", "spelled_like Last Nmae"],
        ),
        (
            "Name|Emails|Locatoin|Telefno",
            "name=Name email=Emails location=Locatoin phone=Telefno",
            &["spelled_like Locatoin", "spelled_like Telefno"],
        ),
        ("Lead Emial|Phone Nubmer", "email=Lead Emial phone=Phone Nubmer", &["spelled_like Lead Emial", "spelled_like Phone Nubmer"]),
        ("Email|Emial|Name", "name=Name email=Email extra=Emial", &[]),
        ("Contract|Game|Bucket|Page|Data", "extra=Contract,Game,Bucket,Page,Data", &[]),
        ("Agent Emial|Nmae", "name=Nmae extra=Agent Emial", &["spelled_like Nmae"]),
    ] {
        let mapping = mapped(header, &[]);
        assert_eq!(told(&mapping), expected);
        assert_eq!(doubts(&mapping), doubted);
    }
    let warning = &mapped("Nmae|Emial", &[]).warnings[1];
    assert!(warning.sentence.starts_with("column 'Emial' is read as 'email', because it is nearly spelled so;"), "{}", warning.sentence);
    assert_eq!(mapped("Emial", &[]).columns[0].why, "spelled like 'email'");
}

#[test]
fn the_cells_decide_where_the_names_do_not() {
    let people = ["Ann Lee|ann.lee@example.com", "Bo Dahl|bdahl@example.org", "Cy Roth|cy@example.net"];
    check_content("Name|Contact 2", &people, "name=Name email=Contact 2", &["by_content Contact 2"]);
    check_content("Column A|Column B", &people, "name=Column A email=Column B", &["by_content Column B", "by_content Column A"]);
    check_content("Email|Name", &people, "name=Email email=Name", &["contradicted Name,Email", "contradicted Email,Name"]);
    check_content(
        "Email|Contact 2|Name",
        &["555-0101|ann@example.com|Ann Lee", "(204) 555-0102|bo@example.com|Bo Dahl"],
        "name=Name email=Contact 2 phone=Email",
        &["contradicted Contact 2,Email", "by_content Email"],
    );
    check_content("Email|Name", &["204-555-0101|Ann", "204-555-0102|Bo"], "name=Name email=Email", &["contradicted Email"]);
    check_content(
        "Email|Work Email|Name",
        &["|ann@example.com|Ann Lee", "|bo@example.com|Bo Dahl"],
        "name=Name email=Work Email extra=Email",
        &["empty_column Work Email,Email"],
    );
    check_content("Name|Contact", &["Ann Lee|204-555-0101", "Bo Dahl|204-555-0102"], "name=Name phone=Contact", &["by_content Contact"]);
    check_content("Contact|Email", &["1001|a@example.com", "1002|b@example.com"], "email=Email extra=Contact", &[]);
    check_content("Email|Price", &["a@example.com|high", "b@example.com|low"], "email=Email extra=Price", &[]);
    check_content("Email|Wanted", &["a@example.com|$450,000", "b@example.com|$1.2M"], "email=Email value=Wanted", &["by_content Wanted"]);
    check_content("Email|Score", &["a@example.com|450000", "b@example.com|120000"], "email=Email extra=Score", &[]);
    check_content("Email|Area", &["a@example.com|1200", "b@example.com|850"], "email=Email extra=Area", &[]);
    check_content("Ciudad|Estado", &["Lima|Nuevo", "Cusco|Contactado"], "location=Ciudad extra=Estado", &[]);
    check_content("Name|First Name", &["Lee|Ann", "Dahl|Bo"], "name=First Name+Name", &[]);
    check_content("Name|First Name", &["Ann Lee|Ann", "Bo Dahl|Bo"], "name=Name extra=First Name", &[]);
    check_content("Bucket", &["$450,000", "$5"], "value=Bucket", &["spelled_like Bucket"]);
}

#[test]
fn questions_of_forms_are_read_where_the_cells_agree() {
    for (header, expected) in [
        (
            "What is your estimated budget for the new home?|Best email to reach you",
            "email=Best email to reach you value=What is your estimated budget for the new home?",
        ),
        ("Wie hoch ist Ihr Budget?", "value=Wie hoch ist Ihr Budget?"),
        ("Which location are you interested in?", "location=Which location are you interested in?"),
        ("May we call or email you on this phone number?", "extra=May we call or email you on this phone number?"),
        ("Phone or email?", "extra=Phone or email?"),
        (
            "Budget notes|Email list|Phone model|Direct mail|Agent direct phone number",
            "extra=Budget notes,Email list,Phone model,Direct mail,Agent direct phone number",
        ),
    ] {
        check(header, expected);
    }
    check_content("Is your budget fixed already?", &["yes", "no"], "extra=Is your budget fixed already?", &[]);
    check_content("How large is the budget?", &["$300,000_-_$400,000", "under_$500k"], "value=How large is the budget?", &[]);
}

#[test]
fn somebody_elses_address_is_the_last_resort() {
    let various =
        ["Ann Lee|ann@example.com|rep@example.com", "Bo Dahl|bo@example.com|rep@example.com", "Cy Roth|cy@example.com|rep@example.com"];
    check_content("Name|From|Agent Email", &various, "name=Name email=From extra=Agent Email", &["by_content From"]);
    let same = ["Ann Lee|rep@example.com", "Bo Dahl|rep@example.com", "Cy Roth|rep@example.com"];
    check_content("Name|Agent Email", &same, "name=Name extra=Agent Email", &[]);
    check_content("Owner|Email", &["Ann Lee|ann@example.com", "Bo Dahl|bo@example.com"], "email=Email extra=Owner", &[]);
}

#[test]
fn equally_good_columns_are_told() {
    for (header, expected) in [
        ("Client Email|Customer Email", &["ambiguous Client Email,Customer Email"][..]),
        ("Asking Price|List Price", &["ambiguous Asking Price,List Price"]),
        ("Phone|Mobile|Home Phone", &[]),
        ("Email 1|Email 2|Email 3", &[]),
        ("Email|Name|Email|Notes|Notes|Notes", &["duplicate_header Email,Email (2)", "duplicate_header Notes,Notes (2),Notes (3)"]),
        ("email|EMAIL", &["ambiguous email,EMAIL"]),
        ("Name||Email|", &[]),
    ] {
        assert_eq!(doubts(&mapped(header, &[])), expected, "{header}");
    }
    let rows = ["Ann|a@example.com|a@example.org", "Bo|b@example.com|", "Cy|c@example.com|"];
    check_content("Name|Contact 1|Contact 2", &rows, "name=Name email=Contact 1 extra=Contact 2", &["by_content Contact 1"]);
    let rows = ["Ann|a@example.com|a@example.org", "Bo|b@example.com|b@example.org"];
    check_content("Name|One|Two", &rows, "name=Name email=One extra=Two", &["by_content One", "ambiguous One,Two"]);
    assert_eq!(mapped(&["A"; 300].join("|"), &[]).warnings.len(), 1);
}

#[test]
fn a_file_without_a_header_is_mapped_by_what_it_holds() {
    for (rows, expected, doubted) in [
        (
            &["Ann Lee|ann.lee@example.com|400000", "Ben Day|ben.day@example.com|350000"][..],
            "name=column_1 email=column_2 value=column_3",
            &["by_content column_2", "by_content column_3", "by_content column_1"][..],
        ),
        (
            &[
                "1|Ann|Lee|ann.lee@example.com|+1 204 555 0101|Tulsa OK|$400,000|Facebook",
                "2|Ben|Day|ben.day@example.com|+1 204 555 0102|Salem, OR|$350,000|Google",
            ],
            "name=column_2+column_3 email=column_4 value=column_7 location=column_6 phone=column_5 source=column_8 extra=column_1",
            &[
                "by_content column_4",
                "by_content column_5",
                "by_content column_7",
                "by_content column_2,column_3",
                "by_content column_6",
                "by_content column_8",
            ],
        ),
        (
            &["Ann Lee|ann@example.com|ann@example.org|400000|380000", "Ben Day|ben@example.com|ben@example.org|350000|310000"],
            "name=column_1 extra=column_2,column_3,column_4,column_5",
            &["ambiguous column_2,column_3", "ambiguous column_4,column_5", "by_content column_1"],
        ),
        (&["1|74101", "2|83702", "3|97301"], "extra=column_1,column_2", &[]),
    ] {
        let header: Vec<String> = (1..=rows[0].split('|').count()).map(|number| format!("column_{number}")).collect();
        let mapping = map_by_content(&header, &profiles(rows, header.len()), &Rules::default().columns);
        assert_eq!(told(&mapping), expected, "{rows:?}");
        assert_eq!(doubts(&mapping), doubted, "{rows:?}");
    }
}

#[test]
fn a_configured_alias_comes_first() {
    let mut rules = Rules::default().columns;
    rules.aliases.insert(Field::Email, vec!["Wer".to_owned(), "Kontakt E-Mail".to_owned()]);
    rules.aliases.insert(Field::Value, vec!["phone".to_owned()]);
    let header = split("Email|KONTAKT-EMAIL|Phone");
    let mapping = map_columns(&header, &[], &rules);
    assert_eq!(told(&mapping), "email=KONTAKT-EMAIL value=Phone extra=Email");
    assert_eq!(mapping.columns[1].why, "configured alias of 'email'");
    assert_eq!(mapping.columns[0].why, "kept as extra: 'email' is taken from 'KONTAKT-EMAIL'");
    let rows = profiles(&["a@example.com|Ann Lee|5", "b@example.com|Bo Dahl|6"], 3);
    let mapping = map_columns(&header, &rows, &rules);
    assert_eq!(
        (told(&mapping).as_str(), doubts(&mapping)),
        ("email=KONTAKT-EMAIL value=Phone extra=Email", vec!["contradicted KONTAKT-EMAIL".to_owned()])
    );
    rules.aliases.insert(Field::Email, vec!["column_2".to_owned()]);
    let rows = profiles(&["a@example.com|b@example.com"], 2);
    assert_eq!(told(&map_by_content(&split("column_1|column_2"), &rows, &rules)), "email=column_2 extra=column_1");
}

#[test]
fn further_addresses_have_a_name_at_the_end() {
    let mapping = mapped("Name|Email|Notes", &[]);
    assert_eq!(
        (mapping.extra_names, mapping.extra, mapping.other_emails),
        (vec!["Notes".to_owned(), "Email (others)".to_owned()], vec![2], Some(1))
    );
    let mapping = mapped("Email|Email (others)", &[]);
    assert_eq!(mapping.extra_names, ["Email (others)", "Email (others) (2)"]);
    let mapping = mapped("Name|Notes", &[]);
    assert_eq!((mapping.extra_names, mapping.other_emails), (vec!["Notes".to_owned()], None));
}

#[test]
fn what_is_near_is_suggested_and_data_never_named() {
    for (header, field, expected) in [
        ("name|mailbox|value", Field::Email, Some("mailbox")),
        ("name|notes", Field::Email, None),
        ("name|Email Opt Out", Field::Email, None),
        ("name|phonee_nmbrr", Field::Phone, Some("phonee_nmbrr")),
        ("name|bugdett", Field::Value, Some("bugdett")),
    ] {
        assert_eq!(nearest(field, &mapped(header, &[]).columns), expected, "{header}");
    }
    let safe: Vec<String> = mapped("John Doe|john@example.com|500", &[]).columns.into_iter().map(|c| c.safe_name).collect();
    assert_eq!(safe, ["column_1", "column_2", "column_3"]);
    let mapping = mapped("john@example.com|john@example.com|Jane", &["x@example.com|y@example.org|Ann", "z@example.com|w@example.org|Bo"]);
    let said: Vec<&str> =
        mapping.warnings.iter().map(|w| w.sentence.as_str()).chain(mapping.columns.iter().map(|c| c.why.as_str())).collect();
    assert!(!said.is_empty() && said.iter().all(|said| !said.contains("example") && !said.contains("Jane")), "{said:?}");
}

#[test]
fn what_is_missing_is_described() {
    let describe = |header: &str, rows: &[&str], missing: &[Field]| {
        let said = describe_missing(missing, &mapped(header, rows), &profiles(rows, header.split('|').count()));
        format!("{}{}", said.what, said.near)
    };
    for (header, rows, missing, expected) in [
        (
            "name|mailbox|value",
            &[][..],
            &[Field::Email][..],
            "no column for 'email' (found: name, mailbox, value); did you mean 'mailbox'?",
        ),
        ("lead_id|name|phone", &["1|Ann|5"], &[Field::Email, Field::Value], "no column for 'email', 'value' (found: lead_id, name, phone)"),
        (
            "Name|Email|Score",
            &["Ann|a@example.com|45000", "Bo|b@example.com|62000"],
            &[Field::Value],
            "no column for 'value' (found: Name, Email, Score); 'Score' holds numbers",
        ),
        (
            "Name|Email|Q1|Q2",
            &["A|a@b.co|$5|$6", "B|b@b.co|$5|$6"],
            &[Field::Value],
            "no column for 'value' (found: Name, Email, Q1, Q2); 'Q1' and 'Q2' hold amounts",
        ),
    ] {
        assert_eq!(describe(header, rows, missing), expected);
    }
}

#[test]
fn a_thousand_unknown_columns_are_told_in_a_few_words() {
    let header: Vec<String> = (0..1000)
        .map(|at| {
            format!(
                "{} {}",
                ["emails sent", "locating", "telefax", "custom field", "budgeted"][at % 5],
                ["a", "b", "c", "d", "e", "f", "g"][at % 7]
            )
        })
        .collect();
    let mapping = map_columns(&header, &[], &Rules::default().columns);
    assert_eq!((mapping.columns.len(), mapping.warnings.len()), (1000, 20));
    assert!(describe_missing(&[Field::Email], &mapping, &[]).what.ends_with(", …)"));
}
