//! The recipes of `docs/recipes.md`, as they stand there.

include!(concat!(env!("OUT_DIR"), "/recipes.rs"));

#[test]
fn the_table_of_contents_has_every_recipe() {
    let page = include_str!("../../docs/recipes.md");
    for heading in page.lines().filter_map(|line| line.strip_prefix("### ")) {
        let anchor = heading.to_lowercase().replace(',', "").replace(' ', "-");
        assert!(page.contains(&format!("(#{anchor})")), "{heading}");
    }
}
