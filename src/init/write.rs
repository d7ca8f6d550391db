//! A plan written down as a mapping, for people: commented, every field with how sure it is.

use std::fmt::Write as _;

use super::candidates::Candidate;
use super::fit::Confidence;
use super::propose::{Choice, Plan};
use super::recognise::Layout;
use crate::shipment::{Field, Kind};
use crate::text;

/// The mapping for a built-in layout: a few lines that start from it.
pub(super) fn extension(input: &str, layout: &Layout, header: &[String]) -> String {
    let Layout { name, title, found, columns, join } = layout;
    let mut out = String::new();
    _ = writeln!(
        out,
        "# {}: {found} of {columns} columns are those of the built-in mapping {name}.",
        text::printable(input)
    );
    _ = writeln!(out, "# {title}");
    if header.len() > *found {
        _ = writeln!(
            out,
            "# {} beside these are not read.",
            text::counted((header.len() - found) as u64, "column")
        );
    }
    if let Some(join) = join {
        _ = writeln!(out, "# It joins another file: {join}");
    }
    _ = writeln!(out, "#\n# lateship mappings {name} prints it. What stands below overrides it.\n");
    _ = writeln!(out, "extends = {}", quoted(name));
    _ = writeln!(out, "\n# [fields]\n# carrier_type = {{ value = \"UPS\" }}");
    out
}

/// The mapping of a plan. `remarks` are what a person should know of the file, a sentence each.
pub(super) fn mapping(
    input: &str,
    found: &str,
    plan: &Plan,
    header: &[String],
    remarks: &[String],
) -> String {
    let mut out = String::new();
    _ = writeln!(
        out,
        "# A mapping proposed for {} from its header and its first rows.",
        text::printable(input)
    );
    _ = writeln!(out, "# The file was read as {found}.");
    _ = writeln!(
        out,
        "#\n# Please look through it: \"sure\" is what name and values agree on, \"a guess\" is what they do not."
    );
    for remark in remarks {
        _ = writeln!(out, "# Mind: {}", text::printable(remark));
    }
    if !plan.placeholders.is_empty() {
        let list: Vec<String> = plan.placeholders.iter().map(|text| quoted(text)).collect();
        _ = writeln!(
            out,
            "\n[source]\nempty = [{}]{}# these cells stand for nothing",
            list.join(", "),
            " ".repeat(3)
        );
    }
    rows(&mut out, plan);
    fields(&mut out, plan);
    unread(&mut out, plan, header);
    out
}

fn rows(out: &mut String, plan: &Plan) {
    let mut lines = Vec::new();
    let name = |place: usize| quoted(&plan.candidates[place].source);
    let order = plan.of(Field::ORDER_NO);
    let tracking = plan.of(Field::TRACKINGNUMBER).filter(|one| !one.is_template());
    if !plan.grouping.fill_down.is_empty() {
        let list: Vec<String> = plan.grouping.fill_down.iter().map(|place| name(*place)).collect();
        lines.push("# Rows that go on with an order leave these cells empty.".to_owned());
        lines.push(format!("fill_down = [{}]", list.join(", ")));
    }
    if let (true, Some(order)) = (plan.grouping.grouped, order) {
        let list: Vec<String> =
            [Some(order), tracking].into_iter().flatten().map(|one| quoted(&one.source)).collect();
        lines.push(
            "# An order has a row for each of its items: those of one parcel make one shipment."
                .to_owned(),
        );
        lines.push(format!("group_by = [{}]", list.join(", ")));
        if plan.grouping.anywhere {
            lines.push("group = \"anywhere\"   # they do not all stand together".to_owned());
        }
    }
    let mut drop = Vec::new();
    if let Some(tracking) = tracking {
        drop.push(format!(
            "  {{ column = {}, empty = true }},   # not shipped yet",
            quoted(&tracking.source)
        ));
    }
    if let Some((place, values)) = &plan.dead {
        let list: Vec<String> = values.iter().map(|value| quoted(value)).collect();
        drop.push(format!(
            "  {{ column = {}, is = [{}] }},   # will not be shipped",
            name(*place),
            list.join(", ")
        ));
    }
    if let (true, Some(order)) = (plan.totals, order.filter(|one| !one.is_template())) {
        let source = quoted(&order.source);
        drop.push(format!(
            "  {{ column = {source}, matches = '(?i)^(total|sum|gesamt)' }},   # the line of totals"
        ));
    }
    if !drop.is_empty() {
        lines.push("drop = [".to_owned());
        lines.append(&mut drop);
        lines.push("]".to_owned());
    }
    if let (Some(sign), Some(tracking)) = (plan.split, tracking) {
        lines.push(format!(
            "split = {{ column = {}, at = '{sign}' }}   # several parcels: a shipment for each",
            quoted(&tracking.source)
        ));
    }
    if !lines.is_empty() {
        _ = writeln!(out, "\n[rows]\n{}", lines.join("\n"));
    }
    if plan.of(Field::TRACKINGNUMBER).is_none() {
        let key = order.map_or("Order".to_owned(), |one| one.source.clone());
        _ = writeln!(
            out,
            "\n# No column holds tracking numbers. They stand in another export (of shipments, or of whatever prints the labels):\n\
             # take the comment signs away, and name its file and columns here and in [fields].\n\
             # [join]\n# file = \"shipments.csv\"\n# on = {{ {} = \"Order\" }}   # column here = column there\n# as = \"shipment\"",
            quoted(&key)
        );
    }
}

fn fields(out: &mut String, plan: &Plan) {
    _ = writeln!(out, "\n[fields]\n# The webhook takes no shipment without these three.");
    for field in Field::all().filter(|field| field.spec().required) {
        let line = match plan.choices.iter().find(|choice| choice.field == field) {
            Some(choice) => {
                let note = format!("please confirm ({})", note(plan, choice));
                entry(field, &source(plan, choice), &note)
            }
            None => missing(plan, field),
        };
        out.push_str(&line);
    }
    out.push('\n');
    for choice in plan.choices.iter().filter(|choice| !choice.field.spec().required) {
        out.push_str(&entry(choice.field, &source(plan, choice), &note(plan, choice)));
    }
    let package = Field::by_name("package_status").filter(|field| plan.of(*field).is_none());
    if let Some(field) = package.filter(|_| plan.of(Field::TRACKINGNUMBER).is_some()) {
        out.push_str(&entry(field, "{ value = \"shipped\" }", "likely: it has a tracking number"));
    }
}

fn entry(field: Field, source: &str, note: &str) -> String {
    format!("{:<16} = {source}   # {note}\n", field.name())
}

/// A required field for which no column was found.
fn missing(plan: &Plan, field: Field) -> String {
    match (field, plan.of(Field::TRACKINGNUMBER)) {
        (Field::CARRIER_TYPE, Some(tracking)) if !tracking.is_template() => format!(
            "# No column names the carrier; some tracking numbers tell it. For the others say who carries them:\n\
             # carrier_type = [{{ infer_carrier = {0} }}, {{ value = \"UPS\" }}]\n{1}",
            quoted(&tracking.source),
            entry(
                field,
                &format!("{{ infer_carrier = {} }}", quoted(&tracking.source)),
                "please confirm (a guess: please check)"
            )
        ),
        (Field::CARRIER_TYPE, _) => {
            "# carrier_type = \"shipment.Carrier\"   # please fill in\n".to_owned()
        }
        (Field::TRACKINGNUMBER, _) => {
            "# trackingnumber = \"shipment.Tracking Number\"   # please fill in\n".to_owned()
        }
        _ => format!("# {} = \"…\"   # please fill in: no column looks like it\n", field.name()),
    }
}

fn note(plan: &Plan, choice: &Choice) -> String {
    let candidate = &plan.candidates[choice.candidate];
    let word = choice.confidence.word();
    if choice.field == Field::ORDER_DATE {
        return match &candidate.shape.dates {
            None => format!("{word}; please add its form, as date = \"%d.%m.%Y\""),
            Some(dates) if dates.ambiguous => {
                "please check: no value tells whether day or month comes first".to_owned()
            }
            Some(_) => word.to_owned(),
        };
    }
    if choice.field.spec().kind == Kind::Amount
        && candidate.shape.style.is_some_and(|style| style.ambiguous)
    {
        return "please check: no value tells which sign is the decimal one".to_owned();
    }
    word.to_owned()
}

/// The source of a field, with what is done to its values.
fn source(plan: &Plan, choice: &Choice) -> String {
    let candidate = &plan.candidates[choice.candidate];
    let mut keys = vec![take(candidate)];
    let grouped = plan.grouping.grouped;
    match (choice.field.name(), choice.field.spec().kind) {
        ("trackingnumber", _)
            if plan.split.is_none() && candidate.values.iter().any(|value| value.contains(' ')) =>
        {
            keys.push(r"replace = [['\s+', '']]".to_owned());
        }
        ("carrier_type", _) => return carrier(plan, choice, candidate),
        (_, Kind::DateTime) => {
            if let Some(dates) = &candidate.shape.dates {
                let list: Vec<String> = dates.formats.iter().map(|form| quoted(form)).collect();
                let one = list.len() == 1;
                keys.push(format!(
                    "date = {}",
                    if one { list.concat() } else { format!("[{}]", list.join(", ")) }
                ));
            }
        }
        (_, Kind::Amount) => {
            if let Some(style) = candidate.shape.style {
                if style.decimal != '.'
                    || candidate.values.iter().any(|value| {
                        value.contains(',') || value.contains(' ') || value.contains('\'')
                    })
                {
                    let thousands = style
                        .thousands
                        .map(|sign| format!(", thousands = {}", quoted(&sign.to_string())))
                        .unwrap_or_default();
                    keys.push(format!(
                        "number = {{ decimal = {}{thousands} }}",
                        quoted(&style.decimal.to_string())
                    ));
                }
                keys.push("decimals = 2".to_owned());
                if grouped
                    && choice.field.name() != "product_price"
                    && plan.grouping.is_per_row(choice.candidate)
                {
                    keys.push("combine = \"sum\"".to_owned());
                }
            }
        }
        (_, Kind::Count) => {
            if candidate.values.iter().any(|value| value.contains('.')) {
                keys.push("decimals = 0".to_owned());
            }
            let per_order = choice.field.name() == "Number_of_items"
                && plan
                    .of(Field::all().nth(9).unwrap_or(choice.field))
                    .is_none_or(|quantity| quantity.source != candidate.source);
            if grouped && !per_order {
                keys.push("combine = \"sum\"".to_owned());
            }
        }
        ("productid", _) if grouped => keys.push("combine = \"join\"".to_owned()),
        ("product", _) => {
            if grouped {
                keys.push("combine = \"join\"".to_owned());
            }
            if candidate.values.iter().any(|value| value.chars().count() > 200) || grouped {
                keys.push("max_length = 255".to_owned());
            }
        }
        _ => {}
    }
    if keys.len() > 1
        || candidate.extract.is_some()
        || candidate.source.contains(['{', '}']) && !candidate.is_template()
    {
        format!("{{ {} }}", keys.join(", "))
    } else {
        quoted(&candidate.source)
    }
}

fn carrier(plan: &Plan, choice: &Choice, candidate: &Candidate) -> String {
    let listed = format!("{{ {}, lookup = \"carriers\" }}", take(candidate));
    let tracking = plan
        .of(Field::TRACKINGNUMBER)
        .filter(|one| !one.is_template() && one.extract.is_none())
        .map(|one| quoted(&one.source));
    match tracking {
        // A shipping method is a hint at best: what the number says goes before it.
        Some(tracking) if choice.confidence < Confidence::Likely => {
            format!("[{{ infer_carrier = {tracking} }}, {listed}]")
        }
        Some(tracking) if candidate.values.iter().any(String::is_empty) => {
            format!("[{listed}, {{ infer_carrier = {tracking} }}]")
        }
        _ => listed,
    }
}

fn take(candidate: &Candidate) -> String {
    if let Some(pattern) = candidate.extract {
        return format!("column = {}, extract = '{pattern}'", quoted(&candidate.source));
    }
    format!(
        "{} = {}",
        if candidate.is_template() { "template" } else { "column" },
        quoted(&candidate.source)
    )
}

fn unread(out: &mut String, plan: &Plan, header: &[String]) {
    let used: Vec<usize> = plan
        .choices
        .iter()
        .flat_map(|choice| plan.candidates[choice.candidate].parts.clone())
        .collect();
    let unused: Vec<String> = header
        .iter()
        .enumerate()
        .filter(|(place, name)| !used.contains(place) && !name.is_empty())
        .map(|(_, name)| text::printable(name))
        .collect();
    let unfilled: Vec<&str> = Field::all()
        .filter(|field| {
            plan.of(*field).is_none() && !out.contains(&format!("\n{:<16} = ", field.name()))
        })
        .map(Field::name)
        .collect();
    if !unused.is_empty() {
        listed(out, "Columns that nothing reads", unused.iter().map(String::as_str));
    }
    if !unfilled.is_empty() {
        listed(out, "Fields for which no column was found", unfilled.into_iter());
    }
}

fn listed<'a>(out: &mut String, title: &str, names: impl Iterator<Item = &'a str>) {
    _ = write!(out, "\n# {title}:\n#  ");
    let mut width = 3;
    let mut first = true;
    for name in names {
        let length = name.chars().count() + 2;
        if !first {
            out.push(',');
        }
        if width + length > 110 && !first {
            out.push_str("\n#  ");
            width = 3;
        }
        _ = write!(out, " {name}");
        width += length;
        first = false;
    }
    out.push('\n');
}

/// A string as TOML has it, whatever it holds.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 || c == '\u{7F}' => _ = write!(out, "\\u{:04X}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
