//! Delimiter, header and table of invented exports are found; and of one small file in each real layout.

use crate::support::exports;

#[test]
fn delimiter_header_and_table_of_realistic_files_are_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let score = exports::score(folder.path(), 1, 320);
    assert!(score.share() >= 0.99, "{:.3}: {:#?}", score.share(), score.wrong);
}
