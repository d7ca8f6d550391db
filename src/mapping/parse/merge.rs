//! One mapping over the one that it extends: tables key by key, lookups entry by entry.
//!
//! The places (spans) of what is left are kept, so that every later error shows the file that is to
//! blame. Called by `parse` alone.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// `own` over `base`. `[fields]` goes by field, `[lookups.NAME]` by entry, the others by key. A
/// field with an empty list of sources loses the ones it has in `base`.
pub(super) fn over<'a>(mut base: DeTable<'a>, own: DeTable<'a>) -> DeTable<'a> {
    base.remove("extends");
    for (key, value) in own {
        match key.get_ref().as_ref() {
            "lookups" => merged(&mut base, key, value, |base, key, value| {
                if is_file(&value) || base.get(key.get_ref().as_ref()).is_some_and(is_file) {
                    put(base, key, value);
                } else {
                    merged(base, key, value, put);
                }
            }),
            "fields" => merged(&mut base, key, value, |base, key, value| {
                let is_none = value.get_ref().as_array().is_some_and(|list| list.is_empty());
                if !is_none || base.remove(key.get_ref().as_ref()).is_none() {
                    put(base, key, value);
                }
            }),
            _ => merged(&mut base, key, value, put),
        }
    }
    base
}

type Key<'a> = Spanned<std::borrow::Cow<'a, str>>;

/// Puts the table `value` into the one that stands under `key`, entry by entry; whatever is no
/// table takes its place.
fn merged<'a>(
    base: &mut DeTable<'a>,
    key: Key<'a>,
    mut value: Spanned<DeValue<'a>>,
    one: impl Fn(&mut DeTable<'a>, Key<'a>, Spanned<DeValue<'a>>),
) {
    let name = key.get_ref().as_ref();
    let known = base.get_mut(name).map(Spanned::get_mut);
    let (Some(DeValue::Table(known)), DeValue::Table(own)) = (known, value.get_mut()) else {
        put(base, key, value);
        return;
    };
    for (key, value) in std::mem::take(own) {
        one(known, key, value);
    }
}

/// An entry instead of the one of the same name, with its own place.
fn put<'a>(base: &mut DeTable<'a>, key: Key<'a>, value: Spanned<DeValue<'a>>) {
    base.remove(key.get_ref().as_ref());
    base.insert(key, value);
}

/// Whether a lookup stands in a file of its own: its keys are no entries.
fn is_file(lookup: &Spanned<DeValue<'_>>) -> bool {
    let table = lookup.get_ref().as_table();
    table.is_some_and(|table| {
        table.contains_key("file") && (table.contains_key("key") || table.contains_key("value"))
    })
}
