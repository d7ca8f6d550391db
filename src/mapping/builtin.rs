//! The built-in mappings: the files in `mappings/`, compiled in. A test parses, binds and runs
//! each.
//!
//! Each opens with a comment that says what it is for. Its lines are read here:
//! `# NAME: what it is`, `#   ` before the header of the file it expects, `# From: ` where that
//! file comes from, `# Join: ` which other file it needs.

use super::error::Error;

/// A mapping and its name.
macro_rules! mappings {
    ($($name:literal),+ $(,)?) => { &[$(($name, include_str!(concat!("../../mappings/", $name, ".toml")))),+] };
}

/// All by name, in alphabetical order.
const ALL: &[(&str, &str)] = mappings![
    "aftership",
    "amazon-fulfilled-shipments",
    "amazon-orders",
    "bigcommerce",
    "dynamics-bc",
    "easypost",
    "ebay",
    "ebay-uk",
    "erp-de",
    "etsy-items",
    "etsy-orders",
    "fedex-ship-manager",
    "linnworks",
    "magento2-orders",
    "odoo-orders",
    "odoo-pickings",
    "orders",
    "pirateship",
    "prestashop",
    "sage100",
    "shipstation",
    "shipup",
    "shopify",
    "shopify-matrixify",
    "squarespace",
    "tiendanube",
    "tiktok",
    "ups-worldship",
    "walmart",
    "wix",
    "woocommerce-advanced",
    "woocommerce-ast",
    "woocommerce-skyverge",
    "xentral",
];

/// What the comment at the head of a built-in mapping says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// What it is for, in one line.
    pub title: &'static str,
    /// The first line of the header that it expects; the columns of a line may go on in the next
    /// one.
    pub header: &'static str,
    /// Where the file comes from.
    pub from: Option<&'static str>,
    /// Which other file it needs.
    pub join: Option<&'static str>,
}

/// The built-in mappings: name and text, in alphabetical order.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter().copied()
}

/// The text of the built-in mapping of that name.
pub fn text(name: &str) -> Option<&'static str> {
    all().find(|(known, _)| *known == name).map(|(_, text)| text)
}

/// The text of the built-in mapping of that name.
///
/// # Errors
/// There is none; the error names the nearest.
pub fn find(name: &str) -> Result<&'static str, Error> {
    text(name).ok_or_else(|| {
        let (title, advice) = super::file::unknown(name);
        Error::whole(title, advice)
    })
}

/// What a mapping's text says of itself.
pub fn head(text: &'static str) -> Head {
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
    let first = text.lines().next().unwrap_or_default();
    Head {
        title: first.split_once(": ").map_or(first, |(_, title)| title),
        header: line("#   ").unwrap_or_default(),
        from: line("# From: "),
        join: line("# Join: "),
    }
}
