//! A text with columns in braces: `{First Name} {Last Name}`.
//!
//! ```text
//! template = { literal | "{" column "}" }        "{{" and "}}" stand for the braces themselves
//! ```
//!
//! A [`Template`] is parsed once with the mapping and bound once to the header; per row only the
//! indices of a [`BoundTemplate`] remain.

/// A template as it stands in a mapping, its columns by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part<String>>,
}

/// A template whose columns are indices into a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundTemplate {
    parts: Vec<Part<usize>>,
    has_columns: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part<C> {
    Literal(String),
    Column(C),
}

/// Why a text is no template. `at` is the byte, from 0, at which the trouble starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A `{` without its `}`.
    #[error("this brace is never closed; a brace that is meant as such is written {{{{")]
    Unclosed {
        /// Where the brace stands.
        at: usize,
    },
    /// A `}` without its `{`.
    #[error("this brace closes nothing; a brace that is meant as such is written }}}}")]
    Unopened {
        /// Where the brace stands.
        at: usize,
    },
    /// `{}` or `{ }`.
    #[error("no column stands between these braces")]
    Empty {
        /// Where the braces open.
        at: usize,
    },
}

impl TemplateError {
    /// The byte of the template, from 0, at which the trouble starts.
    pub const fn at(self) -> usize {
        match self {
            Self::Unclosed { at } | Self::Unopened { at } | Self::Empty { at } => at,
        }
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// A brace that is not closed (or opened), and braces without a name.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(found) = text[at..].find(['{', '}']) {
            let brace = at + found;
            literal.push_str(&text[at..brace]);
            let (doubled, inside) = (text.as_bytes().get(brace + 1), brace + 1);
            if doubled == Some(&text.as_bytes()[brace]) {
                literal.push_str(&text[brace..inside]);
                at = inside + 1;
                continue;
            }
            if text[brace..].starts_with('}') {
                return Err(TemplateError::Unopened { at: brace });
            }
            let end = text[inside..].find(['{', '}']).map(|end| inside + end);
            let Some(end) = end.filter(|&end| text[end..].starts_with('}')) else {
                return Err(TemplateError::Unclosed { at: brace });
            };
            let name = text[inside..end].trim();
            if name.is_empty() {
                return Err(TemplateError::Empty { at: brace });
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Column(name.to_owned()));
            at = end + 1;
        }
        literal.push_str(&text[at..]);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { parts })
    }

    /// The names of its columns, in order, as often as they stand in it.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Column(name) => Some(name.as_str()),
        })
    }

    /// The template with the index of each column, as `resolve` finds it.
    ///
    /// # Errors
    /// The first error of `resolve`.
    pub fn bind<E>(
        &self,
        mut resolve: impl FnMut(&str) -> Result<usize, E>,
    ) -> Result<BoundTemplate, E> {
        let mut parts = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            parts.push(match part {
                Part::Literal(text) => Part::Literal(text.clone()),
                Part::Column(name) => Part::Column(resolve(name)?),
            });
        }
        Ok(BoundTemplate { parts, has_columns: self.columns().next().is_some() })
    }
}

impl BoundTemplate {
    /// The indices of its columns, in order, as often as they stand in it.
    pub fn columns(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Column(index) => Some(*index),
        })
    }

    /// Writes the template with the cells of a row in place of what `out` holds.
    ///
    /// An empty cell leaves no doubled or dangling space: of the blanks around it one remains
    /// between two texts, and none at the ends. Where every cell is empty the result is empty too,
    /// for what remained (`Order ` of `Order {No}`) would look like a value and is none. A template
    /// without columns gives its text.
    pub fn render<'a>(&self, cell: impl Fn(usize) -> &'a str, out: &mut String) {
        out.clear();
        let mut any = !self.has_columns;
        // Whether an empty cell is the last thing that was passed.
        let mut gap = false;
        for part in &self.parts {
            let mut text = match part {
                Part::Literal(text) => text.as_str(),
                Part::Column(index) => cell(*index),
            };
            if matches!(part, Part::Column(_)) {
                if text.is_empty() {
                    gap = true;
                    continue;
                }
                any = true;
            }
            if gap && (out.is_empty() || out.ends_with(char::is_whitespace)) {
                text = text.trim_start();
            }
            // A literal that was nothing but the second of two blanks leaves the gap open.
            gap = gap && text.is_empty();
            out.push_str(text);
        }
        if !any {
            out.clear();
        }
        out.truncate(out.trim_end().len());
        let leading = out.len() - out.trim_start().len();
        out.drain(..leading);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn render(template: &str, cells: &[&str]) -> String {
        let mut index = 0..;
        let bound = Template::parse(template)
            .expect("a template")
            .bind(|_| index.next().ok_or(()))
            .expect("as many indices as needed");
        let mut out = "old".to_owned();
        bound.render(|index| cells[index], &mut out);
        out
    }

    #[test]
    fn columns_stand_in_braces_and_doubled_braces_for_themselves() {
        let template =
            Template::parse("{First Name} { Last Name }, {{{Title}}}").expect("a template");
        assert_eq!(template.columns().collect::<Vec<_>>(), ["First Name", "Last Name", "Title"]);
        assert_eq!(render("{a} {b}, {{{c}}}", &["Ada", "Example", "Dr"]), "Ada Example, {Dr}");
        assert_eq!(render("{{}}", &[]), "{}");
    }

    #[test]
    fn a_broken_brace_is_shown_where_it_stands() {
        for (text, error) in [
            ("{First", TemplateError::Unclosed { at: 0 }),
            ("a {b {c}", TemplateError::Unclosed { at: 2 }),
            ("ü {", TemplateError::Unclosed { at: 3 }),
            ("a} b", TemplateError::Unopened { at: 1 }),
            ("{a}}", TemplateError::Unopened { at: 3 }),
            ("a {} b", TemplateError::Empty { at: 2 }),
            ("{ }", TemplateError::Empty { at: 0 }),
        ] {
            assert_eq!(Template::parse(text), Err(error), "{text}");
        }
        let message = TemplateError::Unclosed { at: 0 }.to_string();
        assert_eq!(
            message,
            "this brace is never closed; a brace that is meant as such is written {{"
        );
    }

    #[test]
    fn an_empty_cell_leaves_no_doubled_or_dangling_space() {
        for (cells, name) in [
            (["Ada", "B.", "Example"], "Ada B. Example"),
            (["Ada", "", "Example"], "Ada Example"),
            (["", "B.", "Example"], "B. Example"),
            (["Ada", "B.", ""], "Ada B."),
            (["", "", "Example"], "Example"),
            (["Ada", "", ""], "Ada"),
            (["", "", ""], ""),
        ] {
            assert_eq!(render("{a} {b} {c}", &cells), name);
        }
        assert_eq!(render("Order {no} of {date}", &["", "today"]), "Order of today");
        assert_eq!(render("{a} ({b})", &["x", ""]), "x ()", "only spaces are taken away");
        assert_eq!(
            render("a  {b}", &["c"]),
            "a  c",
            "spaces that were written so stay where a cell is filled"
        );
    }

    #[test]
    fn a_template_whose_cells_are_all_empty_is_empty() {
        assert_eq!(render("Order {No}", &[""]), "");
        assert_eq!(render("no column", &[]), "no column");
    }

    proptest! {
        #[test]
        fn words_with_gaps_read_like_the_words_that_are_there(cells in prop::collection::vec("[a-z]{0,2}", 1..6)) {
            let template = vec!["{x}"; cells.len()].join(" ");
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            let there: Vec<&str> = cells.iter().copied().filter(|cell| !cell.is_empty()).collect();
            prop_assert_eq!(render(&template, &cells), there.join(" "));
        }

        #[test]
        fn any_text_is_a_template_or_an_error_that_lies_within_it(text in "[{}a ü]{0,12}") {
            if let Err(error) = Template::parse(&text) {
                let brace = &text[error.at()..];
                prop_assert!(brace.starts_with(['{', '}']), "{:?}", error);
            }
        }
    }
}
