//! Which built-in mapping a header belongs to: by the set of its columns, for columns come and go
//! with versions, languages of the shop and apps, and by those that the mapping reads.

use std::collections::BTreeSet;

use crate::mapping::{Mapping, builtin};
use crate::text;

/// A built-in layout that a header has.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The mapping's name.
    pub name: &'static str,
    /// What it is for.
    pub title: &'static str,
    /// Columns of the layout that the header has.
    pub found: usize,
    /// Columns of the layout.
    pub columns: usize,
    /// Which other file it needs.
    pub join: Option<&'static str>,
}

/// Of the columns that a mapping reads so many must be there.
const LEAST_READ: f64 = 0.75;
/// Of all columns of a layout so many must be there.
const LEAST_FOUND: f64 = 0.6;

/// The built-in layout that `header` has, if it has one.
pub fn recognise(header: &[String]) -> Option<Layout> {
    let ours: BTreeSet<String> =
        header.iter().map(|name| text::fold(name)).filter(|name| !name.is_empty()).collect();
    let mut best: Option<(f64, Layout)> = None;
    for (name, body) in builtin::all() {
        let layout = columns_of(body);
        let known: BTreeSet<String> =
            layout.iter().map(|name| text::fold(name)).filter(|name| !name.is_empty()).collect();
        let read: BTreeSet<&String> =
            known.iter().filter(|column| reads(body, &layout, column)).collect();
        let (found, columns) = (known.intersection(&ours).count(), known.len());
        let read_here = read.iter().filter(|column| ours.contains(**column)).count();
        if columns == 0
            || share(read_here, read.len()) < LEAST_READ
            || share(found, columns) < LEAST_FOUND
            || found < 3
        {
            continue;
        }
        if !has_what_it_needs(name, body, &ours, header) {
            continue;
        }
        // What the header has beyond the layout speaks a little against it: of two layouts the
        // fuller one is meant.
        let fit =
            share(found, columns) + share(read_here, read.len()) + 0.5 * share(found, ours.len());
        if best.as_ref().is_none_or(|(other, _)| fit > *other) {
            let head = builtin::head(body);
            best = Some((fit, Layout { name, title: head.title, found, columns, join: head.join }));
        }
    }
    // A layout of few plain columns is anybody's, unless nearly all of it is there and little else.
    let nearly_all =
        |layout: &Layout| layout.found + usize::from(layout.columns > 5) >= layout.columns;
    best.map(|(_, layout)| layout).filter(|layout| layout.columns > 7 || nearly_all(layout))
}

/// Whether the mapping binds to the header; where it joins another file, whether the column is
/// there by which it does.
fn has_what_it_needs(name: &str, body: &str, ours: &BTreeSet<String>, header: &[String]) -> bool {
    let Ok(mapping) = Mapping::load(name) else { return false };
    if !mapping.joins() {
        return mapping.bind("", header, &[]).is_ok();
    }
    let on = body.lines().find_map(|line| line.strip_prefix("on")?.trim_start().strip_prefix('='));
    on.and_then(|on| on.split('"').nth(1)).is_none_or(|key| ours.contains(&text::fold(key)))
}

/// The columns that the comment at the head of a built-in mapping lists.
pub fn columns_of(body: &str) -> Vec<String> {
    let lines = body.lines().map(|line| line.strip_prefix("#   "));
    let list: String = lines.skip_while(Option::is_none).map_while(|line| line).collect();
    let delimiter =
        [';', '|', '\t'].into_iter().find(|delimiter| list.contains(*delimiter)).unwrap_or(',');
    list.split(delimiter).map(|name| name.trim().trim_matches('"').to_owned()).collect()
}

/// Whether the mapping's text (not its comments) names that column, in quotes or braces.
fn reads(body: &str, layout: &[String], folded: &str) -> bool {
    layout.iter().filter(|name| text::fold(name) == folded).any(|name| {
        let (quoted, braced) = (format!("\"{name}\""), format!("{{{name}}}"));
        body.lines()
            .filter(|line| !line.starts_with('#'))
            .any(|line| line.contains(&quoted) || line.contains(&braced))
    })
}

#[expect(clippy::cast_precision_loss, reason = "columns are few")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(list: &str) -> Vec<String> {
        list.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn every_built_in_layout_is_recognised_by_its_own_columns_in_any_order_and_with_others_between()
    {
        for (name, body) in builtin::all() {
            let mut columns = columns_of(body);
            assert_eq!(recognise(&columns).map(|layout| layout.name), Some(name));
            columns.reverse();
            columns.insert(1, "Internal remark of ours".to_owned());
            columns.push("Basket colour".to_owned());
            assert_eq!(
                recognise(&columns).map(|layout| layout.name),
                Some(name),
                "reversed, with two more"
            );
        }
    }

    #[test]
    fn what_looks_like_shopify_but_is_squarespace_is_not_taken_for_it() {
        let squarespace = header(
            "Order ID,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Currency,Subtotal,Shipping,Taxes,\
             Amount Refunded,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,\
             Lineitem price,Lineitem sku,Lineitem variant,Lineitem requires shipping,Lineitem taxable,\
             Lineitem fulfillment status,Billing Name,Billing Address1,Billing Address2,Billing City,Billing Zip,\
             Billing Province,Billing Country,Billing Phone,Shipping Name,Shipping Address1,Shipping Address2,Shipping City,\
             Shipping Zip,Shipping Province,Shipping Country,Shipping Phone,Cancelled at,Private Notes,Payment Method,\
             Payment Reference",
        );
        assert_ne!(recognise(&squarespace).map(|layout| layout.name), Some("shopify"));
    }

    #[test]
    fn other_columns_are_no_built_in_layout() {
        assert_eq!(recognise(&header("Auftrag,Kunde,Paket,Dienst,Datum")), None);
        assert_eq!(recognise(&header("Order ID,Email,Total")), None);
    }
}
