//! Header names → fields: which column is the e-mail, which two together are the name, and why.
//!
//! Exact names and aliases, compared without case and punctuation. Spelling mistakes are never mapped silently: they
//! become a suggestion in the message. Guessing by content has its room here.

use super::lead::Field;
use super::rules::ColumnRules;

/// Where a field's cell comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FieldFrom {
    /// No column holds it.
    #[default]
    Nowhere,
    /// One column.
    Column(usize),
    /// Several columns, joined in this order when not empty.
    Joined(Vec<usize>, &'static str),
}

/// What one column is read as, and why: told in the report and by `check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnUse {
    /// The header as written, or `column_N` where it is empty.
    pub name: String,
    /// The name as it may stand in logs and journals: `column_N` where the header looks like data.
    pub safe_name: String,
    /// The field it is, or is part of; `None` for an extra column.
    pub maps_to: Option<Field>,
    /// The reason, in a few words.
    pub why: String,
}

/// The mapping of a whole header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mapping {
    /// One for each field, in the order of [`Field::ALL`].
    pub fields: [FieldFrom; 6],
    /// One for each column.
    pub columns: Vec<ColumnUse>,
    /// Columns kept under `extra`.
    pub extra: Vec<usize>,
    /// Their names, made distinct.
    pub extra_names: Vec<String>,
}

impl Mapping {
    /// Where this field comes from.
    #[must_use]
    pub fn from(&self, field: Field) -> &FieldFrom {
        &self.fields[field as usize]
    }

    /// The header(s) of a field for people, `first_name+last_name` when joined; the field's own name when it has none.
    #[must_use]
    pub fn column_of(&self, field: Field) -> String {
        match self.from(field) {
            FieldFrom::Nowhere => field.name().to_owned(),
            FieldFrom::Column(at) => self.columns[*at].name.clone(),
            FieldFrom::Joined(parts, _) => parts.iter().map(|at| self.columns[*at].name.as_str()).collect::<Vec<_>>().join("+"),
        }
    }
}

/// Built-in names of each field in order of preference, normalised.
const ALIASES: [&[&str]; 6] = [
    &[
        "name",
        "fullname",
        "contactname",
        "clientname",
        "customername",
        "leadname",
        "contact",
        "client",
        "customer",
        "buyername",
        "sellername",
        "ownername",
    ],
    &["email", "emailaddress", "mail", "leademail", "contactemail", "primaryemail", "workemail", "emailid", "clientemail", "customeremail"],
    &[
        "value",
        "leadvalue",
        "dealvalue",
        "budget",
        "askingprice",
        "listprice",
        "purchaseprice",
        "propertyvalue",
        "estimatedvalue",
        "opportunityvalue",
        "dealsize",
        "dealamount",
        "amount",
        "price",
    ],
    &["location", "city", "town", "area", "region", "address", "propertyaddress", "streetaddress", "neighborhood", "neighbourhood"],
    &[
        "phone",
        "phonenumber",
        "mobile",
        "mobilephone",
        "mobilenumber",
        "cell",
        "cellphone",
        "telephone",
        "tel",
        "leadphone",
        "contactphone",
        "contactnumber",
        "phoneno",
        "workphone",
    ],
    &["source", "leadsource", "originalsource", "utmsource", "sourcename", "datasource"],
];

const FIRST_NAME: &[&str] = &["firstname", "givenname", "forename", "fname"];
const LAST_NAME: &[&str] = &["lastname", "surname", "familyname", "lname"];
const CITY: &[&str] = &["city", "town"];
const STATE: &[&str] = &["province", "state", "stateprovince", "region", "county"];

/// Maps every column. Never fails: what is required and missing is the plan's business.
#[must_use]
pub fn map_columns(header: &[String], rules: &ColumnRules) -> Mapping {
    let normal: Vec<String> = header.iter().map(|name| normalise(name)).collect();
    let names = distinct_names(header);
    let like_data = looks_like_data(header);
    let mut uses: Vec<Option<(Field, String)>> = vec![None; header.len()];
    let mut fields: [FieldFrom; 6] = Default::default();

    for field in Field::ALL {
        let configured = rules.aliases.get(&field).into_iter().flatten().map(|alias| (normalise(alias), "configured alias of"));
        let built_in = ALIASES[field as usize].iter().map(|alias| ((*alias).to_owned(), "alias of"));
        let exact = std::iter::once((field.name().to_owned(), "named"));
        let free = |wanted: &str, uses: &[Option<_>]| (0..header.len()).find(|at| normal[*at] == wanted && uses[*at].is_none());
        if let Some((at, why)) = exact.chain(configured).chain(built_in).find_map(|(alias, why)| free(&alias, &uses).map(|at| (at, why))) {
            uses[at] = Some((field, format!("{why} '{field}'")));
            fields[field as usize] = FieldFrom::Column(at);
        }
        let parts = joined_parts(field, &fields[field as usize], &normal, &uses);
        if let Some((columns, separator)) = parts {
            let together: Vec<&str> = columns.iter().map(|at| header[*at].trim()).collect();
            for at in &columns {
                uses[*at] = Some((field, format!("joined into '{field}' ({})", together.join(" + "))));
            }
            fields[field as usize] = FieldFrom::Joined(columns, separator);
        }
    }

    let columns: Vec<ColumnUse> = names
        .iter()
        .enumerate()
        .map(|(at, name)| ColumnUse {
            name: name.clone(),
            safe_name: if like_data || unsafe_name(name) { format!("column_{}", at + 1) } else { name.clone() },
            maps_to: uses[at].as_ref().map(|(field, _)| *field),
            why: uses[at].as_ref().map_or_else(|| why_extra(&normal[at], &fields, &names), |(_, why)| why.clone()),
        })
        .collect();
    let extra: Vec<usize> = (0..header.len()).filter(|at| uses[*at].is_none()).collect();
    let extra_names = extra.iter().map(|at| names[*at].clone()).collect();
    Mapping { fields, columns, extra, extra_names }
}

/// A header without case, white space and punctuation: `E-Mail Address` → `emailaddress`.
#[must_use]
pub fn normalise(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The column whose name is nearest to a field's names, for "did you mean".
#[must_use]
pub fn nearest(field: Field, columns: &[ColumnUse]) -> Option<&str> {
    columns
        .iter()
        .filter(|column| column.maps_to.is_none() && column.name == column.safe_name)
        .filter_map(|column| {
            let normal = normalise(&column.name);
            let distance = ALIASES[field as usize].iter().map(|alias| strsim::osa_distance(&normal, alias)).min()?;
            (distance <= 2 && normal.chars().count() > distance + 1).then_some((distance, column.name.as_str()))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Whether a header row holds data instead of names: an address, a phone or an amount stands in it.
#[must_use]
pub fn looks_like_data(header: &[String]) -> bool {
    header.iter().any(|name| is_address_like(name) || mostly_digits(name))
}

fn is_address_like(name: &str) -> bool {
    name.split_once('@').is_some_and(|(local, domain)| !local.trim().is_empty() && domain.contains('.'))
}

fn mostly_digits(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    digits >= 5 && digits * 2 > name.len()
}

/// Names that cannot be column names, whatever the rest of the header looks like.
fn unsafe_name(name: &str) -> bool {
    name.contains('@') || name.chars().count() > 64 || name.chars().any(|c| c.is_control() || c == '\u{fffd}') || mostly_digits(name)
}

/// Empty names become `column_N`; a name that comes again gets its number, so that no cell hides another.
fn distinct_names(header: &[String]) -> Vec<String> {
    let mut seen = std::collections::HashMap::<String, usize>::new();
    let mut taken: std::collections::HashSet<String> = header.iter().cloned().collect();
    header
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let name = if name.trim().is_empty() { format!("column_{}", at + 1) } else { name.clone() };
            let count = seen.entry(name.clone()).or_insert(0);
            *count += 1;
            if *count == 1 {
                return name;
            }
            let mut number = *count;
            loop {
                let candidate = format!("{name} ({number})");
                if taken.insert(candidate.clone()) {
                    return candidate;
                }
                number += 1;
            }
        })
        .collect()
}

/// Columns that together make a field, when no better single column was found.
fn joined_parts(
    field: Field,
    single: &FieldFrom,
    normal: &[String],
    uses: &[Option<(Field, String)>],
) -> Option<(Vec<usize>, &'static str)> {
    let find = |aliases: &[&str]| {
        aliases.iter().find_map(|alias| {
            (0..normal.len()).find(|at| normal[*at] == *alias && uses[*at].as_ref().is_none_or(|(owner, _)| *owner == field))
        })
    };
    match (field, single) {
        (Field::Name, FieldFrom::Nowhere) => {
            let parts: Vec<usize> = [find(FIRST_NAME), find(LAST_NAME)].into_iter().flatten().collect();
            (!parts.is_empty()).then_some((parts, " "))
        }
        (Field::Location, FieldFrom::Column(at)) if CITY.contains(&normal[*at].as_str()) => {
            let state = find(STATE)?;
            Some((vec![*at, state], ", "))
        }
        _ => None,
    }
}

fn why_extra(normal: &str, fields: &[FieldFrom; 6], names: &[String]) -> String {
    let rival = Field::ALL.into_iter().find(|field| ALIASES[*field as usize].contains(&normal));
    match rival.map(|field| (field, &fields[field as usize])) {
        Some((field, FieldFrom::Column(at))) => format!("kept as extra: '{field}' is taken from '{}'", names[*at].trim()),
        Some((field, FieldFrom::Joined(parts, _))) => format!("kept as extra: '{field}' is taken from '{}'", names[parts[0]].trim()),
        _ => "kept as extra".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::rules::Rules;

    fn check(header: &str, expected: &str) {
        let header: Vec<String> = header.split('|').map(str::to_owned).collect();
        let mapping = map_columns(&header, &Rules::default().columns);
        let told: Vec<String> = Field::ALL
            .into_iter()
            .filter(|field| *mapping.from(*field) != FieldFrom::Nowhere)
            .map(|field| format!("{field}={}", mapping.column_of(field)))
            .chain((!mapping.extra_names.is_empty()).then(|| format!("extra={}", mapping.extra_names.join(","))))
            .collect();
        assert_eq!(told.join(" "), expected);
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
    fn a_slip_is_suggested_and_data_never_named() {
        let columns =
            |header: &[&str]| map_columns(&header.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>(), &Rules::default().columns).columns;
        assert_eq!(nearest(Field::Email, &columns(&["name", "e_mial", "value"])), Some("e_mial"));
        assert_eq!(nearest(Field::Email, &columns(&["name", "notes"])), None);
        let safe: Vec<String> = columns(&["John Doe", "john@example.com", "500"]).into_iter().map(|c| c.safe_name).collect();
        assert_eq!(safe, ["column_1", "column_2", "column_3"]);
    }
}
