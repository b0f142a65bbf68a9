//! The ratios as a picture, for the README.

use std::fmt::Write;

const WIDTH: f64 = 760.0;
const LABELS: f64 = 300.0;
const LINE: f64 = 26.0;

/// Bars with the spread as a thin line, and a mark for what is wanted. The scale ends at twice the other's speed; longer bars
/// are cut, their figure says it.
pub(crate) fn bars(rows: &[(&str, [f64; 3], f64)]) -> String {
    let height = LINE * (rows.len() as f64 + 1.5);
    let at = |ratio: f64| LABELS + ratio.min(2.0) / 2.0 * (WIDTH - LABELS - 60.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (index, (name, [median, least, most], wanted)) in rows.iter().enumerate() {
        let top = LINE * (index as f64 + 0.5);
        let (middle, bottom) = (top + LINE / 2.0, top + LINE - 8.0);
        let color = if median >= wanted { "#2a7f62" } else { "#b5651d" };
        let _ = writeln!(
            svg,
            "<text x=\"8\" y=\"{:.1}\">{name}</text>\n\
             <rect x=\"{LABELS}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{color}\"/>\n\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\" stroke=\"black\"/>\n\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\" stroke=\"black\" stroke-dasharray=\"2\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" font-weight=\"bold\">{median:.2}</text>",
            middle + 4.0,
            top + 3.0,
            at(*median) - LABELS,
            LINE - 6.0,
            at(*least),
            at(*most),
            at(*wanted),
            at(*wanted),
            at(most.max(*median)) + 8.0,
            middle + 4.0,
        );
    }
    let one = at(1.0);
    let _ = writeln!(
        svg,
        "<line x1=\"{one:.1}\" x2=\"{one:.1}\" y1=\"0\" y2=\"{:.1}\" stroke=\"gray\"/>\n\
         <text x=\"{:.1}\" y=\"{:.1}\" fill=\"gray\">1.0: as fast as the other; dashed: what we want; thin: least to most</text>\n</svg>",
        height - LINE,
        LABELS - 40.0,
        height - 8.0,
    );
    svg
}
