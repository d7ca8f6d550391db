//! The files of `src/` as `syn` reads them: what each declares, which other files it needs, and
//! which third-party crates it uses. Tests are left out.
//!
//! A path is followed through `use`, `super`, and `pub use` in other modules to the file that
//! declares its item. A module file that declares modules and has no functions is a facade: what
//! goes through it counts for the file behind it, and the facade itself is in no circle.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, UseTree, Visibility};

/// A path to an item, by its segments from the root of the crate.
type Segments = Vec<String>;

/// One file of the crate.
pub(crate) struct SourceFile {
    /// Its path below `src/`.
    pub(crate) name: String,
    pub(crate) text: String,
    /// Types and traits declared at its top level.
    pub(crate) types: BTreeSet<String>,
    /// The files it needs.
    pub(crate) needs: BTreeSet<String>,
    /// The first segments of paths that lead out of the crate.
    pub(crate) crates: BTreeSet<String>,
}

impl SourceFile {
    /// The top-level module that the file belongs to.
    pub(crate) fn room(&self) -> &str {
        room(&self.name)
    }

    /// Lines of production code: neither blank, nor a comment, nor in a module of tests.
    pub(crate) fn code_lines(&self) -> usize {
        let (mut count, mut after_cfg, mut in_tests) = (0, false, false);
        for line in self.text.lines() {
            let opens = after_cfg && line.contains("mod ") && line.ends_with('{');
            in_tests |= opens;
            let trimmed = line.trim();
            if !in_tests && !trimmed.is_empty() && !trimmed.starts_with("//") {
                count += 1;
            }
            after_cfg = trimmed.starts_with("#[cfg(test)]");
            in_tests &= !line.starts_with('}');
        }
        count
    }
}

/// The top-level module of a file.
pub(crate) fn room(name: &str) -> &str {
    name.split(['/', '.']).next().unwrap_or(name)
}

/// All files of production code that belong to the library, by name, and `main.rs`.
pub(crate) fn read(src: &Path) -> BTreeMap<String, SourceFile> {
    let mut modules = Vec::new();
    load(src, "lib.rs".into(), Vec::new(), &mut modules);
    let graph = Graph::new(modules);
    let mut files: BTreeMap<_, _> =
        graph.modules.iter().map(|module| (module.name.clone(), graph.file(module))).collect();
    let mut main = Vec::new();
    load(src, "main.rs".into(), Vec::new(), &mut main);
    let graph = Graph::new(main);
    files.insert("main.rs".into(), graph.file(&graph.modules[0]));
    files
}

/// A file as it was parsed.
struct Module {
    name: String,
    path: Segments,
    text: String,
    syntax: syn::File,
    /// What `use` brings into scope: the local name, and the path as written.
    imports: HashMap<String, Segments>,
    /// Those of them that others can see.
    reexports: HashMap<String, Segments>,
}

impl Module {
    fn is_facade(&self) -> bool {
        let declares = self
            .syntax
            .items
            .iter()
            .any(|item| matches!(item, Item::Mod(module) if !is_test(&module.attrs)));
        let has_code = self
            .syntax
            .items
            .iter()
            .any(|item| matches!(item, Item::Fn(_) | Item::Impl(_) | Item::Macro(_)));
        declares && !has_code
    }
}

/// Parses a file and all files of its modules.
fn load(src: &Path, name: String, path: Segments, into: &mut Vec<Module>) {
    let text = fs::read_to_string(src.join(&name)).expect("a source file");
    let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut children = Vec::new();
    for item in &syntax.items {
        if let Item::Mod(module) = item
            && module.content.is_none()
            && !is_test(&module.attrs)
        {
            children.push([&path[..], &[module.ident.to_string()]].concat());
        }
    }
    let mut scope = Imports::default();
    scope.visit_file(&syntax);
    let Imports { imports, reexports } = scope;
    into.push(Module { name, path, text, syntax, imports, reexports });
    for child in children {
        let flat = format!("{}.rs", child.join("/"));
        let nested = format!("{}/mod.rs", child.join("/"));
        let name = if src.join(&flat).exists() { flat } else { nested };
        load(src, name, child, into);
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && matches!(&attribute.meta, Meta::List(list) if list.tokens.to_string() == "test")
    })
}

fn is_test_item(item: &Item) -> bool {
    let attributes = match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => return false,
    };
    is_test(attributes)
}

/// Calls `found` with each name that a `use` brings into scope, and its path.
fn flatten(tree: &UseTree, before: &mut Segments, found: &mut impl FnMut(String, Segments)) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, found);
            before.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            found(before.last().cloned().unwrap_or_default(), before.clone());
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            found(name.clone(), [&before[..], &[name]].concat());
        }
        UseTree::Rename(rename) => {
            let mut path = before.clone();
            if rename.ident != "self" {
                path.push(rename.ident.to_string());
            }
            found(rename.rename.to_string(), path);
        }
        UseTree::Glob(_) => found("*".into(), before.clone()),
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, before, found);
            }
        }
    }
}

#[derive(Default)]
struct Imports {
    imports: HashMap<String, Segments>,
    reexports: HashMap<String, Segments>,
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test_item(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let is_public = !matches!(item.vis, Visibility::Inherited);
        flatten(&item.tree, &mut Vec::new(), &mut |name, path| {
            if is_public {
                self.reexports.insert(name.clone(), path.clone());
            }
            self.imports.insert(name, path);
        });
    }
}

struct Graph {
    modules: Vec<Module>,
    by_path: HashMap<Segments, usize>,
}

impl Graph {
    fn new(modules: Vec<Module>) -> Self {
        let by_path = modules
            .iter()
            .enumerate()
            .map(|(index, module)| (module.path.clone(), index))
            .collect();
        Self { modules, by_path }
    }

    fn file(&self, module: &Module) -> SourceFile {
        let mut paths = Paths::default();
        paths.visit_file(&module.syntax);
        let (mut needs, mut crates) = (BTreeSet::new(), BTreeSet::new());
        for (inline, path) in paths.found {
            let here = [&module.path[..], &inline].concat();
            match self.absolute(&here, &path, 0) {
                Place::Crate(path) => {
                    let target = &self.modules[self.declaring(&path, 0)];
                    // The root declares the rooms and nothing else.
                    if target.name != module.name && !target.path.is_empty() && !target.is_facade()
                    {
                        needs.insert(target.name.clone());
                    }
                }
                Place::Outside(name) => {
                    crates.insert(name);
                }
            }
        }
        let types = module.syntax.items.iter().filter(|item| !is_test_item(item));
        let types = types.filter_map(|item| match item {
            Item::Struct(item) => Some(&item.ident),
            Item::Enum(item) => Some(&item.ident),
            Item::Trait(item) => Some(&item.ident),
            Item::Type(item) => Some(&item.ident),
            _ => None,
        });
        SourceFile {
            name: module.name.clone(),
            text: module.text.clone(),
            types: types.map(ToString::to_string).collect(),
            needs,
            crates,
        }
    }

    /// A path as written in the module `here`, from the root of the crate.
    fn absolute(&self, here: &[String], path: &[String], depth: usize) -> Place {
        let mut base = here.to_vec();
        let mut rest = path;
        match path.first().map(String::as_str) {
            Some("crate") => {
                base.clear();
                rest = &path[1..];
            }
            Some("self") => rest = &path[1..],
            Some("super") => {
                while let [first, others @ ..] = rest
                    && first == "super"
                {
                    base.pop();
                    rest = others;
                }
            }
            Some(first) => {
                let file = self.nearest(here);
                let child = [here, &path[..1]].concat();
                if !self.by_path.contains_key(&child) {
                    let import = self.modules[file].imports.get(first);
                    // An import named like a crate (`use regex::Regex` beside `regex::x`) ends here.
                    if let Some(import) =
                        import.filter(|import| depth < 8 && import[..] != path[..1])
                    {
                        let path = [&import[..], &path[1..]].concat();
                        return self.absolute(&self.modules[file].path, &path, depth + 1);
                    }
                    if path.len() > 1 && first.starts_with(char::is_lowercase) {
                        return Place::Outside(first.to_owned());
                    }
                }
            }
            None => {}
        }
        base.extend_from_slice(rest);
        Place::Crate(base)
    }

    /// The file that an absolute path leads to, through re-exports.
    fn declaring(&self, path: &[String], depth: usize) -> usize {
        let at = self.nearest(path);
        let module = &self.modules[at];
        let rest = &path[module.path.len()..];
        let Some(first) = rest.first() else { return at };
        match module.reexports.get(first) {
            Some(target) if depth < 8 => {
                let target = [&target[..], &rest[1..]].concat();
                match self.absolute(&module.path, &target, 0) {
                    Place::Crate(path) => self.declaring(&path, depth + 1),
                    Place::Outside(_) => at,
                }
            }
            _ => at,
        }
    }

    /// The innermost file whose module holds the path.
    fn nearest(&self, path: &[String]) -> usize {
        (0..=path.len()).rev().find_map(|end| self.by_path.get(&path[..end])).copied().unwrap_or(0)
    }
}

enum Place {
    /// A path from the root of this crate.
    Crate(Segments),
    /// Another crate, by the path's first segment.
    Outside(String),
}

/// All paths of a file that name more than a thing in scope, with the inline modules around them.
#[derive(Default)]
struct Paths {
    inline: Segments,
    found: Vec<(Segments, Segments)>,
}

impl Paths {
    fn add(&mut self, path: Segments) {
        if path.len() > 1 {
            self.found.push((self.inline.clone(), path));
        }
    }

    /// Finds the paths in what a macro or an attribute is given.
    fn search(&mut self, tokens: TokenStream) {
        let mut path: Segments = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.add(std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.add(std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other
                        && group.delimiter() != Delimiter::None
                    {
                        self.search(group.stream());
                    }
                }
            }
        }
        self.add(path);
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test_item(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.inline.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.inline.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut found = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut |_, path| found.push(path));
        for path in found {
            // `use regex;` alone names a crate too.
            let path = if path.len() == 1 { [&path[..], &["self".into()]].concat() } else { path };
            self.add(path);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        visit::visit_macro(self, call);
        self.search(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        visit::visit_attribute(self, attribute);
        if let Meta::List(list) = &attribute.meta {
            self.search(list.tokens.clone());
        }
    }
}

/// The groups of names that need each other, each of more than one; `needs` says who needs whom.
pub(crate) fn circles(needs: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reach: BTreeMap<&String, BTreeSet<&String>> = needs
        .keys()
        .map(|start| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
            while let Some(name) = open.pop() {
                open.extend(
                    needs.get(name).into_iter().flatten().filter(|next| seen.insert(*next)),
                );
            }
            (start, seen)
        })
        .collect();
    let mut circles: BTreeSet<Vec<String>> = BTreeSet::new();
    for (name, seen) in &reach {
        if seen.contains(name) {
            let members = seen
                .iter()
                .filter(|other| reach.get(*other).is_some_and(|back| back.contains(name)));
            circles.insert(members.map(|member| (*member).clone()).collect());
        }
    }
    circles.into_iter().filter(|circle| circle.len() > 1).collect()
}

/// Every `.rs` file below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}
