//! The built-in mappings: the files in `mappings/`, compiled in. A test parses, binds and runs each.

/// All by name, in alphabetical order.
const ALL: &[(&str, &str)] =
    &[("erp-de", include_str!("../../mappings/erp-de.toml")), ("orders", include_str!("../../mappings/orders.toml"))];

/// The built-in mappings: name and text, in alphabetical order.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter().copied()
}

/// The text of the built-in mapping of that name.
pub fn text(name: &str) -> Option<&'static str> {
    all().find(|(known, _)| *known == name).map(|(_, text)| text)
}
